//! Two collections with judgements, Vaswani and Cranfield, ranked by BM25 with k1 = 0.9 and b = 0.4: nDCG@10 and recall@100.
//!
//! `cargo run --release -p tamis-index --example collections -- DATA`, where DATA/search/vaswani and DATA/search/cranfield are the
//! collections. First with the terms of the published baselines (runs of a-z and 0-9, Lucene's 33 stop words, Snowball's stems), which
//! must give their figures; then with the terms of the analyser of English, which is what a system gets.

use flate2::read::GzDecoder;
use frostem::{Algorithm, Stemmer};
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use tamis_index::{Builder, Index, Options};

const STOP: &str = "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this \
                    to was will with";

fn main() {
    let Some(data) = std::env::args().nth(1) else { return println!("usage: collections DATA") };
    let data = Path::new(&data).join("search");
    for (name, collection) in [("vaswani", vaswani(&data)), ("cranfield", cranfield(&data))] {
        let stemmer = Stemmer::new(Algorithm::from_name("english").expect("English has stems"));
        for (terms, language) in [("baseline's terms", "none"), ("tamis's English", "english")] {
            let read = |text: &String| if language == "none" { analysed(text, &stemmer) } else { text.clone() };
            let mut builder =
                Builder::new(&Options { k1: 0.9, b: 0.4, ..Options::one(language) }).expect("right options");
            for (doc, (_, text)) in collection.docs.iter().enumerate() {
                builder.add(doc as u32, &[&read(text)]).expect("ids ascend");
            }
            let index = Index::open(Arc::new(builder.finish())).expect("these bytes were just written");
            let (mut ndcg, mut recall) = (0.0, 0.0);
            for (i, query) in collection.queries.iter().enumerate() {
                let hits = index.search(&index.parse(&read(&query.replace(['"', '-', '+', '*', '~'], " "))), 100, None);
                let relevant = &collection.relevant[&(i + 1)];
                let found: Vec<bool> =
                    hits.iter().map(|h| relevant.contains(&collection.docs[h.doc as usize].0)).collect();
                let gain = |at: usize| 1.0 / (at as f64 + 2.0).log2();
                let best: f64 = (0..relevant.len().min(10)).map(gain).sum();
                ndcg += found.iter().take(10).enumerate().filter(|f| *f.1).map(|f| gain(f.0)).sum::<f64>() / best;
                recall += found.iter().filter(|f| **f).count() as f64 / relevant.len() as f64;
            }
            let n = collection.queries.len() as f64;
            println!("{name:10} {terms:17} nDCG@10 {:.6}  recall@100 {:.6}", ndcg / n, recall / n);
        }
    }
}

/// Documents with their names, queries, and for the number of each query the names of relevant documents.
struct Collection {
    docs: Vec<(String, String)>,
    queries: Vec<String>,
    relevant: HashMap<usize, HashSet<String>>,
}

fn vaswani(data: &Path) -> Collection {
    let folder = data.join("vaswani");
    let docs = within("DOC", &read(&folder.join("doc-text.trec.gz"))).into_iter();
    let docs = docs.map(|doc| match doc.split_once("</DOCNO>") {
        Some((name, text)) => (name.replace("<DOCNO>", "").trim().to_owned(), text.to_owned()),
        None => (String::new(), doc),
    });
    let queries = within("title", &read(&folder.join("query-text.trec")));
    Collection { docs: docs.collect(), queries, relevant: judged(&read(&folder.join("qrels"))) }
}

fn cranfield(data: &Path) -> Collection {
    let folder = data.join("cranfield");
    let docs = within("doc", &read(&folder.join("cran.all.1400.xml.gz"))).into_iter();
    let docs = docs.map(|doc| {
        let parts = [within("title", &doc), within("text", &doc)].concat();
        (within("docno", &doc).concat().trim().to_owned(), parts.join(" "))
    });
    // Judgements number queries by their place in the file.
    let queries = within("title", &read(&folder.join("cran.qry.xml")));
    Collection { docs: docs.collect(), queries, relevant: judged(&read(&folder.join("cranqrel.trec.txt"))) }
}

fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut out = Vec::new();
    if path.extension().is_some_and(|e| e == "gz") {
        GzDecoder::new(&bytes[..]).read_to_end(&mut out).expect("the file is gzip");
    } else {
        out = bytes;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What stands between `<tag>` and `</tag>`, each time.
fn within(tag: &str, text: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    text.split(&open).skip(1).filter_map(|part| part.split_once(&close)).map(|(inner, _)| inner.to_owned()).collect()
}

/// Lines of query, nothing, document, relevance.
fn judged(text: &str) -> HashMap<usize, HashSet<String>> {
    let mut out: HashMap<usize, HashSet<String>> = HashMap::new();
    for line in text.lines() {
        if let [query, _, doc, relevance] = line.split_whitespace().collect::<Vec<_>>()[..]
            && let (Ok(query), Ok(1..)) = (query.parse(), relevance.parse::<i32>())
        {
            out.entry(query).or_default().insert(doc.to_owned());
        }
    }
    out
}

/// The terms of the published baselines, between spaces.
fn analysed(text: &str, stemmer: &Stemmer) -> String {
    let stop: HashSet<&str> = STOP.split_whitespace().collect();
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty() && !stop.contains(w));
    words.map(|w| stemmer.stem(w).into_owned()).collect::<Vec<_>>().join(" ")
}
