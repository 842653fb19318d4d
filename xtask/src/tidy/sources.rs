//! Rules on source files: their names, sizes and first lines, and no `unwrap` outside tests.

use super::{File, Tree, Violation};

/// Names that say nothing of what is in a file.
const BANNED: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "misc", "base", "manager"];
const LINES_WARNED: usize = 500;
const LINES_MAX: usize = 700;

/// Files and folders are named by their subject.
pub(super) fn names(tree: &Tree) -> Vec<Violation> {
    let mut out = Vec::new();
    for file in rust(tree) {
        let banned = |part: &&str| BANNED.contains(&part.trim_end_matches(".rs"));
        if let Some(name) = file.path.split('/').find(banned) {
            out.push(Violation::new(&file.path, 1, format!("`{name}` does not say what is in it")));
        }
    }
    out
}

/// A file is not too long, its tests aside.
pub(super) fn sizes(tree: &Tree) -> Vec<Violation> {
    let mut out = Vec::new();
    for file in rust(tree).filter(|f| !is_test(tree, f)) {
        let n = without_tests(&file.text).count();
        if n > LINES_WARNED {
            let what =
                format!("{n} lines without tests, more than {}", if n > LINES_MAX { LINES_MAX } else { LINES_WARNED });
            out.push(Violation { warning: n <= LINES_MAX, ..Violation::new(&file.path, n, what) });
        }
    }
    out
}

/// A file begins with a line on its job.
pub(super) fn first_lines(tree: &Tree) -> Vec<Violation> {
    let bare = rust(tree).filter(|f| !f.text.starts_with("//! "));
    bare.map(|f| Violation::new(&f.path, 1, "the first line says what the file is for: `//! ...`")).collect()
}

/// Outside tests nothing is unwrapped: what cannot be is an `expect` with a sentence.
pub(super) fn unwraps(tree: &Tree) -> Vec<Violation> {
    let mut out = Vec::new();
    for file in rust(tree).filter(|f| !is_test(tree, f)) {
        for (line, text) in without_tests(&file.text) {
            let code = text.split("//").next().unwrap_or(text);
            if code.contains(concat!(".unwrap", "()")) {
                out.push(Violation::new(&file.path, line, "`unwrap` outside tests: write `expect` with a sentence"));
            }
        }
    }
    out
}

/// The Rust files of the tree.
pub(super) fn rust(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|f| f.path.ends_with(".rs"))
}

/// Lines with their numbers, up to the module of tests within the file.
pub(super) fn without_tests(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |i: &usize| is_test_attribute(lines[*i]) && module(&lines[*i..]).is_some_and(|m| m.ends_with('{'));
    let end = (0..lines.len()).find(begins).unwrap_or(lines.len());
    lines.into_iter().take(end).enumerate().map(|(i, line)| (i + 1, line))
}

/// Whether a file holds tests alone: by its folder, or because its parent declares it so.
pub(super) fn is_test(tree: &Tree, file: &File) -> bool {
    let parts: Vec<&str> = file.path.split('/').collect();
    if parts.iter().any(|p| ["tests", "benches", "examples"].contains(p)) {
        return true;
    }
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let stem = name.trim_end_matches(".rs");
    let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
    let last = folder.rsplit('/').next().unwrap_or("");
    let parents = ["lib.rs", "main.rs", "mod.rs"].map(|n| format!("{folder}/{n}"));
    let declared = |path: &str, stem: &str| tree.file(path).is_some_and(|f| declares_test(&f.text, stem));
    parents.iter().any(|p| declared(p, stem)) || declared(&format!("{above}/{last}.rs"), stem)
}

/// Whether `#[cfg(test)] mod NAME;` stands in a text.
fn declares_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    (0..lines.len()).any(|i| {
        let module = is_test_attribute(lines[i]).then(|| module(&lines[i..])).flatten();
        module.is_some_and(|m| m.strip_suffix(';').is_some_and(|m| m.split(' ').next_back() == Some(name)))
    })
}

fn is_test_attribute(line: &str) -> bool {
    line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(any(test,")
}

/// The line that declares a module behind its attributes.
fn module<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let line = lines.iter().find(|l| !l.starts_with("#["))?.trim_end();
    line.split(' ').any(|word| word == "mod").then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[test]
    fn files_are_named_by_their_subject() {
        let check = |path: &str, n: usize| assert_eq!(found(names, &[(path, "")]).len(), n, "{path}");
        check("crates/log/src/disk.rs", 0);
        check("crates/log/src/utils.rs", 1);
        check("crates/log/src/common/disk.rs", 1);
        check("crates/log/src/database.rs", 0);
    }

    #[test]
    fn a_long_file_is_told_without_its_tests() {
        let check = |n: usize, n_tests: usize, expected: &[&str]| {
            let text = "x\n".repeat(n) + "#[cfg(test)]\nmod tests {\n" + &"y\n".repeat(n_tests);
            assert_eq!(found(sizes, &[("crates/log/src/a.rs", &text)]), expected);
        };
        check(500, 900, &[]);
        check(501, 0, &["crates/log/src/a.rs:501: warning: 501 lines without tests, more than 500"]);
        check(701, 0, &["crates/log/src/a.rs:701: 701 lines without tests, more than 700"]);
    }

    #[test]
    fn a_file_begins_with_a_line_on_its_job() {
        let check = |text, n: usize| assert_eq!(found(first_lines, &[("xtask/src/a.rs", text)]).len(), n, "{text}");
        check("//! What it does.\n", 0);
        check("// What it does.\n", 1);
        check("", 1);
    }

    #[test]
    fn unwrap_stands_in_tests_alone() {
        let call = concat!("x.unwrap", "()\n");
        let check = |path: &str, text: &str, n: usize| {
            let files = [
                (
                    "a/src/lib.rs",
                    "#[cfg(any(test, feature = \"testing\"))]\npub mod faulty;\n#[cfg(test)]\nmod proof;\n",
                ),
                (path, text),
            ];
            assert_eq!(found(unwraps, &files).len(), n, "{path}: {text}");
        };
        check("a/src/b.rs", call, 1);
        check("a/src/b.rs", &format!("// {call}"), 0);
        check("a/src/b.rs", &format!("#[cfg(test)]\nmod tests {{\n{call}"), 0);
        check("a/src/b.rs", &format!("#[cfg(test)]\nmod tests;\n{call}"), 1);
        check("a/src/proof.rs", call, 0);
        check("a/src/faulty.rs", call, 0);
        check("a/src/other/proof.rs", call, 1);
        check("a/benches/b.rs", call, 0);
    }
}
