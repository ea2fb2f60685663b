//! Cuts a text into tokens, each with its position.

use std::iter::Peekable;
use std::str::CharIndices;

use crate::error::{Position, PqlError};

/// The most bytes of all texts of a query together.
pub(crate) const LONGEST: usize = 1024 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A keyword, a function or a name without quotes, as it is written.
    Word(String),
    /// A name in double quotes, without them.
    Name(String),
    /// A text in single quotes, without them and their escapes.
    Text(String),
    Integer(i64),
    Float(f64),
    /// A mark of one or two characters.
    Mark(&'static str),
    End,
}

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) position: Position,
    /// Bytes of the text.
    pub(crate) begin: usize,
    pub(crate) end: usize,
}

/// The longer ones first.
const MARKS: [&str; 19] =
    ["||", "!=", "<>", "<=", ">=", "(", ")", ",", ";", ".", "{", "}", "+", "-", "*", "/", "%", "=", "<"];

/// The tokens of a text; the last one is its end.
///
/// # Errors
/// For a text that does not end, a number that is too large, and characters that mean nothing.
pub(crate) fn tokens(text: &str, number: Option<usize>) -> Result<Vec<Placed>, PqlError> {
    let mut lexer = Lexer { text, number, rest: text.char_indices().peekable(), line: 1, column: 1 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let (position, begin) = (lexer.position(), lexer.at());
        let token = lexer.token()?;
        let is_end = token == Token::End;
        tokens.push(Placed { token, position, begin, end: lexer.at() });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    number: Option<usize>,
    rest: Peekable<CharIndices<'t>>,
    line: usize,
    column: usize,
}

impl Lexer<'_> {
    fn position(&self) -> Position {
        Position { text: self.number, line: self.line, column: self.column }
    }

    /// The byte of the text that comes next.
    fn at(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, letter)| *letter)
    }

    fn next(&mut self) -> Option<char> {
        let (_, letter) = self.rest.next()?;
        if letter == '\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(letter)
    }

    fn begins(&mut self, with: &str) -> bool {
        let at = self.at();
        self.text[at..].starts_with(with)
    }

    /// Skips blanks and comments.
    fn skip_blanks(&mut self) -> Result<(), PqlError> {
        loop {
            if self.peek().is_some_and(char::is_whitespace) {
                self.next();
            } else if self.begins("--") {
                while self.peek().is_some_and(|letter| letter != '\n') {
                    self.next();
                }
            } else if self.begins("/*") {
                let position = self.position();
                while !self.begins("*/") {
                    if self.next().is_none() {
                        return Err(PqlError::new(position, "the comment does not end; close it with */"));
                    }
                }
                self.next();
                self.next();
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, PqlError> {
        let position = self.position();
        let Some(letter) = self.peek() else { return Ok(Token::End) };
        if letter == '\'' {
            return self.text().map(Token::Text);
        }
        if letter == '"' {
            return self.name().map(Token::Name);
        }
        if letter.is_ascii_digit() {
            return self.number();
        }
        if letter.is_alphabetic() || letter == '_' {
            return Ok(Token::Word(self.word()));
        }
        // The one mark that begins like no longer one but `>=`.
        let mark = MARKS.into_iter().find(|mark| self.begins(mark)).or((letter == '>').then_some(">"));
        let Some(mark) = mark else {
            return Err(PqlError::new(position, format!("`{}` means nothing here", letter.escape_debug())));
        };
        for _ in mark.chars() {
            self.next();
        }
        Ok(Token::Mark(mark))
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(letter) = self.peek().filter(|letter| letter.is_alphanumeric() || *letter == '_') {
            word.push(letter);
            self.next();
        }
        word
    }

    /// A text in single quotes. A backslash escapes a quote and a backslash; before anything else it is itself.
    fn text(&mut self) -> Result<String, PqlError> {
        let position = self.position();
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                Some('\'') => return Ok(text),
                Some('\\') => match self.peek() {
                    Some(letter @ ('\'' | '\\')) => {
                        text.push(letter);
                        self.next();
                    }
                    _ => text.push('\\'),
                },
                Some('\0') | None => {
                    let reason = "the text does not end; close it with ', and write a quote in it as \\'";
                    return Err(PqlError::new(position, reason));
                }
                Some(letter) => text.push(letter),
            }
        }
    }

    /// A name in double quotes; two quotes in it are one.
    fn name(&mut self) -> Result<String, PqlError> {
        let position = self.position();
        self.next();
        let mut name = String::new();
        loop {
            match self.next() {
                Some('"') if self.peek() == Some('"') => {
                    name.push('"');
                    self.next();
                }
                Some('"') if name.is_empty() => return Err(PqlError::new(position, "the name is empty")),
                Some('"') => return Ok(name),
                Some('\0') | None => {
                    return Err(PqlError::new(position, "the name does not end; close it with \""));
                }
                Some(letter) => name.push(letter),
            }
        }
    }

    fn digits(&mut self, number: &mut String) {
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            number.push(digit);
            self.next();
        }
    }

    fn number(&mut self) -> Result<Token, PqlError> {
        let position = self.position();
        let mut number = String::new();
        self.digits(&mut number);
        let mut is_whole = true;
        if self.peek() == Some('.') {
            is_whole = false;
            number.push('.');
            self.next();
            self.digits(&mut number);
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            is_whole = false;
            number.push('e');
            self.next();
            if let Some(sign) = self.peek().filter(|letter| matches!(letter, '+' | '-')) {
                number.push(sign);
                self.next();
            }
            self.digits(&mut number);
        }
        let wrong = |reason: String| Err(PqlError::new(position, reason));
        if is_whole {
            return match number.parse() {
                Ok(number) => Ok(Token::Integer(number)),
                Err(_) => wrong(format!("{number} is larger than 9223372036854775807, the largest INT")),
            };
        }
        match number.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Token::Float(float)),
            Ok(_) => wrong(format!("{number} is larger than the largest FLOAT")),
            Err(_) => wrong(format!("{number} is no number")),
        }
    }
}
