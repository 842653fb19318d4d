//! Appending: one call, one frame, durable before it is answered; a failed one leaves nothing behind.

use crate::codec::encode;
use crate::frame::{FRAME_BYTES_MAX, FRAME_HEADER_BYTES, FRAME_RECORDS_MAX, FrameHeader, segment_header};
use crate::read::{ReadSummary, Sink, read_until};
use crate::recover::recover;
use crate::{Disk, Error, Recovered, Store};
use std::io;
use std::ops::Range;
use tamis_spec::batch::{Batch, Column, RecordSchema, Rows, Schema};
use tamis_spec::system::Type;

/// A segment that has reached so many bytes is followed by a new one.
pub const SEGMENT_BYTES_MAX: u64 = 256 << 20;

/// A log that is open to be appended to.
#[derive(Debug)]
pub struct Log<S = Disk> {
    store: S,
    tail: Option<Tail>,
    next_segment: u64,
    next_seq: u64,
    last_known: i64,
    synced: Synced,
    /// Bytes that a failed write may have left: the segment, and the length that it is to be cut to.
    leftover: Option<(u64, u64)>,
    segment_bytes_max: u64,
    frame: Vec<u8>,
}

/// The segment that is appended to.
#[derive(Debug)]
struct Tail {
    segment: u64,
    len: u64,
    schema: Schema,
}

/// Up to where all is durable.
#[derive(Clone, Copy, Debug)]
struct Synced {
    seq: u64,
    /// Length of the tail; 0 when not even its header is.
    len: u64,
    known: i64,
    /// Frames written since.
    n_frames_behind: usize,
}

impl<S: Store> Log<S> {
    /// Opens what is in a store: checks every frame, cuts a torn tail and says so; [`Error::Damaged`] when acknowledged bytes
    /// are not what was written, and then nothing is changed.
    ///
    /// A tail is torn when it is not a whole frame and no whole frame behind it says that it had been durable. A frame that
    /// was never acknowledged but is whole stays, complete.
    pub fn open(mut store: S) -> Result<(Self, Recovered), Error> {
        let (end, recovered) = recover(&mut store)?;
        let tail = end.tail.map(|(segment, len, schema)| Tail { segment, len, schema });
        let (seq, len, known) = (end.next_seq, tail.as_ref().map_or(0, |t| t.len), end.last_known);
        let mut log = Self {
            store,
            tail,
            next_segment: end.next_segment,
            next_seq: seq,
            last_known: known,
            synced: Synced { seq, len, known, n_frames_behind: 0 },
            leftover: None,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            frame: Vec::new(),
        };
        // What was found may not have been durable yet: from here on it counts as acknowledged.
        if let Some(segment) = log.tail.as_ref().map(|t| t.segment) {
            log.store.sync(segment).map_err(|source| log.failed("sync", Some(segment), source))?;
        }
        Ok((log, recovered))
    }

    /// Starts a new segment at another size than [`SEGMENT_BYTES_MAX`].
    pub fn with_segment_bytes_max(mut self, bytes: u64) -> Self {
        self.segment_bytes_max = bytes;
        self
    }

    /// The sequence number that the next record gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// When the last record became known, ms; none may be known before it. `i64::MIN` for an empty log.
    pub fn last_known(&self) -> i64 {
        self.last_known
    }

    /// Appends a batch as one frame and returns its sequence numbers when it is durable, and all before it.
    ///
    /// After an error of the store nothing of it is in the log, nor of what was appended without a sync before it if the sync
    /// failed; [`Error::Store`] says up to where records are kept. It may be tried again.
    pub fn append(&mut self, schema: &Schema, batch: &Batch) -> Result<Range<u64>, Error> {
        let range = self.append_unsynced(schema, batch)?;
        self.sync()?;
        Ok(range)
    }

    /// Appends a batch as one frame that is acknowledged only by the next [`Log::sync`] or [`Log::append`].
    pub fn append_unsynced(&mut self, schema: &Schema, batch: &Batch) -> Result<Range<u64>, Error> {
        let last_known = self.check(schema, batch)?;
        if batch.is_empty() {
            return Ok(self.next_seq..self.next_seq);
        }
        self.clear_leftover()?;
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        frame.resize(FRAME_HEADER_BYTES, 0);
        encode(batch, &mut frame);
        let written = self.put(schema, batch.len(), &mut frame);
        self.frame = frame;
        written?;
        let range = self.next_seq..self.next_seq + batch.len() as u64;
        (self.next_seq, self.last_known) = (range.end, last_known);
        self.synced.n_frames_behind += 1;
        Ok(range)
    }

    /// Returns when all that was appended is durable. After an error all that was not is gone from the log.
    pub fn sync(&mut self) -> Result<(), Error> {
        if self.synced.n_frames_behind == 0 {
            return Ok(());
        }
        let tail = self.tail.as_mut().expect("frames were written to a segment");
        let segment = tail.segment;
        if let Err(source) = self.store.sync(segment) {
            tail.len = self.synced.len;
            if tail.len == 0 {
                self.tail = None;
            }
            (self.next_seq, self.last_known) = (self.synced.seq, self.synced.known);
            self.synced.n_frames_behind = 0;
            self.leave(segment, self.synced.len);
            return Err(self.failed("sync", Some(segment), source));
        }
        let n_frames = self.synced.n_frames_behind;
        self.synced = Synced { seq: self.next_seq, len: tail.len, known: self.last_known, n_frames_behind: 0 };
        if n_frames > 1 {
            self.mark();
        }
        Ok(())
    }

    /// Reads what is durable, from `from_seq` on, until `sink` breaks. See [`crate::read()`].
    pub fn read(&self, from_seq: u64, wanted: &Schema, sink: &mut Sink) -> Result<ReadSummary, Error> {
        read_until(&self.store, from_seq, self.synced.seq, wanted, sink)
    }

    /// Whether a batch may be appended, and when its last record became known.
    fn check(&self, schema: &Schema, batch: &Batch) -> Result<i64, Error> {
        let too_large = |unit, found: usize, max: usize| Error::TooLarge { unit, found: found as u64, max: max as u64 };
        if batch.len() > FRAME_RECORDS_MAX {
            return Err(too_large("records", batch.len(), FRAME_RECORDS_MAX));
        }
        check_shape(schema, batch)?;
        let mut next = vec![0usize; batch.rows.len()];
        let mut before = self.last_known;
        for (at, kind) in batch.order.iter().enumerate() {
            let kind = usize::from(*kind);
            let found = batch.rows[kind].known[next[kind]];
            next[kind] += 1;
            if found < before {
                return Err(Error::KnownDecreases { at, before, found });
            }
            before = found;
        }
        Ok(before)
    }

    /// Writes a frame whose payload is in place, to a new segment if need be.
    fn put(&mut self, schema: &Schema, n_records: usize, frame: &mut [u8]) -> Result<(), Error> {
        let payload_bytes = frame.len() - FRAME_HEADER_BYTES;
        if payload_bytes > FRAME_BYTES_MAX {
            return Err(Error::TooLarge { unit: "bytes", found: payload_bytes as u64, max: FRAME_BYTES_MAX as u64 });
        }
        let is_full = |t: &Tail| t.len >= self.segment_bytes_max;
        if self.tail.as_ref().is_none_or(|t| t.schema != *schema || is_full(t)) {
            self.start_segment(schema)?;
        }
        FrameHeader {
            payload_bytes: payload_bytes as u32,
            first_seq: self.next_seq,
            n_records: n_records as u32,
            unsynced: u32::try_from(self.next_seq - self.synced.seq).unwrap_or(u32::MAX),
        }
        .write(frame);
        self.write(frame)
    }

    /// Writes at the end of the tail, all or nothing.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let tail = self.tail.as_mut().expect("a segment was started");
        let (segment, len) = (tail.segment, tail.len);
        match self.store.append(segment, len, bytes) {
            Ok(()) => tail.len += bytes.len() as u64,
            Err(source) => {
                self.leave(segment, len);
                return Err(self.failed("append", Some(segment), source));
            }
        }
        Ok(())
    }

    fn start_segment(&mut self, schema: &Schema) -> Result<(), Error> {
        self.sync()?;
        self.clear_leftover()?;
        // What stands behind the last sync is a mark; torn, it would look like damage once a segment follows.
        if let Some(segment) = self.tail.as_ref().filter(|t| t.len > self.synced.len).map(|t| t.segment) {
            self.store.sync(segment).map_err(|source| self.failed("sync", Some(segment), source))?;
        }
        let segment = self.next_segment;
        let header = segment_header(self.next_seq, schema);
        if let Err(source) = self.store.append(segment, 0, &header) {
            self.leave(segment, 0);
            return Err(self.failed("append", Some(segment), source));
        }
        self.next_segment += 1;
        self.tail = Some(Tail { segment, len: header.len() as u64, schema: schema.clone() });
        self.synced.len = 0;
        Ok(())
    }

    /// Notes behind several frames that all of them are durable, so that damage to one is not taken for a torn tail. It need
    /// not be durable itself, and where it cannot be written the frames stand as they are.
    fn mark(&mut self) {
        let mut frame = [0; FRAME_HEADER_BYTES];
        FrameHeader { payload_bytes: 0, first_seq: self.next_seq, n_records: 0, unsynced: 0 }.write(&mut frame);
        // A failed sync later cuts it with what follows, as its own bytes may be lost by then.
        let _ = self.write(&frame);
    }

    /// Cuts what a failed write left, now if it can be, else before the next one.
    fn leave(&mut self, segment: u64, len: u64) {
        self.leftover = self.store.truncate(segment, len).is_err().then_some((segment, len));
    }

    fn clear_leftover(&mut self) -> Result<(), Error> {
        if let Some((segment, len)) = self.leftover {
            self.store.truncate(segment, len).map_err(|source| self.failed("cut", Some(segment), source))?;
            self.leftover = None;
        }
        Ok(())
    }

    fn failed(&self, doing: &'static str, segment: Option<u64>, source: io::Error) -> Error {
        Error::Store { doing, segment, kept: Some(self.next_seq), source }
    }
}

fn check_shape(schema: &Schema, batch: &Batch) -> Result<(), Error> {
    let wrong = |record: &str, expected| Err(Error::Shape { record: record.to_owned(), expected });
    if batch.rows.len() != schema.records.len() {
        return wrong("", "rows for each record of the schema");
    }
    let mut counts = vec![0usize; batch.rows.len()];
    for kind in &batch.order {
        match counts.get_mut(usize::from(*kind)) {
            Some(count) => *count += 1,
            None => return wrong("", "an order that names records of the schema"),
        }
    }
    for ((record, rows), n) in schema.records.iter().zip(&batch.rows).zip(counts) {
        if !has_shape(record, rows, n) {
            return wrong(&record.name, "keys and fields as the schema says, all as long as the order has them");
        }
    }
    Ok(())
}

fn has_shape(record: &RecordSchema, rows: &Rows, n: usize) -> bool {
    let is_column = |(column, (_, ty)): (&Column, &(String, Type))| match (column, ty) {
        (Column::Numbers(v), Type::Number | Type::Bool) => v.len() == n,
        (Column::Texts(t), Type::Category | Type::Text | Type::Actor(_)) => t.len() == n,
        (Column::Tags(t), Type::Tags) => {
            let total = t.ends.last().map_or(0, |e| *e as usize);
            t.ends.len() == n && t.names.len() == total && t.weights.len() == total
        }
        (Column::Times(v), Type::Time) => v.len() == n,
        (Column::Vectors { dimensions, values }, Type::Vector) => {
            *dimensions <= crate::codec::DIMENSIONS_MAX && values.len() == n * dimensions
        }
        (Column::Places(v), Type::Place) => v.len() == n,
        _ => false,
    };
    rows.time.len() == n
        && rows.known.len() == n
        && rows.keys.len() == record.keys.len()
        && rows.fields.len() == record.fields.len()
        && rows.keys.iter().all(|k| k.len() == n)
        && rows.fields.iter().zip(&record.fields).all(is_column)
}
