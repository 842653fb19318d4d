//! Lists that were shown: how rows make them, and which outcomes are theirs.

use super::Silent;
use crate::decisions::{Decisions, decisions};
use crate::windows::TEST;
use crate::{Data, evaluate, train};
use tamis_funnel::decide::{Decided, Scene, retrieve, stage_rows};
use tamis_funnel::fitted::FittedBytes;
use tamis_funnel::{Desk, Fitted, Past, Plan, Registries, Replay, Request, bundle, plan};
use tamis_spec::actors::schema_of;
use tamis_spec::batch::Column;

const FILE: &str = r#"
[system]
name = "feed"
task = "rank"
[actors.user]
[actors.post]
[events.impression]
actors = { user = "user", post = "post" }
fields = { list = "category", place = "number", shown = "bool", topics = "tags" }
[events.click]
actors = { user = "user", post = "post" }
fields = { list = "category", dwell = "number" }
[events.buy]
actors = { user = "user", post = "post" }
fields = { price = "number" }
[events.hide]
actors = { user = "user", post = "post" }
[events.opened]
where = "impression.shown"
[decision]
from = "impression"
list = "list"
position = "place"
for = "user"
item = "post"
LABEL
[split]
of = "decisions"
train = "60%"
validate = "20%"
test = "20%"
[features]
rate = "rate(opened / impression, by = post, prior = 5)"
fellows = "count(opened, by = (request.topics, post))"
[[stages]]
kind = "lambdamart"
keep = 100
rows_in_leaf = 2
"#;

fn planned(label: &str) -> Plan {
    let (plan, wrong) = plan::plan(&FILE.replace("LABEL", label), Registries::default());
    assert_eq!(wrong, []);
    plan.expect("it has no mistakes")
}

/// (event, second, user, post, fields as text: a number, a word, or words with `|` between them)
pub(super) type Row<'r> = (&'r str, i64, &'r str, &'r str, &'r [&'r str]);

pub(super) fn data(plan: &Plan, rows: &[Row<'_>]) -> Data {
    let schema = schema_of(&plan.system);
    let mut batch = schema.batch();
    for (event, second, user, post, fields) in rows {
        let kind = schema.records.iter().position(|r| r.name == *event).expect("a declared event");
        batch.order.push(kind as u16);
        let to = &mut batch.rows[kind];
        to.time.push(second * 1000);
        to.known.push(second * 1000);
        to.keys[0].push(user);
        to.keys[1].push(post);
        for (k, column) in to.fields.iter_mut().enumerate() {
            match (column, fields.get(k)) {
                (column, None) => column.push_missing(),
                (column, Some(&"")) => column.push_missing(),
                (Column::Numbers(v), Some(text)) => v.push(text.parse().expect("a number")),
                (Column::Texts(t), Some(text)) => t.push(text),
                (Column::Tags(t), Some(text)) => {
                    text.split('|').for_each(|word| t.push(word, 1.0));
                    t.end_row();
                }
                (column, _) => panic!("no field of these files is {column:?}"),
            }
        }
    }
    let mut data = Data::new(plan, None).expect("there is no bundle to be damaged");
    data.apply(plan, &batch);
    data
}

/// A list: second, user, posts with grades.
type Told = (i64, String, Vec<(String, f32)>);

/// The same, as a test writes it.
type Expected<'e> = (i64, &'e str, &'e [(&'e str, f32)]);

fn told(of: &Decisions, data: &Data) -> Vec<Told> {
    let name = |table: usize, idx: u32| data.actors.tables[table].keys.name(idx).to_string();
    let list = |d: &crate::Decision| {
        let items = of.items(d).iter().zip(of.grades(d)).map(|(item, grade)| (name(1, *item), *grade)).collect();
        (d.now / 1000, name(0, d.user), items)
    };
    of.all.iter().map(list).collect()
}

fn check(label: &str, rows: &[Row<'_>], expected: &[Expected<'_>]) -> Decisions {
    let plan = planned(label);
    let data = data(&plan, rows);
    let found = decisions(&plan, &data);
    let expected: Vec<_> = expected
        .iter()
        .map(|(t, user, items)| {
            (*t, user.to_string(), items.iter().map(|(p, g)| (p.to_string(), *g)).collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(told(&found, &data), expected, "{label}");
    found
}

const SHOWN: [Row<'static>; 6] = [
    ("impression", 10, "ann", "a", &["L1", "1", "1"]),
    ("impression", 10, "ann", "b", &["L1", "2", "0"]),
    ("impression", 11, "ann", "c", &["L1", "3", "1"]),
    ("impression", 20, "bob", "a", &["L2", "1", "0"]),
    ("impression", 20, "bob", "c", &["L2", "2", "0"]),
    ("impression", 90, "ann", "a", &["L3", "1", "0"]),
];

fn after<'r>(more: &[Row<'r>]) -> Vec<Row<'r>> {
    let mut rows = SHOWN.to_vec();
    rows.extend(more);
    rows.sort_by_key(|r| r.1);
    rows
}

#[test]
fn rows_of_one_id_are_a_list_and_what_they_say_themselves_is_its_outcome() {
    let found = check(
        "[label]\nvalue = \"opened\"",
        &SHOWN,
        &[
            (10, "ann", &[("a", 1.0), ("b", 0.0), ("c", 1.0)]),
            (20, "bob", &[("a", 0.0), ("c", 0.0)]),
            (90, "ann", &[("a", 0.0)]),
        ],
    );
    assert_eq!(found.positions[..3], [1.0, 2.0, 3.0]);
    assert_eq!((found.counts.outcomes, found.counts.unattributed), (vec![2], vec![0]));
}

#[test]
fn an_outcome_with_a_list_id_belongs_to_that_list_whatever_was_shown_since() {
    let clicks: [Row<'_>; 4] = [
        ("click", 95, "ann", "a", &["L1", "40"]),
        ("click", 95, "ann", "b", &["L1", "3"]),
        ("click", 96, "bob", "b", &["L2", "50"]),
        ("click", 97, "cid", "a", &["L1", "50"]),
    ];
    let found = check(
        "[label]\nvalue = \"click where dwell >= 30\"",
        &after(&clicks),
        &[
            (10, "ann", &[("a", 1.0), ("b", 0.0), ("c", 0.0)]),
            (20, "bob", &[("a", 0.0), ("c", 0.0)]),
            (90, "ann", &[("a", 0.0)]),
        ],
    );
    // `b` was not in bob's list, and L1 was never shown to cid.
    assert_eq!((found.counts.outcomes, found.counts.unattributed), (vec![3], vec![2]));
    assert_eq!(found.counts.late, [0]);
}

#[test]
fn an_outcome_without_one_belongs_to_the_latest_list_within_its_span() {
    let buys: [Row<'_>; 5] = [
        ("buy", 15, "ann", "a", &["2"]),
        ("buy", 20, "ann", "a", &["3"]),
        ("buy", 21, "ann", "c", &["5"]),
        ("buy", 22, "ann", "c", &["7"]),
        ("buy", 90, "ann", "a", &["11"]),
    ];
    let lists = |a: f32, c: f32, later: f32| {
        let label = "[label]\nvalue = \"buy.price within 12s\"";
        check(
            label,
            &after(&buys),
            &[
                (10, "ann", &[("a", a), ("b", 0.0), ("c", c)]),
                (20, "bob", &[("a", 0.0), ("c", 0.0)]),
                (90, "ann", &[("a", later)]),
            ],
        )
    };
    let found = lists(5.0, 12.0, 11.0);
    assert_eq!(found.counts.unattributed, [0]);
    let graded = "[label.case]\ndear = { when = \"buy within 60s where price > 6\", grade = 3 }\n\
                  cheap = { when = \"buy within 60s\", grade = 1 }\n[label.against]\nhidden = \"hide within 1m\"";
    let hides: [Row<'_>; 2] = [("hide", 30, "bob", "c", &[]), ("hide", 200, "bob", "c", &[])];
    let rows = [&buys[..], &hides[..]].concat();
    let found = check(
        graded,
        &after(&rows),
        &[
            (10, "ann", &[("a", 1.0), ("b", 0.0), ("c", 3.0)]),
            (20, "bob", &[("a", 0.0), ("c", 0.0)]),
            (90, "ann", &[("a", 3.0)]),
        ],
    );
    assert_eq!(found.against, [[false, false, false, false, true, false]]);
    assert_eq!((found.counts.unattributed, found.counts.late), (vec![0, 0, 1], vec![0, 0, 1]));
}

#[test]
fn of_what_was_chosen_an_amount_is_what_followed_and_a_grade_is_at_least_one() {
    let rows: [Row<'_>; 4] = [
        ("click", 10, "ann", "a", &["L", "1"]),
        ("click", 20, "ann", "b", &["L", "1"]),
        ("buy", 25, "ann", "b", &["3"]),
        ("buy", 26, "ann", "b", &["4"]),
    ];
    let grades = |label: &str| {
        let file = FILE.replace("from = \"impression\"\nlist = \"list\"\nposition = \"place\"", "each = \"click\"");
        let file = file.replace("fellows = \"count(opened, by = (request.topics, post))\"", "").replace("LABEL", label);
        let more = "\n[[candidates]]\nkind = \"popular\"\nevent = \"click\"\nkeep = 5\n";
        let (plan, wrong) = plan::plan(&(file + more), Registries::default());
        assert_eq!(wrong, []);
        let plan = plan.expect("it has no mistakes");
        decisions(&plan, &data(&plan, &rows)).grades
    };
    assert_eq!(grades("[label]\nvalue = \"click\""), [1.0, 1.0]);
    assert_eq!(grades("[label]\nvalue = \"buy.price within 1m\""), [0.0, 7.0]);
    assert_eq!(grades("[label.case]\nbought = { when = \"buy within 1m\", grade = 3 }"), [1.0, 3.0]);
}

#[test]
fn what_is_wrong_with_lists_is_counted_and_loses_nothing_else() {
    let rows: [Row<'_>; 5] = [
        ("impression", 10, "ann", "a", &["L1", "1", "1"]),
        ("impression", 10, "ann", "a", &["L1", "2", "0"]),
        ("impression", 10, "", "b", &["L1", "3", "1"]),
        // An id that is used for somebody else makes another list.
        ("impression", 50, "bob", "b", &["L1", "1", "0"]),
        ("impression", 50, "bob", "never heard of", &["L1", "2", "1"]),
    ];
    let found = check(
        "[label]\nvalue = \"opened\"",
        &rows,
        &[(10, "ann", &[("a", 1.0)]), (50, "bob", &[("b", 0.0), ("never heard of", 1.0)])],
    );
    assert_eq!((found.counts.repeated, found.counts.incomplete), (1, 1));
}

/// Users open what has their topic; a list of four, two of each topic.
fn market() -> Vec<(i64, String, String, [String; 4])> {
    let mut rows = Vec::new();
    for list in 0..120i64 {
        let user = list % 6;
        for k in 0..4 {
            let post = (list * 3 + k * 5) % 12;
            let opened = if post % 2 == user % 2 { "1" } else { "0" };
            let fields = [format!("L{list}"), k.to_string(), opened.to_string(), format!("t{}", user % 2)];
            rows.push((list * 60, format!("u{user}"), format!("p{post}"), fields));
        }
    }
    rows
}

#[test]
fn a_system_learns_from_lists_and_is_judged_on_lists() {
    let plan = planned("[label]\nvalue = \"opened\"\n[label.against]\nhidden = \"hide within 1d\"");
    let rows = market();
    let fields: Vec<Vec<&str>> = rows.iter().map(|r| r.3.iter().map(String::as_str).collect()).collect();
    let rows: Vec<Row<'_>> =
        rows.iter().zip(&fields).map(|((t, u, p, _), f)| ("impression", *t, u.as_str(), p.as_str(), &f[..])).collect();
    let known = data(&plan, &rows);
    let trained = train(&plan, &known, 2, &Silent).expect("there is enough");
    let dir = tempfile::tempdir().expect("a folder");
    bundle::write(dir.path(), &plan, &known.actors, &trained.contents).expect("there is room");
    let bundle = bundle::current(dir.path(), &plan).expect("it was just written");
    let report = evaluate(&plan, &known, &bundle, TEST, 2, &Silent).expect("there is enough");
    assert_eq!(report.split.test.decisions, 24);
    let value = |name: &str| report.metrics.get(name).unwrap_or_else(|| panic!("{name} is measured")).value;
    assert!(value("auc") > 0.95, "who shares a topic opens the same: {:?}", report.metrics);
    assert!(value("ndcg@5") > 0.95 && value("mrr") > 0.7, "{:?}", report.metrics);
    assert_eq!(value("hidden@10"), 0.0);
    assert!(report.baselines.get("popular").is_some_and(|b| b.get("auc").is_some_and(|m| m.value < 0.8)));
}

#[test]
fn what_is_asked_through_the_api_is_read_as_what_was_logged() {
    let plan = planned("[label]\nvalue = \"opened\"");
    let rows = market();
    let fields: Vec<Vec<&str>> = rows.iter().map(|r| r.3.iter().map(String::as_str).collect()).collect();
    let rows: Vec<Row<'_>> =
        rows.iter().zip(&fields).map(|((t, u, p, _), f)| ("impression", *t, u.as_str(), p.as_str(), &f[..])).collect();
    let known = data(&plan, &rows);
    let schema = schema_of(&plan.system);
    let fitted = Fitted::open(&plan, &FittedBytes::default()).expect("there is nothing to be damaged");
    let mut past = Past::new(&plan, &fitted);
    let mut replay = Replay::new(&plan, &known.actors, &known.events);
    let mut of = [Desk::default(), Desk::default()];
    let (mut n, found) = (0, decisions(&plan, &known));
    for d in &found.all {
        replay.until(d.now, &mut past);
        let scene = Scene { plan: &plan, fitted: &fitted, actors: &known.actors, past: &past, clock: &|| 0 };
        let logged = found.request(&plan, &known, d);
        let mut batch = schema.batch();
        let kind = schema.records.iter().position(|r| r.name == "impression").expect("it is declared");
        let to = &mut batch.rows[kind];
        to.time.push(d.now);
        to.known.push(d.now);
        to.keys.iter_mut().for_each(|k| k.push(""));
        for column in &mut to.fields {
            match column {
                Column::Tags(t) => {
                    ["unheard of", fields[d.row as usize][3]].iter().for_each(|word| t.push(word, 1.0));
                    t.end_row();
                }
                other => other.push_missing(),
            }
        }
        let asked = known.actors.asked(&schema.records[kind], to);
        let asked = Request { asked: Some((&asked, 0)), ..logged };
        for (desk, request) in of.iter_mut().zip([&logged, &asked]) {
            retrieve(&scene, request, desk, 0, &mut Decided::default());
            desk.restart();
            stage_rows(&scene, request, desk, 0);
        }
        assert_eq!(of[0].rows[0].values, of[1].rows[0].values);
        n += usize::from(of[0].rows[0].values.iter().skip(1).step_by(2).any(|v| *v > 0.0));
    }
    assert!(n > 80, "readers of one topic were met before: {n}");
}

#[test]
fn a_feature_that_reads_its_own_label_is_refused() {
    let check = |label: &str, feature: &str, told: Option<&str>| {
        let file = FILE.replace("LABEL", label).replace("[features]", &format!("[features]\nx = \"{feature}\""));
        let (_, wrong) = plan::plan(&file, Registries::default());
        assert_eq!(wrong.first().map(|d| d.message.as_str()), told, "{label}: {feature}");
    };
    let own = Some("`shown` says what turned out: a feature cannot read its own label");
    check("[label]\nvalue = \"impression where shown\"", "request.shown", own);
    check("[label]\nvalue = \"opened\"", "request.shown", own);
    check("[label]\nvalue = \"click within 1h\"\n[label.against]\nbad = \"opened\"", "request.shown", own);
    check("[label]\nvalue = \"opened\"", "request.place", None);
    check("[label]\nvalue = \"click within 1h\"", "request.shown", None);
    // What happened before, to whomever, may be known.
    check("[label]\nvalue = \"opened\"", "count(opened, by = (user, post))", None);
}

#[test]
fn a_model_learns_where_an_item_stood_and_is_asked_as_if_all_stood_on_top() {
    let file =
        FILE.replace("LABEL", "[label]\nvalue = \"opened\"").replace("[features]", "[features]\nstood = \"position\"");
    let (plan, wrong) = plan::plan(&file, Registries::default());
    assert_eq!(wrong, []);
    let plan = plan.expect("it has no mistakes");
    let row = |second, list, post, place, shown| ("impression", second, "ann", post, vec![list, place, shown]);
    let rows = [
        row(1, "x", "c", "1", "0"),
        row(1, "x", "a", "2", "1"),
        row(1, "x", "b", "3", "0"),
        row(2, "y", "b", "1", "1"),
        row(2, "y", "a", "2", "0"),
    ];
    let rows: Vec<Row<'_>> = rows.iter().map(|(e, s, u, p, f)| (*e, *s, *u, *p, f.as_slice())).collect();
    let data = data(&plan, &rows);
    let decisions = decisions(&plan, &data);
    let fitted = Fitted::open(&plan, &FittedBytes::default()).expect("there is nothing to open");
    let of = crate::examples::Collect {
        plan: &plan,
        data: &data,
        decisions: &decisions,
        fitted: &fitted,
        stage: 0,
        negatives: 100,
        n_threads: 1,
    };
    let (learned, judged) = crate::examples::collect(&of, &decisions.all[..1], &decisions.all[1..], &Silent);
    let stood = |rows: &crate::examples::Rows| rows.values.iter().step_by(3).copied().collect::<Vec<f32>>();
    // Items come in the order of their keys: a, b, c.
    assert_eq!((stood(&learned), stood(&judged)), (vec![2.0, 3.0, 1.0], vec![1.0, 1.0]));
    let told = |from: &str, to: &str| {
        let (_, wrong) = plan::plan(&file.replace(from, to), Registries::default());
        wrong.first().map(|d| d.message.clone())
    };
    assert_eq!(told("position = \"place\"\n", "").as_deref(), Some("no positions were logged"));
}
