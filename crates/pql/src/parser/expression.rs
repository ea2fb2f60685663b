//! Reads expressions, by what their operators bind.

use super::Parser;
use crate::error::{Position, PqlError};
use crate::lexer::Token;
use crate::query::{Call, Comparison, DEEPEST, Expression, Operator, Part, too_deep};

/// How much operators bind, the loosest first.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const CONCATENATION: u8 = 5;
const SUM: u8 = 6;
const PRODUCT: u8 = 7;
const SIGN: u8 = 8;

/// Words that are part of the language, so that they name nothing unless they are in quotes.
const KEYWORDS: [&str; 22] = [
    "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "DESC", "DISTINCT", "ELSE", "END", "FILTER", "IN", "IS",
    "LIKE", "LIMIT", "NOLIMIT", "NOT", "OFFSET", "OR", "ORDER", "THEN", "WHEN",
];

/// What goes on after an expression.
#[derive(Clone, Copy)]
enum Infix {
    Or,
    And,
    Comparison(Comparison),
    Calculation(Operator),
    Is,
    /// NOT before IN, LIKE or BETWEEN, or one of these.
    Predicate,
}

impl Infix {
    const fn binds(self) -> u8 {
        match self {
            Self::Or => OR,
            Self::And => AND,
            Self::Comparison(_) | Self::Is | Self::Predicate => COMPARISON,
            Self::Calculation(Operator::Concatenate) => CONCATENATION,
            Self::Calculation(Operator::Add | Operator::Subtract) => SUM,
            Self::Calculation(Operator::Multiply | Operator::Divide | Operator::Modulo) => PRODUCT,
        }
    }
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression, PqlError> {
        self.binding(OR)
    }

    /// Reads an expression whose operators bind at least this much.
    fn binding(&mut self, least: u8) -> Result<Expression, PqlError> {
        if self.depth >= DEEPEST {
            return Err(too_deep(self.position()));
        }
        self.depth += 1;
        let mut left = self.beginning(least)?;
        while let Some(infix) = self.infix().filter(|infix| infix.binds() >= least) {
            left = self.going_on(left, infix)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn infix(&self) -> Option<Infix> {
        Some(match self.peek() {
            Token::Mark(mark) => match *mark {
                "=" => Infix::Comparison(Comparison::Equal),
                "!=" | "<>" => Infix::Comparison(Comparison::Unequal),
                "<" => Infix::Comparison(Comparison::Less),
                "<=" => Infix::Comparison(Comparison::LessOrEqual),
                ">" => Infix::Comparison(Comparison::Greater),
                ">=" => Infix::Comparison(Comparison::GreaterOrEqual),
                "||" => Infix::Calculation(Operator::Concatenate),
                "+" => Infix::Calculation(Operator::Add),
                "-" => Infix::Calculation(Operator::Subtract),
                "*" => Infix::Calculation(Operator::Multiply),
                "/" => Infix::Calculation(Operator::Divide),
                "%" => Infix::Calculation(Operator::Modulo),
                _ => return None,
            },
            token @ Token::Word(_) => {
                let is = |word| Self::is_word(token, word);
                if is("OR") {
                    Infix::Or
                } else if is("AND") {
                    Infix::And
                } else if is("IS") {
                    Infix::Is
                } else if is("NOT") || is("IN") || is("LIKE") || is("BETWEEN") {
                    Infix::Predicate
                } else {
                    return None;
                }
            }
            _ => return None,
        })
    }

    fn going_on(&mut self, left: Expression, infix: Infix) -> Result<Expression, PqlError> {
        let position = self.position();
        let part = match infix {
            Infix::Or => Part::Any(self.terms(left, "OR", AND)?),
            Infix::And => Part::All(self.terms(left, "AND", NOT)?),
            Infix::Comparison(comparison) => {
                self.advance();
                let right = self.binding(CONCATENATION)?;
                Part::Comparison(comparison, Box::new(left), Box::new(right))
            }
            Infix::Calculation(operator) => {
                self.advance();
                let right = self.binding(infix.binds() + 1)?;
                Part::Calculation(operator, Box::new(left), Box::new(right))
            }
            Infix::Is => {
                self.advance();
                let negated = self.takes("NOT");
                self.expect("NULL")?;
                Part::IsNull { value: Box::new(left), negated }
            }
            Infix::Predicate => self.predicate(left)?,
        };
        Expression::new(position, part)
    }

    /// As many as one word connects.
    fn terms(&mut self, first: Expression, word: &str, least: u8) -> Result<Vec<Expression>, PqlError> {
        let mut terms = vec![first];
        while self.takes(word) {
            terms.push(self.binding(least)?);
        }
        Ok(terms)
    }

    fn predicate(&mut self, left: Expression) -> Result<Part, PqlError> {
        let negated = self.takes("NOT");
        let value = Box::new(left);
        if self.takes("IN") {
            self.expect_mark("(")?;
            let list = self.arguments()?;
            return Ok(Part::In { value, list, negated });
        }
        if self.takes("LIKE") {
            let Token::Text(pattern) = self.peek().clone() else {
                return Err(self.unexpected("a pattern in quotes"));
            };
            self.advance();
            return Ok(Part::Like { value, pattern, negated });
        }
        if self.takes("BETWEEN") {
            let low = Box::new(self.binding(CONCATENATION)?);
            self.expect("AND")?;
            let high = Box::new(self.binding(CONCATENATION)?);
            return Ok(Part::Between { value, low, high, negated });
        }
        Err(self.unexpected("IN, LIKE or BETWEEN"))
    }

    /// One or more expressions and the closing parenthesis.
    fn arguments(&mut self) -> Result<Vec<Expression>, PqlError> {
        let mut arguments = vec![self.expression()?];
        while self.takes_mark(",") {
            arguments.push(self.expression()?);
        }
        self.expect_mark(")")?;
        Ok(arguments)
    }

    fn beginning(&mut self, least: u8) -> Result<Expression, PqlError> {
        let position = self.position();
        if least <= NOT && self.takes("NOT") {
            let part = Part::Not(Box::new(self.binding(NOT)?));
            return Expression::new(position, part);
        }
        if self.takes_mark("(") {
            let inner = self.expression()?;
            self.expect_mark(")")?;
            return Ok(inner);
        }
        let part = if self.takes_mark("-") {
            Part::Negative(Box::new(self.binding(SIGN)?))
        } else if self.takes_mark("+") {
            return self.binding(SIGN);
        } else if self.takes_mark("{") {
            self.date()?
        } else {
            match self.peek().clone() {
                Token::Integer(number) => self.constant(Part::Integer(number)),
                Token::Float(number) => self.constant(Part::Float(number)),
                Token::Text(text) => self.constant(Part::Text(text)),
                Token::Name(name) => self.named(name)?,
                Token::Word(word) => self.word(&word, position)?,
                Token::Mark(_) | Token::End => return Err(self.unexpected("a value")),
            }
        };
        Expression::new(position, part)
    }

    fn constant(&mut self, part: Part) -> Part {
        self.advance();
        part
    }

    fn word(&mut self, word: &str, position: Position) -> Result<Part, PqlError> {
        if self.takes("NULL") {
            return Ok(Part::Null);
        }
        if self.takes("CASE") {
            return self.case(position);
        }
        if KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) {
            return Err(self.unexpected("a value"));
        }
        if *self.peek_second() != Token::Mark("(") {
            return self.named(word.to_owned());
        }
        self.advance();
        self.advance();
        let distinct = self.takes("DISTINCT");
        let arguments = if !distinct && self.takes_mark(")") { Vec::new() } else { self.arguments()? };
        Ok(Part::Call(Call { function: word.to_uppercase(), distinct, arguments }))
    }

    /// A name, or with a second one after a point a column.
    fn named(&mut self, name: String) -> Result<Part, PqlError> {
        self.advance();
        if !self.takes_mark(".") {
            return Ok(Part::Name(name));
        }
        match self.peek().clone() {
            Token::Name(column) | Token::Word(column) => {
                self.advance();
                Ok(Part::Column { table: name, column })
            }
            _ => Err(self.unexpected("the name of a column")),
        }
    }

    fn case(&mut self, position: Position) -> Result<Part, PqlError> {
        let mut arms = Vec::new();
        while self.takes("WHEN") {
            let condition = self.expression()?;
            self.expect("THEN")?;
            arms.push((condition, self.expression()?));
        }
        if arms.is_empty() {
            let reason = "CASE needs WHEN, a condition, THEN and a value";
            return Err(PqlError::new(position, reason));
        }
        let otherwise = if self.takes("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        self.expect("END")?;
        Ok(Part::Case { arms, otherwise })
    }
}
