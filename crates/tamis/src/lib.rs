//! tamis: from an event log to a served, measured ranking. The façade that applications embed, and the command line.

pub mod cli;
pub mod clock;
pub mod home;
pub mod progress;
pub mod show;

pub use tamis_funnel::{Registries, plan};
