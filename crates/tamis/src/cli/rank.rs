//! `tamis rank`: one decision from the shell, as of the end of the log, and why each item is there. Nothing is written to the log.

use super::serve::From;
use super::{Failed, Of, planned};
use crate::clock::{Stopwatch, now_ms};
use clap::Args;
use std::io;
use std::path::PathBuf;
use tamis_log::{Disk, Log, Store};
use tamis_serve::{Candidate, Engine, Key, RankRequest, RankResponse};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) of: Of,
    /// Key of the actor that the list is for
    #[arg(long, value_name = "KEY")]
    user: String,
    /// How many items
    #[arg(long)]
    limit: Option<usize>,
    /// Order these items, by key, instead of the whole catalogue
    #[arg(long, value_delimiter = ',', value_name = "KEYS")]
    items: Option<Vec<String>>,
    /// Order these, read from a JSON list as /v1/rank takes it: keys, or {"item": KEY, "given": {...}}; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "items")]
    items_from: Option<PathBuf>,
    /// What else is known, as JSON: '{"query": "red shoes"}'
    #[arg(long, value_name = "JSON", default_value = "{}")]
    context: String,
    /// As of this moment, not the end of the log
    #[arg(long)]
    now: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failed> {
    let (home, plan) = planned(&a.of)?;
    let bundle = tamis_funnel::bundle::current(&home.bundles(), &plan).map_err(|e| Failed::No(e.to_string()))?;
    let (log, _) = Log::open(ReadOnly(Disk::reading(&home.log())?))?;
    let start_ms = if a.now { now_ms() } else { log.last_known().max(0) + 1 };
    let clock = From { start_ms, watch: Stopwatch::default() };
    let engine = Engine::open(plan, bundle, log, Box::new(clock), &mut |_| {})?;
    let context = serde_json::from_str(&a.context).map_err(|e| {
        Failed::Wrong(format!("--context is no JSON object: {e}; for example '{{\"query\": \"shoes\"}}'"))
    })?;
    let request = RankRequest { context, user: Key(a.user.clone()), limit: a.limit, items: items(a)?, explain: true };
    let response = engine.rank(&request).map_err(|refused| Failed::Wrong(refused.to_string()))?;
    if a.of.json {
        say!("{}", serde_json::to_string_pretty(&response).expect("a list is plain data"));
    } else {
        say!("{}", text(&a.user, &response));
    }
    Ok(())
}

/// The items to order, if any are named.
fn items(a: &Arguments) -> Result<Option<Vec<Candidate>>, Failed> {
    let Some(path) = &a.items_from else {
        return Ok(a.items.as_ref().map(|all| all.iter().map(|k| Key(k.clone()).into()).collect()));
    };
    let text = match path.as_os_str() == "-" {
        true => io::read_to_string(io::stdin()),
        false => std::fs::read_to_string(path),
    };
    let text = text.map_err(|e| Failed::Wrong(format!("cannot read {}: {e}", path.display())))?;
    let help = "for example [\"GX1\", {\"item\": \"GX2\", \"given\": {\"x1\": 0.5}}]";
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|e| Failed::Wrong(format!("{} is no list of items: {e}; {help}", path.display())))
}

/// A list for reading.
pub(super) fn text(user: &str, response: &RankResponse) -> String {
    use std::fmt::Write;
    let mut out = format!("for {user} as of {} · bundle {}\n", response.as_of, response.bundle);
    if let Some(reason) = &response.cold_start_reason {
        let _ = writeln!(out, "cold start: {reason}");
    }
    let title = |i: &tamis_serve::RankedItem| match i.fields.values().next().and_then(|v| v.as_str()) {
        Some(title) => title.to_string(),
        None => i.item.clone(),
    };
    let width = response.items.iter().map(|i| title(i).chars().count()).max().unwrap_or(0).clamp(4, 44);
    for i in &response.items {
        let name: String = title(i).chars().take(width).collect();
        let sources: Vec<String> = i.sources.iter().map(|s| format!("{} {}", s.name, s.rank)).collect();
        let why = i.why.iter().flatten().take(3).map(|w| format!("{} {:+.2}", w.feature, w.contribution));
        let _ = writeln!(
            out,
            "\n{:>3}  {name:<width$}  {:>8.3}   {}",
            i.position,
            i.score,
            why.collect::<Vec<_>>().join(", ")
        );
        if !sources.is_empty() {
            let _ = writeln!(out, "     {:<width$}             from {}", "", sources.join(", "));
        }
    }
    if let Some(unknown) = &response.unknown_items {
        let _ = writeln!(out, "\nnot known and left out: {} ({} in all)", unknown.keys.join(", "), unknown.count);
    }
    let micros: u64 = response.trace.iter().map(|p| p.micros).sum();
    let parts = response.trace.iter().map(|p| format!("{} {}", p.part, p.n_out));
    let _ = writeln!(out, "\n{} in {:.1} ms", parts.collect::<Vec<_>>().join(" → "), micros as f64 / 1000.0);
    if !response.fallbacks.is_empty() {
        let _ = writeln!(out, "skipped for the deadline: {}", response.fallbacks.join(", "));
    }
    out
}

/// A store that is read and never written: what would be appended is refused, and there is nothing to make durable.
pub(super) struct ReadOnly(pub(super) Disk);

impl Store for ReadOnly {
    fn segments(&self) -> io::Result<Vec<(u64, u64)>> {
        self.0.segments()
    }

    fn read(&self, segment: u64, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(segment, offset, into)
    }

    fn append(&mut self, _: u64, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "the log was opened to be read"))
    }

    fn sync(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }
}
