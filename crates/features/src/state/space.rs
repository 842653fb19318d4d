//! Key spaces: what a cell's keys are. One actor or category is its own dense index; pairs are interned to dense indices.

use super::keys::KeyPart;
use crate::function::{Per, Ty};
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;
use tamis_spec::MISSING;

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
    /// Keys are pairs, in order of first appearance: each pair with its key, so that looking one up waits for memory once.
    Pairs(HashTable<((u32, u32), u32)>),
}

fn hash_of(pair: (u32, u32)) -> u64 {
    FxBuildHasher.hash_one(u64::from(pair.0) << 32 | u64::from(pair.1))
}

impl Space {
    /// No keys yet.
    pub fn new(n_parts: usize) -> Self {
        if n_parts == 1 { Self::Dense } else { Self::Pairs(HashTable::new()) }
    }

    /// The key of a pair; `MISSING` if it was never met.
    #[inline]
    pub fn find(&self, a: u32, b: u32) -> u32 {
        match self {
            Self::Dense => a,
            Self::Pairs(table) => table.find(hash_of((a, b)), |e| e.0 == (a, b)).map_or(MISSING, |e| e.1),
        }
    }

    /// The key of a pair, made if it is new; `MISSING` if a part is.
    #[inline]
    pub fn intern(&mut self, a: u32, b: u32) -> u32 {
        if a == MISSING || b == MISSING {
            return MISSING;
        }
        match self {
            Self::Dense => a,
            Self::Pairs(table) => {
                let hash = hash_of((a, b));
                if let Some((_, known)) = table.find(hash, |e| e.0 == (a, b)) {
                    return *known;
                }
                let key = table.len() as u32;
                table.insert_unique(hash, ((a, b), key), |e| hash_of(e.0));
                key
            }
        }
    }

    /// Resident bytes, near enough.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Dense => 0,
            Self::Pairs(table) => table.capacity() * 15,
        }
    }
}
