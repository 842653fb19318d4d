//! `tamis serve`: the HTTP API over the current bundle and the log.

use super::{Failed, Of, planned};
use crate::clock::{Stopwatch, now_ms};
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::sync::Arc;
use tamis_log::{Disk, Log};
use tamis_serve::{Clock, Engine, serve_blocking};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) of: Of,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// What time it is: the clock's, or for a log of the past the moment after its last event, going on from there
    #[arg(long, value_enum, default_value = "now")]
    clock: Start,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Start {
    Now,
    Log,
}

/// A clock that starts at a moment.
pub(super) struct From {
    pub(super) start_ms: i64,
    pub(super) watch: Stopwatch,
}

impl Clock for From {
    fn now_ms(&self) -> i64 {
        self.start_ms + (self.watch.seconds() * 1000.0) as i64
    }

    fn nanos(&self) -> u64 {
        self.watch.nanos()
    }
}

pub(super) fn run(a: &Arguments) -> Result<(), Failed> {
    let (home, plan) = planned(&a.of)?;
    let bundle = tamis_funnel::bundle::current(&home.bundles(), &plan).map_err(|e| Failed::No(e.to_string()))?;
    let (log, _) = Log::open(Disk::open(&home.log())?)?;
    let start_ms = match a.clock {
        Start::Now => now_ms(),
        Start::Log => log.last_known().max(0) + 1,
    };
    let clock = From { start_ms, watch: Stopwatch::default() };
    let engine = Engine::open(plan, bundle, log, Box::new(clock), &mut |_| {})?;
    let health = engine.health();
    let json = a.of.json;
    serve_blocking(Arc::new(engine), a.listen, |address| {
        if json {
            say!("{}", serde_json::json!({"listening": address.to_string(), "health": health}));
        } else {
            say!("{} · bundle {} · {} events · http://{address}", health.system, health.bundle, health.events);
        }
    })
    .map_err(|e| Failed::Wrong(format!("cannot serve on {}: {e}", a.listen)))
}
