//! `Filter`: ids that alone may be found, sorted by where their vectors stand.

use crate::index::Index;
use crate::pending::{LATER, Pending};
use tamis_spec::mask::Mask;

/// So few allowed vectors are all compared.
const FEW: usize = 4_096;
/// Where less than one in so many is allowed, the allowed of a list are compared one by one and the others never looked at.
const SPARSE: usize = 16;

/// The ids that a search may find; made once and used in any number of searches of the index that it was made for. Vectors that come later
/// under these ids are found too.
#[derive(Clone, Debug)]
pub struct Filter {
    ids: Mask,
    n: usize,
    /// Ascending; those that the image has.
    slots: Vec<u32>,
    /// Where those of each list begin: [lists + 1].
    starts: Vec<u32>,
}

impl Index {
    /// A filter that lets these ids pass, in any order, also such as have no vector.
    pub fn filter(&self, ids: impl IntoIterator<Item = u32>) -> Filter {
        let view = self.view();
        let (mut mask, mut n) = (Mask::default(), 0);
        let mut slots = Vec::new();
        for id in ids {
            if mask.insert(id) {
                n += 1;
                slots.extend(view.slots.get(id as usize).copied().filter(|s| *s < view.header.n));
            }
        }
        slots.sort_unstable();
        let starts = view.starts.iter().map(|start| slots.partition_point(|s| s < start) as u32).collect();
        Filter { ids: mask, n, slots, starts }
    }
}

impl Filter {
    /// How many ids it lets pass.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether it lets none pass.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Whether it lets an id pass.
    #[inline(always)]
    pub fn has(&self, id: u32) -> bool {
        self.ids.has(id)
    }

    pub(crate) fn is_few(&self) -> bool {
        self.n <= FEW
    }

    pub(crate) fn is_sparse(&self, n: usize) -> bool {
        self.n * SPARSE < n
    }

    /// So many lists that as many allowed vectors are looked at as without a filter.
    pub(crate) fn lists(&self, unfiltered: usize, n: usize, n_lists: usize) -> usize {
        (unfiltered as f64 * n as f64 / self.n.max(1) as f64).ceil().min(n_lists as f64) as usize
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().copied()
    }

    pub(crate) fn slots_of(&self, list: usize) -> &[u32] {
        &self.slots[self.starts[list] as usize..self.starts[list + 1] as usize]
    }

    /// Those that came later.
    pub(crate) fn later<'a>(&'a self, pending: &'a Pending) -> impl Iterator<Item = u32> + 'a {
        let rows = pending.ids.iter().enumerate();
        rows.filter(|(_, id)| self.has(**id)).map(|(row, _)| row as u32 | LATER)
    }
}
