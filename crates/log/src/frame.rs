//! Headers of segments and frames, and the search for what is whole.
//!
//! Segment: magic, format u32, first sequence number u64, bytes of the schema u32, CRC32C u32, schema as JSON.
//! Frame: bytes of the payload u32, CRC32C u32, first sequence number u64, records u32, unsynced u32, payload.
//! All little-endian; a checksum covers all of its header and what follows but itself. A frame without records is a mark:
//! all before it is durable.

use crate::{Damage, Error, Store};
use tamis_spec::batch::Schema;

/// A frame has at most so many bytes of payload.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// A frame has at most so many records.
pub const FRAME_RECORDS_MAX: usize = 1 << 20;

pub(crate) const FRAME_HEADER_BYTES: usize = 24;

const MAGIC: [u8; 8] = *b"tamislog";
const FORMAT: u32 = 1;
const SEGMENT_HEADER_BYTES: usize = 28;
const WINDOW_BYTES: usize = 1 << 20;

/// The header of a segment.
pub(crate) struct SegmentHeader {
    pub(crate) first_seq: u64,
    pub(crate) schema: Schema,
    /// How long it is: the first frame starts there.
    pub(crate) bytes: u64,
}

/// The header of a frame.
#[derive(Clone, Copy)]
pub(crate) struct FrameHeader {
    pub(crate) payload_bytes: u32,
    pub(crate) first_seq: u64,
    pub(crate) n_records: u32,
    /// How many records before it were not known to be durable when it was written.
    pub(crate) unsynced: u32,
}

impl FrameHeader {
    /// Header and payload in one.
    pub(crate) fn bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }

    /// All records before this one were durable when it was written.
    fn synced_seq(&self) -> u64 {
        self.first_seq.saturating_sub(u64::from(self.unsynced))
    }

    /// Fills in the header of `frame`, whose payload is in place.
    pub(crate) fn write(&self, frame: &mut [u8]) {
        frame[0..4].copy_from_slice(&self.payload_bytes.to_le_bytes());
        frame[8..16].copy_from_slice(&self.first_seq.to_le_bytes());
        frame[16..20].copy_from_slice(&self.n_records.to_le_bytes());
        frame[20..24].copy_from_slice(&self.unsynced.to_le_bytes());
        let crc = checksum(&frame[..4], &frame[8..]);
        frame[4..8].copy_from_slice(&crc.to_le_bytes());
    }

    fn read(b: &[u8]) -> Self {
        Self { payload_bytes: u32_at(b, 0), first_seq: u64_at(b, 8), n_records: u32_at(b, 16), unsynced: u32_at(b, 20) }
    }
}

/// The bytes of a segment's header.
pub(crate) fn segment_header(first_seq: u64, schema: &Schema) -> Vec<u8> {
    let schema = serde_json::to_vec(schema).expect("a schema holds only what JSON can say");
    let mut out = Vec::with_capacity(SEGMENT_HEADER_BYTES + schema.len());
    out.extend(MAGIC);
    out.extend(FORMAT.to_le_bytes());
    out.extend(first_seq.to_le_bytes());
    out.extend((schema.len() as u32).to_le_bytes());
    let crc = checksum(&out, &schema);
    out.extend(crc.to_le_bytes());
    out.extend(schema);
    out
}

/// Reads a segment's header; None when the segment is shorter than it.
pub(crate) fn read_segment_header(window: &mut Window) -> Result<Option<Result<SegmentHeader, Damage>>, Error> {
    let Some(fixed) = window.get(0, SEGMENT_HEADER_BYTES)? else {
        return Ok(None);
    };
    if fixed[..8] != MAGIC {
        return Ok(Some(Err(Damage::Header)));
    }
    let (version, schema_bytes) = (u32_at(fixed, 8), u32_at(fixed, 20) as usize);
    if version != FORMAT {
        return Ok(Some(Err(Damage::Version(version))));
    }
    let bytes = SEGMENT_HEADER_BYTES + schema_bytes;
    let Some(all) = window.get(0, bytes)? else {
        return Ok(None);
    };
    if checksum(&all[..24], &all[SEGMENT_HEADER_BYTES..]) != u32_at(all, 24) {
        return Ok(Some(Err(Damage::Header)));
    }
    let first_seq = u64_at(all, 12);
    Ok(Some(match serde_json::from_slice(&all[SEGMENT_HEADER_BYTES..]) {
        Ok(schema) => Ok(SegmentHeader { first_seq, schema, bytes: bytes as u64 }),
        Err(e) => Err(Damage::Schema(e.to_string())),
    }))
}

/// A part of a segment in memory, moved along as it is read.
pub(crate) struct Window<'a> {
    store: &'a dyn Store,
    pub(crate) segment: u64,
    /// Nothing behind this is looked at.
    pub(crate) len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(crate) fn new(store: &'a dyn Store, segment: u64, len: u64) -> Self {
        Self { store, segment, len, start: 0, bytes: Vec::new() }
    }

    /// `n` bytes from `at` on; None when the segment ends before.
    pub(crate) fn get(&mut self, at: u64, n: usize) -> Result<Option<&[u8]>, Error> {
        if at.saturating_add(n as u64) > self.len {
            return Ok(None);
        }
        if at < self.start || at + n as u64 > self.start + self.bytes.len() as u64 {
            let wanted = (n.max(WINDOW_BYTES) as u64).min(self.len - at) as usize;
            self.bytes.resize(wanted, 0);
            let segment = Some(self.segment);
            let failed = |source| Error::Store { doing: "read", segment, kept: None, source };
            let got = self.store.read(self.segment, at, &mut self.bytes).map_err(failed)?;
            self.bytes.truncate(got);
            self.start = at;
            if got < n {
                return Ok(None);
            }
        }
        let from = (at - self.start) as usize;
        Ok(Some(&self.bytes[from..from + n]))
    }

    /// The header at `at` if it can be one, unverified.
    pub(crate) fn header(&mut self, at: u64) -> Result<Option<FrameHeader>, Error> {
        let Some(bytes) = self.get(at, FRAME_HEADER_BYTES)? else {
            return Ok(None);
        };
        let header = FrameHeader::read(bytes);
        let is_possible = header.payload_bytes as usize <= FRAME_BYTES_MAX
            && header.n_records as usize <= FRAME_RECORDS_MAX
            && (header.n_records > 0) == (header.payload_bytes > 0)
            && at + header.bytes() <= self.len;
        Ok(is_possible.then_some(header))
    }

    /// The frame at `at` if one starts there, is whole and its first number is `seq`.
    pub(crate) fn frame(&mut self, at: u64, seq: u64) -> Result<Option<(FrameHeader, &[u8])>, Error> {
        let Some(header) = self.header(at)?.filter(|h| h.first_seq == seq) else {
            return Ok(None);
        };
        let Some(bytes) = self.get(at, header.bytes() as usize)? else {
            return Ok(None);
        };
        let is_whole = checksum(&bytes[..4], &bytes[8..]) == u32_at(bytes, 4);
        Ok(is_whole.then_some((header, &bytes[FRAME_HEADER_BYTES..])))
    }

    /// Where behind `from` a whole frame stands which says that record `seq` was durable; with `any`, any whole frame.
    ///
    /// Frames that were written without a sync between them may reach the disk in any order, so a later one alone is no
    /// proof that an earlier one was acknowledged.
    pub(crate) fn proof_behind(&mut self, from: u64, seq: u64, any: bool) -> Result<Option<u64>, Error> {
        let mut at = from;
        while at + FRAME_HEADER_BYTES as u64 <= self.len {
            let possible = self.header(at)?.filter(|h| h.first_seq >= seq && h.first_seq - seq < 1 << 40);
            let whole = match possible {
                Some(header) => self.frame(at, header.first_seq)?.map(|(header, _)| header),
                None => None,
            };
            match whole {
                Some(header) if any || header.synced_seq() > seq => return Ok(Some(at)),
                Some(header) => at += header.bytes(),
                None => at += 1,
            }
        }
        Ok(None)
    }
}

fn checksum(a: &[u8], b: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(a), b)
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(b[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(b[at..at + 8].try_into().expect("eight bytes"))
}
