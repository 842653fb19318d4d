//! A small system, its films and lists of them, for the tests of this crate.

use crate::rerank::{Change, RerankAsk, RerankKind};
use tamis_spec::actors::{Actors, Field, Tags};
use tamis_spec::decision::{Answer, Scored};
use tamis_spec::diagnostic::Spanned;
use tamis_spec::kind::Kind;
use tamis_spec::param::{ParamValue, Params};
use tamis_spec::system::{
    ActorSpec, Constraints, DecisionSpec, EventSpec, FieldSpec, Origin, Part, RoleSpec, Split, System, Task, TrainSpec,
    Type,
};
use tamis_spec::vectors::Vectors;

fn named(name: &str) -> Spanned<String> {
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

/// Actors user, movie (genres, style, year, country, studio) and studio (country); events rating and liked join both, visit has no movie.
pub(crate) fn system() -> System {
    let field = |name, ty| FieldSpec {
        name: named(name),
        ty,
        column: name.into(),
        separator: "|".into(),
        weighted: false,
        pattern: None,
    };
    let actor = |name, fields| ActorSpec { name: named(name), file: None, key: None, as_of: None, fields };
    let role = |name, actor| RoleSpec { role: named(name), actor, column: name.into() };
    let declared = |name, roles| EventSpec {
        name: named(name),
        origin: Origin::Declared { file: None, time: None, roles, fields: Vec::new() },
    };
    let fields = vec![
        field("genres", Type::Tags),
        field("style", Type::Vector),
        field("year", Type::Number),
        field("country", Type::Category),
        field("studio", Type::Actor("studio".into())),
    ];
    let studio = vec![field("country", Type::Category)];
    System {
        name: named("films"),
        task: Task::Rank,
        seed: 7,
        constraints: Constraints::default(),
        actors: vec![actor("user", Vec::new()), actor("movie", fields), actor("studio", studio)],
        events: vec![
            declared("rating", vec![role("user", 0), role("movie", 1)]),
            declared("liked", vec![role("user", 0), role("movie", 1)]),
            declared("visit", vec![role("user", 0)]),
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

/// Six films of two studios, both Italian: 0 war, 1 war (twice the weight), 2 war and love, 3 love, 4 neither, 5 without fields.
pub(crate) fn films() -> Actors {
    let mut actors = Actors::new(&system());
    let (war, love) = (actors.words.intern("war"), actors.words.intern("love"));
    let movies = &mut actors.tables[1];
    for key in ["a", "b", "c", "d", "e", "f"] {
        movies.keys.intern(key);
    }
    movies.fields[0] = Field::Tags(Tags {
        rows: vec![(0, 1), (1, 1), (2, 2), (4, 1), (5, 0)],
        ids: vec![war, war, love, war, love],
        weights: vec![1.0, 2.0, 1.0, 1.0, 1.0],
    });
    let values = vec![1.0, 0.0, 2.0, 0.0, -1.0, 0.0, 0.0, 1.0, f32::NAN, f32::NAN];
    movies.fields[1] = Field::Vectors(Vectors { values, dimensions: 2 });
    let (fr, it) = (actors.words.intern("fr"), actors.words.intern("it"));
    let movies = &mut actors.tables[1];
    movies.fields[3] = Field::Ids(vec![fr, fr, fr, it]);
    movies.fields[4] = Field::Ids(vec![0, 1, 1, 0]);
    actors.tables[2].keys.intern("a");
    actors.tables[2].keys.intern("b");
    actors.tables[2].fields[0] = Field::Ids(vec![it, it]);
    actors
}

pub(crate) fn list(scored: &[(u32, f32)]) -> Vec<Scored> {
    scored.iter().map(|(item, score)| Scored { item: *item, score: *score }).collect()
}

pub(crate) fn items(list: &[Scored]) -> Vec<u32> {
    list.iter().map(|s| s.item).collect()
}

/// What a part makes of a list.
pub(crate) fn ordered(
    kind: &Kind<dyn RerankKind>,
    part: &Part,
    actors: &Actors,
    answers: &[Answer<'_>],
    limit: usize,
    mut list: Vec<Scored>,
) -> (Vec<Scored>, Vec<Change>) {
    let ask = RerankAsk { now: 9, actors, item_actor: 1, answers, limit };
    let mut changes = Vec::new();
    kind.it.open(part, &system()).order(&ask, &mut list, &mut changes);
    (list, changes)
}
