//! SQLite: the rows of a query to cells.

use super::{Each, places, unreadable};
use crate::cell::Cell;
use crate::error::Error;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// A database that somebody else has locked is waited for so long.
const WAIT: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 5 });

pub(super) fn read(file: &Path, sql: &str, wanted: &[&str], each: Each<'_>) -> Result<(), Error> {
    let wrong = |e: rusqlite::Error| match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            let waited =
                format!("another program has locked it (waited {} s); try again when it is done", WAIT.as_secs());
            unreadable(file, &waited)
        }
        Some(ErrorCode::NotADatabase) => unreadable(file, &"it is no SQLite database"),
        _ => unreadable(file, &format!("{e}; it was asked: {sql}")),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(wrong)?;
    connection.busy_timeout(WAIT).map_err(wrong)?;
    let mut statement = connection.prepare(sql).map_err(wrong)?;
    if !statement.readonly() {
        return Err(unreadable(file, &format!("`sql` only reads, and this changes something: {sql}")));
    }
    let found: Vec<String> = statement.column_names().into_iter().map(String::from).collect();
    let places = places(file, &found, wanted)?;
    let mut rows = statement.query([]).map_err(wrong)?;
    let mut line = 0;
    while let Some(row) = rows.next().map_err(wrong)? {
        line += 1;
        let cells: Result<Vec<Cell<'_>>, (String, String)> =
            places.iter().map(|place| cell(row.get_ref(*place).unwrap_or(ValueRef::Null))).collect();
        if !each((line, cells.as_deref().map_err(Clone::clone))) {
            return Ok(());
        }
    }
    if line == 0 { Err(Error::Empty { file: file.to_path_buf() }) } else { Ok(()) }
}

/// A value as a cell, or what is wrong with it (found, expected).
fn cell(value: ValueRef<'_>) -> Result<Cell<'_>, (String, String)> {
    Ok(match value {
        ValueRef::Null => Cell::Missing,
        ValueRef::Integer(n) => Cell::Number(n as f64),
        ValueRef::Real(n) => Cell::Number(n),
        ValueRef::Text(bytes) => {
            Cell::Text(std::str::from_utf8(bytes).map_err(|_| ("bytes".to_string(), "UTF-8".to_string()))?)
        }
        ValueRef::Blob(bytes) => return Err((format!("a blob of {} bytes", bytes.len()), "a number or a text".into())),
    })
}
