//! Cron expressions as Quartz writes them: seconds, minutes, hours, day of month, month, day of week and, if
//! wanted, the year. Each field is checked here, so that an error names it and says what to write; which days
//! and times the checked expression names is the work of the crate `croner`. It is handed wall clock times: what
//! a time zone makes of them is in [`super::timetable`].

mod field;
mod wall;

use std::fmt;
use std::sync::Arc;

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use self::field::FIELDS;
use self::wall::Wall;
use crate::error::{Error, Result};

/// A cron expression that was checked.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CronExpression {
    text: String,
    cron: Arc<Cron>,
}

/// What errors call the expression.
const FIELD: &str = "pattern";

impl CronExpression {
    /// Checks an expression of 6 or 7 fields.
    ///
    /// # Errors
    /// `Invalid`, naming the field of the expression and the remedy.
    pub fn parse(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.len() {
            6 | 7 => {}
            5 => {
                let reason = "has 5 fields; put the seconds in front of them, mostly 0";
                return Err(Error::invalid(FIELD, reason));
            }
            other => {
                let reason = format!(
                    "has {other} fields, but a cron expression has 6 (seconds, minutes, hours, day of month, month, \
                     day of week) or 7 (and the year)"
                );
                return Err(Error::invalid(FIELD, reason));
            }
        }
        let mut plain = Vec::with_capacity(words.len());
        for (place, (field, word)) in FIELDS.iter().zip(&words).enumerate() {
            let checked = field.check(word).map_err(|reason| {
                Error::invalid(FIELD, format!("field {} ({}): {reason}", place + 1, field.name))
            })?;
            plain.push(checked);
        }
        match (words[3], words[5]) {
            ("?", "?") => {
                let reason =
                    "fields 4 (day of month) and 6 (day of week) are both `?`; write `*` in one of them";
                return Err(Error::invalid(FIELD, reason));
            }
            ("?" | "*", _) | (_, "?" | "*") => {}
            _ => {
                let reason = "fields 4 (day of month) and 6 (day of week) both say which days; write `?` in one of \
                              them and make a second schedule for the other";
                return Err(Error::invalid(FIELD, reason));
            }
        }
        let parser = CronParser::builder().seconds(Seconds::Required).alternative_weekdays(true).build();
        let cron = parser
            .parse(&plain.join(" "))
            .map_err(|error| Error::invalid(FIELD, format!("is no cron expression: {error}")))?;
        Ok(Self { text: words.join(" "), cron: Arc::new(cron) })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names no hour, and so is meant for each hour that passes.
    pub(super) fn is_for_every_hour(&self) -> bool {
        self.cron.pattern.hours.values().len() == 24
    }

    /// The first time from `from` on that the expression names, `from` itself too when `inclusive`.
    pub(super) fn next(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        self.cron.find_next_occurrence(&Wall(from), inclusive).ok().map(|found| found.0)
    }
}

impl PartialEq for CronExpression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CronExpression {}

impl fmt::Debug for CronExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("CronExpression").field(&self.text).finish()
    }
}

impl TryFrom<String> for CronExpression {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<CronExpression> for String {
    fn from(expression: CronExpression) -> Self {
        expression.text
    }
}
