//! SQL text: names of tables, and what a user's statement may begin with.

use forebay_core::name::Identifier;
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind, WarehouseTable};
use sqlparser::dialect::DuckDbDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// Forebay's own schema in each pool's file.
pub(crate) const OWN_SCHEMA: &str = "_forebay";
/// What the names of staging tables begin with.
pub(crate) const STAGING: &str = "_forebay_staging_";

pub(crate) fn qualified(table: &WarehouseTable) -> String {
    format!("{}.{}", table.schema.quoted(), table.name.quoted())
}

/// The text as an SQL string.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(crate) fn list(columns: &[Identifier]) -> String {
    columns.iter().map(Identifier::quoted).collect::<Vec<_>>().join(", ")
}

/// The setting that looks unqualified names up in these schemas, in order.
pub(crate) fn search_path(schemas: &[Identifier]) -> String {
    format!(
        "SET search_path = {}",
        literal(&schemas.iter().map(Identifier::quoted).collect::<Vec<_>>().join(","))
    )
}

/// What changes the session or the instance instead of the pool's data; the engine itself refuses
/// files, network and configuration besides.
const REFUSED: [&str; 26] = [
    "ATTACH",
    "DETACH",
    "INSTALL",
    "LOAD",
    "COPY",
    "EXPORT",
    "IMPORT",
    "PRAGMA",
    "SET",
    "RESET",
    "CALL",
    "USE",
    "CHECKPOINT",
    "FORCE",
    "BEGIN",
    "START",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "VACUUM",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "SECRET",
    "UPDATE EXTENSIONS",
];

/// What a read-only query may begin with.
const READING: [&str; 9] =
    ["SELECT", "WITH", "FROM", "VALUES", "DESCRIBE", "SHOW", "EXPLAIN", "SUMMARIZE", "TABLE"];

fn invalid(message: String) -> WarehouseError {
    WarehouseError::new(WarehouseErrorKind::Invalid, message)
}

fn tokens(sql: &str) -> Result<Vec<Token>, WarehouseError> {
    let tokens = Tokenizer::new(&DuckDbDialect {}, sql).tokenize();
    let tokens = tokens.map_err(|error| invalid(format!("the statement cannot be read: {error}")))?;
    let tokens: Vec<Token> =
        tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let own = tokens.iter().any(|token| match token {
        Token::Word(word) => word.value.to_ascii_lowercase().starts_with(OWN_SCHEMA),
        _ => false,
    });
    if own {
        return Err(invalid(format!("names that begin with {OWN_SCHEMA} are Forebay's own")));
    }
    Ok(tokens)
}

fn first_word(tokens: &[Token]) -> String {
    match tokens.iter().find(|token| !matches!(token, Token::LParen)) {
        Some(Token::Word(word)) => word.value.to_ascii_uppercase(),
        _ => String::new(),
    }
}

/// Checks one statement of a transformation.
pub(crate) fn check_statement(sql: &str) -> Result<(), WarehouseError> {
    let word = first_word(&tokens(sql)?);
    if REFUSED.contains(&word.as_str()) {
        return Err(invalid(format!(
            "{word} is not allowed in a transformation; it may only work on the pool's tables"
        )));
    }
    Ok(())
}

/// Checks that a text is one reading statement.
pub(crate) fn check_query(sql: &str) -> Result<(), WarehouseError> {
    let mut tokens = tokens(sql)?;
    while tokens.last() == Some(&Token::SemiColon) {
        tokens.pop();
    }
    if tokens.contains(&Token::SemiColon) {
        return Err(invalid("a query is one statement".to_owned()));
    }
    let word = first_word(&tokens);
    if READING.contains(&word.as_str()) {
        Ok(())
    } else {
        Err(invalid(
            "a query must begin with SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, EXPLAIN, SUMMARIZE or TABLE"
                .to_owned(),
        ))
    }
}
