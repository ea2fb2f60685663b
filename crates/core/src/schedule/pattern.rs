//! What people say instead of a list of moments: a cron expression, or one of four simple forms.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::cron::CronExpression;
use crate::Timestamp;
use crate::error::{Error, Result};

/// Which moments a schedule means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Pattern {
    Cron {
        expression: CronExpression,
    },
    /// In steps of elapsed time from `start_at` on.
    Every {
        interval: Interval,
        start_at: Timestamp,
    },
    Daily {
        at: TimeOfDay,
    },
    Weekly {
        days: BTreeSet<Day>,
        at: TimeOfDay,
    },
    Monthly {
        day: MonthDay,
        at: TimeOfDay,
    },
}

/// A number of minutes or hours of elapsed time: at least one minute, at most 366 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    pub every: NonZeroU32,
    pub unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Unit {
    Minutes,
    Hours,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A day of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MonthDay {
    /// 1 to 31; months that do not have it are left out.
    Number(u8),
    Last,
}

/// A time on a clock, to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    hour: u8,
    minute: u8,
}

impl Interval {
    /// # Errors
    /// `Invalid` for `field` when it is shorter than a minute or longer than 366 days.
    pub fn new(field: &str, every: u32, unit: Unit) -> Result<Self> {
        let most = match unit {
            Unit::Minutes => 366 * 24 * 60,
            Unit::Hours => 366 * 24,
        };
        match NonZeroU32::new(every) {
            Some(count) if every <= most => Ok(Self { every: count, unit }),
            _ => Err(Error::invalid(field, format!("must be from 1 to {most}"))),
        }
    }

    #[must_use]
    pub fn millis(self) -> i64 {
        let unit = match self.unit {
            Unit::Minutes => 60_000,
            Unit::Hours => 3_600_000,
        };
        i64::from(self.every.get()) * unit
    }
}

impl MonthDay {
    /// # Errors
    /// `Invalid` for `field` when no month has the day.
    pub fn number(field: &str, day: u8) -> Result<Self> {
        match day {
            1..=31 => Ok(Self::Number(day)),
            _ => Err(Error::invalid(field, format!("must be from 1 to 31, not {day}"))),
        }
    }
}

impl TimeOfDay {
    /// Reads `HH:MM`.
    ///
    /// # Errors
    /// `Invalid` for `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let part = |part: &str, limit: u8| {
            // The parser of numbers would take a sign.
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u8>().ok().filter(|number| digits && *number < limit)
        };
        let parts =
            text.split_once(':').and_then(|(hour, minute)| Some((part(hour, 24)?, part(minute, 60)?)));
        match parts {
            Some((hour, minute)) => Ok(Self { hour, minute }),
            None => Err(Error::invalid(field, format!("must be a time such as 02:30, not `{text}`"))),
        }
    }
}

impl Pattern {
    /// The same as a cron expression, where there is one.
    pub(super) fn as_cron(&self) -> Option<CronExpression> {
        let text = match self {
            Self::Cron { expression } => return Some(expression.clone()),
            Self::Every { .. } => return None,
            Self::Daily { at } => format!("0 {} {} * * ?", at.minute, at.hour),
            Self::Weekly { days, at } => {
                let days: Vec<&str> = days.iter().map(|day| day.as_str()).collect();
                format!("0 {} {} ? * {}", at.minute, at.hour, days.join(","))
            }
            Self::Monthly { day: MonthDay::Number(day), at } => {
                format!("0 {} {} {day} * ?", at.minute, at.hour)
            }
            Self::Monthly { day: MonthDay::Last, at } => format!("0 {} {} L * ?", at.minute, at.hour),
        };
        // Only a stored week without days is none; it names no moment.
        CronExpression::parse(&text).ok()
    }
}

impl Day {
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "MON",
            Self::Tue => "TUE",
            Self::Wed => "WED",
            Self::Thu => "THU",
            Self::Fri => "FRI",
            Self::Sat => "SAT",
            Self::Sun => "SUN",
        }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse("at", &text)
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}
