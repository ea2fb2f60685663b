//! Data jobs in a document, with their tasks and what these do.

use forebay_core::Timestamp;
use forebay_core::contents::{JobContents, TaskContents};
use forebay_core::error::{Error, Result};
use forebay_core::id::{
    DataConnectionId, DataJobId, DataModelId, DataPoolId, ModelTableId, TaskId, TaskTemplateId,
};
use forebay_core::job::{Activation, DataJob, ModelLoad, TableChoice, Task, TaskKind};
use forebay_core::retry::RetryPolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::import::{each, id, parameter};
use crate::extractions::{TableExtractionRequest, TableExtractionTransport};
use crate::pools::name;
use crate::retry_policies::{RetryPolicyRequest, RetryPolicyView};
use crate::variables::{PoolVariableTransport, VariableRequest};
use crate::words::TaskType;

/// A data job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportedJob {
    #[schema(value_type = Uuid)]
    id: DataJobId,
    name: String,
    /// Null for a global job.
    #[schema(value_type = Option<Uuid>)]
    data_source_id: Option<DataConnectionId>,
    /// In order.
    tasks: Vec<ExportedTask>,
}

/// A task.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportedTask {
    #[schema(value_type = Uuid)]
    id: TaskId,
    task_type: TaskType,
    name: String,
    description: Option<String>,
    disabled: bool,
    retry_policy: RetryPolicyView,
    /// Of a transformation; null when never set.
    statement: Option<String>,
    /// Of an extraction.
    tables: Vec<TableExtractionTransport>,
    /// Of a data model load.
    #[schema(value_type = Option<Uuid>)]
    data_model_id: Option<DataModelId>,
    /// Of a data model load; null is all.
    #[schema(value_type = Option<Vec<Uuid>>)]
    model_tables: Option<Vec<ModelTableId>>,
    variables: Vec<PoolVariableTransport>,
}

impl From<&JobContents> for ExportedJob {
    fn from(JobContents { job, tasks }: &JobContents) -> Self {
        Self {
            id: job.id,
            name: job.name.to_string(),
            data_source_id: job.connection_id,
            tasks: tasks.iter().map(ExportedTask::from).collect(),
        }
    }
}

impl From<&TaskContents> for ExportedTask {
    fn from(TaskContents { task, parameters }: &TaskContents) -> Self {
        let mut exported = Self {
            id: task.id,
            task_type: TaskType::from(&task.kind),
            name: task.name.to_string(),
            description: task.description.clone(),
            disabled: task.activation == Activation::Disabled,
            retry_policy: task.retry.into(),
            statement: None,
            tables: Vec::new(),
            data_model_id: None,
            model_tables: None,
            variables: parameters.iter().map(PoolVariableTransport::from).collect(),
        };
        match &task.kind {
            TaskKind::Extraction(tables) => {
                exported.tables =
                    tables.iter().map(|table| TableExtractionTransport::new(task, table)).collect();
            }
            TaskKind::Transformation(statement) => exported.statement.clone_from(statement),
            TaskKind::DataModelLoad(load) => {
                exported.data_model_id = Some(load.data_model_id);
                exported.model_tables = match &load.tables {
                    TableChoice::All => None,
                    TableChoice::Only(tables) => Some(tables.clone()),
                };
            }
        }
        exported
    }
}

/// A data job to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportedJob {
    id: Option<String>,
    name: Option<String>,
    /// A connection of the export; null for a global job.
    data_source_id: Option<String>,
    /// In order.
    tasks: Option<Vec<ImportedTask>>,
}

/// A task to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportedTask {
    task_type: Option<TaskType>,
    name: Option<String>,
    description: Option<String>,
    disabled: Option<bool>,
    retry_policy: Option<RetryPolicyRequest>,
    /// Of a transformation.
    statement: Option<String>,
    /// Of an extraction.
    tables: Option<Vec<TableExtractionRequest>>,
    /// Of a data model load: a model of the export.
    data_model_id: Option<String>,
    /// Of a data model load; null is all.
    model_tables: Option<Vec<String>>,
    variables: Option<Vec<VariableRequest>>,
}

impl ImportedJob {
    pub(super) fn into_contents(self, field: &str) -> Result<JobContents> {
        let job = DataJob {
            id: id(&format!("{field}.id"), self.id.as_deref())?,
            pool_id: DataPoolId::random(),
            connection_id: match self.data_source_id {
                Some(text) => Some(id(&format!("{field}.dataSourceId"), Some(&text))?),
                None => None,
            },
            name: name(self.name.as_deref())?,
            created_at: Timestamp::from_millis(0),
        };
        let read = |field: &str, task: ImportedTask| task.into_contents(field, &job);
        let tasks = each(&format!("{field}.tasks"), self.tasks, read)?;
        Ok(JobContents { job, tasks })
    }
}

impl ImportedTask {
    fn into_contents(self, field: &str, job: &DataJob) -> Result<TaskContents> {
        let at = |rest: &str| format!("{field}.{rest}");
        let kind = match self.task_type.ok_or_else(|| Error::invalid("taskType", "is missing"))? {
            TaskType::Extraction => {
                TaskKind::Extraction(each(&at("tables"), self.tables, |_, table| table.into_table(None))?)
            }
            TaskType::Transformation => TaskKind::Transformation(self.statement),
            TaskType::DataModelLoad => TaskKind::DataModelLoad(ModelLoad {
                data_model_id: id(&at("dataModelId"), self.data_model_id.as_deref())?,
                tables: match self.model_tables {
                    None => TableChoice::All,
                    Some(tables) => {
                        TableChoice::Only(each(&at("modelTables"), Some(tables), |field, text| {
                            id(field, Some(&text))
                        })?)
                    }
                },
            }),
        };
        let task = Task {
            id: TaskId::random(),
            template_id: TaskTemplateId::random(),
            pool_id: job.pool_id,
            job_id: job.id,
            name: name(self.name.as_deref())?,
            description: self.description,
            activation: match self.disabled {
                Some(true) => Activation::Disabled,
                Some(false) | None => Activation::Enabled,
            },
            position: 0,
            kind,
            retry: self
                .retry_policy
                .map_or_else(RetryPolicy::default, |said| said.over(RetryPolicy::default())),
            created_at: job.created_at,
        };
        let read = |field: &str, variable: VariableRequest| parameter(field, variable, Some(task.id));
        let parameters = each(&at("variables"), self.variables, read)?;
        Ok(TaskContents { task, parameters })
    }
}
