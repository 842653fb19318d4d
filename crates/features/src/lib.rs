//! Features: cells that events update, the one fold that updates them, and the functions that read them.
//!
//! A feature has one implementation: training folds the log through it, serving folds live events through it.

pub mod aggregate;
pub mod call;
mod column;
pub mod eval;
pub mod function;
pub mod functions;
pub mod names;
pub mod operators;
pub mod plan;
pub mod state;
#[cfg(test)]
mod tests;
pub mod texts;

pub use eval::Came;
pub use function::{Function, Node, Per, Ty};
pub use functions::FUNCTIONS;
pub use plan::{FeaturePlan, plan};
pub use state::State;
