//! What becomes of a schedule that is due: each occurrence is recorded once, in the transaction that moves the
//! schedule on to its next one.

use forebay_core::Timestamp;
use forebay_core::access::Subject;
use forebay_core::error::{Error, Result};
use forebay_core::execution::Status;
use forebay_core::id::ScheduleRunId;
use forebay_core::schedule::{
    Cause, Decision, FiringOutcome, Overlap, Plan, RunJob, Schedule, ScheduleRun, Trigger, Verdict,
    WAITING_LIMIT,
};

use crate::Engine;

/// One firing to be recorded.
pub(crate) struct Start {
    pub(crate) cause: Cause,
    pub(crate) outcome: FiringOutcome,
    pub(crate) message: Option<String>,
    pub(crate) started_by: Subject,
}

impl Start {
    pub(crate) fn of(schedule: &Schedule, cause: Cause) -> Self {
        Self { cause, outcome: FiringOutcome::Fired, message: None, started_by: schedule.saved_by }
    }
}

impl Engine {
    /// Records what is due of a schedule.
    pub(super) async fn fire(&self, schedule: &Schedule) -> Result<()> {
        let now = self.now();
        let Some(plan) = Plan::of(schedule, now) else { return Ok(()) };
        let live = self.store().live_runs_of(schedule.id).await?.len();
        let mut runs: Vec<ScheduleRun> = Vec::with_capacity(plan.decisions.len());
        let mut cancel_live = None;
        for decision in &plan.decisions {
            let waiting = runs.iter().filter(|run| run.status == Status::Queued).count();
            let start = match decision.verdict {
                Verdict::Miss => Start {
                    outcome: FiringOutcome::Missed,
                    message: decision.reason.clone(),
                    ..Start::of(schedule, Cause::Occurrence(decision.occurrence))
                },
                Verdict::CatchUp => caught_up(schedule, decision, live + waiting),
                Verdict::Fire => {
                    let (start, reason) =
                        self.judged(schedule, Cause::Occurrence(decision.occurrence), live + waiting);
                    if let Some(reason) = reason {
                        // What this very look has begun is replaced too.
                        for run in runs.iter_mut().filter(|run| run.status == Status::Queued) {
                            end_before_it_began(run, &reason, now);
                        }
                        cancel_live = Some(reason);
                    }
                    start
                }
            };
            runs.push(self.new_run(schedule, start).await?);
        }
        let recorded =
            self.store().record_firings(schedule, &runs, plan.next, cancel_live.as_deref(), now).await?;
        if recorded {
            for run in &runs {
                let Cause::Occurrence(at) = run.cause else { continue };
                tracing::info!(
                    schedule.id = %schedule.id, data_pool.id = %schedule.pool_id, occurrence = at.as_millis(),
                    outcome = run.outcome.as_str(), "schedule fired"
                );
            }
        }
        Ok(())
    }

    /// What the overlap policy makes of a firing that is on time, and the reason for which what is on is
    /// canceled.
    pub(super) fn judged(&self, schedule: &Schedule, cause: Cause, live: usize) -> (Start, Option<String>) {
        let start = Start::of(schedule, cause);
        let skipped = |reason: String| Start {
            outcome: FiringOutcome::Skipped,
            message: Some(reason),
            ..Start::of(schedule, cause)
        };
        match schedule.settings.overlap {
            _ if live == 0 => (start, None),
            Overlap::Skip => (skipped("the run before was still on".to_owned()), None),
            Overlap::Queue if live > WAITING_LIMIT => {
                (skipped(format!("{WAITING_LIMIT} runs of this schedule were waiting already")), None)
            }
            Overlap::Queue => (start, None),
            Overlap::Replace => {
                let reason = match cause {
                    Cause::Occurrence(at) => {
                        format!("replaced by the run that was due at {}", local(schedule, at))
                    }
                    Cause::After(_) | Cause::Asked => "replaced by a newer run".to_owned(),
                };
                (start, Some(reason))
            }
        }
    }

    /// A run as it is recorded first, with the jobs as they are called now.
    pub(crate) async fn new_run(&self, schedule: &Schedule, start: Start) -> Result<ScheduleRun> {
        let now = self.now();
        let is_run = matches!(start.outcome, FiringOutcome::Fired | FiringOutcome::CaughtUp);
        let mut jobs = Vec::new();
        if is_run {
            for (position, job_id) in (0_u32..).zip(&schedule.settings.jobs) {
                let name = match self.store().data_job(schedule.pool_id, *job_id).await {
                    Ok(job) => job.name.to_string(),
                    // Its turn will tell.
                    Err(Error::NotFound { .. }) => job_id.to_string(),
                    Err(error) => return Err(error),
                };
                jobs.push(RunJob {
                    position,
                    job_id: *job_id,
                    name,
                    status: Status::Queued,
                    execution_id: None,
                    message: None,
                    started_at: None,
                    finished_at: None,
                });
            }
        }
        Ok(ScheduleRun {
            id: ScheduleRunId::random(),
            schedule_id: schedule.id,
            pool_id: schedule.pool_id,
            cause: start.cause,
            outcome: start.outcome,
            status: if is_run { Status::Queued } else { Status::Skipped },
            message: start.message,
            mode: schedule.settings.mode,
            priority: schedule.settings.priority,
            on_failure: schedule.settings.on_failure,
            overlap: schedule.settings.overlap,
            started_by: start.started_by,
            cancel_reason: None,
            recorded_at: now,
            started_at: None,
            finished_at: (!is_run).then_some(now),
            jobs,
        })
    }
}

/// What is caught up waits for its turn, whatever the overlap policy: it would otherwise skip or replace itself.
fn caught_up(schedule: &Schedule, decision: &Decision, live: usize) -> Start {
    let cause = Cause::Occurrence(decision.occurrence);
    if live > WAITING_LIMIT {
        let message = Some(format!("{WAITING_LIMIT} runs of this schedule were waiting already"));
        return Start { outcome: FiringOutcome::Skipped, message, ..Start::of(schedule, cause) };
    }
    let message = decision.reason.clone();
    Start { outcome: FiringOutcome::CaughtUp, message, ..Start::of(schedule, cause) }
}

fn end_before_it_began(run: &mut ScheduleRun, reason: &str, now: Timestamp) {
    run.status = Status::Cancel;
    run.message = Some(reason.to_owned());
    run.finished_at = Some(now);
    for job in &mut run.jobs {
        job.status = Status::Cancel;
        job.finished_at = Some(now);
    }
}

fn local(schedule: &Schedule, at: Timestamp) -> String {
    match &schedule.settings.trigger {
        Trigger::Time(timetable) => timetable.time_zone.local(at),
        Trigger::After(_) => at.as_millis().to_string(),
    }
}
