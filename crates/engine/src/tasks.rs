//! Tasks of a job, and what they are set to do.

mod model_load;

use std::collections::HashMap;

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::extraction::TableExtraction;
use forebay_core::id::{DataJobId, DataPoolId, TableExtractionId, TaskId, TaskTemplateId};
use forebay_core::job::{Activation, Task, TaskKind};
use forebay_core::name::Name;
use forebay_core::retry::RetryPolicy;

use crate::Engine;

/// What a caller says of a new task.
#[derive(Clone, Debug)]
pub struct NewTask {
    pub name: Name,
    pub description: Option<String>,
    pub kind: TaskKind,
    /// `None`: last.
    pub position: Option<i64>,
}

impl Engine {
    /// The tasks of a job, in order.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn tasks(&self, caller: &Caller, pool: DataPoolId, job: DataJobId) -> Result<Vec<Task>> {
        self.pool_with(caller, Permission::View, pool).await?;
        let job = self.store().data_job(pool, job).await?;
        self.store().tasks(job.id).await
    }

    /// A task by its own id or its template's: one client writes the template's where the task's belongs.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn task(&self, caller: &Caller, pool: DataPoolId, job: DataJobId, id: &str) -> Result<Task> {
        self.pool_with(caller, Permission::View, pool).await?;
        self.task_of(pool, job, id).await
    }

    pub(crate) async fn task_of(&self, pool: DataPoolId, job: DataJobId, id: &str) -> Result<Task> {
        let job = self.store().data_job(pool, job).await?;
        self.store().task_by_template_or_instance(pool, job.id, id).await
    }

    /// Changes a task as it is when the change is made, so that of two changes at once neither is lost.
    pub(crate) async fn change_task(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
        change: impl FnOnce(&mut Task) -> Result<()> + Send,
    ) -> Result<Task> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let found = self.task_of(pool, job, id).await?;
        self.store().change_task(pool, job, found.id, change).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for an extraction in a job without a connection.
    pub async fn create_task(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        new: NewTask,
    ) -> Result<Task> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let job = self.store().data_job(pool, job).await?;
        match &new.kind {
            TaskKind::Extraction(_) if job.connection_id.is_none() => {
                return Err(Error::invalid(
                    "taskType",
                    "an extraction needs a data job with a data connection; this job is global",
                ));
            }
            TaskKind::DataModelLoad(load) => self.check_model_load(pool, load).await?,
            TaskKind::Extraction(_) | TaskKind::Transformation(_) => {}
        }
        let task = Task {
            id: TaskId::random(),
            template_id: TaskTemplateId::random(),
            pool_id: pool,
            job_id: job.id,
            name: new.name,
            description: new.description,
            activation: Activation::Enabled,
            position: new.position.unwrap_or(-1),
            kind: new.kind,
            retry: RetryPolicy::default(),
            created_at: self.now(),
        };
        self.store().create_task(&task).await?;
        self.store().task(pool, job.id, task.id).await
    }

    /// Renames a task; `None` leaves either as it is.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn update_task(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
        name: Option<Name>,
        description: Option<String>,
    ) -> Result<Task> {
        let change = |task: &mut Task| {
            if let Some(name) = name {
                task.name = name;
            }
            if description.is_some() {
                task.description = description;
            }
            Ok(())
        };
        self.change_task(caller, pool, job, id, change).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn set_task_activation(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
        activation: Activation,
    ) -> Result<Task> {
        let change = |task: &mut Task| {
            task.activation = activation;
            Ok(())
        };
        self.change_task(caller, pool, job, id, change).await
    }

    /// Changes how often a task is tried, from how it is now.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for a policy out of bounds.
    pub async fn set_retry_policy(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
        change: impl FnOnce(RetryPolicy) -> RetryPolicy + Send,
    ) -> Result<Task> {
        let change = |task: &mut Task| {
            task.retry = change(task.retry).checked()?;
            Ok(())
        };
        self.change_task(caller, pool, job, id, change).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete_task(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
    ) -> Result<()> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let task = self.task_of(pool, job, id).await?;
        self.store().delete_task(pool, job, task.id).await
    }

    /// Sets the SQL of a transformation; an empty text is an empty script.
    ///
    /// # Errors
    /// `NotFound`, also when the task is no transformation; `Forbidden`.
    pub async fn set_statement(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
        statement: String,
    ) -> Result<Task> {
        let change = |task: &mut Task| match &mut task.kind {
            TaskKind::Transformation(kept) => {
                *kept = Some(statement);
                Ok(())
            }
            TaskKind::Extraction(_) | TaskKind::DataModelLoad(_) => Err(Error::not_found(Kind::Task, id)),
        };
        self.change_task(caller, pool, job, id, change).await
    }

    /// Adds tables to an extraction, or replaces those whose ids it has.
    ///
    /// # Errors
    /// `NotFound`, also when the task is no extraction; `Forbidden`, `Invalid` when two enabled
    /// tables have one target.
    pub async fn put_table_extractions(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
        changed: &[TableExtraction],
    ) -> Result<Task> {
        let change = |task: &mut Task| {
            let TaskKind::Extraction(tables) = &mut task.kind else {
                return Err(Error::not_found(Kind::Task, id));
            };
            for table in changed {
                match tables.iter_mut().find(|kept| kept.id == table.id) {
                    Some(kept) => *kept = table.clone(),
                    None => tables.push(table.clone()),
                }
            }
            check_targets(tables)
        };
        self.change_task(caller, pool, job, id, change).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete_table_extraction(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
        table: TableExtractionId,
    ) -> Result<()> {
        let change = |task: &mut Task| {
            let TaskKind::Extraction(tables) = &mut task.kind else {
                return Err(Error::not_found(Kind::Task, id));
            };
            let before = tables.len();
            tables.retain(|kept| kept.id != table);
            if tables.len() == before {
                return Err(Error::not_found(Kind::TableExtraction, table));
            }
            Ok(())
        };
        self.change_task(caller, pool, job, id, change).await.map(drop)
    }
}

/// Two tables with one target would replace each other.
pub(crate) fn check_targets(tables: &[TableExtraction]) -> Result<()> {
    let mut seen: HashMap<String, &TableExtraction> = HashMap::new();
    for table in tables.iter().filter(|table| table.activation == Activation::Enabled) {
        let target = table.target_name();
        if let Some(twin) = seen.insert(target.as_str().to_lowercase(), table) {
            let reason = format!(
                "{} and {} would both write to {target}; rename one of them",
                twin.table, table.table
            );
            return Err(Error::invalid("targetTableName", reason));
        }
    }
    Ok(())
}
