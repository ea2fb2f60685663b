//! One execution: how it goes, what it did to each table, how that stands beside the last time, and its log.

mod cancel;
mod chart;
mod compare;
mod log;
mod progress;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::{Error, Kind};
use forebay_core::execution::{Execution, Receipt, StepExecution, TaskExecution};
use forebay_core::id::{DataPoolId, ExecutionId, ModelTableId, TableExtractionId, TaskId};
use forebay_core::pool::DataPool;
use forebay_engine::{Engine, Past, Selection, TaskSelection};
use serde_json::{Value, json};

use self::cancel::CancelNotice;
use self::chart::Chart;
use self::compare::Comparison;
use self::log::{Asked, LEVELS, LogView};
use self::progress::Progress;
use super::form::{Filled, Nothing};
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use super::words::{Badge, duration, moment, number, took};
use forebay_api::{Problem, follow};

pub(super) use self::log::log_text;

#[derive(Template)]
#[template(path = "execution.html")]
struct ExecutionPage {
    frame: Frame,
    pool: DataPool,
    id: ExecutionId,
    /// `None` when it is no execution of a data job.
    job: Option<(String, String)>,
    badge: Badge,
    is_live: bool,
    mode: &'static str,
    queued: String,
    took: Option<String>,
    /// What it waits for, and why it was put back.
    waits: Vec<String>,
    message: Option<String>,
    /// That its end was asked for and has not come yet.
    cancel: Option<CancelNotice>,
    /// What would be executed again; `None` when nothing is to be, or not by whoever looks.
    again: Option<String>,
    /// The same as a body for the API.
    parts: Option<String>,
    chart: Option<Chart>,
    tasks: Vec<TaskView>,
    comparison: Option<Comparison>,
    asked: Asked,
    levels: [(&'static str, &'static str); 4],
    log: LogView,
    log_fault: Option<String>,
    base: String,
    fault: Option<String>,
}

struct TaskView {
    id: TaskId,
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
    progress: Progress,
}

impl TaskView {
    fn of(task: &TaskExecution, past: &Past, engine: &Engine) -> Self {
        let row = |step: &StepExecution| {
            let learned = past.learned(task.task_id, &step.name);
            StepRow::of(step, Progress::of(step, learned, engine.present()), engine)
        };
        Self {
            id: task.task_id,
            name: task.name.clone(),
            kind: task.kind.replace('_', " ").to_lowercase(),
            badge: task.status.into(),
            message: task.message.clone().unwrap_or_default(),
            steps: task.steps.iter().map(row).collect(),
        }
    }
}

impl StepRow {
    fn of(step: &StepExecution, progress: Progress, engine: &Engine) -> Self {
        let receipt = step.receipt.as_ref();
        let of =
            |value: fn(&Receipt) -> u64| receipt.map(|receipt| number(value(receipt))).unwrap_or_default();
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
            progress,
        }
    }
}

pub(super) async fn execution(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ExecutionId)>,
    Query(asked): Query<Asked>,
) -> Shown {
    shown(&engine, &signed_in, (pool, id), asked, None).await
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, id): (DataPoolId, ExecutionId),
    asked: Asked,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let found = engine.data_pool(caller, pool).await?;
    let (execution, tasks) = engine.execution(caller, id).await?;
    in_its_pool(&execution, pool)?;
    let job = engine.data_job(caller, pool, execution.job_id).await.ok();
    let past = engine.past_of_execution(caller, id).await?;
    let again = match engine.failed_parts(caller, id).await {
        Ok(parts) => Some(parts),
        Err(Error::Forbidden(_) | Error::Conflict { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let (log, log_fault) = match LogView::of(engine, caller, id, &tasks, &asked).await {
        Ok(log) => (log, None),
        Err(error @ Error::Invalid { .. }) => (LogView::default(), Some(Problem::from(error))),
        Err(error) => return Err(error.into()),
    };
    let mut waits: Vec<String> =
        engine.waits_for(&execution).await?.map(|waits| waits.text).into_iter().collect();
    waits
        .extend(execution.requeued_because.iter().map(|reason| format!("Put back into the queue: {reason}")));
    let is_live = !execution.status.is_finished();
    let comparison = past.before.as_ref().filter(|_| !is_live);
    let present = engine.present();
    let page = ExecutionPage {
        frame: Frame::of(signed_in),
        pool: found,
        id,
        job: job.map(|(job, _)| (job.id.to_string(), job.name.to_string())),
        badge: execution.status.into(),
        is_live,
        mode: execution.mode.as_str(),
        queued: moment(execution.queued_at),
        took: took(&execution, present),
        waits,
        message: execution.message.clone(),
        cancel: CancelNotice::of(&execution, engine.cancel_under_way(&execution), present),
        again: again.as_ref().map(|parts| parts.names.join(", ")),
        parts: again.as_ref().map(|parts| body(&execution, &parts.selection).to_string()),
        chart: Chart::of(&tasks, present),
        tasks: tasks.iter().map(|task| TaskView::of(task, &past, engine)).collect(),
        comparison: comparison.map(|before| Comparison::of((&execution, &tasks), before, present)),
        asked,
        levels: LEVELS,
        log,
        log_fault: log_fault.as_ref().map(Problem::detail),
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    let status = page::status_for(fault.as_ref().or(log_fault.as_ref()));
    Ok(page::shown(&page, status, &signed_in.browser))
}

/// News of an execution, for the page that shows it.
pub(super) async fn events(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ExecutionId)>,
) -> Shown {
    let (execution, _) = engine.execution(&signed_in.caller, id).await?;
    in_its_pool(&execution, pool)?;
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
    Ok(Redirect::to(&place(pool, id)).into_response())
}

/// Executes again what failed.
pub(super) async fn again(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ExecutionId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let (execution, _) = engine.execution(&signed_in.caller, id).await?;
    in_its_pool(&execution, pool)?;
    match engine.start_failed_parts(&signed_in.caller, id).await {
        Ok(started) => Ok(Redirect::to(&place(pool, started.id)).into_response()),
        Err(fault) => shown(&engine, &signed_in, (pool, id), Asked::default(), Some(fault.into())).await,
    }
}

/// What executes these parts by API.
fn body(execution: &Execution, selection: &Selection) -> Value {
    let extraction = |part: &TaskSelection<TableExtractionId>| {
        let subset = part.only.is_some();
        json!({"extractionId": part.task, "loadOnlySubsetOfTables": subset, "tables": part.only})
    };
    let load =
        |part: &TaskSelection<ModelTableId>| json!({"dataModelExecutionId": part.task, "tables": part.only});
    let extractions: Vec<Value> = selection.extractions.iter().flatten().map(extraction).collect();
    let loads: Vec<Value> = selection.loads.iter().flatten().map(load).collect();
    json!({
        "mode": execution.mode,
        "executeOnlySubsetOfTransformations": true, "transformations": selection.transformations,
        "executeOnlySubsetOfExtractions": true, "extractions": extractions,
        "loadOnlySubsetOfDataModels": true, "dataModels": loads,
    })
}

/// The address of an execution's page.
pub(super) fn place(pool: DataPoolId, execution: ExecutionId) -> String {
    format!("{}/{pool}/executions/{execution}", super::HOME)
}

fn in_its_pool(execution: &Execution, pool: DataPoolId) -> Result<(), Error> {
    match execution.pool_id == pool {
        true => Ok(()),
        false => Err(Error::not_found(Kind::Execution, execution.id)),
    }
}
