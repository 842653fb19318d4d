//! What is measured of one decision, under either protocol: where in the whole catalogue the right item stands, or how well a list
//! that was shown is ordered.

use crate::data::Data;
use crate::decisions::{Decision, Decisions};
use tamis_funnel::Plan;
use tamis_observe::metrics::{RECALL_AT, auc, average_precision, mrr_at, ndcg, single_relevant};
use tamis_spec::decision::by_key;

/// Gain of a grade in graded NDCG (Burges et al. 2005).
fn gain(grade: f32) -> f32 {
    grade.exp2() - 1.0
}

/// Names and values of what is measured.
pub struct Yardstick<'d> {
    decisions: &'d Decisions,
    /// In the order of the values.
    pub names: Vec<String>,
    /// Counter-outcomes, by their place in [`Decisions::against`].
    n_against: usize,
    graded: bool,
    /// Of lists: the place of every item in the order of keys.
    places: Vec<u32>,
}

/// Lists are judged to this depth for what should not have been shown.
const AGAINST_AT: usize = 10;

impl<'d> Yardstick<'d> {
    /// For these decisions.
    pub fn new(plan: &Plan, data: &Data, decisions: &'d Decisions) -> Self {
        let label = &plan.system.label;
        let grades = &label.grades;
        let graded = !decisions.lists
            && !decisions.sought
            && grades.iter().any(|g| g.grade != 1.0 || g.outcome.amount.is_some());
        let mut names: Vec<String> = if decisions.sought {
            RECALL_AT
                .iter()
                .map(|k| format!("recall@{k}"))
                .chain(["ndcg@10", "mrr@10", "map"].map(String::from))
                .collect()
        } else if decisions.lists {
            ["auc", "mrr", "ndcg@1", "ndcg@5", "ndcg@10", "map"].map(String::from).to_vec()
        } else {
            single_relevant(&[]).into_iter().map(|(name, _)| name).collect()
        };
        names.extend(graded.then(|| "graded_ndcg@10".to_string()));
        if decisions.lists {
            names.extend(label.against.iter().map(|(name, _)| format!("{}@{AGAINST_AT}", name.value)));
        }
        let places = if decisions.lists { in_order_of_keys(plan, data) } else { Vec::new() };
        Self { decisions, names, n_against: label.against.len(), graded, places }
    }

    /// The items of a decision that are right, and their grades.
    pub fn right(&self, decision: &Decision) -> Vec<(u32, f32)> {
        let all = self.decisions.items(decision).iter().zip(self.decisions.grades(decision));
        all.filter(|(_, grade)| **grade > 0.0).map(|(item, grade)| (*item, *grade)).collect()
    }

    /// How many values there are.
    pub fn width(&self) -> usize {
        self.names.len()
    }

    /// Of a decision whose right item stands at `rank` in the catalogue; none when it was not retrieved.
    pub fn of_rank(&self, decision: &Decision, rank: Option<u32>, out: &mut Vec<f32>) {
        let columns = single_relevant(&[rank]);
        out.extend(columns.iter().map(|(_, values)| values[0]));
        if self.graded {
            // Gains are divided by their mean over decisions at the end, which makes the mean a ratio of sums.
            let grade = self.decisions.grades(decision).first().copied().unwrap_or(0.0);
            let at = rank.filter(|r| *r <= 10).map_or(0.0, |r| 1.0 / (1.0 + r as f32).log2());
            out.push(gain(grade) * at);
        }
    }

    /// Of a decision for which several items are right: `ranks` says of each where it stands in the catalogue, none when it was not
    /// retrieved, and its grade. Recall and MAP count every grade above 0.
    pub fn of_ranks(&self, ranks: &[(Option<u32>, f32)], out: &mut Vec<f32>) {
        let n = ranks.len() as f64;
        let mut found: Vec<(u32, f64)> = ranks.iter().filter_map(|(r, g)| Some(((*r)?, f64::from(*g)))).collect();
        found.sort_unstable_by_key(|(rank, _)| *rank);
        let within = |k: u32| found.iter().filter(|(rank, _)| *rank <= k).count() as f64;
        out.extend(RECALL_AT.iter().map(|k| (within(*k) / n) as f32));
        let gained = found.iter().take_while(|(rank, _)| *rank <= 10).map(|(rank, grade)| (*rank as usize, *grade));
        let mut first_ten = [0.0; 10];
        gained.for_each(|(rank, grade)| first_ten[rank - 1] = grade);
        let ideal: Vec<f64> = ranks.iter().map(|(_, grade)| f64::from(*grade)).collect();
        out.push(ndcg(&first_ten, 10, Some(&ideal)) as f32);
        out.push(if ranks.is_empty() { f32::NAN } else { mrr_at(found.first().map(|(rank, _)| *rank), 10) as f32 });
        let precisions = found.iter().enumerate().map(|(i, (rank, _))| (i + 1) as f64 / f64::from(*rank));
        out.push((precisions.sum::<f64>() / n) as f32);
    }

    /// Of a list whose items have these scores; NaN is worst. Equal scores are ordered by key, never as the files list them: a file may
    /// list the right ones first.
    pub fn of_list(&self, decision: &Decision, items: &[u32], scores: &[f32], out: &mut Vec<f32>) {
        let shown = self.decisions.items(decision);
        let place = |item: u32| decision.start as usize + shown.iter().position(|i| *i == item).unwrap_or(0);
        let score = |s: f32| if s.is_nan() { f64::NEG_INFINITY } else { f64::from(s) };
        let scores: Vec<f64> = scores.iter().map(|s| score(*s)).collect();
        let grades: Vec<f64> = items.iter().map(|i| f64::from(self.decisions.grades[place(*i)])).collect();
        let labels: Vec<f64> = grades.iter().map(|g| f64::from(u8::from(*g > 0.0))).collect();
        let mut order: Vec<usize> = (0..items.len()).collect();
        let key = |i: &usize| self.places.get(items[*i] as usize);
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then_with(|| key(a).cmp(&key(b))));
        let ranked: Vec<f64> = order.iter().map(|i| grades[*i]).collect();
        let right: Vec<usize> = ranked.iter().enumerate().filter(|(_, g)| **g > 0.0).map(|(r, _)| r + 1).collect();
        let mrr = right.iter().map(|r| 1.0 / *r as f64).sum::<f64>() / right.len() as f64;
        out.push(auc(&labels, &scores, None) as f32);
        out.push(mrr as f32);
        out.extend([1, 5, 10].map(|k| ndcg(&ranked, k, None) as f32));
        out.push(average_precision(&ranked, None) as f32);
        for against in &self.decisions.against[..self.n_against] {
            let met = order.iter().take(AGAINST_AT).filter(|i| against[place(items[**i])]).count();
            out.push(met as f32);
        }
    }

    /// Rows of values, one for each decision, as named columns.
    pub fn columns(&self, rows: &[f32], of: &[Decision]) -> Vec<(String, Vec<f32>)> {
        let width = self.width().max(1);
        let column = |c: usize| rows.iter().skip(c).step_by(width).copied().collect::<Vec<f32>>();
        let mut out: Vec<_> = self.names.iter().cloned().enumerate().map(|(c, name)| (name, column(c))).collect();
        if self.graded
            && let Some((_, values)) = out.iter_mut().find(|(name, _)| name == "graded_ndcg@10")
        {
            let gains = of.iter().map(|d| gain(self.decisions.grades(d).first().copied().unwrap_or(0.0)));
            let mean = gains.sum::<f32>() / of.len().max(1) as f32;
            values.iter_mut().for_each(|v| *v /= mean);
        }
        out
    }
}

/// By item: its place among all in the order of keys.
fn in_order_of_keys(plan: &Plan, data: &Data) -> Vec<u32> {
    let keys = &data.actors.tables[plan.system.decision.item].keys;
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_by(|a, b| by_key(keys.name(*a), keys.name(*b)));
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, item)| places[*item as usize] = place as u32);
    places
}
