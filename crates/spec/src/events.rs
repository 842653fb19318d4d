//! Events in memory: by kind, in columns, actors as dense indices, in the order in which they became known.

use crate::actors::Field;
use crate::system::System;

/// A stretch of the log.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// The declared event of each record, in order.
    pub order: Vec<u16>,
    /// The records of each declared event, in order.
    pub kinds: Vec<EventRows>,
}

/// Records of one declared event, by column.
#[derive(Clone, Debug, Default)]
pub struct EventRows {
    /// When it happened, ms.
    pub time: Vec<i64>,
    /// When it became known, ms; never decreases.
    pub known: Vec<i64>,
    /// Which actor each role is.
    pub role_actors: Vec<usize>,
    /// Actors by role: dense indices, `MISSING` for none.
    pub actors: Vec<Vec<u32>>,
    /// Fields in the schema's order.
    pub fields: Vec<Field>,
}

/// One record of [`Events`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventAt {
    /// The declared event.
    pub event: usize,
    /// Its row.
    pub row: usize,
}

impl Events {
    /// No events yet, of the kinds that a system declares.
    pub fn new(system: &System) -> Self {
        let kinds = (0..system.n_declared()).map(|e| EventRows {
            role_actors: system.roles(e).iter().map(|r| r.actor).collect(),
            actors: system.roles(e).iter().map(|_| Vec::new()).collect(),
            fields: system.event_fields(e).iter().map(|f| Field::new(&f.ty)).collect(),
            ..EventRows::default()
        });
        Self { order: Vec::new(), kinds: kinds.collect() }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// All records in order.
    pub fn iter(&self) -> impl Iterator<Item = EventAt> + '_ {
        let mut next = vec![0usize; self.kinds.len()];
        self.order.iter().map(move |&event| {
            let event = event as usize;
            next[event] += 1;
            EventAt { event, row: next[event] - 1 }
        })
    }

    /// When a record became known, ms.
    #[inline]
    pub fn known(&self, at: EventAt) -> i64 {
        self.kinds[at.event].known[at.row]
    }

    /// Forgets all records and keeps the memory of small columns.
    pub fn clear(&mut self, system: &System) {
        *self = Self::new(system);
    }
}
