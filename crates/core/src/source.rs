//! The seam to other people's systems.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::check::Step;
use crate::explanation::Explanation;
use crate::extraction::{ColumnChoice, SourceTableName};
use crate::name::Identifier;

/// A system that tables are read from.
#[async_trait]
pub trait Source: Send + Sync {
    /// Connects and reads nothing. The error says which step failed and what the user can mend.
    async fn check(&self) -> Result<(), SourceError>;

    /// Lists the tables this connection may read, with their columns and keys.
    async fn discover(&self) -> Result<Vec<SourceTable>, SourceError>;

    /// The primary key of one table, for whoever needs those of few; empty when it has none.
    async fn key(&self, table: &SourceTableName) -> Result<Vec<Identifier>, SourceError> {
        Ok(key_among(&self.discover().await?, table))
    }

    /// Opens one consistent view for all tables of an extraction. Dropping it ends what it holds
    /// open at the source, statements that run included.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, SourceError>;
}

/// The primary key of a table among those that a source offers; empty when it has none, is not there, or when its name
/// leaves open which one is meant.
#[must_use]
pub fn key_among(tables: &[SourceTable], wanted: &SourceTableName) -> Vec<Identifier> {
    meant_among(tables, |found| &found.table, wanted).map(|found| found.key.clone()).unwrap_or_default()
}

/// What a name means among the tables that a source offers, whatever is known of them; `None` when it is not there, or
/// when the name leaves open which one is meant.
#[must_use]
pub fn meant_among<'a, T>(
    offered: &'a [T],
    name: impl Fn(&T) -> &SourceTableName,
    wanted: &SourceTableName,
) -> Option<&'a T> {
    if let Some(exact) = offered.iter().find(|found| name(found) == wanted) {
        return Some(exact);
    }
    // Without a schema the source's default is meant, which only one table of the name answers surely.
    let is_alike = |found: &&T| wanted.schema.is_none() && name(found).name == wanted.name;
    let mut alike = offered.iter().filter(is_alike);
    match (alike.next(), alike.next()) {
        (Some(found), None) => Some(found),
        _ => None,
    }
}

/// One consistent view of a source.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// About how much there is to read of each table, in any unit that is the same for all: the biggest
    /// one is begun first. Zero where the source cannot tell cheaply.
    async fn sizes(&self, tables: &[SourceTableName]) -> Result<Vec<u64>, SourceError> {
        Ok(vec![0; tables.len()])
    }

    /// Whether what is known by now shows that a read of the request gives [`TableReader::Unchanged`], whichever
    /// [`Repeats`] it says: nobody is asked. `false` does not say that anything changed.
    fn is_unchanged(&self, _request: &ReadRequest) -> bool {
        false
    }

    /// Opens one table. Its columns and key are known on return; rows follow in bounded batches.
    async fn read(&self, request: &ReadRequest) -> Result<TableReader, SourceError>;

    /// What [`Snapshot::read`] would ask the source for, found out by the same code. No row is read.
    async fn explain(&self, request: &ReadRequest) -> Result<Explanation, SourceError>;
}

/// What to read of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    pub table: SourceTableName,
    pub columns: ColumnChoice,
    /// SQL conditions of the source, parameters resolved, each one expression; all must hold.
    pub filters: Vec<String>,
    pub date_bounds: Option<DateBounds>,
    pub delta: Option<DeltaRequest>,
    /// The column that orders changes. A full read looks at it too, for the checkpoint.
    pub cursor: Option<Identifier>,
}

/// Inclusive bounds on a column, as text that the source reads as the column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateBounds {
    pub column: Identifier,
    pub from: Option<String>,
    pub until: Option<String>,
}

/// A read of what is new since `since`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaRequest {
    pub since: Checkpoint,
    /// As `ReadRequest::filters`, one expression. It and the cursor say what is new: rows are read
    /// that match it *and* are newer than the checkpoint's cursor. A source that can tell which rows
    /// the checkpoint did not show reads those in any case, for they may carry any value. The
    /// request's plain filters and bounds restrict all of these.
    pub filter: Option<String>,
    /// Subtracted from the checkpoint's cursor, in seconds, where repeats are harmless.
    pub offset_seconds: i64,
    pub repeats: Repeats,
}

/// Whether reading a row again does harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Rows are merged by key.
    Harmless,
    /// Rows are appended: read again only what could be lost otherwise.
    Avoid,
}

/// Where to go on from: made by a source, kept with the rows, understood by that source alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The newest value of the cursor column, as the source writes it.
    pub cursor: Option<CursorValue>,
    /// The source's own position (a snapshot, a digest); empty when it has none.
    pub position: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorValue {
    pub column: Identifier,
    pub value: String,
}

impl std::fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // For people: a long position is cut.
        let position = match self.position.char_indices().nth(200) {
            Some((end, _)) => format!("{}…", &self.position[..end]),
            None => self.position.clone(),
        };
        match &self.cursor {
            Some(cursor) if position.is_empty() => write!(formatter, "{} = {}", cursor.column, cursor.value),
            Some(cursor) => write!(formatter, "{} = {} at {position}", cursor.column, cursor.value),
            None => formatter.write_str(&position),
        }
    }
}

/// What reading a table gives.
pub enum TableReader {
    /// The table is provably as it was at the checkpoint.
    Unchanged,
    Rows(TableRows),
}

pub struct TableRows {
    pub schema: SchemaRef,
    /// The source's primary key, in order; empty when it has none.
    pub key: Vec<Identifier>,
    pub extent: Extent,
    pub batches: BoxStream<'static, Result<RecordBatch, SourceError>>,
    /// True once all rows are committed.
    pub checkpoint: Checkpoint,
    /// What the user should know about how the table was read.
    pub notes: Vec<String>,
}

/// The files of a data push, in the order in which they came.
#[async_trait]
pub trait PushedFiles: Send + Sync {
    /// The columns of one file.
    async fn columns(&self, chunk: usize) -> Result<SchemaRef, SourceError>;

    /// The rows of one file, in bounded batches with the columns that [`PushedFiles::columns`] told. What is
    /// in a CSV file comes as text.
    async fn rows(
        &self,
        chunk: usize,
    ) -> Result<BoxStream<'static, Result<RecordBatch, SourceError>>, SourceError>;
}

/// How much of a table a reader brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// What is new since the checkpoint.
    Changes,
}

/// A table that a source offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTable {
    pub table: SourceTableName,
    pub columns: Vec<SourceColumn>,
    /// The primary key, in order.
    pub key: Vec<Identifier>,
    /// The source's own estimate.
    pub rows: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceColumn {
    pub name: Identifier,
    /// The type as the source writes it.
    pub type_name: String,
}

/// What went wrong at a source. The message is for the user; the chain is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    pub kind: SourceErrorKind,
    /// On the way to the source: where it failed.
    pub step: Option<Step>,
    pub message: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// The system does not answer, or the connection broke: trying again may help.
    Unreachable,
    /// The credentials or rights do not suffice.
    Denied,
    /// A table, column, filter or setting is wrong.
    Invalid,
    /// A value cannot be kept as it is; the message names table, column and value.
    Value,
}

impl SourceError {
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        Self { kind, step: None, message: message.into(), source: None }
    }

    /// One of a step on the way to the source; the message begins with its name.
    pub fn at(step: Step, kind: SourceErrorKind, message: impl std::fmt::Display) -> Self {
        Self { step: Some(step), ..Self::new(kind, format!("{step}: {message}")) }
    }

    /// The same at a step, if it is at none.
    #[must_use]
    pub fn or_at(mut self, step: Step) -> Self {
        self.step = self.step.or(Some(step));
        self
    }

    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
