//! The door to sources: what a kind of source can be asked, at fitting time and at decision time.

use std::path::PathBuf;
use std::sync::Arc;
use tamis_spec::actors::Actors;
use tamis_spec::decision::{Ask, Happened, Need, Scored};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::system::{Part, System};
use tamis_spec::vectors::Vectors;

use crate::learned::Learned;

/// A kind of source. `plan` is pure; `fit` sees the past of a window; `open` makes it ready to be asked.
pub trait SourceKind: Sync {
    /// What it will need, from the file alone.
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic>;
    /// Fits it; the bytes go into the bundle. Same input and seed, same bytes.
    fn fit(&self, part: &Part, ask: &FitAsk<'_>) -> Result<Vec<u8>, Error>;
    /// Makes it ready. `fitted`: what `fit` returned, empty for a kind that only folds.
    fn open(&self, part: &Part, fitted: &Arc<Vec<u8>>, opened: &Opened<'_>) -> Result<Box<dyn Source>, Error>;
}

/// What a source or learned vector needs.
#[derive(Clone, Debug, Default)]
pub struct SourcePlan {
    /// Of the past, at every decision.
    pub needs: Vec<Need>,
    /// The event it folds as the log goes by; none if it is fitted once or reads needs alone.
    pub folds: Option<usize>,
    /// Names what `fit` depends on: parts with equal kinds and keys share one fit. None if it is not fitted.
    pub fit_key: Option<String>,
    /// Whether it is fitted on texts of actors alone, in which nothing of events stands.
    pub of_texts: bool,
    /// Estimated resident bytes for so many users and items.
    pub bytes: Bytes,
}

/// Resident bytes as a function of the sizes: constant + per_user·users + per_item·items + per_item_pair·items².
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bytes {
    /// Whatever the sizes.
    pub constant: f64,
    /// For each user.
    pub per_user: f64,
    /// For each item.
    pub per_item: f64,
    /// For each pair of items.
    pub per_item_pair: f64,
}

/// The past that a fit may see: everything before the window in which it will be judged, and nothing else.
pub struct FitAsk<'a> {
    /// The system.
    pub system: &'a System,
    /// Users and items of every occurrence of an event (index in the system), in log order.
    pub pairs: &'a (dyn Fn(usize) -> Pairs + Sync),
    /// What became known at this moment, ms, or later is not seen.
    pub until: i64,
    /// The texts of a field of an actor as they were known, by dense index; empty where there was none.
    pub texts: &'a (dyn Fn(usize, usize) -> Vec<String> + Sync),
    /// The vectors that items have by a `[learned]` part, by its index; none while learned parts are being fitted.
    pub items: &'a (dyn Fn(usize) -> Option<Vectors> + Sync),
    /// The folder of that name, beside the system file or in the data directory.
    pub folder: &'a (dyn Fn(&str) -> Option<PathBuf> + Sync),
    /// How many users are known.
    pub n_users: usize,
    /// How many items are known.
    pub n_items: usize,
    /// All randomness follows from it.
    pub seed: u64,
    /// Threads it may use; the result does not depend on it.
    pub n_threads: usize,
}

/// Who met what: columns of one length.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// Dense indices of users.
    pub users: Vec<u32>,
    /// Dense indices of items.
    pub items: Vec<u32>,
    /// When it became known, ms; never decreases.
    pub times: Vec<i64>,
}

/// What stands ready when a source is opened.
pub struct Opened<'a> {
    /// The system.
    pub system: &'a System,
    /// Opened `[learned]`, by index.
    pub learned: &'a [Arc<dyn Learned>],
}

/// Proposes candidates. Deterministic: the same past and question give the same bits.
pub trait Source: Send + Sync {
    /// The best `keep` items that are not excluded, best first (`Scored::order`), appended to `out`.
    fn candidates(&self, ask: &Ask<'_>, keep: usize, memo: &mut Memo, out: &mut Vec<Scored>);
    /// What it thinks of given items; NaN where it cannot say. Called after `candidates` of the same ask with the same memo.
    fn score(&self, ask: &Ask<'_>, items: &[u32], memo: &mut Memo, out: &mut [f32]);
    /// Takes in an occurrence of the event it folds.
    fn fold(&mut self, happened: &Happened<'_>);
    /// Takes in what became known of actors before `now`; never goes back. Most sources read none of it.
    fn learn(&mut self, _actors: &Actors, _now: i64) {}
    /// Another that shares what was fitted and starts with nothing folded.
    fn replica(&self) -> Box<dyn Source>;
}

/// What one source keeps between questions on one thread: scratch, and what it remembers of users to answer the next question faster.
/// Forgetting it changes no answer.
#[derive(Default)]
pub struct Memo {
    /// Scores of the whole catalogue, if the source makes them.
    pub scores: Vec<f32>,
    /// Whatever else it keeps.
    pub kept: Option<Box<dyn std::any::Any + Send>>,
}

/// What can go wrong in this room.
#[derive(Debug)]
pub enum Error {
    /// A fit was asked for something it cannot do.
    Fit {
        /// The part's name.
        part: String,
        /// What was found and what to try.
        reason: String,
    },
    /// Bytes of a bundle are not what this part wrote.
    Damaged {
        /// The part's name.
        part: String,
        /// What was found.
        reason: String,
    },
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fit { part, reason } => write!(f, "{part} cannot be fitted: {reason}"),
            Self::Damaged { part, reason } => write!(f, "what was stored of {part} cannot be used: {reason}"),
        }
    }
}

impl std::error::Error for Error {}
