//! Loads of data models. A reload is an execution like every other, of a job that the server keeps for the model; a
//! data job may load the model as well. The history has both.

use std::collections::HashMap;

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Result};
use forebay_core::execution::{Execution, ExtractionMode, Status, StepExecution, TaskExecution};
use forebay_core::id::{DataJobId, DataModelId, DataPoolId, ModelTableId, TaskId};
use forebay_core::model::DataModel;
use forebay_core::model::load::{LoadKind, ModelLoadRecord, PlannedLoad};
use forebay_core::oauth::Action;
use forebay_core::retry::RetryPolicy;
use forebay_core::spec::{ExecutionSpec, ModelLoadSpec, TaskSpec, Work};

use crate::Engine;
use crate::spec::{Frozen, check_model_tables};

/// The most loads that a history tells.
const LOADS_TOLD: u32 = 100;

/// What is to be loaded of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelReload {
    /// What has changed since the version before. Nothing proves cheaply that a table has not changed, so all of
    /// them are loaded anew.
    FromCache,
    Complete,
    /// These tables; the others are kept from the version before.
    Partial(Vec<ModelTableId>),
}

/// How a model was loaded so far.
#[derive(Clone, Debug)]
pub struct LoadHistory {
    pub model: DataModel,
    /// Those that are live, then the newest. The first one is the current load.
    pub loads: Vec<ModelLoadRecord>,
    /// The tables of the current load, as far as they have come.
    pub steps: Vec<StepExecution>,
    /// The newest load that has published a version.
    pub last_published: Option<ModelLoadRecord>,
}

impl ModelReload {
    fn kind(&self) -> LoadKind {
        match self {
            Self::FromCache => LoadKind::FromCache,
            Self::Complete => LoadKind::Complete,
            Self::Partial(_) => LoadKind::Partial,
        }
    }
}

impl Engine {
    /// Queues the load of a model. It is live when this returns.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for a table that is none of the model, `ExecutionIsLive`,
    /// `InsufficientStorage`.
    pub async fn reload_data_model(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        reload: ModelReload,
    ) -> Result<ModelLoadRecord> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let model = self.store().data_model(pool, model).await?;
        let only = match &reload {
            ModelReload::FromCache | ModelReload::Complete => None,
            ModelReload::Partial(tables) if tables.is_empty() => {
                return Err(Error::invalid("body", "names no table; a load of all tables is another call"));
            }
            ModelReload::Partial(tables) => {
                check_model_tables("body", &model, tables)?;
                Some(tables.clone())
            }
        };
        self.disk_has_room()?;
        let mode = match reload.kind() {
            LoadKind::FromCache => ExtractionMode::Delta,
            LoadKind::Complete | LoadKind::Partial => ExtractionMode::Full,
        };
        let execution = Execution::queued(pool, model.id.into(), mode, caller.subject, self.now());
        let frozen = self.frozen_reload(&execution, model, only).await?;
        let execution = self.queue(&execution, &frozen, None).await?;
        let planned = planned_loads(&execution, &frozen.spec).pop();
        match (planned, frozen.tasks.first()) {
            (Some(planned), Some(task)) => Ok(ModelLoadRecord::new(planned, &execution, task, Vec::new())),
            _ => Err(Error::internal("a reload without a load was frozen")),
        }
    }

    /// The loads of a model, those of data jobs among them.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn model_load_history(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<LoadHistory> {
        let model = self.model_to_see(caller, pool, model).await?;
        let loads = self.store().model_loads(model.id, LOADS_TOLD).await?;
        let last_published = self.store().last_published_load(model.id).await?;
        let mut steps = Vec::new();
        if let Some(current) = loads.first() {
            let tasks = self.store().task_executions(current.execution_id).await?;
            let task = tasks.into_iter().find(|task| task.task_id == current.task_id);
            steps = task.map(|task| task.steps).unwrap_or_default();
        }
        Ok(LoadHistory { model, loads, steps, last_published })
    }

    /// The load of a model that is live, or else the newest.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn last_model_load(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<Option<ModelLoadRecord>> {
        let model = self.model_to_see(caller, pool, model).await?;
        Ok(self.store().model_loads(model.id, 1).await?.pop())
    }

    /// The load of each model of a pool that is live, or else its newest; none of a model that was never loaded.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn newest_model_loads(
        &self,
        caller: &Caller,
        pool: DataPoolId,
    ) -> Result<HashMap<DataModelId, ModelLoadRecord>> {
        self.pool_for(caller, Permission::View, Action::ReadModels, pool).await?;
        let loads = self.store().newest_model_loads(pool).await?;
        Ok(loads.into_iter().map(|load| (load.model_id, load)).collect())
    }

    async fn frozen_reload(
        &self,
        execution: &Execution,
        model: DataModel,
        only: Option<Vec<ModelTableId>>,
    ) -> Result<Frozen> {
        let (task_id, name) = (TaskId::random(), model.name.to_string());
        let task = TaskExecution {
            task_id,
            name: name.clone(),
            kind: "DATA_MODEL_LOAD".to_owned(),
            position: 0,
            status: Status::Queued,
            message: None,
            started_at: None,
            finished_at: None,
            steps: Vec::new(),
        };
        let load = ModelLoadSpec {
            data_model_id: model.id,
            tables: model.tables,
            foreign_keys: model.foreign_keys,
            only,
            versions_kept: self.store().settings().await?.model_versions_kept(),
        };
        let work = Work::DataModelLoad(load);
        let spec = ExecutionSpec {
            execution_id: execution.id,
            pool_id: execution.pool_id,
            job_id: execution.job_id,
            connection_id: None,
            mode: execution.mode,
            changed_at: execution.queued_at,
            tasks: vec![TaskSpec {
                id: task_id,
                name,
                work,
                parameters: Vec::new(),
                retry: RetryPolicy::default(),
            }],
            schemas: Vec::new(),
        };
        Ok(Frozen { spec, tasks: vec![task] })
    }
}

/// The tasks of an execution that load a model.
pub(crate) fn planned_loads(execution: &Execution, spec: &ExecutionSpec) -> Vec<PlannedLoad> {
    let mut planned = Vec::new();
    for task in &spec.tasks {
        let Work::DataModelLoad(load) = &task.work else { continue };
        let is_reload = execution.job_id == DataJobId::from(load.data_model_id);
        let kind = match (&load.only, is_reload, execution.mode) {
            (Some(_), ..) => LoadKind::Partial,
            // What a data job reads of its sources says nothing of what it loads of a model.
            (None, true, ExtractionMode::Delta) => LoadKind::FromCache,
            (None, ..) => LoadKind::Complete,
        };
        planned.push(PlannedLoad::new(task.id, kind, load));
    }
    planned
}
