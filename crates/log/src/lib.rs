//! The event log: append-only segments on disk, the only ground state.
