//! The verbs of the command line, and what they share: finding a system, showing mistakes, exit codes.

/// Prints a line of an answer. Whoever reads may stop reading: that is no error, and what would follow is not made.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::print(&format!($($text)*))
    };
}

mod check;
mod check_data;
mod demo;
mod evaluate;
mod examples;
mod features;
mod rank;
mod serve;
mod stats;
mod train;
mod watch;

use crate::home::Home;
use crate::show;
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use tamis_funnel::{Plan, Registries};

/// From an event log to a served, measured ranking.
#[derive(Debug, Parser)]
#[command(name = "tamis", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Every mistake of a system file with its place, or its plan
    Check(check::Arguments),
    /// The manual of the feature language; with --stats, what the features of a system hold
    Features(features::Arguments),
    /// Files → log → examples → models → a bundle
    Train(train::Arguments),
    /// A bundle on the held-out time, beside baselines
    Evaluate(evaluate::Arguments),
    /// The training rows as a Parquet file, for other programs
    Examples(examples::Arguments),
    /// HTTP API
    Serve(serve::Arguments),
    /// One decision from the shell, and why each item is there
    Rank(rank::Arguments),
    /// Whether what was served comes out again from the log
    Watch(watch::Arguments),
    /// A simulated shop: the whole loop, nothing to install
    Demo(demo::Arguments),
}

/// Which system, and how to answer.
#[derive(Args, Clone, Debug)]
pub struct Of {
    /// A folder that holds tamis.toml, or a .toml file
    pub system: PathBuf,
    /// Where log and bundles are kept; by default .tamis/NAME beside the file
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// How a verb ended that did not do what was asked.
pub enum Failed {
    /// The answer is no: exit code 1.
    No(String),
    /// Wrong use or a wrong file: exit code 2.
    Wrong(String),
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(e: E) -> Self {
        Self::Wrong(e.to_string())
    }
}

/// Runs a command line.
pub fn run(cli: Cli) -> ExitCode {
    let (json, done) = match cli.verb {
        Verb::Check(a) => (a.json(), check::run(&a)),
        Verb::Features(a) => (a.json, features::run(&a)),
        Verb::Train(a) => (a.of.json, train::run(&a)),
        Verb::Evaluate(a) => (a.of.json, evaluate::run(&a)),
        Verb::Examples(a) => (a.of.json, examples::run(&a)),
        Verb::Serve(a) => (a.of.json, serve::run(&a)),
        Verb::Rank(a) => (a.of.json, rank::run(&a)),
        Verb::Watch(a) => (a.of.json, watch::run(&a)),
        Verb::Demo(a) => (false, demo::run(&a)),
    };
    let (code, text) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failed::No(text)) => (1, text),
        Err(Failed::Wrong(text)) => (2, text),
    };
    if json && !text.starts_with('{') {
        say!("{}", serde_json::json!({ "error": text.trim_end() }));
    } else if json {
        say!("{text}");
    } else {
        eprintln!("{}", text.trim_end());
    }
    ExitCode::from(code)
}

/// Reads and checks the system file; its mistakes are the error.
pub fn planned(of: &Of) -> Result<(Home, Plan), Failed> {
    let home = Home::of(&of.system, of.home.as_deref());
    let path = home.file.display().to_string();
    let source = std::fs::read_to_string(&home.file).map_err(|e| {
        Failed::Wrong(format!(
            "cannot read the system file {path}: {e}\ngive a folder that holds tamis.toml, or a .toml file"
        ))
    })?;
    let (plan, wrong) = tamis_funnel::plan::plan(&source, Registries::default());
    match plan {
        Some(plan) if wrong.is_empty() => Ok((home, plan)),
        _ if of.json => Err(Failed::Wrong(show::json(&path, &source, &wrong).to_string())),
        _ => {
            let n = wrong.len();
            let count = if n == 1 { "1 mistake".to_string() } else { format!("{n} mistakes") };
            Err(Failed::Wrong(format!("{}{count} in {path}", show::text(&path, &source, &wrong))))
        }
    }
}

/// What `say!` does.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Threads that work may use: all, but for those that `--threads` leaves free.
pub fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get())).clamp(1, 64)
}
