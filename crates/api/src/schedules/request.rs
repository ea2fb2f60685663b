//! What a client may set of a schedule.

use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::execution::Priority;
use forebay_core::job::Activation;
use forebay_core::schedule::{Misfire, OnFailure, Overlap, ScheduleSettings, Timetable, Trigger, Zone};
use serde::Deserialize;
use utoipa::ToSchema;

use super::pattern::PatternTransport;
use crate::pools::{name, new_name};
use crate::words::{ExecutionPriority, ExtractionMode, MisfirePolicy, OnFailurePolicy, OverlapPolicy};

/// A schedule to be made or changed. In a change, null leaves what there is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleRequest {
    /// What others in an export call it; of no account elsewhere.
    pub(crate) id: Option<String>,
    /// 1 to 100 characters; one schedule of a pool has it.
    name: Option<String>,
    /// True when null.
    enabled: Option<bool>,
    /// The data jobs of the pool, in the order in which they run; 1 to 100.
    jobs: Option<Vec<String>>,
    mode: Option<ExtractionMode>,
    /// Of its executions, beside the others that wait; NORMAL when null.
    priority: Option<ExecutionPriority>,
    /// When it fires; or name the schedule that it follows.
    pattern: Option<PatternTransport>,
    /// The time zone of the pattern by its IANA name; UTC when null.
    time_zone: Option<String>,
    /// The schedule of the same pool after whose successes this one fires.
    after_schedule_id: Option<String>,
    /// STOP when null.
    on_failure: Option<OnFailurePolicy>,
    /// SKIP when null.
    overlap: Option<OverlapPolicy>,
    /// LATEST when null.
    misfire: Option<MisfirePolicy>,
    /// By how many seconds at most a firing is put off; 0 when null, at most 86400.
    jitter_seconds: Option<u32>,
}

/// A pattern to be looked at.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewRequest {
    pattern: Option<PatternTransport>,
    /// By its IANA name; UTC when null.
    time_zone: Option<String>,
}

impl PreviewRequest {
    pub fn into_timetable(self, now: Timestamp) -> Result<Timetable> {
        let pattern = self.pattern.ok_or_else(|| Error::invalid("pattern", "is missing"))?;
        timetable(pattern, zone(self.time_zone.as_deref())?, now)
    }
}

impl ScheduleRequest {
    pub fn into_new(self, now: Timestamp) -> Result<ScheduleSettings> {
        let missing = |field: &str, what: &str| Error::invalid(field, format!("is missing; {what}"));
        let trigger = match (self.pattern, self.after_schedule_id) {
            (Some(pattern), None) => {
                Trigger::Time(timetable(pattern, zone(self.time_zone.as_deref())?, now)?)
            }
            (None, Some(other)) => Trigger::After(other.parse()?),
            (Some(_), Some(_)) => return Err(both()),
            (None, None) => {
                return Err(missing("pattern", "give a pattern, or afterScheduleId to follow a schedule"));
            }
        };
        Ok(ScheduleSettings {
            name: name(self.name.as_deref())?,
            activation: activation(self.enabled.unwrap_or(true)),
            trigger,
            mode: self.mode.ok_or_else(|| missing("mode", "write FULL or DELTA"))?.into(),
            priority: self.priority.map_or(Priority::Normal, Priority::from),
            jobs: parsed(&self.jobs.ok_or_else(|| missing("jobs", "list data jobs of the pool"))?)?,
            on_failure: self.on_failure.map_or(OnFailure::Stop, OnFailure::from),
            overlap: self.overlap.map_or(Overlap::Skip, Overlap::from),
            misfire: self.misfire.map_or(Misfire::Latest, Misfire::from),
            jitter_seconds: self.jitter_seconds.unwrap_or(0),
        })
    }

    pub(super) fn into_change(self, before: &ScheduleSettings, now: Timestamp) -> Result<ScheduleSettings> {
        let new_zone = self.time_zone.as_deref().map(|text| Zone::parse("timeZone", text)).transpose()?;
        let trigger = match (self.pattern, self.after_schedule_id, &before.trigger) {
            (Some(_), Some(_), _) => return Err(both()),
            (Some(pattern), None, Trigger::Time(old)) => {
                Trigger::Time(timetable(pattern, new_zone.unwrap_or_else(|| old.time_zone.clone()), now)?)
            }
            (Some(pattern), None, Trigger::After(_)) => {
                Trigger::Time(timetable(pattern, new_zone.map_or_else(|| zone(None), Ok)?, now)?)
            }
            (None, Some(other), _) => Trigger::After(other.parse()?),
            (None, None, Trigger::Time(old)) => Trigger::Time(Timetable {
                pattern: old.pattern.clone(),
                time_zone: new_zone.unwrap_or_else(|| old.time_zone.clone()),
            }),
            (None, None, Trigger::After(other)) => Trigger::After(*other),
        };
        Ok(ScheduleSettings {
            name: new_name(self.name.as_deref())?.unwrap_or_else(|| before.name.clone()),
            activation: self.enabled.map_or(before.activation, activation),
            trigger,
            mode: self.mode.map_or(before.mode, Into::into),
            priority: self.priority.map_or(before.priority, Priority::from),
            jobs: match self.jobs {
                Some(jobs) => parsed(&jobs)?,
                None => before.jobs.clone(),
            },
            on_failure: self.on_failure.map_or(before.on_failure, OnFailure::from),
            overlap: self.overlap.map_or(before.overlap, Overlap::from),
            misfire: self.misfire.map_or(before.misfire, Misfire::from),
            jitter_seconds: self.jitter_seconds.unwrap_or(before.jitter_seconds),
        })
    }
}

fn both() -> Error {
    Error::invalid("afterScheduleId", "cannot stand beside a pattern; give one of them")
}

fn zone(text: Option<&str>) -> Result<Zone> {
    Zone::parse("timeZone", text.unwrap_or("UTC"))
}

fn timetable(pattern: PatternTransport, time_zone: Zone, now: Timestamp) -> Result<Timetable> {
    Ok(Timetable { pattern: pattern.into_pattern(&time_zone, now)?, time_zone })
}

fn activation(enabled: bool) -> Activation {
    if enabled { Activation::Enabled } else { Activation::Disabled }
}

fn parsed<T: std::str::FromStr<Err = Error>>(ids: &[String]) -> Result<Vec<T>> {
    ids.iter().map(|id| id.parse()).collect()
}
