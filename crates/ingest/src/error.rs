//! What can be wrong with files, as facts.

use std::fmt;
use std::path::PathBuf;
use tamis_spec::diagnostic::nearest;

/// One row that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1; in Parquet, its row.
    pub line: u64,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: expected {}, found {}", self.file.display(), self.line, self.expected, self.found)
    }
}

/// Why a file was not imported.
#[derive(Debug)]
pub enum Error {
    /// It is nowhere.
    NotFound {
        /// As the system file says it.
        path: String,
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// No file is of that pattern.
    NoMatch {
        /// As the system file says it.
        pattern: String,
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// A database, and nothing says what is read of it.
    NoSql {
        /// The database.
        file: PathBuf,
    },
    /// It could not be read.
    Read {
        /// The file.
        file: PathBuf,
        /// What the system or the decoder said.
        reason: String,
    },
    /// Its ending names no format.
    Format {
        /// The file.
        file: PathBuf,
    },
    /// It has no row.
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// Two columns have one name.
    DuplicateColumn {
        /// The file.
        file: PathBuf,
        /// The name.
        column: String,
    },
    /// A column is not there.
    MissingColumn {
        /// The file.
        file: PathBuf,
        /// What was asked for.
        column: String,
        /// What there is.
        found: Vec<String>,
    },
    /// More rows are bad than the file may have.
    TooManyBad {
        /// The file.
        file: PathBuf,
        /// Rows that are bad.
        bad: u64,
        /// All rows.
        rows: u64,
        /// The share that may be.
        allowed: f64,
        /// The first of them.
        examples: Vec<BadRow>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { path, tried } => {
                write!(f, "no file `{path}`; looked for")?;
                tried.iter().try_for_each(|t| write!(f, "\n  {}", t.display()))?;
                write!(f, "\nput it there, or set TAMIS_DATA to the directory that holds it")
            }
            Self::NoMatch { pattern, tried } => {
                write!(f, "no file is like `{pattern}`; looked for")?;
                tried.iter().try_for_each(|t| write!(f, "\n  {}", t.display()))?;
                write!(f, "\nput files there, or set TAMIS_DATA to the directory that holds them")
            }
            Self::NoSql { file } => {
                write!(f, "{} is a database: say what is read of it, sql = \"select ...\"", file.display())
            }
            Self::Read { file, reason } => write!(f, "cannot read {}: {reason}", file.display()),
            Self::Format { file } => write!(
                f,
                "{} is of no known format; known: .csv .tsv .jsonl .ndjson .qrels .trec .xml, each also .gz .zst or .zip, .parquet, and databases with `sql`",
                file.display()
            ),
            Self::Empty { file } => {
                write!(f, "{} is empty; a header and at least one row were expected", file.display())
            }
            Self::DuplicateColumn { file, column } => {
                write!(f, "{}: two columns are called `{column}`; rename one of them", file.display())
            }
            Self::MissingColumn { file, column, found } => {
                write!(f, "{} has no column `{column}`", file.display())?;
                if let Some(near) = nearest(column, found.iter().map(String::as_str)) {
                    write!(f, "; did you mean `{near}`?")?;
                }
                write!(f, " It has: {}", found.join(", "))
            }
            Self::TooManyBad { file, bad, rows, allowed, examples } => {
                let share = 100.0 * *bad as f64 / (*rows).max(1) as f64;
                write!(
                    f,
                    "{}: {bad} of {rows} rows are bad ({share:.1} %), {:.1} % may be (`bad_rows`)",
                    file.display(),
                    allowed * 100.0
                )?;
                examples.iter().try_for_each(|e| write!(f, "\n  {e}"))
            }
        }
    }
}

impl std::error::Error for Error {}
