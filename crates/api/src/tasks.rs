//! Tasks of a job and the SQL of its transformations.

mod transport;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::error::{Error, Kind};
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_core::job::{Activation, TaskKind};
use forebay_engine::{Engine, NewTask};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) use self::transport::{StatementTransport, TaskInstanceTransport, TransformationTransport};
use super::auth::Auth;
use super::body::{Body, Text};
use super::path::{Path, TaskKey};
use super::pools::{name, new_name};
use super::problem::Reply;
use super::words::TaskType;

const TAG: &str = "Tasks";

/// A new task.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewTaskInstanceTransport {
    /// EXTRACTION or TRANSFORMATION; data model loads are made at `/jobs/{jobId}/loads`.
    task_type: Option<TaskType>,
    name: Option<String>,
    description: Option<String>,
    /// Must be null: tasks are not made of templates.
    task_id: Option<String>,
    /// Place in the job, from 0; null is last.
    execution_order: Option<i64>,
}

/// What can be changed of a task.
#[derive(Deserialize, ToSchema)]
pub(crate) struct TaskUpdate {
    /// Null leaves it.
    name: Option<String>,
    /// Null leaves it.
    description: Option<String>,
}

/// The tasks of a job, in order.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<TaskInstanceTransport>)))]
pub(crate) async fn tasks(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
) -> Reply<Json<Vec<TaskInstanceTransport>>> {
    let tasks = engine.tasks(&caller, pool, job).await?;
    Ok(Json(tasks.iter().map(TaskInstanceTransport::from).collect()))
}

/// Adds a task to a job.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = NewTaskInstanceTransport,
    responses((status = 200, body = TaskInstanceTransport))
)]
pub(crate) async fn create_task(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
    Body(body): Body<NewTaskInstanceTransport>,
) -> Reply<Json<TaskInstanceTransport>> {
    if body.task_id.is_some() {
        let reason = "task templates are not supported; leave it null for a new task";
        return Err(Error::invalid("taskId", reason).into());
    }
    let kind = match body.task_type {
        Some(TaskType::Extraction) => TaskKind::Extraction(Vec::new()),
        Some(TaskType::Transformation) => TaskKind::Transformation(None),
        Some(TaskType::DataModelLoad) => {
            return Err(Error::invalid("taskType", "data model loads are made at /jobs/{jobId}/loads").into());
        }
        None => return Err(Error::invalid("taskType", "must be EXTRACTION or TRANSFORMATION").into()),
    };
    let new = NewTask {
        name: name(body.name.as_deref())?,
        description: body.description,
        kind,
        position: body.execution_order,
    };
    let task = engine.create_task(&caller, pool, job, new).await?;
    Ok(Json(TaskInstanceTransport::from(&task)))
}

/// Changes a task's name and description.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = TaskUpdate,
    responses((status = 200, body = TaskInstanceTransport))
)]
pub(crate) async fn update_task(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
    Body(body): Body<TaskUpdate>,
) -> Reply<Json<TaskInstanceTransport>> {
    let name = new_name(body.name.as_deref())?;
    let task = engine.update_task(&caller, pool, job, &task.0, name, body.description).await?;
    Ok(Json(TaskInstanceTransport::from(&task)))
}

/// Deletes a task.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_task(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
) -> Reply<StatusCode> {
    engine.delete_task(&caller, pool, job, &task.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets executions include a task.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 200, body = TaskInstanceTransport)))]
pub(crate) async fn enable_task(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
) -> Reply<Json<TaskInstanceTransport>> {
    let enabled = Activation::Enabled;
    let task = engine.set_task_activation(&caller, pool, job, &task.0, enabled).await?;
    Ok(Json(TaskInstanceTransport::from(&task)))
}

/// Lets executions leave a task out.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 200, body = TaskInstanceTransport)))]
pub(crate) async fn disable_task(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
) -> Reply<Json<TaskInstanceTransport>> {
    let disabled = Activation::Disabled;
    let task = engine.set_task_activation(&caller, pool, job, &task.0, disabled).await?;
    Ok(Json(TaskInstanceTransport::from(&task)))
}

/// The SQL of a transformation.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = StatementTransport)))]
pub(crate) async fn statement(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
) -> Reply<Json<StatementTransport>> {
    let found = engine.task(&caller, pool, job, &task.0).await?;
    match found.kind {
        TaskKind::Transformation(statement) => Ok(Json(StatementTransport { statement, legal_note: None })),
        TaskKind::Extraction(_) | TaskKind::DataModelLoad(_) => {
            Err(Error::not_found(Kind::Task, task.0).into())
        }
    }
}

/// Sets the SQL of a transformation. The body is the SQL itself, in UTF-8, whatever its content type; none is the empty
/// statement.
#[utoipa::path(
    put, path = "", tag = TAG, request_body(content = Option<String>, content_type = "text/plain"),
    responses((status = 200, body = TransformationTransport))
)]
pub(crate) async fn set_statement(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
    Text(statement): Text,
) -> Reply<Json<TransformationTransport>> {
    let task = engine.set_statement(&caller, pool, job, &task.0, statement.clone()).await?;
    let task = TaskInstanceTransport::from(&task);
    Ok(Json(TransformationTransport { task, statement: Some(statement) }))
}
