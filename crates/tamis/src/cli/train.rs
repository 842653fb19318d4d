//! `tamis train`: files into the log, the log into examples, examples into models, all of it into a bundle.

use super::{Failed, Of, planned, threads};
use crate::clock::now_ms;
use crate::home::Home;
use crate::progress::Bars;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tamis_funnel::{Bundle, Plan};
use tamis_ingest::{FileSummary, Place, Sought, import, locate};
use tamis_log::{Disk, Log};
use tamis_spec::actors::schema_of;
use tamis_spec::system::{FileSpec, Origin};
use tamis_train::{Data, Progress};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) of: Of,
    /// Threads to use; all by default
    #[arg(long)]
    threads: Option<usize>,
}

pub(super) fn run(a: &Arguments) -> Result<(), Failed> {
    let (home, plan) = planned(&a.of)?;
    let bars = Bars::new();
    let (bundle, steps) = train(&home, &plan, threads(a.threads), &bars, a.of.json)?;
    bars.finish();
    let seconds = bars.seconds();
    let peak = tamis_observe::resources::peak_resident_bytes();
    if a.of.json {
        let steps: serde_json::Map<String, serde_json::Value> = steps.into_iter().map(|(n, s)| (n, s.into())).collect();
        let out = serde_json::json!({"system": plan.system.name.value, "bundle": bundle.name, "dir": bundle.dir, "seconds": seconds, "peak_resident_bytes": peak, "steps": steps});
        say!("{out}");
    } else {
        say!(
            "bundle {} of {} in {seconds:.1} s, peak memory {} MB",
            bundle.name,
            plan.system.name.value,
            peak / 1_000_000
        );
        say!("next: tamis evaluate {}", a.of.system.display());
    }
    Ok(())
}

type Steps = Vec<(String, f64)>;

/// Imports what is new, trains, writes the bundle.
pub(super) fn train(
    home: &Home,
    plan: &Plan,
    n_threads: usize,
    bars: &Bars,
    quiet: bool,
) -> Result<(Bundle, Steps), Failed> {
    let from = bars.seconds();
    bring_in(home, plan, bars, quiet)?;
    let mut steps = vec![("import".to_string(), bars.seconds() - from)];
    let from = bars.seconds();
    let data = load(home, plan, None, bars)?;
    note_sizes(home, plan, &data)?;
    steps.push(("read the log".to_string(), bars.seconds() - from));
    let trained = tamis_train::train(plan, &data, n_threads, bars)?;
    steps.extend(trained.steps);
    let bundles = home.bundles();
    std::fs::create_dir_all(&bundles).map_err(|e| {
        Failed::Wrong(format!("cannot create {}: {e}; give another place with --home", bundles.display()))
    })?;
    let bundle = tamis_funnel::bundle::write(&bundles, plan, &data.actors, &trained.contents)?;
    Ok((bundle, steps))
}

/// What a log was imported from. It stands in the log's own directory, so that the two are put in place together.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Imported {
    /// The records' schema.
    schema: tamis_spec::batch::Schema,
    /// Files with their sizes and times of change, ms.
    files: Vec<(PathBuf, u64, u64)>,
    /// Records that came from files.
    records: u64,
    /// Users, items and events of the log, as counted by the last training.
    #[serde(default)]
    sizes: Option<[u64; 3]>,
}

/// How large the system is, if it was trained: users, items, events.
pub(super) fn sizes(home: &Home) -> Option<[u64; 3]> {
    imported(&home.log())?.sizes
}

/// None where there is no note, or none that can be read: what such a log holds may have come from anywhere.
fn imported(log: &Path) -> Option<Imported> {
    std::fs::read(log.join(NOTE)).ok().and_then(|b| serde_json::from_slice(&b).ok())
}

const NOTE: &str = "import.json";

fn note_sizes(home: &Home, plan: &Plan, data: &Data) -> Result<(), Failed> {
    let (users, items) = data.sizes(plan);
    let sizes = Some([users as u64, items as u64, data.events.order.len() as u64]);
    match imported(&home.log()) {
        Some(known) if known.sizes != sizes => note(&home.log(), &Imported { sizes, ..known }),
        _ => Ok(()),
    }
}

/// Writes the note whole or not at all.
fn note(log: &Path, imported: &Imported) -> Result<(), Failed> {
    let text = serde_json::to_vec_pretty(imported).expect("an import is plain data");
    let (path, next) = (log.join(NOTE), log.join(".import.json"));
    let write = || {
        let mut file = std::fs::File::create(&next)?;
        std::io::Write::write_all(&mut file, &text)?;
        file.sync_all()?;
        std::fs::rename(&next, &path)
    };
    write().map_err(|e| Failed::Wrong(format!("cannot write {}: {e}", path.display())))
}

/// Imports the system's files into its log, unless the log holds them already. The log that is there stays as it is until the new
/// one is whole; records that did not come from files are never replaced.
pub(super) fn bring_in(home: &Home, plan: &Plan, bars: &Bars, quiet: bool) -> Result<(), Failed> {
    if home.last_log().is_dir() && !home.log().is_dir() {
        // A training ended between the two steps of `swap`.
        rename(&home.last_log(), &home.log())?;
    }
    let sought = Sought::beside(&home.folder);
    let wanted = Imported { schema: schema_of(&plan.system), files: files(plan, &sought)?, ..Imported::default() };
    let (log, recovered) = Log::open(Disk::open(&home.log())?)?;
    if recovered.cut_bytes > 0 && !quiet {
        eprintln!(
            "the log ended in the middle of a frame: {} bytes that nobody was told were kept have been cut",
            recovered.cut_bytes
        );
    }
    // What a training that was cut short left behind; whoever holds the log may clean up beside it.
    remove(&home.last_log())?;
    remove(&home.next_log())?;
    let known = imported(&home.log());
    let of_files = known.as_ref().map_or(0, |k| k.records);
    let same = known.as_ref().is_some_and(|k| k.files == wanted.files && k.schema == wanted.schema);
    if wanted.files.is_empty() || (same && log.next_seq() >= of_files && of_files > 0) {
        return Ok(());
    }
    let live = log.next_seq().saturating_sub(of_files);
    if live > 0 {
        return Err(Failed::Wrong(format!(
            "the files of {} are not those that the log was made from, and the log also holds {live} records that did not come from files\n\
             keep the files as they were, or move {} away to start anew from the files",
            home.file.display(),
            home.log().display()
        )));
    }
    make(home, plan, &sought, wanted, (bars, quiet))?;
    // Held until here, so that nobody else writes to the log that is about to be replaced.
    let moved = swap(home);
    drop(log);
    moved
}

/// The system's files with their sizes and times of change, ms.
fn files(plan: &Plan, sought: &Sought) -> Result<Vec<(PathBuf, u64, u64)>, Failed> {
    let mut out = Vec::new();
    for spec in specs(plan) {
        let mut places = Vec::new();
        for path in &spec.paths {
            places.extend(locate(spec, &path.value, sought)?);
        }
        for place in places {
            let file = place.shown().to_path_buf();
            let Place::File(_) = place else {
                out.push((file, 0, 0));
                continue;
            };
            let about =
                std::fs::metadata(&file).map_err(|e| Failed::Wrong(format!("cannot read {}: {e}", file.display())))?;
            let changed = about.modified().ok().and_then(|m| m.duration_since(std::time::UNIX_EPOCH).ok());
            out.push((file, about.len(), changed.map_or(0, |d| d.as_millis() as u64)));
        }
        // Another question to a database is another file.
        out.extend(spec.sql.iter().map(|sql| (PathBuf::from(sql), 0, 0)));
    }
    Ok(out)
}

/// Makes a log of the files beside the one that is there.
fn make(
    home: &Home,
    plan: &Plan,
    sought: &Sought,
    mut wanted: Imported,
    (bars, quiet): (&Bars, bool),
) -> Result<(), Failed> {
    bars.step("read files", 0);
    let mut read = import(&plan.system, sought, now_ms(), &mut |_, _| {})?;
    let (mut log, _) = Log::open(Disk::open(&home.next_log())?)?;
    bars.step("write the log", read.n_records());
    let schema = read.schema.clone();
    read.batches(|batch| {
        bars.advance(batch.len() as u64);
        log.append_unsynced(&schema, batch).map(|_| ())
    })?;
    log.sync()?;
    bars.finish();
    if !quiet {
        read.files.iter().for_each(tell);
    }
    wanted.records = log.next_seq();
    note(&home.next_log(), &wanted)
}

/// Puts the new log in the place of the old one.
fn swap(home: &Home) -> Result<(), Failed> {
    rename(&home.log(), &home.last_log())?;
    rename(&home.next_log(), &home.log())?;
    remove(&home.last_log())
}

fn rename(from: &Path, to: &Path) -> Result<(), Failed> {
    std::fs::rename(from, to)
        .map_err(|e| Failed::Wrong(format!("cannot rename {} to {}: {e}", from.display(), to.display())))
}

fn remove(dir: &Path) -> Result<(), Failed> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Failed::Wrong(format!("cannot remove {}: {e}", dir.display())))
        }
        _ => Ok(()),
    }
}

fn specs(plan: &Plan) -> impl Iterator<Item = &FileSpec> {
    let actors = plan.system.actors.iter().filter_map(|a| a.file.as_ref());
    let events = plan.system.events.iter().filter_map(|e| match &e.origin {
        Origin::Declared { file, .. } => file.as_ref(),
        Origin::Derived { .. } => None,
    });
    actors.chain(events)
}

fn tell(file: &FileSummary) {
    use tamis_spec::time::format_time;
    let span = file.span_ms.map(|(a, b)| format!(", {} to {}", format_time(a), format_time(b))).unwrap_or_default();
    eprintln!("  {:<12} {:>10} rows{span}  {}", file.name, file.rows, file.file.display());
    if file.bad > 0 {
        eprintln!("    {} rows could not be used:", file.bad);
        file.examples.iter().for_each(|e| eprintln!("      {e}"));
    }
    if file.repeated > 0 {
        eprintln!("    {} keys were there before: the later row counts", file.repeated);
    }
    if file.unknown_actors > 0 {
        eprintln!("    names {} actors without a row of their own: kept", file.unknown_actors);
    }
}

/// The whole log in memory, keys in the order of a bundle's if one is given.
pub(super) fn load(home: &Home, plan: &Plan, bundle: Option<&Bundle>, bars: &Bars) -> Result<Data, Failed> {
    bars.step("read the log", 0);
    let mut data = Data::new(plan, bundle)?;
    let sought = Sought::beside(&home.folder);
    data.folders = std::iter::once(sought.folder).chain(sought.data).collect();
    let schema = schema_of(&plan.system);
    if !home.log().is_dir() {
        return Err(Failed::No(format!("there is no log in {}: run `tamis train` first", home.dir.display())));
    }
    let disk = Disk::reading(&home.log())?;
    tamis_log::read(&disk, 0, &schema, &mut |_, batch| {
        data.apply(plan, batch);
        ControlFlow::Continue(())
    })?;
    Ok(data)
}
