//! What every [`Warehouse`] must do. [`loads`] is for what only takes rows, [`patches`] for what is pushed, [`statements`] and
//! [`publishing`] for what runs SQL and publishes models too. Each checks the fence as well: who may still
//! show something.
//!
//! The tables have the columns `id`, `name` and `version`; a [`Look`] says what is in them.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;

use crate::Timestamp;
use crate::execution::Claim;
use crate::id::DataJobId;
use crate::name::Identifier;
use crate::source::{Checkpoint, CursorValue};
use crate::stop::Stop;
use crate::warehouse::{
    Key, LoadReport, LoadSpec, Query, TableLoad, Warehouse, WarehouseError, WarehouseErrorKind,
    WarehouseTable, WriteMode,
};

mod fence;
mod loads;
mod patches;
mod publishing;
mod statements;

pub use loads::loads;
pub use patches::patches;
pub use publishing::{Versions, publishing};
pub use statements::statements;

/// A row of the tables that the checks load.
pub type Row = (Option<i64>, Option<&'static str>, i64);

/// A row as it was found.
pub type FoundRow = (Option<i64>, Option<String>, i64);

/// Says what a table holds.
#[async_trait]
pub trait Look: Sync {
    /// The columns `id`, `name` and `version` of every row, in any order; `None` when the table is
    /// missing.
    async fn rows(&self, table: &WarehouseTable) -> Option<Vec<FoundRow>>;
}

/// Looks with the warehouse's own SQL.
pub struct BySql<'a>(pub &'a dyn Warehouse);

#[async_trait]
impl Look for BySql<'_> {
    async fn rows(&self, table: &WarehouseTable) -> Option<Vec<FoundRow>> {
        let listed = self.0.tables().await.expect("tables can be listed");
        listed.iter().find(|listed| listed.table == *table)?;
        let sql = format!("SELECT id, name, version FROM {}", table.name.quoted());
        let query = Query { sql, schemas: vec![table.schema.clone()], limit: 1_000_000 };
        let rows = self.0.query(query, &Stop::never()).await.expect("a listed table can be read");
        let mut found = Vec::new();
        for batch in &rows.batches {
            let column = |at: usize| batch.column(at).as_any();
            let ids = column(0).downcast_ref::<Int64Array>().expect("id is a 64-bit integer");
            let names = column(1).downcast_ref::<StringArray>().expect("name is a text");
            let versions = column(2).downcast_ref::<Int64Array>().expect("version is a 64-bit integer");
            for row in 0..batch.num_rows() {
                let id = ids.is_valid(row).then(|| ids.value(row));
                let name = names.is_valid(row).then(|| names.value(row).to_owned());
                found.push((id, name, versions.value(row)));
            }
        }
        Some(found)
    }
}

/// What the checks have to do with: a warehouse, an eye on it and a schema of their own.
struct Bench<'a> {
    warehouse: &'a dyn Warehouse,
    look: &'a dyn Look,
    schema: &'a Identifier,
    claim: Claim,
}

impl<'a> Bench<'a> {
    /// A bench whose claim has taken its job over.
    async fn new(warehouse: &'a dyn Warehouse, look: &'a dyn Look, schema: &'a Identifier) -> Self {
        let claim = Claim { job: DataJobId::random(), number: 1 };
        warehouse.take_over(claim).await.expect("a first claim takes its job over");
        Self { warehouse, look, schema, claim }
    }

    fn table(&self, name: &str) -> WarehouseTable {
        WarehouseTable { schema: self.schema.clone(), name: identifier(name) }
    }

    async fn begin(&self, name: &str, mode: WriteMode) -> Box<dyn TableLoad> {
        self.warehouse.begin_load(self.spec(name, mode)).await.expect("a load begins")
    }

    fn spec(&self, name: &str, mode: WriteMode) -> LoadSpec {
        let changed_at = Timestamp::from_millis(1_700_000_000_000);
        LoadSpec { claim: self.claim, table: self.table(name), columns: columns(), mode, changed_at }
    }

    /// Loads rows, a batch for each.
    async fn load(&self, name: &str, mode: WriteMode, rows: &[Row], point: &Checkpoint) -> LoadReport {
        let mut load = self.begin(name, mode).await;
        for row in rows {
            load.append(batch(&[*row])).await.expect("rows are staged");
        }
        load.commit(rows.len() as u64, point, &Stop::never()).await.expect("a load is committed")
    }

    async fn expect_rows(&self, name: &str, expected: &[Row]) {
        let mut found =
            self.look.rows(&self.table(name)).await.unwrap_or_else(|| panic!("{name} is missing"));
        found.sort();
        let mut expected: Vec<FoundRow> =
            expected.iter().map(|(id, name, version)| (*id, name.map(str::to_owned), *version)).collect();
        expected.sort();
        assert_eq!(found, expected, "the rows of {name}");
    }

    async fn expect_missing(&self, name: &str) {
        assert_eq!(self.look.rows(&self.table(name)).await, None, "{name} should be missing");
        assert_eq!(self.checkpoint(name).await, None, "{name} should have no checkpoint");
    }

    async fn checkpoint(&self, name: &str) -> Option<Checkpoint> {
        self.warehouse.checkpoint(&self.table(name)).await.expect("a checkpoint can be asked for")
    }
}

/// How a load's report must read: staged, inserted, updated, deleted, before, after.
fn expect_report(report: &LoadReport, expected: [u64; 6]) {
    let found = [
        report.rows_staged,
        report.rows_inserted,
        report.rows_updated,
        report.rows_deleted,
        report.rows_before,
        report.rows_after,
    ];
    assert_eq!(found, expected, "staged, inserted, updated, deleted, before, after");
}

fn expect_error<T>(done: Result<T, WarehouseError>, what: &str) -> WarehouseError {
    match done {
        Ok(_) => panic!("{what} must be an error"),
        Err(error) => error,
    }
}

fn expect_stale<T>(done: Result<T, WarehouseError>, what: &str) {
    let error = expect_error(done, what);
    assert_eq!(error.kind, WarehouseErrorKind::Stale, "{what}: {error}");
}

fn identifier(name: &str) -> Identifier {
    Identifier::parse("name", name).expect("the checks use plain names")
}

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("version", DataType::Int64, false),
    ]))
}

fn batch(rows: &[Row]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
    let names: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>());
    let versions: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.2)).collect::<Int64Array>());
    RecordBatch::try_new(columns(), vec![ids, names, versions]).expect("the columns are the schema's")
}

fn checkpoint(value: &str) -> Checkpoint {
    let cursor = CursorValue { column: identifier("version"), value: value.to_owned() };
    Checkpoint { cursor: Some(cursor), position: format!("at {value}") }
}

fn merge(key: &str, order: Option<&str>) -> WriteMode {
    let key = Key::new(vec![identifier(key)]).expect("a key has a column");
    WriteMode::Merge { key, order: order.map(identifier) }
}
