//! What is filled in of a schedule. Every kind of pattern has its own fields, so that nothing is lost when another kind
//! is chosen; only those of the chosen one count.

use std::collections::HashMap;

use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataJobId, ScheduleId};
use forebay_core::job::{Activation, DataJob};
use forebay_core::schedule::{Day, MonthDay, Pattern, ScheduleSettings, Timetable, Trigger};
use serde::Deserialize;
use serde_json::{Value, json};

use super::pattern::{day_name, hourly, hourly_minute};
use crate::words::word;
use forebay_api::words::{ExecutionPriority, IntervalUnit, MisfirePolicy, OnFailurePolicy, OverlapPolicy};
use forebay_api::{PreviewRequest, ScheduleRequest};

/// The fields as they are typed. An empty one says nothing.
#[derive(Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ScheduleForm {
    pub(super) name: String,
    pub(super) mode: String,
    pub(super) kind: String,
    pub(super) every: String,
    pub(super) unit: String,
    /// In UTC.
    pub(super) start_at: String,
    pub(super) minute: String,
    pub(super) daily_at: String,
    pub(super) weekly_at: String,
    pub(super) monthly_at: String,
    /// A day of the month, or `LAST`.
    pub(super) month_day: String,
    pub(super) expression: String,
    pub(super) time_zone: String,
    /// The schedule that this one follows.
    pub(super) after: String,
    pub(super) on_failure: String,
    pub(super) overlap: String,
    pub(super) misfire: String,
    pub(super) jitter_seconds: String,
    pub(super) priority: String,
    /// Of a new one: whether it is only made and not switched on.
    pub(super) off: Option<String>,
    /// Which button was pressed.
    pub(super) then: String,
    /// `day:MON` for each ticked day of the week, and `place:` with the id of a job for its places in the order.
    #[serde(flatten)]
    others: HashMap<String, String>,
}

/// A job that a schedule can run.
pub(super) struct JobPlace {
    pub(super) id: DataJobId,
    pub(super) name: String,
    /// Where in the order it runs: `1`, or `1, 4`; empty where it does not.
    pub(super) place: String,
}

impl Default for ScheduleForm {
    fn default() -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            name: String::new(),
            mode: text("DELTA"),
            kind: text("DAILY"),
            every: text("30"),
            unit: text("MINUTES"),
            start_at: String::new(),
            minute: text("0"),
            daily_at: text("02:30"),
            weekly_at: text("02:30"),
            monthly_at: text("02:30"),
            month_day: text("1"),
            expression: text("0 30 2 * * ?"),
            time_zone: text("UTC"),
            after: String::new(),
            on_failure: text("STOP"),
            overlap: text("SKIP"),
            misfire: text("LATEST"),
            jitter_seconds: text("0"),
            priority: text("NORMAL"),
            off: None,
            then: String::new(),
            others: HashMap::new(),
        }
    }
}

impl ScheduleForm {
    pub(super) fn of(settings: &ScheduleSettings) -> Self {
        let mut form = Self {
            name: settings.name.to_string(),
            mode: settings.mode.as_str().to_owned(),
            on_failure: word(OnFailurePolicy::from(settings.on_failure)),
            overlap: word(OverlapPolicy::from(settings.overlap)),
            misfire: word(MisfirePolicy::from(settings.misfire)),
            priority: word(ExecutionPriority::from(settings.priority)),
            jitter_seconds: settings.jitter_seconds.to_string(),
            ..Self::default()
        };
        match &settings.trigger {
            Trigger::Time(timetable) => form.fill_in(timetable),
            Trigger::After(other) => {
                "AFTER".clone_into(&mut form.kind);
                form.after = other.to_string();
            }
        }
        for (number, job) in settings.jobs.iter().enumerate() {
            let place = form.others.entry(format!("place:{job}")).or_default();
            let comma = if place.is_empty() { "" } else { ", " };
            *place = format!("{place}{comma}{}", number + 1);
        }
        form
    }

    fn fill_in(&mut self, timetable: &Timetable) {
        timetable.time_zone.name().clone_into(&mut self.time_zone);
        let kind = match &timetable.pattern {
            Pattern::Cron { expression } => match hourly_minute(expression) {
                Some(minute) => {
                    self.minute = minute.to_string();
                    "HOURLY"
                }
                None => {
                    expression.as_str().clone_into(&mut self.expression);
                    "CRON"
                }
            },
            Pattern::Every { interval, start_at } => {
                self.every = interval.every.to_string();
                self.unit = word(IntervalUnit::from(interval.unit));
                self.start_at = clock(*start_at);
                "INTERVAL"
            }
            Pattern::Daily { at } => {
                self.daily_at = at.to_string();
                "DAILY"
            }
            Pattern::Weekly { days, at } => {
                self.weekly_at = at.to_string();
                self.others.extend(days.iter().map(|day| (format!("day:{}", day.as_str()), "on".to_owned())));
                "WEEKLY"
            }
            Pattern::Monthly { day, at } => {
                self.monthly_at = at.to_string();
                self.month_day = match day {
                    MonthDay::Number(day) => day.to_string(),
                    MonthDay::Last => "LAST".to_owned(),
                };
                "MONTHLY"
            }
        };
        kind.clone_into(&mut self.kind);
    }

    pub(super) fn is_preview(&self) -> bool {
        self.then == "preview"
    }

    /// Whether this is the schedule that it is to follow.
    pub(super) fn is_after(&self, other: &ScheduleId) -> bool {
        self.after == other.to_string()
    }

    /// Whether it fires after another schedule, and so at no time of its own.
    pub(super) fn follows(&self) -> bool {
        self.kind == "AFTER"
    }

    /// The days of the week, by their words and names, and whether they are ticked.
    pub(super) fn days(&self) -> [(&'static str, &'static str, bool); 7] {
        Day::ALL.map(|day| {
            (day.as_str(), day_name(day), self.others.contains_key(&format!("day:{}", day.as_str())))
        })
    }

    /// The days of the month, by their words and names.
    pub(super) fn month_days() -> Vec<(String, String)> {
        let numbers = (1..=31).map(|day| (day.to_string(), day.to_string()));
        numbers.chain([("LAST".to_owned(), "the last day".to_owned())]).collect()
    }

    /// All jobs of the pool, those that are run first.
    pub(super) fn places<T>(&self, jobs: &[(DataJob, T)]) -> Vec<JobPlace> {
        let place =
            |job: &DataJob| self.others.get(&format!("place:{}", job.id)).cloned().unwrap_or_default();
        let mut places: Vec<JobPlace> = jobs
            .iter()
            .map(|(job, _)| JobPlace { id: job.id, name: job.name.to_string(), place: place(job) })
            .collect();
        places.sort_by_key(|job| {
            numbers(&job.place).ok().and_then(|found| found.first().copied()).unwrap_or(u32::MAX)
        });
        places
    }

    /// What the API would be sent; `kept` is what is switched on or off already.
    pub(super) fn settings(&self, kept: Option<Activation>, now: Timestamp) -> Result<ScheduleSettings> {
        let (pattern, after) = match self.follows() {
            true => (Value::Null, said(&self.after)),
            false => (self.pattern()?, None),
        };
        if self.follows() && after.is_none() {
            return Err(Error::invalid("afterScheduleId", "is missing; choose the schedule to follow"));
        }
        let jitter = said(&self.jitter_seconds).map(|text| number("jitterSeconds", text)).transpose()?;
        let enabled = match kept {
            Some(activation) => activation == Activation::Enabled,
            None => self.off.is_none(),
        };
        let body = json!({
            "name": self.name, "enabled": enabled, "jobs": self.jobs()?, "mode": said(&self.mode),
            "priority": said(&self.priority), "pattern": pattern, "timeZone": said(&self.time_zone),
            "afterScheduleId": after, "onFailure": said(&self.on_failure), "overlap": said(&self.overlap),
            "misfire": said(&self.misfire), "jitterSeconds": jitter,
        });
        request::<ScheduleRequest>(body)?.into_new(now)
    }

    /// The times alone.
    pub(super) fn timetable(&self, now: Timestamp) -> Result<Timetable> {
        let body = json!({"pattern": self.pattern()?, "timeZone": said(&self.time_zone)});
        request::<PreviewRequest>(body)?.into_timetable(now)
    }

    fn pattern(&self) -> Result<Value> {
        Ok(match self.kind.as_str() {
            "INTERVAL" => json!({
                "type": "INTERVAL", "every": number("pattern.every", &self.every)?, "unit": said(&self.unit),
                "startAt": said(&self.start_at).map(millis).transpose()?,
            }),
            "HOURLY" => {
                json!({"type": "CRON", "expression": hourly(number("pattern.minute", &self.minute)?)})
            }
            "DAILY" => json!({"type": "DAILY", "at": self.daily_at}),
            "WEEKLY" => {
                let ticked = self.days().into_iter().filter(|(_, _, is_ticked)| *is_ticked);
                let days: Vec<&str> = ticked.map(|(day, _, _)| day).collect();
                json!({"type": "WEEKLY", "at": self.weekly_at, "days": days})
            }
            "MONTHLY" if self.month_day == "LAST" => {
                json!({"type": "MONTHLY", "at": self.monthly_at, "lastDay": true})
            }
            "MONTHLY" => json!({
                "type": "MONTHLY", "at": self.monthly_at,
                "day": u8::try_from(number("pattern.day", &self.month_day)?).unwrap_or(u8::MAX),
            }),
            other => json!({"type": other, "expression": self.expression}),
        })
    }

    /// The jobs in the order of their places.
    fn jobs(&self) -> Result<Vec<&str>> {
        let mut placed = Vec::new();
        for (field, text) in &self.others {
            if let Some(job) = field.strip_prefix("place:") {
                placed.extend(numbers(text)?.into_iter().map(|place| (place, job)));
            }
        }
        placed.sort_unstable();
        Ok(placed.into_iter().map(|(_, job)| job).collect())
    }
}

fn said(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn number(field: &str, text: &str) -> Result<u32> {
    text.trim().parse().map_err(|_| Error::invalid(field, format!("must be a whole number, not `{text}`")))
}

/// The places of a job: none, or several with commas between them.
fn numbers(text: &str) -> Result<Vec<u32>> {
    let parts = text.split(',').filter_map(said);
    parts.map(|part| number("jobs", part)).collect()
}

fn request<T: serde::de::DeserializeOwned>(body: Value) -> Result<T> {
    serde_json::from_value(body).map_err(|error| Error::invalid("form", error.to_string()))
}

/// A moment as a field for dates and times has it, in UTC.
fn clock(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.as_millis());
    at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.f").to_string()).unwrap_or_default()
}

fn millis(text: &str) -> Result<i64> {
    let at = text.parse::<jiff::civil::DateTime>().and_then(|at| jiff::tz::Offset::UTC.to_timestamp(at));
    let wrong = |_| {
        Error::invalid("pattern.startAt", format!("must be a time such as 2026-01-31T02:30, not `{text}`"))
    };
    at.map(jiff::Timestamp::as_millisecond).map_err(wrong)
}

#[cfg(test)]
mod tests;
