//! Rows of many files, and of databases.

use super::{Folder, USERS};
use crate::Error;
use rusqlite::Connection;

const VIEW: &str = "at,user,item,stars,word\n";

fn database(folder: &Folder) -> Connection {
    let shop = Connection::open(folder.path().join("shop.db")).unwrap();
    let rows = "create table seen (at integer, who text, what text, stars, word text);
        insert into seen values (100, '1', 'a', 4.5, 'x'), (200, '2', 'b', null, null), (300, '1', 'b', 2, 'y');";
    shop.execute_batch(rows).unwrap();
    shop
}

const SQL: &str = "shop.db\"\nsql = \"select at, who as user, what as item, stars, word from seen order by at";

#[test]
fn all_files_that_are_like_a_pattern_are_one_table() {
    let (a, b) = (format!("{VIEW}100,1,a,1,x\n"), "item,at,user,word,stars\nb,50,2,y,2\nc,bad,2,y,2\n".to_string());
    let files = [("users.csv", USERS.as_bytes()), ("v-1.csv", a.as_bytes()), ("v-2.csv", b.as_bytes()), ("w.csv", b"")];
    let folder = Folder::new(&files);
    let mut import = folder.import("v-*.csv").expect("good files");
    let views = import.files.last().unwrap();
    assert_eq!((views.rows, views.bad, views.span_ms), (3, 1, Some((50_000, 100_000))));
    assert!(views.file.ends_with("v-*.csv") && views.examples[0].file.ends_with("v-2.csv"), "{views:?}");
    assert_eq!(views.examples[0].line, 3);
    let mut keys = Vec::new();
    import
        .batches(|batch| {
            keys.extend(batch.rows[2].keys[1].iter().map(str::to_owned));
            Ok::<_, ()>(())
        })
        .unwrap();
    assert_eq!(keys, ["b", "a"]);
    let told = folder.import("x-*.csv").err().expect("there is none").to_string();
    assert!(told.contains("no file is like `x-*.csv`") && told.contains("TAMIS_DATA"), "{told}");
}

#[test]
fn the_rows_of_a_query_are_read_like_those_of_a_file() {
    let folder = Folder::new(&[("users.csv", USERS.as_bytes())]);
    drop(database(&folder));
    let import = folder.import(SQL).expect("a good database");
    let views = import.files.last().unwrap();
    assert_eq!((views.rows, views.bad, views.span_ms), (3, 0, Some((100_000, 300_000))));
}

fn refused(of: &dyn Fn(&Folder, &Connection), sql: &str) -> String {
    let folder = Folder::new(&[("users.csv", USERS.as_bytes())]);
    let shop = database(&folder);
    of(&folder, &shop);
    folder.import(sql).err().expect("it is refused").to_string()
}

#[test]
fn a_database_that_is_locked_gone_or_asked_for_what_it_has_not_is_told() {
    let check = |of: &dyn Fn(&Folder, &Connection), sql: &str, told: &[&str]| {
        let found = refused(of, sql);
        assert!(told.iter().all(|t| found.contains(t)), "{found}");
    };
    check(&|_, shop| shop.execute_batch("begin exclusive").unwrap(), SQL, &["shop.db", "locked", "try again"]);
    check(&|dir, _| std::fs::remove_file(dir.path().join("shop.db")).unwrap(), SQL, &["no file `shop.db`"]);
    check(
        &|dir, _| std::fs::write(dir.path().join("shop.db"), b"text, and enough of it").unwrap(),
        SQL,
        &["no SQLite"],
    );
    check(&|_, _| (), &SQL.replace("seen", "sene"), &["no such table: sene", "it was asked: select"]);
    check(&|_, _| (), &SQL.replace("word", "word as wrod"), &["no column `word`", "did you mean `wrod`?"]);
    check(&|_, _| (), "shop.db\"\nsql = \"delete from seen", &["only reads"]);
    check(&|_, _| (), "shop.db", &["is a database", "sql = \"select ...\""]);
    check(&|_, _| (), "postgres://me:secret@there/shop", &["postgres://there/shop is a database"]);
    let postgres = "postgres://me:secret@localhost:1/shop\"\nsql = \"select 1";
    let found = refused(&|_, _| (), postgres);
    assert!(found.contains("postgres://localhost:1/shop") && !found.contains("secret"), "{found}");
    check(&|_, _| (), "$TAMIS_NO_SUCH\"\nsql = \"select 1", &["no variable TAMIS_NO_SUCH"]);
}

#[test]
fn a_column_of_another_type_than_yesterday_makes_bad_rows_and_many_of_them_refuse_the_table() {
    let folder = Folder::new(&[("users.csv", USERS.as_bytes())]);
    let shop = database(&folder);
    shop.execute("update seen set stars = 'five' where at = 300", []).unwrap();
    let import = folder.import(SQL).expect("two of three are allowed");
    let views = import.files.last().unwrap();
    assert_eq!((views.bad, views.examples[0].line), (1, 3));
    assert!(views.examples[0].to_string().contains("`five`"), "{:?}", views.examples);
    shop.execute("update seen set stars = x'00' where at = 200", []).unwrap();
    match folder.import(SQL) {
        Err(Error::TooManyBad { bad: 2, rows: 3, examples, .. }) => {
            assert!(examples[0].to_string().contains("a blob of 1 bytes"), "{examples:?}");
        }
        other => panic!("{:?}", other.err()),
    }
}
