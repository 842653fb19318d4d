//! `Error`: what was asked, what was found.

use std::fmt;

/// Why an index or a search was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A vector or query of another length.
    Length {
        /// The index's.
        expected: usize,
        /// The vector's.
        found: usize,
    },
    /// A value that is NaN or infinite.
    NotFinite {
        /// Whose vector it is in; none for a query.
        id: Option<u32>,
        /// Where in it.
        at: usize,
    },
    /// More vectors, dimensions or ids than an index can hold.
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many were asked for.
        found: usize,
        /// How many it can hold.
        most: usize,
    },
    /// An option outside its range.
    Option {
        /// Its name.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// Bytes that are no index, or are damaged.
    Bytes {
        /// What was looked at.
        what: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A file that can't be opened, mapped or written.
    File {
        /// Its path.
        path: String,
        /// What the system says.
        why: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => write!(f, "vectors here have {expected} values, but found {found}"),
            Self::NotFinite { id: Some(id), at } => write!(f, "value {at} of vector {id} is not finite"),
            Self::NotFinite { id: None, at } => write!(f, "value {at} of the query is not finite"),
            Self::TooMany { what, found, most } => write!(f, "{found} {what}, more than {most}"),
            Self::Option { name, expected, found } => write!(f, "`{name}` is {expected}, but found {found}"),
            Self::Bytes { what, expected, found } => {
                write!(f, "not an index of nearest neighbours that can be read: {what} is {found}, expected {expected}")
            }
            Self::File { path, why } => write!(f, "{path}: {why}"),
        }
    }
}

impl std::error::Error for Error {}
