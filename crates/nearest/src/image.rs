//! `Image`: an index as its bytes. A header with lengths and checksums, then sections that stand at multiples of 64 bytes and are read where
//! they lie.

use crate::error::Error;
use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"TAMISNN\n";
const VERSION: u32 = 1;
const ALIGN: usize = 64;

/// Bytes that somebody else may hold too.
pub(crate) type Shared = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The sections, in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Section {
    /// f32 [lists, d]
    Centroids,
    /// f32 [d]: what is subtracted from queries and centroids before they meet codes.
    Middle,
    /// u8: the centroids as coarse codes.
    Coarse,
    /// f32 [lists, filled up to whole blocks]
    CoarseBias,
    /// f32 [lists, filled up]: how far vectors stand from their centroid, in a direction: the root of their mean square.
    Spread,
    /// f32 [n_codes, 16, 2]
    Books,
    /// u32 [lists + 1]: where the slots of each list begin.
    Starts,
    /// u32 [lists + 1]: where the blocks of each list begin.
    Blocks,
    /// u32 [n]: by slot.
    Ids,
    /// u32 [n_ids]: by id; `MISSING` where there is no vector.
    Slots,
    /// f32 [blocks, 32]; empty where codes say all.
    Bias,
    /// u8 [blocks, n_codes / 2, 32]
    Codes,
    /// f32 or, compressed, i8 [n, d]: by slot.
    Rows,
    /// f32 [n] when compressed: what 1 in a row is worth.
    Scales,
}

/// How many sections there are.
pub(crate) const SECTIONS: usize = Section::Scales as usize + 1;

/// What stands first.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
    pub(crate) similarity: u32,
    pub(crate) compressed: u32,
    pub(crate) dimensions: u32,
    pub(crate) n: u32,
    pub(crate) n_ids: u32,
    pub(crate) lists: u32,
    pub(crate) effort_lists: u32,
    pub(crate) effort_rerank: u32,
    pub(crate) k: u32,
    pub(crate) recall: f32,
    pub(crate) coarse_step: f32,
    /// A list counts as its centroid and so many spreads.
    pub(crate) reach: f32,
    pub(crate) spare: u32,
    pub(crate) lengths: [u64; SECTIONS],
    pub(crate) sums: [u64; SECTIONS],
    pub(crate) total: u64,
    /// Of all that stands before it.
    pub(crate) sum: u64,
}

const HEADER: usize = size_of::<Header>();

impl Header {
    /// With nothing in it but what is given.
    pub(crate) fn new() -> Self {
        Self { magic: MAGIC, version: VERSION, ..Self::zeroed() }
    }

    fn own_sum(&self) -> u64 {
        checksum(&bytemuck::bytes_of(self)[..HEADER - size_of::<u64>()])
    }
}

/// An index's bytes, checked.
#[derive(Clone)]
pub(crate) struct Image {
    bytes: Shared,
    pub(crate) header: Header,
    at: [Range<usize>; SECTIONS],
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.header.fmt(f)
    }
}

impl Image {
    /// Reads the header and checks every byte; copies them only where they do not stand at a multiple of four.
    pub(crate) fn open(bytes: Shared) -> Result<Self, Error> {
        let all = (*bytes).as_ref();
        let refused = |what, expected: String, found: String| Err(Error::Bytes { what, expected, found });
        if all.len() < HEADER {
            return refused("their number", format!("{HEADER} or more"), all.len().to_string());
        }
        let header: Header = bytemuck::pod_read_unaligned(&all[..HEADER]);
        if header.magic != MAGIC {
            let found = String::from_utf8_lossy(&header.magic).escape_debug().to_string();
            return refused("the beginning", String::from_utf8_lossy(&MAGIC).escape_debug().to_string(), found);
        }
        if header.version != VERSION {
            return refused("the version", VERSION.to_string(), header.version.to_string());
        }
        if header.sum != header.own_sum() {
            return refused(
                "the header's checksum",
                format!("{:016x}", header.sum),
                format!("{:016x}", header.own_sum()),
            );
        }
        if header.total != all.len() as u64 {
            return refused("their number", header.total.to_string(), all.len().to_string());
        }
        let (at, end) = places(&header.lengths);
        if end as u64 != header.total {
            return refused("the sum of lengths", header.total.to_string(), end.to_string());
        }
        let sums = sums(all, &at);
        for (s, (found, expected)) in sums.iter().zip(&header.sums).enumerate() {
            if found != expected {
                let what = SECTION_NAMES[s];
                return refused(what, format!("{expected:016x}"), format!("{found:016x}"));
            }
        }
        let bytes = if all.as_ptr().align_offset(size_of::<f32>()) == 0 { bytes } else { aligned(all) };
        Ok(Self { bytes, header, at })
    }

    /// Changes the header; the sections stay.
    pub(crate) fn amend(&mut self, change: impl FnOnce(&mut Header)) {
        change(&mut self.header);
        self.header.sum = self.header.own_sum();
    }

    /// All bytes, as [`Self::open`] reads them.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.bytes().to_vec();
        out[..HEADER].copy_from_slice(bytemuck::bytes_of(&self.header));
        out
    }

    /// All bytes, but for an amended header.
    pub(crate) fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// Bytes of each section.
    pub(crate) fn lengths(&self) -> [usize; SECTIONS] {
        self.at.each_ref().map(|at| at.len())
    }

    /// The values of a section.
    #[inline]
    pub(crate) fn section<T: Pod>(&self, section: Section) -> &[T] {
        bytemuck::cast_slice(&self.bytes()[self.at[section as usize].clone()])
    }
}

/// What checksums are of, by section.
const SECTION_NAMES: [&str; SECTIONS] = [
    "the checksum of centroids",
    "the checksum of the middle",
    "the checksum of coarse codes",
    "the checksum of coarse biases",
    "the checksum of spreads",
    "the checksum of codebooks",
    "the checksum of starts",
    "the checksum of blocks",
    "the checksum of ids",
    "the checksum of slots",
    "the checksum of biases",
    "the checksum of codes",
    "the checksum of rows",
    "the checksum of scales",
];

/// Bytes being written, at a place that suits every type of a section.
pub(crate) struct Draft {
    words: Vec<u64>,
    header: Header,
    at: [Range<usize>; SECTIONS],
}

struct Words(Vec<u64>);

impl AsRef<[u8]> for Words {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl Draft {
    /// Zeros; `lengths` in bytes.
    pub(crate) fn new(header: Header, lengths: [usize; SECTIONS]) -> Self {
        let lengths = lengths.map(|l| l as u64);
        let (at, total) = places(&lengths);
        let header = Header { lengths, total: total as u64, ..header };
        Self { words: vec![0; total / size_of::<u64>()], header, at }
    }

    /// The sections, to be filled in.
    pub(crate) fn sections(&mut self) -> [&mut [u8]; SECTIONS] {
        let mut rest: &mut [u8] = bytemuck::cast_slice_mut(&mut self.words);
        let mut done = 0;
        self.at.each_ref().map(|at| {
            let (_, from) = std::mem::take(&mut rest).split_at_mut(at.start - done);
            let (section, after) = from.split_at_mut(at.len());
            (rest, done) = (after, at.end);
            section
        })
    }

    /// Adds checksums.
    pub(crate) fn finish(mut self) -> Image {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.words);
        self.header.sums = sums(bytes, &self.at);
        self.header.sum = self.header.own_sum();
        bytes[..HEADER].copy_from_slice(bytemuck::bytes_of(&self.header));
        Image { bytes: Arc::new(Words(self.words)), header: self.header, at: self.at }
    }
}

fn aligned(bytes: &[u8]) -> Shared {
    let mut words = vec![0u64; bytes.len().div_ceil(size_of::<u64>())];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
    Arc::new(Words(words))
}

/// Where sections of these lengths stand, and how long all is.
fn places(lengths: &[u64; SECTIONS]) -> ([Range<usize>; SECTIONS], usize) {
    let mut next = HEADER.next_multiple_of(ALIGN);
    let at = lengths.map(|length| {
        let start = next;
        let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        next = end.checked_next_multiple_of(ALIGN).unwrap_or(usize::MAX);
        start..end
    });
    (at, next)
}

/// Checksums of the sections, each with what fills up the way to the next; the first with what stands before it.
fn sums(all: &[u8], at: &[Range<usize>; SECTIONS]) -> [u64; SECTIONS] {
    let start = |s: usize| if s == 0 { HEADER } else { at.get(s).map_or(all.len(), |at| at.start) };
    let mut out = [0; SECTIONS];
    out.par_iter_mut().enumerate().for_each(|(s, sum)| *sum = checksum(&all[start(s)..start(s + 1)]));
    out
}

/// A hash of bytes that notices any that are altered, eight words side by side.
fn checksum(bytes: &[u8]) -> u64 {
    use tamis_spec::mix::{GOLDEN, mix};
    const SIDE: usize = 8;
    let mut lanes: [u64; SIDE] = std::array::from_fn(|l| mix(GOLDEN.wrapping_mul(l as u64 + 1)));
    let (blocks, rest) = bytes.as_chunks::<{ 8 * SIDE }>();
    let mut last = [0; 8 * SIDE];
    last[..rest.len()].copy_from_slice(rest);
    for block in blocks.iter().chain([&last]) {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            // Odd multiples and rotations lose nothing: a word that differs makes the lane differ.
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(GOLDEN).rotate_left(29);
        }
    }
    lanes.iter().fold(mix(bytes.len() as u64 ^ GOLDEN), |sum, lane| mix(sum ^ lane))
}
