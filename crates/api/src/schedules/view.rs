//! How schedules, their firings and what is to come are shown.

use forebay_core::Timestamp;
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId, ScheduleId, ScheduleRunId};
use forebay_core::job::Activation;
use forebay_core::schedule::{Cause, RunJob, Schedule, ScheduleRun, Shift, Trigger};
use forebay_engine::Preview;
use serde::Serialize;
use utoipa::ToSchema;

use super::pattern::PatternTransport;
use crate::keys::SubjectTransport;
use crate::words::{
    ExecutionPriority, ExecutionStatus, ExtractionMode, FiringOutcome, MisfirePolicy, OnFailurePolicy,
    OverlapPolicy,
};

/// A schedule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScheduleView {
    #[schema(value_type = Uuid)]
    id: ScheduleId,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    name: String,
    enabled: bool,
    /// In the order in which they run.
    #[schema(value_type = Vec<Uuid>)]
    jobs: Vec<DataJobId>,
    mode: ExtractionMode,
    priority: ExecutionPriority,
    /// Null when it follows another schedule.
    pattern: Option<PatternTransport>,
    time_zone: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    after_schedule_id: Option<ScheduleId>,
    on_failure: OnFailurePolicy,
    overlap: OverlapPolicy,
    misfire: MisfirePolicy,
    jitter_seconds: u32,
    /// The next occurrence; null while it is disabled or follows another schedule.
    #[schema(value_type = Option<i64>)]
    next_at: Option<Timestamp>,
    /// When the next occurrence starts: put off by the jitter.
    #[schema(value_type = Option<i64>)]
    next_due_at: Option<Timestamp>,
    /// Whose right to execute its runs have.
    saved_by: SubjectTransport,
    #[schema(value_type = i64)]
    saved_at: Timestamp,
    #[schema(value_type = i64)]
    created_at: Timestamp,
}

impl From<&Schedule> for ScheduleView {
    fn from(schedule: &Schedule) -> Self {
        let (pattern, time_zone, after) = match &schedule.settings.trigger {
            Trigger::Time(table) => {
                (Some(PatternTransport::from(&table.pattern)), Some(table.time_zone.name().to_owned()), None)
            }
            Trigger::After(other) => (None, None, Some(*other)),
        };
        Self {
            id: schedule.id,
            pool_id: schedule.pool_id,
            name: schedule.settings.name.to_string(),
            enabled: schedule.settings.activation == Activation::Enabled,
            jobs: schedule.settings.jobs.clone(),
            mode: schedule.settings.mode.into(),
            priority: schedule.settings.priority.into(),
            pattern,
            time_zone,
            after_schedule_id: after,
            on_failure: schedule.settings.on_failure.into(),
            overlap: schedule.settings.overlap.into(),
            misfire: schedule.settings.misfire.into(),
            jitter_seconds: schedule.settings.jitter_seconds,
            next_at: schedule.next.map(|next| next.occurrence),
            next_due_at: schedule.next.map(|next| next.due),
            saved_by: schedule.saved_by.into(),
            saved_at: schedule.saved_at,
            created_at: schedule.created_at,
        }
    }
}

/// A firing to come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewView {
    #[schema(value_type = i64)]
    at: Timestamp,
    /// When it starts: put off by the jitter.
    #[schema(value_type = i64)]
    due_at: Timestamp,
    /// What clocks of the time zone show, with their offset from UTC.
    local_time: String,
    /// What the setting of clocks has to do with it.
    note: Option<String>,
}

impl From<&Preview> for PreviewView {
    fn from(preview: &Preview) -> Self {
        Self {
            at: preview.occurrence.at,
            due_at: preview.due,
            local_time: preview.local.clone(),
            note: preview.occurrence.shift.as_ref().map(Shift::explained),
        }
    }
}

/// A page of a schedule's firings.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScheduleHistory {
    /// The newest first.
    pub(super) runs: Vec<ScheduleRunView>,
    pub(super) num_of_pages: u64,
}

/// One firing of a schedule, and the run that it led to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScheduleRunView {
    #[schema(value_type = Uuid)]
    id: ScheduleRunId,
    #[schema(value_type = Uuid)]
    schedule_id: ScheduleId,
    outcome: FiringOutcome,
    /// How its jobs went; SKIPPED when it was not run, or when some of its jobs were not.
    status: ExecutionStatus,
    /// Why it was skipped, missed or caught up, or how it ended.
    message: Option<String>,
    /// The moment that the pattern names; null when it was asked for or followed another schedule.
    #[schema(value_type = Option<i64>)]
    occurrence_at: Option<Timestamp>,
    /// The run of another schedule that it followed.
    #[schema(value_type = Option<Uuid>)]
    after_run_id: Option<ScheduleRunId>,
    mode: ExtractionMode,
    started_by: SubjectTransport,
    #[schema(value_type = i64)]
    recorded_at: Timestamp,
    #[schema(value_type = Option<i64>)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<i64>)]
    finished_at: Option<Timestamp>,
    /// In order; empty when it was not run.
    jobs: Vec<ScheduleRunJobView>,
}

/// A job's turn in a run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScheduleRunJobView {
    #[schema(value_type = Uuid)]
    job_id: DataJobId,
    /// As it was called when the schedule fired.
    name: String,
    status: ExecutionStatus,
    #[schema(value_type = Option<Uuid>)]
    execution_id: Option<ExecutionId>,
    message: Option<String>,
    #[schema(value_type = Option<i64>)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<i64>)]
    finished_at: Option<Timestamp>,
}

impl From<&ScheduleRun> for ScheduleRunView {
    fn from(run: &ScheduleRun) -> Self {
        let (occurrence_at, after_run_id) = match run.cause {
            Cause::Occurrence(at) => (Some(at), None),
            Cause::After(other) => (None, Some(other)),
            Cause::Asked => (None, None),
        };
        Self {
            id: run.id,
            schedule_id: run.schedule_id,
            outcome: run.outcome.into(),
            status: run.status.into(),
            message: run.message.clone(),
            occurrence_at,
            after_run_id,
            mode: run.mode.into(),
            started_by: run.started_by.into(),
            recorded_at: run.recorded_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            jobs: run.jobs.iter().map(ScheduleRunJobView::from).collect(),
        }
    }
}

impl From<&RunJob> for ScheduleRunJobView {
    fn from(job: &RunJob) -> Self {
        Self {
            job_id: job.job_id,
            name: job.name.clone(),
            status: job.status.into(),
            execution_id: job.execution_id,
            message: job.message.clone(),
            started_at: job.started_at,
            finished_at: job.finished_at,
        }
    }
}
