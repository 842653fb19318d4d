//! Measuring: metrics, intervals, attribution of losses, and the report that tells them; sees only the log.

pub mod attribution;
pub mod bootstrap;
mod chart;
pub mod columns;
mod figures;
mod histogram;
mod html;
pub mod metrics;
pub mod page;
pub mod raters;
pub mod report;
pub mod resources;
