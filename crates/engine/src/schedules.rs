//! Schedules as their users see them: make, change, switch, look ahead, look back, run now. What fires by
//! itself is in [`crate::scheduler`].

mod checks;

use std::collections::HashMap;

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataPoolId, ExecutionId, ScheduleId};
use forebay_core::job::Activation;
use forebay_core::schedule::{
    Cause, Firing, Occurrence, Overlap, Schedule, ScheduleRun, ScheduleSettings, Timetable, Trigger,
    WAITING_LIMIT,
};

pub(crate) use self::checks::{check_settings, nothing_left};
use crate::Engine;
use crate::scheduler::Start;

/// How many firings a preview shows.
const PREVIEW: usize = 20;

/// A firing to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub occurrence: Occurrence,
    /// When it starts: the occurrence, put off by the jitter.
    pub due: Timestamp,
    /// The occurrence as clocks of the schedule's time zone show it.
    pub local: String,
}

impl Engine {
    /// The schedules of a pool, by name.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn schedules(&self, caller: &Caller, pool: DataPoolId) -> Result<Vec<Schedule>> {
        self.pool_to_watch(caller, pool).await?;
        self.store().schedules(pool).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn schedule(&self, caller: &Caller, pool: DataPoolId, id: ScheduleId) -> Result<Schedule> {
        self.pool_to_watch(caller, pool).await?;
        self.store().schedule(pool, id).await
    }

    /// Makes a schedule. Its runs have the caller's right to execute.
    ///
    /// # Errors
    /// `NotFound` (the jobs and the other schedule too), `Forbidden`, `Invalid`, `Conflict` when the name is
    /// taken.
    pub async fn create_schedule(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        settings: ScheduleSettings,
    ) -> Result<Schedule> {
        self.pool_to_schedule(caller, pool).await?;
        let _saving = self.0.scheduling.saving.lock().await;
        let now = self.now();
        let mut schedule = Schedule {
            id: ScheduleId::random(),
            pool_id: pool,
            settings,
            saved_by: caller.subject,
            saved_at: now,
            created_at: now,
            next: None,
        };
        schedule.next = self.checked_schedule(&schedule, now).await?;
        self.store().create_schedule(&schedule).await?;
        self.0.scheduling.wake.notify_one();
        Ok(schedule)
    }

    /// Changes what a user sets, from how it is now: of two changes at once neither is lost. Runs that have begun
    /// go on as they began.
    ///
    /// # Errors
    /// As for [`Engine::create_schedule`], and what `change` says; then nothing is changed.
    pub async fn update_schedule(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        id: ScheduleId,
        change: impl FnOnce(&ScheduleSettings) -> Result<ScheduleSettings> + Send,
    ) -> Result<Schedule> {
        self.pool_to_schedule(caller, pool).await?;
        let _saving = self.0.scheduling.saving.lock().await;
        let before = self.store().schedule(pool, id).await?;
        let now = self.now();
        let mut schedule = Schedule {
            settings: change(&before.settings)?,
            saved_by: caller.subject,
            saved_at: now,
            ..before.clone()
        };
        schedule.next = self.checked_schedule(&schedule, now).await?;
        let same_times = (&before.settings.trigger, before.settings.jitter_seconds)
            == (&schedule.settings.trigger, schedule.settings.jitter_seconds);
        if same_times && schedule.settings.activation == Activation::Enabled && before.next.is_some() {
            // A new name must not lose an occurrence that is due.
            schedule.next = before.next;
        }
        self.store().update_schedule(&schedule).await?;
        if schedule.settings.activation == Activation::Disabled {
            self.end_waiting_runs(caller, &schedule).await?;
        }
        self.0.scheduling.wake.notify_one();
        Ok(schedule)
    }

    /// Switches a schedule on or off. Nothing that fell into the time when it was off is caught up. Switching it
    /// on counts as saving it: its runs have the caller's right to execute from then on.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` when no occurrence is left.
    pub async fn set_schedule_activation(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        id: ScheduleId,
        activation: Activation,
    ) -> Result<Schedule> {
        self.pool_to_schedule(caller, pool).await?;
        let _saving = self.0.scheduling.saving.lock().await;
        let mut schedule = self.store().schedule(pool, id).await?;
        if schedule.settings.activation == activation {
            return Ok(schedule);
        }
        schedule.settings.activation = activation;
        let now = self.now();
        schedule.next = match activation {
            Activation::Enabled => {
                (schedule.saved_by, schedule.saved_at) = (caller.subject, now);
                self.checked_schedule(&schedule, now).await?
            }
            Activation::Disabled => None,
        };
        self.store().update_schedule(&schedule).await?;
        if activation == Activation::Disabled {
            self.end_waiting_runs(caller, &schedule).await?;
        }
        self.0.scheduling.wake.notify_one();
        Ok(schedule)
    }

    /// Deletes a schedule with its history. An execution that it started goes on; jobs whose turn has not come
    /// are not run.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` while another schedule follows it.
    pub async fn delete_schedule(&self, caller: &Caller, pool: DataPoolId, id: ScheduleId) -> Result<()> {
        self.pool_to_schedule(caller, pool).await?;
        let _saving = self.0.scheduling.saving.lock().await;
        let follows =
            |other: &Schedule| matches!(other.settings.trigger, Trigger::After(before) if before == id);
        if let Some(follower) = self.store().schedules(pool).await?.into_iter().find(follows) {
            let reason = format!(
                "the schedule `{}` runs after this one; delete that one first, or let it run by a pattern",
                follower.settings.name
            );
            return Err(Error::conflict(reason));
        }
        self.store().delete_schedule(pool, id).await
    }

    /// Fires a schedule, enabled or not. The run has the caller's right to execute.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` while its last run is on and the overlap policy is to skip, or while
    /// too many runs wait.
    pub async fn run_schedule(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        id: ScheduleId,
    ) -> Result<ScheduleRun> {
        self.pool_to_execute(caller, pool).await?;
        let schedule = self.store().schedule(pool, id).await?;
        let live = self.store().live_runs_of(id).await?;
        let mut cancel_live = None;
        match schedule.settings.overlap {
            _ if live.is_empty() => {}
            Overlap::Skip => {
                let reason = "the last run of this schedule is still on; wait for its end, or cancel it";
                return Err(Error::conflict(reason));
            }
            Overlap::Queue if live.len() > WAITING_LIMIT => {
                let reason =
                    format!("{WAITING_LIMIT} runs of this schedule wait already; wait, or cancel them");
                return Err(Error::conflict(reason));
            }
            Overlap::Queue => {}
            Overlap::Replace => {
                cancel_live = Some(format!("replaced by a run that {} asked for", caller.name))
            }
        }
        let start = Start { started_by: caller.subject, ..Start::of(&schedule, Cause::Asked) };
        let run = self.new_run(&schedule, start).await?;
        self.store().record_run(&run, cancel_live.as_deref(), self.now()).await?;
        self.0.scheduling.wake.notify_one();
        Ok(run)
    }

    /// Asks for the end of the run that is on, and ends those that wait.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn cancel_schedule(&self, caller: &Caller, pool: DataPoolId, id: ScheduleId) -> Result<()> {
        self.pool_to_execute(caller, pool).await?;
        let schedule = self.store().schedule(pool, id).await?;
        let reason = format!("canceled by {}", caller.name);
        self.store().cancel_schedule_runs(schedule.id, &reason, self.now()).await?;
        self.0.scheduling.wake.notify_one();
        Ok(())
    }

    /// The firings of a schedule, those that led to no run too, newest first, and how many there are. `page`
    /// counts from 0.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn schedule_runs(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        id: ScheduleId,
        limit: u32,
        page: u32,
    ) -> Result<(Vec<ScheduleRun>, u64)> {
        self.pool_to_watch(caller, pool).await?;
        let schedule = self.store().schedule(pool, id).await?;
        self.store().schedule_runs(pool, schedule.id, limit, page).await
    }

    /// The newest firing of each schedule of a pool that has fired, by the schedule.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn newest_schedule_runs(
        &self,
        caller: &Caller,
        pool: DataPoolId,
    ) -> Result<HashMap<ScheduleId, ScheduleRun>> {
        self.pool_to_watch(caller, pool).await?;
        let runs = self.store().newest_schedule_runs(pool).await?;
        Ok(runs.into_iter().map(|run| (run.schedule_id, run)).collect())
    }

    /// The next firings of a schedule, as if it were enabled; none of one that follows another.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn preview_schedule(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        id: ScheduleId,
    ) -> Result<Vec<Preview>> {
        self.pool_to_watch(caller, pool).await?;
        let schedule = self.store().schedule(pool, id).await?;
        let Trigger::Time(timetable) = &schedule.settings.trigger else { return Ok(Vec::new()) };
        let mut previews = self.previews(timetable);
        for preview in &mut previews {
            let just_before = Timestamp::from_millis(preview.occurrence.at.as_millis() - 1);
            if let Some(Firing { due, .. }) = schedule.firing_after(just_before) {
                preview.due = due;
            }
        }
        Ok(previews)
    }

    /// The next firings of a timetable that need not be saved.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` when there are none.
    pub async fn preview_timetable(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        timetable: &Timetable,
    ) -> Result<Vec<Preview>> {
        self.pool_to_watch(caller, pool).await?;
        let previews = self.previews(timetable);
        if previews.is_empty() { Err(nothing_left()) } else { Ok(previews) }
    }

    /// The schedules that started executions, with their names. The caller is trusted to have shown that they
    /// may see the executions.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn schedules_of_executions(
        &self,
        executions: &[ExecutionId],
    ) -> Result<HashMap<ExecutionId, (ScheduleId, String)>> {
        self.store().schedules_of_executions(executions).await
    }

    /// The present, for patterns that are counted from today.
    #[must_use]
    pub fn present(&self) -> Timestamp {
        self.now()
    }

    fn previews(&self, timetable: &Timetable) -> Vec<Preview> {
        let occurrences = timetable.occurrences_after(self.now()).take(PREVIEW);
        occurrences
            .map(|occurrence| Preview {
                due: occurrence.at,
                local: timetable.time_zone.local(occurrence.at),
                occurrence,
            })
            .collect()
    }

    /// Who saves a schedule lends it their right to execute, so they must have it.
    pub(crate) async fn pool_to_schedule(&self, caller: &Caller, pool: DataPoolId) -> Result<()> {
        self.pool_with(caller, Permission::Manage, pool).await?;
        self.pool_to_execute(caller, pool).await?;
        Ok(())
    }

    async fn end_waiting_runs(&self, caller: &Caller, schedule: &Schedule) -> Result<()> {
        let reason = format!("{} disabled the schedule before it began", caller.name);
        self.store().cancel_waiting_runs(schedule.id, &reason, self.now()).await
    }
}
