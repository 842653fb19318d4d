//! Documents that people judged for queries: no moments, several raters, folds by query, and words in common.

use super::{json, tamis};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

const SYSTEM: &str = r#"
[system]
name = "library"
task = "rank"
[actors.query]
from = "queries.csv"
key = "id"
fields = { text = "text" }
[actors.doc]
from = "docs.csv"
key = "id"
fields = { body = "text" }
[events.judgement]
from = "judged.qrels"
columns = ["query", "rater", "doc", "grade"]
actors = { query = "query", doc = "doc" }
fields = { rater = "category", grade = "number" }
[decision]
from = "judgement"
for = "query"
item = "doc"
[label]
value = "judgement.grade"
raters = "rater"
[split]
by = "query"
folds = 3
[features]
match = "bm25(query.text, doc.body, language = 'english')"
alike = "tfidf(query.text, doc.body)"
long = "words(doc.body)"
[[stages]]
kind = "logistic"
keep = 100
"#;

const WORDS: [&str; 8] = ["river", "engine", "garden", "planet", "bridge", "violin", "harvest", "mirror"];

/// A query asks for a word; a document has three. Two raters know it, one says anything, and who is alone judges the last query.
fn write(dir: &Path, overlap: bool) {
    let (mut queries, mut docs, mut judged) = ("id,text\n".to_string(), "id,body\n".to_string(), String::new());
    for q in 0..24 {
        let _ = writeln!(queries, "q{q},looking for {}s", WORDS[q % 8]);
    }
    for d in 0..40 {
        let _ = writeln!(
            docs,
            "d{d},the {} and a {} near the {}",
            WORDS[d % 8],
            WORDS[(d * 3 + 1) % 8],
            WORDS[(d / 5) % 8]
        );
    }
    for q in 0..24usize {
        for d in (q % 4..40).step_by(4) {
            let is_right = [d % 8, (d * 3 + 1) % 8, (d / 5) % 8].contains(&(q % 8));
            let raters = if overlap { vec!["ann", "bob", "eve"] } else { vec![["ann", "bob", "eve"][q % 3]] };
            for rater in raters {
                let said = if rater == "eve" && overlap { (q * 7 + d * 5) % 3 == 0 } else { is_right };
                let _ = writeln!(judged, "q{q}  {rater}\td{d} {}", 2 * u8::from(said));
            }
        }
    }
    for (name, text) in
        [("queries.csv", queries), ("docs.csv", docs), ("judged.qrels", judged), ("tamis.toml", SYSTEM.into())]
    {
        std::fs::write(dir.join(name), text).unwrap();
    }
}

#[test]
fn judgements_by_several_people_are_merged_and_judged_by_folds_of_queries() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), true);
    let output = tamis(dir.path(), &["check", ".", "--data", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let found = json(&output);
    let agreement = &found["agreement"];
    assert_eq!((agreement["raters"].as_u64(), agreement["ratings"].as_u64()), (Some(3), Some(720)));
    assert_eq!(
        (found["decisions"].as_u64(), found["items"].as_u64(), found["repeated"].as_u64()),
        (Some(24), Some(240), Some(0))
    );
    let kappa = agreement["fleiss"].as_f64().unwrap();
    assert!((0.2..0.8).contains(&kappa), "{found}");
    let output = tamis(dir.path(), &["evaluate", ".", "--folds", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let report: Value = json(&output);
    assert_eq!(report["split"]["kind"], "by query, all of 3 folds");
    // Words in common find what the careful raters meant, whatever the third said.
    assert!(report["metrics"]["ndcg@10"]["value"].as_f64().unwrap() > 0.95, "{}", report["metrics"]);
}

#[test]
fn raters_who_never_judge_the_same_are_believed_and_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), false);
    let output = tamis(dir.path(), &["check", ".", "--data"]);
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(found.contains("0 items by more than one") && found.contains("no two judged the same"), "{found}");
}

#[test]
fn what_is_right_for_a_query_is_sought_among_all_documents() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), false);
    let text = "[[candidates]]\nkind = \"text\"\nname = \"words\"\nquery = \"query.text\"\nof = [\"doc.body\"]\nlanguage = \"english\"\nkeep = 30\n\
        [[candidates]]\nkind = \"vector\"\nname = \"topics\"\nnear = \"query.topics\"\nof = \"doc.topics\"\nkeep = 5\n\
        [learned.topics]\nkind = \"lsa\"\nof = [\"doc.body\"]\nasks = \"query.text\"\nlanguage = \"english\"\ndimensions = 8\n";
    let sought =
        SYSTEM.replace("raters = \"rater\"\n", "").replace("for = \"query\"", "retrieve = true\nfor = \"query\"");
    let sought = sought.replace("match = ", "found = \"score.words\"\nnear = \"score.topics\"\nmatch = ");
    std::fs::write(dir.path().join("tamis.toml"), format!("{sought}{text}")).unwrap();
    let output = tamis(dir.path(), &["evaluate", ".", "--folds", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let report: Value = json(&output);
    let value = |of: &Value, metric: &str| of[metric]["value"].as_f64().unwrap_or_else(|| panic!("no {metric}: {of}"));
    // Each word stands in some fifteen documents, of which about four were judged: all are found, among others that nobody judged.
    assert_eq!(value(&report["metrics"], "candidate_recall"), 1.0);
    assert_eq!(value(&report["metrics"], "recall@20"), 1.0);
    let (words, recent) = (&report["baselines"]["words"], &report["baselines"]["recent"]);
    assert_eq!(value(words, "recall@20"), 1.0);
    let chance = value(recent, "recall@20");
    assert!(chance < 0.9, "{chance}");
    assert!(value(&report["metrics"], "map") > value(recent, "map"));
    assert!(value(&report["baselines"]["topics"], "ndcg@10") > value(recent, "ndcg@10"));
    let output = tamis(dir.path(), &["train", ".", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let output = tamis(dir.path(), &["rank", ".", "--user", "q3", "--limit", "4", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let list = json(&output);
    let items = list["items"].as_array().unwrap_or_else(|| panic!("no items: {list}"));
    let has_word = |item: &Value| {
        let d: usize = item["item"].as_str().unwrap()[1..].parse().unwrap();
        [d % 8, (d * 3 + 1) % 8, (d / 5) % 8].contains(&3)
    };
    assert!(items.len() == 4 && items.iter().all(has_word), "{list}");
}
