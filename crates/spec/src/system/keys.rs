//! Every key of a system file, declared as data: what the reader checks, the editor knows and the manual prints.

use crate::param::{Param, ParamType};

const fn required(name: &'static str, ty: ParamType, about: &'static str) -> Param {
    Param { name, ty, required: true, about }
}

const fn optional(name: &'static str, ty: ParamType, about: &'static str) -> Param {
    Param { name, ty, required: false, about }
}

/// Tables of the file that need no registry to be read.
pub(super) const FILE: &[Param] = &[
    required("system", ParamType::Table(SYSTEM), "What the system is called and what is asked of it."),
    optional("constraints", ParamType::Table(CONSTRAINTS), "What answers may cost: checked, planned for, enforced."),
    required("actors", ParamType::Entries(&ParamType::Table(ACTOR)), "Kinds of things with a key and fields."),
    required("events", ParamType::Entries(&ParamType::Table(EVENT)), "What happens at a time to some actors."),
    required("decision", ParamType::Table(DECISION), "The moments at which something is ordered for somebody."),
    optional(
        "label",
        ParamType::Table(LABEL),
        "What a good item is; with `each`, by default the one that the decision's event names.",
    ),
    optional(
        "split",
        ParamType::Table(SPLIT),
        "Shares of the log by time, oldest first; they add up to 1. By default 60%, 20%, 10% and 10%.",
    ),
    optional("train", ParamType::Table(TRAIN), "How many examples are made."),
    optional(
        "features",
        ParamType::Entries(&ParamType::Expression),
        "Named expressions over actors, the moment and past events; what models read. `x = \"log1p(given.x*)\"` is a feature for each field that begins with x.",
    ),
];

const SYSTEM: &[Param] = &[
    required("name", ParamType::Text, "What the system is called."),
    required(
        "task",
        ParamType::Choice(&["rank", "predict", "segment"]),
        "What is asked of it: `rank` orders items for somebody; `predict` and `segment` are not available in this version.",
    ),
    optional("seed", ParamType::Integer(0, 1 << 53), "Every random choice follows from it; by default 0."),
];

const CONSTRAINTS: &[Param] = &[
    optional("latency_p99", ParamType::Duration, "The time within which 99 % of decisions are answered."),
    optional("requests_per_second", ParamType::Number(1e-3, 1e7), "How many decisions a second there are."),
    optional("memory", ParamType::Bytes, "What the machine has of it."),
];

const FROM: Param = optional(
    "from",
    ParamType::Several,
    "A CSV, TSV, JSON lines, Parquet, `.qrels` or SVMlight file, beside the system file or in the data directory; `events-*.csv` for all that are like it, in the order of their names; or a list of such.",
);
/// What `format` may say.
const FORMATS: &[&str] = &["csv", "tsv", "jsonl", "parquet", "qrels", "svmlight", "trec"];
const FORMAT: Param = optional(
    "format",
    ParamType::Choice(FORMATS),
    "How files are written whose ending does not say it. `svmlight`, also for `.svm`, `.svmlight` and `.letor`: `2 qid:10 1:0.5 # name = value`, with the columns `label`, `qid`, the numbers of features (0 where a line leaves one out), the names in its comment, `comment`, `row`, and `file`, the file's name without its endings.",
);
const SQL: Param = optional(
    "sql",
    ParamType::Text,
    "A query; `from` is then a SQLite file, `postgres://...`, or `$NAME` for an address in the environment. What changes in a server is not noticed: delete the log to read it again.",
);
const DELIMITER: Param = optional(
    "delimiter",
    ParamType::Text,
    "One character; by default a tab in a `.tsv` or `.txt` file, any white space in a `.qrels` file, else a comma.",
);
const BAD_ROWS: Param = optional(
    "bad_rows",
    ParamType::Share,
    "The share of rows that may be wrong before the file is refused; by default 0.01.",
);
const COLUMNS: Param =
    optional("columns", ParamType::Texts, "Names of the columns of a CSV or TSV file whose first line is no header.");
const EACH: Param = optional(
    "each",
    ParamType::Table(ENTRIES),
    "A row is many records: one for each entry of a list in one of its columns.",
);
const ENTRIES: &[Param] = &[
    required("column", ParamType::Text, "The column that holds the list."),
    optional("separator", ParamType::Text, "What stands between entries; by default white space."),
    optional(
        "into",
        ParamType::Texts,
        "Names for the parts of an entry, used like columns; by default the column's own.",
    ),
    optional(
        "between",
        ParamType::Text,
        "What stands between the parts of an entry, sought from its end; by default `:`.",
    ),
];
const FIELDS: Param = optional(
    "fields",
    ParamType::Entries(&ParamType::Short("type", FIELD)),
    "What is known of it: `age = \"number\"`, or a table.",
);

/// Keys of `[actors.NAME]`.
pub(super) const ACTOR: &[Param] = &[
    FROM,
    optional("key", ParamType::Text, "The column that identifies it; required with `from`."),
    optional(
        "as_of",
        ParamType::Short("column", TIME),
        "The column of the moment from which a row holds, or a table: each later row of a key takes the place of the one before. By default rows hold always.",
    ),
    FIELDS,
    FORMAT,
    SQL,
    DELIMITER,
    COLUMNS,
    BAD_ROWS,
];

/// Keys of `[events.NAME]`.
pub(super) const EVENT: &[Param] = &[
    FROM,
    optional(
        "time",
        ParamType::Short("column", TIME),
        "The column of its moment, or a table; required with `from`, but for judgements, which are decisions without a moment.",
    ),
    optional(
        "actors",
        ParamType::Entries(&ParamType::Short("column", ROLE)),
        "Whom it happens to: `user = \"user_id\"`, or a table; required unless there is a `where`.",
    ),
    FIELDS,
    optional(
        "where",
        ParamType::Expression,
        "Makes it a derived event: the occurrences of one declared event that fulfil this. Beside it stands at most `first`.",
    ),
    optional(
        "first",
        ParamType::Texts,
        "With `where`: of each of these actors, one or two of the event's, only the first occurrence counts.",
    ),
    FORMAT,
    SQL,
    DELIMITER,
    COLUMNS,
    EACH,
    BAD_ROWS,
];

const FIELD: &[Param] = &[
    required(
        "type",
        ParamType::Text,
        "number, bool, category, tags, text, vector, time, place, or the name of an actor.",
    ),
    optional("column", ParamType::Text, "The column of the file; by default the field's name."),
    optional(
        "columns",
        ParamType::Text,
        "Many columns in one declaration: `x = { type = \"number\", columns = \"1..46\" }` are the fields x1 to x46; with more in the columns' names, `\"v_{1..46}\"`.",
    ),
    optional("separator", ParamType::Text, "What stands between tags; by default `|`."),
    optional("weighted", ParamType::Bool, "Whether tags carry weights, `drama:0.5`; by default false."),
    PATTERN,
    optional(
        "first",
        ParamType::Text,
        "Of an actor: another actor, which its first event names, as EVENT.ROLE; known from then on. Such a field is in no file.",
    ),
];
const PATTERN: Param = optional(
    "pattern",
    ParamType::Text,
    "How a time is written, as in strftime; by default RFC 3339, or seconds or milliseconds since 1970.",
);
const TIME: &[Param] = &[required("column", ParamType::Text, "The column of the file."), PATTERN];
const ROLE: &[Param] = &[
    optional("actor", ParamType::Actor, "The kind of actor; by default the one of that name."),
    optional("column", ParamType::Text, "The column with its key; by default the name."),
];

/// Keys of `[decision]`.
pub(super) const DECISION: &[Param] = &[
    optional(
        "each",
        ParamType::Event,
        "The event whose every occurrence was a decision with its item as the right one.",
    ),
    optional("from", ParamType::Event, "The event whose occurrences are the rows of lists that were shown."),
    optional(
        "list",
        ParamType::Text,
        "With `from`: the field with the list's id; by default rows of one moment and one `for` make a list.",
    ),
    optional(
        "position",
        ParamType::Text,
        "With `from`: the field with the place in the list; features read it as `position` while a model learns, and as 1 when it is asked.",
    ),
    optional(
        "retrieve",
        ParamType::Bool,
        "With `from`: rows say which items are right for what was asked, and these are sought among all; by default the items of a list are ordered.",
    ),
    optional(
        "request",
        ParamType::Texts,
        "With `each`: the event's fields that were known when it was asked for, read as `request.FIELD`. Of lists, all are that are not `given`.",
    ),
    optional(
        "given",
        ParamType::Texts,
        "With `from`: the event's fields that come with each candidate, read as `given.FIELD` and sent with the items of a request; `x*` for all that begin with x.",
    ),
    required(
        "for",
        ParamType::Text,
        "The actor that a list is for; or its role in the event, where both are of one kind.",
    ),
    required("item", ParamType::Text, "The actor that is ranked, or its role in the event."),
    optional("where", ParamType::Expression, "Which decisions count, from what is known before them; by default all."),
    optional(
        "eligible",
        ParamType::Expression,
        "Which items may be proposed, from what is known before the decision; by default all. Lists that come with the request are not cut.",
    ),
];

/// Keys of `[label]`.
pub(super) const LABEL: &[Param] = &[
    optional(
        "value",
        ParamType::Text,
        "What makes an item a good one: `click within 30m where dwell >= 30`; of a number, `purchase.price within 7d`, the sum.",
    ),
    optional(
        "case",
        ParamType::Entries(&ParamType::Table(CASE)),
        "Grades: `liked = { when = \"like within 1d\", grade = 2 }`. An item has the highest whose outcome it had.",
    ),
    optional(
        "raters",
        ParamType::Text,
        "The field of the decision's event that names who judged: what several say of one item is merged by how far each can be trusted (Dawid and Skene 1979).",
    ),
    optional(
        "against",
        ParamType::Entries(&ParamType::Text),
        "Outcomes that should not follow, told beside the metrics: `hidden = \"hide within 1d\"`.",
    ),
];
const CASE: &[Param] = &[
    required("when", ParamType::Text, "The outcome."),
    required("grade", ParamType::Number(0.0, 30.0), "What it is worth; a gain is 2^grade - 1."),
];

pub(super) const SPLIT: &[Param] = &[
    optional(
        "by",
        ParamType::Text,
        "`time`, the default; `random`; or what keeps together by chance: an actor of the decision, or a field of its event.",
    ),
    optional(
        "column",
        ParamType::Text,
        "A field of the decision's event that says where each belongs: train, validate, test, or with `folds` a fold's number from 0, or one of as many words, which are folds in their order.",
    ),
    optional(
        "file",
        ParamType::Text,
        "A file that says the same, a word a line for each decision in the order of the log; or a digit for each, without spaces; or lines of two words, the key of the decision's `for` and where it belongs.",
    ),
    optional("folds", ParamType::Integer(3, 100), "Cuts decisions into so many parts by chance instead of by shares."),
    optional(
        "fold",
        ParamType::Integer(0, 99),
        "The fold that is the test window, from 0, the default; the one behind it is the validate window, the others train.",
    ),
    optional(
        "validate_fold",
        ParamType::Choice(&["behind", "before"]),
        "The fold that is the validate window: the one behind the test window, the default, or the one before it.",
    ),
    optional(
        "sources",
        ParamType::Portion,
        "What sources and learned vectors may see while stages are trained; by default nothing, with time spans all before.",
    ),
    optional("train", ParamType::Portion, "What stages are fitted on: a share, or a time span before the next window."),
    optional("validate", ParamType::Portion, "What choices are made on."),
    optional("test", ParamType::Portion, "What is looked at once."),
    optional(
        "of",
        ParamType::Text,
        "What the shares are of: `events`, the default, `decisions`, or one event by its name.",
    ),
    optional(
        "every",
        ParamType::Table(EVERY),
        "Of a window's decisions in the order of the log, each so-many-th counts; by default all.",
    ),
];
const EVERY: &[Param] = &[
    optional("train", ParamType::Integer(1, 1_000_000), "Of the train window; by default 1."),
    optional("validate", ParamType::Integer(1, 1_000_000), "Of the validate window; by default 1."),
    optional("test", ParamType::Integer(1, 1_000_000), "Of the test window; by default 1."),
];

const TRAIN: &[Param] = &[
    optional(
        "decisions",
        ParamType::Integer(1, 100_000_000),
        "At most so many decisions of the train window, drawn at random; by default 24000.",
    ),
    optional(
        "validate_decisions",
        ParamType::Integer(1, 100_000_000),
        "At most so many of the validate window; by default 3000.",
    ),
    optional(
        "negatives",
        ParamType::Integer(1, 100_000),
        "At most so many candidates beside the right one are kept of a decision, drawn at random; by default 100.",
    ),
];

/// Tables that name a kind of a registry.
pub(super) struct Sort {
    /// The key of the file.
    pub(super) key: &'static str,
    /// How a table of it begins, for messages and the manual.
    pub(super) title: &'static str,
    /// What one is called.
    pub(super) what: &'static str,
    /// One sentence for the manual.
    pub(super) about: &'static str,
    /// The keys that all kinds take.
    pub(super) common: &'static [Param],
}

const KIND: Param = required("kind", ParamType::Text, "The name of a kind.");
const NAME: Param =
    optional("name", ParamType::Text, "What it is called; by default its kind, with a number when that is taken.");
const KEEP: Param = required("keep", ParamType::Integer(1, 100_000), "At most so many items go on.");

/// `[learned.NAME]`
pub(super) const LEARNED: Sort = Sort {
    key: "learned",
    title: "[learned.NAME]",
    what: "learned vector",
    about: "Fitted vectors, which features and sources read as `user.NAME` and `movie.NAME`.",
    common: &[KIND],
};

/// `[[candidates]]`
pub(super) const CANDIDATES: Sort = Sort {
    key: "candidates",
    title: "[[candidates]]",
    what: "source",
    about: "Sources: each proposes items; what they propose is merged.",
    common: &[KIND, NAME, KEEP],
};

/// `[[stages]]`
pub(super) const STAGES: Sort = Sort {
    key: "stages",
    title: "[[stages]]",
    what: "stage",
    about: "Stages: each scores what reaches it and keeps the best, in the order of the file.",
    common: &[
        KIND,
        NAME,
        KEEP,
        optional("optimise", ParamType::Text, "The metric that choices are made by: `recall@200`, `ndcg@10`."),
        optional(
            "decisions",
            ParamType::Integer(1, 100_000_000),
            "It learns from at most so many of `[train]`'s decisions; all by default.",
        ),
        optional(
            "features",
            ParamType::Texts,
            "The features it reads, `x*` for all that begin with x; by default all.",
        ),
    ],
};

/// `[rerank]`
pub(super) const RERANK: Sort = Sort {
    key: "rerank",
    title: "[rerank]",
    what: "step of re-ranking",
    about: "Order by policy, not by a model: one key for each step, applied in the order below.",
    common: &[],
};

/// All of them, in the order of the manual.
pub(super) const SORTS: [&Sort; 4] = [&LEARNED, &CANDIDATES, &STAGES, &RERANK];

/// Tables that a system file will have one day.
pub(super) const LATER: [&str; 3] = ["experiments", "watch", "retrain"];

/// The key of a step of re-ranking that is written as a value and not as a table.
pub(super) const VALUE: &str = "value";

/// The declaration of a key.
pub(super) fn param<'a>(params: &'a [Param], name: &str) -> Option<&'a Param> {
    params.iter().find(|p| p.name == name)
}
