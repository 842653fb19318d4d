//! The bytes of an index: a head, a table of sections with a checksum each, then the sections, each from a multiple of 8 on.
//!
//! Nothing is copied when bytes are opened: sections are read where they lie.

use crate::block::{Encoded, Entry, Head, Lengths};
use crate::bm25::Stats;
use crate::error::Error;
use crate::options::Options;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that an index lies in, wherever they are: a vector, a part of a file, a memory map.
pub type Shared = Arc<dyn AsRef<[u8]> + Send + Sync>;

const MAGIC: &[u8; 8] = b"tamistxt";
/// What the bytes mean; another number is refused.
const VERSION: u32 = 1;
const SECTIONS: usize = 10;
/// Magic, version, number of sections, checksum of the table, nothing.
const HEAD_BYTES: usize = 24;
/// Where a section begins, its bytes, its checksum, nothing.
const ROW_BYTES: usize = 24;
const START: usize = HEAD_BYTES + SECTIONS * ROW_BYTES;

/// Names of the sections in their order.
const NAMES: [&str; SECTIONS] =
    ["options", "statistics", "documents", "lengths", "vocabulary", "entries", "heads", "words", "places_at", "places"];

/// What an index is written from.
pub(crate) struct Contents<'a> {
    pub options: &'a Options,
    pub stats: &'a Stats,
    /// A bit for each id: whether the document is there.
    pub alive: &'a [u64],
    /// [fields, ids].
    pub lengths: &'a [u32],
    pub vocabulary: &'a [u8],
    pub encoded: &'a Encoded,
}

/// Writes an index. The same contents give the same bytes.
pub(crate) fn write(contents: &Contents<'_>) -> Vec<u8> {
    let options = serde_json::to_vec(contents.options).expect("options are names and finite numbers");
    let mut stats = vec![u64::from(contents.stats.n_docs)];
    stats.extend(&contents.stats.totals);
    let encoded = contents.encoded;
    let sections: [&[u8]; SECTIONS] = [
        &options,
        bytemuck::cast_slice(&stats),
        bytemuck::cast_slice(contents.alive),
        bytemuck::cast_slice(contents.lengths),
        contents.vocabulary,
        bytemuck::cast_slice(&encoded.entries),
        bytemuck::cast_slice(&encoded.heads),
        bytemuck::cast_slice(&encoded.words),
        bytemuck::cast_slice(&encoded.places_at),
        &encoded.places,
    ];
    let size: usize = sections.iter().map(|s| s.len().next_multiple_of(8)).sum();
    let mut table = Vec::with_capacity(SECTIONS * ROW_BYTES);
    let mut at = START;
    for section in sections {
        table.extend((at as u64).to_le_bytes());
        table.extend((section.len() as u64).to_le_bytes());
        table.extend(u64::from(crc32c::crc32c(section)).to_le_bytes());
        at += section.len().next_multiple_of(8);
    }
    let mut out = Vec::with_capacity(START + size);
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend((SECTIONS as u32).to_le_bytes());
    out.extend(u64::from(crc32c::crc32c(&table)).to_le_bytes());
    out.extend(table);
    for section in sections {
        out.extend_from_slice(section);
        out.resize(out.len().next_multiple_of(8), 0);
    }
    out
}

/// An index's bytes, checked.
pub(crate) struct File {
    bytes: Shared,
    sections: [Range<usize>; SECTIONS],
    pub options: Options,
    pub stats: Stats,
}

/// The sections of a [`File`], as what they are.
#[derive(Clone, Copy)]
pub(crate) struct Sections<'a> {
    pub alive: &'a [u64],
    pub lengths: Lengths<'a>,
    pub vocabulary: &'a [u8],
    pub entries: &'a [Entry],
    pub heads: &'a [Head],
    pub words: &'a [u32],
    pub places_at: &'a [u64],
    pub places: &'a [u8],
}

impl File {
    /// Checks bytes against their checksums. Reads each once; copies them only where they do not begin at a multiple of 8.
    pub(crate) fn open(bytes: Shared) -> Result<Self, Error> {
        let bytes = aligned(bytes);
        let all: &[u8] = (*bytes).as_ref();
        let sections = table(all)?;
        for (range, (name, crc)) in sections.iter().zip(NAMES.iter().zip(checksums(all))) {
            let found = u64::from(crc32c::crc32c(&all[range.clone()]));
            if found != crc {
                return wrong(format!("the checksum of `{name}` is {found:08x}, and {crc:08x} was written"));
            }
        }
        let options: Options = serde_json::from_slice(&all[sections[0].clone()])
            .map_err(|e| Error::Bytes { found: format!("options that cannot be read: {e}") })?;
        let numbers: &[u64] = bytemuck::try_cast_slice(&all[sections[1].clone()])
            .map_err(|_| Error::Bytes { found: "statistics that are no whole numbers".into() })?;
        let [n_docs, totals @ ..] = numbers else { return wrong("no statistics".into()) };
        if totals.len() != options.fields.len() || *n_docs > u64::from(u32::MAX) {
            return wrong(format!("statistics of {} fields, and options of {}", totals.len(), options.fields.len()));
        }
        let stats = Stats { n_docs: *n_docs as u32, totals: totals.to_vec() };
        let file = Self { sections, options, stats, bytes: bytes.clone() };
        file.check()?;
        Ok(file)
    }

    /// The sections. The order is that of [`NAMES`].
    pub(crate) fn sections(&self) -> Sections<'_> {
        let all: &[u8] = (*self.bytes).as_ref();
        let of = |i: usize| &all[self.sections[i].clone()];
        let lengths: &[u32] = bytemuck::cast_slice(of(3));
        Sections {
            alive: bytemuck::cast_slice(of(2)),
            lengths: Lengths { values: lengths, n_docs: lengths.len() / self.options.fields.len() },
            vocabulary: of(4),
            entries: bytemuck::cast_slice(of(5)),
            heads: bytemuck::cast_slice(of(6)),
            words: bytemuck::cast_slice(of(7)),
            places_at: bytemuck::cast_slice(of(8)),
            places: of(9),
        }
    }

    /// All of its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// What checksums do not say: that the sections are whole and fit each other.
    fn check(&self) -> Result<(), Error> {
        let sizes = [1, 8, 8, 4, 1, 8, 12, 4, 8, 1];
        for ((range, size), name) in self.sections.iter().zip(sizes).zip(NAMES) {
            if range.len() % size != 0 {
                return wrong(format!("`{name}` has {} bytes, which is no multiple of {size}", range.len()));
            }
        }
        let s = self.sections();
        let n_ids = s.lengths.n_docs;
        if n_ids * self.options.fields.len() != s.lengths.values.len() || s.alive.len() != n_ids.div_ceil(64) {
            return wrong(format!("{} lengths and {} words of ids", s.lengths.values.len(), s.alive.len()));
        }
        let vocabulary = fst::raw::Fst::new(s.vocabulary)
            .map_err(|e| Error::Bytes { found: format!("a vocabulary that cannot be read: {e}") })?;
        if vocabulary.len() != s.entries.len() {
            return wrong(format!("{} terms and {} entries", vocabulary.len(), s.entries.len()));
        }
        if self.options.positions && s.places_at.len() != s.heads.len() {
            return wrong(format!("{} blocks and places of {}", s.heads.len(), s.places_at.len()));
        }
        Ok(())
    }
}

fn wrong<T>(found: String) -> Result<T, Error> {
    Err(Error::Bytes { found })
}

/// The same bytes from a multiple of 8 on.
fn aligned(bytes: Shared) -> Shared {
    /// Words whose bytes are what counts.
    struct Words(Vec<u64>, usize);
    impl AsRef<[u8]> for Words {
        fn as_ref(&self) -> &[u8] {
            &bytemuck::cast_slice(&self.0)[..self.1]
        }
    }
    let all: &[u8] = (*bytes).as_ref();
    if all.as_ptr().align_offset(8) == 0 {
        return bytes;
    }
    let mut words = vec![0u64; all.len().div_ceil(8)];
    bytemuck::cast_slice_mut(&mut words)[..all.len()].copy_from_slice(all);
    Arc::new(Words(words, all.len()))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// The checksums that were written, in the order of the sections.
fn checksums(all: &[u8]) -> impl Iterator<Item = u64> + '_ {
    (0..SECTIONS).map(|i| u64_at(all, HEAD_BYTES + i * ROW_BYTES + 16))
}

/// Where the sections lie; an error where the head is not one of this version or the bytes end too early.
fn table(all: &[u8]) -> Result<[Range<usize>; SECTIONS], Error> {
    if all.len() < START {
        return wrong(format!("{} bytes, and the head alone has {START}", all.len()));
    }
    if all[..8] != MAGIC[..] {
        return wrong(format!("they begin with {:02x?} and not with `tamistxt`", &all[..8]));
    }
    let (version, n) = (u64_at(all, 8) as u32, (u64_at(all, 8) >> 32) as u32);
    if version != VERSION {
        return wrong(format!("version {version}, and this program reads version {VERSION}: build the index again"));
    }
    let crc = u64::from(crc32c::crc32c(&all[HEAD_BYTES..START]));
    if n as usize != SECTIONS || crc != u64_at(all, 16) {
        return wrong(format!(
            "the table of {n} sections has the checksum {crc:08x}, and {:08x} was written",
            u64_at(all, 16)
        ));
    }
    let mut out: [Range<usize>; SECTIONS] = Default::default();
    let mut end = START as u64;
    for (i, range) in out.iter_mut().enumerate() {
        let (from, len) = (u64_at(all, HEAD_BYTES + i * ROW_BYTES), u64_at(all, HEAD_BYTES + i * ROW_BYTES + 8));
        let to = from.checked_add(len).filter(|to| from == end && *to <= all.len() as u64);
        let Some(to) = to else {
            return wrong(format!("`{}` is {len} bytes from {from} on, and there are {}", NAMES[i], all.len()));
        };
        *range = from as usize..to as usize;
        end = to.next_multiple_of(8);
    }
    if end != all.len() as u64 {
        return wrong(format!("{} bytes, and {end} were written", all.len()));
    }
    Ok(out)
}
