//! Names, checked once and trusted after.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A name people see: 1 to 100 characters, no control characters, no space at the ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// The most characters a [`Name`] may have.
pub const NAME_LIMIT: usize = 100;

impl Name {
    /// Checks a name; `field` is what the error calls it.
    ///
    /// # Errors
    /// `Invalid`, saying which rule is broken.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let reason = if text.is_empty() {
            "must not be empty"
        } else if text.chars().count() > NAME_LIMIT {
            "must have at most 100 characters"
        } else if text.trim() != text {
            "must not begin or end with a space"
        } else if text.chars().any(char::is_control) {
            "must not have control characters"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Error::invalid(field, reason))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse("name", &text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The name of a table, column or schema in a source or in the warehouse: 1 to 255 characters,
/// no control characters. It is data, never SQL: every dialect quotes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identifier(String);

/// The most characters an [`Identifier`] may have.
pub const IDENTIFIER_LIMIT: usize = 255;

impl Identifier {
    /// Checks an identifier; `field` is what the error calls it.
    ///
    /// # Errors
    /// `Invalid`, saying which rule is broken.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let reason = if text.is_empty() {
            "must not be empty"
        } else if text.chars().count() > IDENTIFIER_LIMIT {
            "must have at most 255 characters"
        } else if text.chars().any(char::is_control) {
            "must not have control characters"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Error::invalid(field, reason))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier in double quotes, as standard SQL (PostgreSQL, SQLite, DuckDB) writes it.
    #[must_use]
    pub fn quoted(&self) -> String {
        quote(&self.0)
    }
}

/// Any text as a double-quoted SQL identifier.
#[must_use]
pub fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

impl TryFrom<String> for Identifier {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse("identifier", &text)
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let check = |text: &str, good: bool| assert_eq!(Name::parse("name", text).is_ok(), good, "{text:?}");
        check("Nightly load", true);
        check("Ünïcode ✓", true);
        check(&"x".repeat(100), true);
        check(&"x".repeat(101), false);
        check("", false);
        check(" a", false);
        check("a\u{0}b", false);
        check("a\nb", false);
    }

    #[test]
    fn quoting_doubles_quotes() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
    }
}
