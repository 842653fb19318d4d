//! Where a file is: beside the system file, or in the data directory.

use crate::error::Error;
use std::path::{Path, PathBuf};

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

/// The file that a system file means by `path`.
pub fn locate(path: &str, sought: &Sought) -> Result<PathBuf, Error> {
    let mut tried = vec![sought.folder.join(path)];
    if Path::new(path).is_relative() {
        tried.extend(sought.data.iter().map(|d| d.join(path)));
    }
    match tried.iter().find(|t| t.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(Error::NotFound { path: path.to_string(), tried }),
    }
}
