//! Freezes a job: everything an execution needs, as it is now.

use forebay_core::connection::ConnectionConfig;
use forebay_core::error::{Error, Result};
use forebay_core::execution::{Execution, Status, TaskExecution};
use forebay_core::id::{DataPoolId, ModelTableId};
use forebay_core::job::{Activation, DataJob, TableChoice, Task, TaskKind};
use forebay_core::model::DataModel;
use forebay_core::parameter::Parameter;
use forebay_core::spec::{
    ExecutionSpec, ExtractionSpec, ModelLoadSpec, NamedSchema, ParameterSpec, TaskSpec, Work,
};

use crate::Engine;
use crate::executions::{Selection, TaskSelection};

pub(crate) struct Frozen {
    pub(crate) spec: ExecutionSpec,
    pub(crate) tasks: Vec<TaskExecution>,
}

impl Engine {
    pub(crate) async fn freeze(
        &self,
        job: &DataJob,
        execution: &Execution,
        selection: &Selection,
    ) -> Result<Frozen> {
        let tasks = self.store().tasks(job.id).await?;
        check_selection(&tasks, selection)?;
        let pool_parameters = self.store().parameters(job.pool_id, None).await?;
        let mut specs = Vec::new();
        let mut shown = Vec::new();
        for task in &tasks {
            if task.activation == Activation::Disabled {
                continue;
            }
            let Some(work) = self.work(job, task, selection).await? else { continue };
            let own = self.store().parameters(job.pool_id, Some(task.id)).await?;
            shown.push(TaskExecution {
                task_id: task.id,
                name: task.name.to_string(),
                kind: task.kind.type_name().to_owned(),
                position: task.position,
                status: Status::Queued,
                message: None,
                started_at: None,
                finished_at: None,
                steps: Vec::new(),
            });
            specs.push(TaskSpec {
                id: task.id,
                name: task.name.to_string(),
                work,
                parameters: parameter_specs(&own, &pool_parameters),
                retry: task.retry,
            });
        }
        let schemas = self.named_schemas(job.pool_id).await?;
        let spec = ExecutionSpec {
            execution_id: execution.id,
            pool_id: job.pool_id,
            job_id: job.id,
            connection_id: job.connection_id,
            mode: execution.mode,
            changed_at: execution.queued_at,
            tasks: specs,
            schemas,
        };
        Ok(Frozen { spec, tasks: shown })
    }

    /// Every connection of a pool that SQL may name.
    pub(crate) async fn named_schemas(&self, pool: DataPoolId) -> Result<Vec<NamedSchema>> {
        let connections = self.store().data_connections(pool).await?;
        let named = connections.into_iter().map(|connection| NamedSchema {
            connection_id: connection.id,
            name: connection.name.to_string(),
        });
        Ok(named.collect())
    }

    /// What a task does in this execution; `None` when it is not selected.
    async fn work(&self, job: &DataJob, task: &Task, selection: &Selection) -> Result<Option<Work>> {
        Ok(match &task.kind {
            TaskKind::Extraction(tables) => {
                let only = match &selection.extractions {
                    None => None,
                    Some(chosen) => match chosen.iter().find(|chosen| chosen.task == task.id) {
                        None => return Ok(None),
                        Some(chosen) => chosen.only.as_ref(),
                    },
                };
                let connection = job.connection_id.ok_or_else(|| {
                    Error::conflict(format!(
                        "task {} extracts, but the data job has no data connection",
                        task.name
                    ))
                })?;
                let connection = self.store().data_connection(job.pool_id, connection).await?;
                let tables = tables
                    .iter()
                    .filter(|table| table.activation == Activation::Enabled)
                    .filter(|table| only.is_none_or(|only| only.contains(&table.id)))
                    .cloned()
                    .collect();
                Some(Work::Extraction(ExtractionSpec {
                    connection_id: connection.id,
                    config: self.usable(&connection)?,
                    pseudonymisation: connection.pseudonymisation,
                    tables,
                    parallel: self.0.settings.tables_at_a_time,
                    done: Vec::new(),
                }))
            }
            TaskKind::Transformation(statement) => {
                if selection.transformations.as_ref().is_some_and(|chosen| !chosen.contains(&task.id)) {
                    return Ok(None);
                }
                Some(Work::Transformation { statement: statement.clone().unwrap_or_default() })
            }
            TaskKind::DataModelLoad(load) => {
                let chosen = match &selection.loads {
                    None => None,
                    Some(chosen) => match chosen.iter().find(|chosen| chosen.task == task.id) {
                        None => return Ok(None),
                        Some(chosen) => chosen.only.clone(),
                    },
                };
                let model = self.store().data_model(job.pool_id, load.data_model_id).await?;
                check_model_tables("dataModels.tables", &model, chosen.as_deref().unwrap_or_default())?;
                let only = chosen.or_else(|| match &load.tables {
                    TableChoice::All => None,
                    TableChoice::Only(tables) => Some(tables.clone()),
                });
                Some(Work::DataModelLoad(ModelLoadSpec {
                    data_model_id: model.id,
                    tables: model.tables,
                    foreign_keys: model.foreign_keys,
                    only,
                    versions_kept: self.store().settings().await?.model_versions_kept(),
                }))
            }
        })
    }
}

/// `host:port` of the server that the extractions read: all of a job read the same one.
pub(crate) fn source_host(spec: &ExecutionSpec) -> Option<String> {
    spec.tasks.iter().find_map(|task| match &task.work {
        Work::Extraction(extraction) => match &extraction.config {
            ConnectionConfig::Postgresql(config) => {
                Some(format!("{}:{}", config.host.to_lowercase(), config.port))
            }
            ConnectionConfig::Mysql(config) => {
                Some(format!("{}:{}", config.host.to_lowercase(), config.port))
            }
            ConnectionConfig::Sqlite(_) | ConnectionConfig::Files(_) => None,
        },
        Work::Transformation { .. } | Work::DataModelLoad(_) | Work::DataPush(_) => None,
    })
}

/// A selection may only name tasks of the job, so that a typing error does not run nothing in silence.
fn check_selection(tasks: &[Task], selection: &Selection) -> Result<()> {
    let known = |field: &str, id, kind: &str| {
        if tasks.iter().any(|task| task.id == id && task.kind.type_name() == kind) {
            Ok(())
        } else {
            Err(Error::invalid(field, format!("`{id}` is no {kind} task of this data job")))
        }
    };
    for id in selection.transformations.iter().flatten() {
        known("transformations", *id, "TRANSFORMATION")?;
    }
    for TaskSelection { task, only } in selection.extractions.iter().flatten() {
        known("extractions", *task, "EXTRACTION")?;
        let of_task = tasks.iter().find(|found| found.id == *task).map(|found| &found.kind);
        let Some(TaskKind::Extraction(tables)) = of_task else { continue };
        for id in only.iter().flatten() {
            if !tables.iter().any(|table| table.id == *id) {
                let reason = format!("`{id}` is no table of the extraction `{task}`");
                return Err(Error::invalid("extractions.tables", reason));
            }
        }
    }
    for TaskSelection { task, .. } in selection.loads.iter().flatten() {
        known("dataModels", *task, "DATA_MODEL_LOAD")?;
    }
    Ok(())
}

/// A load may only name tables of its model.
pub(crate) fn check_model_tables(field: &str, model: &DataModel, chosen: &[ModelTableId]) -> Result<()> {
    for id in chosen {
        if !model.tables.iter().any(|table| table.id == *id) {
            let reason = format!("`{id}` is no table of the data model `{}`", model.name);
            return Err(Error::invalid(field, reason));
        }
    }
    Ok(())
}

/// A task's own parameters, then the pool's that they do not hide.
pub(crate) fn parameter_specs(own: &[Parameter], pool: &[Parameter]) -> Vec<ParameterSpec> {
    let spec = |shown: &Parameter, origin: &Parameter| ParameterSpec {
        placeholder: shown.placeholder.clone(),
        data_type: shown.data_type,
        origin: origin.origin.clone(),
        values: origin.values_now().to_vec(),
    };
    let mut specs: Vec<ParameterSpec> = own
        .iter()
        .map(|parameter| {
            let linked = pool.iter().find(|other| Some(other.id) == parameter.pool_parameter_id);
            spec(parameter, linked.unwrap_or(parameter))
        })
        .collect();
    for parameter in pool {
        if !specs.iter().any(|spec| spec.placeholder == parameter.placeholder) {
            specs.push(spec(parameter, parameter));
        }
    }
    specs
}
