//! How long fits, folds and questions take at the size of MovieLens 1M: 6,040 users, 3,883 items, 575,000 likes, made up.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Instant;
use tamis_retrieve::learned::Learned;
use tamis_retrieve::source::{FitAsk, Memo, Opened, Pairs, Source};
use tamis_retrieve::{als, ease, neighbours, topk, vector};
use tamis_spec::decision::{Answer, Ask, Happened, Visit};
use tamis_spec::diagnostic::Spanned;
use tamis_spec::mask::Mask;
use tamis_spec::param::{ParamValue, Params};
use tamis_spec::system::{
    ActorSpec, Constraints, DecisionSpec, EventSpec, Origin, Part, RoleSpec, Split, System, Task, TrainSpec,
};

const USERS: usize = 6040;
const ITEMS: usize = 3883;
const LIKES: usize = 575_000;
const KEEP: usize = 300;

fn main() {
    let pairs = likes();
    let histories = histories(&pairs);
    let system = system();
    let pairs_of = |_: usize| pairs.clone();
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    let ask = FitAsk {
        until: i64::MAX,
        items: &|_| None,
        system: &system,
        pairs: &pairs_of,
        texts: &|_, _| Vec::new(),
        folder: &|_| None,
        n_users: USERS,
        n_items: ITEMS,
        seed: 1,
        n_threads,
    };
    println!("{USERS} users, {ITEMS} items, {LIKES} likes, {n_threads} threads");
    top_k();
    fold("all pairs", &pairs, vec![]);
    fold("steps = 10", &pairs, vec![("steps", ParamValue::Number(10.0))]);
    fold(
        "steps = 10, directed",
        &pairs,
        vec![("steps", ParamValue::Number(10.0)), ("directed", ParamValue::Bool(true))],
    );
    let far = Pairs { items: pairs.items.iter().map(|item| item * 13).collect(), ..pairs.clone() };
    fold("items up to 50,000", &far, vec![]);
    let fitted = timed("ease: fit", || ease::KIND.it.fit(&part("ease", vec![]), &ask)).expect("it can be fitted");
    let fitted = Arc::new(fitted);
    let open = |params| {
        let opened = Opened { system: &system, learned: &[] };
        ease::KIND.it.open(&part("ease", params), &fitted, &opened).expect("these are its bytes")
    };
    questions("ease", &*open(vec![]), &histories, &[]);
    questions("ease, last = 10", &*open(vec![("last", ParamValue::Number(10.0))]), &histories, &[]);
    let fitted = timed("als: fit", || als::KIND.it.fit(&part("als", vec![]), &ask)).expect("it can be fitted");
    let als = als::KIND.it.open(&part("als", vec![]), &Arc::new(fitted)).expect("these are its bytes");
    fold_in(&*als, &histories);
    let near = part("vector", vec![("near", text("user.taste")), ("of", text("movie.taste"))]);
    let opened = Opened { system: &system, learned: std::slice::from_ref(&als) };
    let source = vector::KIND.it.open(&near, &Arc::default(), &opened).expect("the learned vector is there");
    let user = als.items().get(7).expect("there are more items").to_vec();
    questions("vector", &*source, &histories, &[&user]);
}

/// Says how long `f` took.
fn timed<R>(name: &str, f: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let out = f();
    println!("{name}: {:.2} s", start.elapsed().as_secs_f64());
    out
}

/// Says the median and the 99th percentile of how long `f` took for each of `n`.
fn each(name: &str, n: usize, mut f: impl FnMut(usize)) {
    let mut us: Vec<f64> = (0..n)
        .map(|k| {
            let start = Instant::now();
            f(k);
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    us.sort_by(f64::total_cmp);
    println!("{name}: p50 {:.0} us, p99 {:.0} us", us[n / 2], us[n * 99 / 100]);
}

/// Popular items and active users are met more often.
fn likes() -> Pairs {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut pairs = Pairs::default();
    let mut met = std::collections::HashSet::new();
    while pairs.users.len() < LIKES {
        let mut below = |n: usize, power: i32| (random.random::<f64>().powi(power) * n as f64) as u32;
        let (user, item) = (below(USERS, 2), below(ITEMS, 2));
        if met.insert((user, item)) {
            pairs.users.push(user);
            pairs.items.push(item);
            pairs.times.push(pairs.users.len() as i64);
        }
    }
    pairs
}

fn histories(pairs: &Pairs) -> Vec<Vec<Visit>> {
    let mut histories = vec![Vec::new(); USERS];
    for ((user, item), time) in pairs.users.iter().zip(&pairs.items).zip(&pairs.times) {
        histories[*user as usize].push(Visit { item: *item, time: *time });
    }
    histories
}

fn top_k() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for n in [4_000, 100_000, 1_000_000] {
        let scores: Vec<f32> = (0..n).map(|_| random.random()).collect();
        let (excluded, mut out) = (Mask::default(), Vec::new());
        each(&format!("top {KEEP} of {n}"), 200, |_| {
            out.clear();
            topk::best(&scores, &excluded, KEEP, &mut out);
        });
    }
}

fn fold(name: &str, pairs: &Pairs, params: Vec<(&'static str, ParamValue)>) {
    let opened = Opened { system: &system(), learned: &[] };
    let source = neighbours::KIND.it.open(&part("neighbours", params), &Arc::default(), &opened);
    let mut source = source.expect("it opens without a fit");
    let mut histories = vec![Vec::new(); USERS];
    timed(&format!("neighbours, {name}: fold {LIKES} events"), || {
        for k in 0..pairs.users.len() {
            let (user, item, time) = (pairs.users[k], pairs.items[k], pairs.times[k]);
            let history = &mut histories[user as usize];
            source.fold(&Happened { user, item, time, history });
            history.push(Visit { item, time });
        }
    });
    if pairs.items.iter().all(|item| (*item as usize) < ITEMS) {
        questions(&format!("neighbours, {name}"), &*source, &histories, &[]);
    }
}

fn questions(name: &str, source: &dyn Source, histories: &[Vec<Visit>], user_vectors: &[&[f32]]) {
    let (mut memo, mut out) = (Memo::default(), Vec::new());
    let users: Vec<usize> = (0..USERS).filter(|u| (150..250).contains(&histories[*u].len())).take(500).collect();
    let mut ask = |memo: &mut Memo, user: usize, drop: usize| {
        let visits = &histories[user];
        let answers = [Answer::History(&visits[..visits.len() - drop])];
        let excluded = Mask::default();
        let (now, user) = (i64::MAX, user as u32);
        out.clear();
        let ask = Ask { now, user, n_items: ITEMS, answers: &answers, user_vectors, excluded: &excluded };
        source.candidates(&ask, KEEP, memo, &mut out);
    };
    each(&format!("{name}: ask with a history of about 200"), users.len(), |k| ask(&mut memo, users[k], 1));
    each(&format!("{name}: ask again after one more"), users.len(), |k| ask(&mut memo, users[k], 0));
}

fn fold_in(als: &dyn Learned, histories: &[Vec<Visit>]) {
    let (mut memo, mut out) = (Memo::default(), vec![0.0; als.items().dimensions]);
    let users: Vec<usize> = (0..USERS).filter(|u| (150..250).contains(&histories[*u].len())).take(500).collect();
    let mut ask = |user: usize, drop: usize| {
        let visits = &histories[user];
        als.user(user as u32, &[Answer::History(&visits[..visits.len() - drop])], &mut memo, &mut out);
    };
    each("als: fold in a history of about 200", users.len(), |k| ask(users[k], 1));
    each("als: fold in one more", users.len(), |k| ask(users[k], 0));
}

fn named(name: &str) -> Spanned<String> {
    Spanned { value: name.into(), span: 0..1 }
}

fn text(value: &str) -> ParamValue {
    ParamValue::Text(value.into())
}

fn part(kind: &str, params: Vec<(&'static str, ParamValue)>) -> Part {
    let with_event = params.into_iter().chain([("event", text("liked"))]);
    let values = with_event.map(|(name, value)| (name, Spanned { value, span: 0..1 })).collect();
    Part { kind: kind.into(), name: named(kind), params: Params { values }, span: 0..1 }
}

fn system() -> System {
    let actor = |name| ActorSpec { name: named(name), file: None, key: None, as_of: None, fields: Vec::new() };
    let role = |name, actor| RoleSpec { role: named(name), actor, column: name.into() };
    let roles = vec![role("user", 0), role("movie", 1)];
    let origin = Origin::Declared { file: None, time: None, roles, fields: Vec::new() };
    let mut taste = part("als", vec![]);
    taste.name = named("taste");
    System {
        name: named("films"),
        task: Task::Rank,
        seed: 1,
        constraints: Constraints::default(),
        actors: vec![actor("user"), actor("movie")],
        events: vec![EventSpec { name: named("liked"), origin }],
        learned: vec![taste],
        decision: DecisionSpec::each(0, (0, "user"), (1, "movie")),
        split: Split::default(),
        label: Default::default(),
        features: Vec::new(),
        candidates: Vec::new(),
        stages: Vec::new(),
        rerank: Vec::new(),
        train: TrainSpec { decisions: 100, validate_decisions: 100, negatives: 10 },
    }
}
