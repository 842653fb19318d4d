//! The program as its users meet it, on a small market of two tastes.

#[path = "cli/first_system.rs"]
#[expect(clippy::unwrap_used, reason = "what is missing ends the test")]
mod first_system;

#[path = "cli/given.rs"]
#[expect(clippy::unwrap_used, reason = "what is missing ends the test")]
mod given;

#[path = "cli/judged.rs"]
#[expect(clippy::unwrap_used, reason = "what is missing ends the test")]
mod judged;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const SYSTEM: &str = r#"
[system]
name = "small"
task = "rank"
[actors.user]
from = "users.csv"
key = "id"
fields = { age = "number" }
[actors.item]
from = "items.csv"
key = "id"
fields = { title = "text", kinds = "tags" }
[events.view]
from = "views.csv"
time = "at"
actors = { user = "user", item = "item" }
[learned.taste]
kind = "als"
event = "view"
dimensions = 8
[decision]
each = "view"
for = "user"
item = "item"
[split]
sources = "60%"
train = "20%"
validate = "10%"
test = "10%"
[train]
decisions = 300
validate_decisions = 100
negatives = 20
[features]
popular = "log1p(count(view, by = item))"
kind_match = "cosine(histogram(view.item.kinds, by = user), item.kinds)"
taste = "score.vector"
ease = "score.ease"
[[candidates]]
kind = "ease"
event = "view"
keep = 30
[[candidates]]
kind = "vector"
near = "user.taste"
of = "item.taste"
keep = 30
[[candidates]]
kind = "popular"
event = "view"
keep = 20
[[stages]]
kind = "logistic"
keep = 20
[[stages]]
kind = "lambdamart"
keep = 20
rounds = 20
rows_in_leaf = 5
[rerank]
limit = 10
"#;

/// 80 users in two groups and 60 items in two kinds: three views of four are of the group's own kind. A fixed sequence.
fn market(dir: &Path) {
    let mut state = 5u64;
    let mut below = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let users: String = (0..80).map(|u| format!("u{u},{}\n", 20 + u % 50)).collect();
    let items: String =
        (0..60).map(|i| format!("i{i},Thing {i},{}\n", if i % 2 == 0 { "even" } else { "odd" })).collect();
    let mut views = String::from("user,item,at\n");
    for at in 0..4_000 {
        let user = below(80);
        let own = if below(4) > 0 { user % 2 } else { below(2) };
        views.push_str(&format!("u{user},i{},{}\n", below(30) * 2 + own, 1_000_000 + at * 60));
    }
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).expect("a file for the test");
    write("users.csv", format!("id,age\n{users}"));
    write("items.csv", format!("id,title,kinds\n{items}"));
    write("views.csv", views);
    write("tamis.toml", SYSTEM.to_string());
}

fn tamis(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamis")).current_dir(dir).args(arguments).output().expect("the program runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[test]
fn five_mistakes_are_told_at_once_with_their_places() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    let wrong = SYSTEM
        .replace("name = \"small\"", "name = \"small\"\ncolour = 3")
        .replace("by = item))", "by = itm))")
        .replace("kind = \"popular\"\nevent = \"view\"", "kind = \"popular\"\nevent = \"viw\"")
        .replace("kind = \"logistic\"", "kind = \"logistik\"")
        .replace("test = \"10%\"", "test = \"20%\"");
    std::fs::write(dir.path().join("tamis.toml"), wrong).expect("a file for the test");
    let output = tamis(dir.path(), &["check", ".", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let found = json(&output);
    let lines = found["errors"].as_array().expect("a list").iter();
    let lines: Vec<String> = lines.map(|e| format!("{}: {}", e["line"], e["message"].as_str().unwrap_or(""))).collect();
    for expected in ["colour", "itm", "viw", "logistik", "110"] {
        assert!(lines.iter().any(|l| l.contains(expected)), "{expected}: {lines:?}");
    }
}

#[test]
fn a_plan_needs_no_data() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    std::fs::write(dir.path().join("tamis.toml"), SYSTEM).expect("a file for the test");
    let output = tamis(dir.path(), &["check", "."]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("ranks item for each user"));
    assert_eq!(tamis(dir.path(), &["evaluate", "."]).status.code(), Some(1), "nothing was trained");
    assert_eq!(tamis(dir.path(), &["train", "."]).status.code(), Some(2), "there are no files");
}

#[test]
fn the_manual_of_features_is_told_whole_or_by_name() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    let all = json(&tamis(dir.path(), &["features", "--json"]));
    let one = String::from_utf8_lossy(&tamis(dir.path(), &["features", "distinct"]).stdout).into_owned();
    let listed = all["functions"].as_array().expect("a list").iter();
    let about =
        listed.filter(|f| f["name"] == "distinct").map(|f| f["about"].as_str().expect("a sentence").to_string());
    assert!(one.contains(&about.collect::<String>()) && !one.contains("rate("), "{one}");
    let wrong = tamis(dir.path(), &["features", "distnct"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean `distinct`?"), "{wrong:?}");
}

#[test]
fn training_is_reproducible_and_what_it_makes_is_judged_and_asked() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    market(dir.path());
    let train = |home: &str, threads: &str| {
        let output = tamis(dir.path(), &["train", ".", "--json", "--home", home, "--threads", threads]);
        assert!(output.status.success(), "{output:?}");
        json(&output)["bundle"].as_str().expect("a name").to_string()
    };
    let bundle = train("a", "2");
    assert_eq!(bundle, train("b", "1"), "the same files give the same bytes, on however many cores");

    let checked = String::from_utf8_lossy(&tamis(dir.path(), &["check", ".", "--home", "a"]).stdout).into_owned();
    assert!(checked.contains("for 80 users, 60 items, 4000 events"), "{checked}");
    let tight = SYSTEM.replace("[actors.user]", "[constraints]\nmemory = \"1MB\"\n[actors.user]");
    std::fs::write(dir.path().join("tight.toml"), tight).expect("a file for the test");
    let refused = tamis(dir.path(), &["check", "tight.toml", "--home", "a"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");

    let report = json(&tamis(dir.path(), &["evaluate", ".", "--json", "--home", "a", "--report", "r.html"]));
    let ndcg = |m: &Value| m["ndcg@10"]["value"].as_f64().expect("a number");
    assert!(ndcg(&report["metrics"]) > 1.2 * ndcg(&report["baselines"]["popular"]), "{report}");
    assert_eq!(report["bundle"].as_str(), Some(bundle.as_str()));
    let lost: u64 = report["lost"].as_object().expect("a table").values().filter_map(Value::as_u64).sum();
    let n = report["split"]["test"]["decisions"].as_u64().expect("a count");
    let last = report["funnel"].as_array().expect("a list").last().expect("parts")["recall"].as_f64().expect("a share");
    assert_eq!(lost + (last * n as f64).round() as u64, n, "every positive is delivered or lost by a part");
    let page = std::fs::read_to_string(dir.path().join("r.html")).expect("the page was written");
    assert!(page.contains("lambdamart") && page.contains("ease") && !page.contains("src=\"http"));

    let list = json(&tamis(dir.path(), &["rank", ".", "--user", "u1", "--json", "--home", "a"]));
    assert_eq!(list["items"].as_array().map(Vec::len), Some(10));
    assert_eq!(list["cold_start"], Value::Bool(false));
    let cold = json(&tamis(dir.path(), &["rank", ".", "--user", "nobody", "--json", "--home", "a"]));
    assert_eq!(cold["cold_start"], Value::Bool(true));

    let other = SYSTEM.replace("keep = 20\nrounds", "keep = 15\nrounds");
    std::fs::write(dir.path().join("tamis.toml"), other).expect("a file for the test");
    let refused = tamis(dir.path(), &["evaluate", ".", "--home", "a"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("run `tamis train` again"), "{refused:?}");
}

/// A number of decisions that trains in a moment.
fn quick() -> String {
    SYSTEM.replace("decisions = 300", "decisions = 60").replace("rounds = 20", "rounds = 3")
}

#[test]
fn a_training_that_is_killed_leaves_nothing_in_the_way() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    market(dir.path());
    std::fs::write(dir.path().join("tamis.toml"), quick()).expect("a file for the test");
    let expected = json(&tamis(dir.path(), &["train", ".", "--json", "--home", "whole"]))["bundle"].clone();
    // Killed at many moments, from the first files to the last rename; each time it goes on from what is there.
    for (n, grain) in [(40, 1u64), (8, 15)] {
        for k in 0..n {
            let mut running = Command::new(env!("CARGO_BIN_EXE_tamis"))
                .current_dir(dir.path())
                .args(["train", ".", "--json", "--home", "killed"])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .expect("the program runs");
            // Not a wait for something to be done: a moment at which to kill.
            std::thread::sleep(std::time::Duration::from_millis(k * grain));
            running.kill().expect("it can be killed");
            running.wait().expect("it was killed");
        }
    }
    let output = tamis(dir.path(), &["train", ".", "--json", "--home", "killed"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(json(&output)["bundle"], expected);
    let report = tamis(dir.path(), &["evaluate", ".", "--json", "--home", "killed"]);
    assert!(report.status.success(), "{report:?}");
}

#[test]
fn files_that_changed_are_read_again_and_a_wrong_file_is_told_with_its_line() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    market(dir.path());
    std::fs::write(dir.path().join("tamis.toml"), quick()).expect("a file for the test");
    let views = dir.path().join("views.csv");
    let whole = std::fs::read_to_string(&views).expect("the market was written");
    let train = || tamis(dir.path(), &["train", ".", "--json"]);
    let first = json(&train())["bundle"].clone();
    assert_eq!(json(&train())["bundle"], first);

    let half: Vec<&str> = whole.lines().take(3_000).collect();
    std::fs::write(&views, half.join("\n")).expect("a file for the test");
    let second = json(&train())["bundle"].clone();
    assert_ne!(second, first, "other events, another bundle");

    let check = |text: String, expected: &[&str]| {
        std::fs::write(&views, text).expect("a file for the test");
        let output = tamis(dir.path(), &["train", "."]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        expected.iter().for_each(|e| assert!(told.contains(e), "{e}: {told}"));
        assert!(!told.contains("panicked"), "{told}");
    };
    check(whole.replace("user,item,at", "user,item,when"), &["views.csv", "at"]);
    check(whole.replace("user,item,at", "user,item,item"), &["views.csv", "item"]);
    check(String::new(), &["views.csv"]);
    std::fs::remove_file(&views).expect("it is there");
    assert_eq!(train().status.code(), Some(2));
    assert!(tamis(dir.path(), &["evaluate", "."]).status.success(), "the log of the last good files is still there");

    // Between the two steps of putting a new log in place, and with a half-made one beside it.
    let home = dir.path().join(".tamis/tamis");
    std::fs::rename(home.join("log"), home.join(".log-last")).expect("it is there");
    std::fs::create_dir(home.join(".log-next")).expect("a folder for the test");
    std::fs::write(&views, half.join("\n")).expect("a file for the test");
    assert_eq!(json(&train())["bundle"], second);
    assert!(!home.join(".log-last").exists() && !home.join(".log-next").exists());

    std::fs::write(&views, &whole).expect("a file for the test");
    assert_eq!(json(&train())["bundle"], first, "and back again");

    // Nobody knows any more where the log came from: it is not replaced.
    std::fs::write(home.join("log/import.json"), "{").expect("a file for the test");
    let refused = tamis(dir.path(), &["train", "."]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && told.contains("did not come from files"), "{told}");
    assert!(tamis(dir.path(), &["evaluate", "."]).status.success());
}

#[test]
fn a_bundle_with_a_changed_byte_and_a_torn_log_are_told() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    market(dir.path());
    std::fs::write(dir.path().join("tamis.toml"), quick()).expect("a file for the test");
    let made = json(&tamis(dir.path(), &["train", ".", "--json", "--home", "h"]));
    let files = |of: &Path, extension: &str| {
        let all = std::fs::read_dir(of).expect("it was written").map(|f| f.expect("a file").path());
        all.filter(|f| f.extension().is_some_and(|e| e == extension)).max().expect("it holds files")
    };
    let file = files(&dir.path().join(made["dir"].as_str().expect("a path")), "bin");
    let whole = std::fs::read(&file).expect("it is there");
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 4;
    std::fs::write(&file, changed).expect("a file for the test");
    for verb in [&["evaluate", ".", "--home", "h"][..], &["rank", ".", "--user", "u1", "--home", "h"]] {
        let output = tamis(dir.path(), verb);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        // A file that only one of them needs may leave the other alone.
        assert!(output.status.success() || told.contains("is damaged"), "{told}");
    }
    let refused = |v: &[&str]| !tamis(dir.path(), v).status.success();
    assert!(refused(&["evaluate", ".", "--home", "h"]) || refused(&["rank", ".", "--user", "u1", "--home", "h"]));
    std::fs::write(&file, whole).expect("a file for the test");
    assert!(!refused(&["evaluate", ".", "--home", "h"]));

    let segment = files(&dir.path().join("h/log"), "segment");
    let mut torn = std::fs::read(&segment).expect("it is there");
    torn.extend_from_slice(&[7; 11]);
    std::fs::write(&segment, torn).expect("a file for the test");
    let output = tamis(dir.path(), &["train", ".", "--home", "h"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && told.contains("11 bytes"), "{told}");
}

/// Lists of four items, of which users open those of their own kind; buys come two minutes later.
fn lists(dir: &Path, label: &str) {
    market(dir);
    let (mut shown, mut buys) = (String::from("list,user,at,items\n"), String::from("user,item,at\n"));
    for list in 0..400u64 {
        let (user, at) = (list * 7 % 80, 1_000_000 + list * 60);
        let items: Vec<u64> = (0..4).map(|k| (list * 11 + k * 13) % 60).collect();
        let entry = |i: &u64| format!("i{i}:{}", u64::from(i % 2 == user % 2));
        shown.push_str(&format!("L{list},u{user},{at},{}\n", items.iter().map(entry).collect::<Vec<_>>().join(" ")));
        buys.push_str(&format!("u{user},i{},{}\n", items[0], at + 120));
    }
    let system = r#"
[system]
name = "lists"
task = "rank"
[actors.user]
[actors.item]
from = "items.csv"
key = "id"
fields = { kinds = "tags" }
[events.shown]
from = "shown.csv"
each = { column = "items", into = ["item", "opened"] }
time = "at"
actors = { user = "user", item = "item" }
fields = { list = "category", opened = "bool" }
[events.open]
where = "shown.opened"
[events.buy]
from = "buys.csv"
time = "at"
actors = { user = "user", item = "item" }
[decision]
from = "shown"
list = "list"
for = "user"
item = "item"
[label]
LABEL
[split]
of = "decisions"
train = "60%"
validate = "20%"
test = "20%"
[features]
match = "cosine(histogram(open.item.kinds, by = user), item.kinds)"
[[stages]]
kind = "logistic"
keep = 10
"#;
    let system = system.replace("LABEL", label);
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("a file for the test");
    write("shown.csv", &shown);
    write("buys.csv", &buys);
    write("tamis.toml", &system);
}

#[test]
fn the_data_say_how_much_can_be_learned_from_them_and_why_nothing_can() {
    let check = |label: &str, code: i32, wanted: &[&str]| {
        let dir = tempfile::tempdir().expect("a folder for the test");
        lists(dir.path(), label);
        let output = tamis(dir.path(), &["check", ".", "--data"]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let said = [output.stdout, output.stderr].map(|o| String::from_utf8_lossy(&o).into_owned()).concat();
        wanted.iter().for_each(|w| assert!(said.contains(w), "{label}: {w}\n{said}"));
    };
    check(
        "value = \"open\"",
        0,
        &["400 lists", "train 240, validate 80, test 80", "1600 items, 4.0 each; 800 of them right"],
    );
    check("value = \"buy within 5m\"", 0, &["400 of them right", "400 times, 0 follow none"]);
    let late = ["0 of them right", "400 of 400 outcomes are of an item that the user was shown, but not within 1m"];
    check("value = \"buy within 1m\"", 1, &late);
    check("value = \"open where opened < 0\"", 1, &["it never happened that open where opened < 0"]);
}

#[test]
fn examples_are_written_whole_with_names_or_not_at_all() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    lists(dir.path(), "value = \"open\"");
    let told = json(&tamis(dir.path(), &["examples", ".", "--out", "rows.parquet", "--json"]));
    assert_eq!((told["rows"].as_u64(), told["features"].as_u64()), (Some(1600), Some(1)), "{told}");
    let written = std::fs::read(dir.path().join("rows.parquet")).expect("it was written");
    assert!(written.starts_with(b"PAR1") && written.ends_with(b"PAR1"), "it is whole");
    let nowhere = tamis(dir.path(), &["examples", ".", "--out", "no/such/rows.parquet"]);
    assert_eq!(nowhere.status.code(), Some(2), "{nowhere:?}");
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("cannot be written"), "{nowhere:?}");
}

#[test]
fn every_system_that_comes_with_the_program_has_a_plan() {
    let systems = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systems");
    let mut n = 0;
    for folder in std::fs::read_dir(&systems).expect("systems").map(|f| f.expect("a folder").path()) {
        for file in std::fs::read_dir(&folder).expect("a folder").map(|f| f.expect("a file").path()) {
            if file.extension().is_some_and(|e| e == "toml") {
                let name = file.to_str().expect("a name in UTF-8");
                let dir = tempfile::tempdir().expect("a folder for the test");
                let checked = tamis(dir.path(), &["check", name, "--home", "none", "--json"]);
                // Without a log sizes are assumed, and a plan is never refused for them.
                assert!(checked.status.success(), "{name}: {checked:?}");
                assert!(json(&checked)["cells"].as_array().is_some_and(|c| !c.is_empty()), "{name}");
                n += 1;
            }
        }
    }
    assert!(n >= 4, "{n} systems");
}
