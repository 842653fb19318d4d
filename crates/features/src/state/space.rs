//! Key spaces: what a cell's keys are. One actor or category is its own dense index; pairs are interned to dense indices.

use super::keys::KeyPart;
use super::memory::{large_pages, prefetch};
use crate::function::{Per, Ty};
use tamis_spec::MISSING;
use tamis_spec::mix::{GOLDEN, mix};

/// A `by`, as a decision reads it.
pub struct SpaceSpec {
    /// As written.
    pub about: String,
    /// Whether candidates have different keys.
    pub per: Per,
    /// Types of its parts.
    pub tys: Vec<Ty>,
    /// Its one or two parts.
    pub parts: Vec<KeyPart>,
}

/// The keys that were met.
#[derive(Clone, Debug)]
pub enum Space {
    /// Keys are the part's own indices.
    Dense,
    /// Keys are pairs, in order of first appearance.
    Pairs(Pairs),
}

/// Pairs and their keys: open addressing with linear probing, so that looking one up waits for memory once.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// A power of two of (a, b, key); `MISSING` keys are free.
    slots: Vec<[u32; 3]>,
    n: usize,
}

const FREE: [u32; 3] = [MISSING; 3];
/// Slots of the smallest table.
const SLOTS_MIN: usize = 16;
/// So many pairs ahead, the slot of one is asked for.
const AHEAD: usize = 12;

impl Pairs {
    #[inline]
    fn slot(&self, a: u32, b: u32) -> usize {
        let hash = mix((u64::from(a) << 32 | u64::from(b)).wrapping_add(1).wrapping_mul(GOLDEN));
        hash as usize & (self.slots.len() - 1)
    }

    /// The slot of a pair, or the free one where it would be.
    #[inline]
    fn find(&self, a: u32, b: u32) -> usize {
        let mut at = self.slot(a, b);
        while self.slots[at][2] != MISSING && self.slots[at][..2] != [a, b] {
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }

    #[inline]
    fn get(&self, a: u32, b: u32) -> u32 {
        if self.slots.is_empty() { MISSING } else { self.slots[self.find(a, b)][2] }
    }

    #[inline]
    fn intern(&mut self, a: u32, b: u32) -> u32 {
        if self.n * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let at = self.find(a, b);
        if self.slots[at][2] == MISSING {
            self.slots[at] = [a, b, self.n as u32];
            self.n += 1;
        }
        self.slots[at][2]
    }

    #[cold]
    fn grow(&mut self) {
        let n = (self.slots.len() * 2).max(SLOTS_MIN);
        let mut larger = Vec::with_capacity(n);
        large_pages(&larger);
        larger.resize(n, FREE);
        let old = std::mem::replace(&mut self.slots, larger);
        for slot in old.into_iter().filter(|s| s[2] != MISSING) {
            let at = self.find(slot[0], slot[1]);
            self.slots[at] = slot;
        }
    }

    #[inline]
    fn prefetch(&self, a: u32, b: u32) {
        if !self.slots.is_empty() {
            prefetch(&self.slots[self.slot(a, b)]);
        }
    }
}

/// Makes one key of two parts.
pub(crate) trait Pairing {
    /// The key of a pair; `MISSING` where there is none.
    fn pair(&mut self, a: u32, b: u32) -> u32;
    /// Asks for what a pair needs to be near.
    fn near(&self, a: u32, b: u32);
    /// The keys of many pairs, in their order, in place of their first parts.
    fn pairs(&mut self, a: &mut [u32], b: &[u32]) {
        for row in 0..a.len() {
            if row + AHEAD < a.len() {
                self.near(a[row + AHEAD], b[row + AHEAD]);
            }
            a[row] = self.pair(a[row], b[row]);
        }
    }
}

/// Finds pairs; `MISSING` for one that was never met.
pub(crate) struct Find<'s>(pub(crate) &'s Space);

impl Pairing for Find<'_> {
    #[inline]
    fn pair(&mut self, a: u32, b: u32) -> u32 {
        match self.0 {
            Space::Dense => a,
            Space::Pairs(pairs) => pairs.get(a, b),
        }
    }

    #[inline]
    fn near(&self, a: u32, b: u32) {
        if let Space::Pairs(pairs) = self.0 {
            pairs.prefetch(a, b);
        }
    }
}

/// Finds pairs and makes a key where one is new; `MISSING` if a part is.
pub(crate) struct Intern<'s>(pub(crate) &'s mut Space);

impl Pairing for Intern<'_> {
    #[inline]
    fn pair(&mut self, a: u32, b: u32) -> u32 {
        match self.0 {
            Space::Dense => a,
            Space::Pairs(_) if a == MISSING || b == MISSING => MISSING,
            Space::Pairs(pairs) => pairs.intern(a, b),
        }
    }

    #[inline]
    fn near(&self, a: u32, b: u32) {
        if let Space::Pairs(pairs) = &self.0 {
            pairs.prefetch(a, b);
        }
    }
}

impl Space {
    /// No keys yet.
    pub fn new(n_parts: usize) -> Self {
        if n_parts == 1 { Self::Dense } else { Self::Pairs(Pairs::default()) }
    }

    /// Resident bytes, near enough.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Dense => 0,
            Self::Pairs(pairs) => pairs.slots.capacity() * size_of::<[u32; 3]>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn pairs_are_numbered_as_they_appear_and_found_again() {
        let (mut space, mut expected) = (Space::new(2), HashMap::new());
        let mut draw = 1u64;
        for _ in 0..20_000 {
            draw = mix(draw.wrapping_add(GOLDEN));
            let pair = ((draw % 100) as u32, (draw >> 32) as u32 % 300);
            let next = expected.len() as u32;
            assert_eq!(Intern(&mut space).pair(pair.0, pair.1), *expected.entry(pair).or_insert(next));
        }
        let (mut a, b): (Vec<u32>, Vec<u32>) = expected.keys().copied().unzip();
        let keys: Vec<u32> = expected.values().copied().collect();
        Find(&space).pairs(&mut a, &b);
        assert_eq!(a, keys);
        assert_eq!(Find(&space).pair(100, 0), MISSING);
        assert_eq!(Intern(&mut space).pair(MISSING, 0), MISSING);
    }
}
