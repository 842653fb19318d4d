//! `tamis evaluate`: a bundle on the held-out time, every part of the funnel, beside baselines.

use super::train::{bring_in, load};
use super::{Failed, Of, planned, threads};
use crate::home::Home;
use crate::progress::Bars;
use clap::Args;
use std::path::PathBuf;
use tamis_funnel::Plan;
use tamis_observe::report::Report;
use tamis_train::Progress;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) of: Of,
    /// Write the report as one HTML page
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The window to judge on: choose on `validate`, look at `test` once
    #[arg(long, value_name = "WINDOW", default_value = "test", value_parser = ["test", "validate"])]
    on: String,
    /// Train and judge every fold of [split] folds, and report all decisions together
    #[arg(long)]
    folds: bool,
    /// Threads to use; all by default
    #[arg(long)]
    threads: Option<usize>,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failed> {
    let (home, mut plan) = planned(&a.of)?;
    let bars = Bars::new();
    let mut report = if a.folds { folds(a, &home, &mut plan, &bars)? } else { window(a, &home, &plan, &bars)? };
    bars.finish();
    report.resources.seconds = bars.seconds();
    show(a, &report)
}

/// Every fold, by what is trained on the others.
fn folds(a: &Arguments, home: &Home, plan: &mut Plan, bars: &Bars) -> Result<Report, Failed> {
    bring_in(home, plan, bars, a.of.json)?;
    let data = load(home, plan, None, bars)?;
    let dir = home.dir.join(".folds");
    let report = tamis_train::cross_validate(plan, &data, &dir, on(a), threads(a.threads), bars);
    drop(std::fs::remove_dir_all(&dir));
    Ok(report?)
}

/// A window, by the bundle that was trained.
fn window(a: &Arguments, home: &Home, plan: &Plan, bars: &Bars) -> Result<Report, Failed> {
    let bundle = tamis_funnel::bundle::current(&home.bundles(), plan).map_err(|e| Failed::No(e.to_string()))?;
    let data = load(home, plan, Some(&bundle), bars)?;
    Ok(tamis_train::evaluate(plan, &data, &bundle, on(a), threads(a.threads), bars)?)
}

/// The window to judge on.
fn on(a: &Arguments) -> usize {
    if a.on == "validate" { tamis_train::windows::VALIDATE } else { tamis_train::windows::TEST }
}

fn show(a: &Arguments, report: &Report) -> Result<(), Failed> {
    if let Some(path) = &a.report {
        std::fs::write(path, tamis_observe::page::page(report))
            .map_err(|e| Failed::Wrong(format!("cannot write the report to {}: {e}", path.display())))?;
    }
    if a.of.json {
        say!("{}", serde_json::to_string_pretty(report).expect("a report is plain data"));
    } else {
        say!("{}", text(report));
        if let Some(path) = &a.report {
            say!("\nreport   {}", path.display());
        }
    }
    Ok(())
}

/// The report for reading.
pub(super) fn text(report: &Report) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let validate = report.split.judged == "validate";
    let test = if validate { &report.split.validate } else { &report.split.test };
    let _ = writeln!(
        out,
        "{} · bundle {} · {} decisions of {} users, {} to {}\n",
        report.system, report.bundle, test.decisions, test.users, test.from, test.to
    );
    // Lists that were shown have an AUC, items sought in the catalogue a recall.
    let known = ["ndcg@10", "recall@10", "recall@100", "map", "auc", "mrr"];
    let shown = || known.into_iter().filter(|m| report.metrics.get(m).is_some());
    let _ = write!(out, "{:<22}", if validate { "on validate" } else { "" });
    shown().for_each(|m| {
        let _ = write!(out, "{m:>26}");
    });
    out.push('\n');
    let mut line = |name: &str, metrics: &tamis_observe::report::Named<tamis_observe::bootstrap::Metric>| {
        let _ = write!(out, "{name:<22}");
        for m in shown() {
            let cell =
                metrics.get(m).map(|m| format!("{:.4} [{:.4}, {:.4}]", m.value, m.low, m.high)).unwrap_or_default();
            let _ = write!(out, "{cell:>26}");
        }
        out.push('\n');
    };
    line("the funnel", &report.metrics);
    report.baselines.0.iter().for_each(|(name, metrics)| line(name, metrics));
    let _ = writeln!(
        out,
        "\n{:<22}{:>8}{:>8}{:>9}{:>9}{:>10}{:>10}",
        "part", "in", "out", "recall", "lost", "p50 µs", "p99 µs"
    );
    for p in &report.funnel {
        let _ = writeln!(
            out,
            "{:<22}{:>8.0}{:>8.0}{:>9.4}{:>9}{:>10.0}{:>10.0}",
            p.name, p.n_in, p.n_out, p.recall, p.lost, p.latency_us_p50, p.latency_us_p99
        );
    }
    let _ = writeln!(
        out,
        "\none decision: p50 {:.0} µs, p99 {:.0} µs · {:.1} s in all, peak memory {} MB",
        report.latency.us_p50,
        report.latency.us_p99,
        report.resources.seconds,
        report.resources.peak_resident_bytes / 1_000_000
    );
    out
}
