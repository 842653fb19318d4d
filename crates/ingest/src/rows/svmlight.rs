//! SVMlight and LETOR: `2 qid:10 1:0.05 3:0.7 #docid = GX1 inc = 1`, a label, a query, numbered features of which those that are left
//! out are 0, and a comment of names with values.

use super::{Each, unreadable};
use crate::cell::Cell;
use crate::error::Error;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Names of comments that are remembered, to say what a file has.
const NAMES_MAX: usize = 1_000;

/// What was met in one or more files: a feature that no line of any names does not exist.
#[derive(Default)]
pub(crate) struct Met {
    /// The highest number of a feature; none before a line was read.
    highest: Option<u32>,
    names: BTreeSet<String>,
}

impl Met {
    /// Refuses wanted columns that are nowhere. Nothing is known where no such file was read.
    pub(crate) fn check(&self, file: &Path, wanted: &[&str]) -> Result<(), Error> {
        let Some(highest) = self.highest else { return Ok(()) };
        let has = |w: &str| match (FIXED.contains(&w), w.parse::<u32>()) {
            (true, _) => true,
            (_, Ok(number)) => number <= highest,
            (_, Err(_)) => self.names.contains(w),
        };
        let Some(missing) = wanted.iter().find(|w| !has(w)) else { return Ok(()) };
        let mut found: Vec<String> = FIXED.map(String::from).to_vec();
        found.extend(self.names.iter().cloned());
        found.push(format!("1 to {highest}"));
        Err(Error::MissingColumn { file: file.to_path_buf(), column: missing.to_string(), found })
    }
}

/// Columns that every file has.
const FIXED: [&str; 5] = ["label", "qid", "comment", "row", "file"];

/// What a wanted column is.
enum Wanted<'w> {
    Label,
    Query,
    Comment,
    Row,
    File,
    Feature(u32),
    Name(&'w str),
}

/// One line, taken apart.
#[derive(Debug, Default, PartialEq)]
struct Line<'t> {
    label: &'t str,
    query: Option<&'t str>,
    /// NaN for one that is missing.
    features: Vec<(u32, f64)>,
    comment: &'t str,
}

/// Reads the wanted columns and notes in `met` what there is.
pub(super) fn read(
    file: &Path,
    input: Box<dyn Read + '_>,
    wanted: &[&str],
    met: &mut Met,
    each: Each<'_>,
) -> Result<(), Error> {
    let shown = file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let shown = without_endings(shown);
    let wanted: Vec<Wanted<'_>> = wanted.iter().map(|w| of_name(w)).collect();
    let mut input = BufReader::with_capacity(1 << 18, input);
    let (mut text, mut row) = (String::new(), 0);
    loop {
        text.clear();
        if input.read_line(&mut text).map_err(|e| unreadable(file, &e))? == 0 {
            return if row == 0 { Err(Error::Empty { file: file.to_path_buf() }) } else { Ok(()) };
        }
        row += 1;
        let content = text.trim().trim_start_matches('\u{feff}');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let going = match line(content) {
            Ok(line) => {
                let names = named(line.comment);
                note(met, &line, &names);
                let cell = |w: &Wanted<'_>| match w {
                    Wanted::Label => Cell::Text(line.label),
                    Wanted::Query => line.query.map_or(Cell::Missing, Cell::Text),
                    Wanted::Comment => Cell::Text(line.comment),
                    Wanted::Row => Cell::Number(row as f64),
                    Wanted::File => Cell::Text(shown),
                    Wanted::Feature(number) => feature(&line.features, *number),
                    Wanted::Name(name) => {
                        names.iter().find(|(n, _)| n == name).map_or(Cell::Missing, |(_, value)| Cell::Text(value))
                    }
                };
                let cells: Vec<Cell<'_>> = wanted.iter().map(cell).collect();
                each((row, Ok(&cells)))
            }
            Err(bad) => each((row, Err(bad))),
        };
        if !going {
            return Ok(());
        }
    }
}

fn of_name(name: &str) -> Wanted<'_> {
    match (name, name.parse()) {
        ("label", _) => Wanted::Label,
        ("qid", _) => Wanted::Query,
        ("comment", _) => Wanted::Comment,
        ("row", _) => Wanted::Row,
        ("file", _) => Wanted::File,
        (_, Ok(number)) => Wanted::Feature(number),
        (name, Err(_)) => Wanted::Name(name),
    }
}

/// `S1.txt.gz` is called `S1`.
fn without_endings(name: &str) -> &str {
    let plain = ["gz", "zst", "zip"].iter().find_map(|end| name.strip_suffix(end)?.strip_suffix('.')).unwrap_or(name);
    plain.rsplit_once('.').map_or(plain, |(name, _)| name)
}

/// A feature that a line leaves out is 0.
fn feature(features: &[(u32, f64)], number: u32) -> Cell<'static> {
    let found = features.binary_search_by_key(&number, |(n, _)| *n);
    Cell::Number(found.map_or(0.0, |at| features[at].1))
}

/// A line, or what is wrong with it (found, expected).
fn line(content: &str) -> Result<Line<'_>, (String, String)> {
    let (values, comment) = content.split_once('#').unwrap_or((content, ""));
    let mut words = values.split_whitespace();
    let mut out = Line { label: words.next().unwrap_or_default(), comment: comment.trim(), ..Line::default() };
    if out.label.parse::<f64>().is_err() {
        return Err((Cell::Text(out.label).shown(), "a number, the label, at the start".into()));
    }
    for word in words {
        let shown = || Cell::Text(word).shown();
        let Some((name, value)) = word.split_once(':') else {
            return Err((shown(), "NUMBER:VALUE".into()));
        };
        if name == "qid" {
            out.query = Some(value);
            continue;
        }
        let number = name.parse::<u32>().map_err(|_| (shown(), "the number of a feature before `:`".to_string()))?;
        let value = match value.to_ascii_lowercase().as_str() {
            "null" | "nan" | "na" => f64::NAN,
            text => text.parse::<f64>().map_err(|_| (shown(), "a number behind `:`".to_string()))?,
        };
        if out.features.last().is_some_and(|(last, _)| *last >= number) {
            return Err((shown(), "features in ascending order, each once".into()));
        }
        out.features.push((number, value));
    }
    Ok(out)
}

/// `docid = GX1 inc = 1` as names with their values; a value may have spaces.
fn named(comment: &str) -> Vec<(&str, &str)> {
    let mut parts = comment.split('=');
    let mut name = parts.next().and_then(|first| first.split_whitespace().next_back()).unwrap_or_default();
    let mut out = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        // The last word before the next `=` is the next name.
        let (value, next) = match parts.peek() {
            Some(_) => part.trim().rsplit_once(char::is_whitespace).unwrap_or(("", part.trim())),
            None => (part.trim(), ""),
        };
        out.push((name, value.trim()));
        name = next;
    }
    out
}

fn note(met: &mut Met, line: &Line<'_>, names: &[(&str, &str)]) {
    let highest = line.features.last().map_or(0, |(n, _)| *n);
    met.highest = Some(met.highest.unwrap_or(0).max(highest));
    for (name, _) in names {
        if met.names.len() < NAMES_MAX && !met.names.contains(*name) {
            met.names.insert((*name).to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_label_a_query_features_and_a_comment() {
        let read = line("2 qid:10 1:0.05 3:-7e-1 9:NULL #docid = GX1 inc = 1").unwrap();
        assert_eq!((read.label, read.query, read.comment), ("2", Some("10"), "docid = GX1 inc = 1"));
        assert_eq!(read.features[..2], [(1, 0.05), (3, -0.7)]);
        let value = |n| if let Cell::Number(v) = feature(&read.features, n) { v } else { f64::INFINITY };
        assert_eq!((value(3), value(2)), (-0.7, 0.0), "what a line leaves out is 0");
        assert!(value(9).is_nan(), "what it says is missing is missing");
        assert_eq!(line("-1.5").unwrap(), Line { label: "-1.5", ..Line::default() });
        for (bad, found, expected) in [
            ("good qid:1", "`good`", "the label"),
            ("1 qid:1 x:2", "`x:2`", "the number of a feature"),
            ("1 qid:1 2:much", "`2:much`", "a number behind `:`"),
            ("1 qid:1 2:1 2:3", "`2:3`", "ascending"),
            ("1 qid:1 lonely", "`lonely`", "NUMBER:VALUE"),
        ] {
            let (f, e) = line(bad).unwrap_err();
            assert!(f == found && e.contains(expected), "{bad}: {f} {e}");
        }
    }

    #[test]
    fn a_comment_holds_names_with_values() {
        let check = |comment, expected: &[(&str, &str)]| assert_eq!(named(comment), expected, "{comment}");
        check("docid = GX1 inc = 1 prob = 0.08", &[("docid", "GX1"), ("inc", "1"), ("prob", "0.08")]);
        check("docid=GX1 inc=1", &[("docid", "GX1"), ("inc", "1")]);
        check("title = two words id = 7", &[("title", "two words"), ("id", "7")]);
        check("for people docid =  ", &[("docid", "")]);
        check("just words", &[]);
        check("", &[]);
    }

    #[test]
    fn a_file_is_called_by_its_name_without_endings() {
        for (name, expected) in [("S1.txt.gz", "S1"), ("fold.2.letor", "fold.2"), ("plain", "plain"), ("a.zst", "a")] {
            assert_eq!(without_endings(name), expected);
        }
    }
}
