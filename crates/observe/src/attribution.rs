//! Attribution: a fold over traces that says, of every part of a funnel, what came in, what came out, how long it took
//! and how many positives it lost.

use crate::histogram::Histogram;
use crate::report::{Named, nan_when_null};
use serde::{Deserialize, Serialize};

/// What sort of part it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// Proposes candidates, beside other sources.
    Source,
    /// Joins what the sources proposed.
    Merge,
    /// Scores candidates and keeps the best.
    Stage,
    /// Orders by policy.
    Rerank,
}

/// What one part did in one decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartSeen {
    /// Candidates that came in; for a source, those it could have proposed.
    pub n_in: u32,
    /// Candidates that went out.
    pub n_out: u32,
    /// Whether the positive is among those that went out.
    pub has_positive: bool,
    /// Time spent; longer than 4.29 s is given as `u32::MAX`.
    pub nanos: u32,
}

/// What one part did over all decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartCount {
    /// As the system file names it.
    pub name: String,
    /// What sort of part it is.
    pub kind: PartKind,
    /// Mean number of candidates that came in.
    #[serde(rename = "in", deserialize_with = "nan_when_null")]
    pub n_in: f64,
    /// Mean number of candidates that went out.
    #[serde(rename = "out", deserialize_with = "nan_when_null")]
    pub n_out: f64,
    /// Share of decisions whose positive is among those that went out.
    #[serde(deserialize_with = "nan_when_null")]
    pub recall: f64,
    /// Positives that came in and did not go out. A source loses none, since another may propose what it does not: what no
    /// source proposed is lost by the part that follows the sources.
    pub lost: u64,
    /// Median time, to 1.6 %.
    pub latency_us_p50: f64,
    /// Time that 99 % of decisions do not exceed, to 1.6 %.
    pub latency_us_p99: f64,
}

/// How long whole decisions took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median, to 1.6 %.
    pub us_p50: f64,
    /// What 99 % of decisions do not exceed, to 1.6 %.
    pub us_p99: f64,
}

/// Traces, folded. What is lost by all parts and what went out of the last one add up to all decisions.
#[derive(Clone, Debug, Default)]
pub struct Funnel {
    parts: Vec<Part>,
    whole: Histogram,
    n_decisions: u64,
}

#[derive(Clone, Debug)]
struct Part {
    name: String,
    kind: PartKind,
    n_in: u64,
    n_out: u64,
    with_positive: u64,
    lost: u64,
    latency: Histogram,
}

impl Funnel {
    /// No decisions yet, of a funnel of these parts in order: sources, merge, stages, re-ranking.
    pub fn new(parts: impl IntoIterator<Item = (String, PartKind)>) -> Self {
        let part = |(name, kind)| Part {
            name,
            kind,
            n_in: 0,
            n_out: 0,
            with_positive: 0,
            lost: 0,
            latency: Histogram::default(),
        };
        Self { parts: parts.into_iter().map(part).collect(), whole: Histogram::default(), n_decisions: 0 }
    }

    /// Takes in how long a whole decision took: its parts and what is between them, ns.
    pub fn took(&mut self, nanos: u32) {
        self.whole.add(nanos);
    }

    /// How long whole decisions took.
    pub fn latency(&self) -> Latency {
        let us = |q| self.whole.quantile(q) / 1000.0;
        Latency { us_p50: us(0.5), us_p99: us(0.99) }
    }

    /// Takes in one decision: what each part did, in the order of the parts, one for each.
    pub fn decision(&mut self, parts: &[PartSeen]) {
        assert_eq!(parts.len(), self.parts.len(), "a trace has an entry for every part");
        let mut alive = true;
        for (part, seen) in self.parts.iter_mut().zip(parts) {
            part.n_in += u64::from(seen.n_in);
            part.n_out += u64::from(seen.n_out);
            part.with_positive += u64::from(seen.has_positive);
            part.latency.add(seen.nanos);
            if part.kind != PartKind::Source {
                part.lost += u64::from(alive && !seen.has_positive);
                alive = seen.has_positive;
            }
        }
        self.n_decisions += 1;
    }

    /// Takes in all that another has folded, of a funnel of the same parts.
    pub fn merge(&mut self, other: &Self) {
        self.whole.merge(&other.whole);
        assert_eq!(self.parts.len(), other.parts.len(), "funnels that are merged have the same parts");
        for (part, more) in self.parts.iter_mut().zip(&other.parts) {
            part.n_in += more.n_in;
            part.n_out += more.n_out;
            part.with_positive += more.with_positive;
            part.lost += more.lost;
            part.latency.merge(&more.latency);
        }
        self.n_decisions += other.n_decisions;
    }

    /// How many decisions were taken in.
    pub fn n_decisions(&self) -> u64 {
        self.n_decisions
    }

    /// What each part did, in order; means are NaN when there are no decisions.
    pub fn counts(&self) -> Vec<PartCount> {
        let share = |n: u64| n as f64 / self.n_decisions as f64;
        let count = |p: &Part| PartCount {
            name: p.name.clone(),
            kind: p.kind,
            n_in: share(p.n_in),
            n_out: share(p.n_out),
            recall: share(p.with_positive),
            lost: p.lost,
            latency_us_p50: p.latency.quantile(0.5) / 1000.0,
            latency_us_p99: p.latency.quantile(0.99) / 1000.0,
        };
        self.parts.iter().map(count).collect()
    }

    /// How many positives each part lost; sources, which lose none, are left out.
    pub fn lost(&self) -> Named<u64> {
        let parts = self.parts.iter().filter(|p| p.kind != PartKind::Source);
        Named(parts.map(|p| (p.name.clone(), p.lost)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn funnel() -> Funnel {
        let parts = [
            ("ease", PartKind::Source),
            ("popular", PartKind::Source),
            ("merge", PartKind::Merge),
            ("logistic", PartKind::Stage),
            ("limit", PartKind::Rerank),
        ];
        Funnel::new(parts.map(|(name, kind)| (name.to_owned(), kind)))
    }

    /// One letter a part: `+` when the positive went out.
    fn seen(trace: &str, nanos: u32) -> Vec<PartSeen> {
        let sizes = [(900, 300), (900, 100), (400, 350), (350, 50), (50, 20)];
        let part = |((n_in, n_out), c)| PartSeen { n_in, n_out, has_positive: c == '+', nanos };
        sizes.into_iter().zip(trace.chars()).map(part).collect()
    }

    #[test]
    fn a_lost_positive_is_attributed_to_the_part_that_lost_it() {
        let check = |trace: &str, expected: &[(&str, u64)]| {
            let mut funnel = funnel();
            funnel.decision(&seen(trace, 1000));
            let lost: Vec<_> = funnel.lost().0.into_iter().filter(|(_, n)| *n > 0).collect();
            let expected: Vec<_> = expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
            assert_eq!(lost, expected, "{trace}");
        };
        check("+++++", &[]);
        check("-++++", &[]);
        check("-----", &[("merge", 1)]);
        check("++---", &[("merge", 1)]);
        check("+-+--", &[("logistic", 1)]);
        check("+-++-", &[("limit", 1)]);
    }

    #[test]
    fn what_is_lost_and_what_is_delivered_add_up_to_all_decisions() {
        let mut funnel = funnel();
        for (i, trace) in ["+++++", "-++++", "-----", "+-+--", "+-++-", "+++++"].iter().enumerate() {
            funnel.decision(&seen(trace, 1000 * (i as u32 + 1)));
        }
        let counts = funnel.counts();
        let delivered = (counts[4].recall * 6.0).round() as u64;
        assert_eq!(funnel.lost().0.iter().map(|(_, n)| n).sum::<u64>() + delivered, funnel.n_decisions());
        assert_eq!((counts[0].recall, counts[1].recall), (4.0 / 6.0, 0.5));
        assert_eq!((counts[2].n_in, counts[2].n_out), (400.0, 350.0));
        assert!((counts[3].latency_us_p50 - 3.0).abs() < 0.05 && (counts[3].latency_us_p99 - 6.0).abs() < 0.1);
    }

    #[test]
    fn folding_in_two_halves_gives_the_same_counts() {
        let traces = ["+++++", "-----", "+-+--", "+-++-"];
        let fold = |traces: &[&str]| {
            let mut funnel = funnel();
            traces.iter().enumerate().for_each(|(i, t)| funnel.decision(&seen(t, 500 * i as u32)));
            funnel
        };
        let mut halves = fold(&traces[..2]);
        let mut rest = funnel();
        traces[2..].iter().enumerate().for_each(|(i, t)| rest.decision(&seen(t, 500 * (i as u32 + 2))));
        halves.merge(&rest);
        assert_eq!(halves.counts(), fold(&traces).counts());
    }
}
