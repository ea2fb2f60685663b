//! The execution spec: a job as it was when it was started, complete and frozen. Whoever runs it
//! needs nothing else, so it may run in another process.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::connection::{ConnectionConfig, Pseudonymisation};
use crate::execution::ExtractionMode;
use crate::extraction::TableExtraction;
use crate::id::{
    DataConnectionId, DataJobId, DataModelId, DataPoolId, ExecutionId, ModelTableId, PushChunkId, PushJobId,
    TaskId,
};
use crate::model::{ForeignKey, ModelTable};
use crate::name::Identifier;
use crate::parameter::{ParameterOrigin, ParameterType};
use crate::push::{ChunkKind, PushSettings};
use crate::retry::RetryPolicy;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionSpec {
    pub execution_id: ExecutionId,
    pub pool_id: DataPoolId,
    pub job_id: DataJobId,
    /// The connection of the job: its SQL runs in that connection's schema.
    pub connection_id: Option<DataConnectionId>,
    pub mode: ExtractionMode,
    /// The `_CELONIS_CHANGE_DATE` of the rows this execution writes.
    pub changed_at: Timestamp,
    /// In the order they run.
    pub tasks: Vec<TaskSpec>,
    /// Every connection of the pool that SQL may name.
    pub schemas: Vec<NamedSchema>,
}

/// What `<%=DATASOURCE:name%>` stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedSchema {
    pub connection_id: DataConnectionId,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    pub id: TaskId,
    pub name: String,
    pub work: Work,
    /// The parameters this task sees: its own before the pool's.
    pub parameters: Vec<ParameterSpec>,
    /// How often it is tried when what failed may work a moment later.
    #[serde(default)]
    pub retry: RetryPolicy,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterSpec {
    pub placeholder: String,
    pub data_type: ParameterType,
    pub origin: ParameterOrigin,
    pub values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    Extraction(ExtractionSpec),
    Transformation { statement: String },
    DataModelLoad(ModelLoadSpec),
    DataPush(Box<DataPushSpec>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractionSpec {
    pub connection_id: DataConnectionId,
    pub config: ConnectionConfig,
    pub pseudonymisation: Pseudonymisation,
    pub tables: Vec<TableExtraction>,
    /// How many tables are read at a time.
    pub parallel: usize,
    /// Places of tables, as their steps have them, that are loaded already: an execution that was interrupted
    /// goes on with the others.
    #[serde(default)]
    pub done: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLoadSpec {
    pub data_model_id: DataModelId,
    pub tables: Vec<ModelTable>,
    pub foreign_keys: Vec<ForeignKey>,
    /// The tables to load anew; the others are kept from the version before. `None`: all.
    pub only: Option<Vec<ModelTableId>>,
    /// How many published versions are kept, with the one that this load publishes.
    #[serde(default = "two")]
    pub versions_kept: u64,
}

/// A data push: files that lie in the folder of the pool, and what is to become of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPushSpec {
    pub push_id: PushJobId,
    pub settings: PushSettings,
    /// In the order in which they came.
    pub chunks: Vec<ChunkSpec>,
    /// Of rows with one key, the last by this column stays.
    pub order: Option<Identifier>,
    /// How many characters are kept of a text, where nothing else says it.
    pub text_length: u32,
    /// Places of targets, as their steps have them, that are loaded already.
    #[serde(default)]
    pub done: Vec<u32>,
}

/// A file of a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkSpec {
    pub id: PushChunkId,
    pub kind: ChunkKind,
}

/// SQL as it stands in a transformation, to be answered outside of an execution: one statement that reads, in which
/// `<%=…%>` stands for what it would stand for in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptQuery {
    pub sql: String,
    pub pool_id: DataPoolId,
    /// The connection of the job, whose tables are meant by names without a schema, before the pool's own.
    pub connection_id: Option<DataConnectionId>,
    /// The parameters that the task sees: its own before the pool's.
    pub parameters: Vec<ParameterSpec>,
    /// Every connection of the pool that SQL may name.
    pub schemas: Vec<NamedSchema>,
    /// The most rows.
    pub limit: usize,
}

/// What was kept before it could be set.
fn two() -> u64 {
    2
}
