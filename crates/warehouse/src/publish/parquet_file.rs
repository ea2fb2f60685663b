//! One table of a model as a Parquet file.

use std::fs::File;
use std::path::Path;

use duckdb::Connection;
use forebay_core::name::quote;
use forebay_core::warehouse::{PublishedTable, WarehouseError, WarehouseErrorKind};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;

use crate::catalog::Column;
use crate::error::{failed, internal, io};
use crate::names::qualified;
use crate::session::Halt;

/// Rows and bytes of a row group: what is encoded waits in memory until one is full.
const GROUP_ROWS: usize = 1 << 18;
const GROUP_BYTES: usize = 64 * 1024 * 1024;

/// Writes a table's rows and syncs them; says how many there are.
pub(super) fn write(
    connection: &Connection,
    file: &Path,
    table: &PublishedTable,
    columns: &[Column],
    halt: &Halt,
) -> Result<u64, WarehouseError> {
    let columns: Vec<String> = columns.iter().map(published).collect();
    let select = format!("SELECT {} FROM {}", columns.join(", "), qualified(&table.table));
    let named = |error: WarehouseError| WarehouseError {
        message: format!("{}: {}", table.alias, error.message),
        ..error
    };
    let mut statement = connection.prepare(&select).map_err(failed).map_err(named)?;
    let stream = statement.stream_arrow([]).map_err(failed).map_err(named)?;
    let out = File::create(file).map_err(|error| io("a model table cannot be written", error))?;
    let parquet = |error: ParquetError| {
        let text = format!("{}: its file cannot be written; the server's log has the details", table.alias);
        WarehouseError::new(WarehouseErrorKind::Unavailable, text).caused_by(error)
    };
    let properties = properties().map_err(parquet)?;
    let mut writer = ArrowWriter::try_new(out, stream.get_schema(), Some(properties)).map_err(parquet)?;
    let mut rows = 0;
    for batch in stream {
        halt.check()?;
        let batch = batch.map_err(failed).map_err(named)?;
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(parquet)?;
        if writer.in_progress_size() > GROUP_BYTES {
            writer.flush().map_err(parquet)?;
        }
    }
    let out = writer.into_inner().map_err(parquet)?;
    out.sync_all().map_err(|error| io("a model table cannot be synced", error))?;
    Ok(rows)
}

/// How Parquet files are written.
pub(crate) fn properties() -> Result<WriterProperties, ParquetError> {
    let level = ZstdLevel::try_new(1)?;
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build())
}

/// A column as readers of the model get it: numbers, dates and times as they are, the engine's whole
/// numbers beyond 64 bits as decimals, and whatever Parquet has no plain type for as text.
fn published(column: &Column) -> String {
    const PLAIN: [&str; 15] = [
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "FLOAT",
        "DOUBLE",
        "VARCHAR",
        "BLOB",
        "DATE",
        "TIMESTAMP",
    ];
    let name = quote(&column.name);
    let kind = column.kind.as_str();
    let is_decimal = kind.starts_with("DECIMAL(") && kind.ends_with(')');
    let cast = match kind {
        _ if is_decimal || PLAIN.contains(&kind) || kind == "TIME" => return name,
        "HUGEINT" | "UHUGEINT" => "DECIMAL(38,0)",
        "TIMESTAMP WITH TIME ZONE" | "TIMESTAMP_S" | "TIMESTAMP_MS" => "TIMESTAMP",
        _ => "VARCHAR",
    };
    format!("CAST({name} AS {cast}) AS {name}")
}

/// How many rows a file has.
pub(super) fn rows(file: &Path) -> Result<u64, WarehouseError> {
    let file = File::open(file).map_err(|error| io("a kept table cannot be read", error))?;
    let reader = SerializedFileReader::new(file)
        .map_err(|error| internal("a kept table is no Parquet file").caused_by(error))?;
    Ok(reader.metadata().file_metadata().num_rows().unsigned_abs())
}
