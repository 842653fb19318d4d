//! PostgreSQL: the rows of a query to cells, in a transaction that only reads.

use super::{Each, places, unreadable};
use crate::cell::Cell;
use crate::error::Error;
use postgres::{Client, NoTls, SimpleQueryMessage};
use std::path::Path;

/// `shown`: what errors call it, without its password.
pub(super) fn read(shown: &Path, url: &str, sql: &str, wanted: &[&str], each: Each<'_>) -> Result<(), Error> {
    let wrong = |e: postgres::Error| unreadable(shown, &format!("{e}; it was asked: {sql}"));
    let mut client = Client::connect(url, NoTls).map_err(|e| unreadable(shown, &e))?;
    client.simple_query("BEGIN READ ONLY").map_err(wrong)?;
    let (mut line, mut at) = (0, None);
    for message in client.simple_query(sql).map_err(wrong)? {
        let SimpleQueryMessage::Row(row) = message else { continue };
        if at.is_none() {
            let found: Vec<String> = row.columns().iter().map(|c| c.name().to_string()).collect();
            at = Some(places(shown, &found, wanted)?);
        }
        line += 1;
        let places = at.iter().flatten();
        let cells: Vec<Cell<'_>> = places.map(|place| row.get(*place).map_or(Cell::Missing, Cell::Text)).collect();
        if !each((line, Ok(&cells))) {
            break;
        }
    }
    if line == 0 { Err(Error::Empty { file: shown.to_path_buf() }) } else { Ok(()) }
}
