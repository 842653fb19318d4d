//! `cosine`: the angle between two vectors or weighted sets.

use crate::call;
use crate::eval::{At, Numbers, SetBuffer, SetRef, Sets, VectorsOf};
use crate::function::{Eval, Function, Node, Per};
use crate::names::Cx;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "cosine",
    about: "The cosine of two vectors or of two weighted sets; 0 when a set is empty, missing when a vector is.",
    example: "cosine(histogram(liked.movie.genres, by = user), movie.genres)",
    params: &[],
    it: &Cosine,
};

struct Cosine;
impl Function for Cosine {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        pair(call, Measure::Cosine, cx)
    }
}

/// How two vectors or sets are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Σ a·b.
    Dot,
    /// Σ a·b / (|a| |b|).
    Cosine,
    /// Σ min(a, b) / Σ max(a, b) (Ruzicka; Jaccard's index where all weights are 1).
    Overlap,
}

/// Reads a comparison of two vectors or two sets.
pub(super) fn pair(call: &Call, measure: Measure, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
    call::shape(call, 2, &[], false)?;
    let (a, b) = (cx.node(&call.args[0])?, cx.node(&call.args[1])?);
    let per = a.per.max(b.per);
    match (a.eval, b.eval) {
        // The side that stands still is laid out once for all candidates.
        (Eval::Sets(x), Eval::Sets(y)) if b.per == Per::Decision => {
            Ok(Node::number(per, OfSets { still: y, moving: x, one: a.per == Per::Decision, measure, fixed: true }))
        }
        (Eval::Sets(x), Eval::Sets(y)) => {
            Ok(Node::number(per, OfSets { still: x, moving: y, one: false, measure, fixed: a.per == Per::Decision }))
        }
        (Eval::Vectors(x), Eval::Vectors(y)) if measure != Measure::Overlap => {
            // The side that stands still is made once for all candidates.
            let (still, moving) = if b.per == Per::Decision { (y, x) } else { (x, y) };
            let is_still = a.per.min(b.per) == Per::Decision;
            Ok(Node::number(per, OfVectors { still, is_still, moving, measure }))
        }
        (Eval::Sets(_), _) => {
            Err(call::wrong(&call.name.0, call.args[1].span.clone(), "tags like the first argument", b.ty.name()))
        }
        (Eval::Vectors(_), _) if measure != Measure::Overlap => {
            Err(call::wrong(&call.name.0, call.args[1].span.clone(), "a vector like the first argument", b.ty.name()))
        }
        _ => {
            let wanted = if measure == Measure::Overlap { "tags" } else { "tags or a vector" };
            Err(call::wrong(&call.name.0, call.args[0].span.clone(), wanted, a.ty.name()))
        }
    }
}

struct OfVectors {
    still: Box<dyn VectorsOf>,
    is_still: bool,
    moving: Box<dyn VectorsOf>,
    measure: Measure,
}

impl Numbers for OfVectors {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        let one = |still: &[f32], row: usize| {
            at.scratch.vector(|buffer| compare(still, self.moving.vector(at, row, buffer), self.measure))
        };
        at.scratch.vector(|buffer| {
            if self.is_still {
                let still = self.still.vector(at, 0, buffer);
                out.iter_mut().enumerate().for_each(|(row, o)| *o = one(still, row));
                return;
            }
            for (row, o) in out.iter_mut().enumerate() {
                *o = one(self.still.vector(at, row, buffer), row);
            }
        });
    }
}

/// Dot or cosine of two vectors; NaN when one is missing or their lengths differ.
pub(super) fn compare(a: &[f32], b: &[f32], measure: Measure) -> f32 {
    if a.is_empty() || a.len() != b.len() {
        return f32::NAN;
    }
    let dot = inner(a, b);
    if measure == Measure::Dot {
        return dot;
    }
    let norm = (inner(a, a) * inner(b, b)).sqrt();
    if norm > 0.0 { dot / norm } else { 0.0 }
}

/// Σ a·b in eight lanes, so that it can be vectorised and yet always adds in one order.
fn inner(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            lanes[i] += x[i] * y[i];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

struct OfSets {
    still: Box<dyn Sets>,
    moving: Box<dyn Sets>,
    /// Both stand still: one value for all rows.
    one: bool,
    measure: Measure,
    /// Whether `still` is the same for all rows.
    fixed: bool,
}

impl Numbers for OfSets {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        at.scratch.set(|made| {
            at.scratch.set(|still| {
                at.scratch.set(|moving| {
                    if self.fixed {
                        still.add_all(&self.still.set(at, 0, made));
                        let norm = still_norm(still, self.measure);
                        let n = if self.one { 1 } else { out.len() };
                        for (row, o) in out[..n].iter_mut().enumerate() {
                            *o = compare_sets(still, norm, &self.moving.set(at, row, moving), self.measure);
                            moving.clear();
                        }
                        if self.one {
                            let value = out[0];
                            out.fill(value);
                        }
                    } else {
                        for (row, o) in out.iter_mut().enumerate() {
                            still.add_all(&self.still.set(at, row, made));
                            made.clear();
                            let norm = still_norm(still, self.measure);
                            *o = compare_sets(still, norm, &self.moving.set(at, row, moving), self.measure);
                            still.clear();
                            moving.clear();
                        }
                    }
                });
            });
        });
    }
}

/// Σ of squares for the cosine, Σ for the overlap.
fn still_norm(still: &mut SetBuffer, measure: Measure) -> f32 {
    let set = still.finish();
    match measure {
        Measure::Overlap => set.weights.iter().sum(),
        _ => set.weights.iter().map(|w| w * w).sum(),
    }
}

fn compare_sets(still: &SetBuffer, norm: f32, moving: &SetRef<'_>, measure: Measure) -> f32 {
    let (mut shared, mut own) = (0.0f32, 0.0f32);
    for (id, weight) in moving.ids.iter().zip(moving.weights) {
        let (w, s) = (weight * moving.scale, still.weight(*id));
        match measure {
            Measure::Overlap => (shared, own) = (shared + w.min(s), own + w),
            _ => (shared, own) = (shared + w * s, own + w * w),
        }
    }
    let whole = match measure {
        Measure::Dot => return shared,
        Measure::Cosine => (norm * own).sqrt(),
        Measure::Overlap => norm + own - shared,
    };
    if whole > 0.0 { shared / whole } else { 0.0 }
}
