//! `View`: the sections of an image as slices, and how a vector is written into them.

use crate::blocks::{self, LANES};
use crate::books::{self, n_codes};
use crate::coarse;
use crate::error::Error;
use crate::image::{Draft, Header, Image, SECTIONS, Section, Shared};
use crate::vector::Similarity;
use crate::wide::{dot, wide};
use rayon::prelude::*;
use tamis_spec::MISSING;

/// Vectors as they are compared last.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows<'a> {
    /// [n, d]
    Full(&'a [f32]),
    /// What is left of each next to its centroid: [n, d] whole numbers, and what one of them is worth.
    Bytes(&'a [i8], &'a [f32]),
}

/// An image, read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) header: &'a Header,
    pub(crate) similarity: Similarity,
    pub(crate) d: usize,
    pub(crate) coarse: &'a [u8],
    pub(crate) coarse_bias: &'a [f32],
    pub(crate) spread: &'a [f32],
    pub(crate) starts: &'a [u32],
    pub(crate) blocks: &'a [u32],
    pub(crate) ids: &'a [u32],
    pub(crate) slots: &'a [u32],
    pub(crate) bias: &'a [f32],
    pub(crate) codes: &'a [u8],
    pub(crate) rows: Rows<'a>,
    pub(crate) grid: Grid<'a>,
}

/// What a vector is coded by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid<'a> {
    pub(crate) similarity: Similarity,
    pub(crate) d: usize,
    pub(crate) centroids: &'a [f32],
    pub(crate) middle: &'a [f32],
    pub(crate) books: &'a [f32],
}

impl<'a> View<'a> {
    pub(crate) fn new(image: &'a Image) -> Self {
        let header = &image.header;
        let similarity = Similarity::of(header.similarity).expect("a checked image has a known similarity");
        let d = header.dimensions as usize;
        let rows = match header.compressed {
            0 => Rows::Full(image.section(Section::Rows)),
            _ => Rows::Bytes(image.section(Section::Rows), image.section(Section::Scales)),
        };
        let grid = Grid {
            similarity,
            d,
            centroids: image.section(Section::Centroids),
            middle: image.section(Section::Middle),
            books: image.section(Section::Books),
        };
        Self {
            header,
            similarity,
            d,
            coarse: image.section(Section::Coarse),
            coarse_bias: image.section(Section::CoarseBias),
            spread: image.section(Section::Spread),
            starts: image.section(Section::Starts),
            blocks: image.section(Section::Blocks),
            ids: image.section(Section::Ids),
            slots: image.section(Section::Slots),
            bias: image.section(Section::Bias),
            codes: image.section(Section::Codes),
            rows,
            grid,
        }
    }

    /// Where the codes of a list stand.
    #[inline(always)]
    pub(crate) fn codes_of(&self, list: usize) -> &'a [u8] {
        let bytes = blocks::block_bytes(n_codes(self.d));
        &self.codes[self.blocks[list] as usize * bytes..self.blocks[list + 1] as usize * bytes]
    }

    /// The list that a slot is in.
    pub(crate) fn list_of(&self, slot: u32) -> usize {
        self.starts.partition_point(|start| *start <= slot) - 1
    }

    /// The vector of a slot: as it stands, or put together in `made`.
    #[inline(always)]
    pub(crate) fn row<'m>(&self, slot: u32, made: &'m mut Vec<f32>) -> &'m [f32]
    where
        'a: 'm,
    {
        let at = slot as usize * self.d;
        match self.rows {
            Rows::Full(rows) => &rows[at..at + self.d],
            Rows::Bytes(rows, scales) => {
                let (centroid, scale) = (self.grid.centroid(self.list_of(slot)), scales[slot as usize]);
                made.clear();
                made.extend(rows[at..at + self.d].iter().zip(centroid).map(|(r, c)| f32::from(*r) * scale + c));
                made
            }
        }
    }
}

/// Opens an image whose sections fit together.
pub(crate) fn open(bytes: Shared) -> Result<Image, Error> {
    let image = Image::open(bytes)?;
    let h = &image.header;
    let refused = |what, expected: String, found: String| Err(Error::Bytes { what, expected, found });
    if Similarity::of(h.similarity).is_none() {
        return refused("the similarity", "0, 1 or 2".into(), h.similarity.to_string());
    }
    if h.dimensions == 0 || h.lists == 0 {
        return refused("the shape", "lists and dimensions".into(), format!("{} x {}", h.lists, h.dimensions));
    }
    let n_blocks = image.section::<u8>(Section::Codes).len() / blocks::block_bytes(n_codes(h.dimensions as usize));
    let expected = lengths(h, n_blocks);
    let found: [usize; SECTIONS] = image.lengths();
    if found != expected {
        return refused("the lengths", format!("{expected:?}"), format!("{found:?}"));
    }
    let view = View::new(&image);
    let ends = |starts: &[u32], end: usize| {
        starts.is_sorted() && starts.first() == Some(&0) && starts.last().is_some_and(|s| *s as usize == end)
    };
    let within = |values: &[u32], most: u32| values.iter().all(|v| *v < most || *v == MISSING);
    let fits = view.starts.windows(2).zip(view.blocks.windows(2));
    let fits = fits.map(|(s, b)| (s[1].wrapping_sub(s[0]), b[1].wrapping_sub(b[0])));
    let sound = ends(view.starts, h.n as usize)
        && ends(view.blocks, n_blocks)
        && fits.into_iter().all(|(n, blocks)| n.div_ceil(LANES as u32) == blocks)
        && within(view.ids, h.n_ids)
        && within(view.slots, h.n);
    if !sound {
        return refused("the table of lists", "in order".into(), "out of order".into());
    }
    Ok(image)
}

/// Bytes of each section.
fn lengths(h: &Header, n_blocks: usize) -> [usize; SECTIONS] {
    let (d, n, lists) = (h.dimensions as usize, h.n as usize, h.lists as usize);
    let (compressed, euclidean) = (h.compressed != 0, h.similarity == Similarity::Euclidean.code());
    let coarse = lists.div_ceil(coarse::BLOCK);
    let mut out = [0; SECTIONS];
    let mut set = |section: Section, bytes: usize| out[section as usize] = bytes;
    set(Section::Centroids, 4 * lists * d);
    set(Section::Middle, 4 * d);
    set(Section::Coarse, coarse * coarse::block_bytes(d));
    set(Section::CoarseBias, 4 * coarse * coarse::BLOCK);
    set(Section::Spread, 4 * coarse * coarse::BLOCK);
    set(Section::Books, 4 * n_codes(d) * books::CODES * books::WIDTH);
    set(Section::Starts, 4 * (lists + 1));
    set(Section::Blocks, 4 * (lists + 1));
    set(Section::Ids, 4 * n);
    set(Section::Slots, 4 * h.n_ids as usize);
    set(Section::Bias, if euclidean { 4 * n_blocks * LANES } else { 0 });
    set(Section::Codes, n_blocks * blocks::block_bytes(n_codes(d)));
    set(Section::Rows, if compressed { n * d } else { 4 * n * d });
    set(Section::Scales, if compressed { 4 * n } else { 0 });
    out
}

/// One vector as it is stored.
pub(crate) struct Lane<'a> {
    /// [n_codes], each below 16.
    pub(crate) codes: &'a mut [u8],
    pub(crate) bias: f32,
    /// f32 or i8 [d], as bytes.
    pub(crate) row: &'a mut [u8],
    pub(crate) scale: f32,
}

impl Grid<'_> {
    #[inline(always)]
    pub(crate) fn centroid(&self, list: usize) -> &[f32] {
        &self.centroids[list * self.d..][..self.d]
    }

    /// The codes of a vector in a list, and what must be added to what they are worth. `rest` is written over.
    pub(crate) fn encode(&self, x: &[f32], list: usize, rest: &mut Vec<f32>, codes: &mut [u8]) -> f32 {
        let centroid = self.centroid(list);
        rest.clear();
        rest.extend(x.iter().zip(centroid).map(|(x, c)| x - c));
        books::encode(self.books, rest, codes);
        if self.similarity != Similarity::Euclidean {
            return 0.0;
        }
        // -|q-x|²/2 = -|q-c|²/2 + q·r - c·r - |r|²/2, of which codes give q·r.
        let from: Vec<f32> = centroid.iter().zip(self.middle).map(|(c, m)| c - m).collect();
        -books::product(self.books, codes, &from) - half_square(rest)
    }

    /// Writes a vector as it is compared last. `rest` is what [`Self::encode`] left.
    pub(crate) fn store(&self, x: &[f32], rest: &[f32], lane: &mut Lane<'_>) {
        if lane.row.len() == 4 * self.d {
            lane.row.copy_from_slice(bytemuck::cast_slice(x));
            return;
        }
        let scale = rest.iter().fold(0.0f32, |most, v| most.max(v.abs())) / 127.0;
        lane.scale = scale;
        let per = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        lane.row.iter_mut().zip(rest).for_each(|(o, r)| *o = (r * per).round_ties_even() as i8 as u8);
    }
}

wide! {
    fn half_square(x: &[f32]) -> f32 {
        dot(x, x) / 2.0
    }
}

/// What an image is made of.
pub(crate) struct Parts<'a> {
    pub(crate) header: Header,
    pub(crate) grid: Grid<'a>,
    /// Where the members of each list begin: [lists + 1].
    pub(crate) starts: Vec<u32>,
    /// By list.
    pub(crate) ids: Vec<u32>,
    /// By list.
    pub(crate) spread: Vec<f32>,
}

/// Writes the vector of `ids[at]`, which is in a list: (at, list, memory, lane).
pub(crate) type Write<'a> = dyn Fn(usize, usize, &mut Vec<f32>, &mut Lane<'_>) + Sync + 'a;

/// Lays out an image.
pub(crate) fn laid_out(parts: Parts<'_>, write: &Write<'_>) -> Draft {
    let Parts { mut header, grid, starts, ids, mut spread } = parts;
    let (d, lists) = (grid.d, starts.len() - 1);
    let mut blocks_at = vec![0u32; lists + 1];
    for l in 0..lists {
        blocks_at[l + 1] = blocks_at[l] + (starts[l + 1] - starts[l]).div_ceil(LANES as u32);
    }
    let n_blocks = blocks_at[lists] as usize;
    (header.n, header.lists, header.dimensions) = (ids.len() as u32, lists as u32, d as u32);
    let (coarse_codes, _, coarse_step) = coarse::coded(grid.centroids, d);
    header.coarse_step = coarse_step;
    let mut draft = Draft::new(header, lengths(&header, n_blocks));
    let mut sections = draft.sections();
    let mut put = |section: Section, bytes: &[u8]| sections[section as usize].copy_from_slice(bytes);
    put(Section::Centroids, bytemuck::cast_slice(grid.centroids));
    put(Section::Middle, bytemuck::cast_slice(grid.middle));
    put(Section::Coarse, &coarse_codes);
    put(Section::CoarseBias, bytemuck::cast_slice(&coarse_bias(&grid, lists)));
    spread.resize(lists.next_multiple_of(coarse::BLOCK), 0.0);
    put(Section::Spread, bytemuck::cast_slice(&spread));
    put(Section::Books, bytemuck::cast_slice(grid.books));
    put(Section::Starts, bytemuck::cast_slice(&starts));
    put(Section::Blocks, bytemuck::cast_slice(&blocks_at));
    put(Section::Ids, bytemuck::cast_slice(&ids));
    let mut slots = vec![MISSING; header.n_ids as usize];
    ids.iter().enumerate().for_each(|(slot, id)| slots[*id as usize] = slot as u32);
    put(Section::Slots, bytemuck::cast_slice(&slots));

    let [.., bias, codes, rows, scales] = &mut sections;
    let (bias, scales): (&mut [f32], &mut [f32]) = (bytemuck::cast_slice_mut(bias), bytemuck::cast_slice_mut(scales));
    let row_bytes = if header.compressed != 0 { d } else { 4 * d };
    let mut jobs = Vec::with_capacity(lists);
    let mut rest = (bias, &mut codes[..], &mut rows[..], scales);
    for l in 0..lists {
        let (n, n_blocks) = ((starts[l + 1] - starts[l]) as usize, (blocks_at[l + 1] - blocks_at[l]) as usize);
        jobs.push(Job {
            first: starts[l] as usize,
            n,
            list: l,
            bias: take(&mut rest.0, n_blocks * LANES),
            codes: take(&mut rest.1, n_blocks * blocks::block_bytes(n_codes(d))),
            rows: take(&mut rest.2, n * row_bytes),
            scales: take(&mut rest.3, n),
        });
    }
    jobs.into_par_iter().for_each(|job| job.run(d, row_bytes, write));
    draft
}

/// What the centroid of each list adds to its product with a query.
fn coarse_bias(grid: &Grid<'_>, lists: usize) -> Vec<f32> {
    let mut out = vec![f32::NEG_INFINITY; lists.next_multiple_of(coarse::BLOCK)];
    for (l, bias) in out[..lists].iter_mut().enumerate() {
        let from: Vec<f32> = grid.centroid(l).iter().zip(grid.middle).map(|(c, m)| c - m).collect();
        *bias = if grid.similarity == Similarity::Euclidean { -half_square(&from) } else { 0.0 };
    }
    out
}

/// As much as there is, at most `n`, from the front.
fn take<'a, T>(from: &mut &'a mut [T], n: usize) -> &'a mut [T] {
    let all = std::mem::take(from);
    let (taken, rest) = all.split_at_mut(n.min(all.len()));
    *from = rest;
    taken
}

/// A list to be written.
struct Job<'a> {
    first: usize,
    n: usize,
    list: usize,
    bias: &'a mut [f32],
    codes: &'a mut [u8],
    rows: &'a mut [u8],
    scales: &'a mut [f32],
}

impl Job<'_> {
    fn run(self, d: usize, row_bytes: usize, write: &Write<'_>) {
        let (mut codes, mut rest) = (vec![0; n_codes(d)], Vec::with_capacity(d));
        let bytes = blocks::block_bytes(n_codes(d));
        for i in 0..self.n {
            let row = &mut self.rows[i * row_bytes..][..row_bytes];
            let mut lane = Lane { codes: &mut codes, bias: 0.0, row, scale: 0.0 };
            write(self.first + i, self.list, &mut rest, &mut lane);
            let (lane_bias, scale) = (lane.bias, lane.scale);
            blocks::put(&mut self.codes[i / LANES * bytes..][..bytes], i % LANES, &codes);
            if let Some(bias) = self.bias.get_mut(i) {
                *bias = lane_bias;
            }
            if let Some(s) = self.scales.get_mut(i) {
                *s = scale;
            }
        }
    }
}
