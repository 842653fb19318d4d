//! An encoder that remembers what it has encoded: a text that comes again costs a look-up.

use rustc_hash::FxHashMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, RwLock};
use tamis_spec::encode::Encode;

/// Bytes of vectors that are remembered; beyond them all are forgotten at once.
pub const REMEMBERED_BYTES_MAX: usize = 256 << 20;

/// An encoder and its memory. Forgetting changes no answer.
pub struct Remembering<E> {
    of: E,
    known: RwLock<Known>,
}

/// Vectors by hash and length of their text.
type Known = FxHashMap<(u64, usize), Arc<[f32]>>;

impl<E: Encode> Remembering<E> {
    /// With nothing remembered.
    pub fn new(of: E) -> Self {
        Self { of, known: RwLock::default() }
    }
}

impl<E: Encode> Encode for Remembering<E> {
    fn dimensions(&self) -> usize {
        self.of.dimensions()
    }

    fn encode(&self, text: &str, out: &mut Vec<f32>) {
        let mut hasher = DefaultHasher::new();
        hasher.write(text.as_bytes());
        let name = (hasher.finish(), text.len());
        out.clear();
        if let Some(known) = self.known.read().expect("nobody panics here").get(&name) {
            out.extend_from_slice(known);
            return;
        }
        self.of.encode(text, out);
        let mut known = self.known.write().expect("nobody panics here");
        if known.len() * (out.len() * 4 + 64) > REMEMBERED_BYTES_MAX {
            known.clear();
        }
        known.insert(name, out.as_slice().into());
    }
}
