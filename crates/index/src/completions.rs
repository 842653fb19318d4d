//! What a text can be completed to: entries with weights, the heaviest first.
//!
//! Entries lie in order in a dictionary that numbers them; a tree of maxima over their weights finds the heaviest of a range without
//! reading the range. What is new lies beside it until there is enough to write the dictionary anew.

use fst::raw::Fst;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

/// New entries beside the dictionary before it is written anew.
pub const NEW_ENTRIES_MAX: usize = 8_192;

/// A text and how much it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The text, as it was given.
    pub text: String,
    /// Its weight.
    pub weight: f32,
}

/// Texts with weights, asked by how they begin.
pub struct Completions {
    dictionary: Fst<Vec<u8>>,
    /// A tree of maxima: the weights of the dictionary's entries from `n_leaves` on; −∞ for an entry that is no more.
    tree: Vec<f32>,
    n_leaves: usize,
    new: BTreeMap<String, f32>,
}

impl Default for Completions {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Completions {
    /// Of entries; the last weight of a text counts.
    pub fn of(entries: Vec<(String, f32)>) -> Self {
        let entries: BTreeMap<String, f32> = entries.into_iter().collect();
        let mut dictionary = fst::raw::Builder::memory();
        let n_leaves = entries.len().next_power_of_two();
        let mut tree = vec![f32::NEG_INFINITY; 2 * n_leaves];
        for (i, (text, weight)) in entries.iter().enumerate() {
            dictionary.insert(text, i as u64).expect("texts come in order and memory takes them");
            tree[n_leaves + i] = finite(*weight);
        }
        for node in (1..n_leaves).rev() {
            tree[node] = tree[2 * node].max(tree[2 * node + 1]);
        }
        Self { dictionary: dictionary.into_fst(), tree, n_leaves, new: BTreeMap::new() }
    }

    /// Gives a text a weight; the next question sees it.
    pub fn set(&mut self, text: &str, weight: f32) {
        match self.dictionary.get(text) {
            Some(idx) => self.put(idx.value() as usize, finite(weight)),
            None => {
                self.new.insert(text.to_owned(), finite(weight));
                if self.new.len() >= NEW_ENTRIES_MAX {
                    self.renew();
                }
            }
        }
    }

    /// Leaves a text out; whether it was there.
    pub fn remove(&mut self, text: &str) -> bool {
        let there = self.weight(text).is_some();
        match self.dictionary.get(text) {
            Some(idx) => self.put(idx.value() as usize, f32::NEG_INFINITY),
            None => drop(self.new.remove(text)),
        }
        there
    }

    /// A text's weight.
    pub fn weight(&self, text: &str) -> Option<f32> {
        match self.dictionary.get(text) {
            Some(idx) => Some(self.tree[self.n_leaves + idx.value() as usize]).filter(|w| *w > f32::NEG_INFINITY),
            None => self.new.get(text).copied(),
        }
    }

    /// The `n` heaviest texts that begin with `prefix`, heaviest first, equal ones by text.
    pub fn suggest(&self, prefix: &str, n: usize) -> Vec<Completion> {
        let new = self.new.range(prefix.to_owned()..).take_while(|(text, _)| text.starts_with(prefix));
        let mut out: Vec<Completion> =
            new.map(|(text, weight)| Completion { text: text.clone(), weight: *weight }).collect();
        let mut texts = self.heaviest(prefix);
        out.extend(std::iter::from_fn(|| texts.next()).take(n));
        out.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.text.cmp(&b.text)));
        out.truncate(n);
        out
    }

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> usize {
        let new: usize = self.new.keys().map(|text| text.len() + 64).sum();
        self.dictionary.as_bytes().len() + self.tree.len() * 4 + new
    }

    /// The dictionary's entries that begin with `prefix`, heaviest first.
    fn heaviest(&self, prefix: &str) -> Heaviest<'_> {
        let from = self.first_from(prefix.as_bytes());
        let to = after(prefix.as_bytes()).map_or(self.dictionary.len(), |end| self.first_from(&end));
        let mut heap = BinaryHeap::new();
        // The nodes that together are the range.
        let (mut low, mut high) = (from + self.n_leaves, to + self.n_leaves);
        while low < high {
            if low % 2 == 1 {
                heap.push(self.node(low));
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                heap.push(self.node(high));
            }
            low /= 2;
            high /= 2;
        }
        Heaviest { of: self, heap }
    }

    /// A node with its maximum and its first entry.
    fn node(&self, node: usize) -> Node {
        let mut first = node;
        while first < self.n_leaves {
            first *= 2;
        }
        Node { weight: self.tree[node], first, node }
    }

    /// The number of the first entry that is not before `text`.
    fn first_from(&self, text: &[u8]) -> usize {
        use fst::{IntoStreamer, Streamer};
        let mut entries = self.dictionary.range().ge(text).into_stream();
        entries.next().map_or(self.dictionary.len(), |(_, idx)| idx.value() as usize)
    }

    fn put(&mut self, idx: usize, weight: f32) {
        let mut node = self.n_leaves + idx;
        self.tree[node] = weight;
        while node > 1 {
            node /= 2;
            self.tree[node] = self.tree[2 * node].max(self.tree[2 * node + 1]);
        }
    }

    /// Writes the dictionary anew, with what is new and without what is no more.
    fn renew(&mut self) {
        use fst::Streamer;
        let mut all: Vec<(String, f32)> = std::mem::take(&mut self.new).into_iter().collect();
        let mut entries = self.dictionary.stream();
        while let Some((text, idx)) = entries.next() {
            let weight = self.tree[self.n_leaves + idx.value() as usize];
            if weight > f32::NEG_INFINITY {
                all.push((String::from_utf8_lossy(text).into_owned(), weight));
            }
        }
        *self = Self::of(all);
    }
}

/// A weight that orders: what is no number counts least.
fn finite(weight: f32) -> f32 {
    if weight.is_nan() { f32::MIN } else { weight.clamp(f32::MIN, f32::MAX) }
}

/// The first text behind all that begin with `prefix`; none where nothing is.
fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|b| *b < 255)?;
    let mut out = prefix[..=last].to_vec();
    out[last] += 1;
    Some(out)
}

/// A node of the tree: heavier ones first, then earlier ones.
struct Node {
    weight: f32,
    first: usize,
    node: usize,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Node {}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Node {
    fn cmp(&self, other: &Self) -> Ordering {
        self.weight.total_cmp(&other.weight).then(other.first.cmp(&self.first))
    }
}

/// Entries of a range, heaviest first.
struct Heaviest<'a> {
    of: &'a Completions,
    heap: BinaryHeap<Node>,
}

impl Heaviest<'_> {
    fn next(&mut self) -> Option<Completion> {
        loop {
            let top = self.heap.pop().filter(|top| top.weight > f32::NEG_INFINITY)?;
            if top.node >= self.of.n_leaves {
                let text = self.of.dictionary.get_key((top.node - self.of.n_leaves) as u64)?;
                return Some(Completion { text: String::from_utf8_lossy(&text).into_owned(), weight: top.weight });
            }
            self.heap.push(self.of.node(2 * top.node));
            self.heap.push(self.of.node(2 * top.node + 1));
        }
    }
}
