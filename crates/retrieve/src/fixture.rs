//! A small system, parts of it and a naive way to rank, for the tests of this crate.

use crate::source::{FitAsk, Memo, Pairs, Source};
use tamis_spec::decision::{Answer, Ask, Scored, Visit};
use tamis_spec::diagnostic::Spanned;
use tamis_spec::expr::{Expr, Node};
use tamis_spec::mask::Mask;
use tamis_spec::param::{ParamValue, Params};
use tamis_spec::system::{
    ActorSpec, Constraints, DecisionSpec, EventSpec, Origin, Part, RoleSpec, Split, System, Task, TrainSpec,
};

pub(crate) fn named(name: &str) -> Spanned<String> {
    Spanned { value: name.into(), span: 0..1 }
}

pub(crate) fn text(value: &str) -> ParamValue {
    ParamValue::Text(value.into())
}

/// A part whose every value stands at bytes 10 to 20.
pub(crate) fn part(kind: &str, params: Vec<(&'static str, ParamValue)>) -> Part {
    let values = params.into_iter().map(|(name, value)| (name, Spanned { value, span: 10..20 })).collect();
    Part { kind: kind.into(), name: named(kind), params: Params { values }, span: 0..30 }
}

/// Actors user and movie; events rating, liked, visit (which has no movie) and again (a visit).
pub(crate) fn system() -> System {
    let actor = |name| ActorSpec { name: named(name), file: None, key: None, as_of: None, fields: Vec::new() };
    let role = |name, actor| RoleSpec { role: named(name), actor, column: name.into() };
    let declared = |name, roles| EventSpec {
        name: named(name),
        origin: Origin::Declared { file: None, time: None, roles, fields: Vec::new() },
    };
    let always = Expr { node: Node::Bool(true), span: 0..1 };
    System {
        name: named("films"),
        task: Task::Rank,
        seed: 7,
        constraints: Constraints::default(),
        actors: vec![actor("user"), actor("movie")],
        events: vec![
            declared("rating", vec![role("user", 0), role("movie", 1)]),
            declared("liked", vec![role("user", 0), role("movie", 1)]),
            declared("visit", vec![role("user", 0)]),
            EventSpec {
                name: named("again"),
                origin: Origin::Derived { base: 2, condition: always, first: Vec::new() },
            },
        ],
        learned: Vec::new(),
        decision: DecisionSpec::each(1, (0, "user"), (1, "movie")),
        split: Split::default(),
        label: Default::default(),
        features: Vec::new(),
        candidates: Vec::new(),
        stages: Vec::new(),
        rerank: Vec::new(),
        train: TrainSpec { decisions: 100, validate_decisions: 100, negatives: 10 },
    }
}

/// Visits of these items, one a millisecond.
pub(crate) fn visits(items: &[u32]) -> Vec<Visit> {
    items.iter().enumerate().map(|(t, item)| Visit { item: *item, time: t as i64 }).collect()
}

/// Calls `f` with an ask to fit on those pairs, whatever the event.
pub(crate) fn with_fit<R>(
    pairs: &[(u32, u32)],
    n_users: usize,
    n_items: usize,
    n_threads: usize,
    f: impl FnOnce(&FitAsk<'_>) -> R,
) -> R {
    let system = system();
    let pairs_of = |_: usize| Pairs {
        users: pairs.iter().map(|p| p.0).collect(),
        items: pairs.iter().map(|p| p.1).collect(),
        times: (0..pairs.len() as i64).collect(),
    };
    f(&FitAsk {
        system: &system,
        pairs: &pairs_of,
        until: i64::MAX,
        items: &|_| None,
        texts: &|_, _| Vec::new(),
        folder: &|_| None,
        n_users,
        n_items,
        seed: 7,
        n_threads,
    })
}

/// What a source proposes and thinks of every item.
pub(crate) fn asked(
    source: &dyn Source,
    user: u32,
    answer: Answer<'_>,
    n_items: usize,
    keep: usize,
    memo: &mut Memo,
) -> (Vec<Scored>, Vec<f32>) {
    asked_with(source, &ask_of(user, n_items, &[answer], &[], &Mask::default()), keep, memo)
}

pub(crate) fn ask_of<'a>(
    user: u32,
    n_items: usize,
    answers: &'a [Answer<'a>],
    user_vectors: &'a [&'a [f32]],
    excluded: &'a Mask,
) -> Ask<'a> {
    Ask { now: 1_000_000, user, n_items, answers, user_vectors, excluded }
}

pub(crate) fn asked_with(source: &dyn Source, ask: &Ask<'_>, keep: usize, memo: &mut Memo) -> (Vec<Scored>, Vec<f32>) {
    let mut list = Vec::new();
    source.candidates(ask, keep, memo, &mut list);
    let items: Vec<u32> = (0..ask.n_items as u32).collect();
    let mut scores = vec![0.0; ask.n_items];
    source.score(ask, &items, memo, &mut scores);
    (list, scores)
}

/// The best `keep` of those scores the slow way.
pub(crate) fn ranked(scores: &[f32], keep: usize) -> Vec<Scored> {
    let proposed = scores.iter().enumerate().filter(|(_, s)| **s > f32::NEG_INFINITY);
    let mut all: Vec<_> = proposed.map(|(i, s)| Scored { item: i as u32, score: *s }).collect();
    all.sort_by(Scored::order);
    all.truncate(keep);
    all
}

pub(crate) fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|s| s.to_bits()).collect()
}

/// Numbers that look random, the same every time.
pub(crate) struct Draws(pub u64);

impl Draws {
    /// Below `n`.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(n)) as u32
    }

    /// From -1 to 1.
    pub(crate) fn signed(&mut self) -> f32 {
        self.below(20_001) as f32 / 10_000.0 - 1.0
    }
}
