//! Parquet files, through the Arrow reader: which columns they have, and their rows as the types that
//! the warehouse takes.

mod json;
pub(super) mod pushed;
mod values;

use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use forebay_core::name::Identifier;
use forebay_core::source::{SourceError, SourceErrorKind};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::errors::ParquetError;

use super::file::{Halt, Part};
use super::table::{Column, Sink};
use crate::choice::shortened;
use crate::stream::BATCH_BYTES;
use values::Unfit;

/// The most rows that are decoded at a time. What they weigh is known only afterwards.
const DECODED_ROWS: usize = 8192;

/// A file whose footer was read.
struct Opened {
    file: File,
    metadata: ArrowReaderMetadata,
    /// The places of columns with INT96 timestamps, which are read in microseconds here.
    legacy: Vec<usize>,
    options: ArrowReaderOptions,
}

impl Opened {
    fn new(part: &Part) -> Result<Self, SourceError> {
        Self::with(part, ArrowReaderOptions::new())
    }

    fn with(part: &Part, options: ArrowReaderOptions) -> Result<Self, SourceError> {
        let file = part.open()?;
        let mut metadata =
            ArrowReaderMetadata::load(&file, options.clone()).map_err(|error| broken(part, error))?;
        let roots = metadata.parquet_schema().root_schema().get_fields().to_vec();
        let mut legacy = Vec::new();
        let mut fields: Vec<Field> =
            metadata.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        for (place, root) in roots.iter().enumerate() {
            if root.is_primitive() && root.get_physical_type() == PhysicalType::INT96 {
                legacy.push(place);
                fields[place] =
                    fields[place].clone().with_data_type(DataType::Timestamp(TimeUnit::Microsecond, None));
            }
        }
        if !legacy.is_empty() {
            let hint = Schema::new_with_metadata(fields, metadata.schema().metadata().clone());
            let hinted = options.clone().with_schema(Arc::new(hint));
            metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), hinted)
                .map_err(|error| broken(part, error))?;
        }
        Ok(Self { file, metadata, legacy, options })
    }

    /// The columns; one whose type cannot be kept has no data type.
    fn columns(&self, part: &Part) -> Result<Vec<(Identifier, Option<DataType>, String)>, SourceError> {
        let schema = self.metadata.parquet_schema();
        let mut columns: Vec<(Identifier, Option<DataType>, String)> = Vec::new();
        for (place, field) in self.metadata.schema().fields().iter().enumerate() {
            let name = Identifier::parse("column", field.name())
                .map_err(|error| part.invalid(format!("{error}; rename the column")))?;
            if columns.iter().any(|(other, ..)| *other == name) {
                return Err(part.invalid(format!("it has two columns \"{name}\"; rename one of them")));
            }
            let nested_legacy = !self.legacy.contains(&place)
                && (0..schema.num_columns()).any(|leaf| {
                    schema.get_column_root_idx(leaf) == place
                        && schema.column(leaf).physical_type() == PhysicalType::INT96
                });
            let root = &schema.root_schema().get_fields()[place];
            let is_uuid = matches!(root.get_basic_info().logical_type_ref(), Some(LogicalType::Uuid));
            let kept = if nested_legacy {
                None
            } else if is_uuid && *field.data_type() == DataType::FixedSizeBinary(16) {
                Some(DataType::Utf8)
            } else {
                values::kept_as(field.data_type())
            };
            let type_name = if is_uuid { "UUID".to_owned() } else { field.data_type().to_string() };
            columns.push((name, kept, type_name));
        }
        if columns.is_empty() {
            return Err(part.invalid("it has no columns"));
        }
        Ok(columns)
    }

    fn rows(&self) -> u64 {
        self.metadata.metadata().file_metadata().num_rows().unsigned_abs()
    }

    /// How many rows to decode at a time, by what a row weighs in the file.
    fn batch_rows(&self) -> usize {
        let mut heaviest = 1;
        for group in self.metadata.metadata().row_groups() {
            let rows = group.num_rows().max(1).unsigned_abs();
            heaviest = heaviest.max(group.total_byte_size().max(0).unsigned_abs() / rows);
        }
        usize::try_from(BATCH_BYTES as u64 / heaviest).unwrap_or(1).clamp(1, DECODED_ROWS)
    }

    fn reader(
        &self,
        part: &Part,
        metadata: &ArrowReaderMetadata,
        places: &[usize],
    ) -> Result<ParquetRecordBatchReader, SourceError> {
        let file = self.file.try_clone().map_err(|error| part.failed(error))?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), places.iter().copied());
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
            .with_projection(mask)
            .with_batch_size(self.batch_rows())
            .build()
            .map_err(|error| broken(part, error))
    }
}

fn broken(part: &Part, error: ParquetError) -> SourceError {
    part.invalid(format!(
        "it is not a Parquet file that can be read: {error}. It may be damaged or half written"
    ))
    .caused_by(error)
}

/// The columns of a table, which all of its files must have with the same types, and the number of
/// its rows.
pub(super) fn unite(parts: &[Part]) -> Result<(Vec<Column>, u64), SourceError> {
    let mut columns: Vec<Column> = Vec::new();
    let mut rows = 0;
    for (place, part) in parts.iter().enumerate() {
        let opened = Opened::new(part)?;
        rows += opened.rows();
        let mut found = Vec::new();
        for (name, kept, type_name) in opened.columns(part)? {
            // A type that cannot be kept is told when the column is read: it may be left out.
            found.push(Column { name, data_type: kept, type_name });
        }
        if place == 0 {
            columns = found;
            continue;
        }
        let first = &parts[0].shown;
        let same = "the files of a table must have the same columns";
        for column in &columns {
            match found.iter().find(|other| other.name == column.name) {
                None => {
                    let reason = format!("has no column \"{}\", which {first} has; {same}", column.name);
                    return Err(part.invalid(reason));
                }
                Some(other) if other.data_type != column.data_type => {
                    return Err(part.invalid(format!(
                        "column \"{}\" is {} and in {first} it is {}; {same}",
                        column.name, other.type_name, column.type_name
                    )));
                }
                Some(_) => {}
            }
        }
        if let Some(added) =
            found.iter().find(|column| !columns.iter().any(|other| other.name == column.name))
        {
            return Err(
                part.invalid(format!("has a column \"{}\", which {first} has not; {same}", added.name))
            );
        }
    }
    Ok((columns, rows))
}

/// Reads the wanted columns of a file in batches of the schema.
pub(super) fn read(
    table: &str,
    part: &Part,
    wanted: &[&Column],
    schema: &SchemaRef,
    halt: &Halt,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, SourceError> {
    read_opened(&Opened::new(part)?, table, part, wanted, schema, halt, sink)
}

fn read_opened(
    opened: &Opened,
    table: &str,
    part: &Part,
    wanted: &[&Column],
    schema: &SchemaRef,
    halt: &Halt,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, SourceError> {
    let names: Vec<&String> = opened.metadata.schema().fields().iter().map(|field| field.name()).collect();
    let mut places = Vec::with_capacity(wanted.len());
    for column in wanted {
        let place = names.iter().position(|name| *name == column.name.as_str());
        places.push(place.ok_or_else(|| part.changed())?);
    }
    let batches = opened.reader(part, &opened.metadata, &places)?;
    let mut exact = Exact::new(opened, part, &places)?;
    let mut before = 0;
    for batch in batches {
        if halt.is_asked() {
            return Err(part.stopped());
        }
        let batch = batch.map_err(|error| broken(part, error.into()))?;
        let unfit = |column: &Column, unfit: Unfit| {
            let row = unfit.row.map(|row| format!(", row {}", before + row + 1)).unwrap_or_default();
            let shown = shortened(&unfit.value);
            SourceError::new(
                SourceErrorKind::Value,
                format!(
                    "table \"{table}\", column \"{}\" (file {}{row}): {shown} {}. Mend the value, or leave the \
                     column out",
                    column.name, part.shown, unfit.reason
                ),
            )
        };
        let mut arrays = Vec::with_capacity(wanted.len());
        for column in wanted {
            // The projection keeps the file's order and not ours.
            let array = batch.column_by_name(column.name.as_str()).ok_or_else(|| part.changed())?;
            let target = column.data_type.as_ref().ok_or_else(|| part.changed())?;
            arrays.push(values::keep(array, target).map_err(|error| unfit(column, error))?);
        }
        if let Some(exact) = &mut exact
            && let Some((name, error)) = exact.lost(part, &batch)?
            && let Some(column) = wanted.iter().find(|column| column.name.as_str() == name)
        {
            return Err(unfit(column, error));
        }
        before += batch.num_rows();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
            .map_err(|error| part.invalid(&error).caused_by(error))?;
        if sink(batch)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    part.unchanged()?;
    Ok(ControlFlow::Continue(()))
}

/// INT96 timestamps have nanoseconds, which microseconds cut off, and a range that nanoseconds do not
/// reach. A second reader gives them in nanoseconds, which wrap around: together they tell what was cut.
struct Exact {
    batches: ParquetRecordBatchReader,
}

impl Exact {
    fn new(opened: &Opened, part: &Part, places: &[usize]) -> Result<Option<Self>, SourceError> {
        let legacy: Vec<usize> =
            places.iter().copied().filter(|place| opened.legacy.contains(place)).collect();
        if legacy.is_empty() {
            return Ok(None);
        }
        let metadata = Arc::clone(opened.metadata.metadata());
        let nanoseconds = ArrowReaderMetadata::try_new(metadata, opened.options.clone())
            .map_err(|error| broken(part, error))?;
        Ok(Some(Self { batches: opened.reader(part, &nanoseconds, &legacy)? }))
    }

    /// The first value of the rows that has more than microseconds, with its column.
    fn lost(&mut self, part: &Part, micros: &RecordBatch) -> Result<Option<(String, Unfit)>, SourceError> {
        let nanos = match self.batches.next() {
            Some(nanos) => nanos.map_err(|error| broken(part, error.into()))?,
            None => return Err(part.changed()),
        };
        if nanos.num_rows() != micros.num_rows() {
            return Err(part.changed());
        }
        let schema = nanos.schema();
        for (field, nanos) in schema.fields().iter().zip(nanos.columns()) {
            let micros = micros.column_by_name(field.name()).ok_or_else(|| part.changed())?;
            let (Some(micros), Some(nanos)) = (whole_numbers(micros), whole_numbers(nanos)) else {
                return Err(part.changed());
            };
            for row in 0..micros.len() {
                let cut = nanos.value(row).wrapping_sub(micros.value(row).wrapping_mul(1000));
                if !micros.is_null(row) && cut != 0 {
                    let value = crate::iso::timestamp_text(micros.value(row)).unwrap_or_default();
                    let unfit = Unfit {
                        row: Some(row),
                        value: format!("{value} and {cut} ns"),
                        reason: values::FINER,
                    };
                    return Ok(Some((field.name().clone(), unfit)));
                }
            }
        }
        Ok(None)
    }
}

fn whole_numbers(array: &dyn Array) -> Option<Int64Array> {
    cast(array, &DataType::Int64).ok()?.as_any().downcast_ref::<Int64Array>().cloned()
}
