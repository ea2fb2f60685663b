//! The fields of the calendars of a data model, and what they say.

use std::collections::HashMap;

use forebay_core::error::{Error, Result};
use forebay_core::model::Calendar;
use forebay_core::model::calendar::{CalendarDay, CalendarEntry, CalendarKind, FactoryCalendar};
use forebay_core::name::Identifier;
use forebay_engine::ModelSettings;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use crate::words::word;

/// The lines that a page has fields for at least, and how many of them are empty.
const LINES: usize = 7;
const EMPTY: usize = 2;
/// The most lines that a page has fields for; calendars of more are changed by API.
pub(super) const MOST: usize = 100;

/// The fields as they are filled in.
pub(super) struct Fields {
    pub(super) kind: String,
    pub(super) table: String,
    /// The connection whose schema it lies in; empty for the global one.
    pub(super) connection: String,
    pub(super) lines: Vec<Line>,
}

/// A line of the custom calendar.
#[derive(Default)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) id: String,
    pub(super) day: String,
    /// `true`, `false`, or empty where it is not said.
    pub(super) working_day: String,
    pub(super) start_time: String,
    pub(super) end_time: String,
}

/// `day1`, `workingDay1`, `startTime1`, `endTime1` and so on, beside the calendar that counts and its table.
#[derive(Deserialize)]
pub(crate) struct CalendarForm {
    kind: String,
    #[serde(default)]
    table: String,
    #[serde(default)]
    connection: String,
    #[serde(flatten)]
    lines: HashMap<String, String>,
}

impl Line {
    fn of(number: usize, entry: &CalendarEntry) -> Self {
        let text = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        Self {
            number,
            id: entry.id.clone(),
            day: entry.day.map(word).unwrap_or_default(),
            working_day: entry.working_day.map(|is| is.to_string()).unwrap_or_default(),
            start_time: text(entry.start_time),
            end_time: text(entry.end_time),
        }
    }

    fn says_nothing(&self) -> bool {
        [&self.day, &self.working_day, &self.start_time, &self.end_time].iter().all(|text| text.is_empty())
    }

    fn entry(&self) -> Result<CalendarEntry> {
        let field = |name: &str| format!("{name} of line {}", self.number);
        Ok(CalendarEntry {
            id: if self.id.is_empty() { Uuid::new_v4().to_string() } else { self.id.clone() },
            day: chosen::<CalendarDay>(&field("the day"), &self.day)?,
            working_day: match self.working_day.as_str() {
                "" => None,
                "true" => Some(true),
                "false" => Some(false),
                _ => return Err(Error::invalid(field("the working day"), "must be true or false")),
            },
            start_time: whole(&field("the begin"), &self.start_time)?,
            end_time: whole(&field("the end"), &self.end_time)?,
        })
    }
}

/// A word of the API; nothing where the field is empty.
fn chosen<T: DeserializeOwned>(field: &str, text: &str) -> Result<Option<T>> {
    let parsed = (!text.is_empty()).then(|| serde_json::from_value(json!(text)));
    parsed.transpose().map_err(|_| Error::invalid(field, format!("must not be `{text}`")))
}

fn whole(field: &str, text: &str) -> Result<Option<i64>> {
    let parsed = (!text.is_empty()).then(|| text.parse());
    parsed.transpose().map_err(|_| Error::invalid(field, "must be a whole number"))
}

impl Fields {
    pub(super) fn of(calendar: &Calendar) -> Self {
        let (factory, custom) = (calendar.factory.as_ref(), &calendar.custom);
        let connection = factory.and_then(|factory| factory.connection_id);
        let lines = if custom.len() > MOST { &[] } else { custom.as_slice() };
        Self {
            kind: word(calendar.kind),
            table: factory.map(|factory| factory.table.to_string()).unwrap_or_default(),
            connection: connection.map(|id| id.to_string()).unwrap_or_default(),
            lines: (1..).zip(lines).map(|(number, entry)| Line::of(number, entry)).collect(),
        }
    }

    /// With empty lines to be filled in.
    pub(super) fn with_empty_lines(mut self) -> Self {
        let filled = self.lines.iter().filter(|line| !line.says_nothing()).count();
        for number in self.lines.len() + 1..=(filled + EMPTY).clamp(LINES, MOST) {
            self.lines.push(Line { number, ..Line::default() });
        }
        self
    }
}

impl CalendarForm {
    pub(super) fn fields(&self) -> Fields {
        let line = |number: usize| {
            let of = |name: &str| {
                let found = self.lines.get(&format!("{name}{number}"));
                found.map(|text| text.trim().to_owned()).unwrap_or_default()
            };
            Line {
                number,
                id: of("id"),
                day: of("day"),
                working_day: of("workingDay"),
                start_time: of("startTime"),
                end_time: of("endTime"),
            }
        };
        let is_sent = |number: &usize| self.lines.contains_key(&format!("day{number}"));
        Fields {
            kind: self.kind.clone(),
            table: self.table.trim().to_owned(),
            connection: self.connection.clone(),
            lines: (1..=MOST).take_while(is_sent).map(line).collect(),
        }
    }
}

/// What the API would be sent. Without any line the custom calendar stays as it is: it had too many for fields.
pub(super) fn settings(fields: &Fields) -> Result<ModelSettings> {
    let kind: CalendarKind =
        chosen("kind", &fields.kind)?.ok_or_else(|| Error::invalid("kind", "must be chosen"))?;
    // The calendar of a table needs one; any other may have one that does not count.
    let has_table = !fields.table.is_empty() || kind == CalendarKind::Factory;
    let factory = has_table.then(|| {
        let of_connection = (!fields.connection.is_empty()).then(|| fields.connection.parse());
        Ok::<_, Error>(FactoryCalendar {
            table: Identifier::parse("table", &fields.table)?,
            connection_id: of_connection.transpose()?,
        })
    });
    let said = fields.lines.iter().filter(|line| !line.says_nothing());
    let custom = said.map(Line::entry).collect::<Result<Vec<_>>>()?;
    Ok(ModelSettings {
        calendar_kind: Some(kind),
        factory_calendar: Some(factory.transpose()?),
        custom_calendar: (!fields.lines.is_empty()).then_some(custom),
        ..ModelSettings::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> CalendarForm {
        let of = |name: &str| pairs.iter().find(|pair| pair.0 == name).map_or("", |pair| pair.1).to_owned();
        let lines = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        CalendarForm { kind: of("kind"), table: of("table"), connection: of("connection"), lines }
    }

    #[test]
    fn what_is_filled_in_is_what_is_kept_and_an_empty_line_goes() {
        let sent = form(&[
            ("kind", "CUSTOM"),
            ("id1", "own"),
            ("day1", "MONDAY"),
            ("workingDay1", "true"),
            ("startTime1", " 28800 "),
            ("endTime1", ""),
            ("day2", ""),
            ("day3", "SUNDAY"),
            ("workingDay3", "false"),
        ]);
        let set = settings(&sent.fields()).unwrap();
        assert_eq!((set.calendar_kind, set.factory_calendar), (Some(CalendarKind::Custom), Some(None)));
        let lines = set.custom_calendar.unwrap();
        assert_eq!((lines.len(), lines[0].id.as_str(), lines[0].start_time), (2, "own", Some(28_800)));
        assert_eq!((lines[1].day, lines[1].working_day), (Some(CalendarDay::Sunday), Some(false)));
        let again = Fields::of(&Calendar { custom: lines, ..Calendar::default() }).with_empty_lines();
        assert_eq!((again.lines.len(), again.lines[1].day.as_str()), (LINES, "SUNDAY"));
        // Without lines nothing is said of them.
        assert_eq!(settings(&form(&[("kind", "NONE")]).fields()).unwrap().custom_calendar, None);
    }

    #[test]
    fn what_is_wrong_is_said_at_its_line() {
        let check = |pairs: &[(&str, &str)], expected: &str| {
            assert_eq!(settings(&form(pairs).fields()).unwrap_err().to_string(), expected);
        };
        check(&[("kind", "")], "kind: must be chosen");
        check(&[("kind", "SOME")], "kind: must not be `SOME`");
        check(&[("kind", "FACTORY")], "table: must not be empty");
        let line = |name: &'static str, text: &'static str| [("kind", "CUSTOM"), ("day1", ""), (name, text)];
        check(&line("endTime1", "noon"), "the end of line 1: must be a whole number");
        check(&line("workingDay1", "maybe"), "the working day of line 1: must be true or false");
        check(&[("kind", "CUSTOM"), ("day1", "FEAST")], "the day of line 1: must not be `FEAST`");
    }
}
