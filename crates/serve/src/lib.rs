//! Serving: a funnel, its past and its log behind an HTTP API.
//!
//! [`Engine`] answers without knowing of HTTP; [`http`] puts it on a socket and is the only async code of the room.
//!
//! Time is logical. A decision is made at t = max(clock, last event + 1 ms, last decision); an event becomes known at max(clock, last
//! decision's t, last record of the log). So a list reflects every event that was acknowledged before it was asked for, however coarse
//! the clock and even if it goes back, and no decision sees an event that became known at its t or later. While events are being written
//! decisions are made at the moment at which these become known, hence without them.

mod answer;
mod clock;
mod context;
mod describe;
mod engine;
mod error;
mod event;
pub mod http;
mod journal;
mod make;
mod metrics;
pub mod parity;
#[cfg(test)]
mod tests;
mod world;

pub use answer::{
    Candidate, Cold, ITEMS_MAX, ItemSource, Key, LIMIT_MAX, RankRequest, RankResponse, RankedItem, TracePart,
    UnknownItems, Why,
};
pub use clock::Clock;
pub use engine::{Engine, Health};
pub use error::{Error, Refusal, Refused, Wrong};
pub use event::{Ack, EVENTS_MAX, FUTURE_MS_MAX, KEY_BYTES_MAX, TAGS_MAX};
pub use http::{serve, serve_blocking};
pub use journal::{DECISION, NOTED_MAX, SHOWN, schema_with_decisions};
pub use metrics::Metrics;
