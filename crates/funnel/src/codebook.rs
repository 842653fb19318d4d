//! Codebooks: the words of a category feature to the small codes that models were fitted on.

use serde::{Deserialize, Serialize};
use tamis_spec::actors::Interner;

/// The words of one feature in the order of their codes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Codebook {
    /// Code 0, 1, ...
    pub words: Vec<String>,
}

/// A codebook laid out for the dictionary at hand: the code of every word's id, NaN for a word that fitting never met.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    by_id: Vec<f32>,
}

impl Codebook {
    /// Gives codes to the word ids in a column, in the order of the words themselves.
    pub fn of_column(ids: impl Iterator<Item = f32>, words: &Interner) -> Self {
        let mut met: Vec<u32> = ids.filter(|v| !v.is_nan()).map(|v| v as u32).collect();
        met.sort_unstable();
        met.dedup();
        let mut words: Vec<String> = met.into_iter().map(|id| words.name(id).to_string()).collect();
        words.sort_unstable();
        Self { words }
    }

    /// Lays it out for a dictionary.
    pub fn open(&self, words: &Interner) -> Codes {
        let mut by_id = Vec::new();
        for (code, word) in self.words.iter().enumerate() {
            let id = words.find(word);
            if id != tamis_spec::MISSING {
                if by_id.len() <= id as usize {
                    by_id.resize(id as usize + 1, f32::NAN);
                }
                by_id[id as usize] = code as f32;
            }
        }
        Codes { by_id }
    }
}

impl Codes {
    /// Replaces word ids in a column by codes.
    pub fn apply<'v>(&self, column: impl Iterator<Item = &'v mut f32>) {
        for v in column {
            *v = if v.is_nan() { f32::NAN } else { self.by_id.get(*v as usize).copied().unwrap_or(f32::NAN) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_words_and_unmet_words_are_missing() {
        let mut words = Interner::default();
        let (b, a, c) = (words.intern("b") as f32, words.intern("a") as f32, words.intern("c") as f32);
        let book = Codebook::of_column([b, f32::NAN, a, b].into_iter(), &words);
        assert_eq!(book.words, ["a", "b"]);
        let mut column = [a, b, c, f32::NAN];
        book.open(&words).apply(column.iter_mut());
        assert_eq!(column[..2], [0.0, 1.0]);
        assert!(column[2].is_nan() && column[3].is_nan());
    }
}
