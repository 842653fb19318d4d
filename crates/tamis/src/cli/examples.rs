//! `tamis examples`: the training rows as one Parquet file.

use super::train::{bring_in, load};
use super::{Failed, Of, planned, threads};
use crate::progress::Bars;
use clap::Args;
use std::io;
use std::path::{Path, PathBuf};
use tamis_funnel::Plan;
use tamis_ingest::table::{ColumnType, Table, Values};
use tamis_spec::MISSING;
use tamis_train::Data;
use tamis_train::export::{Exported, Head, export};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) of: Of,
    /// The file that is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Every candidate, without a draw of those that were not right
    #[arg(long)]
    all: bool,
    /// Threads to use; all by default
    #[arg(long)]
    threads: Option<usize>,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failed> {
    let (home, plan) = planned(&a.of)?;
    if plan.system.stages.is_empty() {
        return Err(Failed::Wrong("the system has no [[stages]]: nothing learns from examples".into()));
    }
    let bars = Bars::new();
    bring_in(&home, &plan, &bars, a.of.json)?;
    let data = load(&home, &plan, None, &bars)?;
    // Beside its place until it is whole, so that nobody reads half a file.
    let part = a.out.with_extension("parquet.part");
    let mut table = None;
    let mut n_rows = 0;
    let written = export(&plan, &data, a.all, threads(a.threads), &bars, &mut |head, rows| {
        n_rows += rows.len();
        if table.is_none() {
            table = Some(begin(&part, head, &plan)?);
        }
        table.as_mut().map_or(Ok(()), |t| t.write(columns(&plan, &data, head, &rows)))
    });
    let end = |head: Head| -> io::Result<Head> {
        match table {
            Some(table) => {
                table.finish()?;
                std::fs::rename(&part, &a.out)?;
                Ok(head)
            }
            None => Err(io::Error::other("no decision kept what was right: there are no rows")),
        }
    };
    let head = written
        .map_err(Failed::from)
        .and_then(|head| end(head).map_err(|e| Failed::Wrong(format!("cannot write {}: {e}", a.out.display()))));
    let head = head.inspect_err(|_| drop(std::fs::remove_file(&part)))?;
    bars.finish();
    let bytes = std::fs::metadata(&a.out)?.len();
    let [train, validate, test] = head.n_decisions;
    if a.of.json {
        say!(
            "{}",
            serde_json::json!({"file": a.out, "rows": n_rows, "features": head.features.len(), "bytes": bytes,
                "decisions": {"train": train, "validate": validate, "test": test}})
        );
    } else {
        say!(
            "{n_rows} rows of {} features, {train} + {validate} + {test} decisions, {:.1} MB  {}",
            head.features.len(),
            bytes as f64 / 1e6,
            a.out.display()
        );
    }
    Ok(())
}

/// Columns that stand before the features.
const OWN: [(&str, ColumnType); 5] = [
    ("decision", ColumnType::Integers),
    ("time", ColumnType::Moments),
    ("split", ColumnType::Words),
    ("label", ColumnType::Numbers),
    ("weight", ColumnType::Numbers),
];

fn begin(path: &Path, head: &Head, plan: &Plan) -> io::Result<Table> {
    let actors = [&plan.system.decision.user_name, &plan.system.decision.item_name];
    // A feature may have the name of an own column: then it is told apart.
    let taken = |name: &str| OWN.iter().any(|(own, _)| *own == name) || actors.iter().any(|a| *a == name);
    let names: Vec<(String, ColumnType)> = head
        .features
        .iter()
        .map(|(name, words)| {
            let ty = if *words { ColumnType::Words } else { ColumnType::Numbers };
            (if taken(name) { format!("feature.{name}") } else { name.clone() }, ty)
        })
        .collect();
    let mut columns: Vec<(&str, ColumnType)> = OWN[..2].to_vec();
    columns.extend(actors.iter().map(|a| (a.as_str(), ColumnType::Words)));
    columns.extend(&OWN[2..]);
    columns.extend(names.iter().map(|(name, ty)| (name.as_str(), *ty)));
    Table::create(path, &columns)
}

fn columns<'d>(plan: &Plan, data: &'d Data, head: &Head, rows: &Exported) -> Vec<Values<'d>> {
    let key = |actor: usize, of: &[u32]| {
        let keys = &data.actors.tables[actor].keys;
        Values::Words(of.iter().map(|i| (*i != MISSING).then(|| keys.name(*i))).collect())
    };
    let split = |w: &usize| Some(["sources", "train", "validate", "test"][*w]);
    let mut out = vec![
        Values::Integers(rows.decision.clone()),
        Values::Integers(rows.time.clone()),
        key(plan.system.decision.user, &rows.user),
        key(plan.system.decision.item, &rows.item),
        Values::Words(rows.window.iter().map(split).collect()),
        Values::Numbers(rows.label.clone()),
        Values::Numbers(rows.weight.clone()),
    ];
    let width = head.features.len().max(1);
    for (c, (_, words)) in head.features.iter().enumerate() {
        let values = rows.values.iter().skip(c).step_by(width);
        out.push(if *words {
            Values::Words(values.map(|v| (!v.is_nan()).then(|| data.actors.words.name(*v as u32))).collect())
        } else {
            Values::Numbers(values.copied().collect())
        });
    }
    out
}
