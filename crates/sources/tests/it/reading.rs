//! Reads of a source as rows of text, for tests that compare values.

use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use forebay_core::extraction::{ColumnChoice, SourceTableName};
use forebay_core::name::Identifier;
use forebay_core::source::{
    Checkpoint, DateBounds, DeltaRequest, Extent, ReadRequest, Repeats, Snapshot, Source, SourceError,
    TableReader, TableRows,
};
use futures::TryStreamExt;

pub(crate) fn identifier(name: &str) -> Identifier {
    Identifier::parse("identifier", name).unwrap()
}

pub(crate) fn table_name(name: &str) -> SourceTableName {
    SourceTableName { schema: None, name: identifier(name) }
}

/// A request for all of a table, to be changed.
pub(crate) fn request(table: &str) -> ReadRequest {
    ReadRequest {
        table: table_name(table),
        columns: ColumnChoice::All,
        filters: Vec::new(),
        date_bounds: None,
        delta: None,
        cursor: None,
    }
}

pub(crate) fn only(columns: &[&str]) -> ColumnChoice {
    ColumnChoice::Only(columns.iter().map(|column| identifier(column)).collect())
}

pub(crate) fn bounds(column: &str, from: Option<&str>, until: Option<&str>) -> Option<DateBounds> {
    let text = |bound: Option<&str>| bound.map(str::to_owned);
    Some(DateBounds { column: identifier(column), from: text(from), until: text(until) })
}

pub(crate) fn delta(since: &Checkpoint, repeats: Repeats) -> Option<DeltaRequest> {
    Some(DeltaRequest { since: since.clone(), filter: None, offset_seconds: 0, repeats })
}

/// What a read gave, with every value as text and NULL as `~`.
#[derive(Debug)]
pub(crate) struct Read {
    /// Names and types.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) extent: Extent,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) notes: Vec<String>,
}

impl Read {
    /// The rows, with `|` between the values.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.join("|")).collect()
    }

    /// Name and type of each column.
    pub(crate) fn types(&self) -> Vec<String> {
        self.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect()
    }
}

pub(crate) async fn collect(table: TableRows) -> Result<Read, SourceError> {
    let TableRows { schema, extent, batches, checkpoint, notes, .. } = table;
    let columns =
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect();
    let batches: Vec<RecordBatch> = batches.try_collect().await?;
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|column| value(column, row)).collect());
        }
    }
    Ok(Read { columns, rows, extent, checkpoint, notes })
}

fn value(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) { "~".to_owned() } else { array_value_to_string(column, row).unwrap() }
}

/// Reads in a snapshot; `None` when the table is unchanged.
pub(crate) async fn read_in(
    snapshot: &dyn Snapshot,
    request: &ReadRequest,
) -> Result<Option<Read>, SourceError> {
    match snapshot.read(request).await? {
        TableReader::Unchanged => Ok(None),
        TableReader::Rows(rows) => collect(rows).await.map(Some),
    }
}

/// Reads in a snapshot of its own.
pub(crate) async fn try_read(
    source: &dyn Source,
    request: &ReadRequest,
) -> Result<Option<Read>, SourceError> {
    read_in(&*source.snapshot().await?, request).await
}

pub(crate) async fn read(source: &dyn Source, request: &ReadRequest) -> Read {
    try_read(source, request).await.unwrap().expect("the table has changed")
}

/// The error of a read, which must hold all the parts.
#[track_caller]
pub(crate) fn assert_error<T: std::fmt::Debug>(found: Result<T, SourceError>, parts: &[&str]) -> SourceError {
    let error = found.expect_err("the read fails");
    for part in parts {
        assert!(error.message.contains(part), "{part:?} is not in: {error}");
    }
    error
}
