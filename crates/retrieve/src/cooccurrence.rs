//! How often items are met by the same users: a square of counts while there are few items, bounded rows above.

/// Up to so many items every pair has its own count: at most 64 MiB.
pub(crate) const DENSE_ITEMS: usize = 4096;
/// Above that an item's row counts at most so many others. When it is full, the half with the smallest counts is dropped
/// (of equal counts the larger index), and what was dropped starts again from nothing when it comes back.
pub(crate) const ROW_ENTRIES: usize = 512;

/// Counts by ordered pair of items.
pub(crate) enum Cooccurrence {
    /// [side, side] row-major.
    Dense {
        /// A power of two, or 0 at first.
        side: usize,
        /// By pair.
        counts: Vec<f32>,
    },
    /// By item.
    Sparse(Vec<Row>),
}

/// What is counted with one item.
pub(crate) enum Counted<'a> {
    /// By item, 0 for none.
    All(&'a [f32]),
    /// Items and their counts.
    Some(&'a Row),
}

impl Counted<'_> {
    /// The count of an item; 0 for none.
    #[inline]
    pub(crate) fn get(&self, item: u32) -> f32 {
        match self {
            Self::All(row) => row.get(item as usize).copied().unwrap_or(0.0),
            Self::Some(row) => row.get(item),
        }
    }
}

impl Default for Cooccurrence {
    fn default() -> Self {
        Self::Dense { side: 0, counts: Vec::new() }
    }
}

impl Cooccurrence {
    /// Makes room for items below `n_items`.
    pub(crate) fn reach(&mut self, n_items: usize) {
        if let Self::Dense { side, counts } = self {
            if n_items <= *side {
                return;
            }
            let (old, before) = (*side, std::mem::take(counts));
            if n_items <= DENSE_ITEMS {
                *side = n_items.next_power_of_two().max(256);
                *counts = vec![0.0; *side * *side];
                for row in 0..old {
                    counts[row * *side..][..old].copy_from_slice(&before[row * old..][..old]);
                }
                return;
            }
            let sparse = |row: &[f32]| {
                let mut out = Row::default();
                let counted = row.iter().enumerate().filter(|(_, c)| **c > 0.0);
                counted.for_each(|(item, count)| out.add(item as u32, *count));
                out
            };
            *self = Self::Sparse(before.chunks(old.max(1)).map(sparse).collect());
        }
        if let Self::Sparse(rows) = self
            && rows.len() < n_items
        {
            rows.resize_with(n_items, Row::default);
        }
    }

    /// Adds to the counts of pairs from `item` to each partner.
    pub(crate) fn add_from(&mut self, item: u32, partners: &[(u32, f32)]) {
        match self {
            Self::Dense { side, counts } => {
                let row = &mut counts[item as usize * *side..][..*side];
                partners.iter().for_each(|(partner, weight)| row[*partner as usize] += weight);
            }
            Self::Sparse(rows) => {
                partners.iter().for_each(|(partner, weight)| rows[item as usize].add(*partner, *weight))
            }
        }
    }

    /// Adds to the counts of pairs from each partner to `item`.
    pub(crate) fn add_to(&mut self, item: u32, partners: &[(u32, f32)]) {
        match self {
            Self::Dense { side, counts } => {
                let column = &mut counts[item as usize..];
                partners.iter().for_each(|(partner, weight)| column[*partner as usize * *side] += weight);
            }
            Self::Sparse(rows) => {
                partners.iter().for_each(|(partner, weight)| rows[*partner as usize].add(item, *weight))
            }
        }
    }

    /// The counts of pairs from `item`.
    pub(crate) fn from(&self, item: u32) -> Counted<'_> {
        match self {
            Self::Dense { side, counts } => Counted::All(&counts[item as usize * side..][..*side]),
            Self::Sparse(rows) => Counted::Some(&rows[item as usize]),
        }
    }
}

/// Counts of at most [`ROW_ENTRIES`] items: open addressing over a power of two, at most half full.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    slots: Vec<(u32, f32)>,
    len: usize,
}

const EMPTY: u32 = u32::MAX;

impl Row {
    /// Items and counts, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        self.slots.iter().copied().filter(|(item, _)| *item != EMPTY)
    }

    fn get(&self, item: u32) -> f32 {
        if self.slots.is_empty() {
            return 0.0;
        }
        let (found, count) = self.slots[self.place(item)];
        if found == item { count } else { 0.0 }
    }

    fn add(&mut self, item: u32, weight: f32) {
        if self.slots.is_empty() {
            self.slots = vec![(EMPTY, 0.0); 8];
        }
        let at = self.place(item);
        if self.slots[at].0 == item {
            self.slots[at].1 += weight;
            return;
        }
        if self.len == ROW_ENTRIES {
            self.rebuild(ROW_ENTRIES / 2, self.slots.len());
        } else if (self.len + 1) * 2 > self.slots.len() {
            self.rebuild(self.len, self.slots.len() * 2);
        }
        let at = self.place(item);
        self.slots[at] = (item, weight);
        self.len += 1;
    }

    /// Where the item is, or the empty slot where it belongs.
    fn place(&self, item: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = item.wrapping_mul(0x9E37_79B9) as usize >> 7 & mask;
        while self.slots[at].0 != item && self.slots[at].0 != EMPTY {
            at = (at + 1) & mask;
        }
        at
    }

    /// Keeps the largest counts, in that many slots.
    fn rebuild(&mut self, n_kept: usize, n_slots: usize) {
        let mut entries: Vec<_> = self.iter().collect();
        if n_kept < entries.len() {
            entries.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            entries.truncate(n_kept);
        }
        self.len = entries.len();
        self.slots.clear();
        self.slots.resize(n_slots, (EMPTY, 0.0));
        for entry in entries {
            let at = self.place(entry.0);
            self.slots[at] = entry;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(row: &Row) -> Vec<(u32, f32)> {
        let mut entries: Vec<_> = row.iter().collect();
        entries.sort_by_key(|e| e.0);
        entries
    }

    #[test]
    fn a_full_row_drops_the_half_with_the_smallest_counts() {
        let n = ROW_ENTRIES as u32;
        let mut row = Row::default();
        (0..n).for_each(|item| row.add(item * 7, 1.0 + (item % 2) as f32));
        assert_eq!(row.iter().count(), ROW_ENTRIES);
        row.add(7, 1.0);
        assert_eq!(row.iter().count(), ROW_ENTRIES, "an item that is counted takes no room");
        row.add(1, 1.0);
        let mut expected: Vec<_> = (0..n).filter(|item| item % 2 == 1).map(|item| (item * 7, 2.0)).collect();
        expected[0].1 = 3.0;
        expected.insert(0, (1, 1.0));
        assert_eq!(sorted(&row), expected);
    }

    #[test]
    fn growing_keeps_every_count() {
        let mut counts = Cooccurrence::default();
        let mut expected = Vec::new();
        for n_items in [3, 256, 300, DENSE_ITEMS, DENSE_ITEMS + 1, 3 * DENSE_ITEMS] {
            counts.reach(n_items);
            let last = n_items as u32 - 1;
            counts.add_from(1, &[(last, 2.0), (0, 0.5)]);
            counts.add_to(2, &[(1, 1.0)]);
            expected.push((last, 2.0));
            let mut found: Vec<_> = match counts.from(1) {
                Counted::All(row) => {
                    row.iter().enumerate().map(|(i, c)| (i as u32, *c)).filter(|e| e.1 > 0.0).collect()
                }
                Counted::Some(row) => sorted(row),
            };
            let n = expected.len() as f32;
            let mut all = expected.clone();
            all.push((0, 0.5 * n));
            match all.iter_mut().find(|e| e.0 == 2) {
                Some(two) => two.1 += n,
                None => all.push((2, n)),
            }
            all.sort_by_key(|e| e.0);
            found.sort_by_key(|e| e.0);
            assert_eq!(found, all, "{n_items} items");
        }
        assert!(matches!(counts, Cooccurrence::Sparse(_)));
    }
}
