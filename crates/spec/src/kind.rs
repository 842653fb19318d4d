//! `Kind`: an entry of a registry. A registry is one visible slice of these; parser, manual, editor schema and checks
//! are made from it, and an application adds its own the same way.

use crate::param::Param;

/// One kind of thing a system file can name: a feature function, a source, a model, a re-ranker.
pub struct Kind<T: ?Sized + 'static> {
    /// As the system file writes it.
    pub name: &'static str,
    /// One sentence for the manual.
    pub about: &'static str,
    /// A text that the reader accepts; a test reads every one.
    pub example: &'static str,
    /// The keys it takes in the system file, beside those that every part of its sort takes.
    pub params: &'static [Param],
    /// What does the work.
    pub it: &'static T,
}

/// The entry of that name.
pub fn find<'a, T: ?Sized>(registry: &'a [Kind<T>], name: &str) -> Option<&'a Kind<T>> {
    registry.iter().find(|k| k.name == name)
}
