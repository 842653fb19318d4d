//! Every kind is listed in its registry, once: a kind that is not listed cannot be named by a system file.

use super::sources::{is_test, rust, without_tests};
use super::{Tree, Violation};

/// Every file with a `KIND` is listed by name in its crate.
pub(super) fn complete(tree: &Tree) -> Vec<Violation> {
    let mut out = Vec::new();
    for file in rust(tree).filter(|f| !is_test(tree, f)) {
        let declared = without_tests(&file.text).find(|(_, l)| l.contains("const KIND: Kind<") && l.starts_with("pub"));
        let (Some((line, _)), Some((home, _))) = (declared, file.path.split_once("/src/")) else { continue };
        let stem = file.path.rsplit('/').next().unwrap_or("").trim_end_matches(".rs");
        let within = |path: &str| path.strip_prefix(home).is_some_and(|rest| rest.starts_with("/src/"));
        let listed: usize = rust(tree)
            .filter(|f| within(&f.path) && !is_test(tree, f))
            .flat_map(|f| without_tests(&f.text))
            .map(|(_, l)| mentions(l, &format!("{stem}::KIND")))
            .sum();
        if listed != 1 {
            let what = format!("`{stem}::KIND` is listed {listed} times in the registries of {home}, not once");
            out.push(Violation::new(&file.path, line, what));
        }
    }
    out
}

/// How often a path stands in a line as a whole; comments aside.
fn mentions(line: &str, path: &str) -> usize {
    let code = line.split("//").next().unwrap_or(line);
    let word = |c: char| c == '_' || c.is_alphanumeric();
    let whole = |(at, _): &(usize, &str)| !code[..*at].ends_with(word) && !code[at + path.len()..].starts_with(word);
    code.match_indices(path).filter(whole).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[test]
    fn every_kind_is_listed_once() {
        let check = |list: &str, expected: &[&str]| {
            let lib = format!("//! A room.\npub const KINDS: &[Kind<dyn T>] = &[{list}];\n");
            let kind = "//! One.\npub const KIND: Kind<dyn T> = Kind {};\n";
            let files = [("crates/a/src/lib.rs", lib.as_str()), ("crates/a/src/ease.rs", kind)];
            assert_eq!(found(complete, &files), expected, "{list}");
        };
        let not = |n| {
            format!("crates/a/src/ease.rs:2: `ease::KIND` is listed {n} times in the registries of crates/a, not once")
        };
        check("ease::KIND", &[]);
        check("", &[&not(0)]);
        check("unease::KIND", &[&not(0)]);
        check("// ease::KIND", &[&not(0)]);
        check("ease::KIND, ease::KIND", &[&not(2)]);
    }
}
