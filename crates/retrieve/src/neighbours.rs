//! `neighbours`: items met by the people who met the user's items. Nothing is fitted: counts grow with every event, and
//! what is proposed at a moment depends on the events before it alone.
//!
//! The similarity of i and j is their cosine, c_ij / √(c_i c_j) (Sarwar, Karypis, Konstan and Riedl 2001), times
//! c_ij / (c_ij + shrinkage), which trusts a pair that was seen often (Herlocker, Konstan, Borchers and Riedl 1999 as
//! significance weighting; in this form Bell and Koren 2007). c_i counts the users of i, c_ij those of both. With `steps`
//! it is sequences that are counted: c_i counts every event of i, and a pair that is g events apart adds 1/g.
//! An item is not its own neighbour.

use crate::cooccurrence::{Cooccurrence, Counted, DENSE_ITEMS};
use crate::event;
use crate::running::kept;
use crate::source::{Bytes, Error, FitAsk, Memo, Opened, Source, SourceKind, SourcePlan};
use crate::topk::{self, Best};
use crate::wide;
use std::sync::Arc;
use tamis_spec::decision::{Answer, Ask, Happened, Need, Scored, Visit};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::mask::Mask;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};

/// An event is paired with at most so many of the user's latest earlier ones.
const PAIRED_VISITS: usize = 500;
/// An item's list is made anew when it has gathered a pair for every so many that it had.
const REFRESH_SHARE: u64 = 4;

/// The entry of the registry.
pub const KIND: Kind<dyn SourceKind> = Kind {
    name: "neighbours",
    about: "Proposes items that were met by the same users as the user's own, or right after them; learns with every event.",
    example: "[[candidates]]\nkind = \"neighbours\"\nevent = \"liked\"\nkeep = 300\n",
    params: &[
        Param {
            name: "event",
            ty: ParamType::Event,
            required: true,
            about: "The event that says who met what; it joins a user and an item.",
        },
        Param {
            name: "neighbours",
            ty: ParamType::Integer(1, 1000),
            required: false,
            about: "How many of the most similar items are kept for each; by default 50.",
        },
        Param {
            name: "shrinkage",
            ty: ParamType::Number(0.0, 1e6),
            required: false,
            about: "How many users in common it takes to trust half of a similarity; by default 10.",
        },
        Param {
            name: "last",
            ty: ParamType::Integer(1, 100_000),
            required: false,
            about: "Only so many of the user's latest items speak; by default all.",
        },
        Param {
            name: "steps",
            ty: ParamType::Integer(1, 500),
            required: false,
            about: "Only items at most so many events apart belong together, nearer ones more; by default all of a user's.",
        },
        Param {
            name: "directed",
            ty: ParamType::Bool,
            required: false,
            about: "Whether only what came later is proposed for what came earlier; by default false.",
        },
        Param {
            name: "decay",
            ty: ParamType::Number(0.0, 1.0),
            required: false,
            about: "The k-th latest item speaks with weight decay^k, the latest with 1; by default 1.",
        },
        Param {
            name: "take",
            ty: ParamType::Choice(&["sum", "best"]),
            required: false,
            about: "What an item gets of several that speak for it: their sum, by default, or the best of them.",
        },
        Param {
            name: "exact",
            ty: ParamType::Bool,
            required: false,
            about: "Whether candidates are scored by all counts as of now and not by lists of the nearest, which lag behind and which \
                    new items are slow to enter; by default false.",
        },
    ],
    it: &NeighboursKind,
};

struct NeighboursKind;

impl SourceKind for NeighboursKind {
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic> {
        let event = event::of_list(part, "event", system)?;
        let list = Settings::of(part).neighbours * size_of::<Scored>();
        Ok(SourcePlan {
            of_texts: false,
            needs: vec![Need::History { event }],
            folds: Some(event),
            fit_key: None,
            bytes: Bytes { per_item: (4 * DENSE_ITEMS + list) as f64, ..Bytes::default() },
        })
    }

    fn fit(&self, _: &Part, _: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn open(&self, part: &Part, _: &Arc<Vec<u8>>, _: &Opened<'_>) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(Neighbours::new(Settings::of(part), Cooccurrence::default())))
    }
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    neighbours: usize,
    shrinkage: f32,
    last: usize,
    steps: Option<usize>,
    directed: bool,
    decay: f32,
    best: bool,
    exact: bool,
}

impl Settings {
    fn of(part: &Part) -> Self {
        let params = &part.params;
        Self {
            neighbours: params.count("neighbours").unwrap_or(50),
            shrinkage: params.number("shrinkage").unwrap_or(10.0) as f32,
            last: params.count("last").unwrap_or(usize::MAX),
            steps: params.count("steps"),
            directed: params.bool("directed").unwrap_or(false),
            decay: params.number("decay").unwrap_or(1.0) as f32,
            best: params.text("take") == Some("best"),
            exact: params.bool("exact").unwrap_or(false),
        }
    }
}

/// Counts so far, and for each item its nearest as of when its list was last made.
struct Neighbours {
    settings: Settings,
    counts: Cooccurrence,
    items: Items,
    /// The item's nearest, in no particular order.
    lists: Vec<Vec<Scored>>,
    scratch: Scratch,
}

/// By item.
#[derive(Default)]
struct Items {
    /// c_i.
    n_events: Vec<f32>,
    /// 1 / √c_i; 0 for none.
    inverse_roots: Vec<f32>,
    /// Pairs gathered, and how many it takes until the list is made anew.
    pairs: Vec<(u64, u64)>,
}

#[derive(Default)]
struct Scratch {
    partners: Vec<(u32, f32)>,
    seen: Mask,
    due: Vec<u32>,
    similarities: Vec<f32>,
}

impl Neighbours {
    fn new(settings: Settings, counts: Cooccurrence) -> Self {
        Self { settings, counts, items: Items::default(), lists: Vec::new(), scratch: Scratch::default() }
    }

    fn reach(&mut self, n_items: usize) {
        if self.lists.len() < n_items {
            self.counts.reach(n_items);
            self.items.n_events.resize(n_items, 0.0);
            self.items.inverse_roots.resize(n_items, 0.0);
            self.items.pairs.resize(n_items, (0, 1));
            self.lists.resize_with(n_items, Vec::new);
        }
    }

    /// Lists the earlier items that `item` makes pairs with, latest first; false if this event counts nothing.
    fn pair(&mut self, item: u32, history: &[Visit]) -> bool {
        let Scratch { partners, seen, .. } = &mut self.scratch;
        partners.clear();
        if let Some(steps) = self.settings.steps {
            let nearest = history.iter().rev().take(steps).enumerate().filter(|(_, v)| v.item != item);
            partners.extend(nearest.map(|(k, v)| (v.item, 1.0 / (k + 1) as f32)));
            return true;
        }
        if history.iter().any(|v| v.item == item) {
            return false;
        }
        seen.clear();
        for visit in &history[history.len().saturating_sub(PAIRED_VISITS)..] {
            if seen.insert(visit.item) {
                partners.push((visit.item, 1.0));
            }
        }
        true
    }

    /// Scores items by all counts as of now; `out` holds 0 where there is a history.
    fn score_exactly(&self, ask: &Ask<'_>, items: &[u32], seen: &mut Mask, out: &mut [f32]) {
        let visits = ask.answers.first().map_or(&[][..], Answer::visits);
        let root = |item: u32| self.items.inverse_roots.get(item as usize).copied().unwrap_or(0.0);
        seen.clear();
        let mut weight = 1.0;
        for visit in visits.iter().rev().take(self.settings.last) {
            if seen.insert(visit.item) && (visit.item as usize) < self.lists.len() {
                let (row, of) = (self.counts.from(visit.item), weight * root(visit.item));
                for (o, item) in out.iter_mut().zip(items).filter(|(_, item)| **item != visit.item) {
                    let count = row.get(*item);
                    if count > 0.0 {
                        let more = of * similarity(count, root(*item), self.settings.shrinkage);
                        *o = if self.settings.best { o.max(more) } else { *o + more };
                    }
                }
            }
            weight *= self.settings.decay;
        }
    }

    fn refresh(&mut self, item: u32) {
        let Self { settings, counts, items, lists, scratch } = self;
        let list = &mut lists[item as usize];
        list.clear();
        match counts.from(item) {
            Counted::All(row) => {
                let n = items.inverse_roots.len();
                scratch.similarities.resize(n, 0.0);
                similarities(&row[..n], &items.inverse_roots, settings.shrinkage, &mut scratch.similarities);
                topk::best_unordered(&scratch.similarities, settings.neighbours, list);
            }
            Counted::Some(row) => {
                let mut best = Best::new(settings.neighbours);
                for (other, count) in row.iter() {
                    best.push(other, similarity(count, items.inverse_roots[other as usize], settings.shrinkage));
                }
                best.finish(list);
            }
        }
        let inverse_root = items.inverse_roots[item as usize];
        list.iter_mut().for_each(|s| s.score *= inverse_root);
    }
}

/// The similarity of two items times √c_i; minus infinity for a pair that was never seen.
#[inline(always)]
fn similarity(count: f32, inverse_root: f32, shrinkage: f32) -> f32 {
    if count > 0.0 { count * inverse_root * (count / (count + shrinkage)) } else { f32::NEG_INFINITY }
}

wide::wide! {
    /// Similarities of one item and all others, by the counts of its row.
    fn similarities(row: &[f32], inverse_roots: &[f32], shrinkage: f32, out: &mut [f32]) {
        for ((o, count), inverse_root) in out.iter_mut().zip(row).zip(inverse_roots) {
            *o = similarity(*count, *inverse_root, shrinkage);
        }
    }
}

/// Between questions: the items that have a score in the memo; all others have 0 there.
#[derive(Default)]
struct Asked {
    ready: bool,
    touched: Vec<u32>,
    seen: Mask,
    /// Whether the user has a history.
    knows: bool,
}

impl Source for Neighbours {
    fn candidates(&self, ask: &Ask<'_>, keep: usize, memo: &mut Memo, out: &mut Vec<Scored>) {
        let visits = ask.answers.first().map_or(&[][..], Answer::visits);
        let Asked { ready, touched, seen, knows } = kept(&mut memo.kept);
        if !std::mem::replace(ready, true) {
            memo.scores.clear();
        }
        touched.drain(..).for_each(|item| memo.scores[item as usize] = 0.0);
        memo.scores.resize(ask.n_items, 0.0);
        seen.clear();
        *knows = !visits.is_empty();
        let mut weight = 1.0;
        for visit in visits.iter().rev().take(self.settings.last) {
            if seen.insert(visit.item)
                && let Some(list) = self.lists.get(visit.item as usize)
            {
                for near in list.iter().filter(|near| (near.item as usize) < ask.n_items) {
                    let (score, more) = (&mut memo.scores[near.item as usize], weight * near.score);
                    if *score == 0.0 && more > 0.0 {
                        touched.push(near.item);
                    }
                    *score = if self.settings.best { score.max(more) } else { *score + more };
                }
            }
            weight *= self.settings.decay;
        }
        let mut best = Best::new(keep);
        for item in touched.iter().filter(|item| !ask.excluded.has(**item)) {
            best.push(*item, memo.scores[*item as usize]);
        }
        best.finish(out);
    }

    fn score(&self, ask: &Ask<'_>, items: &[u32], memo: &mut Memo, out: &mut [f32]) {
        let asked = kept::<Asked>(&mut memo.kept);
        let absent = if asked.knows { 0.0 } else { f32::NAN };
        if self.settings.exact {
            out.fill(absent);
            return self.score_exactly(ask, items, &mut asked.seen, out);
        }
        for (o, item) in out.iter_mut().zip(items) {
            let score = memo.scores.get(*item as usize).copied().unwrap_or(0.0);
            *o = if score > 0.0 { score } else { absent };
        }
    }

    fn fold(&mut self, happened: &Happened<'_>) {
        let item = happened.item;
        let largest = happened.history.iter().map(|v| v.item).fold(item, u32::max);
        self.reach(largest as usize + 1);
        if !self.pair(item, happened.history) {
            return;
        }
        let Self { counts, items, scratch, settings, .. } = self;
        items.n_events[item as usize] += 1.0;
        items.inverse_roots[item as usize] = items.n_events[item as usize].sqrt().recip();
        counts.add_to(item, &scratch.partners);
        let mut due = std::mem::take(&mut scratch.due);
        for (partner, _) in &scratch.partners {
            items.gather(*partner, 1, &mut due);
        }
        if !settings.directed {
            counts.add_from(item, &scratch.partners);
            items.gather(item, scratch.partners.len() as u64, &mut due);
        }
        due.drain(..).for_each(|item| self.refresh(item));
        self.scratch.due = due;
    }

    fn replica(&self) -> Box<dyn Source> {
        Box::new(Self::new(self.settings, Cooccurrence::default()))
    }
}

impl Items {
    /// Notes pairs of an item; puts it into `due` when its list is to be made anew.
    #[inline]
    fn gather(&mut self, item: u32, n: u64, due: &mut Vec<u32>) {
        let (pairs, next) = &mut self.pairs[item as usize];
        *pairs += n;
        if *pairs >= *next {
            *next = *pairs + (*pairs / REFRESH_SHARE).max(1);
            due.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Draws, ask_of, asked, asked_with, part, ranked, system, text, visits};
    use std::collections::BTreeMap;
    use tamis_spec::param::ParamValue;

    const N: usize = 40;

    fn settings() -> Settings {
        Settings {
            neighbours: 5,
            shrinkage: 2.0,
            last: usize::MAX,
            steps: None,
            directed: false,
            decay: 1.0,
            best: false,
            exact: false,
        }
    }

    /// The same by counting everything from the whole past whenever a list is due.
    #[derive(Default)]
    struct Naive {
        past: Vec<(u32, Vec<u32>)>,
        lists: BTreeMap<u32, Vec<Scored>>,
        pairs: BTreeMap<u32, (usize, usize)>,
    }

    impl Naive {
        fn counted(s: &Settings, item: u32, history: &[u32]) -> Option<Vec<(u32, f32)>> {
            let apart = history.iter().rev().enumerate().map(|(k, other)| (*other, 1.0 / (k + 1) as f32));
            match s.steps {
                Some(steps) => Some(apart.take(steps).filter(|(other, _)| *other != item).collect()),
                None if history.contains(&item) => None,
                None => {
                    let mut others = history.to_vec();
                    others.sort();
                    others.dedup();
                    Some(others.into_iter().map(|other| (other, 1.0)).collect())
                }
            }
        }

        fn fold(&mut self, s: &Settings, item: u32, history: &[u32]) {
            self.past.push((item, history.to_vec()));
            let Some(partners) = Self::counted(s, item, history) else { return };
            let mut gained: Vec<(u32, usize)> = partners.iter().map(|(other, _)| (*other, 1)).collect();
            if !s.directed {
                gained.push((item, partners.len()));
            }
            let mut due = Vec::new();
            for (gainer, n) in gained {
                let (pairs, next) = self.pairs.entry(gainer).or_insert((0, 1));
                *pairs += n;
                if *pairs >= *next {
                    *next = *pairs + (*pairs / REFRESH_SHARE as usize).max(1);
                    due.push(gainer);
                }
            }
            for gainer in due {
                let list = self.list(s, gainer);
                self.lists.insert(gainer, list);
            }
        }

        fn list(&self, s: &Settings, from: u32) -> Vec<Scored> {
            let (mut n_events, mut counts) = ([0.0f32; N], [0.0f32; N]);
            for (item, history) in &self.past {
                let Some(partners) = Self::counted(s, *item, history) else { continue };
                n_events[*item as usize] += 1.0;
                for (other, weight) in partners {
                    if other == from {
                        counts[*item as usize] += weight;
                    }
                    if !s.directed && *item == from {
                        counts[other as usize] += weight;
                    }
                }
            }
            let similar = |j: usize| match counts[j] {
                0.0 => f32::NEG_INFINITY,
                c => c / (n_events[from as usize] * n_events[j]).sqrt() * c / (c + s.shrinkage),
            };
            ranked(&(0..N).map(similar).collect::<Vec<_>>(), s.neighbours)
        }

        fn scores(&self, s: &Settings, history: &[u32]) -> Vec<f32> {
            let (mut scores, mut seen) = (vec![0.0; N], Vec::new());
            for (k, item) in history.iter().rev().take(s.last).enumerate() {
                if !seen.contains(item) {
                    seen.push(*item);
                    let now = s.exact.then(|| self.list(s, *item));
                    for near in now.as_ref().or(self.lists.get(item)).into_iter().flatten() {
                        let (score, more) = (&mut scores[near.item as usize], s.decay.powi(k as i32) * near.score);
                        *score = if s.best { more.max(*score) } else { *score + more };
                    }
                }
            }
            scores
        }
    }

    fn check_against_naive(s: Settings, counts: Cooccurrence) {
        let (mut source, mut naive, mut draws) = (Neighbours::new(s, counts), Naive::default(), Draws(11));
        let mut histories = vec![Vec::new(); 12];
        let mut memo = Memo::default();
        for _ in 0..600 {
            let user = draws.below(12) as usize;
            let item = draws.below(6) * draws.below(7);
            let past = visits(&histories[user]);
            source.fold(&Happened { user: user as u32, item, time: 9, history: &past });
            naive.fold(&s, item, &histories[user]);
            histories[user].push(item);
            let asker = draws.below(12) as usize;
            let (list, scores) =
                asked(&source, asker as u32, Answer::History(&visits(&histories[asker])), N, 7, &mut memo);
            if histories[asker].is_empty() {
                assert!(list.is_empty() && scores.iter().all(|s| s.is_nan()));
                continue;
            }
            let expected = naive.scores(&s, &histories[asker]);
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * b.abs();
            assert!(scores.iter().zip(&expected).all(near), "{s:?}\n{scores:?}\n{expected:?}");
            if s.exact {
                continue;
            }
            let positive: Vec<_> = scores.iter().map(|s| if *s > 0.0 { *s } else { f32::NAN }).collect();
            assert_eq!(list, ranked(&positive, 7));
        }
    }

    #[test]
    fn it_agrees_with_counting_the_whole_past() {
        for (steps, directed) in [(None, false), (None, true), (Some(3), false), (Some(3), true)] {
            for (last, decay, shrinkage) in [(usize::MAX, 1.0, 2.0), (4, 0.5, 0.0)] {
                // All that is similar is kept: which of two equally similar items is cut depends on the last bit.
                for (best, exact) in [(false, false), (true, false), (false, true), (true, true)] {
                    let s = Settings { steps, directed, last, decay, shrinkage, neighbours: N, best, exact };
                    check_against_naive(s, Cooccurrence::default());
                    check_against_naive(s, Cooccurrence::Sparse(Vec::new()));
                }
            }
        }
    }

    #[test]
    fn only_the_nearest_are_kept() {
        let mut source =
            Neighbours::new(Settings { neighbours: 2, shrinkage: 0.0, ..settings() }, Cooccurrence::default());
        for (user, items) in [[0, 1, 2, 3], [0, 1, 2, 4], [0, 1, 5, 6]].iter().enumerate() {
            for (k, item) in items.iter().enumerate() {
                source.fold(&Happened { user: user as u32, item: *item, time: 0, history: &visits(&items[..k]) });
            }
        }
        let (list, _) = asked(&source, 9, Answer::History(&visits(&[0])), 7, 9, &mut Memo::default());
        assert_eq!(list.iter().map(|s| s.item).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn what_is_excluded_is_scored_and_not_proposed() {
        let mut source = Neighbours::new(settings(), Cooccurrence::default());
        for k in 0..4 {
            source.fold(&Happened { user: 0, item: k as u32, time: 0, history: &visits(&[0, 1, 2][..k]) });
        }
        let (mut excluded, history) = (Mask::default(), visits(&[0]));
        excluded.insert(2);
        let answers = [Answer::History(&history)];
        let ask = ask_of(0, 4, &answers, &[], &excluded);
        let (list, scores) = asked_with(&source, &ask, 9, &mut Memo::default());
        assert_eq!(list.iter().map(|s| s.item).collect::<Vec<_>>(), [1, 3]);
        assert!(scores[2] > 0.0);
    }

    #[test]
    fn a_replica_starts_with_nothing_folded() {
        let mut source = Neighbours::new(settings(), Cooccurrence::default());
        source.fold(&Happened { user: 0, item: 0, time: 0, history: &[] });
        source.fold(&Happened { user: 0, item: 1, time: 1, history: &visits(&[0]) });
        let proposes = |s: &dyn Source| asked(s, 1, Answer::History(&visits(&[0])), 2, 9, &mut Memo::default()).0.len();
        assert_eq!((proposes(&source), proposes(&*source.replica())), (1, 0));
    }

    #[test]
    fn it_folds_its_event_and_needs_its_history() {
        let params = vec![("event", text("liked")), ("neighbours", ParamValue::Number(100.0))];
        let plan = KIND.it.plan(&part("neighbours", params), &system()).unwrap();
        assert_eq!((plan.needs, plan.folds), (vec![Need::History { event: 1 }], Some(1)));
        assert_eq!(plan.bytes.per_item, 4.0 * 4096.0 + 800.0);
        assert!(KIND.it.plan(&part("neighbours", vec![("event", text("visit"))]), &system()).is_err());
    }
}
