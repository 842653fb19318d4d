//! Building: centroids from a sample, every vector to its nearest, codebooks from what is left, and an effort that reaches the recall.

use crate::books::n_codes;
use crate::effort;
use crate::error::Error;
use crate::image::Header;
use crate::index::Index;
use crate::kmeans;
use crate::layout::{Grid, Parts, laid_out};
use crate::panels::Panels;
use crate::vector::Similarity;
use crate::wide::{squared_distance, wide};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use tamis_spec::vectors::Vectors;

/// Vectors, slots and ids at most; one bit of a slot says whether it came later.
pub(crate) const VECTORS_MAX: usize = 1 << 30;
/// Dimensions at most.
pub(crate) const DIMENSIONS_MAX: usize = 1 << 16;
/// Lists at most.
const LISTS_MAX: usize = 1 << 20;
/// Vectors of each list that its centroid is learned from.
const SAMPLE_PER_LIST: usize = 48;
const ROUNDS: usize = 8;
/// Vectors that codebooks are learned from.
const BOOK_SAMPLE: usize = 20_000;

/// What an index is built for.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is near.
    pub similarity: Similarity,
    /// The share of the true nearest that a search shall find, in (0, 1].
    pub recall: f32,
    /// For how many nearest that is measured.
    pub k: usize,
    /// Lists; 0 for a number that suits the vectors.
    pub lists: usize,
    /// Keeps a byte for each dimension in place of four; scores are then rounded.
    pub compressed: bool,
    /// Queries that the effort is measured on, at most.
    pub sample: usize,
    /// Of everything that is drawn.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            similarity: Similarity::default(),
            recall: 0.95,
            k: 10,
            lists: 0,
            compressed: false,
            sample: 1_000,
            seed: 0,
        }
    }
}

impl Options {
    fn check(&self, vectors: &Vectors) -> Result<(), Error> {
        let option = |name, expected, found: String| Err(Error::Option { name, expected, found });
        let most = |what, found: usize, most: usize| Err(Error::TooMany { what, found, most });
        if !(self.recall > 0.0 && self.recall <= 1.0) {
            return option("recall", "above 0 and at most 1", self.recall.to_string());
        }
        if self.k == 0 || self.k > VECTORS_MAX {
            return option("k", "at least 1", self.k.to_string());
        }
        if vectors.dimensions == 0 || !vectors.values.len().is_multiple_of(vectors.dimensions) {
            return option("dimensions", "a divisor of the number of values", vectors.dimensions.to_string());
        }
        if vectors.dimensions > DIMENSIONS_MAX {
            return most("dimensions", vectors.dimensions, DIMENSIONS_MAX);
        }
        if vectors.len() > VECTORS_MAX {
            return most("vectors", vectors.len(), VECTORS_MAX);
        }
        if self.lists > LISTS_MAX {
            return most("lists", self.lists, LISTS_MAX);
        }
        Ok(())
    }

    fn lists_for(&self, n: usize) -> usize {
        let suits = (4.0 * (n as f64).sqrt()) as usize;
        let wanted = if self.lists == 0 { suits.next_multiple_of(16).min(n / 32) } else { self.lists };
        wanted.clamp(1, n.clamp(1, LISTS_MAX))
    }
}

impl Index {
    /// Builds an index of vectors whose ids are their places. The same vectors and options give the same bytes on any number of threads.
    /// Vectors of zeros are left out where the similarity is the cosine.
    pub fn build(vectors: &Vectors, options: &Options) -> Result<Self, Error> {
        Self::build_for(vectors, &[], options)
    }

    /// As [`Self::build`], with the effort measured on `queries`, [n, d], which matters where queries are not like vectors: inner products
    /// of users with items. Without any it is measured on vectors of its own.
    pub fn build_for(vectors: &Vectors, queries: &[f32], options: &Options) -> Result<Self, Error> {
        options.check(vectors)?;
        let d = vectors.dimensions;
        if !queries.len().is_multiple_of(d) {
            return Err(Error::Length { expected: d, found: queries.len() });
        }
        let mut prepared = Vec::new();
        for query in queries.chunks_exact(d) {
            let start = prepared.len();
            if !options.similarity.prepare(query, d, None, &mut prepared)? {
                prepared.truncate(start);
            }
        }
        let (rows, ids) = prepared_rows(vectors, options.similarity)?;
        let index = laid(&rows, ids, vectors, options);
        Ok(effort::reaching(index, &rows, &prepared, options))
    }
}

/// The vectors as they are compared, and whose they are.
fn prepared_rows(vectors: &Vectors, similarity: Similarity) -> Result<(Vec<f32>, Vec<u32>), Error> {
    let d = vectors.dimensions;
    let (mut rows, mut ids) = (Vec::with_capacity(vectors.values.len()), Vec::with_capacity(vectors.len()));
    for (id, x) in vectors.values.chunks_exact(d).enumerate() {
        let start = rows.len();
        if similarity.prepare(x, d, Some(id as u32), &mut rows)? {
            ids.push(id as u32);
        } else {
            rows.truncate(start);
        }
    }
    Ok((rows, ids))
}

fn laid(rows: &[f32], ids: Vec<u32>, vectors: &Vectors, options: &Options) -> Index {
    let (d, n) = (vectors.dimensions, ids.len());
    let lists = options.lists_for(n);
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let sample = picked(rows, d, lists * SAMPLE_PER_LIST, &mut rng);
    let centroids = if n == 0 { vec![0.0; d] } else { kmeans::centroids(&sample, d, lists, ROUNDS, &mut rng) };
    drop(sample);
    let mut nearest = vec![0; n];
    Panels::new(&centroids, d).nearest(rows, &mut nearest);
    let (order, starts) = kmeans::grouped(&nearest, centroids.len() / d);

    let middle = match options.similarity {
        Similarity::Euclidean => mean(&centroids, d),
        _ => vec![0.0; d],
    };
    let rests: Vec<f32> = kmeans::chosen(n, BOOK_SAMPLE, &mut rng)
        .into_iter()
        .flat_map(|i| {
            let (x, c) = (&rows[i as usize * d..][..d], &centroids[nearest[i as usize] as usize * d..][..d]);
            x.iter().zip(c).map(|(x, c)| x - c)
        })
        .collect();
    let rngs: Vec<ChaCha8Rng> =
        (0..n_codes(d) as u64).map(|s| ChaCha8Rng::seed_from_u64(options.seed ^ (s + 1) << 32)).collect();
    let books = crate::books::fitted(&rests, d, &rngs);
    let grid = Grid { similarity: options.similarity, d, centroids: &centroids, middle: &middle, books: &books };
    let header = Header {
        similarity: options.similarity.code(),
        compressed: u32::from(options.compressed),
        n_ids: vectors.len() as u32,
        k: options.k as u32,
        ..Header::new()
    };
    let spread = spreads(rows, &centroids, d, (&order, &starts));
    let by_slot = order.iter().map(|i| ids[*i as usize]).collect();
    let draft = laid_out(Parts { header, grid, starts, ids: by_slot, spread }, &|at, list, rest, lane| {
        let x = &rows[order[at] as usize * d..][..d];
        lane.bias = grid.encode(x, list, rest, lane.codes);
        grid.store(x, rest, lane);
    });
    Index::of(draft.finish())
}

fn picked(rows: &[f32], d: usize, keep: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let chosen = kmeans::chosen(rows.len() / d, keep, rng);
    chosen.into_iter().flat_map(|i| &rows[i as usize * d..][..d]).copied().collect()
}

/// By list: the root of the mean square, by dimension, of what is left of its vectors.
fn spreads(rows: &[f32], centroids: &[f32], d: usize, (order, starts): (&[u32], &[u32])) -> Vec<f32> {
    let of = |(l, centroid): (usize, &[f32])| {
        let mine = &order[starts[l] as usize..starts[l + 1] as usize];
        let squares = mine.iter().map(|i| f64::from(distance(&rows[*i as usize * d..][..d], centroid)));
        (squares.sum::<f64>() / (mine.len().max(1) * d) as f64).sqrt() as f32
    };
    centroids.par_chunks_exact(d).enumerate().map(of).collect()
}

wide! {
    fn distance(a: &[f32], b: &[f32]) -> f32 {
        squared_distance(a, b)
    }
}

fn mean(rows: &[f32], d: usize) -> Vec<f32> {
    let mut sum = vec![0.0f64; d];
    for row in rows.chunks_exact(d) {
        sum.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*v));
    }
    let n = (rows.len() / d).max(1) as f64;
    sum.into_iter().map(|s| (s / n) as f32).collect()
}
