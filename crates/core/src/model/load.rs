//! Loads of a data model as they are told: its reloads, and the loads that data jobs make of it. Both publish the
//! same model, so both are in its history.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::execution::{Execution, Status, TaskExecution};
use crate::id::{DataJobId, DataModelId, ExecutionId, ModelTableId, TaskId};
use crate::spec::ModelLoadSpec;

/// The code of the log messages that tell of broken keys.
pub const KEY_WARNING: &str = "MODEL_KEY_WARNING";

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LoadKind {
    /// What has changed. Nothing proves cheaply that a table has not, so all of them are loaded anew.
    FromCache,
    /// All tables.
    Complete,
    /// Some tables; the others are kept from the version before.
    Partial,
}

impl LoadKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FromCache => "FROM_CACHE",
            Self::Complete => "COMPLETE",
            Self::Partial => "PARTIAL",
        }
    }
}

/// A task of an execution that loads a data model, as it is when the execution is queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedLoad {
    pub task_id: TaskId,
    pub model_id: DataModelId,
    pub kind: LoadKind,
    pub tables: Vec<LoadedTable>,
}

/// A table of a load: its place in the list is its step's in the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedTable {
    pub id: ModelTableId,
    /// What the model called it.
    pub name: String,
}

impl PlannedLoad {
    #[must_use]
    pub fn new(task_id: TaskId, kind: LoadKind, spec: &ModelLoadSpec) -> Self {
        let table = |table: &crate::model::ModelTable| LoadedTable {
            id: table.id,
            name: table.alias_or_name().to_string(),
        };
        Self { task_id, model_id: spec.data_model_id, kind, tables: spec.tables.iter().map(table).collect() }
    }
}

/// Where a load stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LoadStatus {
    /// Queued or under way.
    Running,
    /// Under way, and its end was asked for.
    Canceling,
    Success,
    /// The model is loaded; the message says what is wrong with it.
    Warning,
    Error,
    Canceled,
}

impl LoadStatus {
    /// Whether it is queued or under way.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Running | Self::Canceling => true,
            Self::Success | Self::Warning | Self::Error | Self::Canceled => false,
        }
    }

    /// Whether a version of the model was published.
    #[must_use]
    pub const fn has_published(self) -> bool {
        match self {
            Self::Success | Self::Warning => true,
            Self::Running | Self::Canceling | Self::Error | Self::Canceled => false,
        }
    }
}

/// One load of a data model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelLoadRecord {
    pub execution_id: ExecutionId,
    pub model_id: DataModelId,
    pub kind: LoadKind,
    pub status: LoadStatus,
    pub message: Option<String>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub task_id: TaskId,
    pub tables: Vec<LoadedTable>,
    /// Broken keys, as sentences.
    pub warnings: Vec<String>,
}

impl ModelLoadRecord {
    /// What became of a planned load, by its execution and its task.
    #[must_use]
    pub fn new(
        planned: PlannedLoad,
        execution: &Execution,
        task: &TaskExecution,
        warnings: Vec<String>,
    ) -> Self {
        let PlannedLoad { task_id, model_id, kind, tables } = planned;
        // A reload is its whole execution, and counts from when it was asked for; a load of a data job is one of
        // its tasks, and counts from when it began.
        let is_reload = execution.job_id == DataJobId::from(model_id);
        let reached = if is_reload { execution.status } else { task.status };
        let status = match reached {
            Status::Queued | Status::Running if execution.canceled_by.is_some() => LoadStatus::Canceling,
            Status::Queued | Status::Running => LoadStatus::Running,
            // A model without tables: there was nothing to publish, and the message says so.
            Status::Success if task.status == Status::Skipped => LoadStatus::Warning,
            Status::Success if !warnings.is_empty() => LoadStatus::Warning,
            Status::Success => LoadStatus::Success,
            Status::Skipped => LoadStatus::Warning,
            Status::Fail => LoadStatus::Error,
            Status::Cancel => LoadStatus::Canceled,
        };
        let of_execution = if is_reload { execution.message.clone() } else { None };
        let message = match status {
            LoadStatus::Running | LoadStatus::Canceling => None,
            LoadStatus::Warning if !warnings.is_empty() => Some(warnings.join("; ")),
            LoadStatus::Success | LoadStatus::Warning | LoadStatus::Error | LoadStatus::Canceled => {
                of_execution.or_else(|| task.message.clone())
            }
        };
        let begun = if is_reload { None } else { task.started_at };
        let ended = if is_reload { execution.finished_at } else { task.finished_at };
        Self {
            execution_id: execution.id,
            model_id,
            kind,
            status,
            message,
            started_at: begun.unwrap_or(execution.queued_at),
            finished_at: ended.filter(|_| !status.is_live()),
            task_id,
            tables,
            warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Subject;
    use crate::execution::ExtractionMode;
    use crate::id::{DataPoolId, UserId};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn record(
        reload: bool,
        execution: Status,
        task: Status,
        warnings: &[&str],
        canceled: bool,
    ) -> ModelLoadRecord {
        let model_id = DataModelId::random();
        let job = if reload { model_id.into() } else { DataJobId::random() };
        let by = Subject::User(UserId::random());
        let mut of = Execution::queued(DataPoolId::random(), job, ExtractionMode::Full, by, at(10));
        of.status = execution;
        of.message = (execution == Status::Fail).then(|| "task M: no such table".to_owned());
        of.finished_at = execution.is_finished().then(|| at(90));
        of.canceled_by = canceled.then(|| "Ada".to_owned());
        let task_id = TaskId::random();
        let told = TaskExecution {
            task_id,
            name: "M".to_owned(),
            kind: "DATA_MODEL_LOAD".to_owned(),
            position: 0,
            status: task,
            message: Some("of the task".to_owned()),
            started_at: Some(at(20)),
            finished_at: task.is_finished().then(|| at(80)),
            steps: Vec::new(),
        };
        let planned = PlannedLoad { task_id, model_id, kind: LoadKind::Complete, tables: Vec::new() };
        let warnings = warnings.iter().map(|warning| (*warning).to_owned()).collect();
        ModelLoadRecord::new(planned, &of, &told, warnings)
    }

    #[test]
    fn a_reload_stands_as_its_execution_does() {
        let check = |execution, task, warnings: &[&str], expected: LoadStatus, message: Option<&str>| {
            let found = record(true, execution, task, warnings, false);
            assert_eq!((found.status, found.message.as_deref()), (expected, message), "{execution:?}");
            assert_eq!((found.started_at, found.finished_at.is_some()), (at(10), !expected.is_live()));
        };
        check(Status::Queued, Status::Queued, &[], LoadStatus::Running, None);
        check(Status::Running, Status::Running, &["early"], LoadStatus::Running, None);
        check(Status::Running, Status::Success, &[], LoadStatus::Running, None);
        check(Status::Success, Status::Success, &[], LoadStatus::Success, Some("of the task"));
        check(Status::Success, Status::Success, &["a", "b"], LoadStatus::Warning, Some("a; b"));
        check(Status::Success, Status::Skipped, &[], LoadStatus::Warning, Some("of the task"));
        // It may fail before its task begins, which is then skipped.
        check(Status::Fail, Status::Skipped, &[], LoadStatus::Error, Some("task M: no such table"));
        check(Status::Cancel, Status::Cancel, &[], LoadStatus::Canceled, Some("of the task"));
        assert_eq!(record(true, Status::Running, Status::Running, &[], true).status, LoadStatus::Canceling);
    }

    #[test]
    fn the_load_of_a_job_stands_as_its_task_does() {
        let check = |execution, task, warnings: &[&str], expected: LoadStatus| {
            let found = record(false, execution, task, warnings, false);
            assert_eq!(found.status, expected, "{execution:?} {task:?}");
            assert_eq!(found.started_at, at(20));
        };
        check(Status::Running, Status::Running, &[], LoadStatus::Running);
        check(Status::Running, Status::Success, &[], LoadStatus::Success);
        // What a later task of the job does is no matter of the model.
        check(Status::Fail, Status::Success, &[], LoadStatus::Success);
        check(Status::Fail, Status::Success, &["a"], LoadStatus::Warning);
        check(Status::Fail, Status::Fail, &[], LoadStatus::Error);
        check(Status::Cancel, Status::Cancel, &[], LoadStatus::Canceled);
        check(Status::Success, Status::Skipped, &[], LoadStatus::Warning);
    }
}
