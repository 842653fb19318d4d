//! Where a file is: beside the system file, or in the data directory.

use crate::error::Error;
use std::path::{Path, PathBuf};
use tamis_spec::system::FileSpec;

/// Where files are looked for.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    /// The folder of the system file.
    pub folder: PathBuf,
    /// The data directory, `$TAMIS_DATA`.
    pub data: Option<PathBuf>,
}

impl Sought {
    /// From the environment. Without `$TAMIS_DATA`, the data directory is `shared/data` beside the folder in which the program runs,
    /// if there is one.
    pub fn beside(folder: &Path) -> Self {
        let data = std::env::var_os("TAMIS_DATA").map(PathBuf::from);
        let default = || Some(PathBuf::from("../shared/data")).filter(|d| d.is_dir());
        Self { folder: folder.to_path_buf(), data: data.or_else(default) }
    }
}

/// Where rows are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A PostgreSQL server.
    Postgres {
        /// Its address with all it needs.
        url: String,
        /// As it may be shown: without a password.
        shown: PathBuf,
    },
}

impl Place {
    /// As messages show it.
    pub fn shown(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Postgres { shown, .. } => shown,
        }
    }
}

/// A pattern stands for at most so many files.
pub(crate) const FILES_MAX: usize = 100_000;

/// Where the rows behind one path of an actor or event are: one file, all files of a pattern in the order of their paths, or a database.
pub fn locate(spec: &FileSpec, written: &str, sought: &Sought) -> Result<Vec<Place>, Error> {
    if let Some(name) = written.strip_prefix('$') {
        let shown = PathBuf::from(written);
        return match std::env::var(name) {
            Ok(url) if spec.sql.is_some() => Ok(vec![Place::Postgres { url, shown }]),
            Ok(_) => Err(Error::NoSql { file: shown }),
            Err(_) => Err(Error::Read { file: shown, reason: format!("the environment has no variable {name}") }),
        };
    }
    if let Some((scheme, _)) = written.split_once("://") {
        let shown = PathBuf::from(spec.shown());
        return match (scheme, &spec.sql) {
            ("postgres" | "postgresql", Some(_)) => Ok(vec![Place::Postgres { url: written.to_string(), shown }]),
            ("postgres" | "postgresql", None) => Err(Error::NoSql { file: shown }),
            _ => Err(Error::Format { file: shown }),
        };
    }
    let mut tried = vec![sought.folder.join(written)];
    if Path::new(written).is_relative() {
        tried.extend(sought.data.iter().map(|d| d.join(written)));
    }
    if let Some(found) = tried.iter().find(|t| t.is_file()) {
        let is_database = ["db", "sqlite", "sqlite3"].iter().any(|end| found.extension().is_some_and(|e| e == *end));
        return match &spec.sql {
            None if is_database => Err(Error::NoSql { file: found.clone() }),
            _ => Ok(vec![Place::File(found.clone())]),
        };
    }
    if written.contains(['*', '?', '[']) && spec.sql.is_none() {
        for pattern in &tried {
            let pattern = pattern.to_string_lossy();
            let reason =
                |e: &dyn std::fmt::Display| Error::Read { file: PathBuf::from(&*pattern), reason: e.to_string() };
            let paths = glob::glob(&pattern).map_err(|e| reason(&e))?.take(FILES_MAX);
            let mut files = Vec::new();
            for path in paths {
                files.extend(Some(path.map_err(|e| reason(&e))?).filter(|p| p.is_file()).map(Place::File));
            }
            if !files.is_empty() {
                return Ok(files);
            }
        }
        return Err(Error::NoMatch { pattern: written.to_string(), tried });
    }
    Err(Error::NotFound { path: written.to_string(), tried })
}
