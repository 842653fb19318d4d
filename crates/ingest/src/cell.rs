//! One cell of a file to a value of a field.

use crate::moment;
use tamis_spec::batch::Column;
use tamis_spec::system::{FieldSpec, Type};

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing.
    Missing,
    /// A text, not yet read.
    Text(&'a str),
    /// A number.
    Number(f64),
    /// A moment, ms.
    Time(i64),
    /// A list of texts.
    Texts(Vec<&'a str>),
    /// A list of numbers.
    Numbers(Vec<f32>),
}

/// Texts that stand for nothing.
const MISSING: [&str; 6] = ["", "NA", "NaN", "nan", "null", "\\N"];

impl Cell<'_> {
    fn is_missing(&self) -> bool {
        match self {
            Self::Missing => true,
            Self::Text(t) => MISSING.contains(&t.trim()),
            Self::Number(n) => n.is_nan(),
            _ => false,
        }
    }

    /// As an error shows it, cut to a readable length.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Missing => "nothing".into(),
            Self::Text("") => "nothing".into(),
            Self::Text(t) => format!("`{}`", t.chars().take(40).collect::<String>()),
            Self::Number(n) => n.to_string(),
            Self::Time(t) => tamis_spec::time::format_time(*t),
            Self::Texts(t) => format!("a list of {} texts", t.len()),
            Self::Numbers(n) => format!("a list of {} numbers", n.len()),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Text(t) => t.trim().parse().ok(),
            _ => None,
        }
    }

    /// A moment, ms.
    pub(crate) fn time(&self, pattern: Option<&str>) -> Option<i64> {
        match self {
            Self::Time(t) => Some(*t),
            Self::Number(n) => moment::of_number(*n),
            Self::Text(t) => moment::of_text(t.trim(), pattern),
            _ => None,
        }
    }

    /// A key or word: a text, or a whole number written out.
    pub(crate) fn word<R>(&self, f: impl FnOnce(&str) -> R) -> Option<R> {
        match self {
            Self::Text(t) => Some(f(t.trim())),
            Self::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => Some(f(&(*n as i64).to_string())),
            Self::Number(n) => Some(f(&n.to_string())),
            _ => None,
        }
    }
}

/// Appends a cell to a field's column; what was expected, if it is not of the field's type.
pub(crate) fn push(column: &mut Column, field: &FieldSpec, cell: &Cell<'_>) -> Result<(), &'static str> {
    if cell.is_missing() {
        column.push_missing();
        return Ok(());
    }
    match column {
        Column::Numbers(v) if field.ty == Type::Bool => v.push(truth(cell).ok_or("true or false")?),
        Column::Numbers(v) => v.push(cell.number().filter(|n| n.is_finite()).ok_or("a number")?),
        Column::Texts(t) => cell.word(|w| t.push(w)).ok_or("a text")?,
        Column::Times(v) => v.push(cell.time(field.pattern.as_deref()).ok_or("a time")?),
        Column::Places(v) => v.push(place(cell).ok_or("a latitude and a longitude, 52.5,13.4")?),
        Column::Vectors { dimensions, values } => {
            let found = vector(cell).ok_or("a vector of numbers")?;
            if *dimensions == 0 {
                // Rows before the first vector were missing: they get the length that is now known.
                *dimensions = found.len();
            }
            if found.len() != *dimensions {
                return Err("a vector as long as the ones before it");
            }
            values.extend(found);
        }
        Column::Tags(tags) => {
            match cell {
                Cell::Texts(all) => all.iter().filter(|t| !t.is_empty()).for_each(|t| tags.push(t, 1.0)),
                Cell::Text(text) => {
                    for tag in text.split(field.separator.as_str()).map(str::trim).filter(|t| !t.is_empty()) {
                        match tag.rsplit_once(':').filter(|_| field.weighted) {
                            Some((name, weight)) => {
                                tags.push(name.trim(), weight.trim().parse().map_err(|_| "tags as name:weight")?)
                            }
                            None => tags.push(tag, 1.0),
                        }
                    }
                }
                other => other.word(|w| tags.push(w, 1.0)).ok_or("tags")?,
            }
            tags.end_row();
        }
    }
    Ok(())
}

fn truth(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Number(n) if *n == 0.0 || *n == 1.0 => Some(*n),
        Cell::Text(t) => match t.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "t" | "y" => Some(1.0),
            "false" | "0" | "no" | "f" | "n" => Some(0.0),
            _ => None,
        },
        _ => None,
    }
}

fn vector(cell: &Cell<'_>) -> Option<Vec<f32>> {
    match cell {
        Cell::Numbers(n) => Some(n.clone()),
        Cell::Text(t) => {
            let inner = t.trim().trim_start_matches('[').trim_end_matches(']');
            let parts = inner.split([',', ' ', '|', ';']).filter(|p| !p.is_empty());
            parts.map(|p| p.parse::<f32>().ok().filter(|v| v.is_finite())).collect()
        }
        _ => None,
    }
}

fn place(cell: &Cell<'_>) -> Option<[f32; 2]> {
    let parts = vector(cell)?;
    let [lat, lon] = parts[..] else { return None };
    ((-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon)).then_some([lat, lon])
}
