//! The first rows of a table at its source, and what they tell about its columns.

use serde::{Deserialize, Serialize};

use crate::name::Identifier;
use crate::warehouse::Rows;

/// A look at a table.
#[derive(Clone, Debug)]
pub struct Preview {
    pub findings: Findings,
    /// The rows to show, in one batch at most. Long values are cut; `truncated` says whether the table has more.
    pub rows: Rows,
}

/// What was found among the rows that were looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// How many rows were looked at. All figures below are of these alone.
    pub rows: usize,
    /// In the order of the table.
    pub columns: Vec<ColumnFindings>,
    /// The source's primary key, in order; empty when it has none.
    pub key: Vec<Identifier>,
    /// Where the source has no key: columns, or else pairs of them, that have no NULL and no value twice.
    pub candidates: Vec<Vec<Identifier>>,
    /// How many values are shown cut.
    pub cut: usize,
    /// What the user should know about how the table was read.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnFindings {
    pub name: Identifier,
    /// The type as the source writes it.
    pub type_name: String,
    pub nulls: usize,
    /// How many different values there are, without NULL.
    pub distinct: usize,
}
