//! Decisions of the past: what was shown or chosen, and what followed.

use crate::data::Data;
use std::collections::{HashMap, HashSet};
use tamis_features::State;
use tamis_features::plan::{Moment, Reader};
use tamis_features::state::{Buffers, fold};
use tamis_funnel::{Plan, Request};
use tamis_observe::raters::{Agreement, Rating, agreement, dawid_skene};
use tamis_spec::MISSING;
use tamis_spec::actors::Field;
use tamis_spec::events::EventRows;

/// One decision: at a moment, for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// ms; the past is what became known before.
    pub now: i64,
    /// Dense index.
    pub user: u32,
    /// The row of the decision's event, the first of a list, that says what was asked.
    pub row: u32,
    /// Where its items begin in [`Decisions`].
    pub start: u32,
    /// How many there are.
    pub len: u32,
}

/// Decisions, in the order of the log, and their items.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// All of them.
    pub all: Vec<Decision>,
    /// Items by decision, dense indices: with `each` the one that turned out right, of a list all that were shown, each once.
    pub items: Vec<u32>,
    /// The rows of the decision's event that they stand in, the first of each.
    pub rows: Vec<u32>,
    /// Their grades: above 0 is right.
    pub grades: Vec<f32>,
    /// By outcome of `[label] against`: whether the item had it.
    pub against: Vec<Vec<bool>>,
    /// By place in its list, from 1; none where positions were not logged.
    pub positions: Vec<f32>,
    /// Whether these are lists that were shown, and are ordered anew.
    pub lists: bool,
    /// Whether these are lists of what should be found among all.
    pub sought: bool,
    /// What was found while they were made.
    pub counts: Counts,
    /// How far those agree who judged, where the label names raters.
    pub agreement: Option<Agreement>,
}

/// What was found while decisions were made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Rows that name no user or no item.
    pub incomplete: u64,
    /// Rows that repeat an item of their list.
    pub repeated: u64,
    /// By outcome of the label, those against behind: how often it happened.
    pub outcomes: Vec<u64>,
    /// Of these, how many followed no decision.
    pub unattributed: Vec<u64>,
    /// Of those, how many were of an item that this user had been shown, too long before or in another list.
    pub late: Vec<u64>,
}

impl Decisions {
    /// The items of a decision.
    pub fn items(&self, of: &Decision) -> &[u32] {
        &self.items[range(of)]
    }

    /// Their grades.
    pub fn grades(&self, of: &Decision) -> &[f32] {
        &self.grades[range(of)]
    }

    /// Where its items stood, from 1; NaN where that was not logged.
    pub fn positions(&self, of: &Decision) -> &[f32] {
        &self.positions[range(of)]
    }

    /// The decision as it was asked for: a list is ordered anew, an occurrence is sought in the whole catalogue.
    pub fn request<'a>(&'a self, plan: &Plan, data: &'a Data, of: &Decision) -> Request<'a> {
        let rows = &data.events.kinds[plan.system.base(plan.system.decision.event)];
        Request {
            now: of.now,
            user: of.user,
            limit: usize::MAX,
            given: self.lists.then(|| self.items(of)),
            rows: if plan.system.decision.given.is_empty() { &[] } else { &self.rows[range(of)] },
            newcomers: &[],
            positions: None,
            asked: Some((rows, of.row as usize)),
            budget_ns: u64::MAX,
        }
    }

    /// The item that turned out best; the first of them.
    pub fn best(&self, of: &Decision) -> u32 {
        let grades = self.grades(of);
        let best = (1..grades.len()).fold(0, |best, i| if grades[i] > grades[best] { i } else { best });
        self.items(of).get(best).copied().unwrap_or(MISSING)
    }
}

fn range(of: &Decision) -> std::ops::Range<usize> {
    of.start as usize..(of.start + of.len) as usize
}

/// All decisions that fulfil `[decision] where`, with what followed.
pub fn decisions(plan: &Plan, data: &Data) -> Decisions {
    let mut out = if plan.system.decision.lists.is_some() { listed(plan, data) } else { chosen(plan, data) };
    grade(plan, data, &mut out);
    if plan.features.condition.is_some() {
        let all = std::mem::take(&mut out.all);
        out.all = fulfilled(plan, data, &out, all);
    }
    out
}

/// A row of the decision's event, whom it is for, and its item.
type Shown = (u32, u32, u32);

/// The rows of the decision's event that count, in order.
fn rows<'d>(plan: &Plan, data: &'d Data) -> (&'d EventRows, Vec<Shown>) {
    let system = &plan.system;
    let base = system.base(system.decision.event);
    let columns = &data.events.kinds[base];
    let user = system.user_role(base).expect("the reader checked the decision's roles");
    let item = system.item_role(base).expect("the reader checked the decision's roles");
    let rows = plan.features.occurrences(system.decision.event, base, &data.actors, &data.events);
    let named = |row: u32| (row, columns.actors[user][row as usize], columns.actors[item][row as usize]);
    (columns, rows.into_iter().map(named).collect())
}

/// Every occurrence was a decision.
fn chosen(plan: &Plan, data: &Data) -> Decisions {
    let (columns, rows) = rows(plan, data);
    let mut out = Decisions::default();
    for (row, user, item) in rows {
        if user == MISSING || item == MISSING {
            out.counts.incomplete += 1;
            continue;
        }
        let start = out.items.len() as u32;
        out.all.push(Decision { now: columns.known[row as usize], user, row, start, len: 1 });
        out.items.push(item);
        out.rows.push(row);
        out.grades.push(1.0);
        out.positions.push(f32::NAN);
    }
    out
}

/// Items with their positions and rows.
type List = Vec<(u32, f32, u32)>;

/// Rows make lists: those with one id and for one user, else those of one moment and for one user.
fn listed(plan: &Plan, data: &Data) -> Decisions {
    let (columns, rows) = rows(plan, data);
    let spec = plan.system.decision.lists.expect("only lists are listed");
    let mut out = Decisions { lists: !spec.retrieve, sought: spec.retrieve, ..Decisions::default() };
    let mut places: HashMap<(u64, u32), usize> = HashMap::new();
    // Its first row, the user, items.
    let mut lists: Vec<(u32, u32, List)> = Vec::new();
    for (row, user, item) in rows {
        if user == MISSING || item == MISSING {
            out.counts.incomplete += 1;
            continue;
        }
        let id = match spec.id {
            Some(field) => list_id(&columns.fields[field], row),
            None => columns.known[row as usize] as u64,
        };
        let place = *places.entry((id, user)).or_insert_with(|| {
            lists.push((row, user, Vec::new()));
            lists.len() - 1
        });
        let is_judged = plan.system.label.raters.is_some();
        let position = spec.position.map_or(f32::NAN, |f| number(&columns.fields[f], row));
        let list = &mut lists[place].2;
        if list.iter().any(|(known, _, _)| *known == item) {
            out.counts.repeated += u64::from(!is_judged);
        } else {
            list.push((item, position, row));
        }
    }
    for (row, user, list) in lists {
        let (start, len) = (out.items.len() as u32, list.len() as u32);
        out.all.push(Decision { now: columns.known[row as usize], user, row, start, len });
        out.items.extend(list.iter().map(|(item, _, _)| item));
        out.positions.extend(list.iter().map(|(_, position, _)| position));
        out.rows.extend(list.iter().map(|(_, _, row)| row));
    }
    out.grades.resize(out.items.len(), 0.0);
    out
}

/// A list's id as a number: equal ids, equal numbers.
fn list_id(field: &Field, row: u32) -> u64 {
    use std::hash::BuildHasher;
    let row = row as usize;
    match field {
        Field::Ids(v) => u64::from(v[row]),
        Field::Numbers(v) => u64::from(v[row].to_bits()),
        Field::Times(v) => v[row] as u64,
        other => rustc_hash::FxBuildHasher.hash_one(other.text(row as u32)),
    }
}

fn number(field: &Field, row: u32) -> f32 {
    if let Field::Numbers(v) = field { v[row as usize] } else { f32::NAN }
}

/// Where outcomes look for the decision they followed.
struct Places<'d> {
    out: &'d Decisions,
    /// By row of the decision's event that its items stand in: the item's place.
    by_row: HashMap<u32, u32>,
    /// By list id, user and item.
    by_list: HashMap<(u64, u32, u32), u32>,
    /// By user and item, oldest first: the moment and the place.
    by_pair: HashMap<(u32, u32), Vec<(i64, u32)>>,
}

impl<'d> Places<'d> {
    fn new(plan: &Plan, data: &Data, out: &'d Decisions) -> Self {
        let mut to = Self { out, by_row: HashMap::new(), by_list: HashMap::new(), by_pair: HashMap::new() };
        for decision in &out.all {
            for (k, item) in out.items(decision).iter().enumerate() {
                let place = decision.start + k as u32;
                to.by_pair.entry((decision.user, *item)).or_default().push((decision.now, place));
            }
        }
        to.rows_of_lists(plan, data);
        to
    }

    /// Which place each row of the decision's event stands for.
    fn rows_of_lists(&mut self, plan: &Plan, data: &Data) {
        let (columns, rows) = rows(plan, data);
        let Some(spec) = plan.system.decision.lists else {
            self.by_row.extend(self.out.all.iter().map(|d| (d.row, d.start)));
            return;
        };
        let id = |row: u32| match spec.id {
            Some(field) => list_id(&columns.fields[field], row),
            None => columns.known[row as usize] as u64,
        };
        for decision in &self.out.all {
            let id = id(decision.row);
            for (k, item) in self.out.items(decision).iter().enumerate() {
                self.by_list.insert((id, decision.user, *item), decision.start + k as u32);
            }
        }
        for (row, user, item) in rows {
            if let Some(place) = self.by_list.get(&(id(row), user, item)) {
                self.by_row.insert(row, *place);
            }
        }
    }

    /// The latest decision with that item for that user at `time` or within the span before it.
    fn before(&self, user: u32, item: u32, time: i64, within_ms: i64) -> Option<u32> {
        let shown = self.by_pair.get(&(user, item))?;
        let at = shown.partition_point(|(now, _)| *now <= time);
        let (now, place) = *shown.get(at.checked_sub(1)?)?;
        (time - now <= within_ms).then_some(place)
    }
}

/// Gives every item the highest grade among its outcomes, or the sum of an amount, and notes what should not have followed.
fn grade(plan: &Plan, data: &Data, out: &mut Decisions) {
    let label = &plan.system.label;
    let n_grades = label.grades.len();
    let mut grades = std::mem::take(&mut out.grades);
    if label.grades.iter().any(|g| g.outcome.amount.is_some()) {
        // Where amounts are summed, what was chosen counts for as much as followed, and for nothing by itself.
        grades.fill(0.0);
    }
    let mut against = vec![vec![false; out.items.len()]; label.against.len()];
    let places = Places::new(plan, data, out);
    let merged = label.raters.map(|raters| merged(plan, data, &places, raters));
    let specs = label.grades.iter().map(|g| (g.grade, &g.outcome)).chain(label.against.iter().map(|(_, o)| (0.0, o)));
    let (mut counts, mut unattributed, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for (o, (grade, spec)) in specs.enumerate() {
        let (mut n, mut lost, mut met) = (0, 0, 0);
        for (place, amount, shown) in attributed(plan, data, &places, o, spec.within_ms) {
            n += 1;
            match place {
                None => {
                    lost += 1;
                    met += u64::from(shown);
                }
                Some(place) if o >= n_grades => against[o - n_grades][place as usize] = true,
                Some(place) if spec.amount.is_some() => grades[place as usize] += amount,
                Some(place) => grades[place as usize] = grades[place as usize].max(grade as f32),
            }
        }
        counts.push(n);
        unattributed.push(lost);
        late.push(met);
    }
    if let Some((merged, agreement)) = merged {
        grades = merged;
        out.agreement = Some(agreement);
    }
    (out.grades, out.against) = (grades, against);
    (out.counts.outcomes, out.counts.unattributed, out.counts.late) = (counts, unattributed, late);
}

/// What several raters say of every item together, the likeliest grade; and how far they agree.
fn merged(plan: &Plan, data: &Data, places: &Places<'_>, raters: usize) -> (Vec<f32>, Agreement) {
    let system = &plan.system;
    let base = system.base(system.decision.event);
    let names = &data.events.kinds[base].fields[raters];
    let (mut values, mut known): (Vec<f32>, HashMap<u64, u32>) = (Vec::new(), HashMap::new());
    let mut said: Vec<(u32, u32, f32)> = Vec::new();
    for (row, grade) in plan.features.happened(0, base, &data.actors, &data.events) {
        let Some(place) = places.by_row.get(&row) else { continue };
        let n = known.len() as u32;
        let rater = *known.entry(list_id(names, row)).or_insert(n);
        said.push((*place, rater, grade));
        values.push(grade);
    }
    values.sort_unstable_by(f32::total_cmp);
    values.dedup();
    let class = |grade: f32| values.partition_point(|v| v.total_cmp(&grade).is_lt()) as u32;
    let ratings: Vec<Rating> =
        said.into_iter().map(|(item, rater, grade)| Rating { item, rater, class: class(grade) }).collect();
    let chances = dawid_skene(&ratings, places.out.items.len(), values.len().max(1));
    let judged: HashSet<u32> = ratings.iter().map(|r| r.item).collect();
    // What nobody judged is not good; of equally likely grades the lower counts.
    let likeliest = |(item, row): (usize, &[f64])| {
        let best = (1..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
        if judged.contains(&(item as u32)) { values[best] } else { 0.0 }
    };
    let grades = chances.chunks_exact(values.len().max(1)).enumerate().map(likeliest).collect();
    (grades, agreement(&ratings, values.len().max(1)))
}

/// For every occurrence of an outcome: the item it is attributed to, how much it was, and whether the user had been shown it. By its own row where it is the decision's
/// own event, else by the list's id where it has one, else to the latest decision within the span.
fn attributed(
    plan: &Plan,
    data: &Data,
    places: &Places<'_>,
    outcome: usize,
    within_ms: Option<i64>,
) -> Vec<(Option<u32>, f32, bool)> {
    let system = &plan.system;
    let event = plan.features.outcomes[outcome].event;
    let base = system.base(event);
    let own = base == system.base(system.decision.event);
    let columns = &data.events.kinds[base];
    let roles = (system.user_role(base), system.item_role(base));
    let (Some(user), Some(item)) = roles else { return Vec::new() };
    let name = |spec: tamis_spec::system::ListsSpec| {
        spec.id.map(|id| &system.event_fields(system.decision.event)[id].name.value)
    };
    let list = system.decision.lists.and_then(name);
    let list = list.and_then(|list| system.event_fields(base).iter().position(|f| f.name.value == *list));
    let place = |row: u32| {
        let at = row as usize;
        let (user, item, time) = (columns.actors[user][at], columns.actors[item][at], columns.known[at]);
        let in_time = |place: &u32| {
            let of = places.out.all.partition_point(|d| d.start <= *place) - 1;
            within_ms.is_none_or(|ms| time - places.out.all[of].now <= ms)
        };
        if own && within_ms.is_none() {
            return places.by_row.get(&row).copied();
        }
        match (list, within_ms) {
            (Some(list), _) if !own => {
                let id = list_id(&columns.fields[list], row);
                places.by_list.get(&(id, user, item)).copied().filter(in_time)
            }
            (_, Some(within_ms)) => places.before(user, item, time, within_ms),
            (_, None) => None,
        }
    };
    let happened = plan.features.happened(outcome, base, &data.actors, &data.events);
    let shown = |row: u32| {
        let (row, key) = (row as usize, |role: usize, row: usize| columns.actors[role][row]);
        let shown = places.by_pair.get(&(key(user, row), key(item, row)));
        shown.is_some_and(|s| s.first().is_some_and(|(now, _)| *now <= columns.known[row]))
    };
    happened.into_iter().map(|(row, amount)| (place(row), amount, shown(row))).collect()
}

/// Those for which the condition holds at their moment: a replay of the cells alone.
fn fulfilled(plan: &Plan, data: &Data, of: &Decisions, all: Vec<Decision>) -> Vec<Decision> {
    let mut state = State::new(&plan.features.cells);
    let (mut buffers, mut reader) = (Buffers::default(), Reader::default());
    let mut next = vec![0usize; data.events.kinds.len()];
    let mut order = data.events.order.iter().peekable();
    let asked = &data.events.kinds[plan.system.base(plan.system.decision.event)];
    let mut out = Vec::new();
    for d in all {
        while let Some(event) = order.peek().map(|e| **e as usize) {
            let known = &data.events.kinds[event].known;
            let start = next[event];
            let mut end = start;
            while order.peek().is_some_and(|e| **e as usize == event) && known[end] < d.now {
                order.next();
                end += 1;
            }
            if end == start {
                break;
            }
            fold(
                &plan.features.cells,
                &data.actors,
                &mut state,
                (&data.events, event, start..end),
                &mut buffers,
                &mut |_, _, _, _| {},
            );
            next[event] = end;
        }
        state.advance(&plan.features.cells, &data.actors, d.now);
        let moment = Moment {
            now: d.now,
            user: d.user,
            items: if of.lists { &[] } else { of.items(&d) },
            actors: &data.actors,
            state: &state,
            source_scores: None,
            source_ranks: None,
            stage_scores: &[],
            user_vectors: &[],
            item_vectors: &[],
            encoders: &[],
            positions: &[],
            came: Default::default(),
            request: Some((asked, d.row as usize)),
        };
        if plan.features.counts(&moment, &mut reader) {
            out.push(d);
        }
    }
    out
}
