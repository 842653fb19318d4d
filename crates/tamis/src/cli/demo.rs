//! `tamis demo`: a simulated shop from an empty folder to a list that changes with a visitor's clicks.

use super::rank::text as list_text;
use super::serve::From;
use super::train::{load, train};
use super::{Failed, Of, evaluate, planned, threads};
use crate::clock::Stopwatch;
use crate::progress::Bars;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use tamis_log::{Disk, Log};
use tamis_serve::{Engine, Key, RankRequest, RankResponse, serve_blocking};
use tamis_world::{Sizes, World, system_toml};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Where the shop is written; by default a folder among the temporary files
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// All randomness follows from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Go on serving on this address afterwards
    #[arg(long, value_name = "ADDRESS")]
    serve: Option<std::net::SocketAddr>,
}

/// Items that are shown.
const SHOWN: usize = 8;

pub(super) fn run(a: &Arguments) -> Result<(), Failed> {
    let watch = Stopwatch::default();
    let dir = a.dir.clone().unwrap_or_else(|| std::env::temp_dir().join("tamis-demo"));
    let write = |e: std::io::Error| {
        Failed::Wrong(format!("cannot write the shop to {}: {e}; give another place with --dir", dir.display()))
    };
    // What an earlier demo derived goes; a folder that is not a demo's is left alone.
    if dir.join("tamis.toml").exists() && dir.join("impressions.csv").exists() {
        std::fs::remove_dir_all(&dir).map_err(write)?;
    }
    std::fs::create_dir_all(&dir).map_err(write)?;
    // Tastes hold still: what a shift of tastes looks like is for the verbs that watch.
    let world = World::new(a.seed, Sizes { drift_day: None, ..Sizes::default() });
    world.write(&dir).map_err(write)?;
    std::fs::write(dir.join("tamis.toml"), system_toml()).map_err(write)?;
    say!(
        "A shop with {} items and {} visitors, {} days and {} events, simulated in {:.1} s in {}\n",
        world.items().len(),
        world.visitors().len(),
        world.sizes().days,
        world.events().len(),
        watch.seconds(),
        dir.display()
    );
    let (home, plan) = planned(&Of { system: dir.clone(), home: None, json: false })?;
    let bars = Bars::new();
    let (bundle, _) = train(&home, &plan, threads(None), &bars, true)?;
    let data = load(&home, &plan, Some(&bundle), &bars)?;
    let report = tamis_train::evaluate(&plan, &data, &bundle, tamis_train::windows::TEST, threads(None), &bars)?;
    bars.finish();
    drop(data);
    say!("Trained and judged on the last days, which it had not seen ({:.0} s):\n", watch.seconds());
    say!("{}", evaluate::text(&report));
    let (log, _) = Log::open(Disk::open(&home.log())?)?;
    let clock = From { start_ms: log.last_known().max(0) + 60_000, watch: Stopwatch::default() };
    let engine = Engine::open(plan, bundle, log, Box::new(clock), &mut |_| {})?;
    before_and_after(&engine, &world)?;
    say!(
        "\n{:.0} s in all. Look further:\n  tamis serve {d} --clock log\n  tamis evaluate {d} --report report.html",
        watch.seconds(),
        d = dir.display()
    );
    if let Some(address) = a.serve {
        serve_blocking(Arc::new(engine), address, |at| say!("serving on http://{at}"))
            .map_err(|e| Failed::Wrong(format!("cannot serve on {address}: {e}")))?;
    }
    Ok(())
}

/// Somebody's list, three clicks on one sort of thing, and the list again.
fn before_and_after(engine: &Engine, world: &World) -> Result<(), Failed> {
    let visitor = world.visitors().first().map(|v| v.key.clone()).unwrap_or_default();
    let ask = RankRequest { user: Key(visitor.clone()), limit: Some(SHOWN), explain: true, ..RankRequest::default() };
    let refused = |r: tamis_serve::Refused| Failed::Wrong(r.to_string());
    let before = engine.rank(&ask).map_err(refused)?;
    say!("What {visitor} is shown:\n{}", list_text(&visitor, &before));
    let category = |key: &str| world.item_idx(key).map(|i| world.items()[i].category);
    let shown: Vec<_> = before.items.iter().filter_map(|i| category(&i.item)).collect();
    // A sort of thing of which nothing was shown, so that the change can be seen.
    let other = world.items().iter().map(|i| i.category).find(|c| !shown.contains(c));
    let clicked: Vec<_> = world.items().iter().rev().filter(|i| Some(i.category) == other).take(3).collect();
    let events: Vec<Value> =
        clicked.iter().map(|i| json!({"event": "click", "visitor": visitor, "item": i.key, "dwell_s": 60})).collect();
    engine.events(&events).map_err(refused)?;
    let titles: Vec<&str> = clicked.iter().map(|i| i.title.as_str()).collect();
    say!("\n{visitor} clicks on {} ({}).\n", titles.join(", "), other.map(|c| c.to_string()).unwrap_or_default());
    let after = engine.rank(&ask).map_err(refused)?;
    say!("What {visitor} is shown now:\n{}", list_text(&visitor, &after));
    say!("{}", difference(&before, &after));
    Ok(())
}

fn difference(before: &RankResponse, after: &RankResponse) -> String {
    let new = after.items.iter().filter(|i| !before.items.iter().any(|b| b.item == i.item)).count();
    format!("{new} of {} items are new.", after.items.len())
}
