//! Data jobs and their tasks.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::extraction::TableExtraction;
use crate::id::{DataConnectionId, DataJobId, DataModelId, DataPoolId, ModelTableId, TaskId, TaskTemplateId};
use crate::name::Name;
use crate::retry::RetryPolicy;

/// A data job: tasks in order. With a connection, its SQL runs in the connection's schema;
/// without one it is global.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataJob {
    pub id: DataJobId,
    pub pool_id: DataPoolId,
    pub connection_id: Option<DataConnectionId>,
    pub name: Name,
    pub created_at: Timestamp,
}

/// What the executions of a job are for. Only data jobs are anybody's to see and change; the others are
/// kept by the server, so that reloads and pushes queue, run and resume as every execution does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobPurpose {
    DataJob,
    /// The reloads of one data model: the job has the model's id.
    DataModel,
    /// One data push: the job has the push's id.
    DataPush,
}

impl JobPurpose {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataJob => "DATA_JOB",
            Self::DataModel => "DATA_MODEL",
            Self::DataPush => "DATA_PUSH",
        }
    }

    /// What is done with the executions of such a job, in the middle of a sentence.
    #[must_use]
    pub const fn what_is_done(self) -> &'static str {
        match self {
            Self::DataJob => "execute data jobs",
            Self::DataModel => "load data models",
            Self::DataPush => "push into tables",
        }
    }
}

/// One thing a job does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub id: TaskId,
    pub template_id: TaskTemplateId,
    pub pool_id: DataPoolId,
    pub job_id: DataJobId,
    pub name: Name,
    pub description: Option<String>,
    pub activation: Activation,
    /// Place in the job, from 0.
    pub position: i64,
    pub kind: TaskKind,
    pub retry: RetryPolicy,
    pub created_at: Timestamp,
}

/// Whether an execution includes a task or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Activation {
    Enabled,
    Disabled,
}

/// What a task does, with its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskKind {
    Extraction(Vec<TableExtraction>),
    /// SQL; `None` when never set.
    Transformation(Option<String>),
    DataModelLoad(ModelLoad),
}

impl TaskKind {
    /// The kind's name on the wire.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Extraction(_) => "EXTRACTION",
            Self::Transformation(_) => "TRANSFORMATION",
            Self::DataModelLoad(_) => "DATA_MODEL_LOAD",
        }
    }
}

/// Which model a job loads, and which of its tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLoad {
    pub data_model_id: DataModelId,
    pub tables: TableChoice,
}

/// All tables of a model, or a part of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TableChoice {
    All,
    Only(Vec<ModelTableId>),
}
