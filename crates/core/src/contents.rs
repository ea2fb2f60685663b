//! Everything that is set up in a data pool, to be copied: to another pool, or by a file to another server. Rows,
//! executions and grants are no part of it.

use crate::connection::DataConnection;
use crate::job::{DataJob, Task};
use crate::model::DataModel;
use crate::model::name_mapping::NameMapping;
use crate::parameter::Parameter;
use crate::schedule::Schedule;

/// What a pool holds. Ids and references are those of where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolContents {
    /// The oldest first, as models and jobs are.
    pub connections: Vec<DataConnection>,
    /// Those of the pool itself, by placeholder.
    pub parameters: Vec<Parameter>,
    pub models: Vec<ModelContents>,
    pub jobs: Vec<JobContents>,
    /// By name.
    pub schedules: Vec<Schedule>,
}

/// A data model with its name mappings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelContents {
    pub model: DataModel,
    pub name_mappings: Vec<NameMapping>,
}

/// A data job with its tasks, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobContents {
    pub job: DataJob,
    pub tasks: Vec<TaskContents>,
}

/// A task with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskContents {
    pub task: Task,
    pub parameters: Vec<Parameter>,
}
