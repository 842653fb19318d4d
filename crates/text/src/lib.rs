//! Text: a text to the terms that count, by language, and to a vector, by a static encoder. What the rooms share of it.

pub mod analyse;
pub mod encoder;
pub mod remembering;

pub use analyse::{Analyser, LANGUAGES};
pub use encoder::StaticEncoder;
pub use remembering::Remembering;
