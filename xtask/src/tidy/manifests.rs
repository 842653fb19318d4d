//! Rules on manifests: the star of crates, where heavy dependencies stand, one place for versions, lints everywhere.

use super::{File, Tree, Violation};

const SPEC: &[&str] = &["spec"];
const TEXTS: &[&str] = &["spec", "text"];
const SEARCH: &[&str] = &["spec", "text", "index", "nearest"];
const FUNNEL: &[&str] = &["spec", "features", "retrieve", "rank", "rerank"];
const SERVE: &[&str] = &["spec", "log", "features", "retrieve", "rank", "rerank", "funnel"];
const TRAIN: &[&str] = &["spec", "log", "features", "retrieve", "rank", "rerank", "funnel", "observe"];
const ALL: &[&str] = &[
    "spec", "log", "features", "retrieve", "rank", "rerank", "funnel", "observe", "train", "serve", "ingest",
    "adapters", "world", "text", "index", "nearest",
];

/// Which crates of the workspace a crate may depend on. Rooms know the vocabulary and no other room; `funnel` is where
/// a decision is run, for training and serving alike.
const LAWS: [(&str, &[&str]); 18] = [
    ("spec", &[]),
    ("log", SPEC),
    ("features", TEXTS),
    ("text", SPEC),
    ("index", TEXTS),
    ("nearest", SPEC),
    ("retrieve", SEARCH),
    ("rank", SPEC),
    ("rerank", SPEC),
    ("world", SPEC),
    ("observe", &["spec", "log"]),
    ("ingest", &["spec", "log"]),
    ("funnel", FUNNEL),
    ("train", TRAIN),
    ("serve", SERVE),
    ("adapters", SERVE),
    ("tamis", ALL),
    ("xtask", &[]),
];

/// Dependencies from outside that stand at the edge, and the crates in which they may.
const EDGE: [(&[&str], &[&str]); 2] =
    [(&["tokio", "axum", "hyper", "tower"], &["serve", "adapters", "tamis"]), (&["arrow", "parquet"], &["ingest"])];

/// A line of a manifest that names a dependency.
struct Dependency<'a> {
    name: &'a str,
    value: &'a str,
    line: usize,
    /// Whether only tests need it.
    dev: bool,
}

/// A crate depends on those that the star allows.
pub(super) fn laws(tree: &Tree) -> Vec<Violation> {
    let mut out = Vec::new();
    for (name, file) in crates(tree) {
        let Some((_, allowed)) = LAWS.iter().find(|(n, _)| *n == name) else {
            out.push(Violation::new(&file.path, 1, format!("no law says what `{name}` may depend on")));
            continue;
        };
        for d in dependencies(&file.text) {
            let Some(on) = d.name.strip_prefix("tamis-").or((d.name == "tamis").then_some("tamis")) else {
                if name == "xtask" {
                    out.push(Violation::new(
                        &file.path,
                        d.line,
                        format!("xtask has no dependencies, and `{}` is one", d.name),
                    ));
                }
                continue;
            };
            let for_tests = d.dev && on == "world";
            if !for_tests && !allowed.contains(&on) {
                let known = if allowed.is_empty() { "none".into() } else { allowed.join(", ") };
                out.push(Violation::new(
                    &file.path,
                    d.line,
                    format!("`{name}` may not depend on `{on}`; allowed: {known}"),
                ));
            }
        }
    }
    out
}

/// Heavy dependencies stand at the edge.
pub(super) fn outsiders(tree: &Tree) -> Vec<Violation> {
    let mut out = Vec::new();
    for (name, file) in crates(tree) {
        for d in dependencies(&file.text) {
            let same = |o: &str| d.name == o || d.name.strip_prefix(o).is_some_and(|rest| rest.starts_with('-'));
            let Some((_, homes)) = EDGE.iter().find(|(outsiders, _)| outsiders.iter().any(|o| same(o))) else {
                continue;
            };
            if !homes.contains(&name) {
                let what = format!("`{}` stands in {} and not in `{name}`", d.name, homes.join(", "));
                out.push(Violation::new(&file.path, d.line, what));
            }
        }
    }
    out
}

/// Versions, paths and sources of dependencies stand in the root manifest.
pub(super) fn versions(tree: &Tree) -> Vec<Violation> {
    let mut out = Vec::new();
    for (_, file) in crates(tree) {
        for d in dependencies(&file.text) {
            let named = ["version", "path", "git"].iter().any(|key| has_key(d.value, key));
            if named || d.value.trim_start().starts_with('"') {
                let what =
                    format!("where `{}` comes from is said in the root manifest: write `workspace = true`", d.name);
                out.push(Violation::new(&file.path, d.line, what));
            }
        }
    }
    out
}

/// Every crate has the lints of the workspace.
pub(super) fn lints(tree: &Tree) -> Vec<Violation> {
    let has = |text: &str| {
        let mut lines = text.lines().skip_while(|l| l.trim() != "[lints]").skip(1).take_while(|l| !l.starts_with('['));
        lines.any(|l| l.replace(' ', "") == "workspace=true")
    };
    let lacking = crates(tree).into_iter().filter(|(_, file)| !has(&file.text));
    lacking.map(|(_, file)| Violation::new(&file.path, 1, "`[lints] workspace = true` is missing")).collect()
}

/// Manifests of the workspace's crates, with the names of their folders.
fn crates(tree: &Tree) -> Vec<(&str, &File)> {
    let name = |f: &'_ File| match f.path.split('/').collect::<Vec<_>>()[..] {
        ["crates", name, "Cargo.toml"] | [name @ "xtask", "Cargo.toml"] => {
            f.path.find(name).map(|at| (at, at + name.len()))
        }
        _ => None,
    };
    tree.files.iter().filter_map(|f| name(f).map(|(from, to)| (&f.path[from..to], f))).collect()
}

/// The dependencies of a manifest: `x = ...`, `x.workspace = true`, and tables `[dependencies.x]`.
fn dependencies(text: &str) -> Vec<Dependency<'_>> {
    let mut out: Vec<Dependency<'_>> = Vec::new();
    let (mut within, mut table, mut dev) = (false, false, false);
    for (i, line) in text.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            dev = header.contains("dev-dependencies");
            within = header.ends_with("dependencies");
            table = false;
            if let Some((_, name)) = header.split_once("dependencies.") {
                table = true;
                out.push(Dependency { name: name.trim_matches('"'), value: "", line: i + 1, dev });
            }
        } else if within && let Some((key, value)) = line.split_once('=') {
            let (name, rest) = key.trim().split_once('.').unwrap_or((key.trim(), ""));
            if !name.starts_with('#') {
                let value = if rest.is_empty() { value } else { line };
                out.push(Dependency { name: name.trim_matches('"'), value, line: i + 1, dev });
            }
        } else if table
            && ["version", "path", "git"].iter().any(|key| has_key(line, key))
            && let Some(last) = out.last_mut()
        {
            last.value = line;
        }
    }
    out
}

/// Whether a key stands in a line or inline table.
fn has_key(text: &str, key: &str) -> bool {
    text.split(['{', ',', '.'])
        .any(|part| part.trim().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('=')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[test]
    fn rooms_know_the_vocabulary_and_no_other_room() {
        let check = |name: &str, manifest: &str, expected: &[&str]| {
            assert_eq!(
                found(laws, &[(&format!("crates/{name}/Cargo.toml"), manifest)]),
                expected,
                "{name}: {manifest}"
            );
        };
        check("rank", "[dependencies]\ntamis-spec.workspace = true\nrayon.workspace = true\n", &[]);
        check(
            "rank",
            "[dependencies]\ntamis-features = { workspace = true }\n",
            &["crates/rank/Cargo.toml:2: `rank` may not depend on `features`; allowed: spec"],
        );
        check(
            "rank",
            "[target.'cfg(unix)'.dependencies.tamis-log]\nworkspace = true\n",
            &["crates/rank/Cargo.toml:1: `rank` may not depend on `log`; allowed: spec"],
        );
        check("rank", "[dev-dependencies]\ntamis-world.workspace = true\n", &[]);
        check(
            "rank",
            "[dev-dependencies]\ntamis-retrieve.workspace = true\n",
            &["crates/rank/Cargo.toml:2: `rank` may not depend on `retrieve`; allowed: spec"],
        );
        check("observe", "[dependencies]\ntamis-log.workspace = true\n", &[]);
        check("train", "[dependencies]\ntamis-funnel.workspace = true\ntamis-observe.workspace = true\n", &[]);
        check(
            "serve",
            "[dependencies]\ntamis-train.workspace = true\n",
            &[
                "crates/serve/Cargo.toml:2: `serve` may not depend on `train`; allowed: spec, log, features, retrieve, rank, rerank, funnel",
            ],
        );
        check("new", "", &["crates/new/Cargo.toml:1: no law says what `new` may depend on"]);
        let xtask = found(laws, &[("xtask/Cargo.toml", "[dependencies]\nserde.workspace = true\n")]);
        assert_eq!(xtask, ["xtask/Cargo.toml:2: xtask has no dependencies, and `serde` is one"]);
    }

    #[test]
    fn heavy_dependencies_stand_at_the_edge() {
        let check = |name: &str, dependency: &str, n: usize| {
            let manifest = format!("[dependencies]\n{dependency}.workspace = true\n");
            assert_eq!(
                found(outsiders, &[(&format!("crates/{name}/Cargo.toml"), &manifest)]).len(),
                n,
                "{name} {dependency}"
            );
        };
        check("serve", "tokio", 0);
        check("tamis", "axum", 0);
        check("log", "tokio", 1);
        check("train", "tower-http", 1);
        check("ingest", "arrow", 0);
        check("features", "arrow-array", 1);
        check("serve", "parquet", 1);
    }

    #[test]
    fn versions_stand_in_the_root_manifest() {
        let check = |line: &str, n: usize| {
            let manifest = format!("[package]\nversion.workspace = true\n[dependencies]\n{line}\n");
            assert_eq!(found(versions, &[("crates/log/Cargo.toml", &manifest)]).len(), n, "{line}");
        };
        check("serde.workspace = true", 0);
        check("serde = { workspace = true, features = [\"derive\"] }", 0);
        check("serde = \"1\"", 1);
        check("serde = { version = \"1\" }", 1);
        check("serde = { path = \"../serde\" }", 1);
        check("serde.git = \"https://example.org\"", 1);
        check("[dependencies.serde]\nversion = \"1\"", 1);
        check("[dependencies.serde]\nworkspace = true", 0);
        check("# serde = \"1\"", 0);
    }

    #[test]
    fn every_crate_has_the_lints_of_the_workspace() {
        let check =
            |text: &str, n: usize| assert_eq!(found(lints, &[("crates/log/Cargo.toml", text)]).len(), n, "{text}");
        check("[package]\n\n[lints]\nworkspace = true\n", 0);
        check("[package]\n", 1);
        check("[lints]\n\n[x]\nworkspace = true\n", 1);
    }
}
