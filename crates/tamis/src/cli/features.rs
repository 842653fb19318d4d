//! `tamis features`: the manual of the feature language, from its registry.

use super::Failed;
use clap::Args;
use std::fmt::Write;
use tamis_features::FUNCTIONS;
use tamis_spec::diagnostic::nearest;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// One function; all by default
    function: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failed> {
    let names = || FUNCTIONS.iter().map(|k| k.name);
    if let Some(wanted) = a.function.as_deref().filter(|wanted| !names().any(|name| name == *wanted)) {
        let meant = nearest(wanted, names()).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        return Err(Failed::Wrong(format!("there is no function `{wanted}`{meant}\n`tamis features` lists all")));
    }
    let chosen = FUNCTIONS.iter().filter(|k| a.function.as_deref().is_none_or(|wanted| wanted == k.name));
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
