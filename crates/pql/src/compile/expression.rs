//! The SQL of a value, with its type.

use std::collections::BTreeMap;

use super::{alias, literal, quote};
use crate::error::{Position, PqlError};
use crate::model::{Kind, Model, Table};
use crate::query::{Expression, Operator, Part};

/// What an expression became.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) sql: String,
    /// `None` for NULL alone, which is of any type.
    pub(super) kind: Option<Kind>,
    pub(super) level: Level,
}

/// What a value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Constant,
    /// Of the columns of a row; the first of them stands there.
    Row(Position),
    Aggregate,
}

impl Level {
    /// The level of what is made of both.
    ///
    /// # Errors
    /// When one is a group's and the other a row's.
    pub(super) fn with(self, other: Self) -> Result<Self, PqlError> {
        match (self, other) {
            (Self::Constant, level) | (level, Self::Constant) => Ok(level),
            (Self::Aggregate, Self::Aggregate) => Ok(Self::Aggregate),
            (Self::Row(position), Self::Row(_)) => Ok(Self::Row(position)),
            (Self::Row(position), Self::Aggregate) | (Self::Aggregate, Self::Row(position)) => {
                let reason =
                    "a column and an aggregate cannot be in one value; put the column into an aggregate too";
                Err(PqlError::new(position, reason))
            }
        }
    }
}

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Table,
    /// Aggregates are not possible there: the order of filters must not matter.
    Filter,
    InAggregate,
}

/// Writes the expressions of one statement.
pub(super) struct Compiler<'m> {
    pub(super) model: &'m Model,
    /// What the aliases of tables begin with.
    prefix: String,
    pub(super) place: Place,
    /// The tables whose columns are named, and where first.
    pub(super) used: BTreeMap<usize, Position>,
    /// The tables whose rows are counted.
    pub(super) counted: BTreeMap<usize, Position>,
}

impl<'m> Compiler<'m> {
    pub(super) fn new(model: &'m Model, prefix: &str, place: Place) -> Self {
        let (used, counted) = (BTreeMap::new(), BTreeMap::new());
        Self { model, prefix: prefix.to_owned(), place, used, counted }
    }

    pub(super) fn value(&mut self, expression: &Expression) -> Result<Value, PqlError> {
        let position = expression.position;
        let constant = |sql: String, kind| Ok(Value { sql, kind: Some(kind), level: Level::Constant });
        match &expression.part {
            Part::Null => Ok(Value { sql: "NULL".to_owned(), kind: None, level: Level::Constant }),
            Part::Integer(number) => constant(format!("CAST({number} AS BIGINT)"), Kind::Int),
            Part::Float(number) => constant(format!("CAST({number:e} AS DOUBLE)"), Kind::Float),
            Part::Text(text) => constant(literal(text), Kind::String),
            Part::Date(millis) => {
                constant(format!("make_timestamp(CAST({} AS BIGINT))", millis * 1000), Kind::Date)
            }
            Part::Column { table, column } => self.column(table, column, position),
            Part::Name(name) => {
                let reason = format!("`{name}` is no value; write a column as \"Table\".\"Column\"");
                Err(PqlError::new(position, reason))
            }
            Part::Negative(inner) => {
                let value = self.number(inner, "-")?;
                Ok(Value { sql: format!("(-{})", value.sql), ..value })
            }
            Part::Calculation(operator, left, right) => self.calculation(*operator, left, right),
            Part::Case { arms, otherwise } => self.case(arms, otherwise.as_deref()),
            Part::Call(call) => self.call(call, position),
            Part::Comparison(..)
            | Part::All(_)
            | Part::Any(_)
            | Part::Not(_)
            | Part::IsNull { .. }
            | Part::In { .. }
            | Part::Like { .. }
            | Part::Between { .. } => {
                let reason = "a condition is no value; write CASE WHEN … THEN … ELSE … END around it";
                Err(PqlError::new(position, reason))
            }
        }
    }

    /// The place of a table in the model. Upper and lower case are the same.
    pub(super) fn table(&self, name: &str, position: Position) -> Result<usize, PqlError> {
        let tables = &self.model.tables;
        let exact = tables.iter().position(|table| table.name == name);
        let lower = name.to_lowercase();
        exact.or_else(|| tables.iter().position(|table| table.name.to_lowercase() == lower)).ok_or_else(
            || {
                let known = list(tables.iter().map(|table| &table.name));
                PqlError::new(position, format!("the data model has no table \"{name}\"; it has {known}"))
            },
        )
    }

    fn column(&mut self, table: &str, name: &str, position: Position) -> Result<Value, PqlError> {
        let place = self.table(table, position)?;
        let Table { name: table, columns } = &self.model.tables[place];
        let exact = columns.iter().find(|column| column.name == name);
        let lower = name.to_lowercase();
        let found = exact.or_else(|| columns.iter().find(|column| column.name.to_lowercase() == lower));
        let Some(column) = found else {
            let known = list(columns.iter().map(|column| &column.name));
            let reason = format!("the table \"{table}\" has no column \"{name}\"; it has {known}");
            return Err(PqlError::new(position, reason));
        };
        let Some(kind) = Kind::of(&column.type_name) else {
            let reason = format!(
                "the column \"{name}\" is of the type {}, which PQL has no values for; make a text or a number of it in \
                 a transformation, and load the data model again",
                column.type_name
            );
            return Err(PqlError::new(position, reason));
        };
        self.used.entry(place).or_insert(position);
        let plain = format!("{}.{}", alias(&self.prefix, place), quote(&column.name));
        let sql = match (kind, column.type_name.as_str()) {
            // Not a number is no value.
            (Kind::Float, _) => format!("nullif(CAST({plain} AS DOUBLE), CAST('NaN' AS DOUBLE))"),
            (kind, type_name) if type_name == kind.type_name() => plain,
            (kind, _) => format!("CAST({plain} AS {})", kind.type_name()),
        };
        Ok(Value { sql, kind: Some(kind), level: Level::Row(position) })
    }

    /// A value that is a number.
    pub(super) fn number(&mut self, expression: &Expression, of: &str) -> Result<Value, PqlError> {
        let value = self.value(expression)?;
        match value.kind {
            None => Ok(Value { sql: "CAST(NULL AS BIGINT)".to_owned(), kind: Some(Kind::Int), ..value }),
            Some(Kind::Int | Kind::Float) => Ok(value),
            Some(kind @ (Kind::String | Kind::Date)) => {
                let reason = format!("{of} takes numbers, and this is of the type {kind}");
                Err(PqlError::new(expression.position, reason))
            }
        }
    }

    fn calculation(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Result<Value, PqlError> {
        let sign = match operator {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Modulo => "%",
            Operator::Concatenate => return self.concatenation([left, right].into_iter()),
        };
        let (left, right) = (self.number(left, sign)?, self.number(right, sign)?);
        calculated(operator, sign, left, right)
    }

    /// The division of two numbers, or what is left over.
    pub(super) fn calculated(
        &mut self,
        operator: Operator,
        name: &str,
        left: &Expression,
        right: &Expression,
    ) -> Result<Value, PqlError> {
        let (left, right) = (self.number(left, name)?, self.number(right, name)?);
        calculated(operator, "%", left, right)
    }

    pub(super) fn concatenation<'e>(
        &mut self,
        parts: impl Iterator<Item = &'e Expression>,
    ) -> Result<Value, PqlError> {
        let (mut texts, mut level) = (Vec::new(), Level::Constant);
        for part in parts {
            let value = self.value(part)?;
            level = level.with(value.level)?;
            texts.push(match value.kind {
                Some(Kind::Date) => {
                    let reason = "a DATE is no text; make one of it with TO_STRING ( … , FORMAT ( '…' ) )";
                    return Err(PqlError::new(part.position, reason));
                }
                Some(Kind::String) => value.sql,
                Some(Kind::Int | Kind::Float) | None => format!("CAST({} AS VARCHAR)", value.sql),
            });
        }
        Ok(Value { sql: format!("({})", texts.join(" || ")), kind: Some(Kind::String), level })
    }

    fn case(
        &mut self,
        arms: &[(Expression, Expression)],
        otherwise: Option<&Expression>,
    ) -> Result<Value, PqlError> {
        let mut level = Level::Constant;
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for (condition, value) in arms {
            let (sql, condition_level) = self.condition(condition)?;
            level = level.with(condition_level)?;
            conditions.push(sql);
            values.push((value.position, self.value(value)?));
        }
        if let Some(otherwise) = otherwise {
            values.push((otherwise.position, self.value(otherwise)?));
        }
        let (kind, values, values_level) = alike(values, "the values of a CASE")?;
        level = level.with(values_level)?;
        let mut sql = "(CASE".to_owned();
        for (condition, value) in conditions.iter().zip(&values) {
            sql.push_str(&format!(" WHEN {condition} THEN {value}"));
        }
        if let (Some(_), Some(value)) = (otherwise, values.last()) {
            sql.push_str(&format!(" ELSE {value}"));
        }
        sql.push_str(" END)");
        Ok(Value { sql, kind, level })
    }
}

fn calculated(operator: Operator, sign: &str, left: Value, right: Value) -> Result<Value, PqlError> {
    let level = left.level.with(right.level)?;
    let both_int = left.kind == Some(Kind::Int) && right.kind == Some(Kind::Int);
    let double = |value: &Value| match value.kind {
        Some(Kind::Float) => value.sql.clone(),
        _ => format!("CAST({} AS DOUBLE)", value.sql),
    };
    let (left, right) = if both_int && operator != Operator::Divide {
        (left.sql, right.sql)
    } else {
        (double(&left), double(&right))
    };
    let sql = match operator {
        // Divided by nothing is nothing.
        Operator::Divide => format!("({left} / nullif({right}, CAST(0 AS DOUBLE)))"),
        Operator::Modulo => format!("({left} % nullif({right}, 0))"),
        _ => format!("({left} {sign} {right})"),
    };
    let kind = if both_int && operator != Operator::Divide { Kind::Int } else { Kind::Float };
    Ok(Value { sql, kind: Some(kind), level })
}

/// Values of one type: whole numbers among others become FLOAT.
pub(super) fn alike(
    values: Vec<(Position, Value)>,
    what: &str,
) -> Result<(Option<Kind>, Vec<String>, Level), PqlError> {
    let (mut kind, mut level) = (None, Level::Constant);
    for (position, value) in &values {
        level = level.with(value.level)?;
        kind = match (kind, value.kind) {
            (known, None) => known,
            (None, new) => new,
            (Some(known), Some(new)) if known == new => Some(known),
            (Some(Kind::Int | Kind::Float), Some(Kind::Int | Kind::Float)) => Some(Kind::Float),
            (Some(known), Some(new)) => {
                let remedy = match (known, new) {
                    (Kind::Date, Kind::String) | (Kind::String, Kind::Date) => {
                        "; write a date as {d 'yyyy-MM-dd'}"
                    }
                    (Kind::String, _) | (_, Kind::String) => "; TO_INT, TO_FLOAT and TO_STRING convert them",
                    _ => "",
                };
                let reason =
                    format!("{what} must be of one type, and this is {new} where others are {known}{remedy}");
                return Err(PqlError::new(*position, reason));
            }
        };
    }
    let sqls = values.into_iter().map(|(_, value)| match (kind, value.kind) {
        (Some(Kind::Float), Some(Kind::Int)) => format!("CAST({} AS DOUBLE)", value.sql),
        (Some(kind), None) => format!("CAST(NULL AS {})", kind.type_name()),
        _ => value.sql,
    });
    Ok((kind, sqls.collect(), level))
}

/// The first of some names.
fn list<'n>(names: impl Iterator<Item = &'n String>) -> String {
    const SHOWN: usize = 20;
    let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}
