//! A graph whose edges come one after the other, and the PageRank of its nodes.

use tamis_spec::MISSING;

/// The chance that a walk goes on along an edge (Page et al. 1999).
const DAMPING: f32 = 0.85;
/// Rounds of power iteration: 0.85^30 of the start is left.
const ROUNDS: usize = 30;

/// Edges and ranks.
#[derive(Clone, Debug, Default)]
pub struct PageRank {
    from: Vec<u32>,
    to: Vec<u32>,
    /// By node; those that came since are missing.
    ranks: Vec<f32>,
    /// Edges there were when they were computed.
    n_ranked: usize,
}

impl PageRank {
    /// Adds an edge; ranks are computed anew when there are a tenth more than at the last time, so that all of it costs as much as
    /// eleven times the last one.
    pub(super) fn add(&mut self, from: u32, to: u32) {
        if from == MISSING || to == MISSING {
            return;
        }
        self.from.push(from);
        self.to.push(to);
        if self.from.len() >= self.n_ranked + (self.n_ranked / 10).max(1) {
            self.rank();
        }
    }

    /// The rank of a node, 1 on average over all that an edge has named; NaN for one that none had.
    pub fn get(&self, node: u32) -> f32 {
        self.ranks.get(node as usize).copied().unwrap_or(f32::NAN)
    }

    fn rank(&mut self) {
        self.n_ranked = self.from.len();
        let n = self.from.iter().chain(&self.to).max().map_or(0, |m| *m as usize + 1);
        let mut out_degree = vec![0u32; n];
        let mut is_named = vec![false; n];
        for (from, to) in self.from.iter().zip(&self.to) {
            out_degree[*from as usize] += 1;
            (is_named[*from as usize], is_named[*to as usize]) = (true, true);
        }
        let n_named = is_named.iter().filter(|named| **named).count() as f32;
        let (mut ranks, mut next) = (vec![1.0f32; n], vec![0.0f32; n]);
        for _ in 0..ROUNDS {
            // Who points at nobody gives the same to all.
            let ends = ranks.iter().zip(&out_degree).zip(&is_named).filter(|((_, d), named)| **d == 0 && **named);
            let lost: f64 = ends.map(|((r, _), _)| f64::from(*r)).sum();
            next.fill(1.0 - DAMPING + DAMPING * lost as f32 / n_named);
            for (from, to) in self.from.iter().zip(&self.to) {
                next[*to as usize] += DAMPING * ranks[*from as usize] / out_degree[*from as usize] as f32;
            }
            std::mem::swap(&mut ranks, &mut next);
        }
        ranks.iter_mut().zip(is_named).filter(|(_, named)| !named).for_each(|(r, _)| *r = f32::NAN);
        self.ranks = ranks;
    }

    pub(super) fn bytes(&self) -> usize {
        (self.from.capacity() + self.to.capacity() + self.ranks.capacity()) * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition, from the transition matrix.
    fn naive(edges: &[(u32, u32)], n: usize) -> Vec<f64> {
        let mut p = vec![1.0; n];
        for _ in 0..ROUNDS {
            let mut next = vec![0.15; n];
            for (i, rank) in p.iter().enumerate() {
                let out: Vec<usize> = edges.iter().filter(|e| e.0 as usize == i).map(|e| e.1 as usize).collect();
                match out.len() {
                    0 => next.iter_mut().for_each(|v| *v += 0.85 * rank / n as f64),
                    d => out.iter().for_each(|j| next[*j] += 0.85 * rank / d as f64),
                }
            }
            p = next;
        }
        p
    }

    #[test]
    fn ranks_are_those_of_the_definition_as_of_the_last_tenth() {
        let mut seed = 3u64;
        let mut draw = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((seed >> 33) % n) as u32
        };
        let (mut graph, mut edges) = (PageRank::default(), Vec::new());
        for i in 0..200usize {
            let edge = (draw(12), draw(9));
            edges.push(edge);
            graph.add(edge.0, edge.1);
            let n_ranked = graph.n_ranked;
            assert!(n_ranked * 11 + 10 > (i + 1) * 10, "{i}");
            let seen = &edges[..n_ranked];
            let n = 12;
            let named: Vec<u32> = (0..n).filter(|v| seen.iter().any(|e| e.0 == *v || e.1 == *v)).collect();
            let place = |v: u32| named.iter().position(|k| *k == v).unwrap() as u32;
            let renamed: Vec<(u32, u32)> = seen.iter().map(|(a, b)| (place(*a), place(*b))).collect();
            let expected = naive(&renamed, named.len());
            for v in 0..n {
                match named.iter().position(|k| *k == v) {
                    Some(at) => assert!((f64::from(graph.get(v)) - expected[at]).abs() < 1e-4, "{i} {v}"),
                    None => assert!(graph.get(v).is_nan(), "{i} {v}"),
                }
            }
        }
    }
}
