//! What an extraction reads from one table, and how.

use serde::{Deserialize, Serialize};

use crate::id::TableExtractionId;
use crate::job::Activation;
use crate::name::Identifier;

/// A table as its source names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceTableName {
    /// `None` where the source has no schemas, or for its default one.
    pub schema: Option<Identifier>,
    pub name: Identifier,
}

impl std::fmt::Display for SourceTableName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(formatter, "{schema}.{}", self.name),
            None => write!(formatter, "{}", self.name),
        }
    }
}

/// The settings of one table of an extraction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableExtraction {
    pub id: TableExtractionId,
    pub table: SourceTableName,
    /// `None`: the source's own name.
    pub target: Option<Identifier>,
    pub columns: ColumnChoice,
    /// Replaces the source's primary key when not empty.
    pub manual_key: Vec<Identifier>,
    /// Columns whose values are hashed before they are written.
    pub pseudonymised: Vec<Identifier>,
    /// An SQL condition of the source, may hold `<%=…%>`; FULL and DELTA.
    pub filter: Option<String>,
    /// As `filter`, DELTA only.
    pub delta_filter: Option<String>,
    pub creation_date: Option<DateFilter>,
    pub change_date: Option<ChangeDate>,
    /// Texts longer than this many characters are cut, with a counted warning.
    pub max_string_length: Option<u32>,
    pub activation: Activation,
}

impl TableExtraction {
    /// All of a table, under its own name, with nothing set.
    #[must_use]
    pub fn new(table: SourceTableName) -> Self {
        Self {
            id: TableExtractionId::random(),
            table,
            target: None,
            columns: ColumnChoice::All,
            manual_key: Vec::new(),
            pseudonymised: Vec::new(),
            filter: None,
            delta_filter: None,
            creation_date: None,
            change_date: None,
            max_string_length: None,
            activation: Activation::Enabled,
        }
    }

    /// The table's name in the pool.
    #[must_use]
    pub fn target_name(&self) -> &Identifier {
        self.target.as_ref().unwrap_or(&self.table.name)
    }
}

/// All columns of a table, or a part of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ColumnChoice {
    All,
    Only(Vec<Identifier>),
}

/// As [`DateFilter::until`]: the end of the day (UTC) on which the execution was started. No
/// parameter can have this name.
pub const TODAY: &str = "<%=FOREBAY:TODAY%>";

/// The creation-date filter: bounds on a column. Both bounds are inclusive, as text that the
/// source reads as the column's type; a bound may hold `<%=…%>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateFilter {
    pub column: Identifier,
    pub from: Option<String>,
    pub until: Option<String>,
}

/// The change-date filter: in DELTA, rows whose column is newer than the newest value read so
/// far less the offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeDate {
    pub column: Identifier,
    /// How far below the newest value a DELTA begins, in seconds.
    pub offset_seconds: i64,
}
