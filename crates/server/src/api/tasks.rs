//! Tasks and statements, as `TaskInstanceTransport`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use forebay_core::error::Error;
use forebay_core::job::{Activation, Task, TaskKind};
use forebay_core::name::Name;
use forebay_engine::{Engine, NewTask};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::body::Body;
use super::problem::Reply;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskBody {
    task_type: Option<String>,
    name: Option<String>,
    description: Option<String>,
    task_id: Option<String>,
    execution_order: Option<i64>,
}

pub(crate) fn transport(task: &Task) -> Value {
    json!({
        "id": task.id, "poolId": task.pool_id, "taskId": task.template_id, "jobId": task.job_id,
        "taskType": task.kind.type_name(), "template": false, "protectionStatus": "OPEN",
        "name": task.name, "description": task.description, "createdAt": task.created_at,
        "taskCreatedAt": task.created_at, "executionOrder": task.position, "published": false,
        "disabled": task.activation == Activation::Disabled, "legalAgreementAccepted": false,
    })
}

pub(crate) async fn list(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    Ok(Json(engine.tasks(&caller, pool.parse()?, job.parse()?).await?.iter().map(transport).collect()))
}

pub(crate) async fn create(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
    Body(body): Body<TaskBody>,
) -> Reply<Json<Value>> {
    if body.task_id.is_some() {
        return Err(Error::invalid(
            "taskId",
            "task templates are not supported; leave it null for a new task",
        )
        .into());
    }
    let name =
        Name::parse("name", body.name.as_deref().ok_or_else(|| Error::invalid("name", "is missing"))?)?;
    let kind = match body.task_type.as_deref() {
        Some("EXTRACTION") => TaskKind::Extraction(Vec::new()),
        Some("TRANSFORMATION") => TaskKind::Transformation(None),
        Some("DATA_MODEL_LOAD") => {
            return Err(Error::invalid("taskType", "data model loads are made at /jobs/{jobId}/loads").into());
        }
        _ => return Err(Error::invalid("taskType", "must be EXTRACTION or TRANSFORMATION").into()),
    };
    let new = NewTask { name, description: body.description, kind, position: body.execution_order };
    Ok(Json(transport(&engine.create_task(&caller, pool.parse()?, job.parse()?, new).await?)))
}

pub(crate) async fn update(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(String, String, String)>,
    Body(body): Body<TaskBody>,
) -> Reply<Json<Value>> {
    let name = body.name.as_deref().map(|name| Name::parse("name", name)).transpose()?;
    let task =
        engine.update_task(&caller, pool.parse()?, job.parse()?, &task, name, body.description).await?;
    Ok(Json(transport(&task)))
}

pub(crate) async fn delete(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(String, String, String)>,
) -> Reply<StatusCode> {
    engine.delete_task(&caller, pool.parse()?, job.parse()?, &task).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn enable(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(String, String, String)>,
) -> Reply<Json<Value>> {
    let enabled = Activation::Enabled;
    let task = engine.set_task_activation(&caller, pool.parse()?, job.parse()?, &task, enabled).await?;
    Ok(Json(transport(&task)))
}

pub(crate) async fn disable(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(String, String, String)>,
) -> Reply<Json<Value>> {
    let disabled = Activation::Disabled;
    let task = engine.set_task_activation(&caller, pool.parse()?, job.parse()?, &task, disabled).await?;
    Ok(Json(transport(&task)))
}

pub(crate) async fn statement(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(String, String, String)>,
) -> Reply<Json<Value>> {
    let found = engine.task(&caller, pool.parse()?, job.parse()?, &task).await?;
    match found.kind {
        TaskKind::Transformation(statement) => Ok(Json(json!({"statement": statement, "legalNote": null}))),
        TaskKind::Extraction(_) | TaskKind::DataModelLoad(_) => {
            Err(Error::not_found(forebay_core::error::Kind::Task, task).into())
        }
    }
}

/// The body is the SQL itself, without a content type.
pub(crate) async fn set_statement(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(String, String, String)>,
    body: axum::body::Bytes,
) -> Reply<Json<Value>> {
    let statement =
        String::from_utf8(body.to_vec()).map_err(|_| Error::invalid("statement", "must be UTF-8 text"))?;
    let task = engine.set_statement(&caller, pool.parse()?, job.parse()?, &task, statement.clone()).await?;
    let mut transport = transport(&task);
    transport["statement"] = Value::from(statement);
    Ok(Json(transport))
}
