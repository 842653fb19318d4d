//! Good files and bad ones: what becomes of them, and what is said.

mod places;

use crate::{Error, Import, Sought, import};
use std::io::Write;
use std::path::Path;
use tamis_spec::batch::Column;
use tamis_spec::system::System;
use tamis_spec::system::read::{PartKind, Vocabulary, read};

const NOW: i64 = 1_000_000_000_000;

fn system(events_file: &str, more: &str) -> System {
    read_system(&system_text(events_file, more))
}

fn system_text(events_file: &str, more: &str) -> String {
    format!(
        r#"
[system]
name = "shop"
task = "rank"
[actors.user]
from = "users.csv"
key = "id"
fields = {{ age = "number", likes = "tags" }}
[actors.item]
[events.view]
from = "{events_file}"
time = "at"
actors = {{ user = "user", item = "item" }}
fields = {{ stars = "number", word = "category" }}
bad_rows = 0.4
{more}
[decision]
each = "view"
for = "user"
item = "item"
[split]
sources = 0.6
train = 0.2
validate = 0.1
test = 0.1
[[candidates]]
kind = "some"
keep = 1
[[stages]]
kind = "any"
keep = 1
"#
    )
}

fn read_system(text: &str) -> System {
    let kind = |name| PartKind { name, about: "", example: "", params: &[] };
    let vocabulary = Vocabulary { candidates: vec![kind("some")], stages: vec![kind("any")], ..Vocabulary::default() };
    let (system, wrong) = read(text, &vocabulary);
    assert_eq!(wrong, []);
    system.expect("it has no mistakes")
}

const USERS: &str = "id,age,likes\n1,20,a|b\n2,,\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().expect("a folder for the test");
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).expect("a file for the test");
        }
        Self(dir)
    }

    fn import(&self, events_file: &str) -> Result<Import, Error> {
        self.import_with(events_file, "")
    }

    fn import_with(&self, events_file: &str, more: &str) -> Result<Import, Error> {
        let sought = Sought { folder: self.path().to_path_buf(), data: None };
        import(&system(events_file, more), &sought, NOW, &mut |_, _| {})
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// `user item stars` of the events, in the order in which they are handed over.
fn events(import: &mut Import) -> Vec<String> {
    let mut out = Vec::new();
    let mut known = i64::MIN;
    let done: Result<(), ()> = import.batches(|batch| {
        let mut next = vec![0; batch.rows.len()];
        for &kind in &batch.order {
            let (rows, row) = (&batch.rows[kind as usize], next[kind as usize]);
            next[kind as usize] += 1;
            assert!(rows.known[row] >= known, "`known` never decreases");
            known = rows.known[row];
            if kind == 2 {
                let Column::Numbers(stars) = &rows.fields[0] else { panic!("stars are numbers") };
                out.push(format!("{} {} {}", rows.keys[0].get(row), rows.keys[1].get(row), stars[row]));
            }
        }
        Ok(())
    });
    done.expect("nothing stops it");
    out
}

#[test]
fn events_come_in_the_order_in_which_they_happened_after_their_actors() {
    let csv = b"user,item,at,stars,word\n1,x,300,3,\n2,y,100,1,p\n1,z,300,4,q\n3,x,200,2,\n";
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("views.csv", csv)]);
    let mut read = folder.import("views.csv").expect("good files");
    assert_eq!(read.n_records(), 6);
    assert_eq!(events(&mut read), ["2 y 1", "3 x 2", "1 x 3", "1 z 4"]);
    let summary = &read.files[1];
    assert_eq!((summary.rows, summary.bad, summary.span_ms), (4, 0, Some((100_000, 300_000))));
    assert_eq!(summary.unknown_actors, 1, "user 3 has no row of their own; items have no file and are not counted");
}

#[test]
fn all_formats_say_the_same() {
    let csv = b"user,item,at,stars,word\n1,x,100,3,p\n2,y,200,,\n".to_vec();
    let tsv = String::from_utf8_lossy(&csv).replace(',', "\t").into_bytes();
    let json = b"{\"user\": 1, \"item\": \"x\", \"at\": 100, \"stars\": 3, \"word\": \"p\"}\n{\"user\": \"2\", \"item\": \"y\", \"at\": \"1970-01-01T00:03:20Z\"}\n".to_vec();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(&csv).expect("memory");
    let gz = gz.finish().expect("memory");
    let zst = zstd::encode_all(&csv[..], 3).expect("memory");
    let files = [("a.csv", csv), ("a.tsv", tsv), ("a.jsonl", json), ("a.csv.gz", gz), ("a.csv.zst", zst)];
    for (name, bytes) in files {
        let folder = Folder::new(&[("users.csv", USERS.as_bytes()), (name, &bytes)]);
        let mut read = folder.import(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(events(&mut read), ["1 x 3", "2 y NaN"], "{name}");
    }
}

#[test]
fn svmlight_says_the_same_and_its_bad_lines_are_counted_and_shown() {
    let one = "3 qid:7 1:0.5 at:100\n3 1:0.5 #user = 1 item = x at = 100\n# a comment\n\n";
    let two = "4 9:2 #user = 2 item = y at = 200 \nNaN #user = 2 item = z at = 300\n2 2:1 1:1 #user = 3\n";
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(two.as_bytes()).expect("memory");
    let gz = gz.finish().expect("memory");
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("S1.letor", one.as_bytes()), ("S2.txt.gz", &gz)]);
    let fields = "stars = \"number\", word = \"category\"";
    let read = |from: &str, of: &str| {
        let text = system_text("FROM", "format = \"svmlight\"").replace("\"FROM\"", from).replace(fields, of);
        let text = text.replace("bad_rows = 0.4", "bad_rows = 0.7");
        let sought = Sought { folder: folder.path().to_path_buf(), data: None };
        import(&read_system(&text), &sought, NOW, &mut |_, _| {})
    };
    let own = "stars = { type = \"number\", column = \"label\" }, word = { type = \"category\", column = \"file\" }, \
               x = { type = \"number\", columns = \"8..9\" }, row = \"number\"";
    for from in ["[\"S1.letor\", \"S2.txt.gz\"]", "[\"S*\"]", "\"S*\""] {
        let mut import = read(from, own).unwrap_or_else(|e| panic!("{from}: {e}"));
        assert_eq!(events(&mut import), ["1 x 3", "2 y 4", "2 z NaN"], "{from}");
        let found = &import.files[1];
        assert_eq!((found.rows, found.bad), (5, 2));
        let shown: Vec<String> = found.examples.iter().map(|e| e.to_string()).collect();
        assert!(
            shown[0].contains("S1.letor:1: expected the number of a feature before `:`, found `at:100`"),
            "{shown:?}"
        );
        assert!(shown[1].contains("S2.txt.gz:3: expected features in ascending order"), "{shown:?}");
        let batch = &import.rows[2].fields;
        let Column::Texts(word) = &batch[1] else { panic!("a word is a text") };
        assert_eq!((word.get(0), word.get(1)), ("S1", "S2"), "files can be told apart");
        let (Column::Numbers(x8), Column::Numbers(x9)) = (&batch[2], &batch[3]) else { panic!("x are numbers") };
        assert_eq!((&x8[..2], &x9[..2]), (&[0.0, 0.0][..], &[0.0, 2.0][..]), "what a line leaves out is 0");
    }
    let wrong =
        read("\"S*\"", "stars = { type = \"number\", column = \"10\" }").err().expect("no line has it").to_string();
    assert!(
        wrong.contains("no column `10`") && wrong.contains("label, qid, comment, row, file, at, item, user, 1 to 9"),
        "{wrong}"
    );
}

#[test]
fn parquet_says_the_same() {
    use arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray};
    use std::sync::Arc;
    let columns: Vec<(&str, Arc<dyn arrow::array::Array>)> = vec![
        ("user", Arc::new(Int64Array::from(vec![1, 2]))),
        ("item", Arc::new(StringArray::from(vec!["x", "y"]))),
        ("at", Arc::new(Int64Array::from(vec![100, 200]))),
        ("stars", Arc::new(Float64Array::from(vec![Some(3.0), None]))),
        ("word", Arc::new(StringArray::from(vec![Some("p"), None]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let folder = Folder::new(&[("users.csv", USERS.as_bytes())]);
    let file = std::fs::File::create(folder.path().join("a.parquet")).expect("a file for the test");
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("a footer");
    let mut read = folder.import("a.parquet").expect("a good file");
    assert_eq!(events(&mut read), ["1 x 3", "2 y NaN"]);
}

#[test]
fn a_bad_row_is_counted_and_shown_with_its_line() {
    let check = |bytes: &[u8], expected: &str| {
        let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("v.csv", bytes)]);
        let mut read = folder.import("v.csv").unwrap_or_else(|e| panic!("{expected}: {e}"));
        let said = read.files[1].examples.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let said = said.replace(&format!("{}/", folder.path().display()), "");
        assert_eq!(said, expected);
        assert_eq!(events(&mut read), ["1 x 3", "2 y 4"], "nothing of a bad row is left");
    };
    let head = b"user,item,at,stars,word\n1,x,100,3,p\n";
    let tail = b"2,y,200,4,q\n";
    let file = |middle: &[u8]| [head, middle, &tail[..]].concat();
    check(&file(b"1,x,100,many,p\n"), "v.csv:3: expected a number in `stars`, found `many`");
    check(&file(b"1,x,soon,3,p\n"), "v.csv:3: expected a time in `at`, found `soon`");
    check(&file(b"1,x,2000000000000,3,p\n"), "v.csv:3: expected a time in the past in `at`, found `2000000000000`");
    check(&file(b",x,100,3,p\n"), "v.csv:3: expected a key in `user`, found nothing");
    check(&file(b"1,x,100,3,\xff\xfe\n"), "v.csv:3: expected UTF-8, found \u{fffd}\u{fffd}");
    check(&[head, &tail[..], b"1,x,10"].concat(), "v.csv:4: expected 5 fields, found 3 fields");
}

#[test]
fn a_wrong_file_is_refused_and_said_why() {
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let folder = Folder::new(&[("users.csv", USERS.as_bytes()), (name, bytes)]);
        let said = match folder.import(name) {
            Ok(_) => "nothing".to_string(),
            Err(e) => e.to_string().replace(&format!("{}/", folder.path().display()), ""),
        };
        assert!(said.contains(expected), "{name}: {said}");
    };
    let good = b"user,item,at,stars,word\n1,x,100,3,p\n";
    check("v.csv", b"usr,item,at,stars,word\n1,x,100,3,p\n", "v.csv has no column `user`; did you mean `usr`?");
    check("v.csv", b"user,item,at,user,word\n1,x,100,3,p\n", "v.csv: two columns are called `user`");
    check("v.csv", b"", "v.csv is empty");
    check("v.csv", b"user,item,at,stars,word\n", "v.csv is empty");
    check("v.jsonl", b"", "v.jsonl is empty");
    check("v.xlsx", good, "v.xlsx is of no known format; known: .csv");
    check("v.csv", b"user,item,at,stars,word\n1,x,a,3,p\n1,x,b,3,p\n", "2 of 2 rows are bad (100.0 %), 40.0 % may be");
    check("v.csv.gz", good, "cannot read v.csv.gz");
    check("v.csv.zst", &zstd::encode_all(&good[..], 3).expect("memory")[..20], "cannot read v.csv.zst");
    check("v.parquet", good, "cannot read v.parquet");
}

#[test]
fn a_file_that_is_nowhere_is_refused_with_the_places() {
    let folder = Folder::new(&[("users.csv", USERS.as_bytes())]);
    let said = folder.import("nowhere.csv").err().map(|e| e.to_string()).unwrap_or_default();
    assert!(said.contains("no file `nowhere.csv`") && said.contains("set TAMIS_DATA"), "{said}");
}

#[test]
fn a_later_row_of_an_actor_is_counted_as_a_repetition() {
    let views = b"user,item,at,stars,word\n1,x,100,3,p\n";
    let folder = Folder::new(&[("users.csv", b"id,age,likes\n1,20,a\n1,30,b\n"), ("v.csv", views)]);
    assert_eq!(folder.import("v.csv").expect("good files").files[0].repeated, 1);
}

/// A zip archive of these files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut to = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        to.start_file(*name, zip::write::SimpleFileOptions::default()).expect("room in memory");
        to.write_all(bytes).expect("room in memory");
    }
    to.finish().expect("room in memory").into_inner()
}

#[test]
fn an_archive_of_one_file_is_read_and_of_several_is_refused() {
    let csv: &[u8] = b"user,item,at,stars,word\n1,x,100,3,p\n2,y,200,5,\n";
    let one = archive(&[("a/views.csv", csv), ("__MACOSX/._views.csv", b"junk")]);
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("views.csv.zip", &one)]);
    assert_eq!(events(&mut folder.import("views.csv.zip").expect("a good archive")), ["1 x 3", "2 y 5"]);
    let two = archive(&[("a.csv", csv), ("b.csv", csv)]);
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("views.csv.zip", &two)]);
    let Err(refused) = folder.import("views.csv.zip") else { panic!("two files are read as one") };
    assert!(refused.to_string().contains("an archive of one file is read, this has 2"), "{refused}");
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("views.csv.zip", &one[..one.len() / 2])]);
    assert!(folder.import("views.csv.zip").is_err(), "half an archive");
}

#[test]
fn a_row_is_many_events_where_a_column_holds_a_list() {
    let more = "columns = [\"user\", \"at\", \"shown\", \"word\"]\ndelimiter = \" \"\n\
                each = { column = \"shown\", separator = \",\", into = [\"item\", \"stars\"], between = \"-\" }";
    let lines = b"1 100 N-7-1,M-0, p\n2 90 K-5 q\n2 95  q\n2 96 L q\n2 97 L-x,Z-1 q\n";
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("views.csv", lines)]);
    let mut read = folder.import_with("views.csv", more).expect("two wrong entries of six are few enough");
    // An entry ends with its last part, so that a key may hold what stands between.
    assert_eq!(events(&mut read), ["2 K 5", "2 Z 1", "1 N-7 1", "1 M 0"]);
    let summary = &read.files[1];
    assert_eq!((summary.rows, summary.bad), (6, 2));
    let said: Vec<String> =
        summary.examples.iter().map(|b| format!("{}: {} {}", b.line, b.found, b.expected)).collect();
    assert_eq!(said, ["4: `L` 2 parts with `-` between them in `shown`", "5: `x` a number in `stars`"]);
}

#[test]
fn a_list_may_be_a_json_array_or_have_white_space_between() {
    let more = "each = { column = \"shown\", into = [\"item\"] }";
    let json = b"{\"user\": 1, \"at\": 100, \"shown\": [\"x\", \"y\"], \"stars\": 2}\n{\"user\": 2, \"at\": 200, \"shown\": \"z  w\"}\n{\"user\": 2, \"at\": 300}\n";
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("views.jsonl", json)]);
    let mut read = folder.import_with("views.jsonl", more).expect("good files");
    assert_eq!(events(&mut read), ["1 x 2", "1 y 2", "2 z NaN", "2 w NaN"]);
    let numbers = b"{\"user\": 1, \"at\": 100, \"shown\": [7, 8]}\n{\"user\": 1, \"at\": 101, \"shown\": [9, 16777217]}\n{\"user\": 2, \"at\": 102, \"shown\": [\"16777217\"]}\n";
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("views.jsonl", numbers)]);
    let mut read = folder.import_with("views.jsonl", more).expect("one of four is wrong");
    assert_eq!(events(&mut read), ["1 7 NaN", "1 8 NaN", "2 16777217 NaN"]);
    assert!(read.files[1].examples[0].expected.contains("not exact"), "{:?}", read.files[1].examples);
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("views.csv", b"user,item,at\n1,x,3\n")]);
    let Err(refused) = folder.import_with("views.csv", more) else { panic!("there is no such column") };
    assert!(refused.to_string().contains("shown"), "{refused}");
}

#[test]
fn rows_of_actors_that_say_from_when_they_hold_stand_among_the_events() {
    let prices = b"sku,since,price\na,50,1\na,150,3\nb,120,2\n";
    let views = b"at,user,item,stars,word\n100,1,a,1,x\n150,1,a,1,x\n200,2,b,1,x\n";
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("v.csv", views), ("prices.csv", prices)]);
    let more =
        "[actors.price]\nfrom = \"prices.csv\"\nkey = \"sku\"\nas_of = \"since\"\nfields = { price = \"number\" }";
    let mut import = folder.import_with("v.csv", more).expect("good files");
    let mut order = Vec::new();
    let mut each = |batch: &tamis_spec::batch::Batch| {
        let mut at = vec![0; batch.rows.len()];
        for kind in &batch.order {
            let kind = *kind as usize;
            order.push((kind, batch.rows[kind].known[at[kind]]));
            at[kind] += 1;
        }
        Ok::<_, ()>(())
    };
    import.batches(&mut each).expect("it is taken");
    let s = 1000;
    let expected =
        [(0, 50 * s), (0, 50 * s), (2, 50 * s), (3, 100 * s), (2, 120 * s), (2, 150 * s), (3, 150 * s), (3, 200 * s)];
    assert_eq!(order, expected);
}

#[test]
fn places_outside_the_globe_are_bad_rows_and_events_of_any_order_are_put_in_theirs() {
    let views = b"at,user,item,stars,word,spot\n31536000,1,a,1,x,\"52.5,13.4\"\n1,1,b,1,x,\"-90,180\"\n3,1,c,1,x,\"91,0\"\n4,1,d,1,x,\"0,-181\"\n2,1,e,1,x,\n6,1,f,2,x,\"1,2\"\n";
    let folder = Folder::new(&[("users.csv", USERS.as_bytes()), ("v.csv", views)]);
    let sought = Sought { folder: folder.path().to_path_buf(), data: None };
    let mut with_places = system("v.csv", "");
    let tamis_spec::system::Origin::Declared { fields, .. } = &mut with_places.events[0].origin else { panic!() };
    let mut spot = fields[0].clone();
    (spot.name.value, spot.column, spot.ty) = ("spot".into(), "spot".into(), tamis_spec::system::Type::Place);
    fields.push(spot);
    let mut import = import(&with_places, &sought, NOW, &mut |_, _| {}).expect("a third may be bad");
    let found = import.files.last().unwrap().clone();
    assert_eq!((found.rows, found.bad), (6, 2));
    assert!(found.examples[0].to_string().contains("expected a latitude and a longitude"), "{:?}", found.examples);
    let mut order = Vec::new();
    import
        .batches(|batch| {
            order.extend(batch.rows[2].keys[1].iter().map(str::to_owned));
            Ok::<_, ()>(())
        })
        .unwrap();
    assert_eq!(order, ["b", "e", "f", "a"], "a year between them");
}
