//! How fast an index is built and searched: a folder with docs.tsv (id, title, body by tabs), queries.txt and oracle_scores.npy, whose
//! making and protocol the benchmark of rivals says. Its last line is one JSON object.
//!
//! `index DIR` builds with one field, title and body together; `--two` with two. One thread; `RAYON_NUM_THREADS` for more when building.

use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tamis_index::{Builder, Field, Hit, Index, Options};

const REPEATS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let Some(dir) = arguments.iter().find(|a| !a.starts_with("--")) else {
        println!("{{}}");
        return;
    };
    let two = arguments.iter().any(|a| a == "--two");
    println!("{}", measure(Path::new(dir), two));
}

fn measure(dir: &Path, two: bool) -> Value {
    let text = |name: &str| std::fs::read_to_string(dir.join(name)).expect("the folder has the benchmark's files");
    let all = text("docs.tsv");
    let docs: Vec<Vec<&str>> = all.lines().map(|line| line.split('\t').skip(1).collect()).collect();
    let texts: Vec<String> = if two { Vec::new() } else { docs.iter().map(|d| d.join(" ")).collect() };
    let queries = text("queries.txt");
    let queries: Vec<&str> = queries.lines().collect();
    let cpu = cpu_s();
    let start = Instant::now();
    let mut builder = Builder::new(&options(two)).expect("these options are right");
    for (i, doc) in docs.iter().enumerate() {
        let of: &[&str] = if two { doc } else { &[&texts[i]] };
        builder.add(i as u32, of).expect("ids ascend");
    }
    let bytes = builder.finish();
    let (index_s, index_cpu_s) = (start.elapsed().as_secs_f64(), cpu_s() - cpu);
    let index_mb = bytes.len() as f64 / f64::from(1 << 20);
    let start = Instant::now();
    let mut index = Index::open(Arc::new(bytes)).expect("these bytes were just written");
    let open_s = start.elapsed().as_secs_f64();
    let mut out = json!({
        "index_s": index_s,
        "index_cpu_s": index_cpu_s,
        "docs_per_s": docs.len() as f64 / index_s,
        "docs_per_cpu_s": docs.len() as f64 / index_cpu_s,
        "index_mb": index_mb,
        "open_s": open_s,
        "top10": latencies(&index, &queries, 10),
        "top500": latencies(&index, &queries, 500),
        "diff": if two { Value::Null } else { json!(difference(dir, &index, &queries)) },
        "correct_us": correct_us(&index, &queries),
    });
    let (first, each) = replace_us(&mut index, &docs, two);
    out["first_replaced_us"] = json!(first);
    out["replaced_us"] = json!(each);
    out
}

/// Mean time to correct a word of which two letters were swapped and one was left out.
fn correct_us(index: &Index, queries: &[&str]) -> f64 {
    let words = queries.iter().take(500).filter_map(|q| q.split(' ').max_by_key(|w| w.len()));
    let wrong: Vec<String> =
        words.filter(|w| w.len() > 4).map(|w| format!("{}{}{}", &w[1..2], &w[..1], &w[3..])).collect();
    let start = Instant::now();
    let found = wrong.iter().filter(|w| index.correct(w, 2).is_some()).count();
    let us = start.elapsed().as_secs_f64() * 1e6 / wrong.len().max(1) as f64;
    if found == 0 { f64::NAN } else { us }
}

/// Time of the first replacement of a document, which makes the terms of each document, and the mean of 1,000 more.
fn replace_us(index: &mut Index, docs: &[Vec<&str>], two: bool) -> (f64, f64) {
    let mut replace = |i: usize| {
        let texts = &docs[i * 7 % docs.len()];
        let joined = texts.join(" ");
        let of: &[&str] = if two { texts } else { &[&joined] };
        index.insert((i * 13 % docs.len()) as u32, of).expect("the id is in the index");
    };
    let start = Instant::now();
    replace(0);
    let first = start.elapsed().as_secs_f64() * 1e6;
    let start = Instant::now();
    (1..=1_000).for_each(&mut replace);
    (first, start.elapsed().as_secs_f64() * 1e3)
}

fn options(two: bool) -> Options {
    let field = |name: &str| Field { name: name.into(), weight: 1.0, language: "none".into() };
    let fields = if two { vec![field("title"), field("body")] } else { vec![field("text")] };
    Options { fields, k1: 1.2, b: 0.75, positions: false }
}

fn search(index: &Index, query: &str, k: usize) -> Vec<Hit> {
    index.search(&index.parse(query), k, None)
}

/// As the benchmark takes them: one untimed tenth, then each query of each pass, its parsing included.
fn latencies(index: &Index, queries: &[&str], k: usize) -> Value {
    let mut found = 0;
    queries[..queries.len().div_ceil(10)].iter().for_each(|q| found += search(index, q, k).len());
    let (mut all_us, mut rates, mut cpu_rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let (start, cpu) = (Instant::now(), cpu_s());
        for query in queries {
            let start = Instant::now();
            found += search(index, query, k).len();
            all_us.push(start.elapsed().as_secs_f64() * 1e6);
        }
        rates.push(queries.len() as f64 / start.elapsed().as_secs_f64());
        cpu_rates.push(queries.len() as f64 / (cpu_s() - cpu).max(1e-9));
    }
    for values in [&mut all_us, &mut rates, &mut cpu_rates] {
        values.sort_by(f64::total_cmp);
    }
    let at = |q: f64| all_us[(q * all_us.len() as f64) as usize];
    json!({
        "p50_us": at(0.5), "p99_us": at(0.99), "per_s": rates[REPEATS / 2], "per_cpu_s": cpu_rates[REPEATS / 2],
        "calls": all_us.len(), "found": found,
    })
}

/// The largest difference of the ten scores from the oracle's, over their size.
fn difference(dir: &Path, index: &Index, queries: &[&str]) -> f64 {
    let bytes = std::fs::read(dir.join("oracle_scores.npy")).expect("the folder has the oracle");
    let head = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let oracle: Vec<f64> =
        bytes[head..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes"))).collect();
    let mut most = 0.0f64;
    for (scores, query) in oracle.chunks(10).zip(queries) {
        let mut found: Vec<f64> = search(index, query, 10).iter().map(|hit| f64::from(hit.score)).collect();
        found.resize(10, 0.0);
        scores.iter().zip(found).filter(|(s, _)| **s > 0.0).for_each(|(s, f)| most = most.max((f / s - 1.0).abs()));
    }
    most
}

/// Processor time of the threads that live, in seconds.
fn cpu_s() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok());
    stats.filter_map(|stat| stat.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok())).sum::<f64>() / 1e9
}
