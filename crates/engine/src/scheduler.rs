//! Turns due schedules into runs, and takes each run through its jobs. It reads what is due from the store and
//! acts on that alone: a wake-up only makes it early, and a crash only makes it late. Each execution is an
//! ordinary one, started through [`Engine::start_execution`] with the right of whoever saved the schedule.

mod chain;
mod firing;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use forebay_core::Timestamp;
use forebay_core::id::ExecutionId;
use forebay_core::schedule::Schedule;
use forebay_core::stop::Stop;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, Notify};

pub(crate) use self::firing::Start;
use crate::{Changed, Engine};

/// How long something due waits at most when its wake-up was lost or the clock was set.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The least time between two looks, so that the news of a busy execution costs little.
const BREATH: Duration = Duration::from_millis(20);
/// A difference between the clock and the time that passed which means that the clock was set, in milliseconds.
const JUMP_MILLIS: i64 = 30_000;

/// What the scheduler shares with the use cases.
#[derive(Default)]
pub(crate) struct Scheduling {
    /// Something may be due. Only makes the scheduler early.
    pub(crate) wake: Notify,
    /// Held while a schedule is checked and saved, so that two saves cannot make a circle.
    pub(crate) saving: Mutex<()>,
}

impl Engine {
    /// Fires what is due and takes runs through their jobs until the stop is asked for. What is under way then
    /// is gone on with at the next start. What cannot be read or written is logged and tried again.
    pub async fn run_schedules(&self, stop: Stop) {
        let mut changes = self.changes();
        let mut watch = ClockWatch { at: self.now(), seen: Instant::now() };
        let mut planned = false;
        while !stop.is_requested() {
            if watch.was_set(self.now()) {
                planned = false;
            }
            if !planned {
                planned = self.plan_anew().await;
            }
            let looked = self.look().await;
            let pause = self.pause(&looked).await;
            tokio::select! {
                () = self.0.scheduling.wake.notified() => {}
                () = news_of(&mut changes, &looked.followed) => tokio::time::sleep(BREATH).await,
                () = tokio::time::sleep(pause) => {}
                () = stop.requested() => {}
            }
        }
    }

    /// Works out anew when each schedule fires: the clock may have been set back, and the rules of a time zone
    /// may have changed with this version.
    pub(crate) async fn plan_anew(&self) -> bool {
        let now = self.now();
        let schedules = match self.store().timed_schedules().await {
            Ok(schedules) => schedules,
            Err(error) => {
                failed("the schedules cannot be read", &error);
                return false;
            }
        };
        for schedule in schedules {
            let next = schedule.replanned(now);
            if next == schedule.next {
                continue;
            }
            tracing::warn!(
                schedule.id = %schedule.id, schedule.settings.name = %schedule.settings.name,
                before = ?schedule.next, now = ?next, "the next firing of a schedule is planned anew"
            );
            if let Err(error) = self.store().replan_schedule(schedule.id, schedule.next, next).await {
                failed("the next firing of a schedule cannot be recorded", &error);
                return false;
            }
        }
        true
    }

    /// Fires what is due and moves what is on.
    pub(crate) async fn look(&self) -> Looked {
        let mut looked = Looked { followed: HashSet::new(), all_fired: true };
        match self.store().due_schedules(self.now()).await {
            Ok(due) => {
                for schedule in due {
                    looked.all_fired &= self.fire_or_log(&schedule).await;
                }
            }
            Err(error) => {
                failed("the schedules that are due cannot be read", &error);
                looked.all_fired = false;
            }
        }
        match self.advance_all().await {
            Ok(followed) => looked.followed = followed,
            Err(error) => failed("the runs of schedules cannot be read", &error),
        }
        looked
    }

    async fn fire_or_log(&self, schedule: &Schedule) -> bool {
        let fired = self.fire(schedule).await;
        if let Err(error) = &fired {
            tracing::error!(
                schedule.id = %schedule.id, error = error as &dyn std::error::Error,
                "a schedule that is due cannot be fired; it is tried again"
            );
        }
        fired.is_ok()
    }

    /// How long nothing can be due.
    async fn pause(&self, looked: &Looked) -> Duration {
        if !looked.all_fired {
            return LOOK_AGAIN;
        }
        let Ok(Some(due)) = self.store().next_schedule_due().await else { return LOOK_AGAIN };
        let millis = due.as_millis().saturating_sub(self.now().as_millis());
        // What is overdue has become due since the look began.
        u64::try_from(millis).map_or(BREATH, Duration::from_millis).clamp(BREATH, LOOK_AGAIN)
    }
}

/// What a look has found.
pub(crate) struct Looked {
    /// The executions whose news matter.
    followed: HashSet<ExecutionId>,
    /// Nothing that is due was left for later by an error.
    all_fired: bool,
}

/// Resolves when something about one of the executions has changed.
async fn news_of(changes: &mut Receiver<Changed>, followed: &HashSet<ExecutionId>) {
    loop {
        match changes.recv().await {
            Ok(Changed(id)) if followed.contains(&id) => return,
            Ok(_) => {}
            // Some were missed, so the state is read again.
            Err(RecvError::Lagged(_)) => return,
            // The engine is held by whoever waits, so this does not come.
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

fn failed(what: &'static str, error: &forebay_core::Error) {
    tracing::error!(error = error as &dyn std::error::Error, "{what}");
}

/// Notices that the clock was set.
struct ClockWatch {
    at: Timestamp,
    seen: Instant,
}

impl ClockWatch {
    fn was_set(&mut self, now: Timestamp) -> bool {
        let passed = i64::try_from(self.seen.elapsed().as_millis()).unwrap_or(i64::MAX);
        let shown = now.as_millis().saturating_sub(self.at.as_millis());
        let jump = shown.saturating_sub(passed);
        (self.at, self.seen) = (now, Instant::now());
        if jump.abs() < JUMP_MILLIS {
            return false;
        }
        tracing::warn!(
            seconds = jump / 1000,
            "the clock was set, or this machine slept: what was passed over is late by the misfire policy, and \
             what has fired does not fire again"
        );
        true
    }
}
