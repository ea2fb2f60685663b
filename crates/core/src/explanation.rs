//! What a source is asked for when a table is read, for people to see before it is.

use serde::{Deserialize, Serialize};

/// What an execution would ask the source for one table, as things are now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableExplanation {
    pub full: Explanation,
    pub delta: Explanation,
}

/// What reading a table asks of its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub asked: Asked,
    /// What the user should know about how the table would be read.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    /// The settings cannot be asked for, and why.
    Refused(String),
    /// The table is provably as it was at the checkpoint.
    Nothing,
    /// One statement, as it is sent.
    Statement {
        sql: String,
        /// What goes beside the statement for its question marks, in their order, as SQL writes it.
        values: Vec<String>,
        /// Whether a big table is read in ranges: each by this statement with one condition more.
        in_ranges: bool,
    },
    /// Files, which are read whole.
    Files {
        files: Vec<String>,
        /// What of their rows passes; all of these must hold.
        conditions: Vec<String>,
    },
}
