//! Batches without their first records: where a reader starts within a frame.

use tamis_spec::batch::{Batch, Column, Rows, TagRows, Texts};

/// Drops the first `n` records.
pub(crate) fn drop_first(batch: &mut Batch, n: usize) {
    let mut dropped = vec![0usize; batch.rows.len()];
    batch.order.drain(..n).for_each(|k| dropped[k as usize] += 1);
    for (rows, n) in batch.rows.iter_mut().zip(dropped).filter(|(_, n)| *n > 0) {
        drop_rows(rows, n);
    }
}

fn drop_rows(rows: &mut Rows, n: usize) {
    rows.time.drain(..n);
    rows.known.drain(..n);
    rows.keys.iter_mut().for_each(|k| drop_texts(k, n));
    for column in &mut rows.fields {
        match column {
            Column::Numbers(v) => drop(v.drain(..n)),
            Column::Texts(t) => drop_texts(t, n),
            Column::Tags(t) => drop_tags(t, n),
            Column::Times(v) => drop(v.drain(..n)),
            Column::Vectors { dimensions, values } => drop(values.drain(..n * *dimensions)),
            Column::Places(v) => drop(v.drain(..n)),
        }
    }
}

fn drop_texts(texts: &mut Texts, n: usize) {
    let from = if n == 0 { 0 } else { texts.ends[n - 1] };
    texts.bytes.drain(..from as usize);
    texts.ends.drain(..n);
    texts.ends.iter_mut().for_each(|e| *e -= from);
}

fn drop_tags(tags: &mut TagRows, n: usize) {
    let from = if n == 0 { 0 } else { tags.ends[n - 1] };
    tags.ends.drain(..n);
    tags.ends.iter_mut().for_each(|e| *e -= from);
    drop_texts(&mut tags.names, from as usize);
    tags.weights.drain(..from as usize);
}
