//! One execution: how it goes, what it did to each table, and its log.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use forebay_core::error::{Error, Kind};
use forebay_core::execution::{Execution, LogLevel, LogMessage, StepExecution, TaskExecution};
use forebay_core::id::{DataPoolId, ExecutionId};
use forebay_core::pool::DataPool;
use forebay_engine::Engine;
use serde::Deserialize;

use super::form::{Filled, Nothing};
use super::page::{self, At, Frame, Shown};
use super::session::SignedIn;
use super::words::{Badge, duration, moment, number, took};
use crate::api::follow;

/// The messages on one page of the log.
const MESSAGES: u32 = 200;

#[derive(Template)]
#[template(path = "ui/execution.html")]
struct ExecutionPage {
    frame: Frame,
    pool: DataPool,
    id: ExecutionId,
    job: Option<(String, String)>,
    badge: Badge,
    is_live: bool,
    mode: &'static str,
    queued: String,
    took: Option<String>,
    /// What it waits for, and why it was put back.
    waits: Vec<String>,
    message: Option<String>,
    tasks: Vec<TaskView>,
    levels: &'static str,
    messages: Vec<MessageRow>,
    hidden: u64,
    base: String,
}

struct TaskView {
    name: String,
    kind: String,
    badge: Badge,
    message: String,
    steps: Vec<StepRow>,
}

/// What happened to one table, or what one statement did.
struct StepRow {
    name: String,
    badge: Badge,
    message: String,
    read: String,
    inserted: String,
    updated: String,
    deleted: String,
    after: String,
    took: String,
}

struct MessageRow {
    at: String,
    level: &'static str,
    text: String,
}

impl TaskView {
    fn of(task: &TaskExecution, engine: &Engine) -> Self {
        Self {
            name: task.name.clone(),
            kind: task.kind.replace('_', " ").to_lowercase(),
            badge: task.status.into(),
            message: task.message.clone().unwrap_or_default(),
            steps: task.steps.iter().map(|step| StepRow::of(step, engine)).collect(),
        }
    }
}

impl StepRow {
    fn of(step: &StepExecution, engine: &Engine) -> Self {
        let receipt = step.receipt.as_ref();
        let of = |value: fn(&forebay_core::execution::Receipt) -> u64| {
            receipt.map(|receipt| number(value(receipt))).unwrap_or_default()
        };
        let end = step.finished_at.unwrap_or_else(|| engine.present());
        let took = step.started_at.map(|begun| duration(end.as_millis() - begun.as_millis()));
        Self {
            name: step.name.clone(),
            badge: step.status.into(),
            message: step.message.clone().unwrap_or_default(),
            read: if receipt.is_some() { of(|receipt| receipt.rows_read) } else { number(step.rows) },
            inserted: of(|receipt| receipt.rows_inserted),
            updated: of(|receipt| receipt.rows_updated),
            deleted: of(|receipt| receipt.rows_deleted),
            after: of(|receipt| receipt.rows_after),
            took: took.unwrap_or_default(),
        }
    }
}

impl MessageRow {
    fn of(message: &LogMessage) -> Self {
        let level = match message.level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warning => "warning",
            LogLevel::Error => "error",
        };
        Self { at: moment(message.at), level, text: message.text.clone() }
    }
}

/// Which messages of the log.
#[derive(Deserialize)]
pub(super) struct Asked {
    levels: Option<String>,
}

impl Asked {
    fn levels(&self) -> (&'static str, &'static [LogLevel]) {
        match self.levels.as_deref() {
            Some("problems") => ("problems", &[LogLevel::Warning, LogLevel::Error]),
            _ => ("all", &[]),
        }
    }
}

pub(super) async fn execution(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ExecutionId)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let caller = &signed_in.caller;
    let found = engine.data_pool(caller, pool).await?;
    let (execution, tasks) = engine.execution(caller, id).await?;
    in_its_pool(&execution, pool)?;
    let job = engine.data_job(caller, pool, execution.job_id).await.ok();
    let (levels, wanted) = asked.levels();
    let (messages, count) = engine.log_messages(caller, id, None, wanted, MESSAGES, 0).await?;
    let mut waits: Vec<String> =
        engine.waits_for(&execution).await?.map(|waits| waits.text).into_iter().collect();
    waits
        .extend(execution.requeued_because.iter().map(|reason| format!("Put back into the queue: {reason}")));
    let page = ExecutionPage {
        frame: Frame::of(&signed_in),
        pool: found,
        id,
        job: job.map(|(job, _)| (job.id.to_string(), job.name.to_string())),
        badge: execution.status.into(),
        is_live: !execution.status.is_finished(),
        mode: execution.mode.as_str(),
        queued: moment(execution.queued_at),
        took: took(&execution, engine.present()),
        waits,
        message: execution.message.clone(),
        tasks: tasks.iter().map(|task| TaskView::of(task, &engine)).collect(),
        levels,
        hidden: count.saturating_sub(messages.len() as u64),
        messages: messages.iter().map(MessageRow::of).collect(),
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, StatusCode::OK, &signed_in.browser))
}

/// News of an execution, for the page that shows it.
pub(super) async fn events(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((_, id)): At<(DataPoolId, ExecutionId)>,
) -> Shown {
    Ok(follow(engine, signed_in.caller, id).await?.into_response())
}

pub(super) async fn cancel(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ExecutionId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let (execution, _) = engine.execution(&signed_in.caller, id).await?;
    in_its_pool(&execution, pool)?;
    engine.cancel_execution(&signed_in.caller, id).await?;
    Ok(Redirect::to(&format!("{}/{pool}/executions/{id}", super::HOME)).into_response())
}

fn in_its_pool(execution: &Execution, pool: DataPoolId) -> Result<(), Error> {
    match execution.pool_id == pool {
        true => Ok(()),
        false => Err(Error::not_found(Kind::Execution, execution.id)),
    }
}
