//! Features that were prepared elsewhere: files of SVMlight as the folds, and candidates that come with a request.

use super::{json, tamis};
use std::fmt::Write;
use std::path::Path;

const SYSTEM: &str = r#"
[system]
name = "letor"
task = "rank"
[actors.query]
[actors.doc]
[events.judgement]
from = "S*.letor"
actors = { query = "qid", doc = "docid" }
fields = { grade = { type = "number", column = "label" }, part = { type = "category", column = "file" }, x = { type = "number", columns = "1..2" } }
[decision]
from = "judgement"
for = "query"
item = "doc"
given = ["x*"]
[label]
value = "judgement.grade"
[split]
column = "part"
folds = 3
validate_fold = "before"
[features]
x = "given.x*"
z = "scaled(given.x*)"
[[stages]]
kind = "logistic"
keep = 100
features = ["z*"]
"#;

/// Twelve queries a file, each with eight documents. What is right has the most of the second feature in its query, by another measure
/// in each; what is right stands first.
fn write(dir: &Path) {
    for part in 1..=3 {
        let mut text = String::new();
        for q in 0..12 {
            let (query, scale) = (part * 100 + q, f64::from(1 + q % 4) * 10.0);
            for d in 0..8 {
                let (grade, noise) = (u8::from(d < 2) + u8::from(d == 0), f64::from((q * 7 + d * 3) % 5));
                let much = scale * (1.0 + f64::from(8 - d) / 4.0);
                let _ = writeln!(text, "{grade} qid:{query} 1:{noise} 2:{much} #docid = D{query}-{} inc = 1", 7 - d);
            }
        }
        std::fs::write(dir.join(format!("S{part}.letor")), text).unwrap();
    }
    std::fs::write(dir.join("tamis.toml"), SYSTEM).unwrap();
}

#[test]
fn files_are_folds_and_a_request_brings_documents_with_their_features() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let output = tamis(dir.path(), &["evaluate", ".", "--folds", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let report = json(&output);
    assert_eq!(report["split"]["kind"], "column part, all of 3 folds");
    assert_eq!(report["split"]["test"]["decisions"], 36);
    for metric in ["ndcg@1", "ndcg@5", "ndcg@10", "map"] {
        assert!(report["metrics"][metric]["value"].as_f64().unwrap() > 0.95, "{}", report["metrics"]);
    }
    let output = tamis(dir.path(), &["evaluate", ".", "--folds", "--on", "validate", "--json"]);
    let on_validate = json(&output);
    assert_eq!(
        (&on_validate["split"]["judged"], &on_validate["split"]["validate"]["users"]),
        (&"validate".into(), &36.into())
    );

    assert!(tamis(dir.path(), &["train", "."]).status.success());
    let given = |key: &str, x: f64| format!("{{\"item\": \"{key}\", \"given\": {{\"x1\": 1, \"x2\": {x}}}}}");
    let items = format!("[{}, {}, {}]", given("D100-0", 20.0), given("never met", 30.0), given("D100-1", 10.0));
    std::fs::write(dir.path().join("items.json"), items).unwrap();
    let output = tamis(dir.path(), &["rank", ".", "--user", "100", "--items-from", "items.json", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let list = json(&output);
    let keys: Vec<_> = list["items"].as_array().unwrap().iter().map(|i| i["item"].as_str().unwrap()).collect();
    assert_eq!(keys, ["never met", "D100-0", "D100-1"]);
    assert_eq!(list["unknown_items"]["count"], 0);
}
