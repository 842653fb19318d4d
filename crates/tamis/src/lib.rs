//! tamis: from an event log to a served, measured ranking.
