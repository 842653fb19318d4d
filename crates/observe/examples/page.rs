//! Turns a report into a page: `cargo run -p tamis-observe --example page -- report.json > report.html`. Without a file
//! it shows a report of made-up numbers.

use std::error::Error;
use tamis_observe::page::page;
use tamis_observe::report::Report;

fn main() -> Result<(), Box<dyn Error>> {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => include_str!("report.json").to_owned(),
    };
    let report: Report = serde_json::from_str(&text)?;
    print!("{}", page(&report));
    Ok(())
}
