//! A row as bytes, each of which answers many splits at once.
//!
//! A number is above a threshold if more of the forest's thresholds for its column are below it than are below that threshold: so a value
//! becomes the count of thresholds below it, and a split compares two bytes. Each way of treating what is missing has a byte of its
//! own, in which missing is the least or the greatest. A category becomes one bit for each split that looks at its column: whether it goes
//! to the right there. All this is exact: no split is decided otherwise than by the value itself.

use super::Cell;
use super::read::{Missing, Split, Test, Text};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Rows of a block.
pub(super) const ROWS: usize = 64;
/// `|x|` up to this is zero to LightGBM (its kZeroThreshold, a float), already where its C API takes in a row.
const ZERO: f64 = 1e-35f32 as f64;
/// Thresholds that one byte can tell apart; a column with more has several bytes.
const STEPS: usize = 255;

/// How rows become bytes and bits.
#[derive(Clone, Debug)]
pub(super) struct Codes {
    numbers: Vec<Number>,
    /// Distinct and ascending within each column.
    thresholds: Vec<f64>,
    categories: Vec<Category>,
    /// Bytes that the numbers of a row make.
    pub(super) n_bytes: usize,
    /// 64-bit words that the categories of a row make.
    pub(super) n_words: usize,
}

/// A column of numbers.
#[derive(Clone, Debug)]
struct Number {
    column: usize,
    thresholds: Range<usize>,
    /// How many thresholds are below zero.
    zero: u32,
    bytes: Vec<Byte>,
}

/// One way to write a number down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Byte {
    column: usize,
    missing: Missing,
    missing_left: bool,
    /// How many times [`STEPS`] thresholds come before those it tells apart.
    part: usize,
}

/// A column of categories.
#[derive(Clone, Debug)]
struct Category {
    column: usize,
    /// By category: those that are in the same sets are of one class, those in none of class 0.
    classes: Vec<u32>,
    /// Words of one class, and so of a row.
    n_words: usize,
    /// By class: a bit for each split on the column, set where it goes to the right.
    bits: Vec<u64>,
}

/// Where a split finds its answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// To the right if this byte is above `threshold`, which is under 255.
    Byte { byte: usize, threshold: u8 },
    /// To the right if this bit is set.
    Bit(usize),
}

impl Codes {
    /// The codes that answer every split of a forest, and the answers in the order of trees and splits.
    pub(super) fn new(text: &Text) -> (Self, Vec<Answer>) {
        let splits = || text.trees.iter().flat_map(|t| &t.splits);
        let mut found: Vec<Vec<f64>> = vec![Vec::new(); text.n_columns];
        for split in splits() {
            if let Test::UpTo { threshold, .. } = split.test {
                found[split.column].push(threshold);
            }
        }
        for thresholds in &mut found {
            thresholds.sort_unstable_by(f64::total_cmp);
            thresholds.dedup();
        }
        let below = |split: &Split, threshold: f64| found[split.column].partition_point(|t| *t < threshold);
        let byte_of = |split: &Split| match split.test {
            Test::UpTo { threshold, missing, missing_left } => {
                // Where nothing is missing, the default says nothing.
                let missing_left = missing_left && missing != Missing::Nothing;
                Some(Byte { column: split.column, missing, missing_left, part: below(split, threshold) / STEPS })
            }
            Test::In(_) => None,
        };
        let mut bytes: BTreeMap<Byte, usize> = splits().filter_map(byte_of).map(|b| (b, 0)).collect();
        bytes.values_mut().enumerate().for_each(|(i, at)| *at = i);

        let (categories, first_bits) = categories(text);
        let mut next_bits = first_bits;
        let answer = |split: &Split| match (&split.test, byte_of(split)) {
            (Test::UpTo { threshold, .. }, Some(byte)) => {
                Answer::Byte { byte: bytes[&byte], threshold: (below(split, *threshold) % STEPS) as u8 }
            }
            _ => {
                next_bits[split.column] += 1;
                Answer::Bit(next_bits[split.column] - 1)
            }
        };
        let answers = splits().map(answer).collect();
        let mut out = Self {
            numbers: Vec::new(),
            thresholds: Vec::new(),
            n_bytes: bytes.len(),
            n_words: categories.iter().map(|c| c.n_words).sum(),
            categories,
        };
        for (column, of) in found.iter().enumerate().filter(|(_, t)| !t.is_empty()) {
            let start = out.thresholds.len();
            out.thresholds.extend_from_slice(of);
            out.numbers.push(Number {
                column,
                thresholds: start..out.thresholds.len(),
                zero: of.partition_point(|t| *t < 0.0) as u32,
                bytes: bytes.keys().filter(|b| b.column == column).copied().collect(),
            });
        }
        (out, answers)
    }

    /// The column that each byte of [`Codes::row`] comes from.
    pub(super) fn columns(&self) -> Vec<usize> {
        let numbers = self.numbers.iter().flat_map(|n| n.bytes.iter().map(|b| b.column));
        let categories = self.categories.iter().flat_map(|c| std::iter::repeat_n(c.column, c.n_words * 8));
        numbers.chain(categories).collect()
    }

    /// Bytes of one row: of its numbers, then the bits of its categories, the lowest first.
    pub(super) fn n_row(&self) -> usize {
        self.n_bytes + self.n_words * 8
    }

    /// One row; `out` has [`Codes::n_row`] bytes.
    pub(super) fn row<T: Cell>(&self, row: &[T], out: &mut [u8]) {
        let (bytes, mut bits) = out.split_at_mut(self.n_bytes);
        let mut bytes = bytes.iter_mut();
        for number in &self.numbers {
            let x = taken(row[number.column].wide());
            let below = rank(&self.thresholds[number.thresholds.clone()], x);
            for (how, out) in number.bytes.iter().zip(&mut bytes) {
                *out = how.code(x, below, number.zero);
            }
        }
        for category in &self.categories {
            let (own, rest) = bits.split_at_mut(category.n_words * 8);
            for (out, word) in own.chunks_exact_mut(8).zip(category.bits_of(row[category.column].wide())) {
                out.copy_from_slice(&word.to_le_bytes());
            }
            bits = rest;
        }
    }

    /// Up to [`ROWS`] rows of `n_columns` values: by byte, then by row; and by split on categories a word with a bit for each row. Rows that
    /// are not there get the codes of zeros.
    #[inline(always)]
    pub(super) fn block<T: Cell>(&self, rows: &[T], n_columns: usize, bytes: &mut [[u8; ROWS]], bits: &mut [u64]) {
        let mut bytes = bytes.iter_mut();
        for number in &self.numbers {
            let mut x = [0.0f64; ROWS];
            for (x, row) in x.iter_mut().zip(rows.chunks_exact(n_columns)) {
                *x = taken(row[number.column].wide());
            }
            let below = ranks(&self.thresholds[number.thresholds.clone()], &x);
            for (how, out) in number.bytes.iter().zip(&mut bytes) {
                for i in 0..ROWS {
                    out[i] = how.code(x[i], below[i], number.zero);
                }
            }
        }
        let mut bits = bits.as_chunks_mut::<64>().0.iter_mut();
        for category in &self.categories {
            let mut of = [category.bits_of(0.0); ROWS];
            for (of, row) in of.iter_mut().zip(rows.chunks_exact(n_columns)) {
                *of = category.bits_of(row[category.column].wide());
            }
            for (word, out) in (0..category.n_words).zip(&mut bits) {
                for (out, of) in out.iter_mut().zip(&of) {
                    *out = of[word];
                }
                transpose(out);
            }
        }
    }
}

/// A number as LightGBM takes it: what is nearly zero is zero.
#[inline(always)]
fn taken(x: f64) -> f64 {
    if x.abs() <= ZERO { 0.0 } else { x }
}

impl Byte {
    /// The code of a value with `below` thresholds below it; `zero` are below zero.
    #[inline(always)]
    fn code(self, x: f64, below: u32, zero: u32) -> u8 {
        let (is_missing, below) = match self.missing {
            Missing::Nothing => (false, if x.is_nan() { zero } else { below }),
            Missing::Zero => (x.is_nan() || x == 0.0, below),
            Missing::Nan => (x.is_nan(), below),
        };
        let code = below.saturating_sub((self.part * STEPS) as u32).min(255) as u8;
        match (is_missing, self.missing_left) {
            (true, true) => 0,
            (true, false) => 255,
            (false, _) => code,
        }
    }
}

impl Category {
    /// The integer part of the value, if it is not missing, not negative and an int in C, says the category.
    #[inline(always)]
    fn bits_of(&self, x: f64) -> &[u64] {
        let known = x > -1.0 && x < self.classes.len() as f64;
        let class = if known { self.classes[x as usize] as usize } else { 0 };
        &self.bits[class * self.n_words..(class + 1) * self.n_words]
    }
}

/// How many of ascending thresholds are below a value; 0 for NaN.
#[inline(always)]
fn rank(thresholds: &[f64], x: f64) -> u32 {
    let (mut at, mut len) = (0, thresholds.len());
    while len > 1 {
        let half = len / 2;
        at += if thresholds[at + half - 1] < x { half } else { 0 };
        len -= half;
    }
    (at + usize::from(thresholds[at] < x)) as u32
}

/// [`rank`] of many values, whose searches go side by side.
#[inline(always)]
fn ranks(thresholds: &[f64], x: &[f64; ROWS]) -> [u32; ROWS] {
    let mut at = [0u32; ROWS];
    let mut len = thresholds.len();
    while len > 1 {
        let half = len / 2;
        for (at, x) in at.iter_mut().zip(x) {
            *at += if thresholds[*at as usize + half - 1] < *x { half as u32 } else { 0 };
        }
        len -= half;
    }
    for (at, x) in at.iter_mut().zip(x) {
        *at += u32::from(thresholds[*at as usize] < *x);
    }
    at
}

/// Bit j of word i to bit i of word j (Warren, "Hacker's Delight", 7-3).
#[inline(always)]
fn transpose(words: &mut [u64; 64]) {
    let mut width = 32;
    let mut mask = u64::MAX >> 32;
    while width > 0 {
        for pair in words.chunks_exact_mut(2 * width) {
            let (low, high) = pair.split_at_mut(width);
            for (low, high) in low.iter_mut().zip(high) {
                let swap = ((*low >> width) ^ *high) & mask;
                *high ^= swap;
                *low ^= swap << width;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

/// The columns of categories, and for each column of the forest the first of its bits.
fn categories(text: &Text) -> (Vec<Category>, Vec<usize>) {
    let mut sets: Vec<Vec<&[u32]>> = vec![Vec::new(); text.n_columns];
    for split in text.trees.iter().flat_map(|t| &t.splits) {
        if let Test::In(set) = &split.test {
            sets[split.column].push(set);
        }
    }
    let (mut out, mut first_bits, mut n_words) = (Vec::new(), vec![0; text.n_columns], 0);
    for (column, sets) in sets.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
        first_bits[column] = n_words * 64;
        let category = category(column, sets);
        n_words += category.n_words;
        out.push(category);
    }
    (out, first_bits)
}

fn category(column: usize, sets: &[&[u32]]) -> Category {
    let n_words = sets.len().div_ceil(64);
    let n_codes = 32 * sets.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut bits = vec![u64::MAX; n_words];
    let mut known = HashMap::from([(bits.clone(), 0)]);
    let class_of = |code: usize| {
        let mut own = vec![u64::MAX; n_words];
        for (i, set) in sets.iter().enumerate() {
            if set.get(code / 32).is_some_and(|w| w >> (code % 32) & 1 == 1) {
                own[i / 64] &= !(1 << (i % 64));
            }
        }
        let next = known.len() as u32;
        *known.entry(own).or_insert_with_key(|own| {
            bits.extend_from_slice(own);
            next
        })
    };
    let classes = (0..n_codes).map(class_of).collect();
    Category { column, classes, n_words, bits }
}
