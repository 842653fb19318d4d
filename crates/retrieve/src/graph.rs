//! `graph`: who is reached by walking along events, as edges between whom they join, the latest first.

use crate::event;
use crate::running::kept;
use crate::source::{Bytes, Error, FitAsk, Memo, Opened, Source, SourceKind, SourcePlan};
use crate::topk::Best;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tamis_spec::MISSING;
use tamis_spec::decision::{Ask, Happened, Need, Scored};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};

/// Steps of a walk.
const STEPS_MAX: usize = 4;
/// Neighbours that are kept of a node, and followed at a step.
const FAN_MAX: usize = 1_000;
/// Neighbours that are followed at a step when the file does not say.
const FAN: usize = 50;

/// The entry of the registry.
pub const KIND: Kind<dyn SourceKind> = Kind {
    name: "graph",
    about: "Proposes what is reached along events, taken as edges: what I met, what those I met met, what those who met the same met. \
            The score is the number of paths; equal numbers by the latest.",
    example: "[[candidates]]\nkind = \"graph\"\nevent = \"liked\"\nwalk = [\"out\", \"in\", \"out\"]\nfan = [20, 20, 10]\nkeep = 100\n",
    params: &[
        Param {
            name: "event",
            ty: ParamType::Event,
            required: true,
            about: "The event whose occurrences are edges, from whom lists are for to what is ranked.",
        },
        Param {
            name: "walk",
            ty: ParamType::Texts,
            required: true,
            about: "One to four steps: \"out\" along the edges, \"in\" against them.",
        },
        Param {
            name: "fan",
            ty: ParamType::Integers(1, FAN_MAX as i64),
            required: false,
            about: "At each step at most so many neighbours are followed, the latest; by default 50 each.",
        },
    ],
    it: &GraphKind,
};

struct GraphKind;

/// A walk, read from a part.
#[derive(Clone, Debug, PartialEq)]
struct Walk {
    /// Whether each step goes along the edges, and how many neighbours it follows.
    steps: Vec<(bool, usize)>,
    /// Whether users and items are of one kind: the same index is the same node.
    one_kind: bool,
}

impl Walk {
    fn read(part: &Part, system: &System) -> Result<Self, Diagnostic> {
        let span = || part.params.span("walk").unwrap_or_else(|| part.span.clone());
        let one_kind = system.decision.user == system.decision.item;
        let fans = part.params.numbers("fan");
        let words = part.params.texts("walk");
        if !(1..=STEPS_MAX).contains(&words.len()) {
            return Err(Diagnostic::new(span(), format!("a walk has 1 to {STEPS_MAX} steps, found {}", words.len())));
        }
        if !fans.is_empty() && fans.len() != words.len() {
            let span = part.params.span("fan").unwrap_or_else(span);
            return Err(Diagnostic::new(span, format!("`fan` has {} numbers for {} steps", fans.len(), words.len())));
        }
        let mut steps = Vec::new();
        for (i, word) in words.iter().enumerate() {
            let out = match word.value.as_str() {
                "out" => true,
                "in" => false,
                other => return Err(Diagnostic::unknown(word.span.clone(), "step", other, ["out", "in"])),
            };
            // Between two kinds, a walk goes there and back.
            if !one_kind && out != (i % 2 == 0) {
                let (user, item) = (&system.decision.user_name, &system.decision.item_name);
                let message = format!("edges lead from `{user}` to `{item}`: a walk goes out, in, out");
                return Err(Diagnostic::new(word.span.clone(), message));
            }
            steps.push((out, fans.get(i).map_or(FAN, |f| *f as usize)));
        }
        if !one_kind && steps.len() % 2 == 0 {
            let message = format!("the walk ends at a `{}`", system.decision.user_name);
            return Err(Diagnostic::new(span(), message).help("let the last step be \"out\""));
        }
        Ok(Self { steps, one_kind })
    }

    /// The most neighbours that are followed along, or against, the edges.
    fn fan(&self, out: bool) -> usize {
        self.steps.iter().filter(|s| s.0 == out).map(|s| s.1).max().unwrap_or(0)
    }
}

impl SourceKind for GraphKind {
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic> {
        let event = event::of_list(part, "event", system)?;
        let walk = Walk::read(part, system)?;
        let bytes = |fan: usize| 24.0 + 16.0 * fan.min(20) as f64;
        let bytes = Bytes { per_user: bytes(walk.fan(true)), per_item: bytes(walk.fan(false)), ..Bytes::default() };
        Ok(SourcePlan { needs: vec![Need::History { event }], folds: Some(event), bytes, ..SourcePlan::default() })
    }

    fn fit(&self, _: &Part, _: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn open(&self, part: &Part, _: &Arc<Vec<u8>>, opened: &Opened<'_>) -> Result<Box<dyn Source>, Error> {
        let walk = Walk::read(part, opened.system).expect("the plan read the same walk");
        Ok(Box::new(Graph::new(walk)))
    }
}

/// The latest neighbours of every node.
struct Graph {
    walk: Walk,
    out: Latest,
    into: Latest,
}

/// By node: the latest distinct neighbours, oldest first, at most `keep`.
#[derive(Default)]
struct Latest {
    keep: usize,
    of: Vec<Vec<u32>>,
}

impl Latest {
    fn meet(&mut self, node: u32, neighbour: u32) {
        if self.keep == 0 {
            return;
        }
        if self.of.len() <= node as usize {
            self.of.resize_with(node as usize + 1, Vec::new);
        }
        let list = &mut self.of[node as usize];
        match list.iter().rposition(|n| *n == neighbour) {
            Some(at) => list[at..].rotate_left(1),
            None if list.len() == self.keep => {
                list.rotate_left(1);
                list[self.keep - 1] = neighbour;
            }
            None => list.push(neighbour),
        }
    }

    /// The latest `n` neighbours, latest first.
    fn latest(&self, node: u32, n: usize) -> impl Iterator<Item = u32> + '_ {
        self.of.get(node as usize).into_iter().flat_map(move |list| list.iter().rev().take(n).copied())
    }
}

/// What is reached in one question: node to paths, in the order in which they were reached first.
#[derive(Default)]
struct Reached {
    places: FxHashMap<u32, u32>,
    nodes: Vec<(u32, f32)>,
    next: Vec<(u32, f32)>,
}

impl Graph {
    fn new(walk: Walk) -> Self {
        let out = Latest { keep: walk.fan(true), of: Vec::new() };
        let into = Latest { keep: walk.fan(false), of: Vec::new() };
        Self { walk, out, into }
    }

    /// Walks from a user; the paths to what is reached are in `reached.nodes`.
    fn reach(&self, user: u32, reached: &mut Reached) {
        let Reached { places, nodes, next } = reached;
        nodes.clear();
        places.clear();
        if user == MISSING {
            return;
        }
        nodes.push((user, 1.0));
        for (i, (out, fan)) in self.walk.steps.iter().enumerate() {
            places.clear();
            next.clear();
            let edges = if *out { &self.out } else { &self.into };
            // No walk leads back to where it began: of one kind always, of two kinds at every second step.
            let back = if self.walk.one_kind || i % 2 == 1 { user } else { MISSING };
            for (node, paths) in nodes.iter() {
                for neighbour in edges.latest(*node, *fan).filter(|n| *n != back) {
                    let place = *places.entry(neighbour).or_insert_with(|| {
                        next.push((neighbour, 0.0));
                        next.len() as u32 - 1
                    });
                    next[place as usize].1 += paths;
                }
            }
            std::mem::swap(nodes, next);
        }
        // Paths are whole numbers; what was reached earlier on the walk, and so is later in time, comes first among equals.
        nodes.iter_mut().enumerate().for_each(|(k, (_, paths))| *paths += 0.5 / (1.0 + k as f32));
    }
}

impl Source for Graph {
    fn candidates(&self, ask: &Ask<'_>, keep: usize, memo: &mut Memo, out: &mut Vec<Scored>) {
        let reached: &mut Reached = kept(&mut memo.kept);
        self.reach(ask.user, reached);
        let mut best = Best::new(keep);
        for (item, score) in &reached.nodes {
            if !ask.excluded.has(*item) && (*item as usize) < ask.n_items {
                best.push(*item, *score);
            }
        }
        best.finish(out);
    }

    fn score(&self, _: &Ask<'_>, items: &[u32], memo: &mut Memo, out: &mut [f32]) {
        let reached: &mut Reached = kept(&mut memo.kept);
        for (o, item) in out.iter_mut().zip(items) {
            *o = reached.places.get(item).map_or(0.0, |place| reached.nodes[*place as usize].1);
        }
    }

    fn fold(&mut self, happened: &Happened<'_>) {
        self.out.meet(happened.user, happened.item);
        self.into.meet(happened.item, happened.user);
    }

    fn replica(&self) -> Box<dyn Source> {
        Box::new(Self::new(self.walk.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tamis_spec::mask::Mask;

    /// All paths, one by one, over the latest neighbours as the log says them.
    fn slow(edges: &[(u32, u32)], walk: &Walk, user: u32) -> Vec<(u32, u32)> {
        let latest = |node: u32, out: bool, fan: usize| {
            let mut found = Vec::new();
            for (a, b) in edges.iter().rev() {
                let (from, to) = if out { (*a, *b) } else { (*b, *a) };
                if from == node && !found.contains(&to) {
                    found.push(to);
                }
            }
            found.truncate(fan);
            found
        };
        let mut ends = vec![user];
        for (out, fan) in &walk.steps {
            ends = ends.iter().flat_map(|n| latest(*n, *out, *fan)).filter(|n| *n != user).collect();
        }
        let mut counts: Vec<(u32, u32)> = Vec::new();
        for end in ends {
            match counts.iter_mut().find(|(n, _)| *n == end) {
                Some((_, n)) => *n += 1,
                None => counts.push((end, 1)),
            }
        }
        counts.sort_by_key(|c| std::cmp::Reverse(c.1));
        counts
    }

    proptest! {
        #[test]
        fn paths_are_those_that_are_counted_one_by_one(
            edges in proptest::collection::vec((0u32..12, 0u32..12), 0..120),
            steps in proptest::collection::vec((any::<bool>(), 1usize..5), 1..4),
            user in 0u32..12,
        ) {
            let edges: Vec<_> = edges.into_iter().filter(|(a, b)| a != b).collect();
            let walk = Walk { steps, one_kind: true };
            let mut graph = Graph::new(walk.clone());
            for (user, item) in &edges {
                graph.fold(&Happened { user: *user, item: *item, time: 0, history: &[] });
            }
            let excluded = Mask::default();
            let ask = Ask { now: 0, user, n_items: 12, answers: &[], user_vectors: &[], excluded: &excluded };
            let (mut memo, mut found) = (Memo::default(), Vec::new());
            graph.candidates(&ask, 100, &mut memo, &mut found);
            let expected = slow(&edges, &walk, user);
            let items: Vec<u32> = found.iter().map(|s| s.item).collect();
            prop_assert_eq!(&items, &expected.iter().map(|(n, _)| *n).collect::<Vec<_>>());
            let mut scores = vec![0.0; items.len()];
            graph.score(&ask, &items, &mut memo, &mut scores);
            prop_assert_eq!(scores, found.iter().map(|s| s.score).collect::<Vec<_>>());
            prop_assert!(found.iter().zip(&expected).all(|(s, (_, n))| s.score.floor() as u32 == *n || s.score - *n as f32 == 0.5));
        }
    }
}
