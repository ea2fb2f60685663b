//! The types that a client asks for.

use serde::{Deserialize, Serialize};

use super::settings::same;
use crate::error::{Error, Result};
use crate::name::Identifier;

/// The most characters that a length of texts may allow.
pub const TEXT_LIMIT: u32 = 65_000;
/// The most that may be told of other columns: what every client can hold.
const ANY_LIMIT: u32 = i32::MAX.unsigned_abs();
/// The most digits after the point.
const MOST_DECIMALS: u32 = 18;

/// The types that the table's columns shall have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushSchema {
    /// As the client wrote it; the target's own name counts.
    pub table_name: Option<String>,
    pub columns: Vec<PushColumn>,
}

impl PushSchema {
    pub(super) fn check(&self) -> Result<()> {
        for (place, column) in self.columns.iter().enumerate() {
            let field = |name: &str| format!("tableSchema.columns[{place}].{name}");
            if self.columns[..place].iter().any(|other| same(&other.name, &column.name)) {
                return Err(Error::invalid(field("columnName"), format!("{} comes twice", column.name)));
            }
            // Of other types it says nothing, and is told again.
            let lengths = match column.kind {
                ColumnKind::String => 1..=TEXT_LIMIT,
                ColumnKind::Integer
                | ColumnKind::Date
                | ColumnKind::Time
                | ColumnKind::Datetime
                | ColumnKind::Float
                | ColumnKind::Boolean => 0..=ANY_LIMIT,
            };
            if let Some(length) = column.length
                && !lengths.contains(&length)
            {
                let reason = format!("must be from {} to {}, not {length}", lengths.start(), lengths.end());
                return Err(Error::invalid(field("fieldLength"), reason));
            }
            if let Some(decimals) = column.decimals
                && decimals > MOST_DECIMALS
            {
                let reason = format!("must be at most {MOST_DECIMALS}, not {decimals}");
                return Err(Error::invalid(field("decimals"), reason));
            }
        }
        Ok(())
    }
}

/// One column of a table that is pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushColumn {
    pub name: Identifier,
    pub kind: ColumnKind,
    /// Of a text, in characters.
    pub length: Option<u32>,
    /// Digits after the point: then a FLOAT is kept as a decimal number.
    pub decimals: Option<u32>,
    /// Whether it is a part of the key.
    pub is_key: Option<bool>,
}

/// The types that a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ColumnKind {
    Integer,
    Date,
    Time,
    Datetime,
    Float,
    Boolean,
    String,
}
