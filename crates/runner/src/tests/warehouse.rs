//! A warehouse in memory: tables as rows of texts, scripts as they were committed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use forebay_core::conformance::warehouse::{FoundRow, Look, loads};
use forebay_core::execution::Claim;
use forebay_core::id::DataJobId;
use forebay_core::name::Identifier;
use forebay_core::source::Checkpoint;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    CHANGE_DATE_COLUMN, LoadReport, LoadSpec, PoolColumn, PoolTable, Publication, PublicationReport,
    PublishedTable, Query, Refresh, Rows, TableLoad, Transaction, Warehouse, WarehouseError,
    WarehouseErrorKind, WarehouseTable, WriteMode,
};
use tokio::sync::Notify;

use super::house::{batch, identifier};
use super::patches::apply;

pub(super) type Row = Vec<Option<String>>;

/// A table as it is now; the last column is the change date.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    /// As the real warehouse writes them, of tables that were pushed.
    pub(super) types: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) checkpoint: Option<Checkpoint>,
}

impl Table {
    /// Rows without the change date, NULL as `-`.
    pub(super) fn shown(&self) -> Vec<String> {
        let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
        self.rows
            .iter()
            .map(|row| row[..row.len() - 1].iter().map(cell).collect::<Vec<_>>().join(" "))
            .collect()
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trouble {
    /// A statement, the commit of the table, or the publication of a model with this text in it fails.
    Fails(&'static str),
    /// It goes on until the stop is asked for.
    Hangs(&'static str),
    /// It is too busy for this, so many times.
    Busy(&'static str, usize),
}

#[derive(Clone, Default)]
pub(super) struct FakeWarehouse(Arc<State>);

/// What each job did to each table.
type Patched = HashMap<(DataJobId, (String, String)), LoadReport>;

#[derive(Default)]
struct State {
    tables: Mutex<BTreeMap<(String, String), Table>>,
    scripts: Mutex<Vec<Vec<String>>>,
    schemas: Mutex<Vec<Vec<Identifier>>>,
    loads: Mutex<Vec<LoadSpec>>,
    answers: Mutex<HashMap<String, Vec<String>>>,
    queries: Mutex<Vec<Query>>,
    published: Mutex<Vec<Publication>>,
    warnings: Mutex<Vec<String>>,
    trouble: Mutex<Option<Trouble>>,
    claims: Mutex<HashMap<DataJobId, u64>>,
    patched: Mutex<Patched>,
    hanging: Notify,
}

fn error(kind: WarehouseErrorKind, message: &str) -> WarehouseError {
    WarehouseError::new(kind, message)
}

fn place(table: &WarehouseTable) -> (String, String) {
    (table.schema.to_string(), table.name.to_string())
}

impl FakeWarehouse {
    pub(super) fn table(&self, table: &WarehouseTable) -> Option<Table> {
        self.0.tables.lock().unwrap().get(&place(table)).cloned()
    }

    pub(super) fn drop_table(&self, table: &WarehouseTable) {
        self.0.tables.lock().unwrap().remove(&place(table)).unwrap();
    }

    pub(super) fn trouble(&self, trouble: Trouble) {
        *self.0.trouble.lock().unwrap() = Some(trouble);
    }

    /// Lays out the values for queries with this text in them; other queries find no table.
    pub(super) fn answer(&self, part: &str, values: &[&str]) {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        self.0.answers.lock().unwrap().insert(part.to_owned(), values);
    }

    pub(super) fn warn(&self, warning: &str) {
        self.0.warnings.lock().unwrap().push(warning.to_owned());
    }

    /// The scripts that were committed, statement by statement.
    pub(super) fn scripts(&self) -> Vec<Vec<String>> {
        self.0.scripts.lock().unwrap().clone()
    }

    /// Where each transaction looked names up.
    pub(super) fn schemas(&self) -> Vec<Vec<Identifier>> {
        self.0.schemas.lock().unwrap().clone()
    }

    pub(super) fn loads(&self) -> Vec<LoadSpec> {
        self.0.loads.lock().unwrap().clone()
    }

    pub(super) fn queries(&self) -> Vec<Query> {
        self.0.queries.lock().unwrap().clone()
    }

    pub(super) fn published(&self) -> Vec<Publication> {
        self.0.published.lock().unwrap().clone()
    }

    /// Resolves once something hangs.
    pub(super) async fn hangs(&self) {
        self.0.hanging.notified().await;
    }

    /// Refuses a claim that has not taken over, or not as the last one.
    fn fence(&self, claim: Claim) -> Result<(), WarehouseError> {
        match self.0.claims.lock().unwrap().get(&claim.job) {
            Some(newest) if *newest == claim.number => Ok(()),
            Some(newest) => Err(WarehouseError::stale(claim, *newest)),
            None => Err(error(WarehouseErrorKind::Internal, "the job was not taken over")),
        }
    }

    /// Whether it is too busy for this, once more.
    fn is_busy(&self, text: &str) -> bool {
        match &mut *self.0.trouble.lock().unwrap() {
            Some(Trouble::Busy(part, times)) if *times > 0 && text.contains(*part) => {
                *times -= 1;
                true
            }
            _ => false,
        }
    }

    /// Lets the trouble happen to what has its text.
    async fn meet(&self, text: &str, stop: &Stop) -> Result<(), WarehouseError> {
        let trouble = self.0.trouble.lock().unwrap().clone();
        if self.is_busy(text) {
            return Err(error(WarehouseErrorKind::Unavailable, "too busy"));
        }
        match trouble {
            Some(Trouble::Fails(part)) if text.contains(part) => {
                Err(error(WarehouseErrorKind::Invalid, "no such thing"))
            }
            Some(Trouble::Hangs(part)) if text.contains(part) => {
                self.0.hanging.notify_one();
                stop.requested().await;
                Err(error(WarehouseErrorKind::Canceled, "canceled"))
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Warehouse for FakeWarehouse {
    async fn checkpoint(&self, table: &WarehouseTable) -> Result<Option<Checkpoint>, WarehouseError> {
        Ok(self.table(table).and_then(|table| table.checkpoint))
    }

    async fn take_over(&self, claim: Claim) -> Result<(), WarehouseError> {
        let mut claims = self.0.claims.lock().unwrap();
        let newest = claims.entry(claim.job).or_default();
        if *newest > claim.number {
            return Err(WarehouseError::stale(claim, *newest));
        }
        *newest = claim.number;
        Ok(())
    }

    async fn begin_load(&self, load: LoadSpec) -> Result<Box<dyn TableLoad>, WarehouseError> {
        self.fence(load.claim)?;
        self.0.loads.lock().unwrap().push(load.clone());
        Ok(Box::new(FakeLoad { warehouse: self.clone(), load, staged: Vec::new() }))
    }

    async fn begin(
        &self,
        schemas: &[Identifier],
        claim: Claim,
    ) -> Result<Box<dyn Transaction>, WarehouseError> {
        self.fence(claim)?;
        self.0.schemas.lock().unwrap().push(schemas.to_vec());
        Ok(Box::new(FakeTransaction { warehouse: self.clone(), claim, statements: Vec::new() }))
    }

    async fn query(&self, query: Query, stop: &Stop) -> Result<Rows, WarehouseError> {
        self.meet(&query.sql, stop).await?;
        self.0.queries.lock().unwrap().push(query.clone());
        let answers = self.0.answers.lock().unwrap();
        let Some((_, values)) = answers.iter().find(|(part, _)| query.sql.contains(*part)) else {
            return Err(error(WarehouseErrorKind::Invalid, "no such table"));
        };
        let values: ArrayRef = Arc::new(StringArray::from(values.clone()));
        let batch = batch(&[("value", values)]);
        Ok(Rows { schema: batch.schema(), batches: vec![batch], truncated: false })
    }

    async fn columns(&self, table: &WarehouseTable) -> Result<Option<Vec<PoolColumn>>, WarehouseError> {
        let Some(table) = self.table(table) else { return Ok(None) };
        let types = table.types.iter().map(String::as_str).chain(std::iter::repeat("UNKNOWN"));
        let column =
            |(name, kind): (&String, &str)| PoolColumn { name: identifier(name), type_name: kind.to_owned() };
        Ok(Some(table.columns.iter().zip(types).map(column).collect()))
    }

    async fn patched(
        &self,
        job: DataJobId,
        table: &WarehouseTable,
    ) -> Result<Option<LoadReport>, WarehouseError> {
        Ok(self.0.patched.lock().unwrap().get(&(job, place(table))).cloned())
    }

    async fn tables(&self) -> Result<Vec<PoolTable>, WarehouseError> {
        Ok(Vec::new())
    }

    async fn publish(&self, model: Publication, stop: &Stop) -> Result<PublicationReport, WarehouseError> {
        self.meet("publish", stop).await?;
        self.fence(model.claim)?;
        let rows = (1..).take(model.tables.len()).collect();
        let mut published = self.0.published.lock().unwrap();
        let had = |id| {
            let of_model = published.iter().filter(|before| before.model == model.model);
            of_model.flat_map(|before| &before.tables).any(|table| table.id == id)
        };
        let became = |table: &PublishedTable| if had(table.id) { table.refresh } else { Refresh::Anew };
        let refreshed = model.tables.iter().map(became).collect();
        published.push(model);
        Ok(PublicationReport { rows, refreshed, warnings: self.0.warnings.lock().unwrap().clone() })
    }
}

struct FakeTransaction {
    warehouse: FakeWarehouse,
    claim: Claim,
    statements: Vec<String>,
}

#[async_trait]
impl Transaction for FakeTransaction {
    async fn execute(&mut self, sql: &str, stop: &Stop) -> Result<u64, WarehouseError> {
        self.warehouse.meet(sql, stop).await?;
        self.statements.push(sql.to_owned());
        Ok(self.statements.len() as u64)
    }

    async fn commit(self: Box<Self>) -> Result<(), WarehouseError> {
        self.warehouse.fence(self.claim)?;
        self.warehouse.0.scripts.lock().unwrap().push(self.statements);
        Ok(())
    }
}

struct FakeLoad {
    warehouse: FakeWarehouse,
    load: LoadSpec,
    staged: Vec<Row>,
}

#[async_trait]
impl TableLoad for FakeLoad {
    async fn append(&mut self, rows: RecordBatch) -> Result<(), WarehouseError> {
        assert_eq!(rows.schema(), self.load.columns, "the rows have the columns that were announced");
        let texts: Vec<ArrayRef> =
            rows.columns().iter().map(|column| cast(column, &DataType::Utf8).unwrap()).collect();
        for place in 0..rows.num_rows() {
            let cell = |column: &ArrayRef| {
                column.is_valid(place).then(|| column.as_string::<i32>().value(place).to_owned())
            };
            let mut row: Row = texts.iter().map(cell).collect();
            row.push(Some(self.load.changed_at.as_millis().to_string()));
            self.staged.push(row);
        }
        Ok(())
    }

    async fn commit(
        self: Box<Self>,
        rows_read: u64,
        checkpoint: &Checkpoint,
        stop: &Stop,
    ) -> Result<LoadReport, WarehouseError> {
        self.warehouse.meet(self.load.table.name.as_str(), stop).await?;
        self.warehouse.fence(self.load.claim)?;
        if stop.is_requested() {
            return Err(error(WarehouseErrorKind::Canceled, "canceled"));
        }
        if rows_read != self.staged.len() as u64 {
            return Err(error(WarehouseErrorKind::Internal, "other rows were staged than read"));
        }
        let mut columns: Vec<String> =
            self.load.columns.fields().iter().map(|field| field.name().clone()).collect();
        columns.push(CHANGE_DATE_COLUMN.to_owned());
        let mut tables = self.warehouse.0.tables.lock().unwrap();
        let kept = tables.get(&place(&self.load.table)).cloned();
        if let WriteMode::Patch(patch) = &self.load.mode {
            if patch.removal.is_some() && patch.key.is_none() {
                return Err(error(WarehouseErrorKind::Invalid, "rows are removed by key, and there is none"));
            }
            let (table, report) = apply(kept, patch, &self.load.columns, self.staged);
            tables.insert(place(&self.load.table), table);
            let patched = (self.load.claim.job, place(&self.load.table));
            self.warehouse.0.patched.lock().unwrap().insert(patched, report.clone());
            return Ok(report);
        }
        let before = kept.as_ref().map_or(0, |table| table.rows.len());
        let mut table = match (&self.load.mode, kept) {
            (WriteMode::Replace, _) | (_, None) => Table { columns, ..Table::default() },
            (_, Some(kept)) if kept.columns == columns => kept,
            (_, Some(_)) => {
                let text = "the columns differ; run the job once with mode=FULL";
                return Err(error(WarehouseErrorKind::Drift, text));
            }
        };
        let staged = self.staged.len() as u64;
        let replaced = before - table.rows.len();
        let (inserted, updated, merged) = meet(&self.load.mode, &mut table, self.staged);
        table.checkpoint = Some(checkpoint.clone());
        let after = table.rows.len() as u64;
        tables.insert(place(&self.load.table), table);
        Ok(LoadReport {
            rows_staged: staged,
            rows_inserted: inserted,
            rows_updated: updated,
            rows_deleted: replaced as u64 + merged,
            rows_before: before as u64,
            rows_after: after,
            changes: Vec::new(),
        })
    }
}

/// Lets rows meet those of a table. Gives how many were inserted, updated and deleted.
fn meet(mode: &WriteMode, table: &mut Table, rows: Vec<Row>) -> (u64, u64, u64) {
    let WriteMode::Merge { key, order } = mode else {
        let inserted = rows.len() as u64;
        table.rows.extend(rows);
        return (inserted, 0, 0);
    };
    let columns = table.columns.clone();
    let at = |name: &Identifier| columns.iter().position(|column| column == name.as_str()).unwrap();
    let key: Vec<usize> = key.columns().iter().map(at).collect();
    let order = order.as_ref().map(at);
    let key_of = |row: &Row| key.iter().map(|place| row[*place].clone()).collect::<Row>();
    let order_of =
        |row: &Row| order.and_then(|place| row[place].as_ref()).and_then(|text| text.parse::<i64>().ok());
    let mut last: Vec<Row> = Vec::new();
    for row in rows {
        match last.iter_mut().find(|other| key_of(other) == key_of(&row)) {
            Some(other) if order_of(other) > order_of(&row) => {}
            Some(other) => *other = row,
            None => last.push(row),
        }
    }
    let (mut inserted, mut updated, mut deleted) = (0, 0, 0);
    for row in last {
        let mut same: Vec<usize> = (0..table.rows.len()).collect();
        same.retain(|place| key_of(&table.rows[*place]) == key_of(&row));
        match same.first() {
            None => {
                table.rows.push(row);
                inserted += 1;
            }
            Some(first) => {
                table.rows[*first] = row;
                updated += 1;
                for place in same[1..].iter().rev() {
                    table.rows.remove(*place);
                    deleted += 1;
                }
            }
        }
    }
    (inserted, updated, deleted)
}

/// Reads the tables that the conformance checks load.
#[async_trait]
impl Look for FakeWarehouse {
    async fn rows(&self, table: &WarehouseTable) -> Option<Vec<FoundRow>> {
        let number = |cell: &Option<String>| cell.as_ref().map(|text| text.parse::<i64>().unwrap());
        let found = |row: &Row| (number(&row[0]), row[1].clone(), number(&row[2]).unwrap());
        Some(self.table(table)?.rows.iter().map(found).collect())
    }
}

#[tokio::test]
async fn the_fake_loads_as_every_warehouse_must() {
    let warehouse = FakeWarehouse::default();
    loads(&warehouse, &warehouse, &identifier("pool")).await;
}
