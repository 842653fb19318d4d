//! Training: sources frozen at the start of the train window, stages fitted on it one after the other, and then everything that
//! can be refitted refitted on all that is known.

use crate::data::Data;
use crate::decisions::{self, Decision, Decisions};
use crate::error::Error;
use crate::examples::{Collect, Rows, collect, sample};
use crate::progress::{Progress, timed};
use crate::windows::{self, TRAIN, VALIDATE, Windows};
use std::collections::BTreeMap;
use std::sync::Arc;
use tamis_features::plan::Column;
use tamis_funnel::bundle::{Contents, FitHistory, FittedStage};
use tamis_funnel::codebook::Codebook;
use tamis_funnel::fitted::FittedBytes;
use tamis_funnel::{Fitted, Plan};
use tamis_rank::model::{Examples, FitAsk};
use tamis_retrieve::source::Pairs;
use tamis_spec::kind::find;
use tamis_spec::matrix::ColumnSpec;

/// What training made.
pub struct Trained {
    /// What goes into the bundle.
    pub contents: Contents,
    /// Seconds of each step.
    pub steps: Vec<(String, f64)>,
}

/// Trains a system on what is known. Same data and file: same contents, on any number of threads.
pub fn train(plan: &Plan, data: &Data, n_threads: usize, progress: &dyn Progress) -> Result<Trained, Error> {
    let mut steps = Vec::new();
    let decisions = timed(progress, &mut steps, "decisions", 0, || decisions::decisions(plan, data));
    let windows = windows::cut(plan, data, &decisions)?;
    let (for_train, for_validate) = chosen(plan, &windows, &decisions)?;
    let early = timed(progress, &mut steps, "sources for the train window", 0, || {
        fit_sources(plan, data, windows.bounds[TRAIN], n_threads)
    })?;
    let mut fitted = Fitted::open(plan, &early)?;
    let mut codebooks = BTreeMap::new();
    let mut stages = Vec::new();
    for (s, part) in plan.system.stages.iter().enumerate() {
        let name = &part.name.value;
        let negatives = plan.system.train.negatives;
        let of = Collect { plan, data, decisions: &decisions, fitted: &fitted, stage: s, negatives, n_threads };
        let mine = sample(&for_train, part.params.count("decisions").unwrap_or(usize::MAX), plan.system.seed ^ 2);
        let total = (mine.len() + for_validate.len()) as u64;
        let (mut a, mut b) = timed(progress, &mut steps, &format!("examples for {name}"), total, || {
            collect(&of, &mine, &for_validate, progress)
        });
        if a.groups.is_empty() {
            return Err(Error::TooLittle {
                what: format!(
                    "none of {} decisions has its positive among the candidates of stage {name}",
                    for_train.len()
                ),
                help: "widen `keep` of the sources or of the stage before, or add a source".into(),
            });
        }
        let columns = columns(plan, data, s, &mut a, &mut b, &mut codebooks);
        let stage = timed(progress, &mut steps, &format!("fit {name}"), 0, || {
            fit_stage(plan, s, columns, (&a, &b), n_threads)
        })?;
        let kind = find(plan.registries.models, &part.kind).expect("a planned part's kind is in the registry");
        let model =
            kind.it.open(&stage.model, &stage.columns).map_err(|source| Error::Rank { stage: name.clone(), source })?;
        fitted.models.push(model);
        for feature in &plan.stages[s] {
            let name = &plan.features.features[*feature].name;
            fitted.codes[*feature] = codebooks.get(name).map(|b: &Codebook| b.open(&data.actors.words));
        }
        stages.push(stage);
    }
    drop(fitted);
    let judged_before_ms = windows.bounds[3];
    let judged = timed(progress, &mut steps, "sources for the test window", 0, || {
        fit_sources(plan, data, judged_before_ms, n_threads)
    })?;
    let known_before_ms = windows.bounds[4];
    let shipped = timed(progress, &mut steps, "sources on everything", 0, || {
        fit_sources(plan, data, known_before_ms, n_threads)
    })?;
    let contents = Contents { judged, shipped, stages, codebooks, known_before_ms, judged_before_ms };
    Ok(Trained { contents, steps })
}

fn chosen(plan: &Plan, windows: &Windows, decisions: &Decisions) -> Result<(Vec<Decision>, Vec<Decision>), Error> {
    let seed = plan.system.seed;
    let train = sample(&windows.of(TRAIN, decisions), plan.system.train.decisions, seed);
    let validate = sample(&windows.of(VALIDATE, decisions), plan.system.train.validate_decisions, seed ^ 1);
    for (name, found) in [("train", &train), ("validate", &validate)] {
        if found.is_empty() {
            return Err(Error::TooLittle {
                what: format!(
                    "the {name} window holds no decision (of `{}`)",
                    plan.system.events[plan.system.decision.event].name.value
                ),
                help: "give the window a larger share in [split], or loosen [decision] where".into(),
            });
        }
    }
    Ok((train, validate))
}

/// Fits learned vectors and sources on what became known before `cut`.
pub fn fit_sources(plan: &Plan, data: &Data, cut: i64, n_threads: usize) -> Result<FittedBytes, Error> {
    let (n_users, n_items) = data.sizes(plan);
    let pairs = |event: usize| pairs_before(plan, data, event, cut);
    let texts = |actor: usize, field: usize| {
        let table = &data.actors.tables[actor];
        let text = |idx: u32| table.at(field, idx, cut).map_or("", |(field, row)| field.text(row)).to_owned();
        (0..table.len() as u32).map(text).collect()
    };
    let ask = tamis_retrieve::source::FitAsk {
        system: &plan.system,
        pairs: &pairs,
        until: cut.min(data.end()),
        texts: &texts,
        items: &|_| None,
        folder: &|name| data.folders.iter().map(|dir| dir.join(name)).find(|path| path.is_dir()),
        n_users,
        n_items,
        seed: plan.system.seed,
        n_threads,
    };
    let mut out = FittedBytes::default();
    for part in &plan.system.learned {
        let kind = find(plan.registries.learned, &part.kind).expect("a planned part's kind is in the registry");
        out.learned.push(Arc::new(kind.it.fit(part, &ask)?));
    }
    let items = |at: usize| {
        let part = plan.system.learned.get(at)?;
        let kind = find(plan.registries.learned, &part.kind)?;
        Some(kind.it.open(part, out.learned.get(at)?).ok()?.items().clone())
    };
    let ask = tamis_retrieve::source::FitAsk { items: &items, ..ask };
    let mut done: Vec<(&str, &str, Arc<Vec<u8>>)> = Vec::new();
    for (part, source) in plan.system.candidates.iter().zip(&plan.sources) {
        let bytes = match &source.fit_key {
            None => Arc::default(),
            Some(key) => match done.iter().find(|(kind, k, _)| *kind == part.kind && k == key) {
                Some((_, _, bytes)) => bytes.clone(),
                None => {
                    let kind =
                        find(plan.registries.sources, &part.kind).expect("a planned part's kind is in the registry");
                    let bytes = Arc::new(kind.it.fit(part, &ask)?);
                    done.push((&part.kind, key, bytes.clone()));
                    bytes
                }
            },
        };
        out.sources.push(bytes);
    }
    Ok(out)
}

fn pairs_before(plan: &Plan, data: &Data, event: usize, cut: i64) -> Pairs {
    let system = &plan.system;
    let base = system.base(event);
    let roles = (system.user_role(event), system.item_role(event));
    let (Some(user), Some(item)) = roles else { return Pairs::default() };
    let columns = &data.events.kinds[base];
    let mut pairs = Pairs::default();
    for row in plan.features.occurrences(event, base, &data.actors, &data.events) {
        let row = row as usize;
        if columns.known[row] >= cut {
            break;
        }
        let (u, i) = (columns.actors[user][row], columns.actors[item][row]);
        if u != tamis_spec::MISSING && i != tamis_spec::MISSING {
            pairs.users.push(u);
            pairs.items.push(i);
            pairs.times.push(columns.known[row]);
        }
    }
    pairs
}

/// The columns of a stage; words become codes, in both sets.
fn columns(
    plan: &Plan,
    data: &Data,
    stage: usize,
    a: &mut Rows,
    b: &mut Rows,
    books: &mut BTreeMap<String, Codebook>,
) -> Vec<ColumnSpec> {
    let which = &plan.stages[stage];
    let width = which.len();
    let mut out = Vec::new();
    for (c, feature) in which.iter().enumerate() {
        let feature = &plan.features.features[*feature];
        let mut categories = None;
        if matches!(feature.value, Column::Words(_)) {
            // A feature that an earlier stage read has its codes already, and so have these rows.
            if !books.contains_key(&feature.name) {
                let book = Codebook::of_column(a.values.iter().skip(c).step_by(width).copied(), &data.actors.words);
                let codes = book.open(&data.actors.words);
                codes.apply(a.values.iter_mut().skip(c).step_by(width));
                codes.apply(b.values.iter_mut().skip(c).step_by(width));
                books.insert(feature.name.clone(), book);
            }
            categories = Some(books[&feature.name].words.len() as u32);
        }
        out.push(ColumnSpec { name: feature.name.clone(), categories });
    }
    out
}

fn fit_stage(
    plan: &Plan,
    stage: usize,
    columns: Vec<ColumnSpec>,
    (a, b): (&Rows, &Rows),
    n_threads: usize,
) -> Result<FittedStage, Error> {
    let part = &plan.system.stages[stage];
    let kind = find(plan.registries.models, &part.kind).expect("a planned part's kind is in the registry");
    let ask = FitAsk {
        train: examples(a, &columns),
        validate: (!b.groups.is_empty()).then(|| examples(b, &columns)),
        params: &part.params,
        seed: plan.system.seed,
        n_threads,
        progress: &|_, _| {},
    };
    let name = part.name.value.clone();
    let fitted = kind.it.fit(&ask).map_err(|source| Error::Rank { stage: name.clone(), source })?;
    let measured = |v: f64| (!v.is_nan()).then_some(v);
    let curve = fitted.curve.iter();
    let curve =
        curve.map(|p| (p.round as u64, p.metric.to_string(), measured(p.train), measured(p.validate))).collect();
    let fit = FitHistory { importance: fitted.importance, curve };
    Ok(FittedStage { name, kind: part.kind.clone(), columns, model: fitted.model, fit })
}

fn examples<'r>(rows: &'r Rows, columns: &'r [ColumnSpec]) -> Examples<'r> {
    Examples { rows: &rows.values, columns, labels: &rows.labels, weights: Some(&rows.weights), groups: &rows.groups }
}
