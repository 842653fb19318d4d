//! What serving promises, as tests: a small shop of films, a clock moved by hand, a store that fails when told to.

mod engine;
pub(crate) mod fixture;
mod given;
mod http;
mod parity;
