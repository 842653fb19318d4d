//! Ranking models: how they are fitted, and how they score.

pub mod model;
