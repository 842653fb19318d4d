//! A table of named columns as Parquet, written in batches: what other programs read.

use arrow::array::{
    ArrayRef, DictionaryArray, Float32Array, Int32Array, Int64Array, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Rows of one group of the file.
const GROUP_ROWS: usize = 1 << 20;
/// How hard is compressed.
const ZSTD_LEVEL: i32 = 9;
/// Long pages let repeats be found that are far apart.
const PAGE_BYTES: usize = 8 << 20;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// 64-bit whole numbers.
    Integers,
    /// Moments in milliseconds, UTC.
    Moments,
    /// 32-bit numbers; NaN is written as null.
    Numbers,
    /// Words, each written once a group.
    Words,
}

/// Values of a column.
pub enum Values<'a> {
    /// For [`ColumnType::Integers`] and [`ColumnType::Moments`].
    Integers(Vec<i64>),
    /// For [`ColumnType::Numbers`].
    Numbers(Vec<f32>),
    /// For [`ColumnType::Words`]; none is written as null.
    Words(Vec<Option<&'a str>>),
}

/// A file that is being written.
pub struct Table {
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
}

fn broken(e: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(e)
}

fn words() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

impl Table {
    /// Begins a file with these columns.
    pub fn create(path: &Path, columns: &[(&str, ColumnType)]) -> io::Result<Self> {
        let field = |(name, ty): &(&str, ColumnType)| {
            let ty = match ty {
                ColumnType::Integers => DataType::Int64,
                ColumnType::Moments => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                ColumnType::Numbers => DataType::Float32,
                ColumnType::Words => words(),
            };
            Field::new(*name, ty, true)
        };
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(broken)?;
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_data_page_size_limit(PAGE_BYTES)
            .set_max_row_group_row_count(Some(GROUP_ROWS));
        for (name, _) in columns.iter().filter(|(_, ty)| *ty == ColumnType::Numbers) {
            // Nearly every number is another one: a dictionary would hold them all.
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(*name), false);
        }
        let properties = properties.build();
        let writer = ArrowWriter::try_new(File::create(path)?, schema.clone(), Some(properties)).map_err(broken)?;
        Ok(Self { writer, schema })
    }

    /// Appends rows; columns in the order of the file's, all of one length.
    pub fn write(&mut self, columns: Vec<Values<'_>>) -> io::Result<()> {
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
        for (field, values) in self.schema.fields().iter().zip(columns) {
            arrays.push(match values {
                Values::Integers(v) if field.data_type() == &DataType::Int64 => Arc::new(Int64Array::from(v)),
                Values::Integers(v) => Arc::new(TimestampMillisecondArray::from(v).with_timezone("UTC")),
                Values::Numbers(v) => {
                    Arc::new(v.into_iter().map(|v| (!v.is_nan()).then_some(v)).collect::<Float32Array>())
                }
                Values::Words(v) => Arc::new(dictionary(v)),
            });
        }
        let batch = RecordBatch::try_new(self.schema.clone(), arrays).map_err(broken)?;
        self.writer.write(&batch).map_err(broken)
    }

    /// Ends the file; only then can it be read.
    pub fn finish(self) -> io::Result<()> {
        let file = self.writer.into_inner().map_err(broken)?;
        file.sync_all()
    }
}

fn dictionary(words: Vec<Option<&str>>) -> DictionaryArray<Int32Type> {
    let mut known = std::collections::HashMap::new();
    let mut values: Vec<&str> = Vec::new();
    let key = |word: Option<&str>| {
        word.map(|word| {
            *known.entry(word.to_owned()).or_insert_with(|| {
                values.push("");
                values.len() as i32 - 1
            })
        })
    };
    let keys: Int32Array = words.iter().copied().map(key).collect();
    let mut ordered = vec![""; values.len()];
    for word in words.into_iter().flatten() {
        ordered[known[word] as usize] = word;
    }
    DictionaryArray::new(keys, Arc::new(StringArray::from(ordered)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn what_is_written_is_read_by_name_and_missing_values_are_null() {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let path = dir.path().join("rows.parquet");
        let columns = [
            ("decision", ColumnType::Integers),
            ("time", ColumnType::Moments),
            ("user", ColumnType::Words),
            ("popular", ColumnType::Numbers),
        ];
        let mut table = Table::create(&path, &columns).expect("there is room");
        for (n, word) in [(2, Some("ann")), (1, None)] {
            let write = table.write(vec![
                Values::Integers((0..n).collect()),
                Values::Integers(vec![1_000; n as usize]),
                Values::Words(vec![word; n as usize]),
                Values::Numbers((0..n).map(|i| if i == 0 { f32::NAN } else { 0.1 }).collect()),
            ]);
            write.expect("there is room");
        }
        table.finish().expect("there is room");
        let reader = SerializedFileReader::new(File::open(&path).expect("it was written")).expect("it is Parquet");
        let fields = reader.metadata().file_metadata().schema().get_fields();
        assert_eq!(fields.iter().map(|f| f.name()).collect::<Vec<_>>(), ["decision", "time", "user", "popular"]);
        let rows: Vec<String> =
            reader.get_row_iter(None).expect("rows").map(|r| r.expect("a row").to_string()).collect();
        let time = "time: 1970-01-01 00:00:01 +00:00";
        let expected = [
            format!("{{decision: 0, {time}, user: \"ann\", popular: null}}"),
            format!("{{decision: 1, {time}, user: \"ann\", popular: 0.1}}"),
            format!("{{decision: 0, {time}, user: null, popular: null}}"),
        ];
        assert_eq!(rows.iter().map(|r| r.replace(".000", "")).collect::<Vec<_>>(), expected);
        assert!(Table::create(&dir.path().join("no/such"), &columns).is_err());
    }
}
