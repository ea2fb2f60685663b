//! Tasks that load a data model.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_core::job::{ModelLoad, TableChoice, Task, TaskKind};

use super::NewTask;
use crate::Engine;
use crate::spec::check_model_tables;

impl Engine {
    /// Adds the load of a data model to a job.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for a table that is none of the model.
    pub async fn create_model_load(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        load: ModelLoad,
    ) -> Result<Task> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let model = self.store().data_model(pool, load.data_model_id).await?;
        let kind = TaskKind::DataModelLoad(load);
        self.create_task(
            caller,
            pool,
            job,
            NewTask { name: model.name, description: None, kind, position: None },
        )
        .await
    }

    /// Sets which model a task loads, and which of its tables.
    ///
    /// # Errors
    /// `NotFound`, also when the task loads no model; `Forbidden`, `Invalid` for a table that is none of the model.
    pub async fn set_model_load(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
        load: ModelLoad,
    ) -> Result<Task> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        self.check_model_load(pool, &load).await?;
        let change = |task: &mut Task| match &mut task.kind {
            TaskKind::DataModelLoad(kept) => {
                *kept = load;
                Ok(())
            }
            TaskKind::Extraction(_) | TaskKind::Transformation(_) => Err(Error::not_found(Kind::Task, id)),
        };
        self.change_task(caller, pool, job, id, change).await
    }

    /// The tasks of a pool that load data models, whichever job they are of.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn model_load_tasks(&self, caller: &Caller, pool: DataPoolId) -> Result<Vec<Task>> {
        self.pool_with(caller, Permission::View, pool).await?;
        self.store().model_load_tasks(pool).await
    }

    pub(super) async fn check_model_load(&self, pool: DataPoolId, load: &ModelLoad) -> Result<()> {
        let model = self.store().data_model(pool, load.data_model_id).await?;
        match &load.tables {
            TableChoice::All => Ok(()),
            TableChoice::Only(chosen) => check_model_tables("tables", &model, chosen),
        }
    }
}
