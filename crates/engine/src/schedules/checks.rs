//! What a schedule must be to be saved.

use forebay_core::Timestamp;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::ScheduleId;
use forebay_core::job::Activation;
use forebay_core::schedule::{Firing, JITTER_LIMIT_SECONDS, JOBS_LIMIT, Schedule, ScheduleSettings, Trigger};

use crate::Engine;

impl Engine {
    /// Checks what is to be saved, and says when it fires next.
    pub(super) async fn checked_schedule(
        &self,
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<Option<Firing>> {
        check_settings(&schedule.settings)?;
        for job in &schedule.settings.jobs {
            self.store().data_job(schedule.pool_id, *job).await?;
        }
        match schedule.settings.trigger {
            Trigger::Time(_) => match (schedule.firing_after(now), schedule.settings.activation) {
                (None, _) => Err(nothing_left()),
                (Some(_), Activation::Disabled) => Ok(None),
                (Some(next), Activation::Enabled) => Ok(Some(next)),
            },
            Trigger::After(other) => {
                self.no_circle(schedule, other).await?;
                Ok(None)
            }
        }
    }

    /// Refuses a schedule that would follow itself, however far around.
    async fn no_circle(&self, schedule: &Schedule, after: ScheduleId) -> Result<()> {
        let all = self.store().schedules(schedule.pool_id).await?;
        let mut names = vec![format!("`{}`", schedule.settings.name)];
        let mut other = after;
        // Each is passed once at most, since what is stored has no circle.
        for _ in 0..=all.len() {
            if other == schedule.id {
                names.push(names[0].clone());
                let reason = format!(
                    "would go in a circle: {}; let one of them run by a pattern",
                    names.join(" runs after ")
                );
                return Err(Error::invalid("afterScheduleId", reason));
            }
            let Some(found) = all.iter().find(|candidate| candidate.id == other) else {
                return Err(Error::not_found(Kind::Schedule, other));
            };
            names.push(format!("`{}`", found.settings.name));
            match found.settings.trigger {
                Trigger::Time(_) => return Ok(()),
                Trigger::After(next) => other = next,
            }
        }
        Ok(())
    }
}

/// What must hold of the settings by themselves.
pub(crate) fn check_settings(settings: &ScheduleSettings) -> Result<()> {
    if settings.jobs.is_empty() || settings.jobs.len() > JOBS_LIMIT {
        return Err(Error::invalid("jobs", format!("must be 1 to {JOBS_LIMIT} data jobs of the pool")));
    }
    if settings.jitter_seconds > JITTER_LIMIT_SECONDS {
        return Err(Error::invalid("jitterSeconds", format!("must be at most {JITTER_LIMIT_SECONDS}")));
    }
    Ok(())
}

pub(crate) fn nothing_left() -> Error {
    Error::invalid("pattern", "names no moment from now on; check the year and the days that months have")
}
