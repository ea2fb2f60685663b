//! What became of the firings of a schedule.

use forebay_core::id::ExecutionId;
use forebay_core::schedule::{Cause, FiringOutcome, RunJob, ScheduleRun};

use crate::words::{Badge, duration, moment};

/// One firing.
pub(super) struct RunRow {
    pub(super) recorded: String,
    pub(super) cause: String,
    pub(super) outcome: &'static str,
    pub(super) badge: Badge,
    pub(super) mode: &'static str,
    pub(super) ended: String,
    pub(super) took: String,
    pub(super) message: String,
    pub(super) jobs: Vec<JobTurn>,
    pub(super) is_live: bool,
}

/// A job's turn in a run.
pub(super) struct JobTurn {
    pub(super) name: String,
    pub(super) badge: Badge,
    pub(super) execution: Option<ExecutionId>,
    pub(super) message: String,
}

impl From<&ScheduleRun> for RunRow {
    fn from(run: &ScheduleRun) -> Self {
        let took = run.started_at.zip(run.finished_at);
        Self {
            recorded: moment(run.recorded_at),
            cause: match run.cause {
                Cause::Occurrence(at) => format!("for {}", moment(at)),
                Cause::After(_) => "after the other schedule".to_owned(),
                Cause::Asked => "asked for".to_owned(),
            },
            outcome: match run.outcome {
                FiringOutcome::Fired => "fired",
                FiringOutcome::CaughtUp => "caught up",
                FiringOutcome::Skipped => "left out",
                FiringOutcome::Missed => "missed",
            },
            badge: run.status.into(),
            mode: run.mode.as_str(),
            ended: run.finished_at.map(moment).unwrap_or_default(),
            took: took
                .map(|(begun, ended)| duration(ended.as_millis() - begun.as_millis()))
                .unwrap_or_default(),
            message: run.message.clone().unwrap_or_default(),
            jobs: run.jobs.iter().map(JobTurn::from).collect(),
            is_live: !run.status.is_finished(),
        }
    }
}

impl From<&RunJob> for JobTurn {
    fn from(job: &RunJob) -> Self {
        Self {
            name: job.name.clone(),
            badge: job.status.into(),
            execution: job.execution_id,
            message: job.message.clone().unwrap_or_default(),
        }
    }
}
