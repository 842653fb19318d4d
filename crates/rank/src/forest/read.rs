//! LightGBM's text model, read: every size, count, column and child is checked here, so that nothing later has to.

use crate::model::Error;
use std::collections::HashMap;

/// A forest as its text says it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub(super) n_columns: usize,
    pub(super) trees: Vec<TreeText>,
    /// Whether a score is the mean of the trees, as in a random forest, and not their sum.
    pub(super) average: bool,
}

/// A tree: at least one leaf, one split fewer than leaves.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TreeText {
    /// Breadth first, the root first; every split but the root and every leaf is the child of exactly one.
    pub(super) splits: Vec<Split>,
    pub(super) leaves: Vec<f64>,
}

/// A split.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Split {
    pub(super) column: usize,
    pub(super) test: Test,
    pub(super) left: Child,
    pub(super) right: Child,
    /// The mean of what lies below.
    pub(super) value: f64,
}

/// What sends a row to the left.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// A number up to a threshold; what is missing by default.
    UpTo { threshold: f64, missing: Missing, missing_left: bool },
    /// A category in a set: 32 to a word, the lowest bit first.
    In(Vec<u32>),
}

/// What counts as missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
    /// Nothing: NaN is zero.
    Nothing,
    /// Zero, and NaN with it.
    Zero,
    /// NaN.
    Nan,
}

/// What lies below a split, as an index into the tree's splits or leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    Split(usize),
    Leaf(usize),
}

fn damaged(what: impl Into<String>) -> Error {
    Error::Damaged(what.into())
}

pub(super) fn read(text: &str) -> Result<Text, Error> {
    if !text.starts_with("tree\n") {
        return Err(damaged("the text does not begin with `tree`"));
    }
    let (head, mut rest) = match text.find("\n\n") {
        Some(end) => text.split_at(end + 2),
        None => return Err(damaged("the text ends within its head")),
    };
    let fields = fields(head);
    let number = |key: &str| -> Result<usize, Error> {
        let value = fields.get(key).ok_or_else(|| damaged(format!("the head lacks `{key}`")))?;
        value.parse::<u32>().map(|n| n as usize).map_err(|_| damaged(format!("`{key}={value}` is not a count")))
    };
    if number("num_tree_per_iteration")? != 1 {
        return Err(damaged("models of several classes are not supported"));
    }
    let n_columns = number("max_feature_idx")? + 1;
    let sizes = fields.get("tree_sizes").ok_or_else(|| damaged("the head lacks `tree_sizes`"))?;
    let mut trees = Vec::new();
    for (i, size) in sizes.split_whitespace().enumerate() {
        let (section, after) = size
            .parse()
            .ok()
            .and_then(|size| rest.split_at_checked(size))
            .ok_or_else(|| damaged(format!("tree {i}: the text ends before its {size} bytes")))?;
        if section.lines().next() != Some(format!("Tree={i}").as_str()) || !section.ends_with("\n\n") {
            return Err(damaged(format!("tree {i}: it is not where the sizes in the head put it")));
        }
        trees.push(tree(section, n_columns).map_err(|e| damaged(format!("tree {i}: {e}")))?);
        rest = after;
    }
    if !rest.starts_with("end of trees\n") {
        return Err(damaged(format!("`end of trees` does not follow the {} trees of the head", trees.len())));
    }
    Ok(Text { n_columns, trees, average: head.lines().any(|l| l == "average_output") })
}

type Fields<'t> = HashMap<&'t str, &'t str>;

fn fields(text: &str) -> Fields<'_> {
    text.lines().filter_map(|l| l.split_once('=')).collect()
}

fn list<T: std::str::FromStr>(fields: &Fields<'_>, key: &str, n: usize) -> Result<Vec<T>, String> {
    let text = fields.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
    let all: Result<Vec<T>, _> = text.split_whitespace().map(str::parse).collect();
    let all = all.map_err(|_| format!("`{key}` holds something that is no such number"))?;
    if all.len() == n { Ok(all) } else { Err(format!("`{key}` has {} values, {n} were expected", all.len())) }
}

fn tree(text: &str, n_columns: usize) -> Result<TreeText, String> {
    let fields = fields(text);
    let n_leaves = list::<u32>(&fields, "num_leaves", 1)?[0] as usize;
    if n_leaves == 0 {
        return Err("it has no leaf".into());
    }
    if fields.get("is_linear").is_some_and(|v| *v != "0") {
        return Err("linear trees are not supported".into());
    }
    let leaves: Vec<f64> = list(&fields, "leaf_value", n_leaves)?;
    if leaves.iter().any(|v| !v.is_finite()) {
        return Err("`leaf_value` holds something that is no number".into());
    }
    if n_leaves == 1 {
        return Ok(TreeText { splits: Vec::new(), leaves });
    }
    let n = n_leaves - 1;
    let columns: Vec<usize> = list(&fields, "split_feature", n)?;
    let thresholds: Vec<f64> = list(&fields, "threshold", n)?;
    let decisions: Vec<u8> = list(&fields, "decision_type", n)?;
    let left: Vec<i64> = list(&fields, "left_child", n)?;
    let right: Vec<i64> = list(&fields, "right_child", n)?;
    let values: Vec<f64> = list(&fields, "internal_value", n)?;
    let sets = sets(&fields)?;
    let mut splits = Vec::with_capacity(n);
    for i in 0..n {
        if columns[i] >= n_columns {
            return Err(format!("it splits on column {}, there are {n_columns}", columns[i]));
        }
        let test = test(thresholds[i], decisions[i], &sets)?;
        let child = |c: i64| if c < 0 { Child::Leaf((!c) as usize) } else { Child::Split(c as usize) };
        splits.push(Split { column: columns[i], test, left: child(left[i]), right: child(right[i]), value: values[i] });
    }
    Ok(TreeText { splits: breadth_first(splits)?, leaves })
}

fn test(threshold: f64, decision: u8, sets: &[Vec<u32>]) -> Result<Test, String> {
    if decision & 1 == 1 {
        let set = (threshold >= 0.0).then(|| sets.get(threshold as usize)).flatten();
        return Ok(Test::In(set.ok_or("a split on categories has no set")?.clone()));
    }
    if threshold.is_nan() {
        return Err("`threshold` holds something that is no number".into());
    }
    let missing = match decision >> 2 {
        0 => Missing::Nothing,
        1 => Missing::Zero,
        2 => Missing::Nan,
        _ => return Err(format!("`decision_type` holds {decision}")),
    };
    Ok(Test::UpTo { threshold, missing, missing_left: decision & 2 != 0 })
}

fn sets(fields: &Fields<'_>) -> Result<Vec<Vec<u32>>, String> {
    let n = list::<u32>(fields, "num_cat", 1)?[0] as usize;
    if n == 0 {
        return Ok(Vec::new());
    }
    let bounds: Vec<usize> = list(fields, "cat_boundaries", n + 1)?;
    let words: Vec<u32> = list(fields, "cat_threshold", bounds[n])?;
    let set = |w: &[usize]| words.get(w[0]..w[1]).map(<[u32]>::to_vec);
    bounds.windows(2).map(set).collect::<Option<_>>().ok_or_else(|| "`cat_boundaries` do not ascend".into())
}

/// The splits in the order of their depth, if they form a tree.
fn breadth_first(mut splits: Vec<Split>) -> Result<Vec<Split>, String> {
    let n = splits.len();
    let mut order = vec![0];
    let (mut split_idx, mut leaf_met) = (vec![usize::MAX; n], vec![false; n + 1]);
    split_idx[0] = 0;
    let mut at = 0;
    while at < order.len() {
        for child in [splits[order[at]].left, splits[order[at]].right] {
            let met = match child {
                Child::Leaf(i) if i <= n => std::mem::replace(&mut leaf_met[i], true),
                Child::Split(i) if i < n => {
                    let met = split_idx[i] != usize::MAX;
                    if !met {
                        split_idx[i] = order.len();
                        order.push(i);
                    }
                    met
                }
                Child::Leaf(i) | Child::Split(i) => return Err(format!("a split leads to {i}, which is not there")),
            };
            if met {
                return Err("two splits lead to one place".into());
            }
        }
        at += 1;
    }
    if order.len() != n {
        return Err(format!("{} of its splits cannot be reached", n - order.len()));
    }
    let renamed = |c: Child| if let Child::Split(i) = c { Child::Split(split_idx[i]) } else { c };
    let mut out = Vec::with_capacity(n);
    for i in order {
        let test = std::mem::replace(&mut splits[i].test, Test::In(Vec::new()));
        let s = &splits[i];
        out.push(Split { column: s.column, test, left: renamed(s.left), right: renamed(s.right), value: s.value });
    }
    Ok(out)
}
