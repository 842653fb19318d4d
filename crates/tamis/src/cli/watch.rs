//! `tamis watch --parity`: every list that was served, made again from the log and compared to the bit.

use super::rank::ReadOnly;
use super::{Failed, Of, planned};
use crate::progress::Bars;
use clap::Args;
use std::fmt::Write;
use tamis_log::{Disk, Log};
use tamis_serve::parity::{Parity, parity};
use tamis_train::Progress;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) of: Of,
    /// Make every list that was served again and compare each value and score
    #[arg(long, required = true)]
    parity: bool,
    /// The latest so many lists
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    lists: usize,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failed> {
    let (home, plan) = planned(&a.of)?;
    let (log, _) = Log::open(ReadOnly(Disk::reading(&home.log())?))?;
    let bundles = home.bundles();
    let bundle_of = |name: &str| tamis_funnel::bundle::open(&bundles.join(name), &plan).ok();
    let bars = Bars::new();
    bars.step("lists", 0);
    let found = parity(&plan, &log, &bundle_of, a.lists, &mut || bars.advance(1))?;
    bars.finish();
    if a.of.json {
        say!("{}", serde_json::to_string_pretty(&found).expect("what was found is plain data"));
    } else {
        say!("{}", text(&plan.system.name.value, &found));
    }
    match found.different {
        0 => Ok(()),
        n => Err(Failed::No(format!("{n} of {} lists do not come out as they were served", found.lists))),
    }
}

fn text(system: &str, found: &Parity) -> String {
    let mut out = format!("{system}: {} lists made again, {} values and scores compared\n", found.lists, found.values);
    let left_out = [
        (found.cut_short, "had a part skipped for the deadline"),
        (found.without_request, "have no record of what was asked"),
        (found.without_bundle, "are of bundles that are gone or of another file"),
    ];
    for (n, why) in left_out.iter().filter(|(n, _)| *n > 0) {
        let _ = writeln!(out, "{n} more {why}");
    }
    let Some(first) = &found.first else {
        let _ = write!(out, "{}", if found.lists > 0 { "all are the same to the bit" } else { "nothing to compare" });
        return out;
    };
    let shown = |v: Option<f32>| v.map_or("missing".to_string(), |v| format!("{v} (bits {:08x})", v.to_bits()));
    let _ = writeln!(out, "\nthe first that differs: list {} for `{}` at {}", first.list_id, first.user, first.time);
    let _ = writeln!(out, "  item      {}", first.item);
    let _ = writeln!(out, "  what      {}", first.what);
    let _ = writeln!(out, "  served    {}", shown(first.served));
    let _ = writeln!(out, "  replayed  {}", shown(first.replayed));
    if let Some(e) = &first.event {
        let _ = writeln!(
            out,
            "  the last event of either before it is `{}`, number {} of the log, known at {}, happened at {}",
            e.event, e.number, e.known, e.happened
        );
    }
    out
}
