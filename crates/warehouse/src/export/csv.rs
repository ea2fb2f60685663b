//! CSV: commas, lines that end with a line feed, UTF-8, and a line of names. Every text is in quotes, so that an empty
//! one is told from none; numbers and dates are not.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::warehouse::WarehouseError;

use super::files::unwritable;
use crate::error::internal;

/// How moments are written: parts of a second only where there are some.
pub(super) const MOMENT: &str = "%Y-%m-%d %H:%M:%S%.f";

pub(super) struct Csv {
    file: BufWriter<File>,
    bytes: u64,
}

impl Csv {
    pub(super) fn begin(path: &Path, schema: &Schema) -> Result<Self, WarehouseError> {
        let mut csv = Self { file: BufWriter::new(File::create(path).map_err(unwritable)?), bytes: 0 };
        let mut line = String::new();
        for (place, field) in schema.fields().iter().enumerate() {
            if place > 0 {
                line.push(',');
            }
            quote(field.name(), &mut line);
        }
        line.push('\n');
        csv.put(&line)?;
        Ok(csv)
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<(), WarehouseError> {
        let options = FormatOptions::new().with_timestamp_format(Some(MOMENT));
        let unreadable = |error| internal("the rows of an export cannot be read").caused_by(error);
        let mut columns = Vec::new();
        for column in rows.columns() {
            let formatter = ArrayFormatter::try_new(column, &options).map_err(unreadable)?;
            columns.push((column, formatter));
        }
        let mut lines = String::new();
        for row in 0..rows.num_rows() {
            for (place, (column, formatter)) in columns.iter().enumerate() {
                if place > 0 {
                    lines.push(',');
                }
                match column.data_type() {
                    _ if column.is_null(row) => {}
                    DataType::Utf8 => quote(column.as_string::<i32>().value(row), &mut lines),
                    _ => write!(lines, "{}", formatter.value(row))
                        .map_err(|error| internal("a value cannot be written as text").caused_by(error))?,
                }
            }
            lines.push('\n');
        }
        self.put(&lines)
    }

    fn put(&mut self, text: &str) -> Result<(), WarehouseError> {
        self.bytes += text.len() as u64;
        self.file.write_all(text.as_bytes()).map_err(unwritable)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn finish(mut self) -> Result<(), WarehouseError> {
        self.file.flush().map_err(unwritable)
    }
}

fn quote(text: &str, to: &mut String) {
    to.push('"');
    to.push_str(&text.replace('"', "\"\""));
    to.push('"');
}
