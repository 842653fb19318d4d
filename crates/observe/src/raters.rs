//! Several people who judged the same things: how far they agree, and what they say together.
//!
//! Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", 1979: each rater has a chance of
//! saying b where a is true, each class a share, and both are estimated together with what is true.

use serde::Serialize;
use std::collections::HashMap;

/// Rounds of EM at most.
const ROUNDS_MAX: usize = 200;
/// It ends when no chance changes by more.
const CHANGE_MIN: f64 = 1e-7;
/// What every rater is believed to have said before: each class once where it is true, and each other class rarely, so that nothing is
/// impossible and somebody who judged little is taken at his word.
const RIGHT: f64 = 1.0;
/// See [`RIGHT`].
const WRONG: f64 = 0.01;

/// What a rater said of an item: dense numbers of each, and of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rating {
    /// The item.
    pub item: u32,
    /// The rater.
    pub rater: u32,
    /// What was said.
    pub class: u32,
}

/// How far raters agree, 1 when always, 0 when as often as by chance; none where it cannot be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// How many judged.
    pub raters: u64,
    /// How often somebody judged something.
    pub ratings: u64,
    /// Items that more than one judged.
    pub shared_items: u64,
    /// Cohen's kappa (1960), the mean over pairs of raters by how many items they share.
    pub cohen: Option<f64>,
    /// Fleiss' kappa (1971), over items that more than one judged.
    pub fleiss: Option<f64>,
}

/// The chance of every class for each of `n_items`, row-major; of an item that nobody judged the shares of the classes.
pub fn dawid_skene(ratings: &[Rating], n_items: usize, n_classes: usize) -> Vec<f64> {
    let n_raters = ratings.iter().map(|r| r.rater as usize + 1).max().unwrap_or(0);
    let k = n_classes;
    // Begins with how many said it.
    let mut truth = vec![0.0; n_items * k];
    ratings.iter().for_each(|r| truth[r.item as usize * k + r.class as usize] += 1.0);
    truth.chunks_exact_mut(k).for_each(scale);
    for _ in 0..ROUNDS_MAX {
        // Every class was seen once before, so that none dies out.
        let mut shares = vec![RIGHT; k];
        truth.chunks_exact(k).for_each(|t| shares.iter_mut().zip(t).for_each(|(s, p)| *s += p));
        scale(&mut shares);
        let believed = |i: usize| if i % k == i / k % k { RIGHT } else { WRONG };
        let mut says: Vec<f64> = (0..n_raters * k * k).map(believed).collect();
        for r in ratings {
            for (a, p) in truth[r.item as usize * k..][..k].iter().enumerate() {
                says[(r.rater as usize * k + a) * k + r.class as usize] += p;
            }
        }
        says.chunks_exact_mut(k).for_each(scale);
        // In logarithms: many raters of one item would be too small a product.
        let mut next: Vec<f64> = (0..n_items).flat_map(|_| shares.iter().map(|s| s.max(1e-300).ln())).collect();
        for r in ratings {
            for (a, p) in next[r.item as usize * k..][..k].iter_mut().enumerate() {
                *p += says[(r.rater as usize * k + a) * k + r.class as usize].ln();
            }
        }
        for row in next.chunks_exact_mut(k) {
            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|p| *p = (*p - most).exp());
            scale(row);
        }
        let change = truth.iter().zip(&next).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        truth = next;
        if change < CHANGE_MIN {
            break;
        }
    }
    truth
}

/// Makes parts of a whole; equal ones where there is nothing.
fn scale(parts: &mut [f64]) {
    let sum: f64 = parts.iter().sum();
    let n = parts.len() as f64;
    parts.iter_mut().for_each(|p| *p = if sum > 0.0 { *p / sum } else { 1.0 / n });
}

/// How far raters agree.
pub fn agreement(ratings: &[Rating], n_classes: usize) -> Agreement {
    let mut by_item: HashMap<u32, Vec<(u32, u32)>> = HashMap::new();
    ratings.iter().for_each(|r| by_item.entry(r.item).or_default().push((r.rater, r.class)));
    let mut raters: Vec<u32> = ratings.iter().map(|r| r.rater).collect();
    raters.sort_unstable();
    raters.dedup();
    let shared: Vec<&Vec<(u32, u32)>> = by_item.values().filter(|said| said.len() > 1).collect();
    Agreement {
        raters: raters.len() as u64,
        ratings: ratings.len() as u64,
        shared_items: shared.len() as u64,
        cohen: cohen(&shared, n_classes),
        fleiss: fleiss(&shared, n_classes),
    }
}

/// (p_o - p_e) / (1 - p_e) of each pair, by how many items it shares; none where no pair shares any, or all say one thing.
fn cohen(shared: &[&Vec<(u32, u32)>], k: usize) -> Option<f64> {
    let mut tables: HashMap<(u32, u32), Vec<f64>> = HashMap::new();
    for said in shared {
        for (i, (a, x)) in said.iter().enumerate() {
            for (b, y) in &said[i + 1..] {
                let (pair, x, y) = if a < b { ((*a, *b), x, y) } else { ((*b, *a), y, x) };
                tables.entry(pair).or_insert_with(|| vec![0.0; k * k])[*x as usize * k + *y as usize] += 1.0;
            }
        }
    }
    let mut pairs: Vec<_> = tables.into_iter().collect();
    pairs.sort_unstable_by_key(|(pair, _)| *pair);
    let (mut sum, mut weight) = (0.0, 0.0);
    for (_, table) in pairs {
        let n: f64 = table.iter().sum();
        let observed = (0..k).map(|c| table[c * k + c]).sum::<f64>() / n;
        let row = |c: usize| table[c * k..(c + 1) * k].iter().sum::<f64>();
        let column = |c: usize| table.iter().skip(c).step_by(k).sum::<f64>();
        let chance = (0..k).map(|c| row(c) * column(c)).sum::<f64>() / (n * n);
        if chance < 1.0 {
            (sum, weight) = (sum + n * (observed - chance) / (1.0 - chance), weight + n);
        }
    }
    (weight > 0.0).then(|| sum / weight)
}

/// The same of all at once: over pairs of an item's raters against the shares of the classes.
fn fleiss(shared: &[&Vec<(u32, u32)>], k: usize) -> Option<f64> {
    let mut shares = vec![0.0; k];
    let mut agreed = 0.0;
    for said in shared {
        let mut counts = vec![0.0; k];
        said.iter().for_each(|(_, class)| counts[*class as usize] += 1.0);
        let n = said.len() as f64;
        agreed += (counts.iter().map(|c| c * c).sum::<f64>() - n) / (n * (n - 1.0));
        shares.iter_mut().zip(&counts).for_each(|(s, c)| *s += c);
    }
    let observed = agreed / shared.len() as f64;
    scale(&mut shares);
    let chance: f64 = shares.iter().map(|s| s * s).sum();
    (!shared.is_empty() && chance < 1.0).then(|| (observed - chance) / (1.0 - chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rating(item: usize, rater: usize, class: usize) -> Rating {
        Rating { item: item as u32, rater: rater as u32, class: class as u32 }
    }

    #[test]
    fn kappas_are_those_of_the_textbook() {
        // Fleiss 1971: ten subjects, fourteen raters, five classes.
        let table = [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ];
        let mut ratings = Vec::new();
        for (item, counts) in table.iter().enumerate() {
            let said = counts.iter().enumerate().flat_map(|(class, n)| std::iter::repeat_n(class, *n));
            ratings.extend(said.enumerate().map(|(rater, class)| rating(item, rater, class)));
        }
        let found = agreement(&ratings, 5);
        assert_eq!((found.raters, found.ratings, found.shared_items), (14, 140, 10));
        assert!((found.fleiss.unwrap() - 0.20993).abs() < 1e-5, "{found:?}");
        // Two readers of fifty proposals: both yes 20, first alone 5, second alone 10, neither 15.
        let said = [(0, 0, 20), (0, 1, 5), (1, 0, 10), (1, 1, 15)];
        let each = said.iter().flat_map(|(a, b, n)| std::iter::repeat_n((*a, *b), *n)).enumerate();
        let ratings: Vec<Rating> = each.flat_map(|(i, (a, b))| [rating(i, 0, a), rating(i, 1, b)]).collect();
        assert!((agreement(&ratings, 2).cohen.unwrap() - 0.4).abs() < 1e-12);
    }

    #[test]
    fn raters_who_never_meet_have_no_agreement_and_each_is_believed() {
        let ratings = [rating(0, 0, 1), rating(1, 1, 0), rating(2, 0, 1)];
        let found = agreement(&ratings, 2);
        assert_eq!((found.shared_items, found.cohen, found.fleiss), (0, None, None));
        let truth = dawid_skene(&ratings, 4, 2);
        assert!(truth[1] > 0.8 && truth[2] > 0.8 && truth[5] > 0.8, "{truth:?}");
        assert!((truth[6] + truth[7] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn who_errs_is_found_out_where_a_vote_would_be_wrong() {
        let mut seed = 5u64;
        let mut draw = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        // Two careful raters, and three who say anything.
        let mut ratings = Vec::new();
        let truth: Vec<usize> = (0..400).map(|_| draw(3) as usize).collect();
        for (item, class) in truth.iter().enumerate() {
            for rater in 0..5 {
                let right = draw(100) < if rater < 2 { 92 } else { 36 };
                let said = if right { *class } else { (class + 1 + draw(2) as usize) % 3 };
                ratings.push(rating(item, rater, said));
            }
        }
        let best = |row: &[f64]| (0..3).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        let mut votes = vec![0.0; 1200];
        ratings.iter().for_each(|r| votes[r.item as usize * 3 + r.class as usize] += 1.0);
        let right = |of: &[f64]| of.chunks_exact(3).zip(&truth).filter(|(row, class)| best(row) == **class).count();
        let (merged, voted) = (right(&dawid_skene(&ratings, 400, 3)), right(&votes));
        assert!(merged > 355 && merged > voted + 20, "{merged} right, {voted} by vote");
    }
}
