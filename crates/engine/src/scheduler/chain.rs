//! Takes a run through its jobs, one after the other. All of its state is in the store, so a start of the server
//! goes on where the last one ended; a start of an execution carries a key, so it is not made twice.

use std::collections::HashSet;

use forebay_core::access::{Caller, Role, Subject};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::execution::Status;
use forebay_core::id::{ExecutionId, ScheduleId};
use forebay_core::name::Name;
use forebay_core::oauth::Authority;
use forebay_core::schedule::{Cause, OnFailure, Overlap, RunJob, ScheduleRun};

use crate::{Engine, Selection, StartExecution};

/// Where a step leaves a run.
enum Step {
    /// There may be more to do at once.
    Moved,
    /// Nothing to do until something about this execution changes.
    Waits(ExecutionId),
}

impl Engine {
    /// Moves the run that is first of each schedule as far as it goes; gives the executions they wait for.
    pub(super) async fn advance_all(&self) -> Result<HashSet<ExecutionId>> {
        let mut followed = HashSet::new();
        // Schedules whose first run waits, or cannot be moved now.
        let mut settled: HashSet<ScheduleId> = HashSet::new();
        loop {
            let mut moved = false;
            let mut seen: HashSet<ScheduleId> = settled.clone();
            for run in self.store().live_schedule_runs().await? {
                if !seen.insert(run.schedule_id) {
                    continue;
                }
                match self.advance(&run).await {
                    Ok(Step::Moved) => moved = true,
                    Ok(Step::Waits(execution)) => {
                        settled.insert(run.schedule_id);
                        followed.insert(execution);
                    }
                    Err(error) => {
                        settled.insert(run.schedule_id);
                        tracing::error!(
                            schedule.id = %run.schedule_id, schedule.run = %run.id,
                            error = &error as &dyn std::error::Error,
                            "a run of a schedule cannot go on; it is tried again"
                        );
                    }
                }
            }
            if !moved {
                return Ok(followed);
            }
        }
    }

    /// One step of a run.
    async fn advance(&self, run: &ScheduleRun) -> Result<Step> {
        if run.status == Status::Queued {
            self.store().start_schedule_run(run.id, self.now()).await?;
            return Ok(Step::Moved);
        }
        let Some(job) = run.jobs.iter().find(|job| !job.status.is_finished()) else {
            return self.finish_run(run).await;
        };
        match (job.execution_id, &run.cancel_reason) {
            (Some(execution), _) => self.follow(run, job, execution).await,
            (None, Some(_)) => self.finish_run(run).await,
            (None, None) if stops_before(run, job) => self.finish_run(run).await,
            (None, None) => self.start_job(run, job).await,
        }
    }

    /// Looks at the execution of a job.
    async fn follow(&self, run: &ScheduleRun, job: &RunJob, id: ExecutionId) -> Result<Step> {
        let execution = match self.store().execution(id).await {
            Ok(execution) => execution,
            Err(Error::NotFound { .. }) => {
                let message = "its execution was deleted before its end was seen";
                return self.end_turn(run, job, Status::Fail, Some(message.to_owned())).await;
            }
            Err(error) => return Err(error),
        };
        if execution.status.is_finished() {
            // An execution that had nothing to do is as good as one that did it.
            let status = if execution.status == Status::Skipped { Status::Success } else { execution.status };
            return self.end_turn(run, job, status, execution.message).await;
        }
        if run.cancel_reason.is_some() {
            self.cancel_for(run, id).await?;
        }
        Ok(Step::Waits(id))
    }

    /// A job's turn has come.
    async fn start_job(&self, run: &ScheduleRun, job: &RunJob) -> Result<Step> {
        let caller = match self.caller_of(run.started_by).await {
            Ok(caller) => caller,
            Err(Error::NotFound { kind, .. }) => {
                let message = format!(
                    "the {kind} whose right to execute this run has does not exist any more; let somebody else \
                     save the schedule"
                );
                return self.end_turn(run, job, Status::Fail, Some(message)).await;
            }
            Err(error) => return Err(error),
        };
        let start = StartExecution {
            mode: run.mode,
            priority: run.priority,
            selection: Selection::default(),
            // A start that a crash kept from being recorded is found again.
            idempotency_key: Some(format!("schedule run {} job {}", run.id, job.position)),
        };
        match self.start_execution(&caller, run.pool_id, job.job_id, start).await {
            Ok(execution) => {
                let started = RunJob {
                    status: Status::Running,
                    execution_id: Some(execution.id),
                    message: None,
                    started_at: Some(self.now()),
                    ..job.clone()
                };
                self.store().update_run_job(run.id, &started).await?;
                Ok(Step::Moved)
            }
            Err(Error::ExecutionIsLive { execution, .. }) => self.meet(run, job, execution).await,
            // Nothing is known to be wrong with the job, so it is tried again.
            Err(error @ Error::Internal { .. }) => Err(error),
            Err(error) => {
                let message = not_started(&caller, &error);
                self.end_turn(run, job, Status::Fail, Some(message)).await
            }
        }
    }

    /// The job runs already, for somebody else.
    async fn meet(&self, run: &ScheduleRun, job: &RunJob, execution: ExecutionId) -> Result<Step> {
        match run.overlap {
            Overlap::Skip => {
                let message = format!("the execution `{execution}` of this data job was still on");
                return self.end_turn(run, job, Status::Skipped, Some(message)).await;
            }
            Overlap::Queue => {}
            Overlap::Replace => self.cancel_for(run, execution).await?,
        }
        let message = Some(format!("waits for the end of the execution `{execution}` of this data job"));
        if job.message != message {
            self.store().update_run_job(run.id, &RunJob { message, ..job.clone() }).await?;
        }
        Ok(Step::Waits(execution))
    }

    async fn end_turn(
        &self,
        run: &ScheduleRun,
        job: &RunJob,
        status: Status,
        message: Option<String>,
    ) -> Result<Step> {
        let ended = RunJob { status, message, finished_at: Some(self.now()), ..job.clone() };
        self.store().update_run_job(run.id, &ended).await?;
        Ok(Step::Moved)
    }

    /// Ends a run by what became of its jobs, and fires what follows a success.
    async fn finish_run(&self, run: &ScheduleRun) -> Result<Step> {
        let (status, message) = end_of(run);
        let mut followers = Vec::new();
        if status == Status::Success {
            for schedule in self.store().schedules_after(run.pool_id, run.schedule_id).await? {
                let live = self.store().live_runs_of(schedule.id).await?.len();
                let (start, cancel_live) = self.judged(&schedule, Cause::After(run.id), live);
                followers.push((self.new_run(&schedule, start).await?, cancel_live));
            }
        }
        let now = self.now();
        self.store().finish_schedule_run(run.id, status, message.as_deref(), &followers, now).await?;
        tracing::info!(
            schedule.id = %run.schedule_id, schedule.run = %run.id, status = status.as_str(),
            "run of a schedule ended"
        );
        Ok(Step::Moved)
    }

    /// Cancels an execution in the name of the schedule.
    async fn cancel_for(&self, run: &ScheduleRun, id: ExecutionId) -> Result<()> {
        let mut caller = match self.caller_of(run.started_by).await {
            Ok(caller) => caller,
            // Nobody is left to cancel for; the run's own end does not depend on it.
            Err(Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let schedule = self.store().schedule(run.pool_id, run.schedule_id).await?;
        if let Ok(name) = Name::parse("name", &format!("the schedule {}", schedule.settings.name)) {
            caller.name = name;
        }
        match self.cancel_execution(&caller, id).await {
            Ok(_) => Ok(()),
            // What may not be canceled is waited for.
            Err(Error::NotFound { .. } | Error::Forbidden(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A subject as it may act now.
    pub(crate) async fn caller_of(&self, subject: Subject) -> Result<Caller> {
        match subject {
            Subject::User(id) => {
                let user = self.store().user(id).await?;
                let (name, role, authority) = (user.name, user.role, Authority::Whole);
                Ok(Caller { subject, name, role, authority, client: None })
            }
            Subject::Application(id) => {
                let application = self.store().application(id).await?;
                let (name, role) = (application.name, Role::Member);
                Ok(Caller { subject, name, role, authority: Authority::Whole, client: None })
            }
        }
    }
}

/// Whether a job before this one keeps it from running.
fn stops_before(run: &ScheduleRun, job: &RunJob) -> bool {
    let ended_badly = |earlier: &RunJob| matches!(earlier.status, Status::Fail | Status::Cancel);
    match run.on_failure {
        OnFailure::Stop => {
            run.jobs.iter().take_while(|earlier| earlier.position < job.position).any(ended_badly)
        }
        OnFailure::Continue => false,
    }
}

/// How a run ends whose jobs have had their turns.
fn end_of(run: &ScheduleRun) -> (Status, Option<String>) {
    // A cancel that came when all was done has ended nothing.
    let all_succeeded = run.jobs.iter().all(|job| job.status == Status::Success);
    if let (Some(reason), false) = (&run.cancel_reason, all_succeeded) {
        return (Status::Cancel, Some(reason.clone()));
    }
    for (status, verb) in
        [(Status::Fail, "failed"), (Status::Cancel, "was canceled"), (Status::Skipped, "was not run")]
    {
        if let Some(job) = run.jobs.iter().find(|job| job.status == status) {
            let reason = job.message.as_deref().unwrap_or("no reason is known");
            return (status, Some(format!("the data job `{}` {verb}: {reason}", job.name)));
        }
    }
    (Status::Success, None)
}

/// Why a job was not started.
fn not_started(caller: &Caller, error: &Error) -> String {
    match error {
        Error::Forbidden(_) | Error::NotFound { kind: Kind::DataPool, .. } => format!(
            "{} may not execute data jobs of this pool any more ({error}); give the permission back, or let \
             somebody else save the schedule",
            caller.name
        ),
        Error::NotFound { kind: Kind::DataJob, .. } => "the data job does not exist any more".to_owned(),
        other => other.to_string(),
    }
}
