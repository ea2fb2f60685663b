//! Schedules: when the jobs of a pool run by themselves, and by which rules. The next firing is a pure
//! function of the schedule and of the time it is handed; nothing here looks at a clock.
//!
//! Reading order: [`Schedule`] is what a user sets up; [`Timetable`] says which moments a [`Pattern`] names in
//! a [`Zone`]; [`Plan`] decides what becomes of the moments that are due; [`ScheduleRun`] is how one firing is
//! told.

mod cron;
mod pattern;
mod plan;
mod run;
#[cfg(test)]
mod tests;
mod timetable;
mod zone;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::access::Subject;
use crate::execution::{ExtractionMode, Priority};
use crate::id::{DataJobId, DataPoolId, ScheduleId};
use crate::job::Activation;
use crate::name::Name;

pub use self::cron::CronExpression;
pub use self::pattern::{Day, Interval, MonthDay, Pattern, TimeOfDay, Unit};
pub use self::plan::{CATCH_UP_LIMIT, Decision, GRACE_MILLIS, Plan, Verdict};
pub use self::run::{Cause, FiringOutcome, RunJob, ScheduleRun};
pub use self::timetable::{Occurrence, Shift, Timetable};
pub use self::zone::{ClockChange, Zone};

/// The most seconds by which a start may be put off.
pub const JITTER_LIMIT_SECONDS: u32 = 24 * 60 * 60;
/// The most jobs of one schedule.
pub const JOBS_LIMIT: usize = 100;
/// The most runs of one schedule that wait for their turn.
pub const WAITING_LIMIT: usize = 100;

/// When jobs of a pool run by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub id: ScheduleId,
    pub pool_id: DataPoolId,
    pub settings: ScheduleSettings,
    /// Whose right to execute the runs have: who last saved the schedule.
    pub saved_by: Subject,
    pub saved_at: Timestamp,
    pub created_at: Timestamp,
    /// `None` while it is disabled, follows another schedule, or has no occurrence left.
    pub next: Option<Firing>,
}

/// What a user sets of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSettings {
    pub name: Name,
    pub activation: Activation,
    pub trigger: Trigger,
    pub mode: ExtractionMode,
    /// Of its executions.
    pub priority: Priority,
    /// They run one after the other. At least one.
    pub jobs: Vec<DataJobId>,
    pub on_failure: OnFailure,
    pub overlap: Overlap,
    pub misfire: Misfire,
    /// A firing is put off by some time below this, the same time for the same occurrence.
    pub jitter_seconds: u32,
}

/// What makes a schedule fire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    Time(Timetable),
    /// Each time a run of that schedule of the same pool succeeds.
    After(ScheduleId),
}

/// What becomes of the jobs after one that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OnFailure {
    Stop,
    Continue,
}

/// What happens when the schedule fires while its last run is on, or when one of its jobs runs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Overlap {
    /// The new one is left out.
    Skip,
    /// The new one waits.
    Queue,
    /// What is on is canceled, and the new one begins after it.
    Replace,
}

/// What becomes of occurrences that nobody looked at in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Misfire {
    /// They are recorded as missed.
    None,
    /// The latest one is caught up.
    Latest,
    /// All are caught up one after the other, the newest [`CATCH_UP_LIMIT`] at most.
    All,
}

/// An occurrence, and when it is due: the same moment, put off by the jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    pub occurrence: Timestamp,
    pub due: Timestamp,
}

impl Schedule {
    /// The first firing after a moment, whether the schedule is enabled or not.
    #[must_use]
    pub fn firing_after(&self, after: Timestamp) -> Option<Firing> {
        let Trigger::Time(timetable) = &self.settings.trigger else { return None };
        let mut occurrences = timetable.occurrences_after(after);
        let first = occurrences.next()?;
        Some(self.firing(first.at, occurrences.next().map(|second| second.at)))
    }

    /// What the next firing should be from now on. One whose occurrence has come already stays: it is due, or
    /// will be. One that is still to come is worked out anew, since the clock may have been set back or the
    /// rules of the time zone may have changed.
    #[must_use]
    pub fn replanned(&self, now: Timestamp) -> Option<Firing> {
        match (self.settings.activation, self.next) {
            (Activation::Disabled, _) => None,
            (Activation::Enabled, Some(next)) if next.occurrence <= now => Some(next),
            (Activation::Enabled, _) => self.firing_after(now),
        }
    }

    /// The firing of an occurrence. It is always due before the occurrence that follows.
    fn firing(&self, occurrence: Timestamp, following: Option<Timestamp>) -> Firing {
        let mut bound = i64::from(self.settings.jitter_seconds) * 1000;
        if let Some(following) = following {
            bound = bound.min(following.as_millis() - occurrence.as_millis());
        }
        let delay = match u64::try_from(bound) {
            Ok(bound) if bound > 0 => i64::try_from(self.digest(occurrence) % bound).unwrap_or_default(),
            _ => 0,
        };
        Firing { occurrence, due: Timestamp::from_millis(occurrence.as_millis().saturating_add(delay)) }
    }

    /// A number that is the same whenever it is asked for (FNV-1a): a restart must not draw again.
    fn digest(&self, occurrence: Timestamp) -> u64 {
        let text = format!("{} {}", self.id, occurrence.as_millis());
        let mut digest = 0xcbf2_9ce4_8422_2325_u64;
        for byte in text.bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // The low bits of one-byte steps are close together; the high ones are not.
        digest ^ (digest >> 32)
    }
}
