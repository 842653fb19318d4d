//! The system file as a value: what `tamis.toml` says, every name with its place, nothing resolved against data.

mod decision;
mod declared;
mod keys;
mod manual;
mod names;
mod parts;
pub mod read;
mod relations;
mod schema;
mod stars;
#[cfg(test)]
mod tests;
mod walk;

use crate::diagnostic::{Span, Spanned};
use crate::expr::Expr;
use crate::param::Params;
use serde::{Deserialize, Serialize};

/// One system file.
#[derive(Clone, Debug)]
pub struct System {
    /// `[system] name`.
    pub name: Spanned<String>,
    /// `[system] task`.
    pub task: Task,
    /// `[system] seed`: every random choice follows from it.
    pub seed: u64,
    /// `[constraints]`.
    pub constraints: Constraints,
    /// `[actors.*]` in file order; an actor is referred to by its index here.
    pub actors: Vec<ActorSpec>,
    /// `[events.*]`: declared ones first, then derived ones, each in file order; referred to by index.
    pub events: Vec<EventSpec>,
    /// `[learned.*]` in file order.
    pub learned: Vec<Part>,
    /// `[decision]`.
    pub decision: DecisionSpec,
    /// `[label]`.
    pub label: LabelSpec,
    /// `[split]`.
    pub split: Split,
    /// `[features]` in file order.
    pub features: Vec<FeatureSpec>,
    /// `[[candidates]]`.
    pub candidates: Vec<Part>,
    /// `[[stages]]`.
    pub stages: Vec<Part>,
    /// `[rerank]`: one part for each key, in the order in which they are applied.
    pub rerank: Vec<Part>,
    /// `[train]`.
    pub train: TrainSpec,
}

/// What is asked of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Order items for somebody.
    Rank,
}

/// `[constraints]`: checked, planned for, enforced.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constraints {
    /// Milliseconds within which 99 % of decisions are answered.
    pub latency_p99_ms: Option<i64>,
    /// Decisions a second.
    pub requests_per_second: Option<f64>,
    /// Bytes.
    pub memory_bytes: Option<f64>,
}

/// A type of field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    /// `number`
    Number,
    /// `bool`
    Bool,
    /// `category`: one word of a vocabulary.
    Category,
    /// `tags`: a weighted set of words.
    Tags,
    /// `text`
    Text,
    /// `vector`
    Vector,
    /// `time`
    Time,
    /// `place`: latitude and longitude.
    Place,
    /// A reference to an actor of that name, by key.
    Actor(String),
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSpec {
    /// `from`: paths, relative to the system file or to the data directory; one or more.
    pub paths: Vec<Spanned<String>>,
    /// `format`; by default what the ending says.
    pub format: Option<String>,
    /// `sql`: what is asked of a database; the one path is then a SQLite file or the address of a server.
    pub sql: Option<String>,
    /// `delimiter`; by default a tab for `.tsv`, else a comma.
    pub delimiter: Option<char>,
    /// `bad_rows`: the share of rows that may be wrong before the file is refused; by default 0.01.
    pub bad_rows: f64,
    /// `columns`: names of the columns of a file without a header; empty when it has one.
    pub columns: Vec<String>,
    /// `each`: a row is many records, one for each entry of a list in it.
    pub each: Option<EntriesSpec>,
}

impl FileSpec {
    /// `from` as it may be shown: an address of a server without its password.
    pub fn shown(&self) -> String {
        let shown = |path: &Spanned<String>| match path.value.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host)),
            None => path.value.clone(),
        };
        self.paths.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

/// `each`: a column that holds a list, and what its entries are.
#[derive(Clone, Debug, PartialEq)]
pub struct EntriesSpec {
    /// `column`: the one that holds the list.
    pub column: String,
    /// `separator` between entries; white space by default.
    pub separator: Option<String>,
    /// `into`: columns that the parts of an entry become.
    pub into: Vec<String>,
    /// `between` the parts of an entry, looked for from its end.
    pub between: String,
}

/// `[actors.NAME]`
#[derive(Clone, Debug)]
pub struct ActorSpec {
    /// NAME.
    pub name: Spanned<String>,
    /// `from`; an actor without one is known from events alone.
    pub file: Option<FileSpec>,
    /// `key`: the column that identifies it; required when there is a file.
    pub key: Option<Spanned<String>>,
    /// `as_of`: the column of the moment from which a row holds, its pattern if it has one; a later row takes its place.
    pub as_of: Option<(Spanned<String>, Option<String>)>,
    /// `fields`.
    pub fields: Vec<FieldSpec>,
}

/// One of `fields`: `age = "number"`, or `title = { type = "text", column = "name" }`.
#[derive(Clone, Debug)]
pub struct FieldSpec {
    /// The name in expressions.
    pub name: Spanned<String>,
    /// `type`: a type's word or an actor's name.
    pub ty: Type,
    /// `column` of the file; by default the name.
    pub column: String,
    /// `separator` between tags, by default `|`; a tag may carry a weight as `name:0.5`... only when `weighted = true`.
    pub separator: String,
    /// `weighted`: whether tags carry weights, `name:0.5`.
    pub weighted: bool,
    /// `pattern` of a time, as strftime writes it; by default RFC 3339 or epoch seconds or milliseconds.
    pub pattern: Option<String>,
    /// `first`: it is not in files; the first such event says it.
    pub first: Option<FirstSpec>,
}

/// Where a field of an actor comes from that its first event says: who published an article, where a user came from.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstSpec {
    /// `EVENT.ROLE`, as written.
    pub written: Spanned<String>,
    /// The declared event.
    pub event: usize,
    /// Who in it is the value, as an index of its roles.
    pub value: usize,
    /// Who in it is the actor whose field it is.
    pub of: usize,
}

/// `[events.NAME]`
#[derive(Clone, Debug)]
pub struct EventSpec {
    /// NAME.
    pub name: Spanned<String>,
    /// How it comes about.
    pub origin: Origin,
}

/// How an event comes about.
#[derive(Clone, Debug)]
pub enum Origin {
    /// It is logged.
    Declared {
        /// `from`; an event without one comes through the API alone.
        file: Option<FileSpec>,
        /// `time`: the column of its moment, its pattern if it has one.
        time: Option<(Spanned<String>, Option<String>)>,
        /// `actors`.
        roles: Vec<RoleSpec>,
        /// `fields`.
        fields: Vec<FieldSpec>,
    },
    /// `where`: another event that fulfils a condition.
    Derived {
        /// Index of the declared event.
        base: usize,
        /// The condition.
        condition: Expr,
        /// `first`: one or two roles of whose every combination only the first occurrence counts; empty when all do.
        first: Vec<usize>,
    },
}

/// One of an event's `actors`: `user = "user_id"`, or `follower = { actor = "user", column = "from_id" }`.
#[derive(Clone, Debug)]
pub struct RoleSpec {
    /// What it is in the event.
    pub role: Spanned<String>,
    /// Index of the actor.
    pub actor: usize,
    /// The column with its key.
    pub column: String,
}

/// `[decision]`
#[derive(Clone, Debug)]
pub struct DecisionSpec {
    /// `each` or `from`: index of the event whose occurrences were decisions, or rows of them.
    pub event: usize,
    /// With `from`: how its rows make lists. With `each`, every occurrence was a decision with that item as the right one.
    pub lists: Option<ListsSpec>,
    /// The actor that `for` names, or that plays the role it names.
    pub user: usize,
    /// The actor that `item` names, or that plays the role it names.
    pub item: usize,
    /// `for`, as written.
    pub user_name: String,
    /// `item`, as written.
    pub item_name: String,
    /// `where`: which of them count; an expression over what is known before the decision.
    pub condition: Option<Expr>,
    /// `eligible`: which items may be proposed.
    pub eligible: Option<Expr>,
    /// `request`: fields of the event that are known when the decision is made, by index. Of a logged list all that are not given.
    pub request: Vec<usize>,
    /// `given`: fields of the event that come with each candidate of a list, by index.
    pub given: Vec<usize>,
    /// Where `[decision]` stands.
    pub span: Span,
}

impl DecisionSpec {
    /// Every occurrence of an event is a decision: (actor, name) of whom it is for and of the item.
    pub fn each(event: usize, user: (usize, &str), item: (usize, &str)) -> Self {
        Self {
            event,
            lists: None,
            user: user.0,
            item: item.0,
            user_name: user.1.into(),
            item_name: item.1.into(),
            condition: None,
            eligible: None,
            request: Vec::new(),
            given: Vec::new(),
            span: 0..1,
        }
    }
}

/// How logged rows make lists: by their id, else by whom they were shown to and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListsSpec {
    /// `list`: the field with the id.
    pub id: Option<usize>,
    /// `position`: the field with the place in the list.
    pub position: Option<usize>,
    /// `retrieve`: its items are not what is ordered but what should be found among all.
    pub retrieve: bool,
}

/// `[label]`
#[derive(Clone, Debug, Default)]
pub struct LabelSpec {
    /// The grade of an item is the highest of those whose outcome it had; 0 without any.
    pub grades: Vec<GradeSpec>,
    /// `raters`: the field of the decision's event that names who judged; rows of one item by several are merged.
    pub raters: Option<usize>,
    /// `against`: what should not follow; told beside the metrics.
    pub against: Vec<(Spanned<String>, OutcomeSpec)>,
}

/// An outcome and what it is worth.
#[derive(Clone, Debug)]
pub struct GradeSpec {
    /// Its name.
    pub name: String,
    /// The grade; ignored for an amount.
    pub grade: f64,
    /// What has to follow.
    pub outcome: OutcomeSpec,
}

/// `click within 30m where dwell >= 30`, `purchase.price within 7d`.
#[derive(Clone, Debug)]
pub struct OutcomeSpec {
    /// The event that follows.
    pub event: usize,
    /// The expression whose sum is an amount; none when it is enough that the event follows.
    pub amount: Option<Expr>,
    /// How soon; without it whenever, where records of the decision itself or of its list say so.
    pub within_ms: Option<i64>,
    /// Which of these events count.
    pub condition: Option<Expr>,
    /// As written.
    pub text: Spanned<String>,
}

/// `[split]`: shares of the log by time, oldest first; they add up to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// What sources and learned vectors may see while stages are trained; 0 when there is nothing to fit before them.
    pub sources: f64,
    /// Stages are fitted on it.
    pub train: f64,
    /// Choices are made on it.
    pub validate: f64,
    /// Looked at once.
    pub test: f64,
    /// `of`: what the shares are of.
    pub of: SplitOf,
    /// Lengths of train, validate and test, ms, the last ending with the log; instead of shares.
    pub spans_ms: Option<[i64; 3]>,
    /// `by`, `column`, `file`: what decides where a decision belongs.
    pub by: SplitBy,
    /// `folds` and `fold`.
    pub folds: Option<(usize, usize)>,
    /// `validate_fold`: whether the fold before the test window is the validate window, not the one behind it.
    pub validates_before: bool,
    /// `every`: of the decisions of train, validate and test in the order of the log, each so-many-th counts, the first of all.
    pub every: [usize; 3],
}

impl Default for Split {
    fn default() -> Self {
        Self {
            sources: 0.6,
            train: 0.2,
            validate: 0.1,
            test: 0.1,
            of: SplitOf::Events,
            spans_ms: None,
            by: SplitBy::Time,
            folds: None,
            validates_before: false,
            every: [1; 3],
        }
    }
}

/// What decides in which window a decision is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SplitBy {
    /// Its moment.
    Time,
    /// Chance.
    Random,
    /// Chance, the same for all decisions for one actor.
    User,
    /// Chance, the same for all decisions of one right item.
    Item,
    /// Chance, the same for equal values of that field of the decision's event.
    Field(usize),
    /// What that field of the decision's event says.
    Column(usize),
    /// What a file says.
    File(String),
}

/// What shares of a split are shares of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitOf {
    /// All events of the log.
    Events,
    /// Decisions.
    Decisions,
    /// Occurrences of the event of that index.
    Event(usize),
}

/// `[train]`: how many examples are made.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainSpec {
    /// `decisions`: at most so many decisions of the train window, drawn evenly at random.
    pub decisions: usize,
    /// `validate_decisions`: at most so many of the validate window.
    pub validate_decisions: usize,
    /// `negatives`: at most so many candidates beside the positive are kept a decision, drawn at random.
    pub negatives: usize,
}

/// One of `[features]`.
#[derive(Clone, Debug)]
pub struct FeatureSpec {
    /// Its name.
    pub name: Spanned<String>,
    /// As written.
    pub source: String,
    /// As read.
    pub expr: Expr,
}

/// A source, a stage, a learned vector or a step of re-ranking: its kind and what its table said.
#[derive(Clone, Debug)]
pub struct Part {
    /// The kind's name, known to its registry.
    pub kind: String,
    /// `name`; by default the kind's, with a number when there are several.
    pub name: Spanned<String>,
    /// What the table said beside `kind` and `name`, checked against the kind's declaration.
    pub params: Params,
    /// Where the table stands.
    pub span: Span,
}
