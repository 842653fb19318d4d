//! Parquet: typed columns to cells.

use super::{Each, places, unreadable};
use crate::cell::Cell;
use crate::error::Error;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8_192;

pub(super) fn read(file: &Path, wanted: &[&str], each: Each<'_>) -> Result<(), Error> {
    let opened = File::open(file).map_err(|e| unreadable(file, &e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(|e| unreadable(file, &e))?;
    let found: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
    let places = places(file, &found, wanted)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
    let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(|e| unreadable(file, &e))?;
    let mut line = 0;
    for batch in reader {
        let batch = batch.map_err(|e| unreadable(file, &e))?;
        let columns: Vec<&dyn Array> =
            wanted.iter().map(|w| batch.column_by_name(w).expect("it was projected").as_ref()).collect();
        let mut cells = Vec::with_capacity(columns.len());
        for row in 0..batch.num_rows() {
            line += 1;
            cells.clear();
            cells.extend(columns.iter().map(|c| cell(*c, row)));
            if !each((line, Ok(&cells))) {
                return Ok(());
            }
        }
    }
    if line == 0 { Err(Error::Empty { file: file.to_path_buf() }) } else { Ok(()) }
}

fn cell<'a>(array: &'a dyn Array, row: usize) -> Cell<'a> {
    if array.is_null(row) {
        return Cell::Missing;
    }
    let number = Cell::Number;
    match array.data_type() {
        DataType::Int8 => number(f64::from(array.as_primitive::<Int8Type>().value(row))),
        DataType::Int16 => number(f64::from(array.as_primitive::<Int16Type>().value(row))),
        DataType::Int32 => number(f64::from(array.as_primitive::<Int32Type>().value(row))),
        DataType::Int64 => number(array.as_primitive::<Int64Type>().value(row) as f64),
        DataType::UInt8 => number(f64::from(array.as_primitive::<UInt8Type>().value(row))),
        DataType::UInt16 => number(f64::from(array.as_primitive::<UInt16Type>().value(row))),
        DataType::UInt32 => number(f64::from(array.as_primitive::<UInt32Type>().value(row))),
        DataType::UInt64 => number(array.as_primitive::<UInt64Type>().value(row) as f64),
        DataType::Float32 => number(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => number(f64::from(u8::from(array.as_boolean().value(row)))),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row)),
        DataType::Timestamp(unit, _) => Cell::Time(moment(array, unit, row)),
        DataType::Date32 => Cell::Time(
            i64::from(array.as_primitive::<arrow::datatypes::Date32Type>().value(row)) * tamis_spec::time::DAY_MS,
        ),
        DataType::Dictionary(_, _) => {
            let keys = array.as_any_dictionary();
            // The values outlive the row: they belong to the array.
            cell(keys.values().as_ref(), keys.normalized_keys()[row])
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (start, end) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
            many(list.values().as_ref(), start, end)
        }
        _ => Cell::Text("a value of a type that is not read"),
    }
}

fn many<'a>(values: &'a dyn Array, start: usize, end: usize) -> Cell<'a> {
    let cells = (start..end).map(|i| cell(values, i));
    match values.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Cell::Texts(cells.filter_map(|c| if let Cell::Text(t) = c { Some(t) } else { None }).collect())
        }
        _ => Cell::Numbers(cells.map(|c| if let Cell::Number(n) = c { n as f32 } else { f32::NAN }).collect()),
    }
}

fn moment(array: &dyn Array, unit: &TimeUnit, row: usize) -> i64 {
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row) * 1000,
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row).div_euclid(1000),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000_000),
    }
}
