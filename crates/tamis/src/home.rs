//! Where a system lives on disk: its file, and beside it `.tamis/NAME/` with the log and the bundles.

use std::path::{Path, PathBuf};

/// The places of one system.
#[derive(Clone, Debug)]
pub struct Home {
    /// The system file.
    pub file: PathBuf,
    /// The folder that it stands in; paths in the file are relative to it.
    pub folder: PathBuf,
    /// Where everything derived is kept.
    pub dir: PathBuf,
}

impl Home {
    /// `system` is a folder that holds `tamis.toml`, or a file. `dir`: another place for everything derived.
    pub fn of(system: &Path, dir: Option<&Path>) -> Self {
        let is_file = system.extension().is_some_and(|e| e == "toml");
        let file = if is_file { system.to_path_buf() } else { system.join("tamis.toml") };
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf();
        let name = file.file_stem().and_then(|s| s.to_str()).unwrap_or("tamis").to_string();
        let dir = dir.map_or_else(|| folder.join(".tamis").join(name), Path::to_path_buf);
        Self { file, folder, dir }
    }

    /// The log's directory.
    pub fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The bundles' directory.
    pub fn bundles(&self) -> PathBuf {
        self.dir.join("bundles")
    }

    /// A log that is being made of files.
    pub fn next_log(&self) -> PathBuf {
        self.dir.join(".log-next")
    }

    /// A log that is being replaced.
    pub fn last_log(&self) -> PathBuf {
        self.dir.join(".log-last")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_file_are_both_systems() {
        let check = |system: &str, file: &str, dir: &str| {
            let home = Home::of(Path::new(system), None);
            assert_eq!((home.file, home.dir), (PathBuf::from(file), PathBuf::from(dir)), "{system}");
        };
        check("systems/movies", "systems/movies/tamis.toml", "systems/movies/.tamis/tamis");
        check("systems/feed/mind.toml", "systems/feed/mind.toml", "systems/feed/.tamis/mind");
        check("mind.toml", "mind.toml", "./.tamis/mind");
    }
}
