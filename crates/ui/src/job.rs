//! One job: its tasks, its last executions, and how it is started. The address of the page has the ids that scripts
//! need: `/integration/ui/pools/{poolId}/data-configuration/data-jobs?jobId={jobId}`.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::Permission;
use forebay_core::error::Error;
use forebay_core::execution::{Execution, ExtractionMode, Priority};
use forebay_core::id::{
    DataJobId, DataModelId, DataPoolId, ExecutionId, ModelTableId, TableExtractionId, TaskId,
};
use forebay_core::job::{Activation, ModelLoad, TableChoice, Task, TaskKind};
use forebay_core::pool::DataPool;
use forebay_engine::{Engine, SeenModel, Selection, StartExecution};
use serde::Deserialize;

use super::form::Filled;
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use super::words::{Badge, moment, took};
use forebay_api::Problem;

/// The executions that are shown.
const LATEST: u32 = 20;

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    pool: DataPool,
    id: DataJobId,
    name: String,
    connection: Option<String>,
    /// `None` for whoever may start the job and not see what it does.
    tasks: Option<Vec<TaskRow>>,
    may_edit: bool,
    may_execute: bool,
    executions: Vec<ExecutionRow>,
    /// How many there are, with those that are not shown.
    count: u64,
    base: String,
    fault: Option<String>,
}

struct TaskRow {
    id: TaskId,
    name: String,
    kind: &'static str,
    is_enabled: bool,
    /// The tables of an extraction: their ids, their names, and how each is read.
    tables: Vec<(TableExtractionId, String, String)>,
    /// The SQL of a transformation.
    statement: Option<String>,
    load: Option<LoadedModel>,
}

/// What a task loads.
struct LoadedModel {
    id: DataModelId,
    name: String,
    /// Which of its tables, in words.
    tables: String,
}

impl LoadedModel {
    fn of(load: &ModelLoad, models: &[SeenModel]) -> Self {
        let found = models.iter().map(|seen| &seen.model).find(|model| model.id == load.data_model_id);
        let name = |id: &ModelTableId| match found.and_then(|model| model.table(*id)) {
            Some(table) => table.alias_or_name().to_string(),
            None => format!("{id}, which is not in the model any more"),
        };
        Self {
            id: load.data_model_id,
            name: found.map_or_else(|| load.data_model_id.to_string(), |model| model.name.to_string()),
            tables: match &load.tables {
                TableChoice::All => "all tables".to_owned(),
                TableChoice::Only(tables) if tables.is_empty() => "none of its tables".to_owned(),
                TableChoice::Only(tables) => tables.iter().map(name).collect::<Vec<_>>().join(", "),
            },
        }
    }
}

impl TaskRow {
    fn of(task: &Task, models: &[SeenModel]) -> Self {
        let mut load = None;
        let (kind, tables, statement) = match &task.kind {
            TaskKind::Extraction(tables) => {
                let table = |table: &forebay_core::extraction::TableExtraction| {
                    let target = table.target_name();
                    let mut told = Vec::new();
                    if target.as_str() != table.table.name.as_str() {
                        told.push(format!("→ {target}"));
                    }
                    if let Some(column) = &table.change_date {
                        told.push(format!("changes by {}", column.column));
                    }
                    if table.activation == Activation::Disabled {
                        told.push("off".to_owned());
                    }
                    (table.id, table.table.to_string(), told.join(", "))
                };
                ("Extraction", tables.iter().map(table).collect(), None)
            }
            TaskKind::Transformation(statement) => ("Transformation", Vec::new(), statement.clone()),
            TaskKind::DataModelLoad(loaded) => {
                load = Some(LoadedModel::of(loaded, models));
                ("Data model load", Vec::new(), None)
            }
        };
        let is_enabled = task.activation == Activation::Enabled;
        Self { id: task.id, name: task.name.to_string(), kind, is_enabled, tables, statement, load }
    }
}

struct ExecutionRow {
    id: ExecutionId,
    badge: Badge,
    mode: &'static str,
    queued: String,
    took: String,
    message: String,
}

impl ExecutionRow {
    fn of(execution: &Execution, engine: &Engine) -> Self {
        Self {
            id: execution.id,
            badge: execution.status.into(),
            mode: execution.mode.as_str(),
            queued: moment(execution.queued_at),
            took: took(execution, engine.present()).unwrap_or_default(),
            message: execution.message.clone().unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    job_id: Option<String>,
}

impl Asked {
    /// `None`: no job is asked for.
    fn job(&self) -> Result<Option<DataJobId>, Error> {
        self.job_id.as_deref().filter(|id| !id.is_empty()).map(str::parse).transpose()
    }
}

#[derive(Deserialize)]
pub(super) struct ExecuteForm {
    mode: String,
}

pub(super) async fn data_jobs(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    match asked.job()? {
        Some(job) => shown(&engine, &signed_in, pool, job, None).await,
        // The pool's page has the list.
        None => Ok(Redirect::to(&format!("{}/{pool}", super::HOME)).into_response()),
    }
}

pub(super) async fn execute(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<ExecuteForm>,
) -> Shown {
    let job = asked.job()?.ok_or_else(|| Error::invalid("jobId", "is missing"))?;
    let mode = match form.mode.as_str() {
        "FULL" => ExtractionMode::Full,
        "DELTA" => ExtractionMode::Delta,
        _ => return Err(Error::invalid("mode", "must be FULL or DELTA").into()),
    };
    let (selection, priority) = (Selection::default(), Priority::Normal);
    let start = StartExecution { mode, selection, idempotency_key: None, priority };
    match engine.start_execution(&signed_in.caller, pool, job, start).await {
        Ok(execution) => {
            let place = format!("{}/{pool}/executions/{}", super::HOME, execution.id);
            Ok(Redirect::to(&place).into_response())
        }
        Err(fault) => shown(&engine, &signed_in, pool, job, Some(fault.into())).await,
    }
}

/// The address of a job's page.
pub(super) fn place(pool: DataPoolId, job: DataJobId) -> String {
    format!("{}/{pool}/data-configuration/data-jobs?jobId={job}", super::HOME)
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    pool: DataPoolId,
    job: DataJobId,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let found = engine.data_pool(caller, pool).await?;
    let (job, _) = engine.data_job(caller, pool, job).await?;
    let tasks = match engine.tasks(caller, pool, job.id).await {
        Ok(tasks) => {
            let loads = tasks.iter().any(|task| matches!(task.kind, TaskKind::DataModelLoad(_)));
            let models = if loads { engine.data_models(caller, pool).await? } else { Vec::new() };
            Some(tasks.iter().map(|task| TaskRow::of(task, &models)).collect())
        }
        Err(Error::Forbidden(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let connection = match job.connection_id {
        Some(connection) => engine.data_connection(caller, pool, connection).await.ok(),
        None => None,
    };
    let (executions, count) = engine.executions(caller, pool, job.id, LATEST, 0).await?;
    let held = engine.held_permissions(caller, pool).await?;
    let has = |permission| held.contains(&permission);
    let page = JobPage {
        may_edit: has(Permission::Edit),
        may_execute: has(Permission::Execute) || (has(Permission::View) && has(Permission::Manage)),
        frame: Frame::of(signed_in),
        pool: found,
        id: job.id,
        name: job.name.to_string(),
        connection: connection.map(|connection| connection.name.to_string()),
        tasks,
        executions: executions.iter().map(|execution| ExecutionRow::of(execution, engine)).collect(),
        count,
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}
