//! The vocabulary: the system file, the expression language and the plain types at every door.
//!
//! Nothing here does IO, asks for the time, or holds an algorithm but for one hash: what a word means is decided here, and what is
//! done with it elsewhere.

pub mod actors;
pub mod batch;
pub mod decision;
pub mod diagnostic;
pub mod encode;
pub mod events;
pub mod expr;
mod interner;
pub mod kind;
pub mod mask;
pub mod matrix;
pub mod mix;
pub mod param;
pub mod system;
pub mod time;
pub mod vectors;

/// The index that stands for "no such thing": an unknown actor, a missing category.
pub const MISSING: u32 = u32::MAX;
