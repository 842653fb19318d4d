//! Text collections as TREC writes them: records `<DOC> ... </DOC>` or `<top> ... </top>`, each element in them a column.
//!
//! Names are read in lower case. What stands in a record outside its elements is the column `text`; `number` is the record's place in
//! the file, from 1. An element ends where it is closed or where the next one begins, because topics often close none.

use super::{Each, places};
use crate::cell::Cell;
use crate::error::Error;
use crate::rows::unreadable;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Elements that are records.
const RECORDS: [&str; 2] = ["doc", "top"];
/// A longer run between `<` and `>` is text.
const TAG_BYTES_MAX: usize = 256;
/// Where the record's place stands, and what is in no element.
const OWN: [&str; 2] = ["number", "text"];

/// One record: names and texts, in the order in which they began.
#[derive(Default)]
struct Record {
    elements: Vec<(String, String)>,
    /// The element that is open.
    open: Option<usize>,
    line: u64,
}

pub(super) fn read(file: &Path, input: Box<dyn Read + '_>, wanted: &[&str], each: Each<'_>) -> Result<(), Error> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let (mut record, mut number, mut line) = (None::<Record>, 0u64, 1u64);
    let (mut text, mut tag) = (Vec::new(), Vec::new());
    loop {
        text.clear();
        tag.clear();
        let n = input.read_until(b'<', &mut text).map_err(|e| unreadable(file, &e))?;
        let at_tag = text.last() == Some(&b'<');
        if at_tag {
            text.pop();
            input.read_until(b'>', &mut tag).map_err(|e| unreadable(file, &e))?;
        }
        // A sign that begins no tag is text, and so is what follows it up to the next one.
        let newlines = |of: &[u8]| of.iter().filter(|b| **b == b'\n').count() as u64;
        line += newlines(&text);
        let in_tag = newlines(&tag);
        while let (None, Some(next)) = (name(&tag), tag.iter().position(|b| *b == b'<')) {
            text.push(b'<');
            text.extend(tag.drain(..=next).take(next));
        }
        if let Some(record) = &mut record {
            record.push(&text);
        }
        match name(&tag) {
            Some((name, closes)) if RECORDS.contains(&name.as_str()) => {
                if let Some(whole) = record.take() {
                    number += 1;
                    if !whole.hand_over(file, (wanted, number), &mut *each)? {
                        return Ok(());
                    }
                }
                record = (!closes).then(|| Record { line, ..Record::default() });
            }
            Some((name, closes)) => {
                if let Some(record) = &mut record {
                    record.begin(name, closes);
                }
            }
            None if !tag.is_empty() => {
                if let Some(record) = &mut record {
                    record.push(b"<");
                    record.push(&tag);
                }
            }
            None => {}
        }
        line += in_tag;
        if n == 0 {
            break;
        }
    }
    if record.is_some() {
        let (found, expected) = ("the end of the file".to_string(), "</DOC> or </top>".to_string());
        each((line, Err((found, expected))));
    }
    if number == 0 { Err(Error::Empty { file: file.to_path_buf() }) } else { Ok(()) }
}

/// The name in a tag, and whether it closes; none for what is no tag.
fn name(tag: &[u8]) -> Option<(String, bool)> {
    let inner = tag.strip_suffix(b">").filter(|t| t.len() <= TAG_BYTES_MAX)?;
    let (closes, inner) = inner.strip_prefix(b"/").map_or((false, inner), |rest| (true, rest));
    let end =
        inner.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))).unwrap_or(inner.len());
    let known = inner.first().is_some_and(u8::is_ascii_alphabetic);
    let ends_well = inner.get(end).is_none_or(|b| b.is_ascii_whitespace() || *b == b'/');
    let written = String::from_utf8_lossy(&inner[..end]).to_ascii_lowercase();
    (known && ends_well).then_some((written, closes))
}

impl Record {
    fn push(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let to = match self.open {
            Some(at) => at,
            None if text.trim().is_empty() => return,
            None => self.element(OWN[1].to_string()),
        };
        plain(&text, &mut self.elements[to].1);
    }

    fn begin(&mut self, name: String, closes: bool) {
        self.open = if closes { None } else { Some(self.element(name)) };
    }

    /// The element of that name; one that comes again goes on, behind a line's end.
    fn element(&mut self, name: String) -> usize {
        match self.elements.iter().position(|(n, _)| *n == name) {
            Some(at) => {
                self.elements[at].1.push('\n');
                at
            }
            None => {
                self.elements.push((name, String::new()));
                self.elements.len() - 1
            }
        }
    }

    /// Hands its wanted columns over; whether more are wanted. The first record says which columns there are.
    fn hand_over(mut self, file: &Path, (wanted, number): (&[&str], u64), each: Each<'_>) -> Result<bool, Error> {
        self.elements.push((OWN[0].to_string(), number.to_string()));
        if !self.elements.iter().any(|(n, _)| n == OWN[1]) {
            self.elements.push((OWN[1].to_string(), String::new()));
        }
        if number == 1 {
            let found: Vec<String> = self.elements.iter().map(|(n, _)| n.clone()).collect();
            places(file, &found, wanted)?;
        }
        let of = |w: &&str| self.elements.iter().find(|(n, _)| n == w).map_or("", |(_, text)| text.trim());
        let cells: Vec<Cell<'_>> = wanted.iter().map(|w| Cell::Text(of(w))).collect();
        Ok(each((self.line, Ok(&cells))))
    }
}

/// Appends a text with its entities replaced.
fn plain(text: &str, out: &mut String) {
    const ENTITIES: [(&str, char); 5] =
        [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&apos;", '\'')];
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity)) {
            Some((entity, c)) => {
                out.push(*c);
                rest = &rest[entity.len()..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, wanted: &[&str]) -> Result<Vec<(u64, Vec<String>)>, Error> {
        let mut out = Vec::new();
        let mut each = |(line, cells): crate::rows::Row<'_, '_>| {
            out.push((
                line,
                match cells {
                    Ok(cells) => cells.iter().map(Cell::shown).collect(),
                    Err((found, expected)) => vec![found, expected],
                },
            ));
            true
        };
        read(Path::new("docs.trec"), Box::new(text.as_bytes()), wanted, &mut each)?;
        Ok(out)
    }

    #[test]
    fn every_record_is_a_row_and_every_element_a_column() {
        let check = |text: &str, wanted: &[&str], expected: &[(u64, &[&str])]| {
            let found = rows(text, wanted).unwrap();
            let found: Vec<(u64, Vec<&str>)> =
                found.iter().map(|(l, r)| (*l, r.iter().map(String::as_str).collect())).collect();
            let expected: Vec<(u64, Vec<&str>)> = expected.iter().map(|(l, r)| (*l, r.to_vec())).collect();
            assert_eq!(found, expected, "{text}");
        };
        let docs = "<DOC>\n<DOCNO>1</DOCNO>\nfast &amp; slow\n</DOC>\n<DOC>\n<DOCNO>2</DOCNO>\na < b\n</DOC>\n";
        check(docs, &["docno", "text"], &[(1, &["`1`", "`fast & slow`"]), (5, &["`2`", "`a < b`"])]);
        let topics = "<?xml version='1.0'?>\n<xml>\n<top>\n<num> 4\n<title>\nheat\n</top>\n<top><num>8</num><title>air</title></top></xml>";
        check(topics, &["number", "num", "title"], &[(3, &["`1`", "`4`", "`heat`"]), (8, &["`2`", "`8`", "`air`"])]);
        check("<doc><id>1</id><p>one</p><p>two</p></doc>", &["p"], &[(1, &["`one\ntwo`"])]);
        check("<doc><id>1</id></doc>", &["text"], &[(1, &["nothing"])]);
    }

    #[test]
    fn what_is_cut_or_empty_or_lacks_a_column_is_told() {
        assert!(matches!(rows("no records", &["text"]), Err(Error::Empty { .. })));
        assert!(matches!(rows("<doc><id>1</id></doc>", &["docno"]), Err(Error::MissingColumn { .. })));
        let cut = rows("<doc><id>1</id></doc>\n<doc><id>2", &["id"]).unwrap();
        assert_eq!(cut[1].1, ["the end of the file", "</DOC> or </top>"]);
    }
}
