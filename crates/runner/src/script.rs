//! Splits a script into its statements, each with the line it begins on.

use sqlparser::dialect::DuckDbDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    /// From 1.
    pub(crate) line: u64,
}

/// The statements between semicolons; quotes and comments are respected, empty ones dropped.
pub(crate) fn statements(script: &str) -> Result<Vec<Statement>, String> {
    let tokens = Tokenizer::new(&DuckDbDialect {}, script).tokenize_with_location();
    let tokens = tokens.map_err(|error| format!("the script cannot be read: {error}"))?;
    let starts: Vec<usize> = std::iter::once(0).chain(script.match_indices('\n').map(|(at, _)| at + 1)).collect();
    // Locations count characters from 1.
    let offset = |line: u64, column: u64| -> usize {
        let start = starts.get(line.saturating_sub(1) as usize).copied().unwrap_or(script.len());
        let column = column.saturating_sub(1) as usize;
        script[start..].char_indices().nth(column).map_or(script.len(), |(at, _)| start + at)
    };
    let mut found = Vec::new();
    let mut begin: Option<(usize, u64)> = None;
    for token in &tokens {
        let (line, column) = (token.span.start.line, token.span.start.column);
        match &token.token {
            Token::Whitespace(_) | Token::EOF => {}
            Token::SemiColon => {
                if let Some((start, line)) = begin.take() {
                    let end = offset(token.span.start.line, column);
                    found.push(Statement { sql: script[start..end].trim_end().to_owned(), line });
                }
            }
            _ => {
                if begin.is_none() {
                    begin = Some((offset(line, column), line));
                }
            }
        }
    }
    if let Some((start, line)) = begin {
        found.push(Statement { sql: script[start..].trim_end().to_owned(), line });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, expected: &[(&str, u64)]) {
        let found = statements(script).unwrap();
        let found: Vec<(&str, u64)> = found.iter().map(|one| (one.sql.as_str(), one.line)).collect();
        assert_eq!(found, expected, "{script}");
    }

    #[test]
    fn scripts_are_split_at_semicolons_alone() {
        check("", &[]);
        check("  ;; -- nothing\n", &[]);
        check("SELECT 1", &[("SELECT 1", 1)]);
        check("SELECT 1;\nSELECT 2;", &[("SELECT 1", 1), ("SELECT 2", 2)]);
        check("SELECT ';' ; SELECT \"a;b\"", &[("SELECT ';'", 1), ("SELECT \"a;b\"", 1)]);
        check("-- a; b\nSELECT /* ; */ 1;\n\n  SELECT 2", &[("SELECT /* ; */ 1", 2), ("SELECT 2", 4)]);
        check("SELECT 'ü;é';SELECT 'x'", &[("SELECT 'ü;é'", 1), ("SELECT 'x'", 1)]);
        check("SELECT $$a;b$$; SELECT 3", &[("SELECT $$a;b$$", 1), ("SELECT 3", 1)]);
    }

    #[test]
    fn an_open_quote_is_an_error() {
        assert!(statements("SELECT 'a").is_err());
    }
}
