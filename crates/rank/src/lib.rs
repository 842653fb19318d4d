//! Ranking models: how they are fitted, and how they score.

pub mod forest;
pub mod lambdamart;
pub mod lightgbm;
pub mod logistic;
pub mod model;
mod stored;

use model::Fit;
use tamis_spec::kind::Kind;

/// Kinds of `[[stages]]`.
pub const KINDS: &[Kind<dyn Fit>] = &[logistic::KIND, lambdamart::KIND];
