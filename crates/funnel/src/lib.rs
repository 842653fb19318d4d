//! The funnel: sources, stages and re-ranking run as one decision, in training, evaluation and serving alike.
//!
//! A system file becomes a [`Plan`]; what was fitted stands in a [`Bundle`] on disk and in [`Fitted`] in memory; what happened so far
//! stands in [`Past`]; [`decide`](decide::decide) makes a decision of the three.

pub mod bundle;
pub mod codebook;
pub mod decide;
pub mod describe;
pub mod fitted;
pub mod past;
pub mod plan;
pub mod registry;

pub use bundle::Bundle;
pub use decide::{Decided, Desk, Request, decide};
pub use fitted::Fitted;
pub use past::{Past, Replay};
pub use plan::Plan;
pub use registry::Registries;

#[cfg(test)]
mod tests;
