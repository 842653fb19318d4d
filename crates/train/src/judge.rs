//! What is measured of one decision, under either protocol: where in the whole catalogue the right item stands, or how well a list
//! that was shown is ordered.

use crate::data::Data;
use crate::decisions::{Decision, Decisions};
use tamis_funnel::Plan;
use tamis_observe::metrics::{auc, average_precision, ndcg, single_relevant};
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
        let graded = !decisions.lists && grades.iter().any(|g| g.grade != 1.0 || g.outcome.amount.is_some());
        let mut names: Vec<String> = if decisions.lists {
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
