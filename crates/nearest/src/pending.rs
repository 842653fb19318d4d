//! `Pending`: what changed since an image was made. Vectors that came stand in lists of their own, one beside each of the image's, coded by the
//! same centroids; slots of the image that went are marked.

use crate::blocks::{self, LANES};
use crate::books::n_codes;
use crate::layout::Grid;
use crate::panels::Panels;
use rustc_hash::FxHashMap;
use std::sync::OnceLock;
use tamis_spec::MISSING;

/// The bit of a slot that came later.
pub(crate) const LATER: u32 = 1 << 31;

/// Changes by one writer.
#[derive(Default)]
pub(crate) struct Pending {
    /// A bit for each slot of the image that is no more; empty while there is none.
    pub(crate) gone: Vec<u64>,
    pub(crate) n_gone: usize,
    /// By list; empty while nothing came.
    pub(crate) lists: Vec<Grown>,
    /// [rows, d]; those of `MISSING` ids wait for the next that comes.
    rows: Vec<f32>,
    /// By row.
    pub(crate) ids: Vec<u32>,
    places: Vec<Place>,
    free: Vec<u32>,
    by_id: FxHashMap<u32, u32>,
    panels: OnceLock<Panels>,
}

/// Where the codes of a row stand.
#[derive(Clone, Copy)]
struct Place {
    list: u32,
    lane: u32,
}

/// A list that grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grown {
    pub(crate) codes: Vec<u8>,
    pub(crate) bias: Vec<f32>,
    /// Rows, by lane.
    pub(crate) rows: Vec<u32>,
}

impl Pending {
    /// Whether nothing changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.n_gone == 0 && self.by_id.is_empty()
    }

    /// How many vectors came and are still there.
    pub(crate) fn n_came(&self) -> usize {
        self.by_id.len()
    }

    /// The row of an id that came later.
    pub(crate) fn row_of(&self, id: u32) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    #[inline(always)]
    pub(crate) fn row(&self, row: u32, d: usize) -> &[f32] {
        &self.rows[row as usize * d..][..d]
    }

    /// The rows of the list, by lane.
    #[inline(always)]
    pub(crate) fn list(&self, list: usize) -> Option<&Grown> {
        self.lists.get(list).filter(|l| !l.rows.is_empty())
    }

    #[inline(always)]
    pub(crate) fn is_gone(&self, slot: u32) -> bool {
        self.gone.get(slot as usize / 64).is_some_and(|w| w >> (slot % 64) & 1 == 1)
    }

    /// Marks a slot of the image, which has `n`; true if it was there.
    pub(crate) fn forget(&mut self, slot: u32, n: usize) -> bool {
        if self.gone.is_empty() {
            self.gone.resize(n.div_ceil(64), 0);
        }
        let (word, bit) = (&mut self.gone[slot as usize / 64], 1u64 << (slot % 64));
        let was = *word & bit == 0;
        *word |= bit;
        self.n_gone += usize::from(was);
        was
    }

    /// Adds a vector under an id that has none.
    pub(crate) fn add(&mut self, id: u32, x: &[f32], grid: &Grid<'_>) {
        let (d, n_lists) = (grid.d, grid.centroids.len() / grid.d);
        self.lists.resize(n_lists, Grown::default());
        let list = self.panels.get_or_init(|| Panels::new(grid.centroids, d)).nearest_of(x);
        let (mut codes, mut rest) = (vec![0; n_codes(d)], Vec::new());
        let bias = grid.encode(x, list as usize, &mut rest, &mut codes);
        let row = self.free.pop().unwrap_or_else(|| {
            self.rows.resize(self.rows.len() + d, 0.0);
            self.ids.push(MISSING);
            self.places.push(Place { list: 0, lane: 0 });
            self.ids.len() as u32 - 1
        });
        self.rows[row as usize * d..][..d].copy_from_slice(x);
        self.ids[row as usize] = id;
        let into = &mut self.lists[list as usize];
        self.places[row as usize] = Place { list, lane: into.rows.len() as u32 };
        into.push(row, bias, &codes);
        self.by_id.insert(id, row);
    }

    /// Removes a vector that came later; true if there was one.
    pub(crate) fn drop_later(&mut self, id: u32, d: usize) -> bool {
        let Some(row) = self.by_id.remove(&id) else { return false };
        let Place { list, lane } = self.places[row as usize];
        if let Some(moved) = self.lists[list as usize].remove(lane as usize, n_codes(d)) {
            self.places[moved as usize].lane = lane;
        }
        self.ids[row as usize] = MISSING;
        self.free.push(row);
        true
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        let lists: usize =
            self.lists.iter().map(|l| l.codes.capacity() + 4 * (l.bias.capacity() + l.rows.capacity())).sum();
        let rows = 4 * self.rows.capacity() + self.ids.capacity() * (4 + size_of::<Place>() + 9);
        lists + rows + 8 * self.gone.capacity() + self.lists.capacity() * size_of::<Grown>()
    }
}

impl Grown {
    fn push(&mut self, row: u32, bias: f32, codes: &[u8]) {
        let (lane, bytes) = (self.rows.len(), blocks::block_bytes(codes.len()));
        if lane.is_multiple_of(LANES) {
            self.codes.resize(self.codes.len() + bytes, 0);
            self.bias.resize(self.bias.len() + LANES, 0.0);
        }
        blocks::put(&mut self.codes[lane / LANES * bytes..][..bytes], lane % LANES, codes);
        self.bias[lane] = bias;
        self.rows.push(row);
    }

    /// Fills a lane with the last; the row that was moved, if one was.
    fn remove(&mut self, lane: usize, n_codes: usize) -> Option<u32> {
        let (last, bytes) = (self.rows.len() - 1, blocks::block_bytes(n_codes));
        let mut codes = vec![0; n_codes];
        blocks::get(&self.codes[last / LANES * bytes..][..bytes], last % LANES, &mut codes);
        blocks::put(&mut self.codes[lane / LANES * bytes..][..bytes], lane % LANES, &codes);
        self.bias[lane] = self.bias[last];
        self.rows.swap_remove(lane);
        if last.is_multiple_of(LANES) {
            self.codes.truncate(last / LANES * bytes);
            self.bias.truncate(last);
        }
        self.rows.get(lane).copied()
    }
}
