//! The one place that names every concrete type: which store, which warehouse, which sources, and
//! that jobs run in this process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use forebay_core::Timestamp;
use forebay_core::connection::ConnectionConfig;
use forebay_core::event::{EventSink, Outcome};
use forebay_core::id::DataPoolId;
use forebay_core::pool::global_schema;
use forebay_core::source::{SourceError, SourceTable};
use forebay_core::spec::ExecutionSpec;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{PoolTable, Query, Rows, Warehouse, WarehouseError, WarehouseErrorKind};
use forebay_engine::{Clock, DataPlane};
use forebay_warehouse::{DuckDb, Limits};
use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinError;

/// The clock on the wall.
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Runs jobs in this process: one DuckDB file for each pool, opened once.
pub(crate) struct LocalPlane {
    /// Holds a folder for each pool.
    dir: PathBuf,
    limits: Limits,
    /// A pool's file must never be opened twice: whoever comes second waits for the first.
    open: Mutex<HashMap<DataPoolId, Arc<OnceCell<Arc<DuckDb>>>>>,
}

impl LocalPlane {
    pub(crate) fn new(dir: &Path, limits: Limits) -> Self {
        Self { dir: dir.to_owned(), limits, open: Mutex::new(HashMap::new()) }
    }

    async fn warehouse(&self, pool: DataPoolId) -> Result<Arc<DuckDb>, WarehouseError> {
        let cell = Arc::clone(self.open.lock().await.entry(pool).or_default());
        if let Some(warehouse) = cell.get() {
            return Ok(Arc::clone(warehouse));
        }
        let (dir, limits) = (self.dir.join(pool.to_string()), self.limits.clone());
        // A task of its own: a caller that goes away must not leave a half-opened file to the next one.
        let opening = tokio::spawn(async move {
            let open = || async {
                let work = move || DuckDb::open(&dir, &global_schema(pool), limits);
                tokio::task::spawn_blocking(work).await.map_err(not_opened)?
            };
            cell.get_or_try_init(open).await.cloned()
        });
        opening.await.map_err(not_opened)?
    }
}

fn not_opened(error: JoinError) -> WarehouseError {
    let text = "the warehouse could not be opened";
    WarehouseError::new(WarehouseErrorKind::Internal, text).caused_by(error)
}

#[async_trait]
impl DataPlane for LocalPlane {
    async fn run(&self, spec: &ExecutionSpec, events: &dyn EventSink, stop: &Stop) -> Outcome {
        match self.warehouse(spec.pool_id).await {
            Ok(warehouse) => {
                forebay_runner::run(spec, &forebay_sources::open, &*warehouse, events, stop).await
            }
            Err(error) => {
                tracing::error!(data_pool.id = %spec.pool_id, error = &error as &dyn std::error::Error, "a warehouse cannot be opened");
                Outcome::Failed(error.message)
            }
        }
    }

    async fn query(&self, pool: DataPoolId, query: Query, stop: &Stop) -> Result<Rows, WarehouseError> {
        self.warehouse(pool).await?.query(query, stop).await
    }

    async fn tables(&self, pool: DataPoolId) -> Result<Vec<PoolTable>, WarehouseError> {
        self.warehouse(pool).await?.tables().await
    }

    async fn remove(&self, pool: DataPoolId) -> Result<(), WarehouseError> {
        drop(self.open.lock().await.remove(&pool));
        match tokio::fs::remove_dir_all(self.dir.join(pool.to_string())).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let text = "the pool's files could not be removed";
                Err(WarehouseError::new(WarehouseErrorKind::Internal, text).caused_by(error))
            }
            _ => Ok(()),
        }
    }

    async fn check(&self, config: &ConnectionConfig) -> Result<(), SourceError> {
        forebay_sources::open(config)?.check().await
    }

    async fn discover(&self, config: &ConnectionConfig) -> Result<Vec<SourceTable>, SourceError> {
        forebay_sources::open(config)?.discover().await
    }
}
