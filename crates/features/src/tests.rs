//! The room as a whole: every example is read, and a row sees only its past.

mod changing;
mod past;
mod reference;
mod texts;

use crate::plan::{Moment, Reader};
use crate::{FUNCTIONS, State, plan};
use tamis_spec::actors::{Actors, schema_of};
use tamis_spec::batch::Column;
use tamis_spec::events::Events;
use tamis_spec::matrix::Matrix;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::System;
use tamis_spec::system::read::{PartKind, Vocabulary, read};
use tamis_spec::time::parse_time_ms;

fn system(features: &str) -> System {
    let text = format!(
        r#"
[system]
name = "films"
task = "rank"
[actors.user]
fields = {{ about = "text", mentor = "user", age = "number", gender = "category", favourite = "category", home = "place" }}
[actors.movie]
fields = {{ title = "text", director = "category", genres = "tags", year = "number", released = "time", cinema = "place" }}
[events.rating]
actors = {{ user = "user_id", movie = "movie_id" }}
fields = {{ stars = "number" }}
[events.discovery]
where = "rating.stars >= 2"
first = ["user", "movie"]
[events.liked]
where = "rating.stars >= 4"
[events.click]
actors = {{ user = "user_id", movie = "movie_id" }}
[events.impression]
actors = {{ user = "user_id", movie = "movie_id" }}
[events.follow]
actors = {{ user = "user_id", other = {{ actor = "user", column = "other_id" }} }}
[learned.taste]
kind = "als"
event = "liked"
[decision]
each = "liked"
for = "user"
item = "movie"
[split]
sources = 0.6
train = 0.2
validate = 0.1
test = 0.1
[features]
{features}
[[candidates]]
kind = "some"
keep = 1
[[stages]]
kind = "any"
keep = 1
"#
    );
    let kind = |name, params| PartKind { name, about: "", example: "", params };
    const EVENT: Param = Param { name: "event", ty: ParamType::Event, required: true, about: "" };
    let vocabulary = Vocabulary {
        learned: vec![kind("als", const { &[EVENT] })],
        candidates: vec![kind("some", &[])],
        stages: vec![kind("any", &[])],
        rerank: Vec::new(),
    };
    let (system, wrong) = read(&text, &vocabulary);
    assert_eq!(wrong, [], "{features}");
    system.expect("it has no mistakes")
}

#[test]
fn every_function_says_what_it_does_and_its_example_is_read() {
    for kind in FUNCTIONS {
        assert!(kind.about.ends_with('.'), "{}", kind.name);
        assert!(kind.example.contains(kind.name), "{}", kind.name);
        let as_number = match kind.name {
            "histogram" | "recent" => format!("cosine({}, movie.genres)", kind.example),
            _ => kind.example.to_string(),
        };
        let (_, wrong) = plan(&system(&format!("x = '''{as_number}'''")), FUNCTIONS, &[]);
        assert_eq!(wrong, [], "{}", kind.name);
        assert_eq!(FUNCTIONS.iter().filter(|k| k.name == kind.name).count(), 1);
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn mistakes_of_type_and_name_are_told_where_they_stand() {
    let check = |expression: &str, at: &str, message: &str| {
        let source = format!("x = '{expression}'");
        let found = system(&source);
        let (_, wrong) = plan(&found, FUNCTIONS, &[]);
        assert_eq!(wrong.len(), 1, "{expression}: {wrong:?}");
        let start = found.features[0].expr.span.start;
        let span = wrong[0].span.start - start..wrong[0].span.end - start;
        assert_eq!((&expression[span], wrong[0].message.as_str()), (at, message), "{expression}");
    };
    check("user.agee", "agee", "unknown field of `user` `agee`");
    check("cuont(liked, by = user)", "cuont", "unknown function `cuont`");
    check("count(likd, by = user)", "likd", "unknown event `likd`");
    check("count(liked)", "count", "`count` does not say whose events it reads");
    check("user.gender + 1", "user.gender", "`+` takes numbers, found a category");
    check("cosine(user.age, movie.genres)", "user.age", "`cosine` takes tags or a vector, found a number");
    check("bucket(movie.year, 5, 3)", "3", "the bound 3 does not come after 5");
    check("bucket(movie.year)", "bucket", "`bucket` takes 2 arguments, found 1");
    check("distance(user.home, movie.year)", "movie.year", "`distance` takes places, found a number");
    check("length(movie.year)", "movie.year", "`length` takes a text, found a number");
    check("contains(movie.title, movie.title)", "movie.title", "`contains` looks for a quoted text");
    check(
        "distinct(click.movie, by = user, within = 1d, sketch = 8)",
        "8",
        "a sketch forgets nothing: `within` and `sketch` exclude each other",
    );
    check(
        "bm25(user.about, user.favourite)",
        "user.favourite",
        "`bm25` takes a text field of an actor in the second place",
    );
    check("tfidf(user.age, movie.title)", "user.age", "`tfidf` takes a text or a category, found a number");
    check(
        "bm25(user.about, movie.title, language = \"latin\")",
        "\"latin\"",
        "`language` takes one of: \"none\", \"english\", \"german\", \"french\", \"spanish\", \"italian\", \"portuguese\", \"dutch\", \"danish\", \"norwegian\", \"swedish\", \"finnish\", \"hungarian\", \"romanian\", \"russian\", \"turkish\"",
    );
    check("dot(embed(movie.title, tastes), movie.taste)", "tastes", "unknown learned vector `tastes`");
    check("dot(embed(movie.year, taste), movie.taste)", "movie.year", "`embed` takes a text, found a number");
    check("holiday(now, \"XX\")", "\"XX\"", "unknown country `XX`");
    check(
        "pagerank(rating.movie, by = movie)",
        "rating.movie",
        "`pagerank` takes an actor that an event points at, found an actor",
    );
    check(
        "common(recent(liked.movie, by = user), neighbours(liked.user, by = movie))",
        "neighbours(liked.user, by = movie)",
        "`common` takes two lists of one kind, found `movie` and `user`",
    );
    check("common(user, user)", "user", "`common` takes lists of actors, found an actor");
    check(
        "neighbours(rating.stars, by = user)",
        "rating.stars",
        "`neighbours` takes an actor of an event, found a number",
    );
    check("trend(click, by = movie, short = 9d)", "9d", "`long` must be longer than `short`");
    check("min(rating.stars, by = user, within = 1d, last = 3)", "3", "`within` and `last` exclude each other");
    check("liked", "liked", "the event `liked` can only be read by an aggregate");
    check("count(liked, by = user, within = 7d, half_life = 7d)", "7d", "`within` and `half_life` exclude each other");
    check("count(liked, by = user.age)", "user.age", "`by` takes actors, categories and tags, found a number");
    check(
        "last(rating.stars, by = movie.genres)",
        "movie.genres",
        "`last` takes actors and categories behind `by`, found tags",
    );
    check(
        "count(rating, by = (movie.genres, movie.genres))",
        "(movie.genres, movie.genres)",
        "only one part of a key can be tags",
    );
    check("count(rating, by = (user, movie), as = user)", "user", "`as` names 1, `by` 2");
    check("count(follow, by = user, as = othr)", "othr", "unknown field or actor of the event `follow` `othr`");
    check(
        "count(follow, by = movie, as = other)",
        "other",
        "in the event this is another kind of thing than in the decision",
    );
    check("since(rating, by = user, form = \"first\")", "form", "unknown argument of `since` `form`");
    check("request.stars", "stars", "was `stars` known when it was asked for?");
    check("request.colour == \"red\"", "colour", "unknown field of the event `liked` `colour`");
    check("score.some + score.other", "other", "unknown source or stage `other`");
    check("movie.genres", "movie.genres", "`feature x` takes a number or a category, found tags");
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn moments_are_told_in_utc_and_numbers_keep_to_their_bounds() {
    let check = |now: &str, expression: &str, expected: f32| {
        let system = system(&format!("x = '{expression}'"));
        let (plan, wrong) = plan(&system, FUNCTIONS, &[]);
        assert_eq!(wrong, [], "{expression}");
        let schema = schema_of(&system);
        let mut batch = schema.batch();
        batch.order.push(1);
        let rows = &mut batch.rows[1];
        rows.time.push(0);
        rows.known.push(0);
        rows.keys[0].push("a");
        for (field, (name, _)) in rows.fields.iter_mut().zip(&schema.records[1].fields) {
            match (field, name.as_str()) {
                (Column::Times(c), "released") => c.push(parse_time_ms("2000-02-28T12:00:00Z").expect("a moment")),
                (Column::Numbers(c), "year") => c.push(1999.0),
                (Column::Places(c), "cinema") => c.push([52.0, 13.0]),
                (Column::Texts(c), "title") => c.push("Un  Été à\tRio"),
                (other, _) => other.push_missing(),
            }
        }
        let (mut actors, mut events) = (Actors::new(&system), Events::new(&system));
        actors.apply(&schema, &batch, &mut events);
        let moment = Moment {
            now: parse_time_ms(now).expect("a moment"),
            user: tamis_spec::MISSING,
            items: &[0],
            actors: &actors,
            state: &State::new(&plan.cells),
            source_scores: None,
            source_ranks: None,
            stage_scores: &[],
            user_vectors: &[],
            item_vectors: &[],
            encoders: &[],
            positions: &[],
            came: Default::default(),
            request: None,
        };
        let mut rows = Matrix::default();
        plan.rows(&[0], &moment, &mut Reader::default(), &mut rows);
        let found = rows.values[0];
        let same = (found.is_nan() && expected.is_nan()) || (found - expected).abs() <= 1e-5 * expected.abs();
        assert!(same, "{expression} at {now}: {found}, expected {expected}");
    };
    check("2000-02-29T23:59:59Z", "hour(now)", 23.0);
    check("2000-02-29T23:59:59+02:00", "hour(now)", 21.0);
    check("1969-12-31T22:00:00Z", "hour(now)", 22.0);
    check("2000-02-29", "weekday(now)", 1.0);
    check("1969-12-31", "weekday(now)", 2.0);
    check("2026-11-29", "weekday(now)", 6.0);
    check("2000-02-29", "month(now)", 2.0);
    check("2000-12-31T23:59:59Z", "month(now)", 12.0);
    check("2000-03-01T12:00:00Z", "age(movie.released)", 2.0);
    check("2000-02-28T00:00:00Z", "age(movie.released)", -0.5);
    check("2000-01-01", "clip(movie.year, 1950, 1980)", 1980.0);
    check("2000-01-01", "clip(movie.year, 2050, 2080)", 2050.0);
    check("2000-01-01", "clip(user.age, 0, 1)", f32::NAN);
    check("2000-01-01", "bucket(movie.year, 1990, 1999, 2000)", 2.0);
    check("2000-01-01", "bucket(-movie.year, -2000, -1999.5)", 2.0);
    check("2000-01-01", "bucket(movie.year, 2000)", 0.0);
    check("2000-01-01", "bucket(user.age, 2000)", f32::NAN);
    check("2000-01-01", "length(movie.title)", 13.0);
    check("2000-01-01", "words(movie.title)", 4.0);
    check("2000-01-01", "contains(movie.title, \"été À\")", 1.0);
    check("2000-01-01", "contains(movie.title, \"LE É\")", 0.0);
    check("2000-01-01", "distance(movie.cinema, movie.cinema) + 1", 1.0);
    check("2000-01-01", "distance(user.home, movie.cinema)", f32::NAN);
    check("2024-10-03T23:59:59Z", "holiday(now, \"DE\")", 1.0);
    check("2024-10-04", "holiday(now, \"DE\")", 0.0);
    check("2026-07-04", "holiday(now, \"US\")", 1.0);
    check("1999-12-25", "holiday(now, \"US\")", f32::NAN);
    check("2000-12-01", "season(now)", 0.0);
    check("2000-02-29", "season(now)", 0.0);
    check("2000-03-01", "season(now, half = \"south\")", 3.0);
    check("2000-11-30", "season(now)", 3.0);
    check("2000-01-01", "log1p(movie.year - 1998)", std::f32::consts::LN_2);
    check("2000-01-01", "log1p(movie.year - 2001)", f32::NAN);
    check("2000-01-01", "missing(user.age) + 2 * missing(movie.year)", 1.0);
    check("2000-01-01", "if movie.year > 1990 then 5 else 7", 5.0);
    check("2000-01-01", "(movie.year - 1999) / (movie.year - 1999)", f32::NAN);
}
