//! Conditions that users write: each must be exactly one SQL expression, and what is sent on is
//! rendered from the parsed tree, so that no comment and no second statement can pass.

use forebay_core::source::{SourceError, SourceErrorKind};
use sqlparser::dialect::Dialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// Checks one expression of a dialect and renders it anew; `field` is what the error calls it.
pub(crate) fn checked(dialect: &dyn Dialect, field: &str, sql: &str) -> Result<String, SourceError> {
    let _ = (dialect, field, sql, Token::EOF);
    let _ = Parser::new(dialect);
    Err(SourceError::new(SourceErrorKind::Invalid, "not written yet"))
}
