//! The statement that reads a table.

use forebay_core::extraction::ColumnChoice;
use forebay_core::name::Identifier;
use forebay_core::source::{ReadRequest, SourceError};
use sqlparser::dialect::MySqlDialect;

use super::catalog::{Relation, RelationColumn, literal, quoted};
use super::delta::Plan;
use super::fault;
use super::session::Session;
use super::types::Kind;
use crate::choice::{chosen, invalid, shortened};
use crate::{filter, iso};

/// What a request asks of a table, whenever it is read.
pub(super) struct Selection<'a> {
    pub(super) columns: Vec<&'a RelationColumn>,
    /// The filters and bounds; all must hold.
    pub(super) conditions: Vec<Condition>,
    relation: &'a Relation,
}

/// A condition on the rows, in SQL, and what errors call it.
pub(super) struct Condition {
    pub(super) field: String,
    pub(super) sql: String,
}

/// Looks up the chosen columns, and checks the request's filters and bounds.
pub(super) fn selection<'a>(
    request: &ReadRequest,
    relation: &'a Relation,
) -> Result<Selection<'a>, SourceError> {
    if let ColumnChoice::Only(columns) = &request.columns {
        for column in columns {
            relation.column(column)?;
        }
    }
    let names: Vec<&str> = relation.columns.iter().map(|column| column.name.as_str()).collect();
    let places = chosen(&relation.name, &names, &request.columns)?;
    let mut conditions = Vec::new();
    for sql in &request.filters {
        conditions.push(Condition::parse(request, "filter", sql)?);
    }
    if let Some(bounds) = &request.date_bounds {
        let column = relation.column(&bounds.column)?;
        for (operator, value) in [(">=", &bounds.from), ("<=", &bounds.until)] {
            if let Some(value) = value {
                let field = format!("creation date of table {}", relation.name);
                let bound = bound(&field, column, value)?;
                conditions
                    .push(Condition { field, sql: format!("{} {operator} {bound}", ticked(&column.name)) });
            }
        }
    }
    Ok(Selection {
        columns: places.into_iter().map(|place| &relation.columns[place]).collect(),
        conditions,
        relation,
    })
}

/// A column's name in backticks.
pub(super) fn ticked(column: &Identifier) -> String {
    quoted(column.as_str())
}

/// A bound in text as a literal of the column's type: the server would take a date that is none for zero.
fn bound(field: &str, column: &RelationColumn, value: &str) -> Result<String, SourceError> {
    let refused = |what: &str| {
        let (name, shown) = (&column.name, shortened(value));
        invalid(format!("{field}: {shown} is no {what}, as the column {name} ({}) holds", column.type_name))
    };
    match column.kind {
        Kind::Date | Kind::Moment => {
            let text = iso::moment(value).and_then(iso::timestamp_text);
            text.map(|text| literal(&text)).ok_or_else(|| refused("date or time such as 2024-01-31"))
        }
        Kind::Text if !column.data_type.eq_ignore_ascii_case("decimal") => Ok(literal(value)),
        kind if kind.is_whole_number()
            || matches!(kind, Kind::Decimal { .. } | Kind::Year | Kind::Float8) =>
        {
            number(value).ok_or_else(|| refused("number"))
        }
        _ => Err(invalid(format!(
            "{field}: the column {} has type {}, which has no bounds; choose a date, timestamp, number or text",
            column.name, column.type_name
        ))),
    }
}

/// A number's text as a literal, which is compared exactly.
pub(super) fn number(text: &str) -> Option<String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let known =
        digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let begins = digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    (known && begins && digits.len() < 400 && digits.parse::<f64>().is_ok()).then(|| text.to_owned())
}

impl Selection<'_> {
    /// The statement for the rows that meet more conditions, too; `by_key` reads along the primary key.
    pub(super) fn select(&self, more: &[&str], by_key: bool) -> String {
        let expressions: Vec<String> =
            self.columns.iter().map(|column| column.kind.expression(&ticked(&column.name))).collect();
        let index = if by_key { " FORCE INDEX (PRIMARY)" } else { "" };
        let mut sql = format!("SELECT {} FROM {}{index}", expressions.join(", "), self.relation.sql);
        let mut conditions: Vec<String> = self.conditions.iter().map(|plain| plain.sql.clone()).collect();
        conditions.extend(more.iter().map(|more| format!("({more})")));
        if !conditions.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&conditions.join(" AND "));
        }
        sql
    }

    /// The statement for what a plan says.
    pub(super) fn statement(&self, plan: &Plan) -> String {
        let condition: Vec<&str> = plan.condition.iter().map(String::as_str).collect();
        self.select(&condition, false)
    }

    /// What the user should know about the table and what of it is read.
    pub(super) fn notes(&self, request: &ReadRequest) -> Vec<String> {
        let mut notes = Vec::new();
        let hidden = &self.relation.hidden;
        if request.columns == ColumnChoice::All && !hidden.is_empty() {
            let hidden: Vec<String> = hidden.iter().map(|column| format!("\"{column}\"")).collect();
            notes.push(format!("columns that this user may not read are left out: {}", hidden.join(", ")));
        }
        if !self.relation.keeps_versions() {
            let engine = self.relation.engine.as_deref().unwrap_or("unknown");
            notes.push(format!(
                "the table's engine ({engine}) keeps no versions of its rows: they are read as they are when their \
                 turn comes, not as of the snapshot's moment"
            ));
        }
        notes
    }
}

impl Condition {
    /// A user's condition, checked to be one expression, in parentheses.
    pub(super) fn parse(request: &ReadRequest, what: &str, sql: &str) -> Result<Self, SourceError> {
        let field = format!("{what} of table {}", request.table);
        let sql = format!("({})", filter::checked(&MySqlDialect {}, &field, sql)?);
        Ok(Self { field, sql })
    }

    /// Lets the server look at it by itself, so that an error is known to be of this condition.
    pub(super) async fn check(&self, session: &mut Session, relation: &Relation) -> Result<(), SourceError> {
        let doing = format!("looking at the {}", self.field);
        let failed = |failure| fault::query(&doing, failure);
        let sql = format!("SELECT 1 FROM {} WHERE {}", relation.sql, self.sql);
        let prepared = session.prepare(&sql).await.map_err(failed)?;
        session.close(&prepared).await.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_numbers() {
        for good in ["0", "-12", "1.50", "18446744073709551615", "1e3", "-2.5E-7"] {
            assert_eq!(number(good).as_deref(), Some(good));
        }
        for bad in ["", "-", "e5", "nan", "inf", "1 OR 1", "1--1", "0x10", "1.2.3", "1e"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
