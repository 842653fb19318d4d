//! Rows of a file, whatever its format: the cells of the wanted columns, one row at a time.

mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
pub(crate) mod svmlight;

use crate::cell::Cell;
use crate::error::Error;
use crate::locate::Place;
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// A row: its line, and its cells or what is wrong with it (found, expected).
pub(crate) type Row<'a, 'r> = (u64, Result<&'a [Cell<'r>], (String, String)>);
/// Told of every row; false to stop.
pub(crate) type Each<'e> = &'e mut dyn FnMut(Row<'_, '_>) -> bool;

/// Formats of lines, by the endings of their files.
const TEXTS: [&str; 10] = ["csv", "tsv", "txt", "qrels", "jsonl", "ndjson", "json", "svmlight", "svm", "letor"];

/// A decoder of zstd may need a window of so many bytes, as a power of two.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// How the lines of a file are read, beyond what its ending says.
pub(crate) struct Layout<'a> {
    /// How it is written, where the ending does not say it.
    pub(crate) format: Option<&'a str>,
    /// Between fields of a line.
    pub(crate) delimiter: Option<char>,
    /// Names of columns, when the first line is no header.
    pub(crate) columns: &'a [String],
    /// What is asked of a database.
    pub(crate) sql: Option<&'a str>,
    /// What was met in files whose columns no header names.
    pub(crate) met: &'a RefCell<svmlight::Met>,
}

/// Reads the wanted columns of whatever it is.
pub(crate) fn read(place: &Place, layout: &Layout<'_>, wanted: &[&str], each: Each<'_>) -> Result<(), Error> {
    match (place, layout.sql) {
        (Place::File(file), Some(sql)) => sqlite::read(file, sql, wanted, each),
        (Place::File(file), None) => read_file(file, layout, wanted, each),
        #[cfg(feature = "postgres")]
        (Place::Postgres { url, shown }, sql) => postgres::read(shown, url, sql.unwrap_or_default(), wanted, each),
        #[cfg(not(feature = "postgres"))]
        (Place::Postgres { shown, .. }, _) => {
            Err(unreadable(shown, &"this program was built without PostgreSQL; build it with --features postgres"))
        }
    }
}

fn read_file(file: &Path, layout: &Layout<'_>, wanted: &[&str], each: Each<'_>) -> Result<(), Error> {
    let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_ascii_lowercase();
    let (plain, packed) = match name.rsplit_once('.') {
        Some((rest, end @ ("gz" | "zst" | "zip"))) => (rest, end),
        _ => (name.as_str(), ""),
    };
    let format = layout.format.unwrap_or_else(|| plain.rsplit_once('.').map_or("", |(_, end)| end));
    if format == "parquet" && packed.is_empty() {
        return parquet::read(file, wanted, each);
    }
    if !TEXTS.contains(&format) {
        return Err(Error::Format { file: file.to_path_buf() });
    }
    let opened = File::open(file).map_err(|e| unreadable(file, &e))?;
    let mut archive;
    let input: Box<dyn Read + '_> = match packed {
        "zip" => {
            archive = zip::ZipArchive::new(BufReader::new(opened)).map_err(|e| unreadable(file, &e))?;
            let entry = only_entry(file, &archive)?;
            Box::new(archive.by_index(entry).map_err(|e| unreadable(file, &e))?)
        }
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(opened)),
        "zst" => {
            let mut decoder = zstd::Decoder::new(opened).map_err(|e| unreadable(file, &e))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|e| unreadable(file, &e))?;
            Box::new(decoder)
        }
        _ => Box::new(opened),
    };
    match format {
        "svmlight" | "svm" | "letor" => svmlight::read(file, input, wanted, &mut layout.met.borrow_mut(), each),
        "qrels" if layout.delimiter.is_none() => words(file, input, layout.columns, wanted, each),
        "csv" | "tsv" | "txt" | "qrels" => {
            let default = if format == "csv" { ',' } else { '\t' };
            let layout = Layout { delimiter: Some(layout.delimiter.unwrap_or(default)), ..*layout };
            lines(file, input, &layout, wanted, each)
        }
        _ => objects(file, input, wanted, each),
    }
}

/// The one file of an archive, beside what some programs add of their own.
fn only_entry<R: Read + std::io::Seek>(file: &Path, archive: &zip::ZipArchive<R>) -> Result<usize, Error> {
    let own = |name: &str| name.starts_with("__MACOSX/") || name.ends_with('/') || name.ends_with(".DS_Store");
    let found: Vec<usize> =
        (0..archive.len()).filter(|i| archive.name_for_index(*i).is_some_and(|n| !own(n))).collect();
    match found[..] {
        [one] => Ok(one),
        _ => Err(unreadable(file, &format!("an archive of one file is read, this has {}", found.len()))),
    }
}

pub(crate) fn unreadable(file: &Path, e: &dyn std::fmt::Display) -> Error {
    Error::Read { file: file.to_path_buf(), reason: e.to_string() }
}

/// Where the wanted columns are among those found.
pub(crate) fn places(file: &Path, found: &[String], wanted: &[&str]) -> Result<Vec<usize>, Error> {
    if let Some(twice) = found.iter().enumerate().find(|(i, c)| found[..*i].contains(c)) {
        return Err(Error::DuplicateColumn { file: file.to_path_buf(), column: twice.1.clone() });
    }
    let place = |w: &&str| {
        let missing =
            || Error::MissingColumn { file: file.to_path_buf(), column: w.to_string(), found: found.to_vec() };
        found.iter().position(|f| f == w).ok_or_else(missing)
    };
    wanted.iter().map(place).collect()
}

fn lines(
    file: &Path,
    input: Box<dyn Read + '_>,
    layout: &Layout<'_>,
    wanted: &[&str],
    each: Each<'_>,
) -> Result<(), Error> {
    let delimiter = layout.delimiter.and_then(|d| u8::try_from(d).ok());
    let delimiter = delimiter.ok_or_else(|| unreadable(file, &"a delimiter is one ASCII character"))?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(delimiter != b'\t')
        .flexible(true)
        .has_headers(layout.columns.is_empty())
        .buffer_capacity(1 << 18)
        .from_reader(input);
    let mut found: Vec<String> = layout.columns.to_vec();
    if found.is_empty() {
        let header = reader.byte_headers().map_err(|e| unreadable(file, &e))?;
        if header.is_empty() {
            return Err(Error::Empty { file: file.to_path_buf() });
        }
        let clean = |f: &[u8]| String::from_utf8_lossy(f).trim().trim_start_matches('\u{feff}').to_string();
        found.extend(header.iter().map(clean));
    }
    let places = places(file, &found, wanted)?;
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|e| unreadable(file, &e))? {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != found.len() {
            let (a, b) = (format!("{} fields", record.len()), format!("{} fields", found.len()));
            if !each((line, Err((a, b)))) {
                return Ok(());
            }
            continue;
        }
        let mut cells = [const { Cell::Missing }; 64];
        let mut many = Vec::new();
        let cells: &mut [Cell<'_>] = if places.len() <= cells.len() {
            &mut cells[..places.len()]
        } else {
            many.resize(places.len(), Cell::Missing);
            &mut many
        };
        let mut bad = None;
        for (cell, place) in cells.iter_mut().zip(&places) {
            match std::str::from_utf8(&record[*place]) {
                Ok(text) => *cell = Cell::Text(text),
                Err(_) => {
                    bad =
                        Some((String::from_utf8_lossy(&record[*place]).chars().take(40).collect(), "UTF-8".to_string()))
                }
            }
        }
        if !each((line, bad.map_or(Ok(cells), Err))) {
            return Ok(());
        }
    }
    Ok(())
}

/// Lines of words with any white space between them, as judgements of information retrieval are written.
fn words(
    file: &Path,
    input: Box<dyn Read + '_>,
    columns: &[String],
    wanted: &[&str],
    each: Each<'_>,
) -> Result<(), Error> {
    let (mut found, mut line, mut text) = (columns.to_vec(), 0, String::new());
    let mut input = BufReader::with_capacity(1 << 18, input);
    loop {
        text.clear();
        if input.read_line(&mut text).map_err(|e| unreadable(file, &e))? == 0 {
            return if line == 0 { Err(Error::Empty { file: file.to_path_buf() }) } else { Ok(()) };
        }
        line += 1;
        let all: Vec<&str> = text.split_whitespace().collect();
        if found.is_empty() {
            found.extend(all.iter().map(|w| w.trim_start_matches('\u{feff}').to_string()));
            continue;
        }
        if all.is_empty() {
            continue;
        }
        let places = places(file, &found, wanted)?;
        let going = if all.len() == found.len() {
            let cells: Vec<Cell<'_>> = places.iter().map(|place| Cell::Text(all[*place])).collect();
            each((line, Ok(&cells)))
        } else {
            each((line, Err((format!("{} words", all.len()), format!("{} words", found.len())))))
        };
        if !going {
            return Ok(());
        }
    }
}

fn objects(file: &Path, input: Box<dyn Read + '_>, wanted: &[&str], each: Each<'_>) -> Result<(), Error> {
    let mut input = BufReader::with_capacity(1 << 18, input);
    let (mut bytes, mut line) = (Vec::new(), 0);
    loop {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes).map_err(|e| unreadable(file, &e))? == 0 {
            return if line == 0 { Err(Error::Empty { file: file.to_path_buf() }) } else { Ok(()) };
        }
        line += 1;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let going = match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes) {
            Ok(object) => {
                let cells: Vec<Cell<'_>> =
                    wanted.iter().map(|w| object.get(*w).map_or(Cell::Missing, of_json)).collect();
                each((line, Ok(&cells)))
            }
            Err(e) => each((line, Err((e.to_string(), "a JSON object".into())))),
        };
        if !going {
            return Ok(());
        }
    }
}

fn of_json(value: &serde_json::Value) -> Cell<'_> {
    use serde_json::Value;
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(b) => Cell::Number(f64::from(u8::from(*b))),
        Value::Number(n) => n.as_f64().map_or(Cell::Missing, Cell::Number),
        Value::String(s) => Cell::Text(s),
        Value::Array(all) if all.iter().all(Value::is_number) && !all.is_empty() => {
            Cell::Numbers(all.iter().filter_map(|n| n.as_f64().map(|n| n as f32)).collect())
        }
        Value::Array(all) => Cell::Texts(all.iter().filter_map(Value::as_str).collect()),
        Value::Object(_) => Cell::Text("{...}"),
    }
}
