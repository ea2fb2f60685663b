//! What a worker works with: the warehouse of one pool, the sources its connections name, and the
//! runner. It opens the pool's file when the worker starts, and nothing else on its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use forebay_core::connection::ConnectionConfig;
use forebay_core::event::{EventSink, Outcome};
use forebay_core::execution::Claim;
use forebay_core::explanation::TableExplanation;
use forebay_core::export::{ExportRequest, Exported};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::DataPoolId;
use forebay_core::plane::PoolPlane;
use forebay_core::pool::global_schema;
use forebay_core::preview::Preview;
use forebay_core::push::push_dir;
use forebay_core::source::{PushedFiles, SourceError, SourceErrorKind, SourceTable};
use forebay_core::spec::{DataPushSpec, ExecutionSpec, ScriptQuery};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{PoolTable, Query, Rows, Warehouse, WarehouseError, WarehouseErrorKind};
use forebay_warehouse::{DuckDb, Limits};
use tokio::sync::OnceCell;

/// How long a worker waits for the pool's file when a process that was killed still holds it.
const FILE_PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// One pool, in this process.
pub(crate) struct LocalPool {
    pool: DataPoolId,
    dir: PathBuf,
    limits: Limits,
    /// The file must never be opened twice: whoever comes second waits for the first.
    warehouse: Arc<OnceCell<Arc<DuckDb>>>,
}

impl LocalPool {
    pub(crate) fn new(pool: DataPoolId, dir: &Path, limits: Limits) -> Self {
        Self { pool, dir: dir.to_owned(), limits, warehouse: Arc::default() }
    }

    /// The pool's warehouse. One that could not be opened is tried again by whoever asks next.
    pub(crate) async fn warehouse(&self) -> Result<Arc<DuckDb>, WarehouseError> {
        if let Some(warehouse) = self.warehouse.get() {
            return Ok(Arc::clone(warehouse));
        }
        let (cell, pool, dir) = (Arc::clone(&self.warehouse), self.pool, self.dir.clone());
        let limits = self.limits.clone();
        // A task of its own: a caller that goes away must not leave a half-opened file to the next one.
        let opening = tokio::spawn(async move {
            cell.get_or_try_init(|| async move {
                let opening = tokio::task::spawn_blocking(move || open(pool, &dir, &limits));
                opening.await.map_err(not_opened)?
            })
            .await
            .cloned()
        });
        opening.await.map_err(not_opened)?
    }
}

fn not_opened(error: tokio::task::JoinError) -> WarehouseError {
    let text = "the warehouse could not be opened";
    WarehouseError::new(WarehouseErrorKind::Internal, text).caused_by(error)
}

/// Opens the pool's file. Blocks, also while a worker that was killed is not quite gone.
fn open(pool: DataPoolId, dir: &Path, limits: &Limits) -> Result<Arc<DuckDb>, WarehouseError> {
    let begun = Instant::now();
    loop {
        match DuckDb::open(dir, &global_schema(pool), limits.clone()) {
            Err(error) if is_held_by_another(&error) && begun.elapsed() < FILE_PATIENCE => {
                std::thread::sleep(LOOK_AGAIN);
            }
            opened => return opened,
        }
    }
}

/// Whether another process has the file, by the words of DuckDB.
fn is_held_by_another(error: &WarehouseError) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.to_string().contains("Could not set lock") {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What is looked at beside executions is never a data push.
fn no_push(_: &DataPushSpec) -> Result<Box<dyn PushedFiles>, SourceError> {
    Err(SourceError::new(SourceErrorKind::Invalid, "a data push is not looked at"))
}

#[async_trait]
impl PoolPlane for LocalPool {
    async fn run(&self, spec: &ExecutionSpec, claim: Claim, events: &dyn EventSink, stop: &Stop) -> Outcome {
        match self.warehouse().await {
            Ok(warehouse) => {
                let open_push = |push: &DataPushSpec| {
                    let chunks: Vec<_> = push.chunks.iter().map(|chunk| chunk.id).collect();
                    let (dir, settings) = (push_dir(&self.dir, push.push_id), &push.settings);
                    forebay_sources::open_push(&dir, settings.target.as_str(), &settings.format, &chunks)
                };
                let sources = (forebay_sources::open, open_push);
                forebay_runner::run(spec, claim, &sources, &*warehouse, events, stop).await
            }
            Err(error) => {
                tracing::error!(data_pool.id = %self.pool, error = &error as &dyn std::error::Error, "a warehouse cannot be opened");
                Outcome::Failed(error.message)
            }
        }
    }

    async fn query(&self, query: Query, stop: &Stop) -> Result<Rows, WarehouseError> {
        self.warehouse().await?.query(query, stop).await
    }

    async fn query_script(&self, query: ScriptQuery, stop: &Stop) -> Result<Rows, WarehouseError> {
        forebay_runner::query(&query, &*self.warehouse().await?, stop).await
    }

    async fn export(&self, request: ExportRequest, stop: &Stop) -> Result<Option<Exported>, WarehouseError> {
        self.warehouse().await?.export(request, stop).await
    }

    async fn tables(&self) -> Result<Vec<PoolTable>, WarehouseError> {
        self.warehouse().await?.tables().await
    }

    async fn backup(&self) -> Result<PathBuf, WarehouseError> {
        let warehouse = self.warehouse().await?;
        // In the pool's folder: a worker writes nowhere else.
        let copy = self.dir.join("copy");
        match tokio::fs::remove_dir_all(&copy).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let text = "an older copy of the pool cannot be removed";
                return Err(WarehouseError::new(WarehouseErrorKind::Unavailable, text).caused_by(error));
            }
            _ => {}
        }
        if let Err(error) = warehouse.backup(&copy, &Stop::never()).await {
            // What stays is removed before the next copy.
            drop(tokio::fs::remove_dir_all(&copy).await);
            return Err(error);
        }
        Ok(copy)
    }

    async fn check(&self, config: &ConnectionConfig) -> Result<(), SourceError> {
        forebay_sources::open(config, 1)?.check().await
    }

    async fn discover(&self, config: &ConnectionConfig) -> Result<Vec<SourceTable>, SourceError> {
        forebay_sources::open(config, 1)?.discover().await
    }

    async fn preview(
        &self,
        config: &ConnectionConfig,
        table: &SourceTableName,
        rows: usize,
    ) -> Result<Preview, SourceError> {
        forebay_runner::preview(config, table, rows, &(forebay_sources::open, no_push)).await
    }

    async fn explain(&self, spec: &ExecutionSpec) -> Result<TableExplanation, SourceError> {
        let warehouse = self.warehouse().await.map_err(|error| SourceError {
            source: error.source,
            ..SourceError::new(SourceErrorKind::Unreachable, error.message)
        })?;
        forebay_runner::explain(spec, &(forebay_sources::open, no_push), &*warehouse).await
    }
}
