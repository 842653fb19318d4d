//! A batch to bytes and back, column by column; decoding answers to any bytes and never panics.
//!
//! Order: runs or one number a record. Then for each kind that has records: moments as differences, what became known as
//! the delay, texts as a dictionary where words repeat, numbers as integers where they are.

mod texts;

use crate::wire::{Reader, put_varint, unzigzag, zigzag};
use std::fmt;
use tamis_spec::batch::{Batch, Column, Rows, Schema, TagRows};
use texts::{get_texts, put_texts};

/// Why bytes are not a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Where, in bytes of the payload.
    pub at: usize,
    /// What should have been there.
    pub expected: &'static str,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {} of the payload", self.expected, self.at)
    }
}

/// Vectors are at most so long.
pub const DIMENSIONS_MAX: usize = 65_536;

const RUNS: u8 = 0;
const NARROW: u8 = 1;
const WIDE: u8 = 2;

const RAW: u8 = 0;
const INTEGERS: u8 = 1;
const SINGLE: u8 = 2;

const ALL_ONE: u8 = 0;
const EACH: u8 = 1;

/// Appends a batch of `schema`, whose columns have the lengths that its order says, to `out`.
///
/// A NaN is a NaN afterwards, whichever it was; everything else comes back as it was, to the bit. Columns of a kind without
/// records come back as [`Schema::batch`] makes them.
pub fn encode(batch: &Batch, out: &mut Vec<u8>) {
    put_order(&batch.order, out);
    for rows in batch.rows.iter().filter(|r| !r.is_empty()) {
        put_moments(&rows.time, out);
        put_known(rows, out);
        rows.keys.iter().for_each(|k| put_texts(k, out));
        rows.fields.iter().for_each(|c| put_column(c, out));
    }
}

/// Reads a batch of `n_records` records of `schema`.
pub fn decode(bytes: &[u8], schema: &Schema, n_records: usize) -> Result<Batch, DecodeError> {
    let r = &mut Reader::new(bytes);
    let mut batch = schema.batch();
    batch.order = get_order(r, n_records, schema.records.len())?;
    let mut counts = vec![0usize; schema.records.len()];
    batch.order.iter().for_each(|k| counts[*k as usize] += 1);
    for (rows, &n) in batch.rows.iter_mut().zip(&counts).filter(|(_, n)| **n > 0) {
        rows.time = get_moments(r, n)?;
        rows.known = get_known(r, &rows.time)?;
        for keys in &mut rows.keys {
            *keys = get_texts(r, n)?;
        }
        for column in &mut rows.fields {
            get_column(r, column, n)?;
        }
    }
    if r.left() > 0 {
        return Err(r.error("the end"));
    }
    Ok(batch)
}

fn put_order(order: &[u16], out: &mut Vec<u8>) {
    let n_runs = order.chunk_by(|a, b| a == b).count();
    if n_runs * 3 <= order.len() {
        out.push(RUNS);
        for run in order.chunk_by(|a, b| a == b) {
            put_varint(out, u64::from(run[0]));
            put_varint(out, run.len() as u64);
        }
    } else if order.iter().all(|k| *k < 256) {
        out.push(NARROW);
        out.extend(order.iter().map(|k| *k as u8));
    } else {
        out.push(WIDE);
        out.extend(order.iter().flat_map(|k| k.to_le_bytes()));
    }
}

fn get_order(r: &mut Reader, n: usize, n_kinds: usize) -> Result<Vec<u16>, DecodeError> {
    let mut order = Vec::new();
    match r.byte()? {
        RUNS => {
            while order.len() < n {
                let (kind, run) = (r.varint()?, r.varint()?);
                if kind >= n_kinds as u64 || run == 0 || run > (n - order.len()) as u64 {
                    return Err(r.error("a run of a kind of record"));
                }
                order.resize(order.len() + run as usize, kind as u16);
            }
        }
        NARROW => order.extend(r.take(n)?.iter().map(|b| u16::from(*b))),
        WIDE => order.extend(r.take(n.saturating_mul(2))?.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]))),
        _ => return Err(r.error("a form of order")),
    }
    match order.iter().all(|k| usize::from(*k) < n_kinds) {
        true => Ok(order),
        false => Err(r.error("kinds of record that the schema has")),
    }
}

fn put_moments(moments: &[i64], out: &mut Vec<u8>) {
    let mut before = 0i64;
    for &m in moments {
        put_varint(out, zigzag(m.wrapping_sub(before)));
        before = m;
    }
}

fn get_moments(r: &mut Reader, n: usize) -> Result<Vec<i64>, DecodeError> {
    let mut moments = with_room(r, n, 1)?;
    let mut before = 0i64;
    for _ in 0..n {
        before = before.wrapping_add(unzigzag(r.varint()?));
        moments.push(before);
    }
    Ok(moments)
}

fn put_known(rows: &Rows, out: &mut Vec<u8>) {
    if rows.known == rows.time {
        return out.push(0);
    }
    out.push(1);
    for (known, time) in rows.known.iter().zip(&rows.time) {
        put_varint(out, zigzag(known.wrapping_sub(*time)));
    }
}

fn get_known(r: &mut Reader, time: &[i64]) -> Result<Vec<i64>, DecodeError> {
    match r.byte()? {
        0 => Ok(time.to_vec()),
        1 => time.iter().map(|t| Ok(t.wrapping_add(unzigzag(r.varint()?)))).collect(),
        _ => Err(r.error("a form of delays")),
    }
}

fn put_column(column: &Column, out: &mut Vec<u8>) {
    match column {
        Column::Numbers(v) => put_numbers(v, out),
        Column::Texts(t) => put_texts(t, out),
        Column::Tags(t) => put_tags(t, out),
        Column::Times(v) => put_moments(v, out),
        Column::Vectors { dimensions, values } => {
            put_varint(out, *dimensions as u64);
            put_singles(values.iter().copied(), out);
        }
        Column::Places(v) => put_singles(v.iter().flatten().copied(), out),
    }
}

fn get_column(r: &mut Reader, column: &mut Column, n: usize) -> Result<(), DecodeError> {
    match column {
        Column::Numbers(v) => *v = get_numbers(r, n)?,
        Column::Texts(t) => *t = get_texts(r, n)?,
        Column::Tags(t) => *t = get_tags(r, n)?,
        Column::Times(v) => *v = get_moments(r, n)?,
        Column::Vectors { dimensions, values } => {
            let d = r.varint()?;
            if d > DIMENSIONS_MAX as u64 {
                return Err(r.error("a vector's length"));
            }
            *dimensions = d as usize;
            *values = get_singles(r, n * *dimensions)?;
        }
        Column::Places(v) => *v = get_singles(r, n * 2)?.chunks_exact(2).map(|p| [p[0], p[1]]).collect(),
    }
    Ok(())
}

fn put_numbers(values: &[f64], out: &mut Vec<u8>) {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    // Two to the 53rd: beyond it not every integer is a number.
    let is_integer = |v: f64| v.is_nan() || (v.abs() < 9_007_199_254_740_992.0 && same(v as i64 as f64, v));
    if values.iter().all(|v| is_integer(*v)) {
        out.push(INTEGERS);
        values.iter().for_each(|v| put_varint(out, if v.is_nan() { 0 } else { zigzag(*v as i64) + 1 }));
    } else if values.iter().all(|v| same(f64::from(*v as f32), *v)) {
        out.push(SINGLE);
        put_singles(values.iter().map(|v| *v as f32), out);
    } else {
        out.push(RAW);
        out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }
}

fn get_numbers(r: &mut Reader, n: usize) -> Result<Vec<f64>, DecodeError> {
    match r.byte()? {
        INTEGERS => {
            let mut values = with_room(r, n, 1)?;
            for _ in 0..n {
                let code = r.varint()?;
                values.push(if code == 0 { f64::NAN } else { unzigzag(code - 1) as f64 });
            }
            Ok(values)
        }
        SINGLE => Ok(get_singles(r, n)?.into_iter().map(f64::from).collect()),
        RAW => {
            let bytes = r.take(n.saturating_mul(8))?;
            Ok(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
        }
        _ => Err(r.error("a form of numbers")),
    }
}

fn put_singles(values: impl Iterator<Item = f32>, out: &mut Vec<u8>) {
    out.extend(values.flat_map(|v| v.to_le_bytes()));
}

fn get_singles(r: &mut Reader, n: usize) -> Result<Vec<f32>, DecodeError> {
    let bytes = r.take(n.saturating_mul(4))?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

fn put_tags(tags: &TagRows, out: &mut Vec<u8>) {
    put_varint(out, tags.names.len() as u64);
    let mut before = 0;
    for &end in &tags.ends {
        put_varint(out, u64::from(end - before));
        before = end;
    }
    put_texts(&tags.names, out);
    if tags.weights.iter().all(|w| *w == 1.0) {
        return out.push(ALL_ONE);
    }
    out.push(EACH);
    put_singles(tags.weights.iter().copied(), out);
}

fn get_tags(r: &mut Reader, n: usize) -> Result<TagRows, DecodeError> {
    let n_names = r.count()?;
    let mut ends = with_room(r, n, 1)?;
    let mut end = 0u64;
    for _ in 0..n {
        end = end.saturating_add(r.varint()?);
        if end > n_names as u64 {
            return Err(r.error("rows that end within the tags"));
        }
        ends.push(end as u32);
    }
    if end != n_names as u64 {
        return Err(r.error("rows that hold all tags"));
    }
    let names = get_texts(r, n_names)?;
    let weights = match r.byte()? {
        ALL_ONE => vec![1.0; n_names],
        EACH => get_singles(r, n_names)?,
        _ => return Err(r.error("a form of weights")),
    };
    Ok(TagRows { ends, names, weights })
}

/// A vector with room for `n` values, each of which takes at least `bytes_each`: garbage cannot ask for more than it brings.
fn with_room<T>(r: &Reader, n: usize, bytes_each: usize) -> Result<Vec<T>, DecodeError> {
    match n.saturating_mul(bytes_each) <= r.left() {
        true => Ok(Vec::with_capacity(n)),
        false => Err(r.error("more bytes")),
    }
}
