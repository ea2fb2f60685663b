//! What of a job is to be executed: its tasks and tables, each with what will happen to it.

mod estimates;
mod ticks;

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::Permission;
use forebay_core::error::{Error, Result};
use forebay_core::execution::{ExtractionMode, Priority};
use forebay_core::extraction::TableExtraction;
use forebay_core::id::{DataJobId, DataPoolId, ModelTableId, TaskId};
use forebay_core::job::{Activation, TableChoice, Task, TaskKind};
use forebay_core::pool::DataPool;
use forebay_engine::{Engine, LastLoad, Selection, StartExecution};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::estimates::estimates;

use self::ticks::{Ticks, selection, table_field, task_field};
use super::extraction::{self, Reading, key_in_words};
use super::form::Filled;
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use super::words::{moment, number};
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "execute.html")]
struct ExecutePage {
    frame: Frame,
    pool: DataPool,
    may_edit: bool,
    job_id: DataJobId,
    job_name: String,
    /// `None` for whoever may start the job and not see what it does.
    tasks: Option<Vec<TaskChoice>>,
    /// The tasks of each kind, as the API would be told them.
    extractions: String,
    transformations: String,
    loads: String,
    /// Where the source says how many rows it has; `None` when there is nothing to ask it.
    estimates: Option<String>,
    base: String,
    fault: Option<String>,
}

/// A task that can be ticked.
struct TaskChoice {
    id: TaskId,
    name: String,
    kind: &'static str,
    is_enabled: bool,
    is_ticked: bool,
    /// Of an extraction.
    tables: Vec<Extracted>,
    /// Of the load of a data model.
    loaded: Vec<Loaded>,
}

struct Extracted {
    field: String,
    name: String,
    is_enabled: bool,
    is_ticked: bool,
    key: String,
    reading: Reading,
    /// What a DELTA goes on from, as far as it was told.
    checkpoint: String,
    last: Option<Last>,
    /// Where the source says what it would be asked for.
    statements: String,
}

/// The last load of a table.
struct Last {
    place: String,
    at: String,
    mode: &'static str,
    read: String,
    after: String,
}

struct Loaded {
    field: String,
    name: String,
    is_ticked: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    job_id: String,
}

#[derive(Deserialize)]
pub(super) struct ExecuteForm {
    mode: String,
    #[serde(flatten)]
    ticked: HashMap<String, String>,
}

pub(super) async fn dialog(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    shown(&engine, &signed_in, (pool, asked.job_id.parse()?), Ticks(None), None).await
}

pub(super) async fn execute_chosen(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<ExecuteForm>,
) -> Shown {
    let job = asked.job_id.parse()?;
    let started = async {
        let mode = match form.mode.as_str() {
            "FULL" => ExtractionMode::Full,
            "DELTA" => ExtractionMode::Delta,
            _ => return Err(Error::invalid("mode", "must be FULL or DELTA")),
        };
        let selection = match engine.tasks(&signed_in.caller, pool, job).await {
            Ok(tasks) => {
                let mut loads = HashMap::new();
                for task in &tasks {
                    loads.insert(task.id, usual_tables(&engine, &signed_in, task).await?);
                }
                selection(&tasks, &loads, &Ticks(Some(&form.ticked)))?
            }
            // Whoever does not see the tasks cannot choose among them.
            Err(Error::Forbidden(_)) => Selection::default(),
            Err(error) => return Err(error),
        };
        let start = StartExecution { mode, selection, idempotency_key: None, priority: Priority::Normal };
        engine.start_execution(&signed_in.caller, pool, job, start).await
    };
    match started.await {
        Ok(execution) => {
            let place = format!("{}/{pool}/executions/{}", super::HOME, execution.id);
            Ok(Redirect::to(&place).into_response())
        }
        Err(fault) => {
            let ticks = Ticks(Some(&form.ticked));
            shown(&engine, &signed_in, (pool, job), ticks, Some(fault.into())).await
        }
    }
}

/// The tables that a task loads of a model when nothing else is said; none for the other kinds of tasks.
async fn usual_tables(engine: &Engine, signed_in: &SignedIn, task: &Task) -> Result<Vec<ModelTableId>> {
    let TaskKind::DataModelLoad(load) = &task.kind else { return Ok(Vec::new()) };
    let model = engine.data_model(&signed_in.caller, task.pool_id, load.data_model_id).await?.model;
    let is_usual = |id: &ModelTableId| match &load.tables {
        TableChoice::All => true,
        TableChoice::Only(chosen) => chosen.contains(id),
    };
    Ok(model.tables.iter().map(|table| table.id).filter(is_usual).collect())
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, job): (DataPoolId, DataJobId),
    ticks: Ticks<'_>,
    fault: Option<Problem>,
) -> std::result::Result<Response, Failed> {
    let caller = &signed_in.caller;
    let (job, _) = engine.data_job(caller, pool, job).await?;
    let tasks = match engine.tasks(caller, pool, job.id).await {
        Ok(tasks) => {
            let last = engine.last_loads(caller, pool, job.id).await?;
            let mut choices = Vec::new();
            for task in &tasks {
                choices.push(TaskChoice::of(engine, signed_in, task, &last, &ticks).await?);
            }
            Some(choices)
        }
        Err(Error::Forbidden(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let shown = tasks.as_deref().unwrap_or_default();
    let page = ExecutePage {
        frame: Frame::of(signed_in),
        pool: engine.data_pool(caller, pool).await?,
        may_edit: engine.held_permissions(caller, pool).await?.contains(&Permission::Edit),
        job_id: job.id,
        job_name: job.name.to_string(),
        extractions: named(shown, "Extraction", |id| json!({"extractionId": id})),
        transformations: named(shown, "Transformation", |id| json!(id)),
        loads: named(shown, "Data model load", |id| json!({"dataModelExecutionId": id})),
        estimates: (job.connection_id.is_some() && shown.iter().any(|task| !task.tables.is_empty()))
            .then(|| estimates::place(pool, job.id)),
        tasks,
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}

/// The tasks of a kind that are switched on, as the API is told them.
fn named(tasks: &[TaskChoice], kind: &str, told: impl Fn(TaskId) -> Value) -> String {
    let of_kind = tasks.iter().filter(|task| task.kind == kind && task.is_enabled);
    Value::from_iter(of_kind.map(|task| told(task.id))).to_string()
}

impl TaskChoice {
    async fn of(
        engine: &Engine,
        signed_in: &SignedIn,
        task: &Task,
        last: &[LastLoad],
        ticks: &Ticks<'_>,
    ) -> Result<Self> {
        let mut choice = Self {
            id: task.id,
            name: task.name.to_string(),
            kind: "Transformation",
            is_enabled: task.activation == Activation::Enabled,
            is_ticked: ticks.has(&task_field(task.id)),
            tables: Vec::new(),
            loaded: Vec::new(),
        };
        match &task.kind {
            TaskKind::Transformation(_) => {}
            TaskKind::Extraction(tables) => {
                choice.kind = "Extraction";
                let of = |table: &TableExtraction| Extracted::of(task, table, last, ticks);
                choice.tables = tables.iter().map(of).collect();
            }
            TaskKind::DataModelLoad(load) => {
                choice.kind = "Data model load";
                let model = engine.data_model(&signed_in.caller, task.pool_id, load.data_model_id).await?;
                let usual = usual_tables(engine, signed_in, task).await?;
                let tables = model.model.tables.iter();
                choice.loaded = tables
                    .map(|table| {
                        let field = table_field(task.id, table.id);
                        let is_ticked = match ticks.0 {
                            Some(_) => ticks.has(&field),
                            None => usual.contains(&table.id),
                        };
                        Loaded { field, name: table.alias_or_name().to_string(), is_ticked }
                    })
                    .collect();
            }
        }
        Ok(choice)
    }
}

impl Extracted {
    fn of(task: &Task, table: &TableExtraction, last: &[LastLoad], ticks: &Ticks<'_>) -> Self {
        let field = table_field(task.id, table.id);
        let last = last.iter().find(|load| load.task == task.id && load.table == table.id);
        Self {
            is_ticked: ticks.has(&field),
            field,
            name: table.target_name().to_string(),
            is_enabled: table.activation == Activation::Enabled,
            key: key_in_words(table),
            reading: Reading::of(table),
            statements: format!("{}&sql=on#asked", extraction::place(task, table.id)),
            checkpoint: last.and_then(|load| load.receipt.checkpoint_after.clone()).unwrap_or_default(),
            last: last.map(|load| Last {
                place: format!("{}/{}/executions/{}", super::HOME, task.pool_id, load.execution),
                at: moment(load.at),
                mode: load.mode.as_str(),
                read: number(load.receipt.rows_read),
                after: number(load.receipt.rows_after),
            }),
        }
    }
}
