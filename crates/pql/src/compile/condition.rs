//! The SQL of a condition: what is true, false or unknown.

use super::expression::{Compiler, Level, alike};
use super::literal;
use crate::error::PqlError;
use crate::model::Kind;
use crate::query::{Comparison, Expression, Part};

impl Compiler<'_> {
    /// What is true, false or unknown.
    pub(super) fn condition(&mut self, expression: &Expression) -> Result<(String, Level), PqlError> {
        match &expression.part {
            Part::Comparison(comparison, left, right) => self.comparison(*comparison, left, right),
            Part::All(terms) => self.terms(terms, " AND "),
            Part::Any(terms) => self.terms(terms, " OR "),
            Part::Not(inner) => {
                let (sql, level) = self.condition(inner)?;
                Ok((format!("(NOT {sql})"), level))
            }
            Part::IsNull { value, negated } => {
                let value = self.value(value)?;
                Ok((format!("({} IS {}NULL)", value.sql, not(*negated)), value.level))
            }
            Part::In { value, list, negated } => {
                let values = std::iter::once(&**value).chain(list);
                let values: Result<Vec<_>, _> =
                    values.map(|value| Ok((value.position, self.value(value)?))).collect();
                let (_, sqls, level) = alike(values?, "a value and those of its IN")?;
                let (first, list) =
                    sqls.split_first().map_or(("NULL", &[][..]), |(first, list)| (first, list));
                Ok((format!("({first} {}IN ({}))", not(*negated), list.join(", ")), level))
            }
            Part::Like { value, pattern, negated } => self.like(value, pattern, *negated),
            Part::Between { value, low, high, negated } => {
                let mut values = Vec::new();
                for value in [value, low, high] {
                    values.push((value.position, self.value(value)?));
                }
                let (_, sqls, level) = alike(values, "a value and the limits of its BETWEEN")?;
                Ok((format!("({} {}BETWEEN {} AND {})", sqls[0], not(*negated), sqls[1], sqls[2]), level))
            }
            _ => {
                // What is wrong in it is said first.
                self.value(expression)?;
                let reason = "a value is no condition; compare it with something";
                Err(PqlError::new(expression.position, reason))
            }
        }
    }

    fn comparison(
        &mut self,
        comparison: Comparison,
        left: &Expression,
        right: &Expression,
    ) -> Result<(String, Level), PqlError> {
        let values = vec![(left.position, self.value(left)?), (right.position, self.value(right)?)];
        let (_, sqls, level) = alike(values, "what is compared")?;
        Ok((format!("({} {} {})", sqls[0], comparison.sql(), sqls[1]), level))
    }

    fn terms(&mut self, terms: &[Expression], between: &str) -> Result<(String, Level), PqlError> {
        let (mut sqls, mut level) = (Vec::new(), Level::Constant);
        for term in terms {
            let (sql, term_level) = self.condition(term)?;
            level = level.with(term_level)?;
            sqls.push(sql);
        }
        Ok((balanced(&sqls, between), level))
    }

    /// Without a wildcard, the pattern may stand anywhere, in upper or lower case.
    fn like(
        &mut self,
        value: &Expression,
        pattern: &str,
        negated: bool,
    ) -> Result<(String, Level), PqlError> {
        let text = self.value(value)?;
        if matches!(text.kind, Some(Kind::Int | Kind::Float | Kind::Date)) {
            let reason = "LIKE takes a STRING; make one of it with TO_STRING";
            return Err(PqlError::new(value.position, reason));
        }
        let sql = match Pattern::read(pattern) {
            Pattern::Within(part) => {
                format!("contains(lower(CAST({} AS VARCHAR)), lower({}))", text.sql, literal(&part))
            }
            Pattern::Like(pattern) => {
                format!("(CAST({} AS VARCHAR) LIKE {} ESCAPE '\\')", text.sql, literal(&pattern))
            }
        };
        Ok((if negated { format!("(NOT {sql})") } else { sql }, text.level))
    }
}

/// What the pattern of LIKE says.
enum Pattern {
    /// There is no wildcard in it, and nothing is escaped any more.
    Within(String),
    /// `%` and `_` are wildcards; a backslash stands before each that is none, and before each backslash.
    Like(String),
}

impl Pattern {
    fn read(text: &str) -> Self {
        let (mut plain, mut escaped, mut wild) = (String::new(), String::new(), false);
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => {
                    let next = letters.next_if(|next| matches!(next, '%' | '_' | '\\')).unwrap_or('\\');
                    plain.push(next);
                    escaped.extend(['\\', next]);
                }
                '%' | '_' => {
                    wild = true;
                    escaped.push(letter);
                }
                _ => {
                    plain.push(letter);
                    escaped.push(letter);
                }
            }
        }
        if wild { Self::Like(escaped) } else { Self::Within(plain) }
    }
}

const fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

/// Terms in parentheses two by two, so that many of them are not nested deep.
fn balanced(terms: &[String], between: &str) -> String {
    match terms {
        [term] => term.clone(),
        _ => {
            let (left, right) = terms.split_at(terms.len() / 2);
            format!("({}{between}{})", balanced(left, between), balanced(right, between))
        }
    }
}
