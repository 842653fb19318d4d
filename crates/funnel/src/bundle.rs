//! Bundles: what was fitted, in one immutable directory named by its content.
//!
//! A directory holds `manifest.json` and files named by the BLAKE3 hash of their bytes; the directory is named by the hash of the
//! manifest. A bundle is written beside its place and renamed into it, so that it is there whole or not at all.

use crate::codebook::Codebook;
use crate::fitted::{Fitted, FittedBytes};
use crate::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamis_spec::actors::Actors;
use tamis_spec::kind::find;
use tamis_spec::matrix::ColumnSpec;

/// Bundles of another number are refused.
pub const FORMAT: u32 = 1;

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The system's name.
    pub system: String,
    /// [`Plan::fingerprint`] of the file it was trained from.
    pub fingerprint: String,
    /// The moment before which everything was known that `shipped` was fitted on, ms.
    pub known_before_ms: i64,
    /// The moment before which everything was known that `judged` was fitted on: the beginning of the test window, ms.
    pub judged_before_ms: i64,
    /// Sources and learned vectors as they are judged: fitted on everything before the test window.
    pub judged: Part,
    /// Sources and learned vectors as they are served: fitted on everything.
    pub shipped: Part,
    /// Models.
    pub stages: Vec<Stage>,
    /// By feature name: the words that codes stand for.
    pub codebooks: BTreeMap<String, Codebook>,
    /// The file with the keys of all actors and the dictionary, in index order.
    pub keys: String,
}

/// Fitted sources and learned vectors: file names by index, empty for a source that only folds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// By `[learned]` index.
    pub learned: Vec<String>,
    /// By `[[candidates]]` index.
    pub sources: Vec<String>,
}

/// A fitted model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The stage's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The columns it was fitted on.
    pub columns: Vec<ColumnSpec>,
    /// Its file.
    pub file: String,
    /// How it came about.
    pub fit: FitHistory,
}

/// How a model came about, for reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FitHistory {
    /// Share of each column in the model's decisions, in column order.
    pub importance: Vec<f64>,
    /// Round, metric, and its value on the rows it learned from and on those it stopped on.
    pub curve: Vec<(u64, String, Option<f64>, Option<f64>)>,
}

/// A model that was fitted, in memory.
pub struct FittedStage {
    /// The stage's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The columns it was fitted on.
    pub columns: Vec<ColumnSpec>,
    /// The model.
    pub model: Vec<u8>,
    /// How it came about.
    pub fit: FitHistory,
}

/// Everything that goes into a bundle, in memory.
pub struct Contents {
    /// As judged.
    pub judged: FittedBytes,
    /// As served.
    pub shipped: FittedBytes,
    /// Models.
    pub stages: Vec<FittedStage>,
    /// By feature name.
    pub codebooks: BTreeMap<String, Codebook>,
    /// See [`Manifest`].
    pub known_before_ms: i64,
    /// See [`Manifest`].
    pub judged_before_ms: i64,
}

/// A bundle on disk.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What it holds.
    pub manifest: Manifest,
    /// Its name: the hash of the manifest.
    pub name: String,
    /// Where it is.
    pub dir: PathBuf,
}

/// What can be wrong with a bundle.
#[derive(Debug)]
pub enum Error {
    /// The disk.
    Io {
        /// What was done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is none.
    NotTrained {
        /// Where one was looked for.
        path: PathBuf,
    },
    /// It is not what was written.
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// It was trained from another system file.
    OtherSystem {
        /// The bundle.
        path: PathBuf,
        /// The name in the bundle.
        found: String,
        /// The name in the file.
        wanted: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, source } => write!(f, "cannot {doing} {}: {source}", path.display()),
            Self::NotTrained { path } => {
                write!(f, "no bundle in {}: nothing was trained yet; run `tamis train` first", path.display())
            }
            Self::Damaged { path, reason } => {
                write!(f, "{} is damaged: {reason}; delete it and run `tamis train` again", path.display())
            }
            Self::OtherSystem { path, found, wanted } if found == wanted => write!(
                f,
                "the bundle {} was trained from another version of the file of `{wanted}`; run `tamis train` again",
                path.display()
            ),
            Self::OtherSystem { path, found, wanted } => {
                write!(
                    f,
                    "the bundle {} is of the system `{found}`, not of `{wanted}`; run `tamis train` for it",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for Error {}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |source| Error::Io { doing, path, source }
}

/// Writes a bundle into `bundles` and makes it the current one.
pub fn write(bundles: &Path, plan: &Plan, actors: &Actors, contents: &Contents) -> Result<Bundle, Error> {
    let mut files: BTreeMap<String, &[u8]> = BTreeMap::new();
    let keys = keys_of(actors);
    let keys_name = add(&mut files, &keys);
    let judged = part(&mut files, &contents.judged);
    let shipped = part(&mut files, &contents.shipped);
    let mut stages = Vec::new();
    for stage in &contents.stages {
        let file = add(&mut files, &stage.model);
        let FittedStage { name, kind, columns, fit, .. } = stage;
        stages.push(Stage { name: name.clone(), kind: kind.clone(), columns: columns.clone(), file, fit: fit.clone() });
    }
    let manifest = Manifest {
        format: FORMAT,
        system: plan.system.name.value.clone(),
        fingerprint: plan.fingerprint(),
        known_before_ms: contents.known_before_ms,
        judged_before_ms: contents.judged_before_ms,
        judged,
        shipped,
        stages,
        codebooks: contents.codebooks.clone(),
        keys: keys_name,
    };
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest is plain data");
    let name = blake3::hash(text.as_bytes()).to_hex()[..16].to_string();
    let dir = bundles.join(&name);
    if !dir.exists() {
        let making = bundles.join(format!(".making-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&making).map_err(io("create", &making))?;
        for (file, bytes) in &files {
            put(&making.join(file), bytes)?;
        }
        put(&making.join("manifest.json"), text.as_bytes())?;
        std::fs::rename(&making, &dir).map_err(io("rename to", &dir))?;
    }
    let current = bundles.join("current");
    let next = bundles.join(format!(".current-{}", std::process::id()));
    put(&next, name.as_bytes())?;
    std::fs::rename(&next, &current).map_err(io("rename to", &current))?;
    Ok(Bundle { manifest, name, dir })
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = std::fs::File::create(path).map_err(io("create", path))?;
    std::io::Write::write_all(&mut file, bytes).map_err(io("write", path))?;
    file.sync_all().map_err(io("sync", path))
}

fn add<'b>(files: &mut BTreeMap<String, &'b [u8]>, bytes: &'b [u8]) -> String {
    let name = format!("{}.bin", &blake3::hash(bytes).to_hex()[..32]);
    files.insert(name.clone(), bytes);
    name
}

fn part<'b>(files: &mut BTreeMap<String, &'b [u8]>, bytes: &'b FittedBytes) -> Part {
    let mut names = |all: &'b [Arc<Vec<u8>>]| {
        all.iter().map(|b| if b.is_empty() { String::new() } else { add(files, b) }).collect::<Vec<_>>()
    };
    Part { learned: names(&bytes.learned), sources: names(&bytes.sources) }
}

/// Opens the current bundle of `bundles` for a plan; refuses one that another file was trained to.
pub fn current(bundles: &Path, plan: &Plan) -> Result<Bundle, Error> {
    let pointer = bundles.join("current");
    let name = match std::fs::read_to_string(&pointer) {
        Ok(name) => name.trim().to_string(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NotTrained { path: bundles.to_path_buf() });
        }
        Err(e) => return Err(io("read", &pointer)(e)),
    };
    open(&bundles.join(name), plan)
}

/// Opens a bundle for a plan.
pub fn open(dir: &Path, plan: &Plan) -> Result<Bundle, Error> {
    let path = dir.join("manifest.json");
    let text = std::fs::read_to_string(&path).map_err(io("read", &path))?;
    let name = blake3::hash(text.as_bytes()).to_hex()[..16].to_string();
    let damaged = |reason: String| Error::Damaged { path: path.clone(), reason };
    if dir.file_name().and_then(|n| n.to_str()) != Some(&name) {
        return Err(damaged(format!("its content has the hash {name}, which is not its directory's name")));
    }
    let manifest: Manifest = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
    if manifest.format != FORMAT {
        return Err(damaged(format!("it has format {}, this program reads format {FORMAT}", manifest.format)));
    }
    if manifest.system != plan.system.name.value || manifest.fingerprint != plan.fingerprint() {
        let (found, wanted) = (manifest.system.clone(), plan.system.name.value.clone());
        return Err(Error::OtherSystem { path: dir.to_path_buf(), found, wanted });
    }
    Ok(Bundle { manifest, name, dir: dir.to_path_buf() })
}

impl Bundle {
    /// The bytes of one of its files, checked against their hash.
    pub fn file(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.dir.join(name);
        let bytes = std::fs::read(&path).map_err(io("read", &path))?;
        if !name.starts_with(&blake3::hash(&bytes).to_hex()[..32]) {
            return Err(Error::Damaged { path, reason: "its bytes do not have the hash it is named by".into() });
        }
        Ok(bytes)
    }

    /// Interns the keys and words of fitting time, in their order, into actors that are still empty.
    pub fn seed(&self, actors: &mut Actors) -> Result<(), Error> {
        let bytes = self.file(&self.manifest.keys)?;
        let damaged = |reason: &str| Error::Damaged { path: self.dir.join(&self.manifest.keys), reason: reason.into() };
        let lists: Vec<Vec<String>> = serde_json::from_slice(&bytes).map_err(|e| damaged(&e.to_string()))?;
        let (words, tables) = lists.split_last().ok_or_else(|| damaged("it holds no dictionary"))?;
        if tables.len() != actors.tables.len() {
            return Err(damaged("it holds other actors than the system"));
        }
        for (table, keys) in actors.tables.iter_mut().zip(tables) {
            keys.iter().for_each(|k| {
                table.keys.intern(k);
            });
        }
        words.iter().for_each(|w| {
            actors.words.intern(w);
        });
        Ok(())
    }

    /// Opens everything that was fitted, as judged or as shipped. `actors` must have been seeded from this bundle.
    pub fn fitted(&self, plan: &Plan, actors: &Actors, part: &Part) -> Result<Fitted, Error> {
        let read = |names: &[String]| -> Result<Vec<Arc<Vec<u8>>>, Error> {
            let mut met: BTreeMap<&str, Arc<Vec<u8>>> = BTreeMap::new();
            let mut all = Vec::new();
            for name in names {
                if !met.contains_key(name.as_str()) {
                    let bytes = if name.is_empty() { Vec::new() } else { self.file(name)? };
                    met.insert(name, Arc::new(bytes));
                }
                all.push(met[name.as_str()].clone());
            }
            Ok(all)
        };
        self.with_stages(plan, actors, &FittedBytes { learned: read(&part.learned)?, sources: read(&part.sources)? })
    }

    /// The same with other learned vectors and sources than those it holds.
    pub fn with_stages(&self, plan: &Plan, actors: &Actors, bytes: &FittedBytes) -> Result<Fitted, Error> {
        let damaged = |reason: String| Error::Damaged { path: self.dir.clone(), reason };
        let mut fitted = Fitted::open(plan, bytes).map_err(|e| damaged(e.to_string()))?;
        for stage in &self.manifest.stages {
            let kind = find(plan.registries.models, &stage.kind);
            let kind = kind.ok_or_else(|| damaged(format!("it holds a model of the unknown kind {}", stage.kind)))?;
            let model = kind.it.open(&self.file(&stage.file)?, &stage.columns).map_err(|e| damaged(e.to_string()))?;
            fitted.models.push(model);
        }
        for (i, feature) in plan.features.features.iter().enumerate() {
            fitted.codes[i] = self.manifest.codebooks.get(&feature.name).map(|book| book.open(&actors.words));
        }
        Ok(fitted)
    }
}

fn keys_of(actors: &Actors) -> Vec<u8> {
    let mut lists: Vec<Vec<&str>> = actors.tables.iter().map(|t| t.keys.names().iter().collect()).collect();
    lists.push(actors.words.names().iter().collect());
    serde_json::to_vec(&lists).expect("lists of texts are plain data")
}
