//! The door to re-ranking: parts that reorder and drop, and say what they did.

use tamis_spec::actors::Actors;
use tamis_spec::decision::{Answer, Need, Scored};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::system::{Part, System};

/// A kind of re-ranking: one key of `[rerank]`.
pub trait RerankKind: Sync {
    /// What it needs of the past, from the file alone. A kind whose needs are all histories and that `excludes` keeps
    /// those items out of the sources too.
    fn plan(&self, part: &Part, system: &System) -> Result<RerankPlan, Diagnostic>;
    /// Makes it ready.
    fn open(&self, part: &Part, system: &System) -> Box<dyn Rerank>;
}

/// What a part needs.
#[derive(Clone, Debug, Default)]
pub struct RerankPlan {
    /// Of the past, at every decision.
    pub needs: Vec<Need>,
    /// Whether the items of its histories must not be proposed at all.
    pub excludes: bool,
}

/// Reorders a list.
pub trait Rerank: Send + Sync {
    /// Reorders `list`, which comes best first, and removes from it; every removal and every move goes into `changes`.
    /// The scores of a list are those of the last stage and stay as they are.
    fn order(&self, ask: &RerankAsk<'_>, list: &mut Vec<Scored>, changes: &mut Vec<Change>);
}

/// What a part is told.
#[derive(Clone, Copy)]
pub struct RerankAsk<'a> {
    /// The moment, ms.
    pub now: i64,
    /// All actors.
    pub actors: &'a Actors,
    /// Index of the actor that is ranked.
    pub item_actor: usize,
    /// Answers to its own needs, in its order.
    pub answers: &'a [Answer<'a>],
    /// How many items were asked for.
    pub limit: usize,
}

/// What a part did to an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// It is no longer in the list.
    Dropped {
        /// Dense index.
        item: u32,
        /// Why, in a word that the part documents.
        why: &'static str,
    },
    /// It stands elsewhere.
    Moved {
        /// Dense index.
        item: u32,
        /// Place before, from 1.
        from: u32,
        /// Place now, from 1.
        to: u32,
    },
}
