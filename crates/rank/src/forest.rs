//! Our own evaluation of LightGBM's forests: the same sums to the last bit, faster.
//!
//! A row becomes bytes that answer splits (`codes`). A few rows go down the trees (`walk`); many are split 64 at a time (`blocks`).

mod blocks;
mod codes;
mod read;
#[cfg(test)]
mod reference;
mod simd;
#[cfg(test)]
mod tests;
mod walk;

use crate::model::Error;
use blocks::Blocks;
use codes::{Codes, ROWS};
use simd::{Portable, Simd};
use walk::Walk;

/// A forest.
#[derive(Clone, Debug)]
pub struct Forest {
    n_columns: usize,
    codes: Codes,
    walk: Walk,
    /// None for trees of many leaves, where deciding every split costs more than walking.
    blocks: Option<Blocks>,
    /// What the sum is divided by: 1, or the number of trees of a random forest.
    divisor: f64,
    processor: Processor,
}

/// What blocks are computed with.
#[derive(Clone, Copy, Debug)]
enum Processor {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(simd::x86::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(simd::x86::Avx512),
}

/// From so many rows on a block is cheaper than walks.
const WORTH_A_BLOCK: usize = 10;

/// A value of a row.
pub trait Cell: Copy {
    /// Widened without loss.
    fn wide(self) -> f64;
}

impl Cell for f32 {
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Cell for f64 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
}

impl Forest {
    /// Reads LightGBM's text model. Refused: text that is cut or does not hold what its counts say, several classes, linear trees, and
    /// splits that need more than 65,535 bytes a row (some 500,000 splits on categories).
    pub fn read(text: &str) -> Result<Self, Error> {
        let text = read::read(text)?;
        let (codes, answers) = Codes::new(&text);
        Ok(Self {
            n_columns: text.n_columns,
            walk: Walk::new(&text, &codes, &answers)?,
            blocks: Blocks::new(&text, &answers),
            codes,
            divisor: if text.average { text.trees.len().max(1) as f64 } else { 1.0 },
            processor: Processor::found(),
        })
    }

    /// Columns that a row must have.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// How many trees there are.
    pub fn n_trees(&self) -> usize {
        self.walk.n_trees()
    }

    /// Raw scores, equal to LightGBM's; of a random forest the mean of its trees, where LightGBM's raw score is their sum. `rows`:
    /// [n, n_columns] row-major; `out`: [n]. A category beyond the integers of C goes to the right, as it does in LightGBM on x86-64.
    pub fn score<T: Cell>(&self, rows: &[T], out: &mut [f64]) {
        assert_eq!(rows.len(), out.len() * self.n_columns, "rows have as many values as the forest has columns");
        let in_blocks = match &self.blocks {
            Some(blocks) if out.len() % ROWS >= WORTH_A_BLOCK => self.in_blocks(blocks, rows, out),
            Some(blocks) if out.len() >= ROWS => {
                let whole = out.len() / ROWS * ROWS;
                self.in_blocks(blocks, &rows[..whole * self.n_columns], &mut out[..whole])
            }
            _ => 0,
        };
        self.in_walks(&rows[in_blocks * self.n_columns..], &mut out[in_blocks..]);
        if self.divisor != 1.0 {
            out.iter_mut().for_each(|o| *o /= self.divisor);
        }
    }

    fn in_walks<T: Cell>(&self, rows: &[T], out: &mut [f64]) {
        if out.is_empty() {
            return;
        }
        let (mut codes, mut leaves) = (vec![0; self.codes.n_row().max(1)], vec![0; self.n_trees()]);
        for (row, out) in rows.chunks_exact(self.n_columns).zip(out) {
            self.codes.row(row, &mut codes);
            *out = self.walk.score(&codes, &mut leaves);
        }
    }

    /// Returns how many rows there were.
    fn in_blocks<T: Cell>(&self, blocks: &Blocks, rows: &[T], out: &mut [f64]) -> usize {
        match self.processor {
            Processor::Portable => self.with(Portable, blocks, rows, out),
            // SAFETY: the processor was asked whether it can.
            #[cfg(target_arch = "x86_64")]
            Processor::Avx2(simd) => unsafe { self.with_avx2(simd, blocks, rows, out) },
            // SAFETY: the processor was asked whether it can.
            #[cfg(target_arch = "x86_64")]
            Processor::Avx512(simd) => unsafe { self.with_avx512(simd, blocks, rows, out) },
        }
        out.len()
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn with_avx2<T: Cell>(&self, simd: simd::x86::Avx2, blocks: &Blocks, rows: &[T], out: &mut [f64]) {
        self.with(simd, blocks, rows, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,bmi1,bmi2,popcnt")]
    fn with_avx512<T: Cell>(&self, simd: simd::x86::Avx512, blocks: &Blocks, rows: &[T], out: &mut [f64]) {
        self.with(simd, blocks, rows, out);
    }

    #[inline(always)]
    fn with<T: Cell, S: Simd>(&self, simd: S, blocks: &Blocks, rows: &[T], out: &mut [f64]) {
        let mut bytes = vec![[0; ROWS]; self.codes.n_bytes];
        let mut bits = vec![0; self.codes.n_words * 64];
        for (rows, out) in rows.chunks(self.n_columns * ROWS).zip(out.chunks_mut(ROWS)) {
            self.codes.block(rows, self.n_columns, &mut bytes, &mut bits);
            out.copy_from_slice(&blocks.score(simd, &bytes, &bits)[..out.len()]);
        }
    }

    /// What each column adds to the score of one row on its way down, against the forest's average; returns that average.
    /// The change of the mean value at each split goes to the column it looks at (Saabas, "Interpreting random forests", 2014).
    pub fn contributions<T: Cell>(&self, row: &[T], out: &mut [f64]) -> f64 {
        assert!(
            row.len() == self.n_columns && out.len() == self.n_columns,
            "a row has as many values as there are columns"
        );
        let mut codes = vec![0; self.codes.n_row().max(1)];
        self.codes.row(row, &mut codes);
        out.fill(0.0);
        let base = self.walk.contributions(&codes, out);
        out.iter_mut().for_each(|o| *o /= self.divisor);
        base / self.divisor
    }
}

impl Processor {
    /// The best there is.
    fn found() -> Self {
        Self::all_found().next().unwrap_or(Self::Portable)
    }

    /// What this processor can do, the best first.
    fn all_found() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let own = {
            use simd::x86::{Avx2, Avx512};
            [Avx512::found().map(Self::Avx512), Avx2::found().map(Self::Avx2)]
        };
        #[cfg(not(target_arch = "x86_64"))]
        let own = [None];
        own.into_iter().flatten().chain([Self::Portable])
    }
}
