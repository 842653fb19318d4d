//! Reading: frame by frame from a sequence number on, in the schema that the reader wants.

use crate::codec::decode;
use crate::cut::drop_first;
use crate::frame::{SegmentHeader, Window, read_segment_header};
use crate::mapping::Mapping;
use crate::{Damage, Error, Store};
use std::ops::ControlFlow;
use tamis_spec::batch::{Batch, Schema};

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadSummary {
    /// Records handed over.
    pub records: u64,
    /// Records of kinds that the wanted schema does not have.
    pub skipped: u64,
    /// Where to go on: the sequence number behind the last frame read.
    pub next_seq: u64,
}

/// What the caller does with a frame: the sequence number of its first record, and its records. Where records were skipped,
/// the numbers of those left are not consecutive.
pub type Sink<'a> = dyn FnMut(u64, &Batch) -> ControlFlow<()> + 'a;

/// Reads what stands in a store, from `from_seq` on, until `sink` breaks or the end is reached.
///
/// It may run while another process appends: the end is then the last whole frame, which may be one that is not yet
/// acknowledged. A damaged frame that was acknowledged is [`Error::Damaged`], a changed type [`Error::Changed`].
pub fn read(store: &dyn Store, from_seq: u64, wanted: &Schema, sink: &mut Sink) -> Result<ReadSummary, Error> {
    read_until(store, from_seq, u64::MAX, wanted, sink)
}

/// The same, where all before `until_seq` is known to be acknowledged and nothing from it on is read.
pub(crate) fn read_until(
    store: &dyn Store,
    from_seq: u64,
    until_seq: u64,
    wanted: &Schema,
    sink: &mut Sink,
) -> Result<ReadSummary, Error> {
    let failed = |source| Error::Store { doing: "list", segment: None, kept: None, source };
    let listed = store.segments().map_err(failed)?;
    let mut segments = Vec::new();
    for (i, &(segment, len)) in listed.iter().enumerate() {
        let mut window = Window::new(store, segment, len);
        match read_segment_header(&mut window)? {
            Some(Ok(header)) => segments.push((window, header)),
            None if i + 1 == listed.len() => {}
            None => return Err(Error::Damaged { segment, offset: 0, damage: Damage::Header }),
            Some(Err(damage)) => return Err(Error::Damaged { segment, offset: 0, damage }),
        }
    }
    // The last segment that starts at or before the first record asked for.
    let first = segments.iter().rposition(|(_, h)| h.first_seq <= from_seq).unwrap_or(0);
    let mut pass =
        Pass { from_seq, until_seq, wanted, summary: ReadSummary { next_seq: from_seq, ..Default::default() } };
    let n = segments.len();
    for (i, (mut window, header)) in segments.into_iter().enumerate().skip(first) {
        if pass.segment(&mut window, &header, i + 1 == n, sink)?.is_break() {
            break;
        }
    }
    Ok(pass.summary)
}

struct Pass<'a> {
    from_seq: u64,
    until_seq: u64,
    wanted: &'a Schema,
    summary: ReadSummary,
}

impl Pass<'_> {
    fn segment(
        &mut self,
        window: &mut Window,
        header: &SegmentHeader,
        is_last: bool,
        sink: &mut Sink,
    ) -> Result<ControlFlow<()>, Error> {
        let mapping = Mapping::new(&header.schema, self.wanted);
        let (mut at, mut seq) = (header.bytes, header.first_seq);
        while at < window.len && seq < self.until_seq {
            let next_seq = |n_records: u32| seq + u64::from(n_records);
            // Frames before the first record asked for are passed over unread.
            if let Some(h) = window.header(at)?.filter(|h| h.first_seq == seq && next_seq(h.n_records) <= self.from_seq)
            {
                (at, seq) = (at + h.bytes(), next_seq(h.n_records));
                continue;
            }
            let segment = window.segment;
            let damaged = |damage| Error::Damaged { segment, offset: at, damage };
            let Some((h, payload)) = window.frame(at, seq)? else {
                let followed_at = window.proof_behind(at + 1, seq, false)?;
                if is_last && followed_at.is_none() && self.until_seq == u64::MAX {
                    return Ok(ControlFlow::Break(()));
                }
                return Err(damaged(Damage::Frame { seq, followed_at }));
            };
            if h.n_records > 0 {
                let batch = decode(payload, &header.schema, h.n_records as usize);
                let batch = batch.map_err(|e| damaged(Damage::Payload(e)))?;
                if self.hand_over(batch, seq, &header.schema, mapping.as_ref(), sink)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            (at, seq) = (at + h.bytes(), seq + u64::from(h.n_records));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn hand_over(
        &mut self,
        mut batch: Batch,
        seq: u64,
        stored: &Schema,
        mapping: Option<&Mapping>,
        sink: &mut Sink,
    ) -> Result<ControlFlow<()>, Error> {
        let next_seq = seq + batch.len() as u64;
        let early = self.from_seq.saturating_sub(seq) as usize;
        if early > 0 {
            drop_first(&mut batch, early);
        }
        if let Some(mapping) = mapping {
            let (mapped, skipped) = mapping.apply(batch, stored, self.wanted)?;
            (batch, self.summary.skipped) = (mapped, self.summary.skipped + skipped);
        }
        self.summary.records += batch.len() as u64;
        self.summary.next_seq = next_seq;
        if batch.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(sink(seq + early as u64, &batch))
    }
}
