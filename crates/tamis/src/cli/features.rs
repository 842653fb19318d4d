//! `tamis features`: the manual of the feature language, from its registry.

use super::{Failed, Of};
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;
use tamis_features::FUNCTIONS;
use tamis_spec::diagnostic::nearest;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// One function, all by default; with --stats, a system
    #[arg(value_name = "FUNCTION|SYSTEM")]
    of: Option<String>,
    /// What every feature of a system holds: missing, quantiles, correlation with the label, by window
    #[arg(long, requires = "of")]
    stats: bool,
    /// With --stats: write a page with a small histogram of each
    #[arg(long, value_name = "FILE", requires = "stats")]
    report: Option<PathBuf>,
    /// With --stats: where log and bundles are kept; by default .tamis/NAME beside the file
    #[arg(long, value_name = "DIR", requires = "stats")]
    home: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failed> {
    if let (true, Some(system)) = (a.stats, &a.of) {
        let of = Of { system: PathBuf::from(system), home: a.home.clone(), json: a.json };
        return super::stats::run(&of, a.report.as_deref());
    }
    let names = || FUNCTIONS.iter().map(|k| k.name);
    if let Some(wanted) = a.of.as_deref().filter(|wanted| !names().any(|name| name == *wanted)) {
        let meant = nearest(wanted, names()).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        return Err(Failed::Wrong(format!("there is no function `{wanted}`{meant}\n`tamis features` lists all")));
    }
    let chosen = FUNCTIONS.iter().filter(|k| a.of.as_deref().is_none_or(|wanted| wanted == k.name));
    if a.json {
        let one = |k: &tamis_spec::kind::Kind<dyn tamis_features::Function>| serde_json::json!({ "name": k.name, "about": k.about, "example": k.example });
        say!("{}", serde_json::json!({ "functions": chosen.map(one).collect::<Vec<_>>() }));
    } else {
        let mut out = String::new();
        for k in chosen {
            let _ = writeln!(out, "{}\n  {}\n  {}\n", k.name, k.about, k.example);
        }
        say!("{}", out.trim_end());
    }
    Ok(())
}

/// The same for the manual of system files.
pub(super) fn manual() -> String {
    let mut out = String::from("## Functions of features\n\n");
    for kind in FUNCTIONS {
        let _ = writeln!(out, "- `{}`: {}\n  `{}`", kind.name, kind.about, kind.example);
    }
    out
}
