//! An index against the exact nearest: recall, searches a second, filtered searches, building, bytes and opening, on one thread but for
//! building, which has two.
//!
//! `cargo bench -p tamis-nearest --bench nearest -- DIR` reads `vectors.npy`, `queries.npy`, `exact.npy`, `allowed.npy` and
//! `exact_allowed.npy` from DIR (f32 and u32, row-major) and prints one JSON object on its last line. Other arguments: `--similarity
//! cosine|euclidean`, `--lists N`, `--short` for recall 0.95 alone, `--sweep` for many efforts.

use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tamis_nearest::{Ask, Effort, Filter, Index, Memo, Options, Similarity};
use tamis_spec::vectors::Vectors;

const K: usize = 10;
const BUILD_THREADS: usize = 2;
const REPEATS: usize = 5;
/// Searches that are timed one by one.
const SINGLE: usize = 2_000;

type Failed = Box<dyn std::error::Error>;

/// What is read.
struct Input {
    vectors: Vectors,
    queries: Vectors,
    exact: Vec<u32>,
    /// [queries, width]
    width: usize,
    allowed: Vec<u32>,
    exact_allowed: Vec<u32>,
}

fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(dir) = args.iter().find(|a| !a.starts_with("--")) else {
        println!("no folder of vectors was given");
        return Ok(());
    };
    let input = read(Path::new(dir))?;
    rayon::ThreadPoolBuilder::new().num_threads(BUILD_THREADS).build_global()?;
    let mut out = Map::new();
    let short = args.iter().any(|a| a == "--short");
    for target in [0.9, 0.95, 0.99].into_iter().filter(|t| !short || *t == 0.95) {
        if target != 0.95 && args.iter().any(|a| a == "--once") {
            continue;
        }
        let options = options(&args, target);
        let index = built(&input, &options, &mut out, target == 0.95)?;
        out.insert(format!("recall {target:.2}"), timed(&index, &input, None)?);
        if target == 0.95 {
            out.insert("filtered".into(), filtered(&index, &input)?);
            out.insert("stored".into(), stored(&index)?);
            out.insert("changed".into(), changed(&index, &input)?);
            if args.iter().any(|a| a == "--sweep") {
                sweep(&index, &input)?;
            }
        }
    }
    if short {
        println!("{}", Value::Object(out));
        return Ok(());
    }
    let options = Options { compressed: true, ..options(&args, 0.95) };
    let index = built(&input, &options, &mut Map::new(), false)?;
    let mut compressed = timed(&index, &input, None)?;
    compressed["index_mb"] = json!(index.bytes() as f64 / 1e6);
    out.insert("compressed".into(), compressed);
    println!("{}", Value::Object(out));
    Ok(())
}

fn options(args: &[String], recall: f32) -> Options {
    let given = |name: &str| args.iter().position(|a| a == name).and_then(|at| args.get(at + 1));
    let similarity = match given("--similarity").map(String::as_str) {
        Some("cosine") => Similarity::Cosine,
        Some("euclidean") => Similarity::Euclidean,
        _ => Similarity::InnerProduct,
    };
    let lists = given("--lists").and_then(|l| l.parse().ok()).unwrap_or(0);
    Options { similarity, recall, k: K, lists, ..Options::default() }
}

fn built(input: &Input, options: &Options, out: &mut Map<String, Value>, told: bool) -> Result<Index, Failed> {
    let (start, cpu) = (Instant::now(), cpu_s());
    let index = Index::build(&input.vectors, options)?;
    if told {
        out.insert("build_s".into(), json!(start.elapsed().as_secs_f64()));
        out.insert("build_cpu_s".into(), json!(cpu_s() - cpu));
        out.insert("build_threads".into(), json!(BUILD_THREADS));
        out.insert("index_mb".into(), json!(index.bytes() as f64 / 1e6));
        out.insert("raw_mb".into(), json!(input.vectors.values.len() as f64 * 4.0 / 1e6));
    }
    Ok(index)
}

/// Recall and speed at an effort; the index's own when none.
fn timed(index: &Index, input: &Input, effort: Option<Effort>) -> Result<Value, Failed> {
    let ask = Ask { effort, ..Ask::nearest(K) };
    let found = all(index, input, &ask, input.queries.len())?;
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let (start, cpu_start) = (Instant::now(), cpu_s());
        all(index, input, &ask, input.queries.len())?;
        wall.push(start.elapsed().as_secs_f64());
        cpu.push(cpu_s() - cpu_start);
    }
    let n = input.queries.len() as f64;
    let mut one = singles(index, input, &ask)?;
    let shown = effort.unwrap_or_else(|| index.effort());
    Ok(json!({
        "lists": shown.lists, "rerank": shown.rerank, "measured": index.recall(),
        "recall": recall(&found, &input.exact, input.width),
        "per_s": n / middle(&mut wall), "per_cpu_s": n / middle(&mut cpu),
        "p50_us": percentile(&mut one, 50), "p99_us": percentile(&mut one, 99),
    }))
}

fn filtered(index: &Index, input: &Input) -> Result<Value, Failed> {
    let start = Instant::now();
    let filter = index.filter(input.allowed.iter().copied());
    let make_us = start.elapsed().as_secs_f64() * 1e6;
    let at = |filter: &Filter, effort| -> Result<Value, Failed> {
        let ask = Ask { effort, filter: Some(filter), ..Ask::nearest(K) };
        let n = input.queries.len();
        all(index, input, &ask, n / 10)?;
        let (start, cpu) = (Instant::now(), cpu_s());
        let found = all(index, input, &ask, n)?;
        let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_s() - cpu);
        let mut one = singles(index, input, &ask)?;
        Ok(json!({
            "recall": recall(&found, &input.exact_allowed, K), "per_s": n as f64 / wall, "per_cpu_s": n as f64 / cpu,
            "queries": n, "p50_us": percentile(&mut one, 50), "p99_us": percentile(&mut one, 99),
        }))
    };
    let more = index.effort().lists * 3;
    Ok(json!({
        "make_us": make_us, "own": at(&filter, None)?,
        "three times": at(&filter, Some(Effort { lists: more, ..index.effort() }))?, "full": at(&filter, Some(Effort::FULL))?,
    }))
}

fn stored(index: &Index) -> Result<Value, Failed> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), index.to_bytes())?;
    let start = Instant::now();
    let opened = Index::open_file(file.path())?;
    Ok(json!({ "open_s": start.elapsed().as_secs_f64(), "mb": opened.bytes() as f64 / 1e6 }))
}

/// Replacing vectors, one in fifty of all, by themselves, and searching after that.
fn changed(index: &Index, input: &Input) -> Result<Value, Failed> {
    let mut index = Index::open(Arc::new(index.to_bytes()))?;
    let start = Instant::now();
    let n = input.vectors.len() / 50;
    for id in 0..n as u32 {
        index.insert(id, input.vectors.get(id).ok_or("no such vector")?)?;
    }
    let insert_us = start.elapsed().as_secs_f64() * 1e6 / n as f64;
    let mut out = timed(&index, input, None)?;
    out["insert_us"] = json!(insert_us);
    Ok(out)
}

fn sweep(index: &Index, input: &Input) -> Result<(), Failed> {
    for lists in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256] {
        for rerank in [10, 20, 30, 50, 100, 200, 400] {
            println!("{}", timed(index, input, Some(Effort { lists, rerank }))?);
        }
    }
    Ok(())
}

fn all(index: &Index, input: &Input, ask: &Ask<'_>, n: usize) -> Result<Vec<u32>, Failed> {
    let (mut memo, mut out, mut ids) = (Memo::default(), Vec::new(), Vec::with_capacity(n * K));
    for query in input.queries.values.chunks_exact(input.queries.dimensions).take(n) {
        out.clear();
        index.search(query, ask, &mut memo, &mut out)?;
        ids.extend((0..K).map(|i| out.get(i).map_or(u32::MAX, |s| s.item)));
    }
    Ok(ids)
}

/// Microseconds of single searches.
fn singles(index: &Index, input: &Input, ask: &Ask<'_>) -> Result<Vec<f64>, Failed> {
    let (mut memo, mut out, mut took) = (Memo::default(), Vec::new(), Vec::new());
    for query in input.queries.values.chunks_exact(input.queries.dimensions).take(SINGLE) {
        out.clear();
        let start = Instant::now();
        index.search(query, ask, &mut memo, &mut out)?;
        took.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(took)
}

fn recall(found: &[u32], exact: &[u32], width: usize) -> f64 {
    let rows = found.chunks_exact(K).zip(exact.chunks_exact(width));
    let hits: usize = rows.map(|(f, e)| e[..K].iter().filter(|id| f.contains(id)).count()).sum();
    hits as f64 / found.len() as f64
}

fn middle(x: &mut [f64]) -> f64 {
    percentile(x, 50)
}

fn percentile(x: &mut [f64], percent: usize) -> f64 {
    x.sort_unstable_by(f64::total_cmp);
    x[(x.len() * percent / 100).min(x.len() - 1)]
}

fn cpu_s() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock is read into a value that is there.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn read(dir: &Path) -> Result<Input, Failed> {
    let floats = |name: &str| -> Result<Vectors, Failed> {
        let (values, dimensions) = npy(&dir.join(name))?;
        Ok(Vectors { values: values.into_iter().map(f32::from_le_bytes).collect(), dimensions })
    };
    let ids = |name: &str| -> Result<(Vec<u32>, usize), Failed> {
        let (values, width) = npy(&dir.join(name))?;
        Ok((values.into_iter().map(u32::from_le_bytes).collect(), width))
    };
    let ((exact, width), (allowed, _), (exact_allowed, _)) =
        (ids("exact.npy")?, ids("allowed.npy")?, ids("exact_allowed.npy")?);
    Ok(Input { vectors: floats("vectors.npy")?, queries: floats("queries.npy")?, exact, width, allowed, exact_allowed })
}

/// Values of four bytes, and how many a row has.
fn npy(path: &Path) -> Result<(Vec<[u8; 4]>, usize), Failed> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let length = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let header = std::str::from_utf8(&bytes[10..10 + length])?;
    let shape = header.split("'shape': (").nth(1).and_then(|s| s.split(')').next()).ok_or("no shape")?;
    let width = shape.split(',').nth(1).and_then(|w| w.trim().parse().ok()).unwrap_or(1);
    Ok((bytes[10 + length..].as_chunks::<4>().0.to_vec(), width))
}
