//! A Parquet file that was pushed, by what the file itself says: the hints of its writer are left aside.

use arrow::datatypes::{DataType, SchemaRef};
use forebay_core::source::SourceError;
use parquet::arrow::arrow_reader::ArrowReaderOptions;

use super::super::file::{Halt, Part};
use super::super::table::{Column, Sink};
use super::{Opened, read_opened};

fn opened(part: &Part) -> Result<Opened, SourceError> {
    Opened::with(part, ArrowReaderOptions::new().with_skip_arrow_metadata(true))
}

/// The columns. One in which nothing was ever said has the type Null, which goes with every other.
pub(in super::super) fn columns(part: &Part) -> Result<Vec<Column>, SourceError> {
    let opened = opened(part)?;
    let mut columns = Vec::new();
    for (place, (name, kept, type_name)) in opened.columns(part)?.into_iter().enumerate() {
        let says_nothing = *opened.metadata.schema().field(place).data_type() == DataType::Null;
        let data_type = if says_nothing { Some(DataType::Null) } else { kept };
        columns.push(Column { name, data_type, type_name });
    }
    Ok(columns)
}

/// Reads the rows of a file.
pub(in super::super) fn read(
    table: &str,
    part: &Part,
    columns: &[Column],
    schema: &SchemaRef,
    halt: &Halt,
    sink: &mut Sink<'_>,
) -> Result<(), SourceError> {
    let wanted: Vec<&Column> = columns.iter().collect();
    read_opened(&opened(part)?, table, part, &wanted, schema, halt, sink).map(drop)
}
