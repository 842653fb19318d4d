//! What can go wrong while training and evaluating.

use std::fmt;

/// What went wrong.
#[derive(Debug)]
pub enum Error {
    /// There is too little of something.
    TooLittle {
        /// Of what, and where it was looked for.
        what: String,
        /// What to try.
        help: String,
    },
    /// What is fitted would see what it is judged on.
    Leak {
        /// The part.
        part: String,
        /// How the log is cut.
        split: String,
        /// What to try.
        help: String,
    },
    /// A source or learned vector.
    Retrieve(tamis_retrieve::source::Error),
    /// A model.
    Rank {
        /// The stage.
        stage: String,
        /// What it said.
        source: tamis_rank::model::Error,
    },
    /// The bundle.
    Bundle(tamis_funnel::bundle::Error),
    /// The log.
    Log(tamis_log::Error),
    /// What was made cannot be written.
    Write(std::io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLittle { what, help } => write!(f, "{what}; {help}"),
            Self::Leak { part, split, help } => write!(
                f,
                "the split ({split}) leaks: `{part}` is fitted on events, and would see those of the window it is judged on; {help}"
            ),
            Self::Retrieve(e) => write!(f, "{e}"),
            Self::Rank { stage, source } => write!(f, "stage {stage}: {source}"),
            Self::Bundle(e) => write!(f, "{e}"),
            Self::Log(e) => write!(f, "{e}"),
            Self::Write(e) => write!(f, "the rows cannot be written: {e}; is there room?"),
        }
    }
}

impl std::error::Error for Error {}

impl From<tamis_retrieve::source::Error> for Error {
    fn from(e: tamis_retrieve::source::Error) -> Self {
        Self::Retrieve(e)
    }
}

impl From<tamis_funnel::bundle::Error> for Error {
    fn from(e: tamis_funnel::bundle::Error) -> Self {
        Self::Bundle(e)
    }
}
