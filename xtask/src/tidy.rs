//! The rules of the workspace that can be read off its files: who may depend on whom, what files are called and hold.

mod documents;
mod manifests;
mod registries;
mod sources;

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Longer files are no text that a person wrote.
const FILE_BYTES_MAX: u64 = 2 << 20;

/// The text files of a workspace.
pub(crate) struct Tree {
    /// In the order of their paths.
    pub(crate) files: Vec<File>,
}

/// A text file.
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

/// A rule that is broken, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Violation {
    /// The file.
    pub(crate) path: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// What is wrong.
    pub(crate) what: String,
    /// Whether it is only to be looked at.
    pub(crate) warning: bool,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warning = if self.warning { "warning: " } else { "" };
        write!(f, "{}:{}: {warning}{}", self.path, self.line, self.what)
    }
}

impl Violation {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.into(), line, what: what.into(), warning: false }
    }
}

/// Every broken rule, by file and line.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let rules = [
        manifests::laws,
        manifests::outsiders,
        manifests::versions,
        manifests::lints,
        sources::names,
        sources::sizes,
        sources::first_lines,
        sources::unwraps,
        registries::complete,
        documents::architecture,
        documents::machine_paths,
        documents::dockerfile,
    ];
    let mut found: Vec<Violation> = rules.iter().flat_map(|rule| rule(tree)).collect();
    found.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    found
}

impl Tree {
    /// The files under `root` that git does not ignore; all of them where there is no git.
    pub(crate) fn load(root: &Path) -> Self {
        let mut paths = listed(root).unwrap_or_else(|| {
            let mut paths = Vec::new();
            walk(root, "", &mut paths);
            paths
        });
        paths.sort();
        let read = |path: String| {
            let full = root.join(&path);
            let size = std::fs::metadata(&full).ok().filter(|m| m.is_file())?.len();
            let text = (size <= FILE_BYTES_MAX).then(|| std::fs::read_to_string(full).ok())??;
            Some(File { path, text })
        };
        Self { files: paths.into_iter().filter_map(read).collect() }
    }

    fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|f| f.path == path)
    }

    /// Whether a path is a file, or a folder with files.
    fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.files
            .iter()
            .any(|f| f.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}

fn listed(root: &Path) -> Option<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(root);
    let out = git.stdin(Stdio::null()).stderr(Stdio::null()).output().ok().filter(|out| out.status.success())?;
    let text = String::from_utf8(out.stdout).ok()?;
    Some(text.split('\0').filter(|p| !p.is_empty()).map(String::from).collect())
}

fn walk(root: &Path, below: &str, paths: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(root.join(below)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !["target", ".git", ".tamis"].contains(&name.as_str()) => {
                walk(root, &path, paths);
            }
            Ok(kind) if kind.is_file() => paths.push(path),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of these files.
    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File { path: path.to_string(), text: text.to_string() };
        Tree { files: files.iter().map(file).collect() }
    }

    /// What a rule finds in these files, a line each.
    pub(super) fn found(rule: fn(&Tree) -> Vec<Violation>, files: &[(&str, &str)]) -> Vec<String> {
        rule(&tree(files)).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn this_workspace_keeps_its_rules() {
        let tree = Tree::load(&crate::root());
        assert!(tree.has("crates/spec/src/lib.rs"), "the workspace was found");
        let broken: Vec<String> = check(&tree).iter().filter(|v| !v.warning).map(Violation::to_string).collect();
        assert!(broken.is_empty(), "{} places break a rule:\n{}", broken.len(), broken.join("\n"));
    }

    #[test]
    fn a_tree_knows_files_and_folders() {
        let t = tree(&[("docs/a.md", ""), ("x.rs", "")]);
        let check = |path, expected| assert_eq!(t.has(path), expected, "{path}");
        check("docs", true);
        check("docs/", true);
        check("docs/a.md", true);
        check("doc", false);
        check("x.rs", true);
    }
}
