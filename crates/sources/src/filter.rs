//! Conditions that users write: each must be exactly one SQL expression, and what is sent on is
//! rendered from the parsed tree, so that no comment and no second statement can pass.

use forebay_core::source::{SourceError, SourceErrorKind};
use sqlparser::dialect::{Dialect, MySqlDialect, SQLiteDialect};
use sqlparser::parser::{Parser, ParserOptions};
use sqlparser::tokenizer::{Token, Tokenizer};

/// The longest condition: a chain of operators is a tree as deep as the chain is long.
const LIMIT: usize = 65_536;

/// The stack for the longest condition: trees are compared and dropped level by level.
const STACK: usize = 64 << 20;

/// Checks one expression of a dialect and renders it anew; `field` is what the error calls it.
pub(crate) fn checked(dialect: &(dyn Dialect + Sync), field: &str, sql: &str) -> Result<String, SourceError> {
    let refused = |reason: String| {
        SourceError::new(
            SourceErrorKind::Invalid,
            format!(
                "{field}: {reason}. Write one SQL condition of the source, such as status = 'OPEN', \
                 without a semicolon after it"
            ),
        )
    };
    if sql.trim().is_empty() {
        return Err(refused("the condition is empty".to_owned()));
    }
    if sql.len() > LIMIT {
        return Err(refused(format!("the condition is longer than {LIMIT} bytes")));
    }
    let rendered = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let rendered = thread.spawn_scoped(scope, || rendered(dialect, sql));
        rendered.map(|rendered| rendered.join())
    });
    match rendered {
        Ok(Ok(rendered)) => rendered.map_err(refused),
        Ok(Err(_)) => Err(refused("the condition cannot be understood".to_owned())),
        Err(error) => {
            let message = format!("{field}: no thread is free to check it; try again");
            Err(SourceError::new(SourceErrorKind::Unreachable, message).caused_by(error))
        }
    }
}

/// The expression as the parsed tree reads, or why it is refused.
fn rendered(dialect: &dyn Dialect, sql: &str) -> Result<String, String> {
    // A parameter would take one of the values that the connector binds.
    let is_sqlite = dialect.is::<SQLiteDialect>();
    // MySQL reads a backslash as an escape: it goes on as it is written.
    let options = ParserOptions::new().with_unescape(!dialect.is::<MySqlDialect>());
    let parser = || Parser::new(dialect).with_options(options.clone());
    for token in Tokenizer::new(dialect, sql).tokenize().map_err(|error| reason(&error.to_string()))? {
        match token {
            Token::Placeholder(_) => return Err(format!("the condition has a parameter, {token}")),
            Token::Colon | Token::AtSign if is_sqlite => {
                return Err(format!("the condition has a parameter, {token}"));
            }
            _ => {}
        }
    }
    // The parser's messages end with the line and column where it stopped.
    let mut first = parser().try_with_sql(sql).map_err(|error| reason(&error.to_string()))?;
    let expression = first.parse_expr().map_err(|error| reason(&error.to_string()))?;
    let rest = first.next_token();
    if rest.token != Token::EOF {
        return Err(format!(
            "the condition goes on with {} at line {}, column {}, where it should end",
            rest.token, rest.span.start.line, rest.span.start.column
        ));
    }
    let rendered = expression.to_string();
    // The renderer takes a backslash before a quote for an escape, and writes `- -1` as a comment.
    let again = parser().try_with_sql(&rendered).and_then(|mut parser| {
        let again = parser.parse_expr()?;
        parser.expect_token(&Token::EOF)?;
        Ok(again)
    });
    if again.ok().as_ref() != Some(&expression) {
        return Err(format!(
            "the condition cannot be passed on safely, since it would read {rendered}; write it in another way"
        ));
    }
    Ok(rendered)
}

fn reason(message: &str) -> String {
    let message = message.trim_start_matches("sql parser error: ").trim_start_matches("SQL parser error: ");
    if message.contains("Line: ") {
        message.to_owned()
    } else {
        format!("{message} (at the end of the condition)")
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::PostgreSqlDialect;

    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: Result<&str, &str>) {
        for dialect in [&SQLiteDialect {} as &(dyn Dialect + Sync), &PostgreSqlDialect {}] {
            check_in(dialect, sql, expected);
        }
    }

    #[track_caller]
    fn check_in(dialect: &(dyn Dialect + Sync), sql: &str, expected: Result<&str, &str>) {
        let found = checked(dialect, "filter", sql);
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(error), Err(part)) => {
                assert_eq!(error.kind, SourceErrorKind::Invalid);
                assert!(error.message.starts_with("filter: "), "{error}");
                assert!(error.message.contains(part), "{error}");
                assert!(error.message.contains("Write one SQL condition"), "{error}");
            }
            _ => panic!("{sql:?} gave {found:?}"),
        }
    }

    #[test]
    fn one_expression_is_rendered_anew() {
        check("a = 'x' -- y", Ok("a = 'x'"));
        check("a /* b */ = 1", Ok("a = 1"));
        check("(a = 1 OR b IN ('x', 'it''s'))", Ok("(a = 1 OR b IN ('x', 'it''s'))"));
        check("\"Ünï\" LIKE 'a;b--c%'", Ok("\"Ünï\" LIKE 'a;b--c%'"));
        check("exists (select 1 from t where t.id = u.id)", Ok("EXISTS (SELECT 1 FROM t WHERE t.id = u.id)"));
    }

    #[test]
    fn the_longest_chain_does_not_break_the_stack() {
        let chain = format!("1{}", "+1".repeat((LIMIT - 1) / 2));
        std::thread::spawn(move || assert!(checked(&SQLiteDialect {}, "filter", &chain).is_ok()))
            .join()
            .unwrap();
        check(&"1 ".repeat(LIMIT), Err("longer than"));
    }

    #[test]
    fn parameters_are_refused() {
        check("a = $1", Err("parameter"));
        for sql in ["a = ?", "a = ?1", "a = :name", "a = @name", "a = $name"] {
            check_in(&SQLiteDialect {}, sql, Err("parameter"));
        }
        check("a = '?' AND b = ':x'", Ok("a = '?' AND b = ':x'"));
    }

    #[test]
    fn what_would_read_otherwise_is_refused() {
        check(r"c <> '\'' or true --'", Err("in another way"));
        check("- -a > 0", Ok("- -a > 0"));
        check(r"c = 'a\b' AND d = 'it''s'", Ok(r"c = 'a\b' AND d = 'it''s'"));
    }

    #[test]
    fn texts_of_mysql_keep_their_escapes() {
        let check = |sql, expected| check_in(&MySqlDialect {}, sql, expected);
        check(r"a = 'it\'s'", Ok(r"a = 'it\'s'"));
        check(r"a LIKE 'x\_y%' AND b = 'c\\'", Ok(r"a LIKE 'x\_y%' AND b = 'c\\'"));
        check("a = 'it''s' # why", Ok("a = 'it''s'"));
        check("`a``b` = \"x\" OR a = 0x1F", Ok("`a``b` = \"x\" OR a = X'1F'"));
        check(r"a = 'x\' OR 1 = 1", Err("Unterminated string"));
        check("a = 1 /*! OR 1 = 1 */; DROP TABLE t", Err("goes on with ;"));
        check("a - -1 > 0", Ok("a - -1 > 0"));
        check("a = ?", Err("parameter"));
    }

    #[test]
    fn anything_else_is_refused() {
        check("1=1; DROP TABLE x", Err("line 1, column 4"));
        check("1=1;", Err("goes on with ;"));
        check("a = 1) OR (1 = 1", Err("goes on with )"));
        check("(a = 1", Err("Expected: )"));
        check("", Err("empty"));
        check("  \n ", Err("empty"));
        check("-- only a comment", Err("filter: "));
        check("a = 'x", Err("Unterminated string"));
        check_in(&PostgreSqlDialect {}, "a = 1 /* open", Err("comment"));
        check_in(&SQLiteDialect {}, "a = 1 /* open", Ok("a = 1"));
        check("a = 1 ORDER BY b", Err("goes on with ORDER"));
        check("a = 1 UNION SELECT 1", Err("goes on with UNION"));
        check(&format!("{}1{}", "(".repeat(5000), ")".repeat(5000)), Err("recursion"));
    }
}
