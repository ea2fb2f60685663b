//! One sheet of Excel, written a row at a time. What does not fit into one is an error that says what does.

use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, Schema, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::csv::MOMENT;
use crate::error::{internal, invalid};

/// The rows of a sheet, without the one of names.
const MOST_ROWS: u32 = 1_048_575;
const MOST_COLUMNS: usize = 16_384;
/// The characters of a cell.
const MOST_CHARACTERS: usize = 32_767;
/// Whole numbers beyond this are no longer exact: they become texts.
const MOST_EXACT: u64 = 9_007_199_254_740_991;
const DAY_MICROS: f64 = 86_400_000_000.0;
/// 1970-01-01 and 1900-03-01 as Excel counts days. Before the latter it counts one that there was not.
const EPOCH_DAY: f64 = 25_569.0;
const FIRST_DAY: f64 = 61.0;
/// About what a cell costs beside a text in it.
const CELL_BYTES: u64 = 8;

pub(super) struct Sheet {
    workbook: Workbook,
    moment: Format,
    names: Vec<String>,
    rows: u32,
    bytes: u64,
}

impl Sheet {
    /// Begins a sheet; its rows wait in a folder.
    pub(super) fn begin(folder: &Path, schema: &Schema) -> Result<Self, WarehouseError> {
        if schema.fields().len() > MOST_COLUMNS {
            return Err(invalid(format!(
                "an Excel sheet has room for {MOST_COLUMNS} columns, and the export has {}; take CSV or PARQUET, or ask \
                 for fewer columns",
                schema.fields().len()
            )));
        }
        let mut workbook = Workbook::new();
        workbook.set_tempdir(folder).map_err(unwritable)?;
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(unwritable)?;
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        for (column, name) in (0..).zip(&names) {
            sheet.write_string(0, column, name).map_err(unwritable)?;
        }
        let moment = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss.000");
        Ok(Self { workbook, moment, names, rows: 0, bytes: 0 })
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<(), WarehouseError> {
        let options = FormatOptions::new().with_timestamp_format(Some(MOMENT));
        let unreadable = |error| internal("the rows of an export cannot be read").caused_by(error);
        let formatters = rows.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let formatters = formatters.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        let sheet = self.workbook.worksheet_from_index(0).map_err(unwritable)?;
        for row in 0..rows.num_rows() {
            if self.rows == MOST_ROWS {
                return Err(invalid(format!(
                    "an Excel sheet has room for {MOST_ROWS} rows, and the export has more; take CSV or PARQUET, or ask \
                     for fewer rows with LIMIT or FILTER"
                )));
            }
            self.rows += 1;
            for (place, column) in (0..).zip(rows.columns()) {
                if column.is_null(row) {
                    continue;
                }
                self.bytes += CELL_BYTES;
                let index = usize::from(place);
                let mut cell = Cell { sheet: &mut *sheet, row: self.rows, column: place };
                match column.data_type() {
                    DataType::Int64 => cell.integer(column.as_primitive::<Int64Type>().value(row))?,
                    DataType::Float64 => cell.float(column.as_primitive::<Float64Type>().value(row))?,
                    DataType::Timestamp(..) => {
                        let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
                        cell.moment(micros, &self.moment, &formatters[index].value(row).to_string())?;
                    }
                    DataType::Utf8 => {
                        let text = column.as_string::<i32>().value(row);
                        self.bytes += text.len() as u64;
                        cell.text(text, &self.names[index])?;
                    }
                    other => return Err(internal(format!("an export has a column of the type {other}"))),
                }
            }
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn finish(mut self, path: &Path) -> Result<(), WarehouseError> {
        self.workbook.save(path).map_err(unwritable)
    }
}

struct Cell<'s> {
    sheet: &'s mut Worksheet,
    row: u32,
    column: u16,
}

impl Cell<'_> {
    fn integer(&mut self, number: i64) -> Result<(), WarehouseError> {
        if number.unsigned_abs() > MOST_EXACT {
            return self.put(&number.to_string());
        }
        #[expect(clippy::cast_precision_loss, reason = "it is exact up to there")]
        let exact = number as f64;
        self.sheet.write_number(self.row, self.column, exact).map(drop).map_err(unwritable)
    }

    fn float(&mut self, number: f64) -> Result<(), WarehouseError> {
        if number.is_finite() {
            return self.sheet.write_number(self.row, self.column, number).map(drop).map_err(unwritable);
        }
        self.put(&number.to_string())
    }

    fn moment(&mut self, micros: i64, format: &Format, text: &str) -> Result<(), WarehouseError> {
        #[expect(clippy::cast_precision_loss, reason = "Excel counts days with parts, and no finer")]
        let day = micros as f64 / DAY_MICROS + EPOCH_DAY;
        if day < FIRST_DAY {
            return self.put(text);
        }
        let written = self.sheet.write_number_with_format(self.row, self.column, day, format);
        written.map(drop).map_err(unwritable)
    }

    fn text(&mut self, text: &str, name: &str) -> Result<(), WarehouseError> {
        if text.chars().count() > MOST_CHARACTERS {
            return Err(invalid(format!(
                "an Excel cell has room for {MOST_CHARACTERS} characters, and the column \"{name}\" has a longer text in \
                 row {}; take CSV or PARQUET, or cut it with LEFT",
                self.row
            )));
        }
        self.put(text)
    }

    fn put(&mut self, text: &str) -> Result<(), WarehouseError> {
        self.sheet.write_string(self.row, self.column, text).map(drop).map_err(unwritable)
    }
}

fn unwritable(error: XlsxError) -> WarehouseError {
    let text = "the Excel file of the export cannot be written; the server's log has the details";
    WarehouseError::new(WarehouseErrorKind::Unavailable, text).caused_by(error)
}
