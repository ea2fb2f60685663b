//! Start, watch and cancel executions.

use std::convert::Infallible;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::execution::{Execution, ExtractionMode, TaskExecution};
use forebay_core::id::ExecutionId;
use forebay_engine::{Engine, Selection, StartExecution, TaskSelection};
use futures::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::auth::Auth;
use super::logs::{Page, log_view};
use super::problem::Reply;

#[derive(Deserialize)]
pub(crate) struct Mode {
    mode: Option<String>,
}

fn mode(field: &str, text: Option<&str>) -> Result<ExtractionMode> {
    match text {
        Some("FULL") => Ok(ExtractionMode::Full),
        Some("DELTA") => Ok(ExtractionMode::Delta),
        Some(other) => Err(Error::invalid(field, format!("must be FULL or DELTA, not `{other}`"))),
        None => Err(Error::invalid(field, "is missing; add ?mode=FULL or ?mode=DELTA")),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(text) if !text.is_empty() && text.len() <= 200 => Ok(Some(text.to_owned())),
        _ => Err(Error::invalid("Idempotency-Key", "must be 1 to 200 visible characters")),
    }
}

fn started(execution: &Execution) -> Json<Value> {
    Json(json!({
        "executionId": execution.id, "poolId": execution.pool_id, "jobId": execution.job_id,
        "mode": execution.mode, "status": execution.status,
    }))
}

/// The documented call: `mode` in the query, no body.
pub(crate) async fn execute_documented(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
    Query(query): Query<Mode>,
    headers: HeaderMap,
) -> Reply<Json<Value>> {
    let start = StartExecution {
        mode: mode("mode", query.mode.as_deref())?,
        selection: Selection::default(),
        idempotency_key: idempotency_key(&headers)?,
    };
    Ok(started(&engine.start_execution(&caller, pool.parse()?, job.parse()?, start).await?))
}

/// `JobExecutionConfiguration`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    mode: Option<String>,
    execute_only_subset_of_transformations: Option<bool>,
    transformations: Option<Vec<String>>,
    execute_only_subset_of_extractions: Option<bool>,
    extractions: Option<Vec<ExtractionPart>>,
    load_only_subset_of_data_models: Option<bool>,
    data_models: Option<Vec<LoadPart>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExtractionPart {
    extraction_id: String,
    load_only_subset_of_tables: Option<bool>,
    tables: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadPart {
    data_model_execution_id: String,
    tables: Option<Vec<String>>,
}

fn parsed<Id: std::str::FromStr<Err = Error>>(field: &str, ids: Option<Vec<String>>) -> Result<Vec<Id>> {
    ids.unwrap_or_default()
        .iter()
        .map(|id| id.parse().map_err(|_| Error::invalid(field, format!("`{id}` is no id"))))
        .collect()
}

fn one<Id: std::str::FromStr<Err = Error>>(field: &str, id: &str) -> Result<Id> {
    id.parse().map_err(|_| Error::invalid(field, format!("`{id}` is no id")))
}

impl Configuration {
    /// A flag that is not set means all, whatever the list says; set with an empty list it means none.
    fn selection(self) -> Result<Selection> {
        let set = |flag: Option<bool>| flag == Some(true);
        let mut selection = Selection::default();
        if set(self.execute_only_subset_of_transformations) {
            selection.transformations = Some(parsed("transformations", self.transformations)?);
        }
        if set(self.execute_only_subset_of_extractions) {
            let mut parts = Vec::new();
            for part in self.extractions.unwrap_or_default() {
                let only = set(part.load_only_subset_of_tables)
                    .then(|| parsed("extractions.tables", part.tables))
                    .transpose()?;
                parts.push(TaskSelection {
                    task: one("extractions.extractionId", &part.extraction_id)?,
                    only,
                });
            }
            selection.extractions = Some(parts);
        }
        if set(self.load_only_subset_of_data_models) {
            let mut parts = Vec::new();
            for part in self.data_models.unwrap_or_default() {
                let tables = parsed("dataModels.tables", part.tables)?;
                let only = (!tables.is_empty()).then_some(tables);
                let task = one("dataModels.dataModelExecutionId", &part.data_model_execution_id)?;
                parts.push(TaskSelection { task, only });
            }
            selection.loads = Some(parts);
        }
        Ok(selection)
    }
}

/// pycelonis' call: a configuration in the body, DELTA by default.
pub(crate) async fn execute_configured(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<Value>> {
    let configuration: Configuration = if body.is_empty() {
        Configuration::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| Error::invalid("body", format!("is not the JSON expected: {error}")))?
    };
    let start = StartExecution {
        mode: mode("mode", configuration.mode.as_deref().or(Some("DELTA")))?,
        selection: configuration.selection()?,
        idempotency_key: idempotency_key(&headers)?,
    };
    Ok(started(&engine.start_execution(&caller, pool.parse()?, job.parse()?, start).await?))
}

pub(crate) async fn cancel_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    let execution = engine.cancel_data_job(&caller, pool.parse()?, job.parse()?).await?;
    Ok(match &execution {
        Some(execution) => started(execution),
        None => Json(json!({"executionId": null})),
    })
}

fn view(execution: &Execution, tasks: &[TaskExecution]) -> Value {
    let tasks: Vec<Value> = tasks
        .iter()
        .map(|task| {
            let steps: Vec<Value> = task
                .steps
                .iter()
                .map(|step| {
                    json!({
                        "name": step.name, "status": step.status, "message": step.message, "rows": step.rows,
                        "startedAt": step.started_at, "finishedAt": step.finished_at, "receipt": step.receipt,
                    })
                })
                .collect();
            json!({
                "id": task.task_id, "name": task.name, "type": task.kind, "status": task.status,
                "message": task.message, "startedAt": task.started_at, "finishedAt": task.finished_at,
                "steps": steps,
            })
        })
        .collect();
    json!({
        "id": execution.id, "poolId": execution.pool_id, "jobId": execution.job_id, "mode": execution.mode,
        "status": execution.status, "message": execution.message, "queuedAt": execution.queued_at,
        "startedAt": execution.started_at, "finishedAt": execution.finished_at, "tasks": tasks,
    })
}

pub(crate) async fn show(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<String>,
) -> Reply<Json<Value>> {
    let (execution, tasks) = engine.execution(&caller, id.parse()?).await?;
    Ok(Json(view(&execution, &tasks)))
}

pub(crate) async fn log_messages(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Reply<Json<Value>> {
    let (limit, number) = page.bounds()?;
    let (messages, total) = engine.log_messages(&caller, id.parse()?, None, &[], limit, number).await?;
    let messages: Vec<Value> = messages.iter().map(log_view).collect();
    Ok(Json(json!({"logMessages": messages, "total": total})))
}

pub(crate) async fn cancel(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<String>,
) -> Reply<Json<Value>> {
    Ok(started(&engine.cancel_execution(&caller, id.parse()?).await?))
}

/// Server-sent events: the whole execution at once and after every change, until it has ended.
pub(crate) async fn events(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<String>,
) -> Reply<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let id: ExecutionId = id.parse()?;
    let changes = engine.changes();
    engine.execution(&caller, id).await?;
    let state = Some((engine, caller, changes, true));
    let stream = futures::stream::unfold(state, move |state| async move {
        let (engine, caller, mut changes, first) = state?;
        if !first {
            loop {
                match changes.recv().await {
                    Ok(changed) if changed.0 != id => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return None,
                }
            }
        }
        let (event, finished) = snapshot(&engine, &caller, id).await?;
        let next = (!finished).then_some((engine, caller, changes, false));
        Some((Ok(event), next))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

async fn snapshot(engine: &Engine, caller: &Caller, id: ExecutionId) -> Option<(Event, bool)> {
    let (execution, tasks) = engine.execution(caller, id).await.ok()?;
    let event = Event::default().event("execution").json_data(view(&execution, &tasks)).ok()?;
    Some((event, execution.status.is_finished()))
}
