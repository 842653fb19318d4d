//! What a log finds when it is opened: every frame is checked, a torn tail is cut, damage is refused.

use crate::codec::decode;
use crate::frame::{Window, read_segment_header};
use crate::{Damage, Error, Store};
use tamis_spec::batch::Schema;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Records in the log.
    pub records: u64,
    /// Segments it is in.
    pub segments: usize,
    /// Bytes that were cut from the end, because they were not a whole frame and nothing says that they were acknowledged.
    pub cut_bytes: u64,
    /// Where they were cut: the segment and the offset in it.
    pub cut_at: Option<(u64, u64)>,
}

/// Where a log ends.
pub(crate) struct End {
    /// The last segment: its number, its length and its schema.
    pub(crate) tail: Option<(u64, u64, Schema)>,
    pub(crate) next_segment: u64,
    pub(crate) next_seq: u64,
    /// When the last record became known.
    pub(crate) last_known: i64,
}

/// Checks every frame; what is torn at the end is cut and the cut made durable.
pub(crate) fn recover(store: &mut dyn Store) -> Result<(End, Recovered), Error> {
    let failed = |source| Error::Store { doing: "list", segment: None, kept: None, source };
    let listed = store.segments().map_err(failed)?;
    let mut end = End { tail: None, next_segment: 0, next_seq: 0, last_known: i64::MIN };
    let mut found = Recovered::default();
    for (i, &(segment, len)) in listed.iter().enumerate() {
        let is_last = i + 1 == listed.len();
        end.next_segment = segment + 1;
        let kept = scan(&*store, (segment, len), i == 0, is_last, &mut end, &mut found)?;
        if kept < len {
            found.cut_bytes = len - kept;
            found.cut_at = Some((segment, kept));
            let failed =
                |source| Error::Store { doing: "cut", segment: Some(segment), kept: Some(end.next_seq), source };
            store.truncate(segment, kept).map_err(failed)?;
        }
        found.segments += usize::from(kept > 0);
    }
    Ok((end, found))
}

/// Goes through a segment and returns how many of its bytes are whole: all of them, but for the last one.
fn scan(
    store: &dyn Store,
    (segment, len): (u64, u64),
    is_first: bool,
    is_last: bool,
    end: &mut End,
    found: &mut Recovered,
) -> Result<u64, Error> {
    let mut window = Window::new(store, segment, len);
    let damaged = |offset, damage| Error::Damaged { segment, offset, damage };
    let header = match read_segment_header(&mut window)? {
        Some(Ok(header)) => header,
        None if is_last && window.proof_behind(1, end.next_seq, true)?.is_none() => return Ok(0),
        None => return Err(damaged(0, Damage::Header)),
        Some(Err(Damage::Header)) if is_last && window.proof_behind(1, end.next_seq, true)?.is_none() => return Ok(0),
        Some(Err(damage)) => return Err(damaged(0, damage)),
    };
    if is_first {
        end.next_seq = header.first_seq;
    } else if header.first_seq != end.next_seq {
        return Err(damaged(0, Damage::Gap { expected: end.next_seq, found: header.first_seq }));
    }
    let (mut at, mut last) = (header.bytes, None);
    while at < len {
        let seq = end.next_seq;
        let Some((h, _)) = window.frame(at, seq)? else {
            let followed_at = window.proof_behind(at + 1, seq, false)?;
            if is_last && followed_at.is_none() {
                break;
            }
            return Err(damaged(at, Damage::Frame { seq, followed_at }));
        };
        if h.n_records > 0 {
            last = Some((at, seq));
        }
        found.records += u64::from(h.n_records);
        end.next_seq += u64::from(h.n_records);
        at += h.bytes();
    }
    if let Some((at, seq)) = last {
        let (h, payload) = window.frame(at, seq)?.expect("the frame was whole a moment ago");
        let batch =
            decode(payload, &header.schema, h.n_records as usize).map_err(|e| damaged(at, Damage::Payload(e)))?;
        end.last_known = batch.rows.iter().flat_map(|r| &r.known).copied().fold(end.last_known, i64::max);
    }
    end.tail = Some((segment, at, header.schema));
    Ok(at)
}
