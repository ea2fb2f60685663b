//! Loads of data models: which tasks of which executions load which model, and what they warned of.

use forebay_core::Result;
use forebay_core::execution::{Status, TaskExecution};
use forebay_core::id::{DataModelId, DataPoolId, ExecutionId, TaskId};
use forebay_core::model::load::{ModelLoadRecord, PlannedLoad};

use crate::Store;
use crate::db::{self, Connection, Row};
use crate::executions::read_execution;

/// The most warnings that are kept of a load. The log has all.
const MOST_WARNINGS: u32 = 100;

/// What is told of loads, in one row for each. Statements are constants, which is why this is no function.
macro_rules! loads {
    ($which:expr) => {
        concat!(
            "select executions.*, model_loads.kind as load_kind, model_loads.loaded_tables, model_loads.warnings,
                 model_loads.model_id, told.task_id, told.name as task_name, told.kind as task_kind, told.position,
                 told.status as task_status, told.message as task_message, told.started_at as task_started_at,
                 told.finished_at as task_finished_at ",
            load_rows!("model_loads"),
            $which
        )
    };
}

/// Loads with their tasks and executions.
macro_rules! load_rows {
    ($first:literal) => {
        concat!(
            "from ",
            $first,
            " join task_executions as told
                 on told.execution_id = model_loads.execution_id and told.task_id = model_loads.task_id
             join executions on executions.id = model_loads.execution_id "
        )
    };
}

/// Those that are told at all: reloads from when they are queued, and what data jobs have begun.
macro_rules! is_told {
    () => {
        "(executions.job_id = model_loads.model_id or told.started_at is not null)"
    };
}

/// Those that are live come first, then the newest.
macro_rules! order {
    () => {
        "case when executions.job_id = model_loads.model_id then executions.status else told.status end
             in ('QUEUED', 'RUNNING') desc,
         case when executions.job_id = model_loads.model_id then executions.queued_at else told.started_at end desc,
         executions.seq desc, told.position desc"
    };
}

/// The loads of the model `$1` that stand as `$2` says, or all.
const LOADS: &str = loads!(concat!(
    "where model_loads.model_id = $1 and ($2 is null or told.status = $2) and ",
    is_told!(),
    " order by ",
    order!(),
    " limit $3"
));

/// The first load of each model of the pool `$1`.
const NEWEST_LOADS: &str = loads!(concat!(
    "where (model_loads.execution_id, model_loads.task_id) in (
         select execution_id, task_id from (
             select model_loads.execution_id, model_loads.task_id,
                 row_number() over (partition by model_loads.model_id order by ",
    order!(),
    ") as place ",
    load_rows!("data_models join model_loads on model_loads.model_id = data_models.id"),
    "where data_models.pool_id = $1 and ",
    is_told!(),
    ") where place = 1)"
));

impl Store {
    /// The newest loads of a model: those that are live, then the newest.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn model_loads(&self, model: DataModelId, limit: u32) -> Result<Vec<ModelLoadRecord>> {
        self.loads(model, None, limit).await
    }

    /// The load of each model of a pool that is live, or else its newest; none of a model that was never loaded.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn newest_model_loads(&self, pool: DataPoolId) -> Result<Vec<ModelLoadRecord>> {
        self.scan(move |connection| {
            let rows =
                db::query(NEWEST_LOADS).bind(pool.to_string()).fetch_all(connection).map_err(db::error)?;
            rows.iter().map(record).collect()
        })
        .await
    }

    /// The newest load of a model that has published it.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn last_published_load(&self, model: DataModelId) -> Result<Option<ModelLoadRecord>> {
        Ok(self.loads(model, Some(Status::Success), 1).await?.pop())
    }

    async fn loads(
        &self,
        model: DataModelId,
        status: Option<Status>,
        limit: u32,
    ) -> Result<Vec<ModelLoadRecord>> {
        self.scan(move |connection| {
            let rows = db::query(LOADS)
                .bind(model.to_string())
                .bind(status.map(Status::as_str))
                .bind(limit)
                .fetch_all(connection)
                .map_err(db::error)?;
            rows.iter().map(record).collect()
        })
        .await
    }

    /// Those models of a pool of which a version was published, as far as executions are kept.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn loaded_models(&self, pool: DataPoolId) -> Result<Vec<DataModelId>> {
        self.scan(move |connection| {
            let rows = db::query(
                "select id from data_models
                 where pool_id = $1 and exists (
                     select 1 from model_loads
                     join task_executions as told
                         on told.execution_id = model_loads.execution_id and told.task_id = model_loads.task_id
                     where model_loads.model_id = data_models.id and told.status = 'SUCCESS'
                 )",
            )
            .bind(pool.to_string())
            .fetch_all(connection)
            .map_err(db::error)?;
            rows.iter().map(|row| db::id(row, "id")).collect()
        })
        .await
    }
}

/// Writes down that a task of an execution loads a model.
pub(crate) fn insert(transaction: &Connection, execution: &str, load: &PlannedLoad) -> Result<()> {
    db::query(
        "insert into model_loads (execution_id, task_id, model_id, kind, loaded_tables, warnings)
         values ($1, $2, $3, $4, $5, '[]')",
    )
    .bind(execution)
    .bind(load.task_id.to_string())
    .bind(load.model_id.to_string())
    .bind(load.kind.as_str())
    .bind(db::to_json(&load.tables)?)
    .execute(transaction)
    .map(drop)
    .map_err(db::error)
}

/// Keeps a warning of a load.
pub(crate) fn note_warning(
    transaction: &Connection,
    execution: ExecutionId,
    task: TaskId,
    text: &str,
) -> Result<()> {
    db::query(
        "update model_loads set warnings = json_insert(warnings, '$[#]', $3)
         where execution_id = $1 and task_id = $2 and json_array_length(warnings) < $4",
    )
    .bind(execution.to_string())
    .bind(task.to_string())
    .bind(text)
    .bind(MOST_WARNINGS)
    .execute(transaction)
    .map(drop)
    .map_err(db::error)
}

/// A task that begins again has warned of nothing yet.
pub(crate) fn forget_warnings(transaction: &Connection, execution: ExecutionId, task: TaskId) -> Result<()> {
    db::query(
        "update model_loads set warnings = '[]' where execution_id = $1 and task_id = $2 and warnings <> '[]'",
    )
    .bind(execution.to_string())
    .bind(task.to_string())
    .execute(transaction)
    .map(drop)
    .map_err(db::error)
}

fn record(row: &Row) -> Result<ModelLoadRecord> {
    let planned = PlannedLoad {
        task_id: db::id(row, "task_id")?,
        model_id: db::id(row, "model_id")?,
        kind: db::word(row, "load_kind")?,
        tables: db::json(row, "loaded_tables")?,
    };
    let status: Status = db::word(row, "task_status")?;
    let task = TaskExecution {
        task_id: planned.task_id,
        name: db::get(row, "task_name")?,
        kind: db::get(row, "task_kind")?,
        position: db::get(row, "position")?,
        status,
        message: db::get(row, "task_message")?,
        started_at: db::optional_time(row, "task_started_at")?,
        finished_at: db::optional_time(row, "task_finished_at")?,
        steps: Vec::new(),
    };
    let warnings: Vec<String> = db::json(row, "warnings")?;
    Ok(ModelLoadRecord::new(planned, &read_execution(row)?, &task, warnings))
}
