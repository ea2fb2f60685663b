//! A pattern on the wire: one object whose `type` says which of its other members count.

use std::collections::BTreeSet;

use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::schedule::{CronExpression, Day, Interval, MonthDay, Pattern, TimeOfDay, Zone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::{DayName, IntervalUnit};

/// When a schedule fires.
#[derive(Serialize, Deserialize, ToSchema, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PatternTransport {
    #[serde(rename = "type")]
    kind: Option<PatternType>,
    /// With CRON: seconds, minutes, hours, day of month, month, day of week and, if wanted, the year.
    expression: Option<String>,
    /// With INTERVAL: how many units of elapsed time lie between two firings.
    every: Option<u32>,
    /// With INTERVAL.
    unit: Option<IntervalUnit>,
    /// With INTERVAL: the first firing, from which the others are counted; the beginning of the present day
    /// when null.
    start_at: Option<i64>,
    /// With DAILY, WEEKLY and MONTHLY: the time on clocks of the time zone, as HH:MM.
    at: Option<String>,
    /// With WEEKLY.
    days: Option<Vec<DayName>>,
    /// With MONTHLY: 1 to 31. Months that do not have the day are left out.
    day: Option<u8>,
    /// With MONTHLY, in place of a day: the last one of each month.
    last_day: Option<bool>,
}

/// The kinds of patterns.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum PatternType {
    Cron,
    Interval,
    Daily,
    Weekly,
    Monthly,
}

impl PatternTransport {
    pub(super) fn into_pattern(self, zone: &Zone, now: Timestamp) -> Result<Pattern> {
        let missing =
            |name: &str, what: &str| Error::invalid(format!("pattern.{name}"), format!("is missing; {what}"));
        let time = |at: Option<String>| match at {
            Some(at) => TimeOfDay::parse("pattern.at", &at),
            None => Err(missing("at", "write a time such as 02:30")),
        };
        let kind = self.kind;
        match kind.ok_or_else(|| missing("type", "write CRON, INTERVAL, DAILY, WEEKLY or MONTHLY"))? {
            PatternType::Cron => {
                let text =
                    self.expression.ok_or_else(|| missing("expression", "write one such as 0 0 2 * * ?"))?;
                Ok(Pattern::Cron { expression: CronExpression::parse(&text)? })
            }
            PatternType::Interval => {
                let every = self.every.ok_or_else(|| missing("every", "write a number"))?;
                let unit = self.unit.ok_or_else(|| missing("unit", "write MINUTES or HOURS"))?;
                let start_at = self.start_at.map_or_else(|| zone.start_of_day(now), Timestamp::from_millis);
                let interval = Interval::new("pattern.every", every, unit.into())?;
                Ok(Pattern::Every { interval, start_at })
            }
            PatternType::Daily => Ok(Pattern::Daily { at: time(self.at)? }),
            PatternType::Weekly => {
                let days: BTreeSet<Day> = self.days.unwrap_or_default().into_iter().map(Day::from).collect();
                if days.is_empty() {
                    return Err(missing("days", "write days such as MON and FRI"));
                }
                Ok(Pattern::Weekly { days, at: time(self.at)? })
            }
            PatternType::Monthly => {
                let day = match (self.day, self.last_day) {
                    (None, Some(true)) => MonthDay::Last,
                    (Some(day), None | Some(false)) => MonthDay::number("pattern.day", day)?,
                    (Some(_), Some(true)) => {
                        return Err(Error::invalid(
                            "pattern.day",
                            "cannot stand beside lastDay; write one of them",
                        ));
                    }
                    (None, _) => return Err(missing("day", "write a day from 1 to 31, or set lastDay")),
                };
                Ok(Pattern::Monthly { day, at: time(self.at)? })
            }
        }
    }
}

impl From<&Pattern> for PatternTransport {
    fn from(pattern: &Pattern) -> Self {
        let of = |kind| Self { kind: Some(kind), ..Self::default() };
        match pattern {
            Pattern::Cron { expression } => {
                Self { expression: Some(expression.as_str().to_owned()), ..of(PatternType::Cron) }
            }
            Pattern::Every { interval, start_at } => Self {
                every: Some(interval.every.get()),
                unit: Some(interval.unit.into()),
                start_at: Some(start_at.as_millis()),
                ..of(PatternType::Interval)
            },
            Pattern::Daily { at } => Self { at: Some(at.to_string()), ..of(PatternType::Daily) },
            Pattern::Weekly { days, at } => Self {
                days: Some(days.iter().copied().map(DayName::from).collect()),
                at: Some(at.to_string()),
                ..of(PatternType::Weekly)
            },
            Pattern::Monthly { day, at } => {
                let (day, last_day) = match day {
                    MonthDay::Number(day) => (Some(*day), None),
                    MonthDay::Last => (None, Some(true)),
                };
                Self { day, last_day, at: Some(at.to_string()), ..of(PatternType::Monthly) }
            }
        }
    }
}
