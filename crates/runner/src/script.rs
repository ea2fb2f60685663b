//! Splits a script into its statements, as DuckDB would: quotes, dollar quotes and comments are
//! respected, and the text of a statement stays as it was written.

use sqlparser::dialect::DuckDbDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer};

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    pub(crate) text: &'a str,
    /// Where its first word stands, from 1.
    pub(crate) line: u64,
}

/// The statements in order. What holds nothing but spaces and comments is none.
///
/// # Errors
/// A quote or comment without an end, or a line that ends with a carriage return alone, with its line.
pub(crate) fn split(script: &str) -> Result<Vec<Statement<'_>>, String> {
    check_line_ends(script)?;
    let dialect = DuckDbDialect;
    let mut tokens = Vec::new();
    if let Err(error) =
        Tokenizer::new(&dialect, script).with_unescape(false).tokenize_with_location_into_buf(&mut tokens)
    {
        // Some errors stand where the script ends: what was not read is what has no end.
        let line = tokens.last().map_or(1, |token| token.span.end.line).min(error.location.line);
        let line = line.max(1);
        let column = if line == error.location.line { error.location.column } else { 1 };
        return Err(format!(
            "the script cannot be read from line {line}, column {column} on: {}; check that every quote and comment ends",
            error.message
        ));
    }
    let mut offsets = Offsets::new(script);
    let mut statements = Vec::new();
    // Where the first and the last word of the current statement begin and end.
    let mut current: Option<(usize, usize, u64)> = None;
    for token in &tokens {
        match token.token {
            Token::Whitespace(_) | Token::EOF => {}
            Token::SemiColon => statements.extend(current.take()),
            _ => {
                let start = offsets.of(token.span.start);
                let end = offsets.of(token.span.end);
                current = Some(match current {
                    None => (start, end, token.span.start.line),
                    Some((first, _, line)) => (first, end, line),
                });
            }
        }
    }
    statements.extend(current);
    Ok(statements
        .into_iter()
        .filter_map(|(start, end, line)| script.get(start..end).map(|text| Statement { text, line }))
        .collect())
}

/// Where a carriage return stands alone, the engine ends a comment and the tokenizer does not: what
/// follows would be left out in silence.
fn check_line_ends(script: &str) -> Result<(), String> {
    for (line, text) in (1..).zip(script.split('\n')) {
        if text.strip_suffix('\r').unwrap_or(text).contains('\r') {
            return Err(format!(
                "line {line} of the script holds a carriage return that ends no line; save the script with line feeds as line ends"
            ));
        }
    }
    Ok(())
}

/// Turns lines and columns, asked for in order, into byte offsets.
struct Offsets<'a> {
    text: std::str::CharIndices<'a>,
    length: usize,
    at: Location,
}

impl<'a> Offsets<'a> {
    fn new(text: &'a str) -> Self {
        Self { text: text.char_indices(), length: text.len(), at: Location::new(1, 1) }
    }

    fn of(&mut self, location: Location) -> usize {
        while self.at < location {
            match self.text.next() {
                None => return self.length,
                Some((_, '\n')) => self.at = Location::new(self.at.line + 1, 1),
                Some(_) => self.at.column += 1,
            }
        }
        self.text.offset().min(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, expected: &[(&str, u64)]) {
        let found = split(script).unwrap();
        let found: Vec<(&str, u64)> =
            found.iter().map(|statement| (statement.text, statement.line)).collect();
        assert_eq!(found, expected, "{script:?}");
    }

    #[test]
    fn statements_keep_their_text_and_line() {
        check("", &[]);
        check(" ;\n; ", &[]);
        check("SELECT 1", &[("SELECT 1", 1)]);
        check("SELECT 1;SELECT  2 ;", &[("SELECT 1", 1), ("SELECT  2", 1)]);
        check("\n\n SELECT 1;\n-- two\nSELECT\n 2", &[("SELECT 1", 3), ("SELECT\n 2", 5)]);
        check("SELECT 'ä;\n''x';\r\nSELECT \"ü;\"\"\"", &[("SELECT 'ä;\n''x'", 1), ("SELECT \"ü;\"\"\"", 3)]);
        check("SELECT $$;$$; SELECT $a$ ; $$ $a$", &[("SELECT $$;$$", 1), ("SELECT $a$ ; $$ $a$", 1)]);
    }

    #[test]
    fn comments_are_no_statements() {
        check("-- only; a comment", &[]);
        check("/* a; /* b; */ c; */ ;", &[]);
        check("SELECT 1 /* ; */ + 2; -- end;", &[("SELECT 1 /* ; */ + 2", 1)]);
        check("SELECT '--'; SELECT '/*'", &[("SELECT '--'", 1), ("SELECT '/*'", 1)]);
    }

    #[test]
    fn what_has_no_end_is_an_error_with_its_line() {
        for (script, line) in [
            ("SELECT 1;\nSELECT 'x", 2),
            ("SELECT 1;\n\nSELECT 'x\n\n\n", 3),
            ("SELECT 1;\nSELECT \"x\n\n", 2),
            ("\nSELECT $a$ x\n\n", 2),
            ("\n/* x\n\n", 2),
        ] {
            let error = split(script).unwrap_err();
            assert!(error.contains(&format!("line {line},")), "{script:?}: {error}");
        }
    }

    #[test]
    fn a_carriage_return_alone_is_refused() {
        check("SELECT 1;\r\nSELECT 2;\r\n", &[("SELECT 1", 1), ("SELECT 2", 2)]);
        let error = split("SELECT 1;\n-- one\rSELECT 2").unwrap_err();
        assert!(error.contains("line 2 of the script"), "{error}");
    }

    #[test]
    fn joined_pieces_come_apart_again() {
        let pieces = [
            "SELECT 1",
            "SELECT ';'",
            "SELECT \";\"",
            "SELECT $$ ; $$",
            "SELECT /* ; */ 2",
            "SELECT 'é' -- ;\n, 3",
            "SELECT E'a;b'",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let script = format!("{first};\n\t{second} ; {third}");
                    let found: Vec<&str> = split(&script).unwrap().iter().map(|found| found.text).collect();
                    assert_eq!(found, [first, second, third], "{script:?}");
                    let lines: Vec<u64> = split(&script).unwrap().iter().map(|found| found.line).collect();
                    let newlines = |text: &str| text.matches('\n').count() as u64;
                    let second_line = 2 + newlines(first);
                    assert_eq!(lines, [1, second_line, second_line + newlines(second)], "{script:?}");
                }
            }
        }
    }
}
