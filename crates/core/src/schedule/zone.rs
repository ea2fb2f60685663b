//! Time zones by their IANA names. Their rules are built into the program, so an answer does not depend on the
//! machine; they change with an upgrade of Forebay and at no other time.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::error::{Error, Result};

/// A time zone.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// Clocks that are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockChange {
    pub at: Timestamp,
    /// By how much they are set forward; back when it is negative.
    pub seconds: i32,
    /// What they show from then on.
    pub local: String,
}

/// What a wall clock time is in a zone.
pub(super) enum Reading {
    Once(Timestamp),
    /// The clocks were set forward over it; `end` is the moment they were.
    Skipped {
        end: Timestamp,
    },
    /// The clocks were set back, so it is shown twice.
    Twice {
        first: Timestamp,
    },
}

impl Zone {
    /// Looks up a zone; `field` is what the error calls it.
    ///
    /// # Errors
    /// `Invalid` when no zone has this name.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let unknown = || {
            let reason = format!(
                "`{text}` is no IANA time zone; write one such as Europe/Berlin, America/New_York or UTC"
            );
            Error::invalid(field, reason)
        };
        let rules = TimeZoneDatabase::bundled().get(text).map_err(|_| unknown())?;
        if rules.is_unknown() {
            return Err(unknown());
        }
        // As the database spells it, whatever case it was asked for in.
        let name = rules.iana_name().ok_or_else(unknown)?.to_owned();
        Ok(Self { name, rules })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A moment as clocks of the zone show it, with the offset from UTC: `2026-03-29T03:00:00+02:00`.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> String {
        let Some((wall, offset)) = self.wall(at) else { return format!("{} ms", at.as_millis()) };
        let minutes = offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
        format!("{}{sign}{hours:02}:{minutes:02}", clock(wall))
    }

    /// The beginning of the day that a moment lies in.
    #[must_use]
    pub fn start_of_day(&self, at: Timestamp) -> Timestamp {
        let midnight = |(wall, _): (DateTime, Offset)| self.read(wall.date().at(0, 0, 0, 0));
        match self.wall(at).and_then(midnight) {
            Some(Reading::Once(first) | Reading::Twice { first }) => first,
            Some(Reading::Skipped { end }) => end,
            None => at,
        }
    }

    /// When clocks are set after one moment and up to another, in order.
    #[must_use]
    pub fn changes(&self, after: Timestamp, until: Timestamp) -> Vec<ClockChange> {
        let mut changes = Vec::new();
        let Some((_, mut offset)) = self.wall(after) else { return changes };
        let mut from = after;
        while let Some((at, new)) = self.set_after(from)
            && at <= until
        {
            // A zone that is called something else from then on sets no clock.
            let seconds = new.seconds() - offset.seconds();
            if seconds != 0 {
                changes.push(ClockChange { at, seconds, local: self.local(at) });
            }
            (from, offset) = (at, new);
        }
        changes
    }

    /// The names of all zones, in order.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> =
            TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// What clocks show at a moment; `None` beyond the years 0 to 9999.
    pub(super) fn wall(&self, at: Timestamp) -> Option<(DateTime, Offset)> {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        let offset = self.rules.to_offset(at);
        Some((offset.to_datetime(at), offset))
    }

    /// When clocks show a time; `None` beyond the years 0 to 9999.
    pub(super) fn read(&self, wall: DateTime) -> Option<Reading> {
        match self.rules.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => Some(Reading::Once(moment(wall, offset)?)),
            // With the later offset, the time lies just before the clocks are set.
            AmbiguousOffset::Gap { after, .. } => {
                Some(Reading::Skipped { end: self.set_after(moment(wall, after)?)?.0 })
            }
            AmbiguousOffset::Fold { before, .. } => Some(Reading::Twice { first: moment(wall, before)? }),
        }
    }

    /// The first moment after `at` when the clocks are set, and the offset from then on.
    pub(super) fn set_after(&self, at: Timestamp) -> Option<(Timestamp, Offset)> {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        let next = self.rules.following(at).next()?;
        Some((Timestamp::from_millis(next.timestamp().as_millisecond()), next.offset()))
    }
}

/// The moment at which clocks with this offset show a time.
pub(super) fn moment(wall: DateTime, offset: Offset) -> Option<Timestamp> {
    offset.to_timestamp(wall).ok().map(|at| Timestamp::from_millis(at.as_millisecond()))
}

/// A wall clock time to the second.
pub(super) fn clock(wall: DateTime) -> String {
    wall.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Zone").field(&self.name).finish()
    }
}

impl TryFrom<String> for Zone {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse("timeZone", &text)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}
