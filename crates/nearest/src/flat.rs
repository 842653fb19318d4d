//! `Flat`: the nearest by looking at every vector. What is right for a few thousand vectors, and what an index is held against.

use crate::best::{Best, key};
use crate::build::VECTORS_MAX;
use crate::error::Error;
use crate::vector::{Similarity, likeness};
use tamis_spec::decision::Scored;
use tamis_spec::mask::Mask;
use tamis_spec::vectors::Vectors;

/// Vectors that are all compared with every query.
#[derive(Clone, Debug)]
pub struct Flat {
    similarity: Similarity,
    dimensions: usize,
    /// [n, d]: by id, prepared.
    rows: Vec<f32>,
    /// By id: whether it has a vector that something can be like.
    there: Vec<bool>,
}

/// Vectors that are compared between two looks at who is excluded.
const BLOCK: usize = 64;

impl Flat {
    /// Below so many vectors there is nothing to gain from an index.
    pub const BELOW: usize = 4_096;

    /// Vectors whose ids are their places.
    pub fn new(vectors: &Vectors, similarity: Similarity) -> Result<Self, Error> {
        let mut out = Self { similarity, dimensions: vectors.dimensions, rows: Vec::new(), there: Vec::new() };
        if vectors.dimensions == 0 || !vectors.values.len().is_multiple_of(vectors.dimensions) {
            let expected = "a divisor of the number of values";
            return Err(Error::Option { name: "dimensions", expected, found: vectors.dimensions.to_string() });
        }
        out.rows.reserve(vectors.values.len());
        for (id, x) in vectors.values.chunks_exact(out.dimensions).enumerate() {
            out.there.push(similarity.prepare(x, out.dimensions, Some(id as u32), &mut out.rows)?);
        }
        Ok(out)
    }

    /// Gives an id a vector, in place of the one it had.
    pub fn insert(&mut self, id: u32, x: &[f32]) -> Result<(), Error> {
        if id as usize >= VECTORS_MAX {
            return Err(Error::TooMany { what: "ids", found: id as usize + 1, most: VECTORS_MAX });
        }
        let mut prepared = Vec::with_capacity(self.dimensions);
        let there = self.similarity.prepare(x, self.dimensions, Some(id), &mut prepared)?;
        if self.there.len() <= id as usize {
            self.there.resize(id as usize + 1, false);
            self.rows.resize(self.there.len() * self.dimensions, 0.0);
        }
        self.there[id as usize] = there;
        self.rows[id as usize * self.dimensions..][..self.dimensions].copy_from_slice(&prepared);
        Ok(())
    }

    /// Takes the vector of an id away; true if it had one.
    pub fn remove(&mut self, id: u32) -> bool {
        self.there.get_mut(id as usize).is_some_and(std::mem::take)
    }

    /// Appends the nearest `k` that are not excluded, best first, ties by the smaller id.
    pub fn search(&self, query: &[f32], k: usize, excluded: &Mask, out: &mut Vec<Scored>) -> Result<(), Error> {
        let d = self.dimensions;
        let mut prepared = Vec::with_capacity(d);
        if !self.similarity.prepare(query, d, None, &mut prepared)? {
            return Ok(());
        }
        let (mut best, mut scores) = (Best::default(), [0.0; BLOCK]);
        best.start(k);
        for (b, rows) in self.rows.chunks(BLOCK * d).enumerate() {
            let scores = &mut scores[..rows.len() / d];
            likeness(self.similarity, rows, &prepared, scores);
            for (i, score) in scores.iter().enumerate() {
                let id = b * BLOCK + i;
                if *score >= best.floor() && self.there[id] && !excluded.has(id as u32) {
                    best.push(key(id as u32, *score));
                }
            }
        }
        best.finish(out);
        Ok(())
    }
}
