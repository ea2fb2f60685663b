//! The seam to where rows land. A warehouse holds one pool.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;

use crate::Timestamp;
use crate::execution::Claim;
use crate::id::{DataJobId, DataModelId};
use crate::model::ForeignKey;
use crate::name::Identifier;
use crate::source::Checkpoint;
use crate::stop::Stop;

/// The column that says when a row was written to the pool (UTC).
pub const CHANGE_DATE_COLUMN: &str = "_CELONIS_CHANGE_DATE";

/// Where a pool's rows live.
///
/// Whatever shows something names its claim: the one that [`Warehouse::take_over`] was called with last
/// for the job. Under any other claim nothing is shown, with an error of the kind `Stale`.
#[async_trait]
pub trait Warehouse: Send + Sync {
    /// Lets a claim work for its job. From then on nothing is shown under an older one, however far its
    /// work has come. Taking over again under the same claim changes nothing.
    ///
    /// # Errors
    /// `Stale` when a newer claim of the job has taken over before.
    async fn take_over(&self, claim: Claim) -> Result<(), WarehouseError>;

    /// The checkpoint committed with a table's rows; `None` when the table is missing.
    async fn checkpoint(&self, table: &WarehouseTable) -> Result<Option<Checkpoint>, WarehouseError>;

    /// Begins to load a table. Nothing is visible until the load is committed.
    async fn begin_load(&self, load: LoadSpec) -> Result<Box<dyn TableLoad>, WarehouseError>;

    /// Begins a transaction for SQL of a user, with unqualified names looked up in `schemas`.
    async fn begin(
        &self,
        schemas: &[Identifier],
        claim: Claim,
    ) -> Result<Box<dyn Transaction>, WarehouseError>;

    /// Answers one read-only statement. An answer that would not fit into memory is cut short and
    /// says so, as one that reached the limit does. Dropping the future interrupts the statement.
    async fn query(&self, query: Query, stop: &Stop) -> Result<Rows, WarehouseError>;

    /// The columns of one table, with the change date; `None` when it is missing or a view.
    async fn columns(&self, table: &WarehouseTable) -> Result<Option<Vec<PoolColumn>>, WarehouseError>;

    /// What a [`WriteMode::Patch`] of a job did to a table, when it was committed: so that whoever goes on with
    /// the job does not do it twice.
    async fn patched(
        &self,
        job: DataJobId,
        table: &WarehouseTable,
    ) -> Result<Option<LoadReport>, WarehouseError>;

    /// The pool's tables and views with their columns.
    async fn tables(&self) -> Result<Vec<PoolTable>, WarehouseError>;

    /// Publishes a model's tables as one consistent snapshot, visible only when whole.
    async fn publish(&self, model: Publication, stop: &Stop) -> Result<PublicationReport, WarehouseError>;
}

/// A table of the pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WarehouseTable {
    pub schema: Identifier,
    pub name: Identifier,
}

#[derive(Clone, Debug)]
pub struct LoadSpec {
    pub claim: Claim,
    pub table: WarehouseTable,
    /// The columns of the rows to come, without the change date.
    pub columns: SchemaRef,
    pub mode: WriteMode,
    pub changed_at: Timestamp,
}

/// How new rows meet the rows already in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteMode {
    Replace,
    Append,
    /// Update or insert by key. When one key comes twice, the row that is last by `order` wins,
    /// and among equals the one that came last.
    Merge {
        key: Key,
        order: Option<Identifier>,
    },
    /// What a data push brings.
    Patch(Patch),
}

impl WriteMode {
    /// Whether the rows take the place of all that the table had.
    #[must_use]
    pub const fn only_replaces(&self) -> bool {
        match self {
            Self::Replace => true,
            Self::Patch(patch) => patch.only_replaces(),
            Self::Append | Self::Merge { .. } => false,
        }
    }
}

/// Rows that need not have all columns of their table, and rows that say what goes. A job patches a table once:
/// the commit is remembered with the rows. It records no checkpoint; the table's own stays where its rows do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    pub onto: Onto,
    /// `None`: rows are added.
    pub key: Option<Key>,
    /// Of rows with one key, the last by this column wins, and among equals the one that came last.
    pub order: Option<Identifier>,
    pub repeats: KeyRepeats,
    /// A BOOLEAN column of the rows, which the table does not get. Where it is TRUE, the row removes its key:
    /// rows that the table has, and rows that came before it. It needs a key.
    pub removal: Option<Identifier>,
    pub absent: Absent,
}

impl Patch {
    /// Whether the rows are the new table as they come.
    #[must_use]
    pub const fn only_replaces(&self) -> bool {
        matches!(self.onto, Onto::Nothing) && self.key.is_none()
    }
}

/// What new rows meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onto {
    /// The rows that the table has.
    Table,
    /// Nothing: they take the place of the table.
    Nothing,
}

/// What becomes of rows of one load that have one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRepeats {
    LastWins,
    AllStay,
}

/// What rows that are updated have in the columns that the load does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The values of the row that was there.
    Unchanged,
    Null,
}

/// The columns of a key: never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Vec<Identifier>);

impl Key {
    /// `None` when there are no columns.
    #[must_use]
    pub fn new(columns: Vec<Identifier>) -> Option<Self> {
        (!columns.is_empty()).then_some(Self(columns))
    }

    #[must_use]
    pub fn columns(&self) -> &[Identifier] {
        &self.0
    }
}

/// A load that is under way. Dropped instead of committed, the table is as it was.
#[async_trait]
pub trait TableLoad: Send {
    /// Adds rows to the staging table. After an error the load can only be dropped.
    async fn append(&mut self, rows: RecordBatch) -> Result<(), WarehouseError>;

    /// Shows all rows and records the checkpoint, in one transaction. `rows_read` is what the source
    /// sent, counted by the caller: when another number of rows is staged, or the numbers of the
    /// report do not add up, nothing is shown. An error says that nothing was; only an `Internal`
    /// one may leave it open. The checkpoint of a [`WriteMode::Patch`] is not recorded.
    async fn commit(
        self: Box<Self>,
        rows_read: u64,
        checkpoint: &Checkpoint,
        stop: &Stop,
    ) -> Result<LoadReport, WarehouseError>;
}

/// What a load did. `rows_before + rows_inserted = rows_after + rows_deleted` always holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadReport {
    /// Rows that were staged: as many as were read.
    pub rows_staged: u64,
    /// Rows whose key the table did not have.
    pub rows_inserted: u64,
    /// Keys that the table had: each is one row afterwards.
    pub rows_updated: u64,
    /// The old rows of a replaced table, or more rows than one of a merged key.
    pub rows_deleted: u64,
    pub rows_before: u64,
    pub rows_after: u64,
    /// Columns that the target gained or widened, as sentences.
    pub changes: Vec<String>,
}

/// Statements that take effect together. Dropped instead of committed, none did.
#[async_trait]
pub trait Transaction: Send {
    /// Executes one statement and returns the rows it changed or returned. A text of several
    /// statements, and one that would end the transaction, is refused.
    async fn execute(&mut self, sql: &str, stop: &Stop) -> Result<u64, WarehouseError>;

    /// Lets all statements take effect. After a statement that failed, none does.
    async fn commit(self: Box<Self>) -> Result<(), WarehouseError>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub sql: String,
    /// Where unqualified names are looked up, in order.
    pub schemas: Vec<Identifier>,
    pub limit: usize,
}

#[derive(Clone, Debug)]
pub struct Rows {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
    /// Whether there were more rows than the limit, or than fit into memory.
    pub truncated: bool,
}

/// A table or view of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolTable {
    pub table: WarehouseTable,
    pub kind: PoolTableKind,
    pub columns: Vec<PoolColumn>,
    /// How many rows it has at most: those that were removed count until their room is free. `None` for a view, and
    /// where the warehouse would have to count.
    pub rows_at_most: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolTableKind {
    Table,
    View,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolColumn {
    pub name: Identifier,
    /// The type as the warehouse writes it.
    pub type_name: String,
}

/// A data model to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    pub claim: Claim,
    pub model: DataModelId,
    pub tables: Vec<PublishedTable>,
    pub foreign_keys: Vec<ForeignKey>,
    /// How many versions are kept afterwards, with this one; at least 1.
    pub versions_kept: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedTable {
    pub id: crate::id::ModelTableId,
    pub table: WarehouseTable,
    pub alias: Identifier,
    pub primary_key: Vec<Identifier>,
    pub refresh: Refresh,
}

/// Whether a published table is written anew or kept from the version before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    Anew,
    /// Written anew after all when there is no version before.
    Keep,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationReport {
    /// Rows per table, in the order asked for.
    pub rows: Vec<u64>,
    /// What became of each table.
    pub refreshed: Vec<Refresh>,
    /// Broken primary and foreign keys, as sentences.
    pub warnings: Vec<String>,
}

/// What went wrong in the warehouse. The message is for the user; the chain is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct WarehouseError {
    pub kind: WarehouseErrorKind,
    pub message: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarehouseErrorKind {
    /// A statement, table or column of the user is wrong.
    Invalid,
    /// The source's columns no longer fit the table's.
    Drift,
    /// Somebody else changed the same table at the same time; running it again helps.
    Conflict,
    /// A newer claim has taken the job over, so nothing is shown under this one any more.
    Stale,
    /// The stop was asked for.
    Canceled,
    /// The disk, the memory limit or the file; trying again later may help.
    Unavailable,
    /// A defect.
    Internal,
}

impl WarehouseError {
    pub fn new(kind: WarehouseErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// A claim that may show nothing, because another one has taken the job over.
    #[must_use]
    pub fn stale(claim: Claim, newer: u64) -> Self {
        let text = format!(
            "a newer run of this data job has taken over, so nothing of this one is shown (it runs under claim {}, the newer one under {newer}). Nothing needs to be done, unless no newer run is there: then the metadata is older than the pool, and both must be restored from one backup",
            claim.number
        );
        Self::new(WarehouseErrorKind::Stale, text)
    }

    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
