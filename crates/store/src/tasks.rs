//! Tasks of a job. Their positions run from 0 without gaps, whatever is inserted, moved or deleted.

use forebay_core::error::Kind;
use forebay_core::id::{DataJobId, DataPoolId, TaskId};
use forebay_core::job::{Task, TaskKind};
use forebay_core::parameter::Parameter;
use forebay_core::{Error, Result};

use crate::db::{self, Connection, Query, Row};
use crate::{Store, jobs, parameters};

impl Store {
    /// Inserts a task at its position and moves those from there on; a negative position, or one past the end,
    /// appends. Returns the task with the position it got.
    ///
    /// # Errors
    /// `NotFound` for the job.
    pub async fn create_task(&self, task: &Task) -> Result<Task> {
        self.create_task_with_parameters(task, &[]).await
    }

    /// The same with parameters of the task, all of it or nothing.
    ///
    /// # Errors
    /// `NotFound` for the job, `Conflict` when a parameter of the pool that one of them names has gone.
    pub async fn create_task_with_parameters(&self, task: &Task, parameters: &[Parameter]) -> Result<Task> {
        self.transact(|transaction| {
            let count = count(transaction, task.pool_id, task.job_id)?;
            let task = Task { position: place(task.position, count), ..task.clone() };
            shift(transaction, &task, 1)?;
            insertion(&task)?.execute(transaction).map_err(|error| match db::is_foreign_key(&error) {
                true => jobs::not_found(task.job_id),
                false => db::error_or_duplicate(error, || format!("there already is a task `{}`", task.id)),
            })?;
            for parameter in parameters {
                parameters::insertion(parameter)?.execute(transaction).map_err(|error| {
                    match db::is_foreign_key(&error) {
                        true => Error::conflict("a parameter was deleted meanwhile; try again"),
                        false => db::error(error),
                    }
                })?;
            }
            Ok(task)
        })
        .await
    }

    /// The tasks of a job, in order.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn tasks(&self, job: DataJobId) -> Result<Vec<Task>> {
        let rows = db::query("select * from tasks where job_id = $1 order by position")
            .bind(job.to_string())
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(task).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn task(&self, pool: DataPoolId, job: DataJobId, id: TaskId) -> Result<Task> {
        let row = db::query("select * from tasks where pool_id = $1 and job_id = $2 and id = $3")
            .bind(pool.to_string())
            .bind(job.to_string())
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        task(&row.ok_or_else(|| not_found(id))?)
    }

    /// The task whose own id this is, or else the first whose template's id it is.
    ///
    /// # Errors
    /// `NotFound`, also when the text is no id at all.
    pub async fn task_by_template_or_instance(
        &self,
        pool: DataPoolId,
        job: DataJobId,
        id_text: &str,
    ) -> Result<Task> {
        let id: TaskId = id_text.parse()?;
        let row = db::query(
            "select * from tasks where pool_id = $1 and job_id = $2 and (id = $3 or template_id = $3)
             order by (id = $3) desc, position limit 1",
        )
        .bind(pool.to_string())
        .bind(job.to_string())
        .bind(id.to_string())
        .fetch_optional(&*self.read()?)
        .map_err(db::error)?;
        task(&row.ok_or_else(|| not_found(id))?)
    }

    /// Writes the name, the description, the activation, the position, the retry policy and what the task does. A negative
    /// position, or one past the end, moves the task to the end. Returns the task with the position it got.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn update_task(&self, task: &Task) -> Result<Task> {
        self.transact(|transaction| {
            let task = write(transaction, task)?;
            Ok(task)
        })
        .await
    }

    /// Changes a task as it is now, and writes what `update_task` writes. Reading and writing are one
    /// transaction, so of two changes at once neither is lost.
    ///
    /// # Errors
    /// `NotFound`, and what `change` says; then nothing is written.
    pub async fn change_task(
        &self,
        pool: DataPoolId,
        job: DataJobId,
        id: TaskId,
        change: impl FnOnce(&mut Task) -> Result<()> + Send,
    ) -> Result<Task> {
        self.transact(|transaction| {
            let row = db::query("select * from tasks where pool_id = $1 and job_id = $2 and id = $3")
                .bind(pool.to_string())
                .bind(job.to_string())
                .bind(id.to_string())
                .fetch_optional(transaction)
                .map_err(db::error)?;
            let mut task = task(&row.ok_or_else(|| not_found(id))?)?;
            change(&mut task)?;
            let task = write(transaction, &task)?;
            Ok(task)
        })
        .await
    }

    /// The tasks of a pool that load data models, whichever job they are of.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn model_load_tasks(&self, pool: DataPoolId) -> Result<Vec<Task>> {
        let rows = db::query(
            "select * from tasks where pool_id = $1 and kind = 'DATA_MODEL_LOAD' order by name, id",
        )
        .bind(pool.to_string())
        .fetch_all(&*self.read()?)
        .map_err(db::error)?;
        rows.iter().map(task).collect()
    }

    /// The tasks of a pool that extract tables, whichever job they are of, each job's in their order.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn extraction_tasks(&self, pool: DataPoolId) -> Result<Vec<Task>> {
        self.scan(move |connection| {
            let rows = db::query(
                "select * from tasks where pool_id = $1 and kind = 'EXTRACTION' order by job_id, position",
            )
            .bind(pool.to_string())
            .fetch_all(connection)
            .map_err(db::error)?;
            rows.iter().map(task).collect()
        })
        .await
    }

    /// How many transformations each job of a pool has, those alone that have any.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn transformation_counts(&self, pool: DataPoolId) -> Result<Vec<(DataJobId, u64)>> {
        let rows = db::query(
            "select job_id, count(*) as tasks from tasks where pool_id = $1 and kind = 'TRANSFORMATION'
             group by job_id",
        )
        .bind(pool.to_string())
        .fetch_all(&*self.read()?)
        .map_err(db::error)?;
        rows.iter().map(|row| Ok((db::id(row, "job_id")?, db::count(row, "tasks")?))).collect()
    }

    /// Deletes a task with its parameters and closes the gap.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_task(&self, pool: DataPoolId, job: DataJobId, id: TaskId) -> Result<()> {
        self.transact(|transaction| {
            let row = db::query(
                "delete from tasks where pool_id = $1 and job_id = $2 and id = $3 returning position",
            )
            .bind(pool.to_string())
            .bind(job.to_string())
            .bind(id.to_string())
            .fetch_optional(transaction)
            .map_err(db::error)?;
            let position: i64 = db::get(&row.ok_or_else(|| not_found(id))?, "position")?;
            db::query("update tasks set position = position - 1 where job_id = $1 and position > $2")
                .bind(job.to_string())
                .bind(position)
                .execute(transaction)
                .map_err(db::error)?;
            Ok(())
        })
        .await
    }
}

pub(crate) fn not_found(id: TaskId) -> Error {
    Error::not_found(Kind::Task, id)
}

/// The statement that adds a task at its position.
pub(crate) fn insertion(task: &Task) -> Result<Query> {
    let sql = "insert into tasks
                   (id, template_id, pool_id, job_id, name, description, activation, position, kind, content,
                    created_at, retry)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    Ok(db::query(sql)
        .bind(task.id.to_string())
        .bind(task.template_id.to_string())
        .bind(task.pool_id.to_string())
        .bind(task.job_id.to_string())
        .bind(task.name.as_str())
        .bind(task.description.as_deref())
        .bind(db::to_word(task.activation)?)
        .bind(task.position)
        .bind(task.kind.type_name())
        .bind(content(&task.kind)?)
        .bind(task.created_at.as_millis())
        .bind(db::to_json(&task.retry)?))
}

/// Writes a task and moves those around it. Gives the task with the position it got.
fn write(connection: &Connection, task: &Task) -> Result<Task> {
    let before = position(connection, task)?;
    let count = count(connection, task.pool_id, task.job_id)?;
    let task = Task { position: place(task.position, count - 1), ..task.clone() };
    if task.position != before {
        shift(connection, &Task { position: before + 1, ..task.clone() }, -1)?;
        shift(connection, &task, 1)?;
    }
    db::query(
        "update tasks set name = $2, description = $3, activation = $4, position = $5, kind = $6, content = $7,
             retry = $8
         where id = $1",
    )
    .bind(task.id.to_string())
    .bind(task.name.as_str())
    .bind(task.description.as_deref())
    .bind(db::to_word(task.activation)?)
    .bind(task.position)
    .bind(task.kind.type_name())
    .bind(content(&task.kind)?)
    .bind(db::to_json(&task.retry)?)
    .execute(connection)
    .map_err(db::error)?;
    Ok(task)
}

/// The position asked for, where `end` is the last one there can be.
fn place(position: i64, end: i64) -> i64 {
    if position < 0 { end } else { position.min(end) }
}

/// Moves the other tasks of the job, from the task's position on.
fn shift(connection: &Connection, task: &Task, by: i64) -> Result<()> {
    db::query("update tasks set position = position + $4 where job_id = $1 and position >= $2 and id <> $3")
        .bind(task.job_id.to_string())
        .bind(task.position)
        .bind(task.id.to_string())
        .bind(by)
        .execute(connection)
        .map_err(db::error)?;
    Ok(())
}

fn count(connection: &Connection, pool: DataPoolId, job: DataJobId) -> Result<i64> {
    let row = db::query("select count(*) as tasks from tasks where pool_id = $1 and job_id = $2")
        .bind(pool.to_string())
        .bind(job.to_string())
        .fetch_one(connection)
        .map_err(db::error)?;
    db::get(&row, "tasks")
}

fn position(connection: &Connection, task: &Task) -> Result<i64> {
    let row = db::query("select position from tasks where pool_id = $1 and job_id = $2 and id = $3")
        .bind(task.pool_id.to_string())
        .bind(task.job_id.to_string())
        .bind(task.id.to_string())
        .fetch_optional(connection)
        .map_err(db::error)?;
    db::get(&row.ok_or_else(|| not_found(task.id))?, "position")
}

fn content(kind: &TaskKind) -> Result<String> {
    match kind {
        TaskKind::Extraction(tables) => db::to_json(tables),
        TaskKind::Transformation(statement) => db::to_json(statement),
        TaskKind::DataModelLoad(load) => db::to_json(load),
    }
}

pub(crate) fn task(row: &Row) -> Result<Task> {
    let kind = match db::get(row, "kind")? {
        "EXTRACTION" => TaskKind::Extraction(db::json(row, "content")?),
        "TRANSFORMATION" => TaskKind::Transformation(db::json(row, "content")?),
        "DATA_MODEL_LOAD" => TaskKind::DataModelLoad(db::json(row, "content")?),
        other => return Err(Error::internal(format!("column kind holds `{other}`"))),
    };
    Ok(Task {
        id: db::id(row, "id")?,
        template_id: db::id(row, "template_id")?,
        pool_id: db::id(row, "pool_id")?,
        job_id: db::id(row, "job_id")?,
        name: db::name(row)?,
        description: db::get(row, "description")?,
        activation: db::word(row, "activation")?,
        position: db::get(row, "position")?,
        kind,
        retry: db::json(row, "retry")?,
        created_at: db::time(row, "created_at")?,
    })
}
