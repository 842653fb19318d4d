//! `tamis features --stats SYSTEM`: what every feature holds, by window.

use super::train::{bring_in, load};
use super::{Failed, Of, planned, threads};
use crate::progress::Bars;
use std::fmt::Write;
use std::path::Path;
use tamis_observe::columns::{Columns, Spread, page};

pub(super) fn run(of: &Of, report: Option<&Path>) -> Result<(), Failed> {
    let (home, plan) = planned(of)?;
    if plan.system.stages.is_empty() {
        return Err(Failed::Wrong("the system has no [[stages]]: nothing reads its features".into()));
    }
    let bars = Bars::new();
    bring_in(&home, &plan, &bars, of.json)?;
    let data = load(&home, &plan, None, &bars)?;
    let found = tamis_train::stats(&plan, &data, threads(None), &bars)?;
    bars.finish();
    if let Some(path) = report {
        std::fs::write(path, page(&found))
            .map_err(|e| Failed::Wrong(format!("cannot write the page to {}: {e}", path.display())))?;
    }
    if of.json {
        say!("{}", serde_json::to_string_pretty(&found).expect("what was found is plain data"));
    } else {
        say!("{}", text(&found));
    }
    Ok(())
}

/// A line for each feature and window.
fn text(found: &Columns) -> String {
    let mut out = String::new();
    let windows = found.windows.iter().map(|(name, n)| format!("{name} {n} rows"));
    let _ = writeln!(out, "{}: {}", found.system, windows.collect::<Vec<_>>().join(", "));
    let width = found.features.iter().map(|f| f.name.len()).max().unwrap_or(0).clamp(7, 32);
    let heads = ["missing", "distinct", "5 %", "median", "95 %", "r(label)"];
    let heads: String = heads.iter().map(|h| format!("{h:>11}")).collect();
    let _ = writeln!(out, "\n{:<width$}  {:<9}{heads}", "feature", "window");
    for f in &found.features {
        for ((window, _), spread) in found.windows.iter().zip(&f.windows) {
            let _ = writeln!(out, "{:<width$}  {window:<9}{}", f.name, line(spread));
        }
    }
    out
}

fn line(of: &Spread) -> String {
    let number = |v: Option<f32>| v.map_or("–".to_string(), |v| format!("{v:.4}"));
    let quantile = |at: usize| number(of.quantiles.map(|q| q[at]));
    let r = of.correlation.map_or("–".to_string(), |r| format!("{r:+.3}"));
    let missing = format!("{:.1} %", of.missing * 100.0);
    let cells = [missing, of.distinct.to_string(), quantile(1), quantile(3), quantile(5), r];
    cells.iter().map(|c| format!("{c:>11}")).collect()
}
