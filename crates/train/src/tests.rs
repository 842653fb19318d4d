//! The room as a whole, on a small market: nothing that comes later reaches what is judged.

use crate::decisions::decisions;
use crate::examples::{Collect, Rows, collect};
use crate::fit::fit_sources;
use crate::progress::Progress;
use crate::windows::{self, TEST, TRAIN, VALIDATE};
use crate::{Data, train};
use tamis_funnel::{Fitted, Plan, Registries, plan};
use tamis_spec::actors::schema_of;
use tamis_spec::batch::{Batch, Column};

const FILE: &str = r#"
[system]
name = "market"
task = "rank"
[actors.user]
[actors.item]
fields = { kind = "category" }
[events.view]
actors = { user = "user", item = "item" }
fields = { stars = "number" }
[events.liked]
where = "view.stars >= 3"
[learned.taste]
kind = "als"
event = "view"
dimensions = 8
[decision]
each = "liked"
for = "user"
item = "item"
where = "count(view, by = user) >= 2"
[split]
sources = "50%"
train = "20%"
validate = "15%"
test = "15%"
[features]
popular = "log1p(count(view, by = item))"
kind = "item.kind"
near = "score.near"
ease = "score.ease"
taste = "dot(user.taste, item.taste)"
first = "score.logistic"
[[candidates]]
kind = "ease"
event = "view"
keep = 15
[[candidates]]
kind = "neighbours"
name = "near"
event = "view"
keep = 15
[[candidates]]
kind = "vector"
near = "user.taste"
of = "item.taste"
keep = 10
[[stages]]
kind = "logistic"
keep = 20
[[stages]]
kind = "lambdamart"
keep = 20
rounds = 10
rows_in_leaf = 5
[rerank]
limit = 10
"#;

const N_USERS: u32 = 30;
const N_ITEMS: u32 = 40;

mod given;
mod lists;
mod splits;

struct Silent;

impl Progress for Silent {
    fn step(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn seconds(&self) -> f64 {
        0.0
    }
}

fn planned() -> Plan {
    let (plan, wrong) = plan::plan(FILE, Registries::default());
    assert_eq!(wrong, []);
    plan.expect("it has no mistakes")
}

/// (time, user, item, stars)
type View = (i64, u32, u32, u32);

/// People who mostly stay with one half of the items; several views share a moment. A fixed sequence.
fn views(n: usize) -> Vec<View> {
    let mut state = 3u64;
    let mut below = move |n: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32 % n
    };
    let mut time = 0;
    let view = |_| {
        time += i64::from(below(3)) * 1_000;
        let user = below(N_USERS);
        let half = if below(5) > 0 { user % 2 } else { below(2) };
        (time, user, below(N_ITEMS / 2) * 2 + half, below(5) + 1)
    };
    (0..n).map(view).collect()
}

/// All actors are described first, so that later views change no index.
fn data(plan: &Plan, views: &[View]) -> Data {
    let mut batch: Batch = schema_of(&plan.system).batch();
    let mut push = |kind: u16, time: i64, keys: &[u32], field: &dyn Fn(&mut Column)| {
        batch.order.push(kind);
        let rows = &mut batch.rows[kind as usize];
        rows.time.push(time);
        rows.known.push(time);
        rows.keys.iter_mut().zip(keys).for_each(|(column, key)| column.push(&key.to_string()));
        rows.fields.iter_mut().for_each(field);
    };
    (0..N_USERS).for_each(|u| push(0, 0, &[u], &|_| ()));
    for item in 0..N_ITEMS {
        push(1, 0, &[item], &|c| {
            let Column::Texts(kinds) = c else { panic!("a kind is a word") };
            kinds.push(["even", "odd"][item as usize % 2]);
        });
    }
    for (time, user, item, stars) in views {
        push(2, *time, &[*user, *item], &|c| {
            let Column::Numbers(column) = c else { panic!("stars are numbers") };
            column.push(f64::from(*stars));
        });
    }
    let mut data = Data::new(plan, None).expect("there is no bundle to be damaged");
    data.apply(plan, &batch);
    data
}

#[test]
fn windows_follow_each_other_and_never_split_a_moment() {
    let plan = planned();
    for n in [10, 37, 400] {
        let data = data(&plan, &views(n));
        let decisions = decisions(&plan, &data);
        let windows = windows::cut(&plan, &data, &decisions).expect("there are events");
        assert!(windows.bounds.is_sorted());
        assert_eq!(windows.n_events.iter().sum::<u64>(), n as u64);
        let known = &data.events.kinds[0].known;
        for (w, share) in [0.5, 0.7, 0.85].into_iter().enumerate() {
            let begun = known.partition_point(|k| *k < windows.bounds[w + 1]);
            let nominal = (share * n as f64) as usize;
            assert!(begun <= nominal, "a window ends at its share or before");
            assert!(known[begun..=nominal].iter().all(|k| *k == known[nominal]), "only one moment moves on");
        }
        let of = |w| windows.of(w, &decisions);
        assert!((0..4).all(|w| of(w).iter().all(|d| (windows.bounds[w]..windows.bounds[w + 1]).contains(&d.now))));
        assert_eq!((0..4).map(|w| of(w).len()).sum::<usize>(), decisions.all.len());
    }
}

#[test]
fn a_decision_is_each_occurrence_at_which_the_condition_held_before_it() {
    let plan = planned();
    let views = views(300);
    let found = decisions(&plan, &data(&plan, &views));
    let earlier = |v: &View| views.iter().filter(|e| e.0 < v.0 && e.1 == v.1).count();
    let expected: Vec<_> = views.iter().filter(|v| v.3 >= 3 && earlier(v) >= 2).map(|v| (v.0, v.1, v.2)).collect();
    assert_eq!(found.all.iter().map(|d| (d.now, d.user, found.best(d))).collect::<Vec<_>>(), expected);
    assert!(expected.len() > 50, "{}", expected.len());
}

#[test]
fn sources_are_fitted_on_what_came_before_their_window_alone() {
    let plan = planned();
    let all = views(600);
    let whole = data(&plan, &all);
    let windows = windows::cut(&plan, &whole, &decisions(&plan, &whole)).expect("there are events");
    for bound in [windows.bounds[TRAIN], windows.bounds[TEST]] {
        let before: Vec<View> = all.iter().copied().filter(|v| v.0 < bound).collect();
        let fitted = fit_sources(&plan, &whole, bound, 2).expect("there is enough");
        assert_eq!(fitted, fit_sources(&plan, &data(&plan, &before), bound, 2).expect("there is enough"));
        let more: Vec<View> = all.iter().copied().filter(|v| v.0 < bound + 9_000).collect();
        let more = fit_sources(&plan, &data(&plan, &more), bound + 9_000, 2).expect("there is enough");
        assert_ne!(fitted, more, "a few moments more are seen");
    }
}

/// Rows of the first stage, for the train and the validate window.
fn rows(plan: &Plan, data: &Data, n_threads: usize) -> (Rows, Rows) {
    let decisions = decisions(plan, data);
    let windows = windows::cut(plan, data, &decisions).expect("there are events");
    let fitted = fit_sources(plan, data, windows.bounds[TRAIN], 2).expect("there is enough");
    let fitted = Fitted::open(plan, &fitted).expect("it was just written");
    let of = Collect { plan, data, decisions: &decisions, fitted: &fitted, stage: 0, negatives: 5, n_threads };
    collect(&of, &windows.of(TRAIN, &decisions), &windows.of(VALIDATE, &decisions), &Silent)
}

fn bits(rows: &Rows) -> (Vec<u32>, &[f32], &[f32], &[u32], usize) {
    let values = rows.values.iter().map(|v| v.to_bits()).collect();
    (values, &rows.labels, &rows.weights, &rows.groups, rows.n_lost)
}

#[test]
fn rows_are_the_same_on_any_number_of_threads() {
    let plan = planned();
    let data = data(&plan, &views(600));
    let (a, b) = rows(&plan, &data, 1);
    for n in [2, 3, 7] {
        let (x, y) = rows(&plan, &data, n);
        assert_eq!((bits(&a), bits(&b)), (bits(&x), bits(&y)), "{n} threads");
    }
    assert!(a.groups.len() > 40 && a.groups.iter().all(|n| *n <= 6), "the positive and at most five others");
    assert!(b.groups.iter().any(|n| *n > 6), "what fitting stops on keeps all");
}

#[test]
fn rows_stand_for_all_candidates_by_their_weights() {
    let plan = planned();
    let (a, _) = rows(&plan, &data(&plan, &views(600)), 2);
    let mut from = 0;
    for n in &a.groups {
        let group = from..from + *n as usize;
        from = group.end;
        assert_eq!(a.labels[group.clone()].iter().sum::<f32>(), 1.0, "one positive in each decision");
        let weights = &a.weights[group.clone()];
        let negatives: Vec<f32> =
            weights.iter().zip(&a.labels[group]).filter(|(_, l)| **l == 0.0).map(|(w, _)| *w).collect();
        assert!(negatives.iter().all(|w| *w == negatives[0] && *w >= 1.0));
    }
    assert_eq!(from, a.labels.len());
}

#[test]
fn nothing_of_the_test_window_reaches_what_is_judged() {
    let plan = planned();
    let all = views(600);
    let known = data(&plan, &all);
    let bounds = windows::cut(&plan, &known, &decisions(&plan, &known)).expect("there are events").bounds;
    // Another future: the same moments, other people, items and stars.
    let turned = |v: &View| {
        if v.0 < bounds[TEST] { *v } else { (v.0, (v.1 + 7) % N_USERS, (v.2 + 13) % N_ITEMS, 6 - v.3) }
    };
    let other: Vec<View> = all.iter().map(turned).collect();
    assert_ne!(all, other);
    let a = train(&plan, &known, 2, &Silent).expect("there is enough").contents;
    let b = train(&plan, &data(&plan, &other), 2, &Silent).expect("there is enough").contents;
    assert_eq!(a.judged, b.judged);
    for (x, y) in a.stages.iter().zip(&b.stages) {
        assert_eq!((&x.name, &x.columns, &x.fit), (&y.name, &y.columns, &y.fit));
        assert!(x.model == y.model, "{}", x.name);
    }
    assert_eq!(a.stages.len(), 2);
    assert_ne!(a.shipped, b.shipped, "what is served knows everything");
}
