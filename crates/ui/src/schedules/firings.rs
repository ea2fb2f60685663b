//! The next firings of a schedule: as a list, and as places on a time line.

use std::fmt;

use forebay_core::Timestamp;
use forebay_core::schedule::{Shift, Timetable};
use forebay_engine::Preview;

use crate::words::moment;

/// The settings of clocks that are drawn; of more, only the number is told.
const DRAWN: usize = 12;
/// Where the time line begins and ends, in thousandths of its width.
const FROM: i64 = 20;
const TO: i64 = 980;

/// What is to come, in order.
pub(super) struct Firings {
    pub(super) time_zone: String,
    pub(super) rows: Vec<Row>,
    pub(super) marks: Vec<Along>,
    /// Where clocks are set, and by how much.
    pub(super) clocks: Vec<(Along, String)>,
    /// What the end of the line is called.
    pub(super) last: String,
    /// What the time line shows, for whoever does not see it.
    pub(super) told: String,
    /// How often clocks are set, when that is too often to be drawn.
    pub(super) often: Option<usize>,
}

/// A firing, or clocks that are set.
pub(super) enum Row {
    Firing { local: String, utc: String, note: String },
    Clocks { local: String, utc: String, note: String },
}

/// A place on the line, in thousandths of its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Along(i64);

impl fmt::Display for Along {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}%", self.0 / 10, self.0 % 10)
    }
}

impl Firings {
    /// `None` when nothing is to come.
    pub(super) fn of(previews: &[Preview], timetable: &Timetable, now: Timestamp) -> Option<Self> {
        let (first, last) = (previews.first()?, previews.last()?);
        let zone = &timetable.time_zone;
        let end = last.occurrence.at;
        let changes = zone.changes(now, end);
        let often = (changes.len() > DRAWN).then_some(changes.len());
        let changes = if often.is_some() { Vec::new() } else { changes };
        let along = |at: Timestamp| {
            let whole = (end.as_millis() - now.as_millis()).max(1);
            Along(FROM + (at.as_millis() - now.as_millis()).clamp(0, whole) * (TO - FROM) / whole)
        };
        let mut rows = Vec::new();
        let mut coming = changes.iter().peekable();
        for preview in previews {
            while let Some(change) = coming.next_if(|change| change.at <= preview.occurrence.at) {
                let (local, utc) = (face(&change.local), moment(change.at));
                let note = format!("the clocks are set {}", by(change.seconds));
                rows.push(Row::Clocks { local, utc, note });
            }
            rows.push(firing(preview));
        }
        let count = previews.len();
        let mut told = format!(
            "{count} {}, the first at {} and the last at {}.",
            if count == 1 { "firing" } else { "firings" },
            face(&first.local),
            face(&last.local)
        );
        for change in &changes {
            told = format!("{told} The clocks are set {} at {}.", by(change.seconds), face(&change.local));
        }
        Some(Self {
            time_zone: zone.name().to_owned(),
            rows,
            marks: previews.iter().map(|preview| along(preview.occurrence.at)).collect(),
            clocks: changes.iter().map(|change| (along(change.at), sign(change.seconds))).collect(),
            last: face(&last.local),
            told,
            often,
        })
    }
}

fn firing(preview: &Preview) -> Row {
    let mut notes: Vec<String> = preview.occurrence.shift.iter().map(Shift::explained).collect();
    if preview.due != preview.occurrence.at {
        notes.push(format!("starts at {}", moment(preview.due)));
    }
    Row::Firing { local: face(&preview.local), utc: moment(preview.occurrence.at), note: notes.join("; ") }
}

/// A local time as people read it: `Sun 2026-03-29 03:00:00 +02:00`.
fn face(local: &str) -> String {
    let parts = local.split_at_checked(19);
    match parts.and_then(|(clock, offset)| Some((clock.parse::<jiff::civil::DateTime>().ok()?, offset))) {
        Some((clock, offset)) => format!("{} {offset}", clock.strftime("%a %Y-%m-%d %H:%M:%S")),
        None => local.to_owned(),
    }
}

fn by(seconds: i32) -> String {
    let way = if seconds < 0 { "back" } else { "forward" };
    format!("{way} by {}", length(seconds.unsigned_abs()))
}

fn sign(seconds: i32) -> String {
    let sign = if seconds < 0 { '\u{2212}' } else { '+' };
    format!("{sign}{}", length(seconds.unsigned_abs()))
}

fn length(seconds: u32) -> String {
    match (seconds / 3600, seconds % 3600 / 60) {
        (hours, 0) => format!("{hours} h"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::schedule::{Pattern, TimeOfDay, Zone};

    use super::*;

    fn timetable() -> Timetable {
        Timetable {
            pattern: Pattern::Daily { at: TimeOfDay::parse("at", "02:30").unwrap() },
            time_zone: Zone::parse("timeZone", "Europe/Berlin").unwrap(),
        }
    }

    fn firings(after: &str, count: usize) -> Firings {
        let table = timetable();
        let after: jiff::Timestamp = after.parse().unwrap();
        let now = Timestamp::from_millis(after.as_millisecond());
        let previews: Vec<Preview> = table
            .occurrences_after(now)
            .take(count)
            .map(|occurrence| Preview {
                due: occurrence.at,
                local: table.time_zone.local(occurrence.at),
                occurrence,
            })
            .collect();
        Firings::of(&previews, &table, now).unwrap()
    }

    #[test]
    fn clocks_that_are_set_stand_between_the_firings() {
        let shown = firings("2026-03-27T12:00:00Z", 3);
        let rows: Vec<String> = shown
            .rows
            .iter()
            .map(|row| match row {
                Row::Firing { local, .. } => local.clone(),
                Row::Clocks { local, note, .. } => format!("{note}: {local}"),
            })
            .collect();
        assert_eq!(
            rows,
            [
                "Sat 2026-03-28 02:30:00 +01:00",
                "the clocks are set forward by 1 h: Sun 2026-03-29 03:00:00 +02:00",
                "Sun 2026-03-29 03:00:00 +02:00",
                "Mon 2026-03-30 02:30:00 +02:00",
            ]
        );
        assert_eq!((shown.marks[2], shown.clocks[0].1.as_str()), (Along(TO), "+1 h"));
        assert_eq!(shown.clocks[0].0, shown.marks[1]);
        assert!(shown.told.contains("The clocks are set forward by 1 h at Sun 2026-03-29"), "{}", shown.told);
        assert_eq!(Along(205).to_string(), "20.5%");
    }

    #[test]
    fn clocks_that_are_set_too_often_are_counted() {
        let shown = firings("2026-01-01T00:00:00Z", 3 * 366 * 3);
        assert!(shown.often.unwrap() > DRAWN && shown.clocks.is_empty());
        let none = Firings::of(&[], &timetable(), Timestamp::from_millis(0));
        assert!(none.is_none());
        assert_eq!(firings("2026-01-01T00:00:00Z", 1).marks, [Along(TO)]);
    }

    #[test]
    fn settings_of_clocks_are_told_by_their_length() {
        assert_eq!((by(3600), sign(-3600)), ("forward by 1 h".to_owned(), "\u{2212}1 h".to_owned()));
        assert_eq!((by(-1800), sign(5400)), ("back by 30 min".to_owned(), "+1 h 30 min".to_owned()));
    }
}
