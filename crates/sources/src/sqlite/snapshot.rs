//! One read transaction and the tables read in it, one after the other: SQLite's snapshots belong
//! to a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use forebay_core::extraction::SourceTableName;
use forebay_core::source::{
    Checkpoint, CursorValue, ReadRequest, Snapshot, SourceError, SourceErrorKind, TableReader, TableRows,
};
use futures::StreamExt;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Executor, Row, SqlSafeStr};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, watch};

use super::catalog::{self, Column};
use super::failed;
use super::query::{self, Plan};
use super::values::{Collector, Stored};
use crate::choice::{chosen, invalid, place, shortened};
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
}

impl SqliteSnapshot {
    pub(super) async fn begin(mut connection: SqliteConnection) -> Result<Self, SourceError> {
        let step = "begin a read transaction";
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        connection
            .lock_handle()
            .await
            .map_err(|error| failed(step, error))?
            .set_progress_handler(STEPS, move || !seen.load(Ordering::Relaxed));
        // BEGIN alone takes no snapshot: the first read does.
        for sql in ["BEGIN", "SELECT 1 FROM sqlite_schema LIMIT 1"] {
            sqlx::query(sql).fetch_optional(&mut connection).await.map_err(|error| failed(step, error))?;
        }
        let shared = Shared { connection: Arc::new(Mutex::new(connection)), stop };
        Ok(Self { shared: Arc::new(shared), alive: watch::Sender::new(()) })
    }
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    /// Waits while another reader of this snapshot is between its first batch and its end.
    async fn read(&self, request: &ReadRequest) -> Result<TableReader, SourceError> {
        let mut connection = self.shared.connection.lock().await;
        let table = catalog::table(&mut connection, &request.table).await?;
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let columns: Vec<Column> = chosen(&request.table, &names, &request.columns)?
            .into_iter()
            .map(|place| table.columns[place].clone())
            .collect();
        let newest = match &request.cursor {
            Some(cursor) => {
                let cursor = &table.columns[place(&request.table, &names, cursor.as_str())?];
                newest(&mut connection, request, cursor).await?
            }
            None => Stored::Null,
        };
        let plan = query::plan(request, &table, &columns, &newest)?;
        // What is wrong in a filter is said here rather than in the middle of the rows.
        let sql = AssertSqlSafe(plan.sql.clone()).into_sql_str();
        let step = format!("read table \"{}\" with its filters", request.table);
        connection.prepare(sql).await.map_err(|error| failed(&step, error))?;
        drop(connection);

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
        let checkpoint = checkpoint(request, &newest);
        Ok(TableReader::Rows(TableRows { schema, key: table.key, extent, batches, checkpoint, notes }))
    }
}

fn field(column: &Column) -> Field {
    let metadata = [("source_type".to_owned(), column.declared.clone())];
    Field::new(column.name.as_str(), column.kind.data_type(), true).with_metadata(metadata)
}

async fn newest(
    connection: &mut SqliteConnection,
    request: &ReadRequest,
    cursor: &Column,
) -> Result<Stored, SourceError> {
    let sql = format!("SELECT max({}) FROM main.{}", cursor.name.quoted(), request.table.name.quoted());
    let step = format!("find the newest \"{}\" of table \"{}\"", cursor.name, request.table);
    let row = sqlx::query(AssertSqlSafe(sql).into_sql_str())
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(|error| failed(&step, error))?;
    let newest = Stored::of(row.try_get_raw(0).map_err(|error| failed(&step, error))?);
    match newest {
        Stored::Blob(_) | Stored::Broken => Err(invalid(format!(
            "column \"{}\" of table \"{}\" holds {}; choose a change-date column of texts or numbers",
            cursor.name,
            request.table,
            newest.class()
        ))),
        newest => Ok(newest),
    }
}

/// The newest value, or the one known when the table has none now.
fn checkpoint(request: &ReadRequest, newest: &Stored) -> Checkpoint {
    let known = request.delta.as_ref().and_then(|delta| delta.since.cursor.clone());
    let cursor = request.cursor.as_ref().and_then(|column| match newest.text() {
        Some(value) => Some(CursorValue { column: column.clone(), value }),
        None => known.filter(|known| known.column == *column),
    });
    Checkpoint { cursor, position: String::new() }
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
            _ = alive.changed() => return self.ended(&sender),
        };
        let finished = tokio::select! {
            finished = self.rows(&mut connection, &sender) => Some(finished),
            () = sender.closed() => None,
            _ = alive.changed() => None,
        };
        match finished {
            Some(Ok(())) => {}
            Some(Err(error)) => drop(sender.send(Err(error)).await),
            None => {
                self.ended(&sender);
                settle(&shared, connection).await;
            }
        }
    }

    fn ended(&self, sender: &mpsc::Sender<Batch>) {
        let message = format!("reading table \"{}\" was stopped: the snapshot was closed", self.table);
        // The channel may be full or closed: then nobody waits for this.
        drop(sender.try_send(Err(SourceError::new(SourceErrorKind::Unreachable, message))));
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
