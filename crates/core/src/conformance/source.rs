//! What every [`Source`](crate::source::Source) must do.
//!
//! A connector's tests implement [`SourceFixture`], which makes tables of one shape in its system,
//! and call [`all`]. What a connector may do in more than one way (a filter needs SQL, a file that
//! changes under a snapshot is refused) is allowed in exactly those ways.

mod changes;
mod explain;
mod read;
mod snapshot;

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use async_trait::async_trait;
use futures::StreamExt;

use crate::extraction::{ColumnChoice, SourceTableName};
use crate::name::Identifier;
use crate::source::{
    Checkpoint, DeltaRequest, Extent, ReadRequest, Repeats, Snapshot, Source, SourceError, TableReader,
    TableRows,
};

pub use changes::*;
pub use explain::*;
pub use read::*;
pub use snapshot::*;

/// The most rows that a batch may have.
pub const BATCH_ROWS: usize = 65_536;

/// Makes tables in a connector's system, which is the fixture's own: where others write meanwhile, a
/// source may repeat more rows than the checks allow. Every table has the columns `id` (a 64-bit integer, the key
/// where the system has keys), `name` (text) and `changed` (a date and time without zone); the last
/// two may be NULL.
#[async_trait]
pub trait SourceFixture: Send + Sync {
    /// A source over the tables made so far and later.
    fn source(&self) -> Box<dyn Source>;

    /// A source whose system is not there.
    fn missing(&self) -> Box<dyn Source>;

    /// The name by which a table is read.
    fn table(&self, name: &str) -> SourceTableName;

    /// Makes a table that was not there, and commits.
    async fn create(&self, name: &str, rows: &[Row]);

    /// Adds rows to a table, and commits.
    async fn insert(&self, name: &str, rows: &[Row]);
}

/// Runs every check.
pub async fn all(fixture: &dyn SourceFixture) {
    a_source_is_checked(fixture).await;
    tables_are_discovered(fixture).await;
    a_full_read_brings_every_row(fixture).await;
    an_empty_table_is_read(fixture).await;
    batches_are_bounded(fixture).await;
    columns_are_chosen(fixture).await;
    what_is_unknown_is_named(fixture).await;
    filters_select_or_are_refused(fixture).await;
    date_bounds_are_inclusive(fixture).await;
    what_is_asked_for_is_told(fixture).await;
    a_delta_brings_what_is_new(fixture).await;
    a_delta_that_appends_repeats_nothing(fixture).await;
    a_delta_begins_earlier_by_its_offset(fixture).await;
    a_delta_of_what_is_unchanged_brings_nothing_new(fixture).await;
    a_delta_without_a_cursor_reads_the_whole_table(fixture).await;
    a_delta_with_another_cursor_reads_the_whole_table(fixture).await;
    a_delta_of_a_table_that_was_empty_brings_all_rows(fixture).await;
    a_snapshot_shows_one_moment(fixture).await;
    two_tables_are_read_at_once(fixture).await;
    a_dropped_reader_leaves_the_source_usable(fixture).await;
    a_closed_snapshot_never_gives_a_short_table(fixture).await;
}

/// A row of a fixture's table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub id: i64,
    pub name: Option<String>,
    pub changed: Option<Moment>,
}

/// A row with all of its values.
#[must_use]
pub fn row(id: i64, name: &str, minute: u32) -> Row {
    Row { id, name: Some(name.to_owned()), changed: Some(Moment(minute)) }
}

/// Minutes since 2024-01-01 00:00:00, within that January.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u32);

impl Moment {
    const EPOCH_SECONDS: i64 = 1_704_067_200;

    /// As `2024-01-31 23:59:00`.
    #[must_use]
    pub fn text(self) -> String {
        let Self(minute) = self;
        assert!(minute < 31 * 24 * 60, "a moment lies within January 2024");
        format!("2024-01-{:02} {:02}:{:02}:00", minute / 1440 + 1, minute / 60 % 24, minute % 60)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub fn micros(self) -> i64 {
        (Self::EPOCH_SECONDS + i64::from(self.0) * 60) * 1_000_000
    }

    fn of_micros(micros: i64) -> Self {
        let seconds = micros / 1_000_000 - Self::EPOCH_SECONDS;
        let moment = Self(u32::try_from(seconds / 60).expect("the time is one that the fixture wrote"));
        assert_eq!(moment.micros(), micros, "a time is not the one that the fixture wrote");
        moment
    }
}

fn identifier(name: &str) -> Identifier {
    Identifier::parse("identifier", name).expect("the name is one")
}

/// A request for all rows of a table.
fn whole(fixture: &dyn SourceFixture, table: &str) -> ReadRequest {
    ReadRequest {
        table: fixture.table(table),
        columns: ColumnChoice::All,
        filters: Vec::new(),
        date_bounds: None,
        delta: None,
        cursor: None,
    }
}

/// As [`whole`], with the cursor column, and since a checkpoint.
fn since(
    fixture: &dyn SourceFixture,
    table: &str,
    since: Option<&Checkpoint>,
    repeats: Repeats,
) -> ReadRequest {
    // As a checkpoint comes back from the warehouse.
    let kept = since.map(|since| serde_json::to_string(since).expect("a checkpoint can be written"));
    let since = kept.map(|kept| serde_json::from_str(&kept).expect("a checkpoint can be read back"));
    ReadRequest {
        delta: since.map(|since| DeltaRequest { since, filter: None, offset_seconds: 0, repeats }),
        cursor: Some(identifier("changed")),
        ..whole(fixture, table)
    }
}

/// What a read gave.
struct Read {
    rows: Vec<Row>,
    extent: Extent,
    checkpoint: Checkpoint,
}

impl Read {
    fn ids(&self) -> Vec<i64> {
        self.rows.iter().map(|row| row.id).collect()
    }
}

/// Reads in a snapshot of its own; `None` when the table is unchanged. What is known to be unchanged must be.
async fn read_or_unchanged(fixture: &dyn SourceFixture, request: &ReadRequest) -> Option<Read> {
    let source = fixture.source();
    let snapshot = source.snapshot().await.unwrap_or_else(|error| panic!("a snapshot is opened: {error}"));
    let known = snapshot.is_unchanged(request);
    match snapshot.read(request).await.unwrap_or_else(|error| panic!("{request:?} is read: {error}")) {
        TableReader::Unchanged => None,
        TableReader::Rows(rows) => {
            assert!(!known, "{request:?} was said to be unchanged");
            Some(collected(rows).await.unwrap_or_else(|error| panic!("{request:?}: {error}")))
        }
    }
}

async fn read(fixture: &dyn SourceFixture, request: &ReadRequest) -> Read {
    read_or_unchanged(fixture, request).await.unwrap_or_else(|| panic!("{request:?} gave `Unchanged`"))
}

async fn opened(snapshot: &dyn Snapshot, request: &ReadRequest) -> TableRows {
    match snapshot.read(request).await.unwrap_or_else(|error| panic!("{request:?} is read: {error}")) {
        TableReader::Rows(rows) => rows,
        TableReader::Unchanged => panic!("{request:?} gave `Unchanged`"),
    }
}

/// The error of a read that must fail: at once, or in the middle of its rows.
async fn refused(fixture: &dyn SourceFixture, request: &ReadRequest) -> SourceError {
    let source = fixture.source();
    let snapshot = source.snapshot().await.unwrap_or_else(|error| panic!("a snapshot is opened: {error}"));
    match snapshot.read(request).await {
        Err(error) => error,
        Ok(TableReader::Unchanged) => panic!("{request:?} gave `Unchanged`"),
        Ok(TableReader::Rows(rows)) => match collected(rows).await {
            Err(error) => error,
            Ok(read) => panic!("{request:?} gave {} rows", read.rows.len()),
        },
    }
}

/// All rows of a reader that has the three columns.
async fn collected(table: TableRows) -> Result<Read, SourceError> {
    let TableRows { schema, extent, mut batches, checkpoint, .. } = table;
    let mut rows = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let names = |schema: &arrow_schema::Schema| {
            let mut text = String::new();
            for field in schema.fields() {
                write!(text, "{} {}, ", field.name(), field.data_type()).unwrap_or_default();
            }
            text
        };
        assert_eq!(names(&batch.schema()), names(&schema), "a batch has the columns that were announced");
        assert!(batch.num_rows() <= BATCH_ROWS, "a batch has {} rows", batch.num_rows());
        rows.extend(rows_of(&batch));
    }
    rows.sort();
    Ok(Read { rows, extent, checkpoint })
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let column = |name: &str, data_type: DataType| {
        let column = batch.column_by_name(name).unwrap_or_else(|| panic!("there is a column {name}"));
        assert_eq!(*column.data_type(), data_type, "the type of the column {name}");
        column
    };
    let ids = column("id", DataType::Int64).as_primitive::<Int64Type>();
    let names = column("name", DataType::Utf8).as_string::<i32>();
    let changed = column("changed", DataType::Timestamp(TimeUnit::Microsecond, None));
    let changed = changed.as_primitive::<TimestampMicrosecondType>();
    assert_eq!(ids.null_count(), 0, "every row has an id");
    (0..batch.num_rows())
        .map(|place| Row {
            id: ids.value(place),
            name: names.is_valid(place).then(|| names.value(place).to_owned()),
            changed: changed.is_valid(place).then(|| Moment::of_micros(changed.value(place))),
        })
        .collect()
}
