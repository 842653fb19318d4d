//! `popular`: what most people met, of all time or lately.

use crate::event;
use crate::source::{Error, FitAsk, Memo, Opened, Source, SourceKind, SourcePlan};
use crate::topk::Best;
use std::sync::Arc;
use tamis_spec::decision::{Answer, Ask, Happened, Need, Scored};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};

/// The entry of the registry.
pub const KIND: Kind<dyn SourceKind> = Kind {
    name: "popular",
    about: "Proposes the items with the most events, of all time or within a time span.",
    example: "[[candidates]]\nkind = \"popular\"\nevent = \"liked\"\nwithin = \"30d\"\nkeep = 100\n",
    params: &[
        Param {
            name: "event",
            ty: ParamType::Event,
            required: true,
            about: "The event that is counted; it joins a user and an item.",
        },
        Param {
            name: "within",
            ty: ParamType::Duration,
            required: false,
            about: "Only events at most so old count; by default all of them.",
        },
        Param {
            name: "half_life",
            ty: ParamType::Duration,
            required: false,
            about: "Events weigh half with every such span that passed; not beside `within`.",
        },
    ],
    it: &PopularKind,
};

struct PopularKind;

impl SourceKind for PopularKind {
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic> {
        let event = event::of_list(part, "event", system)?;
        let within_ms = part.params.duration_ms("within");
        let need = match part.params.duration_ms("half_life") {
            Some(_) if within_ms.is_some() => {
                let span = part.params.span("half_life").unwrap_or_else(|| part.span.clone());
                return Err(
                    Diagnostic::new(span, "`within` and `half_life` exclude each other").help("keep one of them")
                );
            }
            Some(half_life_ms) => Need::Fading { event, half_life_ms },
            None => Need::Counts { event, within_ms },
        };
        Ok(SourcePlan { needs: vec![need], ..SourcePlan::default() })
    }

    fn fit(&self, _: &Part, _: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn open(&self, _: &Part, _: &Arc<Vec<u8>>, _: &Opened<'_>) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(Popular))
    }
}

/// Counts as scores; items without events are not proposed.
struct Popular;

/// The count of an item as of now; none for one that was never met.
fn count(ask: &Ask<'_>, item: usize) -> Option<f32> {
    match ask.answers.first()? {
        Answer::Counts(counts) => counts.get(item).map(|c| *c as f32),
        Answer::Fading { sums, half_life_ms } => {
            let (sum, moment) = sums.get(item)?;
            Some((sum * (-((ask.now - moment) as f64) / *half_life_ms as f64).exp2()) as f32)
        }
        _ => None,
    }
}

impl Source for Popular {
    fn candidates(&self, ask: &Ask<'_>, keep: usize, _: &mut Memo, out: &mut Vec<Scored>) {
        let mut best = Best::new(keep);
        for item in 0..ask.n_items {
            let Some(count) = count(ask, item) else { break };
            if count > 0.0 && !ask.excluded.has(item as u32) {
                best.push(item as u32, count);
            }
        }
        best.finish(out);
    }

    fn score(&self, ask: &Ask<'_>, items: &[u32], _: &mut Memo, out: &mut [f32]) {
        out.iter_mut().zip(items).for_each(|(o, item)| *o = count(ask, *item as usize).unwrap_or(0.0));
    }

    fn fold(&mut self, _: &Happened<'_>) {}

    fn replica(&self) -> Box<dyn Source> {
        Box::new(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{ask_of, asked_with, part, system, text};
    use tamis_spec::mask::Mask;
    use tamis_spec::param::ParamValue;

    #[test]
    fn most_events_come_first_and_ties_go_to_the_smaller_index() {
        let mut excluded = Mask::default();
        excluded.insert(0);
        let check = |counts: &[f64], keep, expected: &[(u32, f32)]| {
            let answers = [Answer::Counts(counts)];
            let ask = ask_of(0, 6, &answers, &[], &excluded);
            let (list, scores) = asked_with(&Popular, &ask, keep, &mut Memo::default());
            assert_eq!(list.iter().map(|s| (s.item, s.score)).collect::<Vec<_>>(), expected);
            let padded = (0..6).map(|i| counts.get(i).map_or(0.0, |c| *c as f32)).collect::<Vec<_>>();
            assert_eq!(scores, padded);
        };
        check(&[9.0, 1.0, 3.0, 0.0, 3.0], 9, &[(2, 3.0), (4, 3.0), (1, 1.0)]);
        check(&[9.0, 1.0, 3.0, 0.0, 3.0], 2, &[(2, 3.0), (4, 3.0)]);
        check(&[], 2, &[]);
    }

    #[test]
    fn it_reads_the_counts_of_its_event_and_span() {
        let check = |params, within_ms| {
            let plan = KIND.it.plan(&part("popular", params), &system()).unwrap();
            assert_eq!(plan.needs, [Need::Counts { event: 1, within_ms }]);
            assert!(plan.folds.is_none() && plan.fit_key.is_none());
        };
        check(vec![("event", text("liked"))], None);
        check(vec![("event", text("liked")), ("within", ParamValue::DurationMs(500))], Some(500));
        assert!(KIND.it.plan(&part("popular", vec![("event", text("visit"))]), &system()).is_err());
    }
}
