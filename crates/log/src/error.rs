//! What can go wrong with a log, as facts.

use crate::codec::DecodeError;
use crate::disk::file_name;
use std::fmt;
use std::io;
use std::path::PathBuf;
use tamis_spec::system::Type;
use tamis_spec::time::format_time;

/// Why the log did not do what was asked.
#[derive(Debug)]
pub enum Error {
    /// Another process appends to it.
    Locked {
        /// The log's directory.
        dir: PathBuf,
    },
    /// Its directory could not be opened.
    Open {
        /// The log's directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store failed; what was acknowledged is kept, and appending may be tried again.
    Store {
        /// What was being done: `append`, `sync`, `read`, `list`, `cut`.
        doing: &'static str,
        /// To which segment, if to one.
        segment: Option<u64>,
        /// All records before this sequence number are in the log and none from it on; None where nothing was written.
        kept: Option<u64>,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes that were acknowledged are not what was written.
    Damaged {
        /// The segment.
        segment: u64,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        damage: Damage,
    },
    /// A record would be known before one that is already in the log.
    KnownDecreases {
        /// The record's place in the batch.
        at: usize,
        /// When the record before it became known, ms.
        before: i64,
        /// When it says that it became known, ms.
        found: i64,
    },
    /// A key or a field is stored with another type than the one asked for.
    Changed {
        /// The kind of record.
        record: String,
        /// The key or field.
        field: String,
        /// What the log has.
        stored: Type,
        /// What was asked for.
        wanted: Type,
    },
    /// A batch is not of the schema that came with it.
    Shape {
        /// The kind of record; empty when it is about the whole batch.
        record: String,
        /// What was expected of it.
        expected: &'static str,
    },
    /// A batch is larger than a frame may be.
    TooLarge {
        /// `records` or `bytes`.
        unit: &'static str,
        /// How many it has.
        found: u64,
        /// How many it may have.
        max: u64,
    },
}

/// What is wrong with bytes that should be a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The header is not one of a log, or its checksum is wrong.
    Header,
    /// The header names a format that this program does not read.
    Version(u32),
    /// The header's schema is not one.
    Schema(String),
    /// The segment starts at another sequence number than the one before it ended at.
    Gap {
        /// Where the one before ended.
        expected: u64,
        /// Where it starts.
        found: u64,
    },
    /// The frame that starts here is cut or its checksum is wrong.
    Frame {
        /// Its first sequence number, had it been whole.
        seq: u64,
        /// Where acknowledged bytes follow, in the same segment or in the next.
        followed_at: Option<u64>,
    },
    /// The checksum is right and the content is not a batch.
    Payload(DecodeError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { dir } => {
                write!(f, "another process appends to the log {}: stop it, or use another directory", dir.display())
            }
            Self::Open { dir, source } => write!(f, "the log {} cannot be opened: {source}", dir.display()),
            Self::Store { doing, segment, kept, source } => {
                write!(f, "the log could not {doing}")?;
                if let Some(segment) = segment {
                    write!(f, " (segment {})", file_name(*segment))?;
                }
                write!(f, ": {source}")?;
                match kept {
                    Some(seq) => {
                        write!(f, "; all records before number {seq} are kept, try again once the cause is gone")
                    }
                    None => Ok(()),
                }
            }
            Self::Damaged { segment, offset, damage } => {
                write!(f, "the log is damaged in {} at byte {offset}: {damage}", file_name(*segment))?;
                write!(f, "; nothing was changed: restore the file from a copy, or cut the log there yourself")
            }
            Self::KnownDecreases { at, before, found } => {
                write!(f, "record {at} of the batch became known at {} ({found} ms), ", format_time(*found))?;
                write!(f, "but the log already holds one from {} ({before} ms): ", format_time(*before))?;
                write!(f, "append records in the order in which they became known")
            }
            Self::Changed { record, field, stored, wanted } => {
                write!(f, "`{record}.{field}` is stored as {stored:?} and was asked for as {wanted:?}: ")?;
                write!(f, "give the field another name, or start a new log")
            }
            Self::Shape { record, expected } if record.is_empty() => write!(f, "a batch needs {expected}"),
            Self::Shape { record, expected } => write!(f, "the records `{record}` of a batch need {expected}"),
            Self::TooLarge { unit, found, max } => {
                write!(f, "a batch of {found} {unit} is more than the {max} of one frame: append it in parts")
            }
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => write!(f, "no header of a log"),
            Self::Version(v) => write!(f, "format {v} is not one that this program reads"),
            Self::Schema(why) => write!(f, "the schema cannot be read ({why})"),
            Self::Gap { expected, found } => write!(f, "it starts at record {found}, and {expected} was to follow"),
            Self::Frame { seq, followed_at: Some(at) } => {
                write!(f, "the frame of record {seq} is not whole, and acknowledged bytes follow at byte {at}")
            }
            Self::Frame { seq, followed_at: None } => {
                write!(f, "the frame of record {seq} is not whole, and it was acknowledged")
            }
            Self::Payload(e) => write!(f, "a whole frame that is not a batch: {e}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::Store { source, .. } => Some(source),
            _ => None,
        }
    }
}
