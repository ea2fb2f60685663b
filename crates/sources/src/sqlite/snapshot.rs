//! One read transaction and the tables read in it, one after the other: SQLite's snapshots belong
//! to a connection.
//!
//! A checkpoint keeps the newest value of the cursor column and the greatest row number. Nothing in a
//! SQLite file proves that a table is unchanged (the change counter of its header stands still in WAL
//! mode, and starts again in a file that was put in its place), so that is never claimed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use forebay_core::explanation::{Asked, Explanation};
use forebay_core::extraction::SourceTableName;
use forebay_core::source::{
    Checkpoint, CursorValue, ReadRequest, Snapshot, SourceError, SourceErrorKind, TableReader, TableRows,
};
use futures::StreamExt;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Executor, Row, SqlSafeStr};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, watch};

use super::catalog::{self, Column, Table};
use super::failed;
use super::order;
use super::query::{self, Compared, Plan};
use super::values::{Collector, Stored};
use crate::choice::{chosen, place, shortened};
use crate::stream::{self, BATCH_BYTES, BATCH_ROWS, Batch};

/// How many steps SQLite's engine makes before it looks whether to go on.
const STEPS: i32 = 10_000;

/// One read transaction.
pub(super) struct SqliteSnapshot {
    shared: Arc<Shared>,
    /// Its end tells the readers that the snapshot is gone.
    alive: watch::Sender<()>,
}

struct Shared {
    connection: Arc<Mutex<SqliteConnection>>,
    /// Ends the statement that runs.
    stop: Arc<AtomicBool>,
    /// As `stop`, for good.
    closed: Arc<AtomicBool>,
}

impl SqliteSnapshot {
    pub(super) async fn begin(mut connection: SqliteConnection) -> Result<Self, SourceError> {
        let step = "begin a read transaction";
        let (stop, closed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stopped, ended) = (Arc::clone(&stop), Arc::clone(&closed));
        connection
            .lock_handle()
            .await
            .map_err(|error| failed(step, error))?
            .set_progress_handler(STEPS, move || {
                !stopped.load(Ordering::Relaxed) && !ended.load(Ordering::Relaxed)
            });
        // BEGIN alone takes no snapshot: the first read does.
        for sql in ["BEGIN", "SELECT 1 FROM sqlite_schema LIMIT 1"] {
            sqlx::query(sql).fetch_optional(&mut connection).await.map_err(|error| failed(step, error))?;
        }
        let shared = Shared { connection: Arc::new(Mutex::new(connection)), stop, closed };
        Ok(Self { shared: Arc::new(shared), alive: watch::Sender::new(()) })
    }
}

impl Drop for SqliteSnapshot {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
    }
}

/// The connection, taken for some statements. Dropped before [`Lease::rest`], it ends the one that runs.
struct Lease {
    shared: Arc<Shared>,
    connection: Option<OwnedMutexGuard<SqliteConnection>>,
}

impl Lease {
    async fn take(shared: &Arc<Shared>) -> Self {
        let connection = Arc::clone(&shared.connection).lock_owned().await;
        Self { shared: Arc::clone(shared), connection: Some(connection) }
    }

    fn connection(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("only rest and drop take the connection")
    }

    fn rest(mut self) {
        self.connection = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let (Some(connection), Ok(runtime)) = (self.connection.take(), Handle::try_current()) {
            let shared = Arc::clone(&self.shared);
            runtime.spawn(async move { settle(&shared, connection).await });
        }
    }
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    /// Waits while another reader of this snapshot is between its first batch and its end.
    async fn read(&self, request: &ReadRequest) -> Result<TableReader, SourceError> {
        let mut lease = Lease::take(&self.shared).await;
        let connection = lease.connection();
        let table = catalog::table(connection, &request.table).await?;
        let Planned { columns, cursor, newest, plan } = planned(connection, request, &table).await?;
        let position = last_row(connection, request, &table).await?;
        let checkpoint = checkpoint(request, cursor.as_ref(), &newest, position);
        lease.rest();

        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let (extent, notes) = (plan.extent, plan.notes.clone());
        let reader = Reader {
            table: request.table.clone(),
            columns,
            numbered: table.row_number.is_some(),
            schema: Arc::clone(&schema),
            plan,
        };
        let (shared, alive) = (Arc::clone(&self.shared), self.alive.subscribe());
        let batches = stream::lazy(move |sender| tokio::spawn(reader.run(shared, alive, sender)));
        Ok(TableReader::Rows(TableRows { schema, key: table.key, extent, batches, checkpoint, notes }))
    }

    async fn explain(&self, request: &ReadRequest) -> Result<Explanation, SourceError> {
        let mut lease = Lease::take(&self.shared).await;
        let connection = lease.connection();
        let table = catalog::table(connection, &request.table).await?;
        let Planned { plan, .. } = planned(connection, request, &table).await?;
        lease.rest();
        let values = plan.bound.iter().map(ToString::to_string).collect();
        Ok(Explanation {
            asked: Asked::Statement { sql: plan.sql, values, in_ranges: false },
            notes: plan.notes,
        })
    }
}

/// What a request comes to, before anything is read.
struct Planned<'a> {
    columns: Vec<Column>,
    cursor: Option<Compared<'a>>,
    /// The newest value of the cursor's column.
    newest: Stored,
    plan: Plan,
}

/// Decides what is asked for.
async fn planned<'a>(
    connection: &mut SqliteConnection,
    request: &ReadRequest,
    table: &'a Table,
) -> Result<Planned<'a>, SourceError> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let columns: Vec<Column> = chosen(&request.table, &names, &request.columns)?
        .into_iter()
        .map(|place| table.columns[place].clone())
        .collect();
    let name = request.table.name.as_str();
    let mut bounds = None;
    if let Some(wanted) = &request.date_bounds {
        let column = &table.columns[place(&request.table, &names, wanted.column.as_str())?];
        let (order, _) = order::look(connection, name, "creation date", column).await?;
        bounds = Some(Compared { column, order });
    }
    let (mut cursor, mut newest) = (None, Stored::Null);
    if let Some(wanted) = &request.cursor {
        let column = &table.columns[place(&request.table, &names, wanted.as_str())?];
        let (order, greatest) = order::look(connection, name, "change date", column).await?;
        (cursor, newest) = (Some(Compared { column, order }), greatest);
    }
    let plan = query::plan(request, table, &columns, bounds.as_ref(), cursor.as_ref())?;
    // What is wrong in a filter is said here rather than in the middle of the rows.
    let sql = AssertSqlSafe(plan.sql.clone()).into_sql_str();
    let step = format!("read table \"{}\" with its filters", request.table);
    connection.prepare(sql).await.map_err(|error| failed(&step, error))?;
    Ok(Planned { columns, cursor, newest, plan })
}

fn field(column: &Column) -> Field {
    let metadata = [("source_type".to_owned(), column.declared.clone())];
    Field::new(column.name.as_str(), column.kind.data_type(), true).with_metadata(metadata)
}

/// The number of the row that was added last, where rows have numbers. A row that is added later has a
/// greater one, whatever its change date is, unless the last rows were deleted.
async fn last_row(
    connection: &mut SqliteConnection,
    request: &ReadRequest,
    table: &Table,
) -> Result<String, SourceError> {
    let Some(number) = table.row_number else { return Ok(String::new()) };
    let sql = format!("SELECT max({number}) FROM main.{}", request.table.name.quoted());
    let last: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql).into_sql_str())
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(|error| failed(&format!("find the last row of table \"{}\"", request.table), error))?;
    Ok(last.map(|last| last.to_string()).unwrap_or_default())
}

/// The newest value, or the one known when the table has none now.
fn checkpoint(
    request: &ReadRequest,
    cursor: Option<&Compared<'_>>,
    newest: &Stored,
    position: String,
) -> Checkpoint {
    let known = request.delta.as_ref().and_then(|delta| delta.since.cursor.clone());
    let cursor = cursor.and_then(|Compared { column, .. }| match newest.text() {
        Some(value) => Some(CursorValue { column: column.name.clone(), value }),
        None => known.filter(|known| known.column == column.name),
    });
    Checkpoint { cursor, position }
}

/// Reads one table into batches.
struct Reader {
    table: SourceTableName,
    columns: Vec<Column>,
    /// Whether the row's number follows the columns.
    numbered: bool,
    schema: SchemaRef,
    plan: Plan,
}

impl Reader {
    async fn run(self, shared: Arc<Shared>, mut alive: watch::Receiver<()>, sender: mpsc::Sender<Batch>) {
        let connection = Arc::clone(&shared.connection).lock_owned();
        let mut connection = tokio::select! {
            connection = connection => connection,
            () = sender.closed() => return,
            _ = alive.changed() => return drop(sender.send(Err(self.ended())).await),
        };
        let finished = tokio::select! {
            finished = self.rows(&mut connection, &sender) => Some(finished),
            () = sender.closed() => None,
            _ = alive.changed() => None,
        };
        let error = match finished {
            Some(Ok(())) => return,
            Some(Err(error)) => {
                drop(connection);
                // The end of the snapshot interrupts the statement, maybe before it is seen here.
                if shared.closed.load(Ordering::Relaxed) { self.ended() } else { error }
            }
            None => {
                settle(&shared, connection).await;
                self.ended()
            }
        };
        // Whoever still waits must not take the end of the rows for the end of the table.
        drop(sender.send(Err(error)).await);
    }

    fn ended(&self) -> SourceError {
        let message = format!("reading table \"{}\" was stopped: the snapshot was closed", self.table);
        SourceError::new(SourceErrorKind::Unreachable, message)
    }

    async fn rows(
        &self,
        connection: &mut SqliteConnection,
        sender: &mpsc::Sender<Batch>,
    ) -> Result<(), SourceError> {
        let mut rows = self.plan.query().fetch(connection);
        let step = format!("read table \"{}\"", self.table);
        let mut collectors = self.collectors();
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = rows.next().await {
            let row = row.map_err(|error| failed(&step, error))?;
            for (place, collector) in collectors.iter_mut().enumerate() {
                let value = Stored::of(row.try_get_raw(place).map_err(|error| failed(&step, error))?);
                bytes += collector.push(&value).ok_or_else(|| self.unfit(&row, place, &value))?;
            }
            count += 1;
            if count == BATCH_ROWS || bytes >= BATCH_BYTES {
                if sender.send(self.batch(&mut collectors, count)).await.is_err() {
                    return Ok(());
                }
                (count, bytes) = (0, 0);
            }
        }
        if count > 0 {
            drop(sender.send(self.batch(&mut collectors, count)).await);
        }
        Ok(())
    }

    fn collectors(&self) -> Vec<Collector> {
        self.columns.iter().map(|column| Collector::new(column.kind)).collect()
    }

    fn batch(&self, collectors: &mut [Collector], rows: usize) -> Batch {
        let arrays = collectors.iter_mut().map(Collector::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(|error| {
            SourceError::new(SourceErrorKind::Value, format!("table \"{}\": {error}", self.table))
                .caused_by(error)
        })
    }

    fn unfit(&self, row: &SqliteRow, place: usize, value: &Stored) -> SourceError {
        let column = &self.columns[place];
        let number = match row.try_get_unchecked::<i64, _>(self.columns.len()) {
            Ok(number) if self.numbered => format!(", rowid {number}"),
            _ => String::new(),
        };
        let shown = match value {
            Stored::Blob(bytes) => shortened(&format!("x{}", hex::encode(&bytes[..bytes.len().min(40)]))),
            value => value.text().map_or("a value".to_owned(), |text| shortened(&text)),
        };
        let declared = if column.declared.is_empty() { "no type" } else { &column.declared };
        SourceError::new(
            SourceErrorKind::Value,
            format!(
                "table \"{}\", column \"{}\"{number}: {shown} is {} and does not fit the declared type {declared}, \
                 which takes {}. Mend the value, leave the column out, or read it through a view with CAST",
                self.table,
                column.name,
                value.class(),
                column.kind.expects()
            ),
        )
    }
}

/// Ends the statement that still runs, so that the next reader finds the connection free.
async fn settle(shared: &Shared, mut connection: OwnedMutexGuard<SqliteConnection>) {
    shared.stop.store(true, Ordering::Relaxed);
    // The connection works off its commands in order: this one comes back when the other has ended.
    drop(sqlx::query("SELECT 1").fetch_optional(&mut *connection).await);
    shared.stop.store(false, Ordering::Relaxed);
}
