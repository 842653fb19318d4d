//! The door to models: fitted on rows that a decision grouped, kept as bytes, opened to score.

use tamis_spec::matrix::ColumnSpec;
use tamis_spec::param::Params;

/// A kind of model.
pub trait Fit: Sync {
    /// Fits it. Same input, seed and number of threads, same bytes.
    fn fit(&self, ask: &FitAsk<'_>) -> Result<Fitted, Error>;
    /// Makes it ready to score rows of these columns; refuses other columns than it was fitted on.
    fn open(&self, bytes: &[u8], columns: &[ColumnSpec]) -> Result<Box<dyn Model>, Error>;
}

/// Scores rows.
pub trait Model: Send + Sync {
    /// `rows`: [n, d] row-major; `out`: [n]; larger is better; never NaN.
    fn score(&self, rows: &[f32], out: &mut [f32]);
    /// What each column adds to the score of one row, against the model's average: `row` and `out` have d values.
    fn explain(&self, row: &[f32], out: &mut [f32]);
}

/// What a fit is given.
pub struct FitAsk<'a> {
    /// What it learns from.
    pub train: Examples<'a>,
    /// What it stops on; without it, it runs its full length.
    pub validate: Option<Examples<'a>>,
    /// The stage's keys in the system file.
    pub params: &'a Params,
    /// All randomness follows from it.
    pub seed: u64,
    /// Threads it may use.
    pub n_threads: usize,
    /// Told of rounds done and rounds at most.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// Labelled rows, those of one decision one after the other.
#[derive(Clone, Copy)]
pub struct Examples<'a> {
    /// [n, d] row-major; NaN is missing.
    pub rows: &'a [f32],
    /// d of them.
    pub columns: &'a [ColumnSpec],
    /// [n]: 0 or 1, or a grade.
    pub labels: &'a [f32],
    /// [n], positive; all 1 when none.
    pub weights: Option<&'a [f32]>,
    /// Rows in each decision; they add up to n.
    pub groups: &'a [u32],
}

/// What a fit returns.
#[derive(Clone, Debug, Default)]
pub struct Fitted {
    /// The model.
    pub model: Vec<u8>,
    /// How it came about.
    pub curve: Vec<CurvePoint>,
    /// Share of each column in the model's decisions, in column order, adding up to 1.
    pub importance: Vec<f64>,
}

/// One point of a training curve.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePoint {
    /// Rounds done.
    pub round: usize,
    /// What was measured: `ndcg@10`, `logloss`.
    pub metric: &'static str,
    /// On the rows it learns from; NaN when not measured.
    pub train: f64,
    /// On the rows it stops on; NaN when there are none.
    pub validate: f64,
}

/// What can go wrong in this room.
#[derive(Debug)]
pub enum Error {
    /// The examples cannot be learned from.
    Examples(String),
    /// The trainer refused.
    Trainer(String),
    /// Bytes of a bundle are not a model of this kind.
    Damaged(String),
    /// The model was fitted on other columns.
    Columns {
        /// What it was fitted on.
        fitted: Vec<ColumnSpec>,
        /// What it was given.
        given: Vec<ColumnSpec>,
    },
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Examples(reason) => write!(f, "the examples cannot be learned from: {reason}"),
            Self::Trainer(reason) => write!(f, "the trainer refused: {reason}"),
            Self::Damaged(reason) => write!(f, "the stored model cannot be used: {reason}"),
            Self::Columns { fitted, given } => {
                let names = |c: &[ColumnSpec]| c.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "the model was fitted on other columns: it knows [{}], it was given [{}]",
                    names(fitted),
                    names(given)
                )
            }
        }
    }
}

impl std::error::Error for Error {}
