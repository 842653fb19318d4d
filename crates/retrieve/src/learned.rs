//! The door to learned vectors: `[learned.NAME]`, available as `user.NAME` and `item.NAME`.

use crate::source::{Error, FitAsk, Memo, SourcePlan};
use std::sync::Arc;
use tamis_spec::decision::Answer;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::encode::Encode;
use tamis_spec::system::{Part, System};
use tamis_spec::vectors::Vectors;

/// A kind of learned vector.
pub trait LearnedKind: Sync {
    /// What it will need, from the file alone; its `fit_key` is never none.
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic>;
    /// Length of its vectors, from the file alone.
    fn dimensions(&self, part: &Part) -> usize;
    /// Fits it; the bytes go into the bundle. Same input and seed, same bytes.
    fn fit(&self, part: &Part, ask: &FitAsk<'_>) -> Result<Vec<u8>, Error>;
    /// Makes it ready.
    fn open(&self, part: &Part, fitted: &Arc<Vec<u8>>) -> Result<Arc<dyn Learned>, Error>;
}

/// Vectors for items, and for a user as of any moment.
pub trait Learned: Send + Sync {
    /// By item; items that came after the fit have none.
    fn items(&self) -> &Vectors;
    /// What makes vectors of texts, where it can.
    fn encoder(&self) -> Option<&dyn Encode> {
        None
    }
    /// Makes the user's vector from the answers to its needs (fold-in); all zero for an empty history. `out` has `dimensions` values.
    fn user(&self, user: u32, answers: &[Answer<'_>], memo: &mut Memo, out: &mut [f32]);
}
