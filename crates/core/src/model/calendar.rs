//! When people work, as a data model keeps it. Forebay stores it for those who reckon with it and does not reckon
//! itself.

use serde::{Deserialize, Serialize};

use crate::id::DataConnectionId;
use crate::name::Identifier;

/// The calendars of a data model, and which of them counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calendar {
    pub kind: CalendarKind,
    pub factory: Option<FactoryCalendar>,
    pub custom: Vec<CalendarEntry>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CalendarKind {
    #[default]
    None,
    Custom,
    Factory,
}

/// A table of the pool that says which days are working days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactoryCalendar {
    /// Whose schema the table lies in; `None` for the global one.
    pub connection_id: Option<DataConnectionId>,
    pub table: Identifier,
}

/// One line of a custom calendar. Its times are in the unit of whoever wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarEntry {
    pub id: String,
    pub day: Option<CalendarDay>,
    pub working_day: Option<bool>,
    pub start_time: Option<i64>,
    pub end_time: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CalendarDay {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}
