//! `Index`: vectors to be searched, what changed since they were laid out, and all of it as bytes.

use crate::blocks;
use crate::books::n_codes;
use crate::build::VECTORS_MAX;
use crate::effort::Effort;
use crate::error::Error;
use crate::image::{Header, Image, Shared};
use crate::layout::{self, Lane, Parts, Rows, View, laid_out};
use crate::pending::{LATER, Pending};
use crate::vector::Similarity;
use std::path::Path;
use tamis_spec::MISSING;

/// Approximate nearest neighbours among vectors with dense ids, for more than [`Flat::BELOW`](crate::Flat::BELOW) of them. One writer, any
/// number of readers.
pub struct Index {
    pub(crate) image: Image,
    pub(crate) pending: Pending,
    n_ids: usize,
}

impl Index {
    /// So many changes, or as many as there are vectors laid out if those are more, are laid out by the next one that comes.
    pub const PENDING_MAX: usize = 1 << 16;

    pub(crate) fn of(image: Image) -> Self {
        let n_ids = image.header.n_ids as usize;
        Self { image, pending: Pending::default(), n_ids }
    }

    /// Reads what [`Self::to_bytes`] gave, in place: `Arc<Vec<u8>>` or a mapped file. Every byte is checked.
    pub fn open(bytes: Shared) -> Result<Self, Error> {
        Ok(Self::of(layout::open(bytes)?))
    }

    /// Maps a file and reads it in place. It must not be written while it is mapped.
    pub fn open_file(path: &Path) -> Result<Self, Error> {
        let failed = |e: std::io::Error| Error::File { path: path.display().to_string(), why: e.to_string() };
        let file = std::fs::File::open(path).map_err(failed)?;
        // SAFETY: the caller promises that nobody writes the file.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
        Self::open(std::sync::Arc::new(map))
    }

    /// All of it, changes laid out. The same vectors under the same centroids give the same bytes, whatever the order in which they came.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.pending.is_empty() && self.n_ids == self.image.header.n_ids as usize {
            self.image.to_bytes()
        } else {
            self.settled().to_bytes()
        }
    }

    /// Lays out what changed, as [`Self::to_bytes`] does; searches cost less then. The centroids stay: an index of whose vectors most have
    /// changed is better built anew.
    pub fn settle(&mut self) {
        if !self.pending.is_empty() {
            (self.image, self.pending) = (self.settled(), Pending::default());
        }
    }

    /// How many vectors it has.
    pub fn len(&self) -> usize {
        self.image.header.n as usize - self.pending.n_gone + self.pending.n_came()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more than the largest id so far.
    pub fn n_ids(&self) -> usize {
        self.n_ids
    }

    /// Vectors that came or went since it was laid out.
    pub fn n_pending(&self) -> usize {
        self.pending.n_gone + self.pending.n_came()
    }

    /// Length of its vectors.
    pub fn dimensions(&self) -> usize {
        self.image.header.dimensions as usize
    }

    /// What is near.
    pub fn similarity(&self) -> Similarity {
        self.view().similarity
    }

    /// The recall that its own effort was measured to have when it was built.
    pub fn recall(&self) -> f32 {
        self.image.header.recall
    }

    /// The effort that was measured to reach the declared recall.
    pub fn effort(&self) -> Effort {
        let h = &self.image.header;
        Effort { lists: h.effort_lists as usize, rerank: h.effort_rerank as usize }
    }

    /// Bytes in memory, or in the mapped file.
    pub fn bytes(&self) -> usize {
        self.image.bytes().len() + self.pending.bytes()
    }

    /// Whether an id has a vector.
    pub fn has(&self, id: u32) -> bool {
        self.slot_of(id).is_some()
    }

    /// Gives an id a vector, in place of the one it had. Under the cosine a vector of zeros removes it.
    pub fn insert(&mut self, id: u32, x: &[f32]) -> Result<(), Error> {
        if id as usize >= VECTORS_MAX {
            return Err(Error::TooMany { what: "ids", found: id as usize + 1, most: VECTORS_MAX });
        }
        let (similarity, d) = (self.similarity(), self.dimensions());
        let mut prepared = Vec::with_capacity(d);
        let some = similarity.prepare(x, d, Some(id), &mut prepared)?;
        self.remove(id);
        if self.n_pending() >= Self::PENDING_MAX.max(self.image.header.n as usize) {
            self.settle();
        }
        self.n_ids = self.n_ids.max(id as usize + 1);
        if some {
            let view = View::new(&self.image);
            self.pending.add(id, &prepared, &view.grid);
        }
        Ok(())
    }

    /// Takes the vector of an id away; true if it had one.
    pub fn remove(&mut self, id: u32) -> bool {
        let (d, n) = (self.dimensions(), self.image.header.n as usize);
        if self.pending.drop_later(id, d) {
            return true;
        }
        let slot = self.view().slots.get(id as usize).copied().filter(|s| *s != MISSING);
        slot.is_some_and(|slot| self.pending.forget(slot, n))
    }

    pub(crate) fn view(&self) -> View<'_> {
        View::new(&self.image)
    }

    /// Where the vector of an id stands: a slot of the image, or with the bit [`LATER`] a row that came.
    #[inline]
    pub(crate) fn slot_of(&self, id: u32) -> Option<u32> {
        if let Some(row) = self.pending.row_of(id) {
            return Some(row | LATER);
        }
        let slots: &[u32] = self.image.section(crate::image::Section::Slots);
        slots.get(id as usize).copied().filter(|s| *s != MISSING && !self.pending.is_gone(*s))
    }

    fn settled(&self) -> Image {
        let view = self.view();
        let n_lists = view.header.lists as usize;
        let mut members: Vec<(u32, u32)> = Vec::with_capacity(self.len());
        let (mut starts, mut ids) = (vec![0], Vec::with_capacity(self.len()));
        let mut slots = Vec::with_capacity(self.len());
        for l in 0..n_lists {
            members.clear();
            let stay = (view.starts[l]..view.starts[l + 1]).filter(|slot| !self.pending.is_gone(*slot));
            members.extend(stay.map(|slot| (view.ids[slot as usize], slot)));
            let came = self.pending.list(l).map_or(&[][..], |g| &g.rows);
            members.extend(came.iter().map(|row| (self.pending.ids[*row as usize], row | LATER)));
            members.sort_unstable();
            ids.extend(members.iter().map(|m| m.0));
            slots.extend(members.iter().map(|m| m.1));
            starts.push(ids.len() as u32);
        }
        let header = Header { n_ids: self.n_ids as u32, ..*view.header };
        let write = |at: usize, list: usize, rest: &mut Vec<f32>, lane: &mut Lane<'_>| {
            if slots[at] & LATER != 0 {
                let x = self.pending.row(slots[at] & !LATER, view.d);
                lane.bias = view.grid.encode(x, list, rest, lane.codes);
                view.grid.store(x, rest, lane);
            } else {
                copied(&view, slots[at], list, lane);
            }
        };
        let spread = view.spread[..n_lists].to_vec();
        laid_out(Parts { header, grid: view.grid, starts, ids, spread }, &write).finish()
    }
}

/// A vector of an image as it stands there.
fn copied(view: &View<'_>, slot: u32, list: usize, lane: &mut Lane<'_>) {
    let (slot, d) = (slot as usize, view.d);
    let within = slot - view.starts[list] as usize;
    let bytes = blocks::block_bytes(n_codes(d));
    let block = &view.codes_of(list)[within / blocks::LANES * bytes..][..bytes];
    blocks::get(block, within % blocks::LANES, lane.codes);
    lane.bias = view.bias.get(view.blocks[list] as usize * blocks::LANES + within).copied().unwrap_or(0.0);
    match view.rows {
        Rows::Full(rows) => lane.row.copy_from_slice(bytemuck::cast_slice(&rows[slot * d..][..d])),
        Rows::Bytes(rows, scales) => {
            lane.row.copy_from_slice(bytemuck::cast_slice(&rows[slot * d..][..d]));
            lane.scale = scales[slot];
        }
    }
}
