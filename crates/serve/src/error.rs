//! What can go wrong while opening, and why a request is refused: facts, not prose put together at the caller.

use serde::Serialize;
use std::fmt;
use std::io::ErrorKind;

/// Why an engine cannot be opened.
#[derive(Debug)]
pub enum Error {
    /// The log cannot be read.
    Log(tamis_log::Error),
    /// The bundle cannot be used.
    Bundle(tamis_funnel::bundle::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(e) => e.fmt(f),
            Self::Bundle(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Log(e) => Some(e),
            Self::Bundle(e) => Some(e),
        }
    }
}

/// What sort of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is not what the API reads: no JSON, or events that the system does not know.
    Wrong,
    /// It can be read and asks for what cannot be.
    Unanswerable,
    /// It is larger than a declared limit.
    TooLarge,
    /// There is no such address.
    NoSuchPath,
    /// The address takes another method.
    NoSuchMethod,
    /// The request did not arrive in time.
    TooSlow,
    /// As many requests as may be are being answered.
    Busy,
    /// There is no room for the log.
    Full,
    /// The log cannot be written for another reason.
    Unavailable,
    /// The program is broken.
    Broken,
}

/// A request that is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Which sort.
    pub refusal: Refusal,
    /// What was asked.
    pub asked: &'static str,
    /// What was found instead.
    pub found: String,
    /// Where in the request; empty when it is about all of it.
    pub place: String,
    /// What to try.
    pub help: String,
    /// For a batch of events: what is wrong with each, at most [`WRONG_MAX`] of them.
    pub each: Vec<Wrong>,
}

/// So many mistakes of a batch are told.
pub(crate) const WRONG_MAX: usize = 100;

/// What is wrong with one event of a batch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wrong {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// What was found.
    pub found: String,
    /// Which of its names; empty when it is about the whole event.
    #[serde(rename = "where")]
    pub place: String,
    /// What to try.
    #[serde(rename = "try")]
    pub help: String,
}

impl Refused {
    /// A refusal about the whole request.
    pub(crate) fn new(refusal: Refusal, asked: &'static str, found: impl Into<String>) -> Self {
        Self { refusal, asked, found: found.into(), place: String::new(), help: String::new(), each: Vec::new() }
    }

    /// The same at a place.
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// The same with something to try.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// What a log that did not take a batch of events means for whoever sent it.
    pub(crate) fn by_log(e: &tamis_log::Error) -> Self {
        let asked = "append the events to the log";
        match e {
            tamis_log::Error::Store { source, .. } => {
                let full = matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
                let refusal = if full { Refusal::Full } else { Refusal::Unavailable };
                Self::new(refusal, asked, e.to_string())
                    .help("none of these events was kept: send all of them again once the log can be written")
            }
            tamis_log::Error::TooLarge { .. } => {
                Self::new(Refusal::TooLarge, asked, e.to_string()).help("send them in smaller batches")
            }
            _ => Self::new(Refusal::Broken, asked, e.to_string()).help("none of these events was kept; report this"),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.asked)?;
        if !self.place.is_empty() {
            write!(f, " ({})", self.place)?;
        }
        write!(f, ": {}", self.found)?;
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}
