//! `lsa`: vectors of texts, learned from which words stand in texts together.
//!
//! Deerwester et al., "Indexing by latent semantic analysis", 1990: the leading right singular vectors of the matrix of texts by terms,
//! weighted (1 + ln tf) · (1 + ln((1 + N) / (1 + n))) and scaled to length 1. They are found by subspace iteration (Halko et al. 2011);
//! a text is its weights projected on them, scaled to length 1. What is compared is angles, which no rotation of them changes.

use crate::learned::{Learned, LearnedKind};
use crate::source::{Bytes, Error, FitAsk, SourcePlan};
use crate::texts::{self, Reads};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::encode::Encode;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};
use tamis_spec::vectors::Vectors;
use tamis_text::remembering::REMEMBERED_BYTES_MAX;
use tamis_text::{Analyser, LANGUAGES, Remembering};

/// Terms that are learned from: the commonest.
pub const TERMS_MAX: usize = 50_000;
/// A term is in so many texts at least.
const TEXTS_MIN: u32 = 2;
const ROUNDS: usize = 10;
const LETTERS: &[u8; 8] = b"lsa   01";

/// The entry of the registry.
pub const KIND: Kind<dyn LearnedKind> = Kind {
    name: "lsa",
    about: "Learns vectors of texts from which words stand in them together (latent semantic analysis), where no encoder is at hand.",
    example: "[learned.topics]\nkind = \"lsa\"\nof = [\"movie.title\"]\nlanguage = \"english\"\n",
    params: &[
        Param {
            name: "of",
            ty: ParamType::Texts,
            required: true,
            about: "Text fields to learn from. Those of the ranked actor give it a vector as `movie.NAME`; any text has one by `embed(TEXT, NAME)`.",
        },
        Param {
            name: "dimensions",
            ty: ParamType::Integer(1, 512),
            required: false,
            about: "Length of the vectors; by default 64.",
        },
        Param {
            name: "language",
            ty: ParamType::Choice(&LANGUAGES),
            required: false,
            about: "Cuts words to their stems and leaves out those that say nothing; by default `none`.",
        },
        texts::ASKS,
    ],
    it: &LsaKind,
};

struct LsaKind;

fn language(part: &Part) -> &str {
    part.params.text("language").unwrap_or("none")
}

impl LearnedKind for LsaKind {
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic> {
        let fields = texts::fields(part, system)?;
        if fields.is_empty() {
            let span = part.params.span("of").unwrap_or(part.span.clone());
            return Err(Diagnostic::new(span, "`lsa` learns from texts: `of` names at least one field"));
        }
        let d = self.dimensions(part);
        Ok(SourcePlan {
            fit_key: Some(format!("of={fields:?} dimensions={d} language={}", language(part))),
            bytes: Bytes { constant: REMEMBERED_BYTES_MAX as f64, per_item: 4.0 * d as f64, ..Bytes::default() },
            of_texts: true,
            needs: texts::asks(part),
            ..SourcePlan::default()
        })
    }

    fn dimensions(&self, part: &Part) -> usize {
        part.params.count("dimensions").unwrap_or(64)
    }

    fn fit(&self, part: &Part, ask: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        let refused = |reason: String| Error::Fit { part: part.name.value.clone(), reason };
        let fields = texts::fields(part, ask.system).map_err(|d| refused(d.to_string()))?;
        let mut actors: Vec<usize> = fields.iter().map(|(actor, _)| *actor).collect();
        actors.sort_unstable();
        actors.dedup();
        let all: Vec<String> = actors.iter().flat_map(|actor| texts::texts_of(&fields, *actor, ask)).collect();
        let threads = rayon::ThreadPoolBuilder::new().num_threads(ask.n_threads.max(1)).build();
        let threads = threads.map_err(|e| refused(format!("no threads could be started: {e}")))?;
        let dimensions = self.dimensions(part);
        let lsa = threads.install(|| Lsa::fit(&all, language(part), dimensions, ask.seed));
        let lsa = lsa.ok_or_else(|| refused("no word stands in two texts: there is nothing to learn from".into()))?;
        let items = texts::items(&fields, ask, &lsa);
        Ok(lsa.write(&items))
    }

    fn open(&self, part: &Part, fitted: &Arc<Vec<u8>>) -> Result<Arc<dyn Learned>, Error> {
        let damaged =
            || Error::Damaged { part: part.name.value.clone(), reason: "it is cut short; train again".into() };
        let (lsa, items) = Lsa::read(fitted, language(part)).ok_or_else(damaged)?;
        Ok(Arc::new(Reads { encoder: Remembering::new(lsa), items }))
    }
}

/// A fit.
struct Lsa {
    analyser: Analyser,
    /// Terms to their rows.
    terms: FxHashMap<String, u32>,
    /// By term: what an occurrence weighs.
    idf: Vec<f32>,
    /// [n_terms, dimensions]: columns are orthonormal.
    vectors: Vec<f32>,
    dimensions: usize,
}

/// Sparse rows of weights.
struct Sparse {
    ends: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Sparse {
    fn row(&self, i: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        (start..self.ends[i]).map(|k| (self.columns[k] as usize, self.values[k]))
    }

    fn transposed(&self, n_columns: usize) -> Self {
        let mut ends = vec![0usize; n_columns + 1];
        self.columns.iter().for_each(|c| ends[*c as usize + 1] += 1);
        (0..n_columns).for_each(|c| ends[c + 1] += ends[c]);
        let mut next = ends.clone();
        let (mut columns, mut values) = (vec![0; self.columns.len()], vec![0.0; self.values.len()]);
        for i in 0..self.ends.len() {
            for (c, v) in self.row(i) {
                (columns[next[c]], values[next[c]]) = (i as u32, v);
                next[c] += 1;
            }
        }
        Self { ends: ends[1..].to_vec(), columns, values }
    }

    /// Times a dense matrix of `d` columns; each row by itself, so that threads change no bit.
    fn times(&self, dense: &[f32], d: usize) -> Vec<f32> {
        let mut out = vec![0.0; self.ends.len() * d];
        out.par_chunks_exact_mut(d).enumerate().for_each(|(i, o)| {
            for (c, v) in self.row(i) {
                o.iter_mut().zip(&dense[c * d..(c + 1) * d]).for_each(|(o, x)| *o += v * x);
            }
        });
        out
    }
}

impl Lsa {
    fn fit(texts: &[String], language: &str, dimensions: usize, seed: u64) -> Option<Self> {
        let analyser = Analyser::of(language)?;
        let counted: Vec<Vec<(String, f32)>> = texts.par_iter().map(|text| count(&analyser, text)).collect();
        let mut with: FxHashMap<&str, u32> = FxHashMap::default();
        counted.iter().flatten().for_each(|(term, _)| *with.entry(term).or_default() += 1);
        let mut kept: Vec<(&str, u32)> = with.into_iter().filter(|(_, n)| *n >= TEXTS_MIN).collect();
        kept.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        kept.truncate(TERMS_MAX);
        let n_texts = counted.iter().filter(|c| !c.is_empty()).count() as f32;
        let idf: Vec<f32> = kept.iter().map(|(_, n)| 1.0 + ((1.0 + n_texts) / (1.0 + *n as f32)).ln()).collect();
        let terms = kept.iter().enumerate().map(|(i, (term, _))| (term.to_string(), i as u32)).collect();
        let d = dimensions.min(kept.len());
        if d == 0 {
            return None;
        }
        let mut lsa = Self { analyser, terms, idf, vectors: Vec::new(), dimensions };
        let mut rows = Sparse { ends: Vec::new(), columns: Vec::new(), values: Vec::new() };
        for counts in &counted {
            let weights = lsa.weights(counts);
            rows.columns.extend(weights.iter().map(|w| w.0));
            rows.values.extend(weights.iter().map(|w| w.1));
            rows.ends.push(rows.columns.len());
        }
        let by_term = rows.transposed(lsa.idf.len());
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut vectors: Vec<f32> = (0..lsa.idf.len() * d).map(|_| random.random::<f32>() - 0.5).collect();
        for _ in 0..ROUNDS {
            vectors = by_term.times(&rows.times(&vectors, d), d);
            orthonormalise(&mut vectors, d);
        }
        // Fewer terms than dimensions: the rest are zeros.
        lsa.vectors = vectors
            .chunks_exact(d)
            .flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0.0, dimensions - d)))
            .collect();
        Some(lsa)
    }

    /// A text's known terms and their weights, of length 1.
    fn weights(&self, counts: &[(String, f32)]) -> Vec<(u32, f32)> {
        let weight = |(term, tf): &(String, f32)| {
            let row = *self.terms.get(term)?;
            Some((row, (1.0 + tf.ln()) * self.idf[row as usize]))
        };
        let mut out: Vec<(u32, f32)> = counts.iter().filter_map(weight).collect();
        let norm = out.iter().map(|(_, w)| w * w).sum::<f32>().sqrt();
        out.iter_mut().for_each(|(_, w)| *w /= norm);
        out
    }

    fn write(&self, items: &Vectors) -> Vec<u8> {
        let mut terms: Vec<&str> = vec![""; self.idf.len()];
        self.terms.iter().for_each(|(term, row)| terms[*row as usize] = term);
        let mut bytes = LETTERS.to_vec();
        for n in [terms.len(), self.dimensions, items.values.len()] {
            bytes.extend_from_slice(&(n as u64).to_le_bytes());
        }
        for v in self.idf.iter().chain(&self.vectors).chain(&items.values) {
            bytes.extend_from_slice(&v.to_le_bytes());
        }
        bytes.extend_from_slice(terms.join("\n").as_bytes());
        bytes
    }

    fn read(bytes: &[u8], language: &str) -> Option<(Self, Vectors)> {
        let mut rest = bytes.strip_prefix(LETTERS)?;
        let mut counts = [0usize; 3];
        for n in &mut counts {
            let (eight, after) = rest.split_first_chunk::<8>()?;
            (*n, rest) = (u64::from_le_bytes(*eight) as usize, after);
        }
        let [n, dimensions, n_items] = counts;
        let mut take = |n: usize| -> Option<Vec<f32>> {
            let (mine, after) = rest.split_at_checked(n.checked_mul(4)?)?;
            rest = after;
            Some(mine.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        };
        let (idf, vectors, items) = (take(n)?, take(n.checked_mul(dimensions)?)?, take(n_items)?);
        let terms: FxHashMap<String, u32> =
            std::str::from_utf8(rest).ok()?.split('\n').enumerate().map(|(i, t)| (t.to_string(), i as u32)).collect();
        if terms.len() != n {
            return None;
        }
        let lsa = Self { analyser: Analyser::of(language)?, terms, idf, vectors, dimensions };
        Some((lsa, Vectors { values: items, dimensions }))
    }
}

impl Encode for Lsa {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn encode(&self, text: &str, out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.dimensions, 0.0);
        for (row, weight) in self.weights(&count(&self.analyser, text)) {
            let vector = &self.vectors[row as usize * self.dimensions..][..self.dimensions];
            out.iter_mut().zip(vector).for_each(|(o, v)| *o += weight * v);
        }
        let norm = out.iter().map(|v| v * v).sum::<f32>().sqrt();
        if norm > 0.0 {
            out.iter_mut().for_each(|v| *v /= norm);
        } else {
            out.clear();
        }
    }
}

/// Terms and how often each occurs, in the order of the terms.
fn count(analyser: &Analyser, text: &str) -> Vec<(String, f32)> {
    let mut all: Vec<String> = Vec::new();
    analyser.terms(text, &mut |term| all.push(term.to_string()));
    all.sort_unstable();
    all.chunk_by(|a, b| a == b).map(|same| (same[0].clone(), same.len() as f32)).collect()
}

/// Makes the columns of a matrix with `d` of them orthonormal (Gram and Schmidt, twice); a column that is nothing beside the others is
/// left as zeros.
fn orthonormalise(rows: &mut [f32], d: usize) {
    let n = rows.len() / d;
    let mut columns: Vec<Vec<f64>> = (0..d).map(|c| (0..n).map(|r| f64::from(rows[r * d + c])).collect()).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    for c in 0..d {
        let (done, rest) = columns.split_at_mut(c);
        let column = &mut rest[0];
        let before = dot(column, column).sqrt();
        for _ in 0..2 {
            let shares: Vec<f64> = done.par_iter().map(|other| dot(other, column)).collect();
            for (other, share) in done.iter().zip(shares) {
                column.iter_mut().zip(other).for_each(|(v, o)| *v -= share * o);
            }
        }
        let norm = dot(column, column).sqrt();
        let scale = if norm > 1e-9 * before { 1.0 / norm } else { 0.0 };
        column.iter_mut().for_each(|v| *v *= scale);
    }
    for (c, column) in columns.iter().enumerate() {
        column.iter().enumerate().for_each(|(r, v)| rows[r * d + c] = *v as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(lsa: &Lsa, a: &str, b: &str) -> f32 {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        lsa.encode(a, &mut x);
        lsa.encode(b, &mut y);
        x.iter().zip(&y).map(|(x, y)| x * y).sum()
    }

    /// Two subjects whose words stand in texts together, but for `ship` and `sail`, which never meet.
    fn texts() -> Vec<String> {
        let sea = ["ship sea wave", "sail sea wave", "sea harbour ship", "harbour sail wave", "ship wave harbour"];
        let field = ["wheat field tractor", "field barn wheat", "tractor barn field", "barn wheat cow", "cow field"];
        sea.iter().chain(&field).map(|t| t.to_string()).collect()
    }

    #[test]
    fn words_that_share_their_company_are_alike() {
        let lsa = Lsa::fit(&texts(), "english", 2, 7).unwrap();
        assert!(cosine(&lsa, "ships", "sail") > 0.95);
        assert!(cosine(&lsa, "ship", "a barn").abs() < 0.1);
        assert!((cosine(&lsa, "cow wheat", "cow wheat") - 1.0).abs() < 1e-5);
        let mut out = vec![1.0];
        lsa.encode("nothing known", &mut out);
        assert!(out.is_empty());
        assert!(Lsa::fit(&["one".into(), "two".into()], "none", 4, 7).is_none());
    }

    #[test]
    fn the_subspace_holds_as_much_as_that_of_the_singular_vectors() {
        // What a projection on the best 3 directions keeps of the matrix, by power iteration with deflation in f64.
        let lsa = Lsa::fit(&texts(), "none", 3, 7).unwrap();
        let rows: Vec<Vec<f64>> = texts()
            .iter()
            .map(|t| {
                let mut row = vec![0.0; lsa.idf.len()];
                lsa.weights(&count(&lsa.analyser, t)).iter().for_each(|(c, w)| row[*c as usize] = f64::from(*w));
                row
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let mut best: Vec<Vec<f64>> = Vec::new();
        let mut kept = 0.0;
        for k in 0..3 {
            let mut v: Vec<f64> = (0..lsa.idf.len()).map(|i| ((i * 7 + k * 3) % 5) as f64 - 1.9).collect();
            for _ in 0..500 {
                let mut next = vec![0.0; v.len()];
                rows.iter().for_each(|r| next.iter_mut().zip(r).for_each(|(n, x)| *n += x * dot(r, &v)));
                for b in &best {
                    let share = dot(b, &next);
                    next.iter_mut().zip(b).for_each(|(n, x)| *n -= share * x);
                }
                let norm = dot(&next, &next).sqrt();
                v = next.iter().map(|x| x / norm).collect();
            }
            kept += rows.iter().map(|r| dot(r, &v).powi(2)).sum::<f64>();
            best.push(v);
        }
        let column = |c: usize| lsa.vectors.iter().skip(c).step_by(3).map(|v| f64::from(*v)).collect::<Vec<_>>();
        let mine: f64 = (0..3).map(|c| rows.iter().map(|r| dot(r, &column(c)).powi(2)).sum::<f64>()).sum();
        assert!((mine - kept).abs() < 1e-3 * kept, "{mine} instead of {kept}");
    }

    #[test]
    fn a_fit_is_read_as_it_was_written_on_any_number_of_threads() {
        let items = Vectors { values: vec![1.0, 2.0, 3.0, 4.0], dimensions: 2 };
        let bytes = |n: usize| {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            threads.install(|| Lsa::fit(&texts(), "none", 2, 7).unwrap()).write(&items)
        };
        assert_eq!(bytes(1), bytes(3));
        let (lsa, read) = Lsa::read(&bytes(1), "none").unwrap();
        assert_eq!((read, lsa.write(&items)), (items.clone(), bytes(1)));
        assert!(Lsa::read(&bytes(1)[..50], "none").is_none());
    }
}
