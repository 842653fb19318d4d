//! Windows that are not cut by time: which decision is in which, by chance or as somebody says; and what may be fitted then.

use crate::data::Data;
use crate::decisions::{Decision, Decisions};
use crate::error::Error;
use crate::windows::{NOWHERE, TEST, TRAIN, VALIDATE};
use std::collections::HashMap;
use std::hash::BuildHasher;
use tamis_funnel::Plan;
use tamis_spec::actors::Field;
use tamis_spec::decision::by_key;
use tamis_spec::mix::{GOLDEN, mix};
use tamis_spec::system::{Split, SplitBy};

/// The word for how the log is cut.
pub(crate) fn kind(plan: &Plan) -> String {
    let system = &plan.system;
    let field = |f: usize| system.event_fields(system.decision.event)[f].name.value.clone();
    let kind = match &system.split.by {
        SplitBy::Time => "time".to_string(),
        SplitBy::Random => "random".to_string(),
        SplitBy::User => format!("by {}", system.decision.user_name),
        SplitBy::Item => format!("by {}", system.decision.item_name),
        SplitBy::Field(f) => format!("by {}", field(*f)),
        SplitBy::Column(f) => format!("column {}", field(*f)),
        SplitBy::File(file) => format!("file {file}"),
    };
    match system.split.folds {
        Some((n, k)) => format!("{kind}, fold {k} of {n}"),
        None => kind,
    }
}

/// The window of every decision; none where they are cut by time.
pub(crate) fn of(plan: &Plan, data: &Data, decisions: &Decisions) -> Result<Option<Vec<u8>>, Error> {
    let (system, split) = (&plan.system, &plan.system.split);
    let rows = &data.events.kinds[system.base(system.decision.event)];
    let drawn = |key: &dyn Fn(usize, &Decision) -> u64| {
        let draw = |(i, d): (usize, &Decision)| mix(system.seed ^ mix(key(i, d).wrapping_mul(GOLDEN)));
        Ok(Some(decisions.all.iter().enumerate().map(|of| by_chance(split, draw(of))).collect()))
    };
    match &split.by {
        SplitBy::Time => Ok(None),
        SplitBy::Random => drawn(&|i, _| i as u64),
        SplitBy::User => drawn(&|_, d| u64::from(d.user)),
        SplitBy::Item => drawn(&|_, d| u64::from(decisions.best(d))),
        SplitBy::Field(f) => drawn(&|_, d| value(&rows.fields[*f], d.row)),
        SplitBy::Column(f) => {
            let word = |d: &Decision| match &rows.fields[*f] {
                Field::Ids(ids) => match ids[d.row as usize] {
                    tamis_spec::MISSING => String::new(),
                    id => data.actors.words.name(id).to_string(),
                },
                Field::Numbers(v) => v[d.row as usize].to_string(),
                field => field.text(d.row).to_string(),
            };
            said(split, &decisions.all.iter().map(word).collect::<Vec<_>>()).map(Some)
        }
        SplitBy::File(name) => {
            let users = &data.actors.tables[system.decision.user].keys;
            let keys: Vec<&str> = decisions.all.iter().map(|d| users.name(d.user)).collect();
            said(split, &read(data, name, &keys)?).map(Some)
        }
    }
}

/// Equal values, equal numbers.
fn value(field: &Field, row: u32) -> u64 {
    let at = row as usize;
    match field {
        Field::Ids(v) => u64::from(v[at]),
        Field::Numbers(v) => u64::from(v[at].to_bits()),
        Field::Times(v) => v[at] as u64,
        other => rustc_hash::FxBuildHasher.hash_one(other.text(row)),
    }
}

fn by_chance(split: &Split, hash: u64) -> u8 {
    if let Some((n, k)) = split.folds {
        return of_fold(split, (hash % n as u64) as usize, (n, k));
    }
    let share = (hash >> 11) as f64 / (1u64 << 53) as f64;
    let ends = [split.train, split.train + split.validate];
    (if share < ends[0] {
        TRAIN
    } else if share < ends[1] {
        VALIDATE
    } else {
        TEST
    }) as u8
}

/// The window of a fold when `k` of `n` is the test window.
fn of_fold(split: &Split, fold: usize, (n, k): (usize, usize)) -> u8 {
    let validate = if split.validates_before { (k + n - 1) % n } else { (k + 1) % n };
    (if fold == k {
        TEST
    } else if fold == validate {
        VALIDATE
    } else {
        TRAIN
    }) as u8
}

/// What a word says by itself.
fn window_of(word: &str) -> Option<u8> {
    Some(match word.to_lowercase().as_str() {
        "" => NOWHERE,
        "train" => TRAIN as u8,
        "validate" | "valid" | "validation" | "vali" | "val" | "dev" => VALIDATE as u8,
        "test" => TEST as u8,
        _ => return None,
    })
}

fn said(split: &Split, words: &[String]) -> Result<Vec<u8>, Error> {
    let named = folds(split, words)?;
    let window = |(i, word): (usize, &String)| {
        let word = word.trim();
        let fold = || named.iter().position(|n| *n == word);
        match (window_of(word), split.folds) {
            (Some(window), _) => Ok(window),
            (None, Some(folds)) if fold().is_some() => Ok(of_fold(split, fold().unwrap_or_default(), folds)),
            (None, folds) => {
                let folds = folds.map(|(n, _)| format!(", or a fold from 0 to {}", n - 1)).unwrap_or_default();
                Err(Error::TooLittle {
                    what: format!("the split says `{word}` of decision {}", i + 1),
                    help: format!("it says train, validate or test{folds}; nothing leaves a decision out"),
                })
            }
        }
    };
    words.iter().enumerate().map(window).collect()
}

/// What each fold is called: by its number from 0, or else, where there are as many words as folds, by these in the order of keys.
fn folds(split: &Split, words: &[String]) -> Result<Vec<String>, Error> {
    let Some((n, _)) = split.folds else { return Ok(Vec::new()) };
    let mut met: Vec<&str> = words.iter().map(|w| w.trim()).filter(|w| window_of(w).is_none()).collect();
    met.sort_by(|a, b| by_key(a, b));
    met.dedup();
    let numbers: Vec<String> = (0..n).map(|fold| fold.to_string()).collect();
    if met.iter().all(|word| numbers.iter().any(|n| n == word)) {
        return Ok(numbers);
    }
    if met.len() == n {
        return Ok(met.into_iter().map(String::from).collect());
    }
    let shown: Vec<&str> = met.iter().copied().take(FOLDS_SHOWN).collect();
    Err(Error::TooLittle {
        what: format!("the split says {} different words, {} ..., and has {n} folds", met.len(), shown.join(", ")),
        help: "a fold is its number from 0, or one of as many words as there are folds".into(),
    })
}

/// Words of a split that are shown when there are too many or too few.
const FOLDS_SHOWN: usize = 5;

/// What a file says of each decision, given the keys of whom they are for.
fn read(data: &Data, name: &str, keys: &[&str]) -> Result<Vec<String>, Error> {
    let wrong = |what: String, help: &str| Error::TooLittle { what, help: help.into() };
    let found = data.folders.iter().map(|dir| dir.join(name)).find(|path| path.is_file());
    let path = found.ok_or_else(|| {
        wrong(
            format!("there is no file `{name}` for the split"),
            "put it beside the system file or in the data directory",
        )
    })?;
    let text = std::fs::read_to_string(&path)
        .map_err(|e| wrong(format!("{} cannot be read: {e}", path.display()), "it is a text file"))?;
    let mut words: Vec<String> = text.lines().map(|l| l.trim().to_string()).collect();
    if let Some(by_key) = pairs(&words) {
        let of = |key: &&str| {
            let missing = || wrong(format!("{} says nothing of `{key}`", path.display()), "a line for each key");
            by_key.get(key).map(|word| word.to_string()).ok_or_else(missing)
        };
        return keys.iter().map(of).collect();
    }
    if let [line] = &words[..]
        && keys.len() != 1
        && line.bytes().all(|b| b.is_ascii_digit())
    {
        words = line.chars().map(String::from).collect();
    }
    if words.len() != keys.len() {
        let n = keys.len();
        let what = format!("{} says where {} decisions belong, and there are {n}", path.display(), words.len());
        return Err(wrong(what, "a line for each decision that counts, in the order of the log, or a key and a word"));
    }
    Ok(words)
}

/// Lines of a key and a word each, if all are such.
fn pairs(lines: &[String]) -> Option<HashMap<&str, &str>> {
    let said = lines.iter().filter(|line| !line.is_empty());
    said.map(|line| line.split_once(char::is_whitespace).map(|(key, word)| (key, word.trim()))).collect()
}

/// How far what is fitted on events may look: up to the first decision of the window it is judged on. Where windows lie across each other
/// in time nothing may be fitted on events at all.
pub(crate) fn bounds(
    plan: &Plan,
    decisions: &Decisions,
    members: &[u8],
    (first, last): (i64, i64),
) -> Result<[i64; 5], Error> {
    let mine =
        |w: usize| decisions.all.iter().zip(members).filter(move |(_, m)| usize::from(**m) == w).map(|(d, _)| d.now);
    let start = |w: usize| mine(w).min().unwrap_or(last + 1);
    let end = |w: usize| mine(w).max().unwrap_or(first);
    if end(TRAIN) < start(VALIDATE) && end(VALIDATE) < start(TEST) {
        return Ok([first, start(TRAIN), start(VALIDATE), start(TEST), last + 1]);
    }
    let fitted = plan.system.learned.iter().zip(&plan.learned).chain(plan.system.candidates.iter().zip(&plan.sources));
    let mut fitted =
        fitted.filter(|(_, plan)| plan.fit_key.is_some() && !plan.of_texts).map(|(part, _)| &part.name.value);
    if let Some(name) = fitted.next() {
        return Err(Error::Leak {
            part: name.clone(),
            split: kind(plan),
            help: "split by time, or leave it out: what is kept by the fold (popular, recent, neighbours, graph, features of events) \
                   only ever sees the past of a decision"
                .into(),
        });
    }
    Ok([first, last + 1, last + 1, last + 1, last + 1])
}
