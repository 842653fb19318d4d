//! A decision in the API's words: keys instead of indices, names instead of places.

use crate::answer::{ItemSource, RankedItem, TracePart, WHY_MAX, Why};
use crate::engine::Engine;
use crate::make::Made;
use serde_json::{Map, Value};
use tamis_funnel::{Decided, Desk};
use tamis_rerank::rerank::Change;
use tamis_spec::actors::{Actors, Table};
use tamis_spec::system::Type;

impl<S> Engine<S> {
    /// What was shown, with who proposed each item, its texts, and why it is there if that was asked.
    pub(crate) fn items(&self, actors: &Actors, made: &Made, desk: &Desk, explain: bool) -> Vec<RankedItem> {
        let decided = &made.decided;
        let table = &actors.tables[self.plan.system.decision.item];
        let stage = explain.then(|| self.last_stage(decided)).flatten();
        let item = |(at, shown): (usize, &tamis_spec::decision::Scored)| RankedItem {
            item: made.key(&table.keys, shown.item).to_owned(),
            score: shown.score,
            position: at + 1,
            sources: self.proposed_by(desk, shown.item),
            fields: texts(table, shown.item),
            why: explain.then(|| stage.map_or_else(Vec::new, |stage| self.why(desk, stage, shown.item))),
        };
        decided.shown.iter().enumerate().map(item).collect()
    }

    /// What each part did.
    pub(crate) fn trace(&self, decided: &Decided) -> Vec<TracePart> {
        let first_rerank = decided.parts.len() - decided.changes.len();
        let part = |(at, (name, part)): (usize, (&String, &tamis_funnel::decide::PartTrace))| TracePart {
            part: name.clone(),
            n_in: part.n_in,
            n_out: part.n_out,
            micros: part.nanos / 1000,
            skipped: part.skipped,
            dropped: at.checked_sub(first_rerank).map_or_else(Map::new, |step| dropped(&decided.changes[step])),
        };
        self.parts.iter().zip(&decided.parts).enumerate().map(part).collect()
    }

    fn proposed_by(&self, desk: &Desk, item: u32) -> Vec<ItemSource> {
        let Ok(at) = desk.candidates.items.binary_search(&item) else { return Vec::new() };
        let ranks = desk.candidates.ranks.row(at).iter().zip(&self.parts);
        ranks
            .filter(|(rank, _)| !rank.is_nan())
            .map(|(rank, name)| ItemSource { name: name.clone(), rank: *rank as u32 })
            .collect()
    }

    /// The last stage that scored in a decision.
    fn last_stage(&self, decided: &Decided) -> Option<usize> {
        let first = self.fitted.sources.len() + 1;
        (0..self.fitted.models.len()).rev().find(|stage| !decided.parts[first + stage].skipped)
    }

    /// What made an item's score in a stage, the largest contributions first.
    fn why(&self, desk: &Desk, stage: usize, item: u32) -> Vec<Why> {
        let Ok(at) = desk.row_items[stage].binary_search(&item) else { return Vec::new() };
        let row = desk.rows[stage].row(at);
        let mut added = vec![0.0; row.len()];
        self.fitted.models[stage].explain(row, &mut added);
        let columns = self.plan.stages[stage].iter().zip(row).zip(added);
        let mut all: Vec<Why> = columns
            .map(|((feature, value), contribution)| {
                let feature = &self.plan.features.features[*feature].name;
                Why { feature: feature.clone(), value: self.value(feature, *value), contribution }
            })
            .collect();
        all.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
        all.truncate(WHY_MAX);
        all
    }

    /// A value of a row: the word behind a code, null for a missing one.
    fn value(&self, feature: &str, value: f32) -> Value {
        match self.bundle.manifest.codebooks.get(feature) {
            _ if value.is_nan() => Value::Null,
            Some(book) => book.words.get(value as usize).map_or(Value::Null, |word| word.as_str().into()),
            None => value.into(),
        }
    }
}

/// The text fields of an item that are not empty.
fn texts(table: &Table, item: u32) -> Map<String, Value> {
    let fields = table.schema.iter().zip(&table.fields).filter(|((_, ty), _)| *ty == Type::Text);
    let texts = fields.map(|((name, _), field)| (name.clone(), field.text(item)));
    texts.filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.into())).collect()
}

/// Why a step of re-ranking dropped items, and how many for each reason.
fn dropped(changes: &[Change]) -> Map<String, Value> {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for change in changes {
        let Change::Dropped { why, .. } = change else { continue };
        match counts.iter_mut().find(|(known, _)| known == why) {
            Some((_, n)) => *n += 1,
            None => counts.push((why, 1)),
        }
    }
    counts.into_iter().map(|(why, n)| (why.to_owned(), n.into())).collect()
}
