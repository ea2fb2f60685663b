//! What executions did, as the wire contract tells it: newest first, the error of a failed task at
//! the top of its messages.

use axum::Json;
use axum::extract::{Path, Query, RawQuery, State};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::execution::{Execution, LogLevel, LogMessage};
use forebay_core::id::{DataJobId, ExecutionId, TaskId};
use forebay_engine::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::problem::Reply;

/// Entries on a page when the caller does not say.
const PAGE: u32 = 100;
/// The most entries on a page.
const PAGE_LIMIT: u32 = 1000;

#[derive(Deserialize)]
pub(crate) struct Page {
    limit: Option<u32>,
    page: Option<u32>,
}

impl Page {
    /// The limit and the page's number, from 0.
    pub(crate) fn bounds(&self) -> Result<(u32, u32)> {
        let limit = self.limit.unwrap_or(PAGE);
        if limit == 0 || limit > PAGE_LIMIT {
            return Err(Error::invalid("limit", format!("must be between 1 and {PAGE_LIMIT}")));
        }
        Ok((limit, self.page.unwrap_or(0)))
    }
}

fn pages(total: u64, limit: u32) -> u64 {
    total.div_ceil(u64::from(limit))
}

pub(crate) async fn status(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
) -> Reply<Json<Value>> {
    let jobs = engine.data_jobs(&caller, pool.parse()?).await?;
    Ok(Json(
        jobs.iter()
            .map(|(job, latest)| {
                json!({
                    "id": job.id,
                    "status": latest.as_ref().map(|execution| execution.status),
                    "lastExecutionStartDate": latest.as_ref().map(|execution| execution.queued_at),
                })
            })
            .collect(),
    ))
}

fn item(execution: &Execution, name: &str) -> Value {
    json!({
        "id": execution.id, "poolId": execution.pool_id, "executionId": execution.id, "jobId": execution.job_id,
        "taskId": null, "stepId": null, "schedulingId": null, "name": name, "status": execution.status,
        "startDate": execution.queued_at, "endDate": execution.finished_at, "type": "JOB",
        "mode": execution.mode, "executionOrder": 0, "monitored": false,
    })
}

pub(crate) async fn executions(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
    Query(page): Query<Page>,
) -> Reply<Json<Value>> {
    let (pool, job) = (pool.parse()?, job.parse()?);
    let (limit, number) = page.bounds()?;
    let (found, total) = engine.executions(&caller, pool, job, limit, number).await?;
    let (job, _) = engine.data_job(&caller, pool, job).await?;
    let items: Vec<Value> = found.iter().map(|execution| item(execution, job.name.as_str())).collect();
    Ok(Json(json!({"executionItems": items, "numOfPages": pages(total, limit)})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ItemQuery {
    execution_id: Option<String>,
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

fn execution_id(text: Option<&str>) -> Result<ExecutionId> {
    text.ok_or_else(|| Error::invalid("executionId", "is missing"))?.parse()
}

/// The items one level below `id`: tasks of a job, or steps of a task.
pub(crate) async fn items(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
    Query(query): Query<ItemQuery>,
) -> Reply<Json<Value>> {
    let (execution, tasks) = engine.execution(&caller, execution_id(query.execution_id.as_deref())?).await?;
    if execution.pool_id != pool.parse()? {
        return Err(Error::not_found(Kind::Execution, execution.id).into());
    }
    let base = |status, name: &str, start, end, kind: &str| {
        json!({
            "poolId": execution.pool_id, "executionId": execution.id, "jobId": execution.job_id,
            "schedulingId": null, "name": name, "status": status, "startDate": start, "endDate": end,
            "type": kind, "mode": execution.mode, "monitored": false,
        })
    };
    let mut items = Vec::new();
    match query.kind.as_deref() {
        None | Some("TASK") => {
            if let Some(id) = query.id.as_deref()
                && id.parse::<DataJobId>()? != execution.job_id
            {
                return Err(Error::not_found(Kind::DataJob, id).into());
            }
            for task in &tasks {
                let mut item = base(task.status, &task.name, task.started_at, task.finished_at, "TASK");
                item["id"] = json!(format!("{}-{}", execution.id, task.task_id));
                item["taskId"] = json!(task.task_id);
                item["executionOrder"] = json!(task.position);
                items.push(item);
            }
        }
        Some("STEP") => {
            let id = query.id.unwrap_or_default();
            let task = tasks
                .iter()
                .find(|task| task.task_id.to_string() == id)
                .ok_or_else(|| Error::not_found(Kind::Task, &id))?;
            for step in &task.steps {
                let mut item = base(step.status, &step.name, step.started_at, step.finished_at, "STEP");
                let step_id = format!("{}-{}", task.task_id, step.position);
                item["id"] = json!(format!("{}-{step_id}", execution.id));
                item["taskId"] = json!(task.task_id);
                item["stepId"] = json!(step_id);
                item["executionOrder"] = json!(step.position);
                items.push(item);
            }
        }
        Some(_) => return Err(Error::invalid("type", "must be TASK or STEP").into()),
    }
    Ok(Json(Value::Array(items)))
}

pub(crate) fn log_view(message: &LogMessage) -> Value {
    json!({
        "id": message.id,
        "executionItemId": match message.task_id {
            Some(task) => format!("{}-{task}", message.execution_id),
            None => message.execution_id.to_string(),
        },
        "taskId": message.task_id, "level": message.level, "date": message.at, "logMessage": message.text,
        "logTranslationCode": message.code, "logTranslationParameters": [],
    })
}

fn level(text: &str) -> Result<LogLevel> {
    match text {
        "DEBUG" => Ok(LogLevel::Debug),
        "INFO" => Ok(LogLevel::Info),
        "WARNING" => Ok(LogLevel::Warning),
        "ERROR" => Ok(LogLevel::Error),
        _ => Err(Error::invalid("logLevels", "must be DEBUG, INFO, WARNING or ERROR")),
    }
}

/// The messages of a task, or of the whole execution when `type` is JOB.
pub(crate) async fn detail(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
    Query(query): Query<ItemQuery>,
    Query(page): Query<Page>,
    RawQuery(raw): RawQuery,
) -> Reply<Json<Value>> {
    let id = execution_id(query.execution_id.as_deref())?;
    let (execution, _) = engine.execution(&caller, id).await?;
    if execution.pool_id != pool.parse()? {
        return Err(Error::not_found(Kind::Execution, id).into());
    }
    // A step's id begins with its task's, whose messages are the finest there are.
    let task: Option<TaskId> = match query.kind.as_deref() {
        Some("JOB") => None,
        _ => query.id.as_deref().map(|id| id.get(..36).unwrap_or(id).parse()).transpose()?,
    };
    // The parameter repeats, which a map of the query would lose.
    let levels = raw
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.strip_prefix("logLevels="))
        .map(level)
        .collect::<Result<Vec<_>>>()?;
    let (limit, number) = page.bounds()?;
    let (messages, total) = engine.log_messages(&caller, id, task, &levels, limit, number).await?;
    let messages: Vec<Value> = messages.iter().map(log_view).collect();
    Ok(Json(json!({"logMessages": messages, "numOfPages": pages(total, limit)})))
}
