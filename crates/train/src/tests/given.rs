//! Candidates that come with values of their own, and that the order of a file says nothing.

use super::Silent;
use super::lists::{Row, data};
use crate::decisions::decisions;
use crate::examples::{Collect, Rows, collect};
use crate::judge::Yardstick;
use crate::{Data, Decisions};
use tamis_funnel::decide::{Decided, Scene, retrieve, stage_rows};
use tamis_funnel::fitted::FittedBytes;
use tamis_funnel::{Desk, Fitted, Past, Plan, Registries, Request, decide, plan};
use tamis_spec::actors::schema_of;
use tamis_spec::batch::Column;

const FILE: &str = r#"
[system]
name = "judged"
task = "rank"
[actors.query]
[actors.doc]
[events.judged]
actors = { query = "query", doc = "doc" }
fields = { grade = "number", x = { type = "number", columns = "1..2" }, kind = "category", lang = "category" }
[decision]
from = "judged"
for = "query"
item = "doc"
given = ["x*", "kind"]
[label]
value = "judged.grade"
[split]
by = "query"
folds = 3
[features]
x = "given.x*"
z = "scaled(log1p(given.x*))"
same_kind = "given.kind == request.lang"
[[stages]]
kind = "lambdamart"
keep = 100
rows_in_leaf = 1
"#;

fn planned() -> Plan {
    let (plan, wrong) = plan::plan(FILE, Registries::default());
    assert_eq!(wrong, []);
    plan.expect("it has no mistakes")
}

/// Two queries; the files list what is right first.
const ROWS: [Row<'static>; 7] = [
    ("judged", 0, "q1", "30", &["2", "3", "1", "pdf", "pdf"]),
    ("judged", 0, "q1", "4", &["1", "1", "", "html", "pdf"]),
    ("judged", 0, "q1", "100", &["0", "7", "5", "html", "pdf"]),
    ("judged", 0, "q2", "b", &["1", "0", "0", "pdf", "html"]),
    ("judged", 0, "q2", "a", &["0", "8", "2", "html", "html"]),
    ("judged", 0, "q2", "4", &["0", "2", "2", "", "html"]),
    ("judged", 0, "q2", "100", &["0", "4", "1", "html", "html"]),
];

fn fitted(plan: &Plan) -> Fitted {
    Fitted::open(plan, &FittedBytes::default()).expect("there is nothing to be damaged")
}

fn rows(plan: &Plan, known: &Data, of: &Decisions, negatives: usize) -> Rows {
    let fitted = fitted(plan);
    let of = Collect { plan, data: known, decisions: of, fitted: &fitted, stage: 0, negatives, n_threads: 1 };
    collect(&of, &of.decisions.all, &[], &Silent).0
}

/// log(1 + x) between log(1 + low) and log(1 + high).
fn between(x: f32, low: f32, high: f32) -> f32 {
    (x.ln_1p() - low.ln_1p()) / (high.ln_1p() - low.ln_1p())
}

#[test]
fn each_candidate_is_read_by_its_own_row_and_stands_in_the_order_of_keys() {
    let (plan, nan) = (planned(), f32::NAN);
    let known = data(&plan, &ROWS);
    let found = rows(&plan, &known, &decisions(&plan, &known), 100);
    assert_eq!((found.groups, found.labels), (vec![3, 4], vec![1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0]));
    // 4, 30, 100 of q1; 4, 100, a, b of q2: x1, x2, both scaled, and whether the kinds are the same.
    let z = |x1, x2| [between(x1, 1.0, 7.0), between(x2, 1.0, 5.0)];
    let expected = [
        [1.0, nan, 0.0, nan, 0.0],
        [3.0, 1.0, z(3.0, 1.0)[0], 0.0, 1.0],
        [7.0, 5.0, 1.0, 1.0, 0.0],
        [2.0, 2.0, between(2.0, 0.0, 8.0), 1.0, nan],
        [4.0, 1.0, between(4.0, 0.0, 8.0), between(1.0, 0.0, 2.0), 1.0],
        [8.0, 2.0, 1.0, 1.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ];
    for (row, expected) in found.values.chunks(5).zip(expected) {
        let same = |(a, b): (&f32, &f32)| (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-6;
        assert!(row.iter().zip(&expected).all(same), "{row:?}, expected {expected:?}");
    }
}

#[test]
fn what_comes_with_a_request_is_read_as_what_was_logged_to_the_bit() {
    let plan = planned();
    let known = data(&plan, &ROWS);
    let (fitted, found) = (fitted(&plan), decisions(&plan, &known));
    let past = Past::new(&plan, &fitted);
    let scene = Scene { plan: &plan, fitted: &fitted, actors: &known.actors, past: &past, clock: &|| 0 };
    let schema = schema_of(&plan.system);
    let kind = schema.records.iter().position(|r| r.name == "judged").expect("it is declared");
    let mut of = [Desk::default(), Desk::default()];
    for d in &found.all {
        let logged = found.request(&plan, &known, d);
        // A request names its items in another order, each with its values, behind the record of what was asked.
        let mut asked = schema.batch();
        let to = &mut asked.rows[kind];
        let mine: Vec<&Row<'_>> = ROWS.iter().filter(|r| r.2 == known.actors.tables[0].keys.name(d.user)).collect();
        let context = ["", "", "", "", mine[0].4[4]];
        for fields in std::iter::once(&context[..]).chain(mine.iter().rev().map(|row| row.4)) {
            to.time.push(0);
            to.known.push(0);
            to.keys.iter_mut().for_each(|k| k.push(""));
            for (column, text) in to.fields.iter_mut().zip(fields) {
                match column {
                    Column::Texts(t) => t.push(text),
                    Column::Numbers(v) => v.push(text.parse().unwrap_or(f64::NAN)),
                    other => panic!("no field of these files is {other:?}"),
                }
            }
        }
        let asked = known.actors.asked(&schema.records[kind], to);
        let given: Vec<u32> = mine.iter().rev().map(|row| known.actors.tables[1].keys.find(row.3)).collect();
        let at: Vec<u32> = (1..=given.len() as u32).collect();
        let asked = Request { asked: Some((&asked, 0)), given: Some(&given), rows: &at, ..logged };
        for (desk, request) in of.iter_mut().zip([&logged, &asked]) {
            retrieve(&scene, request, desk, 0, &mut Decided::default());
            desk.restart();
            stage_rows(&scene, request, desk, 0);
        }
        let bits = |desk: &Desk| desk.rows[0].values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&of[0]), bits(&of[1]));
        assert_eq!(of[0].row_items[0].len(), d.len as usize);
    }
}

#[test]
fn a_scaled_value_looks_at_all_that_came_and_not_at_who_is_left() {
    let plan = planned();
    let known = data(&plan, &ROWS);
    let all = decisions(&plan, &known);
    let (whole, drawn) = (rows(&plan, &known, &all, 100), rows(&plan, &known, &all, 1));
    assert_eq!(drawn.groups, [3, 2], "of q2 what is right and one other");
    let has = |row: &[f32]| {
        let same = |other: &&[f32]| row.iter().zip(*other).all(|(a, b)| a.to_bits() == b.to_bits());
        whole.values.chunks(5).any(|other| same(&other))
    };
    assert!(drawn.values.chunks(5).all(has), "{:?}", drawn.values);
}

#[test]
fn the_order_of_a_file_says_nothing() {
    let plan = planned();
    let mut turned = ROWS.to_vec();
    turned.reverse();
    turned.sort_by_key(|r| r.2);
    let of = |rows: &[Row<'_>]| {
        let known = data(&plan, rows);
        let all = decisions(&plan, &known);
        (known, all)
    };
    let ((a, of_a), (b, of_b)) = (of(&ROWS), of(&turned));
    let (x, y) = (rows(&plan, &a, &of_a, 100), rows(&plan, &b, &of_b, 100));
    let bits = |rows: &Rows| rows.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!((bits(&x), x.labels), (bits(&y), y.labels), "what is learned from");
    // Where all score the same, the funnel and the judge go by keys: 4, 30, 100 and 4, 100, a, b.
    for (known, all) in [(&a, &of_a), (&b, &of_b)] {
        let yard = Yardstick::new(&plan, known, all);
        let at = |name: &str| yard.names.iter().position(|n| n == name).expect("lists are judged by it");
        let fitted = fitted(&plan);
        let past = Past::new(&plan, &fitted);
        let scene = Scene { plan: &plan, fitted: &fitted, actors: &known.actors, past: &past, clock: &|| 0 };
        let mut desk = Desk::default();
        let mut orders = Vec::new();
        for d in &all.all {
            let mut out = Vec::new();
            yard.of_list(d, all.items(d), &vec![0.5; d.len as usize], &mut out);
            let right = if d.len == 3 { (1.0 / 3.0, 1.0) } else { (0.0, 0.25) };
            assert!((out[at("ndcg@1")] - right.0).abs() < 1e-6 && (out[at("map")] - right.1).abs() < 1e-6, "{out:?}");
            let decided = decide::decide(&scene, &all.request(&plan, known, d), &mut desk);
            let name = |s: &tamis_spec::decision::Scored| known.actors.tables[1].keys.name(s.item).to_string();
            orders.push(decided.shown.iter().map(name).collect::<Vec<_>>().join(" "));
        }
        assert_eq!(orders, ["4 30 100", "4 100 a b"]);
    }
}

#[test]
fn what_is_scaled_is_what_candidates_are() {
    let check = |feature: &str, told: &str| {
        let (_, wrong) = plan::plan(&FILE.replace("\"scaled(log1p(given.x*))\"", feature), Registries::default());
        assert_eq!(wrong.first().map(|d| d.message.as_str()), Some(told), "{feature}");
    };
    let past = "`scaled` compares what candidates are, not the past or the parts of the funnel";
    check("\"scaled(count(judged, by = doc))\"", past);
    check("\"scaled(given.x1 + score.lambdamart)\"", past);
    check("\"scaled(hour(now))\"", "this is the same for every candidate: there is nothing to compare");
    check(
        "\"sum(scaled(judged.x1), by = doc)\"",
        "past events have no candidates: `scaled` stands in a decision alone",
    );
    check("\"given.grade\"", "unknown field that comes with each candidate `grade`");
    check("\"request.x1\"", "`x1` comes with each candidate");
}
