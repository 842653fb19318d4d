//! What a system file may say and what is told of its mistakes.

use super::read::{PartKind, Vocabulary, read, reference, schema};
use super::{Origin, Split, System, Task, TrainSpec, Type};
use crate::diagnostic::Diagnostic;
use crate::expr::Node;
use crate::param::{Param, ParamType};
use crate::time::DAY_MS;
use proptest::prelude::*;
use std::path::Path;

const FILMS: &str = include_str!("golden/films.toml");
const FIVE: &str = include_str!("golden/five.toml");

const fn key(name: &'static str, ty: ParamType, required: bool) -> Param {
    Param { name, ty, required, about: "What it is for." }
}

/// Kinds as the registries have them, cut short.
fn vocabulary() -> Vocabulary {
    const EVENT: Param = key("event", ParamType::Event, true);
    let kind = |name, params| PartKind { name, about: "What it does.", example: "kind = ...\n", params };
    Vocabulary {
        learned: vec![kind("als", const { &[EVENT, key("dimensions", ParamType::Integer(1, 512), false)] })],
        candidates: vec![
            kind("popular", const { &[EVENT, key("within", ParamType::Duration, false)] }),
            kind("neighbours", const { &[EVENT, key("directed", ParamType::Bool, false)] }),
            kind("vector", const { &[key("near", ParamType::Text, true), key("of", ParamType::Text, true)] }),
        ],
        stages: vec![
            kind("logistic", const { &[key("l2", ParamType::Number(0.0, 1e6), false)] }),
            kind("lambdamart", const { &[key("rounds", ParamType::Integer(1, 10_000), false)] }),
        ],
        rerank: vec![
            kind("exclude", const { &[key("value", ParamType::Events, true)] }),
            kind(
                "diversity",
                const { &[key("by", ParamType::Text, true), key("strength", ParamType::Number(0.0, 1.0), true)] },
            ),
            kind("limit", const { &[key("value", ParamType::Integer(1, 10_000), true)] }),
        ],
    }
}

fn told(source: &str, wrong: &[Diagnostic]) -> String {
    let line = |d: &Diagnostic| {
        let (line, column) = d.line_column(source);
        format!("{line}:{column}: {d}\n")
    };
    wrong.iter().map(line).collect()
}

fn films() -> System {
    let (system, wrong) = read(FILMS, &vocabulary());
    assert_eq!(told(FILMS, &wrong), "");
    system.expect("a file without mistakes is read")
}

/// Compares with a golden file, or rewrites it when UPDATE is set.
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/system/golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "UPDATE=1 rewrites {name}");
}

#[test]
fn a_whole_file_is_read() {
    let s = films();
    assert_eq!((s.name.value.as_str(), s.task, s.seed), ("movies", Task::Rank, 0));
    assert_eq!(s.constraints.latency_p99_ms, Some(20));
    assert_eq!(s.constraints.requests_per_second, Some(200.0));
    assert_eq!(s.constraints.memory_bytes, Some(2e9));
    let names = |i: usize| s.actors[i].fields.iter().map(|f| (f.name.value.as_str(), f.ty.clone())).collect::<Vec<_>>();
    assert_eq!(s.actors[0].key.as_ref().map(|k| k.value.as_str()), Some("user_id"));
    assert_eq!(names(0), [("age", Type::Number), ("gender", Type::Category), ("occupation", Type::Category)]);
    assert_eq!(names(1), [("title", Type::Text), ("genres", Type::Tags), ("year", Type::Number)]);
    assert_eq!(s.split, Split::default());
    assert_eq!(s.train, TrainSpec { decisions: 24_000, validate_decisions: 3_000, negatives: 100 });
    assert_eq!((s.decision.event, s.decision.user, s.decision.item), (1, 0, 1));
    assert_eq!(&FILMS[s.decision.span.clone()], "[decision]");
    assert_eq!(s.features.len(), 6);
    assert_eq!(s.learned[0].params.count("dimensions"), Some(64));
}

#[test]
fn declared_events_stand_before_derived_ones() {
    let s = films();
    let Origin::Declared { file, time, roles, fields } = &s.events[0].origin else { panic!("rating is declared") };
    let file = file.as_ref().unwrap();
    assert_eq!((file.paths[0].value.as_str(), file.delimiter, file.bad_rows), ("ratings.csv", None, 0.01));
    assert_eq!(time.as_ref().map(|(t, p)| (t.value.as_str(), p.clone())), Some(("timestamp", None)));
    assert_eq!(
        roles.iter().map(|r| (r.actor, r.column.as_str())).collect::<Vec<_>>(),
        [(0, "user_id"), (1, "movie_id")]
    );
    assert_eq!((fields[0].name.value.as_str(), fields[0].column.as_str()), ("stars", "stars"));
    let Origin::Derived { base, condition, .. } = &s.events[1].origin else { panic!("liked is derived") };
    assert_eq!((*base, &FILMS[condition.span.clone()]), (0, "rating.stars >= 4"));
}

#[test]
fn parts_keep_their_keys_and_get_names() {
    let s = films();
    let told = |parts: &[super::Part]| {
        let keep = |p: &super::Part| format!("{} {:?}", p.name.value, p.params.count("keep"));
        parts.iter().map(keep).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told(&s.candidates), "neighbours Some(300), vector Some(300), popular Some(100)");
    assert_eq!(told(&s.stages), "logistic Some(200), lambdamart Some(50)");
    assert_eq!(s.candidates[2].params.duration_ms("within"), Some(30 * DAY_MS));
    assert_eq!(s.stages[1].params.text("optimise"), Some("ndcg@10"));
    let names: Vec<&str> = s.rerank.iter().map(|p| p.name.value.as_str()).collect();
    assert_eq!(names, ["exclude", "diversity", "limit"]);
    assert_eq!(s.rerank[0].params.texts("value")[0].value, "rating");
    assert_eq!(s.rerank[1].params.number("strength"), Some(0.2));
    assert_eq!(s.rerank[2].params.count("value"), Some(20));

    let twice = FILMS.replace(
        "kind = \"vector\"\nnear = \"user.taste\"\nof = \"movie.taste\"",
        "kind = \"popular\"\nevent = \"rating\"",
    );
    let (s, wrong) = read(&twice, &vocabulary());
    assert_eq!(wrong, []);
    assert_eq!(told(&s.unwrap().candidates), "neighbours Some(300), popular Some(300), popular_2 Some(100)");
}

#[test]
fn fields_and_roles_have_long_forms() {
    let long = FILMS
        .replace("title = \"text\"", "title = { type = \"text\", column = \"name\" }")
        .replace("genres = \"tags\"", "genres = { type = \"tags\", separator = \",\", weighted = true }")
        .replace("time = \"timestamp\"", "time = { column = \"timestamp\", pattern = \"%d/%m/%Y\" }")
        .replace(
            "actors = { user = \"user_id\", ",
            "actors = { user = \"user_id\", by = { actor = \"user\", column = \"by_id\" }, ",
        );
    let (system, wrong) = read(&long, &vocabulary());
    assert_eq!(told(&long, &wrong), "");
    let s = system.unwrap();
    let (title, genres) = (&s.actors[1].fields[0], &s.actors[1].fields[1]);
    assert_eq!(title.column, "name");
    assert_eq!((genres.separator.as_str(), genres.weighted), (",", true));
    let Origin::Declared { time: Some((column, pattern)), roles, .. } = &s.events[0].origin else {
        panic!("it has a time")
    };
    assert_eq!((column.value.as_str(), pattern.as_deref()), ("timestamp", Some("%d/%m/%Y")));
    assert_eq!((roles[1].role.value.as_str(), roles[1].actor, roles[1].column.as_str()), ("by", 0, "by_id"));
}

#[test]
fn places_in_expressions_are_those_of_the_file() {
    let check = |written: &str, place: &str| {
        let text = FILMS.replace("\"user.age\"", written);
        let (system, wrong) = read(&text, &vocabulary());
        assert_eq!(wrong, [], "{written}");
        let Node::Path(names) = system.unwrap().features[0].expr.node.clone() else { panic!("{written} is a path") };
        assert_eq!(&text[names[1].1.clone()], place, "{written}");
    };
    check("'user.age'", "age");
    check("\"\"\"user.age\"\"\"", "age");
    check("'''\nuser.age'''", "age");
    check("\"user\\u002eage\"", "\"user\\u002eage\"");
}

#[test]
fn five_mistakes_are_five_diagnostics() {
    let (system, wrong) = read(FIVE, &vocabulary());
    assert!(system.is_none());
    golden("five.txt", &told(FIVE, &wrong));
}

/// Replaces the text in the whole file, and compares all that is told of it.
fn check(what: &str, with: &str, expected: &str) {
    assert!(FILMS.contains(what), "`{what}` is not in the file");
    let text = FILMS.replacen(what, with, 1);
    let (_, wrong) = read(&text, &vocabulary());
    let place = |d: &Diagnostic| format!("[{}] {d}", text[d.span.clone()].lines().next().unwrap_or(""));
    assert_eq!(wrong.iter().map(place).collect::<Vec<_>>().join("\n"), expected, "{with}");
}

#[test]
fn a_mistake_in_a_table_is_told_with_its_place() {
    check("name = \"movies\"", "name = movies", "[movies] string values must be quoted, expected literal string");
    check("name = \"movies\"", "name = 3", "[3] expected a string, found 3");
    check("name = \"movies\"\n", "", "[[system]] [system] needs `name` (What the system is called.)");
    check("task = \"rank\"", "task = \"rnk\"", "[\"rnk\"] unknown task `rnk` (did you mean `rank`?)");
    check(
        "task = \"rank\"",
        "task = \"predict\"",
        "[\"predict\"] `predict` is not available: this version ranks only (write \"rank\")",
    );
    check("[constraints]", "[constrains]", "[constrains] unknown key `constrains` (did you mean `constraints`?)");
    check(
        "\"20ms\"",
        "20",
        "[20] expected a time span such as \"30d\", found 20 (write a number and a unit: ms, s, m, h, d, w)",
    );
    check(
        "\"20ms\"",
        "\"3 parsecs\"",
        "[\"3 parsecs\"] expected a time span such as \"30d\", found \"3 parsecs\" (write a number and a unit: ms, s, m, h, d, w)",
    );
    check("\"20ms\"", "\"0ms\"", "[\"0ms\"] a time span is longer than zero");
    check("= 200\n", "= \"many\"\n", "[\"many\"] expected a number, found a string");
    check("\"2GB\"", "\"2 gigs\"", "[\"2 gigs\"] expected a size such as \"2GB\", found \"2 gigs\"");
    check(
        "[label]",
        "[watch]\ndrift = 1\n[label]",
        "[watch] `[watch]` is not available in this version (leave it out)",
    );
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn a_mistake_in_an_actor_or_event_is_told_with_its_place() {
    check(
        "key = \"user_id\"\n",
        "",
        "[[actors.user]] [actors.user] has a `from` and needs `key` (name the column that identifies it)",
    );
    check("age = \"number\"", "age = \"numbr\"", "[\"numbr\"] unknown type `numbr` (did you mean `number`?)");
    check(
        "age = \"number\"",
        "if = \"number\"",
        "[if] `if` is a word of the expression language (choose another name)",
    );
    check(
        "age = \"number\"",
        "\"age-group\" = \"number\"",
        "[\"age-group\"] `age-group` cannot be written in an expression (names begin with a letter and hold letters, digits and `_`)",
    );
    check("age = \"number\"", "age = { typ = \"number\" }", "[typ] unknown key `typ` (did you mean `type`?)");
    check(
        "age = \"number\"",
        "age = { column = \"n\" }",
        "[{ column = \"n\" }] `age` needs `type` (number, bool, category, tags, text, vector, time, place, or the name of an actor.)",
    );
    check(
        "actors = { user = \"user_id\", movie = \"movie_id\" }",
        "actors = {}",
        "[[events.rating]] [events.rating] needs `actors`, or a `where` (say whom it happens to: actors = { user = \"user_id\" })",
    );
    check(
        "age = \"number\"",
        "age = { type = \"number\", pattern = \"%Y\" }",
        "[\"%Y\"] a field of this type has no `pattern` (write type = \"time\")",
    );
    check(
        "from = \"users.csv\"",
        "from = \"users.csv\"\ndelimiter = \"||\"",
        "[\"||\"] `delimiter` is one ASCII character (for a tab write \"\\t\")",
    );
    check(
        "time = \"timestamp\"\n",
        "",
        "[[events.rating]] [events.rating] has a `from` and needs `time` (name the column of its moment)",
    );
    check("movie = \"movie_id\" }", "moive = \"movie_id\" }", "[moive] unknown actor `moive` (did you mean `movie`?)");
    check(
        "actors = { user = \"user_id\", movie = \"movie_id\" }\n",
        "",
        "[[events.rating]] [events.rating] needs `actors`, or a `where` (say whom it happens to: actors = { user = \"user_id\" })",
    );
    check(
        "stars = \"number\"",
        "user = \"number\", stars = \"number\"",
        "[user] `user` is both a field and an actor of [events.rating] (choose another name)",
    );
    check(
        "[events.liked]",
        "[events.liked]\nfrom = \"x.csv\"",
        "[from] [events.liked] is derived by its `where` and has no `from` (a derived event has the actors and fields of the one it refers to)",
    );
    check("rating.stars >= 4", "ratng.stars >= 4", "[ratng] unknown event `ratng` (did you mean `rating`?)");
    check(
        "rating.stars >= 4",
        "1 > 2",
        "[1 > 2] the condition refers to no event (write for example rating.stars >= 4)",
    );
    check("rating.stars >= 4", "rating.stars =", "[=] `=` compares nothing (write `==`)");
    check(
        "[learned.taste]",
        "[events.loved]\nwhere = \"liked.stars >= 5\"\n[learned.taste]",
        "[liked] `liked` is no declared event: a condition refers to one that is logged (write out its own condition here)",
    );
    check(
        "rating.stars >= 4\"",
        "rating.stars >= click.n\"\n[events.click]\nactors = { user = \"u\" }\nfields = { n = \"number\" }",
        "[click] the condition refers to `rating` and to `click` (a derived event is made from one event)",
    );
    check(
        "[events.liked]",
        "[events.user]\nactors = { user = \"u\" }\n[events.liked]",
        "[user] `user` is an event, and already an actor (choose another name)",
    );
    check(
        "[events.liked]",
        "[events.now]\nactors = { user = \"u\" }\n[events.liked]",
        "[now] `now` is an event, and already a word of the expression language (choose another name)",
    );
}

#[test]
fn a_mistake_in_the_decision_or_split_is_told_with_its_place() {
    check("each = \"liked\"", "each = \"like\"", "[\"like\"] unknown event `like` (did you mean `liked`?)");
    check(
        "item = \"movie\"\n",
        "",
        "[[decision]] [decision] needs `item` (The actor that is ranked, or its role in the event.)",
    );
    check(
        "item = \"movie\"",
        "item = \"user\"",
        "[\"user\"] `for` and `item` name the same actor (where both are of one kind, name their roles in the event)",
    );
    check("item = \"movie\"", "item = \"movie\"\nwhere = \"user.\"", "[] expected a field's name, found the end");
    check("test = \"10%\"", "test = \"20%\"", "[[split]] the shares add up to 110% (they have to add up to 100%)");
    check(
        "test = \"10%\"",
        "test = \"14d\"",
        "[[split]] some windows are time spans and some are not (write all three as time spans, by time, or all as shares)",
    );
    check(
        "test = \"10%\"",
        "test = \"10%\"\nfolds = 5",
        "[[split]] `folds` are cut by chance, and windows by time are not (write by = \"random\", or what keeps together)",
    );
    check(
        "test = \"10%\"",
        "test = \"10%\"\nby = \"usr\"",
        "[\"usr\"] unknown word for `by` `usr` (did you mean `user`?)",
    );
    check(
        "test = \"10%\"",
        "test = \"10%\"\nby = \"random\"",
        "[\"60%\"] a window for sources is cut by time (leave `sources` out, or write by = \"time\")",
    );
    check(
        "test = \"10%\"",
        "",
        "[[split]] [split] needs `test` (name what it has of the log, \"10%\", or of time, \"14d\")",
    );
    check("test = \"10%\"", "test = 10", "[10] a share is from 0 to 1, or from 0% to 100%");
    check("sources = \"60%\"", "sources = \"70%\"\ntest = 0", "[test] duplicate key");
}

#[test]
fn a_mistake_in_lists_and_outcomes_is_told_with_its_place() {
    check(
        "each = \"liked\"\n",
        "",
        "[[decision]] [decision] needs `each` or `from` (each = \"EVENT\" when every occurrence was a decision, from = \"EVENT\" when lists were logged)",
    );
    check(
        "each = \"liked\"",
        "each = \"liked\"\nfrom = \"rating\"",
        "[\"rating\"] `each` and `from` exclude each other (were lists logged? then keep `from`)",
    );
    check(
        "each = \"liked\"",
        "from = \"rating\"\nlist = \"star\"",
        "[\"star\"] unknown field of the event `liked` `star` (did you mean `stars`?)"
            .replace("liked", "rating")
            .as_str(),
    );
    check(
        "each = \"liked\"",
        "each = \"liked\"\nlist = \"stars\"",
        "[\"stars\"] `list` is a field of lists that were logged (write `from`)",
    );
    check("for = \"user\"", "for = \"usr\"", "[\"usr\"] unknown actor `usr` (did you mean `user`?)");
    let label = |text: &str, message: &str| check("value = \"liked\"", &format!("value = \"{text}\""), message);
    label("likd", "[likd] unknown event `likd` (did you mean `liked`?)");
    label("liked within", "[] expected a time span such as 30m, found the end");
    label("liked within 3", "[3] expected a time span such as 30m, found `3`");
    label("liked 3", "[3] expected `within`, `where` or the end, found `3`");
    let listed = FILMS.replace("each = \"liked\"", "from = \"rating\"");
    let unlabelled = listed.replace("value = \"liked\"", "against.hidden = \"liked\"");
    let told = read(&unlabelled, &vocabulary()).1.iter().map(Diagnostic::to_string).collect::<Vec<_>>();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("lists that were shown need a [label] with `value` or `case`"), "{told:?}");
    let (system, wrong) = read(&listed, &vocabulary());
    assert_eq!(wrong, []);
    assert_eq!(system.expect("it has no mistakes").label.grades[0].name, "liked");
    label("7", "[\"7\"] an outcome names an event (for example click within 30m)");
}

#[test]
fn a_mistake_in_a_feature_or_part_is_told_with_its_place() {
    check("\"user.age\"", "\"user.age +\"", "[] expected a value, found the end");
    check("\"user.age\"", "18", "[18] expected an expression in quotes, found 18");
    check("kind = \"als\"", "kind = \"asl\"", "[\"asl\"] unknown kind of learned vector `asl` (did you mean `als`?)");
    check("kind = \"als\"\n", "", "[[learned.taste]] [learned.taste] needs `kind` (The name of a kind.)");
    check("kind = \"als\"", "kin = \"als\"", "[kin] unknown key `kin` (did you mean `kind`?)");
    check(
        "[learned.taste]",
        "[learned.age]",
        "[age] `age` is a learned vector, and a field of `user` (choose another name)",
    );
    check(
        "kind = \"popular\"",
        "kind = \"popularity\"",
        "[\"popularity\"] unknown kind of source `popularity` (did you mean `popular`?)",
    );
    check("near = \"user.taste\"\n", "", "[[[candidates]]] [[candidates]] needs `near` (What it is for.)");
    check("within = \"30d\"", "widthin = \"30d\"", "[widthin] unknown key `widthin` (did you mean `within`?)");
    check("keep = 100\n", "keep = 0\n", "[0] expected a whole number from 1 to 100000, found 0");
    check("keep = 100\n", "keep = 1.5\n", "[1.5] expected a whole number, found 1.5");
    check("keep = 100\n", "keep = 100\nname = \"vector\"\n", "");
    check("keep = 50\n", "keep = 50\nname = \"neighbours\"\n", "");
    check(
        "keep = 50\n",
        "keep = 50\nname = \"limit\"\n",
        "[\"limit\"] `limit` is a part of the funnel, and already a step of re-ranking (choose another name)",
    );
    check(
        "keep = 50\n",
        "keep = 50\nfeatures = \"age\"\n",
        "[\"age\"] expected a list of strings, found a string (write [\"age\"])",
    );
    check("limit = 20", "limt = 20", "[limt] unknown step of re-ranking `limt` (did you mean `limit`?)");
    check("limit = 20", "limit = 0", "[0] expected a whole number from 1 to 10000, found 0");
    check("[\"rating\"]", "[\"ratings\"]", "[\"ratings\"] unknown event `ratings` (did you mean `rating`?)");
    check("[\"rating\"]", "[\"rating\", 3]", "[3] expected a list of strings, found a number in it");
    check(
        "{ by = \"movie.genres\", strength = 0.2 }",
        "0.2",
        "[0.2] `diversity` is a table (write diversity = { by = ..., strength = ... })",
    );
    check("strength = 0.2", "strength = 2", "[2] expected a number from 0 to 1, found 2");
}

#[test]
fn two_parts_of_one_name_are_refused() {
    let text = FILMS.replace("keep = 300", "keep = 300\nname = \"near\"");
    let (_, wrong) = read(&text, &vocabulary());
    assert_eq!(told(&text, &wrong), "67:8: two are called `near`, both a part of the funnel (choose another name)\n");
}

#[test]
fn who_names_something_that_could_not_be_read_is_not_blamed() {
    let text = FILMS
        .replace("kind = \"popular\"", "kind = \"popularity\"\nname = \"pop\"")
        .replace("\"user.age\"", "\"log1p(score.pop)\"")
        .replace("\"since(liked, by = user)\"", "\"since(\"");
    let (system, wrong) = read(&text, &vocabulary());
    assert_eq!(wrong.len(), 2);
    let system = system.expect("all declared names are known");
    assert_eq!(system.candidates.len(), 2);
    let stands_in = |f: &&super::FeatureSpec| f.expr.node == Node::Number(0.0);
    let names: Vec<&str> = system.features.iter().filter(stands_in).map(|f| f.name.value.as_str()).collect();
    assert_eq!(names, ["age", "last_like"]);
}

#[test]
fn the_manual_and_the_schema_are_made_from_the_declarations() {
    golden("manual.md", &reference(&vocabulary()));
    let schema = serde_json::to_string_pretty(&schema(&vocabulary())).unwrap();
    golden("schema.json", &(schema + "\n"));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        let (_, wrong) = read(&text, &vocabulary());
        told(&text, &wrong);
    }

    /// A stretch of the file is cut out, and another stretch or a short text put there.
    #[test]
    fn no_change_of_a_valid_file_makes_the_reader_panic(
        cut in 0..FILMS.len(), n_cut in 0usize..40, from in 0..FILMS.len(), n_from in 0usize..60, more in "[\\[\\]{}=\"'.,a-é0-9\\n ]{0,6}",
    ) {
        let paste = &FILMS[from..(from + n_from).min(FILMS.len())];
        let text = format!("{}{paste}{more}{}", &FILMS[..cut], &FILMS[(cut + n_cut).min(FILMS.len())..]);
        let (system, wrong) = read(&text, &vocabulary());
        prop_assert!(system.is_some() || !wrong.is_empty(), "a file that is not read has a mistake: {text}");
        for d in &wrong {
            prop_assert!(text.get(d.span.clone()).is_some(), "{d:?} in {text}");
        }
    }
}
