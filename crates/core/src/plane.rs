//! The seam to what runs executions and holds the pools' rows: worker processes, one for each pool
//! that is in use.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use crate::Timestamp;
use crate::connection::ConnectionConfig;
use crate::event::{EventSink, Outcome};
use crate::execution::Claim;
use crate::explanation::TableExplanation;
use crate::export::{ExportRequest, Exported};
use crate::extraction::SourceTableName;
use crate::id::DataPoolId;
use crate::preview::Preview;
use crate::source::{SourceError, SourceTable};
use crate::spec::{ExecutionSpec, ScriptQuery};
use crate::stop::Stop;
use crate::warehouse::{PoolTable, Query, Rows, WarehouseError};

/// One pool: what a worker serves.
#[async_trait]
pub trait PoolPlane: Send + Sync {
    /// Runs one execution of the pool to its end; see [`DataPlane::run`].
    async fn run(&self, spec: &ExecutionSpec, claim: Claim, events: &dyn EventSink, stop: &Stop) -> Outcome;

    /// Answers a read-only query on the pool's tables.
    async fn query(&self, query: Query, stop: &Stop) -> Result<Rows, WarehouseError>;

    /// Answers a statement of a transformation that only reads; see [`DataPlane::query_script`].
    async fn query_script(&self, query: ScriptQuery, stop: &Stop) -> Result<Rows, WarehouseError>;

    /// The tables and views of the pool.
    async fn tables(&self) -> Result<Vec<PoolTable>, WarehouseError>;

    /// Exports from a published model; see [`DataPlane::export`].
    async fn export(&self, request: ExportRequest, stop: &Stop) -> Result<Option<Exported>, WarehouseError>;

    /// Makes a consistent copy of the pool; see [`DataPlane::backup`].
    async fn backup(&self) -> Result<PathBuf, WarehouseError>;

    /// Connects to a source of the pool and reads nothing.
    async fn check(&self, config: &ConnectionConfig) -> Result<(), SourceError>;

    /// The tables a source of the pool offers.
    async fn discover(&self, config: &ConnectionConfig) -> Result<Vec<SourceTable>, SourceError>;

    /// The first rows of a table; see [`DataPlane::preview`].
    async fn preview(
        &self,
        config: &ConnectionConfig,
        table: &SourceTableName,
        rows: usize,
    ) -> Result<Preview, SourceError>;

    /// What an extraction would ask its source for; see [`DataPlane::explain`].
    async fn explain(&self, spec: &ExecutionSpec) -> Result<TableExplanation, SourceError>;
}

/// All pools: what the engine is handed.
#[async_trait]
pub trait DataPlane: Send + Sync {
    /// Runs one execution to its end. What is written is written under the claim: once a newer claim
    /// of the same job has begun, an older one can show nothing any more.
    async fn run(&self, spec: &ExecutionSpec, claim: Claim, events: &dyn EventSink, stop: &Stop) -> Outcome;

    /// Answers a read-only query on a pool's tables.
    async fn query(&self, pool: DataPoolId, query: Query, stop: &Stop) -> Result<Rows, WarehouseError>;

    /// Answers a statement of a transformation that only reads, with its parameters filled in as in a run. What is
    /// wrong with it is `Invalid`, with the line of the SQL as it was written.
    async fn query_script(
        &self,
        pool: DataPoolId,
        query: ScriptQuery,
        stop: &Stop,
    ) -> Result<Rows, WarehouseError>;

    /// The tables and views of a pool.
    async fn tables(&self, pool: DataPoolId) -> Result<Vec<PoolTable>, WarehouseError>;

    /// Answers PQL on one version of a published model, into files. `None`: it was asked to check the queries, and
    /// they are right. What is wrong with them is `Invalid`, with the position. Dropping the future ends the work.
    async fn export(
        &self,
        pool: DataPoolId,
        request: ExportRequest,
        stop: &Stop,
    ) -> Result<Option<Exported>, WarehouseError>;

    /// Removes everything of a pool.
    async fn remove(&self, pool: DataPoolId) -> Result<(), WarehouseError>;

    /// Makes a consistent copy of a pool's rows and published models in a new folder, on the same disk, and
    /// names it. Whoever asked moves it away; a copy that was left is made anew.
    async fn backup(&self, pool: DataPoolId) -> Result<PathBuf, WarehouseError>;

    /// Connects to a source of a pool and reads nothing.
    async fn check(&self, pool: DataPoolId, config: &ConnectionConfig) -> Result<(), SourceError>;

    /// The tables a source of a pool offers.
    async fn discover(
        &self,
        pool: DataPoolId,
        config: &ConnectionConfig,
    ) -> Result<Vec<SourceTable>, SourceError>;

    /// The first rows of a table at a source of a pool, up to so many, and what they tell of its columns. Dropping
    /// the future ends the statement at the source.
    async fn preview(
        &self,
        pool: DataPoolId,
        config: &ConnectionConfig,
        table: &SourceTableName,
        rows: usize,
    ) -> Result<Preview, SourceError>;

    /// What an execution would ask the source for, in FULL and in DELTA. The spec has one extraction of one table.
    async fn explain(&self, spec: &ExecutionSpec) -> Result<TableExplanation, SourceError>;

    /// What was found damaged in a pool's files, the oldest first, as long as what was moved aside lies there.
    async fn damages(&self, pool: DataPoolId) -> Result<Vec<Damage>, WarehouseError>;

    /// How long a run may go on after it was asked to stop; then it is ended by force.
    fn patience(&self) -> Duration;

    /// What works for the pools now. It asks nobody: the figures are those of the last sign of life.
    fn workers(&self) -> Workers;
}

/// Commits of a pool that could not be read back. The files were moved aside, and the pool opened without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub quarantined: Vec<PathBuf>,
    /// What was committed after this moment may be missing.
    pub last_good: Timestamp,
}

/// The workers of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    /// Those that live.
    pub live: Vec<WorkerStatus>,
    /// How many were started since the server began.
    pub started: u64,
    /// How many of these ended otherwise than because they were idle or the server asked them to.
    pub lost: u64,
}

/// One worker, as it was when it last answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    pub pool: DataPoolId,
    /// Its process on this machine.
    pub pid: u32,
    /// The memory it holds now.
    pub memory_bytes: u64,
    /// The most memory it held so far.
    pub peak_bytes: u64,
    /// Executions that it runs.
    pub running: usize,
}
