//! Tests of the warehouse as a whole.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::Timestamp;
use forebay_core::execution::Claim;
use forebay_core::id::DataJobId;
use forebay_core::name::Identifier;
use forebay_core::source::Checkpoint;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    Key, LoadReport, LoadSpec, Query, Rows, Warehouse, WarehouseError, WarehouseTable, WriteMode,
};
use tempfile::TempDir;

use crate::{DuckDb, Limits};

mod backup;
mod conflicts;
mod conformance;
mod crash;
mod damage;
mod drift;
mod exports;
mod limits;
mod merges;
mod publications;
mod sandbox;
mod stops;
mod together;
mod types;

/// A pool in a folder that goes with it.
struct Pool {
    warehouse: Arc<DuckDb>,
    dir: TempDir,
}

impl Pool {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = open(dir.path()).unwrap();
        Self { warehouse, dir }
    }

    /// Closes the file and opens it again.
    fn reopen(self) -> Self {
        let Self { warehouse, dir } = self;
        drop(warehouse);
        // Connections of work that was dropped are closed on other threads.
        for _ in 0..6000 {
            if let Ok(warehouse) = open(dir.path()) {
                return Self { warehouse, dir };
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("the pool is still open");
    }

    async fn query(&self, sql: &str) -> Result<Rows, WarehouseError> {
        let query = Query { sql: sql.to_owned(), schemas: vec![schema()], limit: 1_000_000 };
        self.warehouse.query(query, &Stop::never()).await
    }

    /// The rows of a query as text, values apart by `|`.
    async fn text(&self, sql: &str) -> Vec<String> {
        let rows = self.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.batches.iter().flat_map(lines).collect()
    }

    /// One transaction of a user.
    async fn execute(&self, statements: &[&str]) -> Result<(), WarehouseError> {
        let mut transaction = self.warehouse.begin(&[schema()], claim()).await?;
        for sql in statements {
            transaction.execute(sql, &Stop::never()).await?;
        }
        transaction.commit().await
    }

    async fn load(
        &self,
        name: &str,
        mode: WriteMode,
        rows: &RecordBatch,
    ) -> Result<LoadReport, WarehouseError> {
        let mut load = self.warehouse.begin_load(spec(name, mode, rows.schema())).await?;
        load.append(rows.clone()).await?;
        load.commit(rows.num_rows() as u64, &checkpoint("x"), &Stop::never()).await
    }

    /// SQL of our own, without the limits of users.
    async fn own(&self, sql: &str) -> Vec<String> {
        let mut session = self.warehouse.test_session().await;
        let sql = sql.to_owned();
        session
            .run(&Stop::never(), move |connection, _| {
                let mut statement = connection.prepare(&sql).map_err(crate::error::failed)?;
                let stream = statement.stream_arrow([]).map_err(crate::error::failed)?;
                Ok(stream.flat_map(|batch| lines(&batch.unwrap())).collect())
            })
            .await
            .unwrap()
    }
}

/// Opens a pool for the claim of the tests.
fn open(dir: &std::path::Path) -> Result<Arc<DuckDb>, WarehouseError> {
    let warehouse = DuckDb::open(dir, &identifier("global"), limits())?;
    warehouse.test_take_over(claim());
    Ok(warehouse)
}

fn limits() -> Limits {
    const MIB: u64 = 1024 * 1024;
    Limits { threads: 2, memory_bytes: 512 * MIB, temp_bytes: 1024 * MIB }
}

/// The claim that the tests work under.
fn claim() -> Claim {
    let job: DataJobId = "11111111-1111-4111-8111-111111111111".parse().unwrap();
    Claim { job, number: 1 }
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    let line = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(line).collect()
}

fn identifier(name: &str) -> Identifier {
    Identifier::parse("name", name).unwrap()
}

/// The schema of the connection that the tests extract from.
fn schema() -> Identifier {
    identifier("connection")
}

fn table(name: &str) -> WarehouseTable {
    WarehouseTable { schema: schema(), name: identifier(name) }
}

fn checkpoint(position: &str) -> Checkpoint {
    Checkpoint { cursor: None, position: position.to_owned() }
}

fn spec(name: &str, mode: WriteMode, columns: SchemaRef) -> LoadSpec {
    LoadSpec { claim: claim(), table: table(name), columns, mode, changed_at: Timestamp::from_millis(0) }
}

fn merge(key: &[&str]) -> WriteMode {
    let key = Key::new(key.iter().copied().map(identifier).collect()).unwrap();
    WriteMode::Merge { key, order: None }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, values)| Field::new(*name, values.data_type().clone(), true)).collect();
    RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().map(|(_, values)| values).collect(),
    )
    .unwrap()
}
