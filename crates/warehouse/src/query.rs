//! Read-only queries: one reading statement, in a transaction that is always rolled back.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use duckdb::Connection;
use forebay_core::warehouse::{Query, Rows, WarehouseError, WarehouseErrorKind};

use crate::catalog::existing_schemas;
use crate::duckdb::set_search_path;
use crate::error::{failed, internal};
use crate::guard::{check_query, not_reading};
use crate::session::Halt;
use crate::show::roll_back;

/// The most bytes of an answer: it is held in memory whole.
pub(crate) const BYTES: usize = 256 * 1024 * 1024;

/// What the engine says of a statement that would write in a transaction that only reads.
const READ_ONLY: &str = "read-only mode";

pub(crate) fn run(
    connection: &Connection,
    halt: &Halt,
    query: &Query,
    bytes: usize,
) -> Result<Rows, WarehouseError> {
    check_query(&query.sql)?;
    // A connection that nothing was extracted from yet has no schema.
    set_search_path(connection, &existing_schemas(connection, &query.schemas)?)?;
    connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(failed)?;
    let read = read(connection, query, bytes);
    roll_back(connection, halt);
    read.map_err(|error| {
        // What begins with WITH may change rows in the end; the engine itself does not let it.
        if error.kind == WarehouseErrorKind::Invalid && error.message.contains(READ_ONLY) {
            return not_reading().caused_by(error);
        }
        error
    })
}

fn read(connection: &Connection, query: &Query, bytes: usize) -> Result<Rows, WarehouseError> {
    let mut statement = connection.prepare(&query.sql).map_err(failed)?;
    let stream = statement.stream_arrow([]).map_err(failed)?;
    let schema = Arc::new(Schema::new(
        stream.get_schema().fields().iter().map(|field| in_utc(field)).collect::<Vec<_>>(),
    ));
    let mut batches = Vec::new();
    let mut rows_left = query.limit;
    let mut bytes_left = bytes;
    let mut truncated = false;
    for batch in stream {
        let batch = with_utc(&batch.map_err(failed)?, &schema)?;
        let size = batch.get_array_memory_size();
        if size > bytes_left {
            truncated = true;
            break;
        }
        if batch.num_rows() > rows_left {
            truncated = true;
            if rows_left > 0 {
                batches.push(batch.slice(0, rows_left));
            }
            break;
        }
        bytes_left -= size;
        rows_left -= batch.num_rows();
        batches.push(batch);
    }
    Ok(Rows { schema, batches, truncated })
}

/// The engine calls UTC by its name, which readers can only follow with a table of time zones.
const UTC: &str = "+00:00";

fn in_utc(field: &Field) -> Field {
    match field.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            field.clone().with_data_type(DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())))
        }
        _ => field.clone(),
    }
}

fn with_utc(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, WarehouseError> {
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            let column = column.as_primitive::<TimestampMicrosecondType>();
            Arc::new(column.clone().with_timezone(UTC)) as ArrayRef
        }
        _ => Arc::clone(column),
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
        .map_err(|error| internal("an answer does not have its own columns").caused_by(error))
}
