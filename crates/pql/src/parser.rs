//! Reads the statements of a query: filters, and one table.

mod date;
mod expression;

use crate::error::{Position, PqlError};
use crate::lexer::{LONGEST, Placed, Token, tokens};
use crate::query::{Expression, NamedExpression, Order, Part, Query, TableStatement};

/// The most tokens of all texts together.
const MOST_TOKENS: usize = 50_000;

/// A column without a name is called after so many characters of what it is made of.
const LONGEST_NAME: usize = 255;

/// Reads a query from its texts, each of one or more statements.
///
/// # Errors
/// What is wrong, with its position.
pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Query, PqlError> {
    let mut filters = Vec::new();
    let mut table = None;
    let (mut bytes, mut read) = (0, 0);
    let mut end = Position { text: None, line: 1, column: 1 };
    for (place, text) in texts.iter().enumerate() {
        let number = (texts.len() > 1).then_some(place + 1);
        let text = text.as_ref();
        let begin = Position { text: number, line: 1, column: 1 };
        bytes += text.len();
        if bytes > LONGEST {
            let reason = format!("the query is longer than {LONGEST} bytes; make it shorter");
            return Err(PqlError::new(begin, reason));
        }
        let tokens = tokens(text, number)?;
        read += tokens.len();
        if read > MOST_TOKENS {
            let reason = format!("the query has more than {MOST_TOKENS} words; make it shorter");
            return Err(PqlError::new(begin, reason));
        }
        let mut parser = Parser { text, tokens, next: 0, depth: 0 };
        parser.statements(&mut filters, &mut table)?;
        end = parser.position();
    }
    match table {
        Some(table) => Ok(Query { filters, table }),
        None => {
            Err(PqlError::new(end, "there is no TABLE ( … ) in the query; say which columns are asked for"))
        }
    }
}

pub(crate) struct Parser<'t> {
    text: &'t str,
    /// Never none: the last one is the end.
    tokens: Vec<Placed>,
    next: usize,
    /// Of the expression that is read.
    depth: usize,
}

impl Parser<'_> {
    fn placed(&self) -> &Placed {
        // The end is never passed.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn position(&self) -> Position {
        self.placed().position
    }

    fn peek(&self) -> &Token {
        &self.placed().token
    }

    fn peek_second(&self) -> &Token {
        &self.tokens[(self.next + 1).min(self.tokens.len() - 1)].token
    }

    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn is_word(token: &Token, word: &str) -> bool {
        matches!(token, Token::Word(text) if text.eq_ignore_ascii_case(word))
    }

    /// Takes a keyword if it comes next.
    fn takes(&mut self, word: &str) -> bool {
        let found = Self::is_word(self.peek(), word);
        if found {
            self.advance();
        }
        found
    }

    /// Takes a mark if it comes next.
    fn takes_mark(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Token::Mark(text) if *text == mark);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), PqlError> {
        if self.takes(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    fn expect_mark(&mut self, mark: &str) -> Result<(), PqlError> {
        if self.takes_mark(mark) { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    fn unexpected(&self, expected: &str) -> PqlError {
        let found = match self.peek() {
            Token::End => "the text ends".to_owned(),
            Token::Word(word) => format!("there is `{word}`"),
            Token::Name(name) => format!("there is the name \"{name}\""),
            Token::Text(_) => "there is a text".to_owned(),
            Token::Integer(number) => format!("there is {number}"),
            Token::Float(number) => format!("there is {number}"),
            Token::Mark(mark) => format!("there is `{mark}`"),
        };
        PqlError::new(self.position(), format!("{expected} is expected, and {found}"))
    }

    fn statements(
        &mut self,
        filters: &mut Vec<Expression>,
        table: &mut Option<TableStatement>,
    ) -> Result<(), PqlError> {
        loop {
            while self.takes_mark(";") {}
            let position = self.position();
            if *self.peek() == Token::End {
                return Ok(());
            } else if self.takes("FILTER") {
                self.takes("FORCED");
                filters.push(self.expression()?);
            } else if Self::is_word(self.peek(), "TABLE") || Self::is_word(self.peek(), "DISTINCT") {
                let read = self.table()?;
                if table.replace(read).is_some() {
                    let reason = "there is a second TABLE; ask for one table at a time";
                    return Err(PqlError::new(position, reason));
                }
            } else {
                return Err(self.unexpected("FILTER or TABLE"));
            }
            if *self.peek() != Token::End {
                self.expect_mark(";")?;
            }
        }
    }

    /// DISTINCT may stand before TABLE, before its parenthesis and in it.
    fn table(&mut self) -> Result<TableStatement, PqlError> {
        let mut distinct = self.takes("DISTINCT");
        self.expect("TABLE")?;
        distinct |= self.takes("DISTINCT");
        self.expect_mark("(")?;
        distinct |= self.takes("DISTINCT");
        let mut columns: Vec<NamedExpression> = Vec::new();
        loop {
            let position = self.position();
            let column = self.output_column()?;
            if columns.iter().any(|other| other.name == column.name) {
                let reason =
                    format!("the name \"{}\" comes twice; give one of them another with AS", column.name);
                return Err(PqlError::new(position, reason));
            }
            columns.push(column);
            if !self.takes_mark(",") {
                break;
            }
        }
        self.expect_mark(")")?;
        let mut order = Vec::new();
        if self.takes("ORDER") {
            self.expect("BY")?;
            loop {
                let expression = self.expression()?;
                let descending = self.takes("DESC");
                if !descending {
                    self.takes("ASC");
                }
                order.push(Order { expression, descending });
                if !self.takes_mark(",") {
                    break;
                }
            }
        }
        let (limit, offset) = self.range()?;
        Ok(TableStatement { distinct, columns, order, limit, offset })
    }

    fn output_column(&mut self) -> Result<NamedExpression, PqlError> {
        let begin = self.placed().begin;
        let expression = self.expression()?;
        let end = self.tokens[self.next.saturating_sub(1)].end;
        let name = if self.takes("AS") {
            let (Token::Name(name) | Token::Word(name)) = self.peek().clone() else {
                return Err(self.unexpected("the name of the column"));
            };
            self.advance();
            name
        } else if let Part::Column { column, .. } = &expression.part {
            column.clone()
        } else {
            self.text[begin..end].chars().take(LONGEST_NAME).collect()
        };
        Ok(NamedExpression { name, expression })
    }

    /// LIMIT, OFFSET and NOLIMIT, each at most once and in any order.
    fn range(&mut self) -> Result<(Option<i64>, Option<i64>), PqlError> {
        let (mut limit, mut offset, mut all) = (None, None, false);
        loop {
            let position = self.position();
            let twice = if self.takes("LIMIT") {
                limit.replace(self.count()?).is_some() || all
            } else if self.takes("OFFSET") {
                offset.replace(self.count()?).is_some()
            } else if self.takes("NOLIMIT") {
                std::mem::replace(&mut all, true) || limit.is_some()
            } else {
                return Ok((limit, offset));
            };
            if twice {
                let reason = "LIMIT, NOLIMIT and OFFSET come once, and either LIMIT or NOLIMIT";
                return Err(PqlError::new(position, reason));
            }
        }
    }

    fn count(&mut self) -> Result<i64, PqlError> {
        match self.peek() {
            Token::Integer(count) => {
                let count = *count;
                self.advance();
                Ok(count)
            }
            _ => Err(self.unexpected("a whole number")),
        }
    }
}
