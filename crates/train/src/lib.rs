//! Training: log to decisions to examples to models to a judged bundle.

pub mod data;
pub mod decisions;
pub mod error;
pub mod evaluate;
pub mod examples;
pub mod export;
pub mod fit;
pub mod folds;
pub mod judge;
mod members;
pub mod progress;
pub mod stats;
pub mod windows;

pub use data::Data;
pub use decisions::{Decision, Decisions};
pub use error::Error;
pub use evaluate::evaluate;
pub use fit::{Trained, train};
pub use folds::cross_validate;
pub use progress::Progress;
pub use stats::stats;
pub use windows::Windows;

#[cfg(test)]
mod tests;
