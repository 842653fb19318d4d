//! Rules on what is not code: the map of the workspace, paths of one machine, the image.

use super::{Tree, Violation};

const MAP: &str = "ARCHITECTURE.md";
const MAP_LINES_MAX: usize = 200;

/// The map exists, is short, and names only paths that exist.
pub(super) fn architecture(tree: &Tree) -> Vec<Violation> {
    let Some(map) = tree.file(MAP) else { return vec![Violation::new(MAP, 1, "the map of the workspace is missing")] };
    let mut out = Vec::new();
    let n = map.text.lines().count();
    if n > MAP_LINES_MAX {
        out.push(Violation::new(MAP, n, format!("{n} lines, more than {MAP_LINES_MAX}")));
    }
    for (i, line) in map.text.lines().enumerate() {
        for path in line.split('`').skip(1).step_by(2).filter(|p| is_path(p)) {
            let somewhere = || tree.files.iter().any(|f| f.path.ends_with(&format!("/{path}")));
            if !tree.has(path) && (path.contains('/') || !somewhere()) {
                out.push(Violation::new(MAP, i + 1, format!("`{path}` does not exist")));
            }
        }
    }
    out
}

/// Whether quoted words look like a path of the workspace: no placeholder, no route, no address.
fn is_path(text: &str) -> bool {
    let plain = text.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c));
    let ends = [".rs", ".toml", ".md", ".yml", ".json", ".css"].iter().any(|e| text.ends_with(e));
    let outside = text.starts_with('/') || text.starts_with("..") || text.starts_with("http");
    plain && !outside && (ends || text.trim_end_matches('/').contains('/') || text.ends_with('/'))
}

/// No file names a path of the machine on which it was written.
pub(super) fn machine_paths(tree: &Tree) -> Vec<Violation> {
    let roots = ["work", "root", "home"].map(|root| format!("/{root}/"));
    let mut out = Vec::new();
    for file in &tree.files {
        for (i, line) in file.text.lines().enumerate() {
            let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-*}>~".contains(c));
            if let Some(root) = roots.iter().find(|root| line.match_indices(root.as_str()).any(|(at, _)| begins(at))) {
                out.push(Violation::new(&file.path, i + 1, format!("`{root}` is a path of one machine")));
            }
        }
    }
    out
}

/// The image is built in one stage and run in another.
pub(super) fn dockerfile(tree: &Tree) -> Vec<Violation> {
    const KNOWN: [&str; 16] = [
        "FROM",
        "RUN",
        "COPY",
        "WORKDIR",
        "ENV",
        "ARG",
        "LABEL",
        "USER",
        "EXPOSE",
        "VOLUME",
        "ENTRYPOINT",
        "CMD",
        "HEALTHCHECK",
        "SHELL",
        "STOPSIGNAL",
        "ADD",
    ];
    const PATH: &str = "Dockerfile";
    let Some(file) = tree.file(PATH) else { return vec![Violation::new(PATH, 1, "there is none")] };
    let mut out = Vec::new();
    let instructions = instructions(&file.text);
    for (line, text) in &instructions {
        let word = text.split_whitespace().next().unwrap_or("");
        if !KNOWN.contains(&word) {
            out.push(Violation::new(PATH, *line, format!("`{word}` is no instruction")));
        }
    }
    let words = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    let has = |test: &dyn Fn(&[String]) -> bool| instructions.iter().any(|(_, text)| test(&words(text)));
    if instructions.first().is_none_or(|(_, text)| !text.starts_with("FROM ") && !text.starts_with("ARG ")) {
        out.push(Violation::new(PATH, 1, "the first instruction is `FROM` or `ARG`"));
    }
    if !has(&|w| w[0] == "from" && w.ends_with(&["as".into(), "build".into()])) {
        out.push(Violation::new(PATH, 1, "no stage is called `build`"));
    }
    if !has(&|w| w[0] == "copy" && w.contains(&"--from=build".into())) {
        out.push(Violation::new(PATH, 1, "nothing is copied from the stage `build`"));
    }
    if instructions.iter().filter(|(_, text)| text.starts_with("FROM ")).count() < 2 {
        out.push(Violation::new(PATH, 1, "there is one stage: what builds would be shipped"));
    }
    out
}

/// Instructions with the lines on which they begin; those that go on behind a `\` are one.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let body = line.trim_end_matches('\\').trim_end();
        match out.last_mut() {
            Some((_, last)) if goes_on => *last += &format!(" {body}"),
            _ => out.push((i + 1, body.to_string())),
        }
        goes_on = line.ends_with('\\');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[test]
    fn the_map_is_short_and_names_what_exists() {
        let check = |map: &str, expected: &[&str]| {
            assert_eq!(found(architecture, &[(MAP, map), ("crates/log/src/disk.rs", "")]), expected, "{map}");
        };
        check(
            "see `crates/log`, `crates/log/src/disk.rs`, `disk.rs`, `log`, `POST /v1/rank`, `/metrics`, `systems/NAME/<x>`",
            &[],
        );
        check("a\nsee `crates/lag/`", &["ARCHITECTURE.md:2: `crates/lag/` does not exist"]);
        check("see `dusk.rs`", &["ARCHITECTURE.md:1: `dusk.rs` does not exist"]);
        check(&"x\n".repeat(201), &["ARCHITECTURE.md:201: 201 lines, more than 200"]);
        assert_eq!(found(architecture, &[]), ["ARCHITECTURE.md:1: the map of the workspace is missing"]);
    }

    #[test]
    fn paths_of_one_machine_are_refused() {
        let check = |before: &str, root: &str, n: usize| {
            let line = format!("x\n{before}/{root}/x");
            assert_eq!(found(machine_paths, &[("a.md", &line)]).len(), n, "{line}");
        };
        check("see ", "work", 1);
        check("\"", "home", 1);
        check("", "root", 1);
        check("frame", "work", 0);
        check("$x", "works", 0);
    }

    #[test]
    fn the_image_is_built_in_one_stage_and_run_in_another() {
        let check = |text: &str, expected: &[&str]| {
            let told: Vec<String> = expected.iter().map(|e| format!("Dockerfile:{e}")).collect();
            assert_eq!(found(dockerfile, &[("Dockerfile", text)]), told, "{text}");
        };
        let good = "# syntax\nFROM rust AS build\nRUN a \\\n  b\nFROM debian\nCOPY --from=build /a /b\n";
        check(good, &[]);
        check(&good.replace("RUN a", "RUM a"), &["3: `RUM` is no instruction"]);
        check(&good.replace(" AS build", ""), &["1: no stage is called `build`"]);
        check(&good.replace("--from=build ", ""), &["1: nothing is copied from the stage `build`"]);
        check(
            "RUN a\n",
            &[
                "1: the first instruction is `FROM` or `ARG`",
                "1: no stage is called `build`",
                "1: nothing is copied from the stage `build`",
                "1: there is one stage: what builds would be shipped",
            ],
        );
        assert_eq!(found(dockerfile, &[]), ["Dockerfile:1: there is none"]);
    }
}
