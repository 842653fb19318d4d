//! Text of a system file to a [`System`], collecting every mistake.

use super::System;
use crate::diagnostic::Diagnostic;
use crate::param::Param;

/// A kind that `[learned.*]`, `[[candidates]]`, `[[stages]]` or `[rerank]` can name, as its registry declares it.
#[derive(Clone, Copy, Debug)]
pub struct PartKind {
    /// As written.
    pub name: &'static str,
    /// One sentence for the manual.
    pub about: &'static str,
    /// A table that the reader accepts.
    pub example: &'static str,
    /// Its keys.
    pub params: &'static [Param],
}

/// The kinds that are known.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// For `[learned.*]`.
    pub learned: Vec<PartKind>,
    /// For `[[candidates]]`.
    pub candidates: Vec<PartKind>,
    /// For `[[stages]]`.
    pub stages: Vec<PartKind>,
    /// For the keys of `[rerank]`.
    pub rerank: Vec<PartKind>,
}

/// Reads a system file. The system holds whatever could be read, so that later checks can add to the mistakes; there is none
/// when so little could be read that they would have nothing to look at.
pub fn read(text: &str, vocabulary: &Vocabulary) -> (Option<System>, Vec<Diagnostic>) {
    let _ = (text, vocabulary);
    (None, Vec::new())
}
