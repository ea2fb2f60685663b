//! Questions to a worker, and what becomes of them when it ends before it answers.

use std::time::Duration;

use forebay_core::export::{ExportRequest, Exported};
use forebay_core::source::{SourceError, SourceErrorKind};
use forebay_core::spec::ScriptQuery;
use forebay_core::warehouse::{Query, Rows, WarehouseError, WarehouseErrorKind};
use tonic::{Code, Status};

use crate::protocol::rows::{Answer, unreadable};
use crate::protocol::{QueryRequest, export as exports, failure};
use crate::workers::ending::End;
use crate::workers::worker::Worker;

/// How long a process may go on without its connection.
const WITHOUT_CONNECTION: Duration = Duration::from_secs(2);

/// What an error of a call means.
pub(super) enum Trouble {
    /// The worker has ended.
    Ended(End),
    /// The worker lives and says that the call is wrong, or it cannot be understood.
    Call(Status),
}

/// Finds out what an error of a call means. A worker that goes on without its connection is ended.
pub(super) async fn trouble(worker: &Worker, status: Status) -> Trouble {
    match status.code() {
        Code::InvalidArgument
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::ResourceExhausted
        | Code::Aborted => return Trouble::Call(status),
        _ => {}
    }
    let ended = tokio::time::timeout(WITHOUT_CONNECTION, worker.ended()).await;
    Trouble::Ended(match ended {
        Ok(end) => end,
        Err(_) => {
            tracing::error!(data_pool.id = %worker.pool, worker.pid = worker.pid, error = &status as &dyn std::error::Error, "a worker cannot be spoken to any more");
            worker.kill("the pool's worker could not be spoken to any more, so it was ended");
            worker.ended().await
        }
    })
}

pub(super) async fn warehouse_error(worker: &Worker, status: Status) -> WarehouseError {
    match trouble(worker, status).await {
        Trouble::Ended(end) => {
            let text = format!("no answer: {}; try again", end.reason());
            WarehouseError::new(WarehouseErrorKind::Unavailable, text)
        }
        Trouble::Call(status) => {
            let text = "an internal error ended the call; the server's log has the details";
            WarehouseError::new(WarehouseErrorKind::Internal, text).caused_by(status)
        }
    }
}

pub(super) async fn source_error(worker: &Worker, status: Status) -> SourceError {
    let error = warehouse_error(worker, status).await;
    SourceError { source: error.source, ..SourceError::new(SourceErrorKind::Unreachable, error.message) }
}

pub(super) async fn query(worker: &Worker, query: Query) -> Result<Rows, WarehouseError> {
    let request = QueryRequest {
        sql: query.sql,
        schemas: query.schemas.into_iter().map(Into::into).collect(),
        limit: u64::try_from(query.limit).unwrap_or(u64::MAX),
        script: Vec::new(),
    };
    rows(worker, request).await
}

pub(super) async fn query_script(worker: &Worker, query: &ScriptQuery) -> Result<Rows, WarehouseError> {
    let script = serde_json::to_vec(query).map_err(|error| {
        WarehouseError::new(WarehouseErrorKind::Internal, "the statement cannot be sent").caused_by(error)
    })?;
    rows(worker, QueryRequest { script, ..QueryRequest::default() }).await
}

async fn rows(worker: &Worker, request: QueryRequest) -> Result<Rows, WarehouseError> {
    let mut replies = match worker.client().query(request).await {
        Ok(replies) => replies.into_inner(),
        Err(status) => return Err(warehouse_error(worker, status).await),
    };
    let mut answer = Answer::default();
    loop {
        match replies.message().await {
            Ok(Some(reply)) => {
                if let Some(answer) = answer.take(reply) {
                    return answer;
                }
            }
            Ok(None) => return Err(unreadable()),
            Err(status) => return Err(warehouse_error(worker, status).await),
        }
    }
}

pub(super) async fn export(
    worker: &Worker,
    request: ExportRequest,
) -> Result<Option<Exported>, WarehouseError> {
    let reply = match worker.client().export(exports::of_request(request)).await {
        Ok(reply) => reply.into_inner(),
        Err(status) => return Err(warehouse_error(worker, status).await),
    };
    match reply.failure {
        Some(failure) => Err(failure::to_warehouse(failure)),
        None => Ok(reply.exported.map(exports::to_exported)),
    }
}
