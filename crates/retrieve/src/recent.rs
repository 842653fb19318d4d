//! `recent`: what is newest, or happened last.

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
    name: "recent",
    about: "Proposes the items whose first or last event was latest.",
    example: "[[candidates]]\nkind = \"recent\"\nevent = \"liked\"\nof = \"first\"\nwithin = \"30d\"\nkeep = 100\n",
    params: &[
        Param {
            name: "event",
            ty: ParamType::Event,
            required: true,
            about: "The event whose moment counts; it joins a user and an item.",
        },
        Param {
            name: "of",
            ty: ParamType::Choice(&["first", "last"]),
            required: false,
            about: "Which of an item's events: the last by default; the first makes new items come first.",
        },
        Param {
            name: "within",
            ty: ParamType::Duration,
            required: false,
            about: "Only moments at most so long ago; by default all of them.",
        },
    ],
    it: &RecentKind,
};

struct RecentKind;

impl SourceKind for RecentKind {
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic> {
        let event = event::of_list(part, "event", system)?;
        let first = part.params.text("of") == Some("first");
        Ok(SourcePlan { needs: vec![Need::Moments { event, first }], ..SourcePlan::default() })
    }

    fn fit(&self, _: &Part, _: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn open(&self, part: &Part, _: &Arc<Vec<u8>>, _: &Opened<'_>) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(Recent { within_ms: part.params.duration_ms("within").unwrap_or(i64::MAX) }))
    }
}

/// Minus the hours since as scores; items without a moment, or with one too long ago, are not proposed.
struct Recent {
    within_ms: i64,
}

impl Recent {
    fn score_of(&self, moments: &[i64], item: u32, now: i64) -> Option<f32> {
        let moment = moments.get(item as usize).copied().filter(|t| *t != i64::MIN)?;
        let age = now.saturating_sub(moment);
        (age <= self.within_ms).then_some((-age as f64 / 3.6e6) as f32)
    }
}

fn moments<'a>(ask: &Ask<'a>) -> &'a [i64] {
    ask.answers.first().map_or(&[], Answer::moments)
}

impl Source for Recent {
    fn candidates(&self, ask: &Ask<'_>, keep: usize, _: &mut Memo, out: &mut Vec<Scored>) {
        let mut best = Best::new(keep);
        let moments = moments(ask);
        for item in 0..moments.len().min(ask.n_items) as u32 {
            if let Some(score) = self.score_of(moments, item, ask.now)
                && !ask.excluded.has(item)
            {
                best.push(item, score);
            }
        }
        best.finish(out);
    }

    fn score(&self, ask: &Ask<'_>, items: &[u32], _: &mut Memo, out: &mut [f32]) {
        let moments = moments(ask);
        for (o, item) in out.iter_mut().zip(items) {
            *o = self.score_of(moments, *item, ask.now).unwrap_or(f32::NAN);
        }
    }

    fn fold(&mut self, _: &Happened<'_>) {}

    fn replica(&self) -> Box<dyn Source> {
        Box::new(Self { within_ms: self.within_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_spec::mask::Mask;

    #[test]
    fn the_newest_come_first_and_old_or_excluded_ones_not_at_all() {
        const HOUR: i64 = 3_600_000;
        let moments = [10 * HOUR, i64::MIN, 30 * HOUR, 20 * HOUR, 29 * HOUR];
        let mut excluded = Mask::default();
        excluded.insert(4);
        let answers = [Answer::Moments(&moments)];
        let now = 30 * HOUR;
        let ask = Ask { now, user: 0, n_items: 5, answers: &answers, user_vectors: &[], excluded: &excluded };
        let source = Recent { within_ms: 10 * HOUR };
        let (mut found, mut scores) = (Vec::new(), [0.0; 3]);
        source.candidates(&ask, 10, &mut Memo::default(), &mut found);
        assert_eq!(found, [Scored { item: 2, score: 0.0 }, Scored { item: 3, score: -10.0 }]);
        source.score(&ask, &[0, 3, 1], &mut Memo::default(), &mut scores);
        assert!(scores[0].is_nan() && scores[1] == -10.0 && scores[2].is_nan());
    }
}
