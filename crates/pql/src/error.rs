//! What is wrong with a query, and where.

use std::fmt;

/// Where something begins in the texts of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Which of several texts, from 1 on; `None` when there is one.
    pub text: Option<usize>,
    /// From 1 on.
    pub line: usize,
    /// In characters, from 1 on.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.text {
            write!(formatter, "query {text}, ")?;
        }
        write!(formatter, "line {}, column {}", self.line, self.column)
    }
}

/// A query that cannot be answered; what it displays is for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {reason}")]
pub struct PqlError {
    pub position: Position,
    pub reason: String,
}

impl PqlError {
    pub(crate) fn new(position: Position, reason: impl Into<String>) -> Self {
        Self { position, reason: reason.into() }
    }
}
