//! A store in memory that fails when told to: a full disk, a failing sync, a crash that keeps part of what was not synced.

use crate::Store;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

/// The store; a clone is the same store, so that a test can hold one while the log holds the other.
#[derive(Clone, Debug, Default)]
pub struct Faulty {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    segments: BTreeMap<u64, Segment>,
    /// How many bytes still fit; None when there is no limit.
    room: Option<usize>,
    fails_sync: bool,
    fails_cut: bool,
}

#[derive(Debug, Default)]
struct Segment {
    bytes: Vec<u8>,
    synced: usize,
}

impl Faulty {
    /// From now on so many bytes fit, and of a write that does not fit the part that does is written.
    pub fn set_room(&self, bytes: Option<usize>) {
        self.state().room = bytes;
    }

    /// Whether syncs fail.
    pub fn set_fails_sync(&self, fails: bool) {
        self.state().fails_sync = fails;
    }

    /// Whether cuts fail.
    pub fn set_fails_cut(&self, fails: bool) {
        self.state().fails_cut = fails;
    }

    /// The machine stops: of the bytes that were not synced the first `kept` remain. Faults are over.
    pub fn crash(&self, mut kept: usize) {
        let mut state = self.state();
        for segment in state.segments.values_mut() {
            let keep = kept.min(segment.bytes.len() - segment.synced);
            segment.bytes.truncate(segment.synced + keep);
            segment.synced = segment.bytes.len();
            kept -= keep;
        }
        state.segments.retain(|_, s| !s.bytes.is_empty());
        (state.room, state.fails_sync, state.fails_cut) = (None, false, false);
    }

    /// How many bytes were written and not synced.
    pub fn unsynced(&self) -> usize {
        self.state().segments.values().map(|s| s.bytes.len() - s.synced).sum()
    }

    /// A copy of a segment's bytes.
    pub fn bytes(&self, segment: u64) -> Vec<u8> {
        self.state().segments.get(&segment).map_or(Vec::new(), |s| s.bytes.clone())
    }

    /// Puts bytes in place of a segment's, or removes it when there are none.
    pub fn set_bytes(&self, segment: u64, bytes: Vec<u8>) {
        match bytes.is_empty() {
            true => drop(self.state().segments.remove(&segment)),
            false => drop(self.state().segments.insert(segment, Segment { synced: bytes.len(), bytes })),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the store")
    }
}

impl Store for Faulty {
    fn segments(&self) -> io::Result<Vec<(u64, u64)>> {
        Ok(self.state().segments.iter().map(|(n, s)| (*n, s.bytes.len() as u64)).collect())
    }

    fn read(&self, segment: u64, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.state();
        let bytes = &state.segments.get(&segment).ok_or(ErrorKind::NotFound)?.bytes;
        let from = bytes.get(offset as usize..).unwrap_or(&[]);
        let n = from.len().min(into.len());
        into[..n].copy_from_slice(&from[..n]);
        Ok(n)
    }

    fn append(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let fitting = state.room.unwrap_or(usize::MAX).min(bytes.len());
        state.room = state.room.map(|r| r - fitting);
        let into = state.segments.entry(segment).or_default();
        assert_eq!(offset, into.bytes.len() as u64, "a log writes at the end of segment {segment}");
        into.bytes.extend_from_slice(&bytes[..fitting]);
        if fitting < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self, segment: u64) -> io::Result<()> {
        let mut state = self.state();
        if state.fails_sync {
            return Err(io::Error::other("the sync was told to fail"));
        }
        let segment = state.segments.get_mut(&segment).ok_or(ErrorKind::NotFound)?;
        segment.synced = segment.bytes.len();
        Ok(())
    }

    fn truncate(&mut self, segment: u64, len: u64) -> io::Result<()> {
        let mut state = self.state();
        if state.fails_cut {
            return Err(io::Error::other("the cut was told to fail"));
        }
        let Some(found) = state.segments.get_mut(&segment) else {
            return Ok(());
        };
        let freed = found.bytes.len().saturating_sub(len as usize);
        found.bytes.truncate(len as usize);
        found.synced = found.synced.min(len as usize);
        state.room = state.room.map(|r| r + freed);
        if len == 0 {
            state.segments.remove(&segment);
        }
        Ok(())
    }
}
