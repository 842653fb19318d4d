//! LightGBM's text model to a forest: every count, column and child checked, so that evaluation need not.

use super::{CATEGORIES, Forest, LEAF, MISSING_LEFT, Node, Tree};
use crate::model::Error;
use std::collections::HashMap;
use std::collections::VecDeque;

/// Trees have at most so many leaves.
const LEAVES_MAX: usize = 1 << 20;

fn damaged(what: impl Into<String>) -> Error {
    Error::Damaged(what.into())
}

pub(super) fn read(text: &str) -> Result<Forest, Error> {
    let body = text.split("\nend of trees").next().filter(|b| b.len() < text.len());
    let body = body.ok_or_else(|| damaged("the text ends before `end of trees`"))?;
    let mut sections = body.split("\nTree=");
    let head = section(sections.next().unwrap_or_default());
    if !body.starts_with("tree") {
        return Err(damaged("the text does not begin with `tree`"));
    }
    let number = |key: &str| -> Result<usize, Error> {
        let value = head.get(key).ok_or_else(|| damaged(format!("the head lacks `{key}`")))?;
        value.parse().map_err(|_| damaged(format!("`{key}={value}` is not a count")))
    };
    if number("num_tree_per_iteration")? != 1 {
        return Err(damaged("models of several classes are not read by this version"));
    }
    let n_columns = number("max_feature_idx")? + 1;
    if n_columns > 30_000 {
        return Err(damaged(format!("it has {n_columns} columns; at most 30,000 are read")));
    }
    let mut forest = Forest {
        n_columns,
        zeros: false,
        nodes: Vec::new(),
        values: Vec::new(),
        trees: Vec::new(),
        sets: Vec::new(),
        divisor: 1.0,
    };
    for (i, text) in sections.enumerate() {
        let fields = section(text);
        if text.lines().next() != Some(i.to_string().as_str()) {
            return Err(damaged(format!("tree {i} is missing")));
        }
        tree(&fields, &mut forest).map_err(|e| damaged(format!("tree {i}: {e}")))?;
    }
    let told = head.get("tree_sizes").map_or(0, |s| s.split_whitespace().count());
    if told != forest.trees.len() {
        return Err(damaged(format!("the head tells of {told} trees, {} are there", forest.trees.len())));
    }
    if body.lines().any(|l| l == "average_output") {
        forest.divisor = forest.trees.len().max(1) as f64;
    }
    Ok(forest)
}

fn section(text: &str) -> HashMap<&str, &str> {
    text.lines().filter_map(|l| l.split_once('=')).collect()
}

type Fields<'t> = HashMap<&'t str, &'t str>;

fn list<T: std::str::FromStr>(fields: &Fields<'_>, key: &str, n: usize) -> Result<Vec<T>, String> {
    let text = fields.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
    let all: Result<Vec<T>, _> = text.split_whitespace().map(str::parse).collect();
    let all = all.map_err(|_| format!("`{key}` holds something that is not a number"))?;
    if all.len() == n { Ok(all) } else { Err(format!("`{key}` has {} values, {n} were expected", all.len())) }
}

fn tree(fields: &Fields<'_>, forest: &mut Forest) -> Result<(), String> {
    let n_leaves = list::<usize>(fields, "num_leaves", 1)?[0];
    if n_leaves == 0 || n_leaves > LEAVES_MAX {
        return Err(format!("it has {n_leaves} leaves"));
    }
    if fields.get("is_linear").is_some_and(|v| *v != "0") {
        return Err("linear trees are not read by this version".into());
    }
    let leaf_value: Vec<f64> = list(fields, "leaf_value", n_leaves)?;
    let root = forest.nodes.len() as u32;
    if n_leaves == 1 {
        forest.nodes.push(leaf(root));
        forest.values.push(leaf_value[0]);
        forest.trees.push(Tree { root, depth: 0, categories: false });
        return Ok(());
    }
    let n = n_leaves - 1;
    let splits = Splits {
        column: list(fields, "split_feature", n)?,
        threshold: list(fields, "threshold", n)?,
        decision: list(fields, "decision_type", n)?,
        left: list(fields, "left_child", n)?,
        right: list(fields, "right_child", n)?,
        value: list(fields, "internal_value", n)?,
        leaf_value,
        sets: category_sets(fields)?,
    };
    lay_out(&splits, root, forest)
}

struct Splits {
    column: Vec<usize>,
    threshold: Vec<f64>,
    decision: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    value: Vec<f64>,
    leaf_value: Vec<f64>,
    sets: Vec<Vec<u32>>,
}

fn category_sets(fields: &Fields<'_>) -> Result<Vec<Vec<u32>>, String> {
    let n = list::<usize>(fields, "num_cat", 1)?[0];
    if n == 0 {
        return Ok(Vec::new());
    }
    let bounds: Vec<usize> = list(fields, "cat_boundaries", n + 1)?;
    let words: Vec<u32> = list(fields, "cat_threshold", bounds[n])?;
    let set = |w: &[usize]| words.get(w[0]..w[1]).map(<[u32]>::to_vec);
    bounds.windows(2).map(set).collect::<Option<_>>().ok_or_else(|| "`cat_boundaries` do not ascend".into())
}

/// Breadth first, so that the nodes that every row passes lie together and a right child follows its left one.
fn lay_out(splits: &Splits, root: u32, forest: &mut Forest) -> Result<(), String> {
    let n = splits.column.len();
    let mut queue = VecDeque::from([(0i64, 0u16)]);
    let (mut met, mut depth, mut categories) = (0usize, 0u16, false);
    let mut next = root + 1;
    while let Some((child, level)) = queue.pop_front() {
        depth = depth.max(level);
        let at = forest.nodes.len() as u32;
        if child < 0 {
            let value = splits.leaf_value.get((!child) as usize).ok_or("a child is no leaf of the tree")?;
            forest.nodes.push(leaf(at));
            forest.values.push(*value);
            continue;
        }
        let i = child as usize;
        met += 1;
        if i >= n || met > n {
            return Err("its nodes do not form a tree".into());
        }
        let node = split(splits, i, next, forest)?;
        categories |= node.flags & CATEGORIES != 0;
        forest.nodes.push(node);
        forest.values.push(splits.value[i]);
        next += 2;
        queue.push_back((splits.left[i], level + 1));
        queue.push_back((splits.right[i], level + 1));
    }
    if met != n {
        return Err("its nodes do not form a tree".into());
    }
    forest.trees.push(Tree { root, depth, categories });
    Ok(())
}

fn leaf(at: u32) -> Node {
    Node { threshold: f64::INFINITY, column: 0, flags: LEAF | MISSING_LEFT, child: at }
}

/// A split as the one kind of node there is.
fn split(splits: &Splits, i: usize, child: u32, forest: &mut Forest) -> Result<Node, String> {
    let (column, threshold, decision) = (splits.column[i], splits.threshold[i], splits.decision[i]);
    if column >= forest.n_columns {
        return Err(format!("it splits on column {column}, there are {}", forest.n_columns));
    }
    if decision & 1 == 1 {
        let set = splits.sets.get(threshold as usize).ok_or("a category split has no set")?;
        let packed = (forest.sets.len() as u64) << 32 | set.len() as u64;
        forest.sets.extend_from_slice(set);
        return Ok(Node { threshold: f64::from_bits(packed), column: column as u16, flags: CATEGORIES, child });
    }
    let default_left = decision & 2 != 0;
    let (column, missing_left) = match decision >> 2 & 3 {
        // Missing is zero.
        0 => (column, 0.0 <= threshold),
        // Zero is missing: such splits look at the row's second copy.
        1 => {
            forest.zeros = true;
            (column + forest.n_columns, default_left)
        }
        2 => (column, default_left),
        other => return Err(format!("it knows {other} as a kind of missing")),
    };
    let flags = if missing_left { MISSING_LEFT } else { 0 };
    Ok(Node { threshold, column: column as u16, flags, child })
}
