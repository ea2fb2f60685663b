//! Tasks on the wire: `TaskInstanceTransport`, and the two that begin with its fields.

use forebay_core::Timestamp;
use forebay_core::id::{DataJobId, DataPoolId, TaskId, TaskTemplateId};
use forebay_core::job::{Activation, Task, TaskKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::words::TaskType;

impl From<&TaskKind> for TaskType {
    fn from(kind: &TaskKind) -> Self {
        match kind {
            TaskKind::Extraction(_) => Self::Extraction,
            TaskKind::Transformation(_) => Self::Transformation,
            TaskKind::DataModelLoad(_) => Self::DataModelLoad,
        }
    }
}

/// A task of a job. It has two ids: its own, used in every path, and that of its template.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskInstanceTransport {
    #[schema(value_type = Uuid)]
    id: TaskId,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    /// The task's template.
    #[schema(value_type = Uuid)]
    task_id: TaskTemplateId,
    task_type: TaskType,
    /// Always false: templates are not shared between tasks.
    template: bool,
    protection_status: &'static str,
    name: String,
    description: Option<String>,
    #[schema(value_type = Uuid)]
    job_id: DataJobId,
    #[schema(value_type = i64)]
    created_at: Timestamp,
    #[schema(value_type = i64)]
    task_created_at: Timestamp,
    /// Place in the job, from 0.
    execution_order: i64,
    published: bool,
    /// Whether executions leave it out.
    disabled: bool,
    legal_agreement_accepted: bool,
}

impl From<&Task> for TaskInstanceTransport {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id,
            pool_id: task.pool_id,
            task_id: task.template_id,
            task_type: TaskType::from(&task.kind),
            template: false,
            protection_status: "OPEN",
            name: task.name.to_string(),
            description: task.description.clone(),
            job_id: task.job_id,
            created_at: task.created_at,
            task_created_at: task.created_at,
            execution_order: task.position,
            published: false,
            disabled: task.activation == Activation::Disabled,
            legal_agreement_accepted: false,
        }
    }
}

/// A transformation with its SQL.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransformationTransport {
    #[serde(flatten)]
    pub(crate) task: TaskInstanceTransport,
    pub(crate) statement: Option<String>,
}

/// The SQL of a transformation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatementTransport {
    /// Null when never set.
    pub(crate) statement: Option<String>,
    pub(crate) legal_note: Option<String>,
}
