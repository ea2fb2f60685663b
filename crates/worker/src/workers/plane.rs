//! The data plane: each call goes to the worker of its pool.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use forebay_core::connection::ConnectionConfig;
use forebay_core::event::{EventSink, Outcome};
use forebay_core::execution::Claim;
use forebay_core::explanation::TableExplanation;
use forebay_core::export::{ExportRequest, Exported};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::DataPoolId;
use forebay_core::plane::{Damage, DataPlane, Workers};
use forebay_core::preview::Preview;
use forebay_core::source::{SourceError, SourceErrorKind, SourceTable};
use forebay_core::spec::{ExecutionSpec, ScriptQuery};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{PoolTable, Query, Rows, WarehouseError, WarehouseErrorKind};

use crate::protocol::rows::unreadable;
use crate::protocol::{
    BackupRequest, CheckRequest, DiscoverRequest, ExplainRequest, PreviewRequest, TablesRequest, failure,
    preview, tables,
};
use crate::workers::WorkerPlane;
use crate::workers::calls::{self, source_error, warehouse_error};
use crate::workers::worker::Purpose;

#[async_trait]
impl DataPlane for WorkerPlane {
    async fn run(&self, spec: &ExecutionSpec, claim: Claim, events: &dyn EventSink, stop: &Stop) -> Outcome {
        self.run_in_worker(spec, claim, events, stop).await
    }

    async fn query(&self, pool: DataPoolId, query: Query, stop: &Stop) -> Result<Rows, WarehouseError> {
        let asking = async {
            let lease = self.lease(pool, Purpose::Question).await?;
            calls::query(&lease, query).await
        };
        tokio::select! {
            answer = asking => answer,
            // The call is dropped, which interrupts the statement.
            () = stop.requested() => Err(WarehouseError::new(WarehouseErrorKind::Canceled, "cancelled")),
        }
    }

    async fn query_script(
        &self,
        pool: DataPoolId,
        query: ScriptQuery,
        stop: &Stop,
    ) -> Result<Rows, WarehouseError> {
        let asking = async {
            let lease = self.lease(pool, Purpose::Question).await?;
            calls::query_script(&lease, &query).await
        };
        tokio::select! {
            answer = asking => answer,
            // The call is dropped, which interrupts the statement.
            () = stop.requested() => Err(WarehouseError::new(WarehouseErrorKind::Canceled, "cancelled")),
        }
    }

    async fn export(
        &self,
        pool: DataPoolId,
        request: ExportRequest,
        stop: &Stop,
    ) -> Result<Option<Exported>, WarehouseError> {
        let asking = async {
            let lease = self.lease(pool, Purpose::Question).await?;
            calls::export(&lease, request).await
        };
        tokio::select! {
            answer = asking => answer,
            // The call is dropped, which ends the work.
            () = stop.requested() => Err(WarehouseError::new(WarehouseErrorKind::Canceled, "cancelled")),
        }
    }

    async fn tables(&self, pool: DataPoolId) -> Result<Vec<PoolTable>, WarehouseError> {
        let lease = self.lease(pool, Purpose::Question).await?;
        let reply = match lease.client().tables(TablesRequest {}).await {
            Ok(reply) => reply.into_inner(),
            Err(status) => return Err(warehouse_error(&lease, status).await),
        };
        if let Some(failure) = reply.failure {
            return Err(failure::to_warehouse(failure));
        }
        let tables: Result<_, _> = reply.tables.into_iter().map(tables::to_pool).collect();
        tables.map_err(|error| unreadable().caused_by(error))
    }

    async fn remove(&self, pool: DataPoolId) -> Result<(), WarehouseError> {
        let place = self.place(pool);
        place.close("it was deleted").await;
        let dir = self.shared.launch.pools_dir.join(pool.to_string());
        let removed = tokio::fs::remove_dir_all(dir).await;
        // Its place stays closed when the files stay, and is forgotten when it was never used.
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let text = "the pool's files could not be removed";
                Err(WarehouseError::new(WarehouseErrorKind::Internal, text).caused_by(error))
            }
            _ => {
                self.pools.lock().unwrap_or_else(PoisonError::into_inner).remove(&pool);
                Ok(())
            }
        }
    }

    async fn backup(&self, pool: DataPoolId) -> Result<PathBuf, WarehouseError> {
        let lease = self.lease(pool, Purpose::Question).await?;
        let reply = match lease.client().backup(BackupRequest {}).await {
            Ok(reply) => reply.into_inner(),
            Err(status) => return Err(warehouse_error(&lease, status).await),
        };
        match reply.failure {
            Some(failure) => Err(failure::to_warehouse(failure)),
            None => Ok(PathBuf::from(OsString::from_vec(reply.path))),
        }
    }

    async fn check(&self, pool: DataPoolId, config: &ConnectionConfig) -> Result<(), SourceError> {
        let lease = self.lease(pool, Purpose::Question).await.map_err(no_worker)?;
        match lease.client().check(CheckRequest { config: json(config)? }).await {
            Ok(reply) => match reply.into_inner().failure {
                Some(failure) => Err(failure::to_source(failure)),
                None => Ok(()),
            },
            Err(status) => Err(source_error(&lease, status).await),
        }
    }

    async fn discover(
        &self,
        pool: DataPoolId,
        config: &ConnectionConfig,
    ) -> Result<Vec<SourceTable>, SourceError> {
        let lease = self.lease(pool, Purpose::Question).await.map_err(no_worker)?;
        let reply = match lease.client().discover(DiscoverRequest { config: json(config)? }).await {
            Ok(reply) => reply.into_inner(),
            Err(status) => return Err(source_error(&lease, status).await),
        };
        if let Some(failure) = reply.failure {
            return Err(failure::to_source(failure));
        }
        let tables: Result<_, _> = reply.tables.into_iter().map(tables::to_source).collect();
        tables.map_err(|error| no_worker(unreadable().caused_by(error)))
    }

    async fn preview(
        &self,
        pool: DataPoolId,
        config: &ConnectionConfig,
        table: &SourceTableName,
        rows: usize,
    ) -> Result<Preview, SourceError> {
        let lease = self.lease(pool, Purpose::Question).await.map_err(no_worker)?;
        let request = PreviewRequest {
            config: json(config)?,
            schema: table.schema.clone().map(Into::into),
            name: table.name.clone().into(),
            rows: u64::try_from(rows).unwrap_or(u64::MAX),
        };
        match lease.client().preview(request).await {
            Ok(reply) => preview::to_preview(reply.into_inner()),
            Err(status) => Err(source_error(&lease, status).await),
        }
    }

    async fn explain(&self, spec: &ExecutionSpec) -> Result<TableExplanation, SourceError> {
        let lease = self.lease(spec.pool_id, Purpose::Question).await.map_err(no_worker)?;
        // The text of the error could quote a secret.
        let spec = serde_json::to_vec(spec).map_err(|_| {
            SourceError::new(SourceErrorKind::Invalid, "the extraction's settings cannot be written")
        })?;
        match lease.client().explain(ExplainRequest { spec }).await {
            Ok(reply) => preview::to_explanation(reply.into_inner()),
            Err(status) => Err(source_error(&lease, status).await),
        }
    }

    async fn damages(&self, pool: DataPoolId) -> Result<Vec<Damage>, WarehouseError> {
        let dir = self.shared.launch.pools_dir.join(pool.to_string());
        let look = Arc::clone(&self.shared.launch.damages);
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
            let text = "the records of the pool's damage cannot be read";
            WarehouseError::new(WarehouseErrorKind::Internal, text).caused_by(cause)
        };
        let looked =
            tokio::task::spawn_blocking(move || look(&dir)).await.map_err(|error| failed(error.into()))?;
        looked.map_err(|error| failed(error.into()))
    }

    fn patience(&self) -> Duration {
        self.shared.patience.stop
    }

    fn workers(&self) -> Workers {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let live = pools.values().filter_map(|place| {
            let last = place.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.as_ref().and_then(|worker| worker.status())
        });
        Workers {
            live: live.collect(),
            started: self.shared.started.load(Ordering::Relaxed),
            lost: self.shared.lost.load(Ordering::Relaxed),
        }
    }
}

fn no_worker(error: WarehouseError) -> SourceError {
    SourceError { source: error.source, ..SourceError::new(SourceErrorKind::Unreachable, error.message) }
}

fn json(config: &ConnectionConfig) -> Result<Vec<u8>, SourceError> {
    // The text of the error could quote a secret.
    serde_json::to_vec(config).map_err(|_| {
        SourceError::new(SourceErrorKind::Invalid, "the connection's configuration cannot be written")
    })
}
