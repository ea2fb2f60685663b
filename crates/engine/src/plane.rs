//! The seam to what runs jobs and holds the pools' rows: in this process today, in workers later.

use async_trait::async_trait;
use forebay_core::connection::ConnectionConfig;
use forebay_core::event::{EventSink, Outcome};
use forebay_core::id::DataPoolId;
use forebay_core::source::{SourceError, SourceTable};
use forebay_core::spec::ExecutionSpec;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{PoolTable, Query, Rows, WarehouseError};

/// Runs executions and answers for the rows of pools.
#[async_trait]
pub trait DataPlane: Send + Sync {
    /// Runs one execution to its end.
    async fn run(&self, spec: &ExecutionSpec, events: &dyn EventSink, stop: &Stop) -> Outcome;

    /// Answers a read-only query on a pool's tables.
    async fn query(&self, pool: DataPoolId, query: Query, stop: &Stop) -> Result<Rows, WarehouseError>;

    /// The tables and views of a pool.
    async fn tables(&self, pool: DataPoolId) -> Result<Vec<PoolTable>, WarehouseError>;

    /// Removes everything of a pool.
    async fn remove(&self, pool: DataPoolId) -> Result<(), WarehouseError>;

    /// Connects to a source and reads nothing.
    async fn check(&self, config: &ConnectionConfig) -> Result<(), SourceError>;

    /// The tables a source offers.
    async fn discover(&self, config: &ConnectionConfig) -> Result<Vec<SourceTable>, SourceError>;
}
