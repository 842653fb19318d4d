//! `limit`: how long a list may be.

use crate::rerank::{Change, Rerank, RerankAsk, RerankKind, RerankPlan};
use tamis_spec::decision::Scored;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};

/// The entry of the registry. What it drops it drops for `limit`.
pub const KIND: Kind<dyn RerankKind> = Kind {
    name: "limit",
    about: "Cuts the list to so many items, or to as many as were asked for where that is less.",
    example: "[rerank]\nlimit = 20\n",
    params: &[Param {
        name: "value",
        ty: ParamType::Integer(1, 10_000),
        required: true,
        about: "Most items of a list.",
    }],
    it: &LimitKind,
};

struct LimitKind;

impl RerankKind for LimitKind {
    fn plan(&self, _: &Part, _: &System) -> Result<RerankPlan, Diagnostic> {
        Ok(RerankPlan::default())
    }

    fn open(&self, part: &Part, _: &System) -> Box<dyn Rerank> {
        Box::new(Limit { most: part.params.count("value").unwrap_or(usize::MAX) })
    }
}

struct Limit {
    most: usize,
}

impl Rerank for Limit {
    fn order(&self, ask: &RerankAsk<'_>, list: &mut Vec<Scored>, changes: &mut Vec<Change>) {
        let length = self.most.min(ask.limit).min(list.len());
        changes.extend(list.drain(length..).map(|s| Change::Dropped { item: s.item, why: "limit" }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{films, items, list, ordered, part};
    use tamis_spec::param::ParamValue;

    #[test]
    fn the_list_is_cut_at_the_smaller_of_both_limits() {
        let check = |limit, asked, kept: &[u32], dropped: &[u32]| {
            let limit = part("limit", vec![("value", ParamValue::Number(limit))]);
            let (left, changes) = ordered(&KIND, &limit, &films(), &[], asked, list(&[(4, 0.9), (1, 0.5), (7, 0.1)]));
            assert_eq!(items(&left), kept);
            let expected: Vec<_> = dropped.iter().map(|item| Change::Dropped { item: *item, why: "limit" }).collect();
            assert_eq!(changes, expected);
        };
        check(2.0, 9, &[4, 1], &[7]);
        check(9.0, 1, &[4], &[1, 7]);
        check(9.0, 9, &[4, 1, 7], &[]);
        check(1.0, 0, &[], &[4, 1, 7]);
    }
}
