//! What can go wrong with an index, as facts.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why an index did not do what was asked.
#[derive(Debug)]
pub enum Error {
    /// The options contradict what an index can be.
    Options {
        /// What is wrong.
        what: String,
    },
    /// A document cannot be taken in.
    Document {
        /// Its id.
        doc: u32,
        /// What is wrong.
        what: String,
    },
    /// Bytes are not an index that this version reads.
    Bytes {
        /// What was found, and where.
        found: String,
    },
    /// A file could not be read.
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options { what } => write!(f, "options of a text index: {what}"),
            Self::Document { doc, what } => write!(f, "document {doc} of a text index: {what}"),
            Self::Bytes { found } => write!(f, "these bytes are no text index that can be read: {found}"),
            Self::File { path, source } => write!(f, "text index {}: {source}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}
