//! `Mask`: a set of dense indices that is emptied in time proportional to what was put in.

/// A set of indices.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    words: Vec<u64>,
    touched: Vec<u32>,
}

impl Mask {
    /// Whether `idx` is in the set.
    #[inline]
    pub fn has(&self, idx: u32) -> bool {
        self.words.get(idx as usize / 64).is_some_and(|w| w >> (idx % 64) & 1 == 1)
    }

    /// Puts `idx` in; true if it was not there.
    #[inline]
    pub fn insert(&mut self, idx: u32) -> bool {
        let at = idx as usize / 64;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let (word, bit) = (&mut self.words[at], 1u64 << (idx % 64));
        if *word & bit != 0 {
            return false;
        }
        if *word == 0 {
            self.touched.push(at as u32);
        }
        *word |= bit;
        true
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        for at in self.touched.drain(..) {
            self.words[at as usize] = 0;
        }
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.touched.iter().flat_map(|at| {
            let mut word = self.words[*at as usize];
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                (word != 0).then(|| {
                    word &= word - 1;
                    at * 64 + bit
                })
            })
        })
    }

    /// How many are in the set.
    pub fn count(&self) -> usize {
        self.touched.iter().map(|at| self.words[*at as usize].count_ones() as usize).sum()
    }

    /// Its bits, 64 a word, lowest index lowest; indices past the end are not in the set.
    pub fn words(&self) -> &[u64] {
        &self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_mask_is_empty_and_usable_again() {
        let mut mask = Mask::default();
        assert!(mask.insert(3) && mask.insert(64) && !mask.insert(3));
        assert_eq!(mask.count(), 2);
        assert_eq!(mask.iter().collect::<Vec<_>>(), [3, 64]);
        mask.clear();
        assert!(!mask.has(3) && !mask.has(64) && !mask.has(1_000_000));
        assert!(mask.insert(64));
        assert_eq!(mask.count(), 1);
    }
}
