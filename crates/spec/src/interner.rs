//! Texts as numbers: keys of actors and words of fields, numbered in the order in which they appear.

use crate::MISSING;
use crate::batch::Texts;
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

/// Text to dense index, in order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    names: Texts,
    /// What is compared first, and the index: of a short text that is all of it, so that looking it up waits for memory once.
    table: HashTable<(Head, u32)>,
}

/// Stands for a text: a short one itself, zeros behind it, and its length; of a long one the hash, and [`LONG`].
type Head = [u8; HEAD_BYTES];

const HEAD_BYTES: usize = 12;
/// In the place of a length: the text has to be compared too.
const LONG: u8 = u8::MAX;

fn head_of(text: &str, hash: u64) -> Head {
    let mut head = [0; HEAD_BYTES];
    if text.len() < HEAD_BYTES {
        head[..text.len()].copy_from_slice(text.as_bytes());
        head[HEAD_BYTES - 1] = text.len() as u8;
    } else {
        head[..8].copy_from_slice(&hash.to_le_bytes());
        head[HEAD_BYTES - 1] = LONG;
    }
    head
}

fn hash_of(text: &str) -> u64 {
    FxBuildHasher.hash_one(text)
}

impl Interner {
    /// The index of a text, made if it is new.
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash = hash_of(text);
        let head = head_of(text, hash);
        if let Some(idx) = self.known(text, hash, &head) {
            return idx;
        }
        let idx = self.names.len() as u32;
        self.names.push(text);
        let names = &self.names;
        self.table.insert_unique(hash, (head, idx), |(_, i)| hash_of(names.get(*i as usize)));
        idx
    }

    /// The index of a text if it is known, else [`MISSING`].
    pub fn find(&self, text: &str) -> u32 {
        let hash = hash_of(text);
        self.known(text, hash, &head_of(text, hash)).unwrap_or(MISSING)
    }

    #[inline]
    fn known(&self, text: &str, hash: u64, head: &Head) -> Option<u32> {
        let same =
            |(h, i): &(Head, u32)| h == head && (h[HEAD_BYTES - 1] != LONG || self.names.get(*i as usize) == text);
        self.table.find(hash, same).map(|(_, idx)| *idx)
    }

    /// The text of an index.
    pub fn name(&self, idx: u32) -> &str {
        self.names.get(idx as usize)
    }

    /// All texts in index order.
    pub fn names(&self) -> &Texts {
        &self.names
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_numbered_as_they_appear_whatever_their_length() {
        let mut known = Interner::default();
        let texts: Vec<String> = (0..400).map(|i| format!("{i:0width$}", width = 1 + i % 16)).collect();
        let mut expected: Vec<&str> = Vec::new();
        for text in texts.iter().chain(&texts).map(String::as_str).chain(["", "a", "a\0", "a\0\0\0\0\0\0\0\0\0\0"]) {
            let at = expected.iter().position(|e| *e == text).unwrap_or_else(|| {
                assert_eq!(known.find(text), MISSING, "{text:?}");
                expected.push(text);
                expected.len() - 1
            });
            assert_eq!((known.intern(text), known.find(text)), (at as u32, at as u32), "{text:?}");
        }
        assert_eq!(known.names().iter().collect::<Vec<_>>(), expected);
    }
}
