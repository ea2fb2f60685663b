//! Start, watch and cancel executions.

mod events;
mod start;
mod transport;

use axum::Json;
use axum::extract::State;
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId};
use forebay_engine::Engine;
use serde::Serialize;
use utoipa::ToSchema;

pub use self::events::follow;
pub(crate) use self::events::{__path_execution_events, execution_events};
pub(crate) use self::start::{
    __path_start_configured_execution, __path_start_execution, __path_start_execution_v1,
    start_configured_execution, start_execution, start_execution_v1,
};
pub(crate) use self::transport::{ExecutionView, StartedExecution};
use super::auth::Auth;
use super::logs::{LogMessageTransport, Page};
use super::path::Path;
use super::problem::Reply;
use super::query_string::Query;

const TAG: &str = "Executions";

/// What was cancelled of a job: nothing when none of its executions was live.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum CanceledJob {
    Live(StartedExecution),
    Idle(NoExecution),
}

/// That no execution was live.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NoExecution {
    /// Always null.
    execution_id: Option<String>,
}

/// Asks for the end of a job's live execution.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 200, body = CanceledJob)))]
pub(crate) async fn cancel_data_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
) -> Reply<Json<CanceledJob>> {
    Ok(Json(match engine.cancel_data_job(&caller, pool, job).await? {
        Some(execution) => CanceledJob::Live(StartedExecution::from(&execution)),
        None => CanceledJob::Idle(NoExecution { execution_id: None }),
    }))
}

/// An execution with its tasks and what they did to each table.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = ExecutionView)))]
pub(crate) async fn execution(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ExecutionId>,
) -> Reply<Json<ExecutionView>> {
    let (execution, tasks) = engine.execution(&caller, id).await?;
    let waits_for = engine.waits_for(&execution).await?;
    Ok(Json(ExecutionView::new(&execution, &tasks, waits_for)))
}

/// Asks for the end of an execution. One that has ended already stays as it is.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 200, body = StartedExecution)))]
pub(crate) async fn cancel_execution(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ExecutionId>,
) -> Reply<Json<StartedExecution>> {
    Ok(Json(StartedExecution::from(&engine.cancel_execution(&caller, id).await?)))
}

/// A page of an execution's log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogPage {
    /// The newest first.
    log_messages: Vec<LogMessageTransport>,
    /// How many messages there are on all pages.
    total: u64,
}

/// The log of an execution.
#[utoipa::path(get, path = "", tag = TAG, params(Page), responses((status = 200, body = LogPage)))]
pub(crate) async fn log_messages(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ExecutionId>,
    Query(page): Query<Page>,
) -> Reply<Json<LogPage>> {
    let (messages, total) = engine.log_messages(&caller, id, None, &[], page.limit(), page.number()).await?;
    Ok(Json(LogPage { log_messages: messages.iter().map(LogMessageTransport::from).collect(), total }))
}
