//! Rows a second from files into columns, one core: a million ratings as CSV, packed CSV, JSON lines and Parquet.
//!
//! Each format is read three times and told by its fastest.

use arrow::array::{Float64Array, Int64Array, RecordBatch};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tamis_ingest::{Sought, import};
use tamis_spec::system::System;
use tamis_spec::system::read::{PartKind, Vocabulary, read};

const ROWS: usize = 1_000_000;
const REPEATS: usize = 3;
/// 2030: no rating is in the future.
const NOW: i64 = 1_893_456_000_000;

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let ratings = ratings();
    let mut csv = String::from("user_id,item_idx,rating,timestamp\n");
    let mut lines = String::new();
    for [user, item, stars, at] in &ratings {
        csv.push_str(&format!("{user},{item},{stars},{at}\n"));
        lines.push_str(&format!("{{\"user_id\":{user},\"item_idx\":{item},\"rating\":{stars},\"timestamp\":{at}}}\n"));
    }
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes);
    write("ratings.csv", csv.as_bytes())?;
    write("ratings.jsonl", lines.as_bytes())?;
    write("ratings.csv.zst", &zstd::encode_all(csv.as_bytes(), 3)?)?;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(csv.as_bytes())?;
    write("ratings.csv.gz", &packed.finish()?)?;
    parquet(&dir.path().join("ratings.parquet"), &ratings)?;
    for name in ["ratings.csv", "ratings.csv.zst", "ratings.csv.gz", "ratings.jsonl", "ratings.parquet"] {
        let system = system(name)?;
        let sought = Sought::beside(dir.path());
        let mut fastest = f64::INFINITY;
        for _ in 0..REPEATS {
            let from = Instant::now();
            let read = import(&system, &sought, NOW, &mut |_, _| {}).map_err(|e| e.to_string())?;
            fastest = fastest.min(from.elapsed().as_secs_f64());
            assert_eq!(read.n_records(), ROWS as u64);
        }
        println!("{name:<16} {fastest:.3} s, {:.2} million rows a second", ROWS as f64 / fastest / 1e6);
    }
    Ok(())
}

/// User, item, stars, second: a fixed sequence in the order of time.
fn ratings() -> Vec<[i64; 4]> {
    let mut state = 1u64;
    let mut below = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % n) as i64
    };
    (0..ROWS as i64).map(|at| [below(6_040), below(3_883), below(5) + 1, 956_703_932 + at * 9]).collect()
}

fn parquet(path: &Path, ratings: &[[i64; 4]]) -> Result<(), Failed> {
    let column = |c: usize| Arc::new(Int64Array::from_iter_values(ratings.iter().map(|r| r[c])));
    let stars = Arc::new(Float64Array::from_iter_values(ratings.iter().map(|r| r[2] as f64)));
    let batch = RecordBatch::try_from_iter([
        ("user_id", column(0) as _),
        ("item_idx", column(1) as _),
        ("rating", stars as _),
        ("timestamp", column(3) as _),
    ])?;
    let mut writer = parquet::arrow::ArrowWriter::try_new(std::fs::File::create(path)?, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}

fn system(file: &str) -> Result<System, Failed> {
    let text = format!(
        r#"
[system]
name = "films"
task = "rank"
[actors.user]
[actors.movie]
[events.rating]
from = "{file}"
time = "timestamp"
actors = {{ user = "user_id", movie = "item_idx" }}
fields = {{ stars = {{ type = "number", column = "rating" }} }}
[decision]
each = "rating"
for = "user"
item = "movie"
[[candidates]]
kind = "some"
keep = 1
"#
    );
    let some = PartKind { name: "some", about: "", example: "", params: &[] };
    let (system, wrong) = read(&text, &Vocabulary { candidates: vec![some], ..Vocabulary::default() });
    system.filter(|_| wrong.is_empty()).ok_or_else(|| format!("{wrong:?}").into())
}
