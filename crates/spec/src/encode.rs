//! Texts to vectors: what a learned part that can do it is asked for.

/// Makes a vector of any text.
pub trait Encode: Send + Sync {
    /// Length of its vectors.
    fn dimensions(&self) -> usize;
    /// The vector of a text, of length 1; empty when nothing in the text is known.
    fn encode(&self, text: &str, out: &mut Vec<f32>);
}
