//! The statement that reads a table.

use forebay_core::source::{ReadRequest, SourceError};
use sqlparser::dialect::PostgreSqlDialect;

use super::catalog::{Relation, RelationColumn};
use crate::choice::chosen;
use crate::filter;

/// What to run, and the columns it sends.
pub(super) struct Selection<'a> {
    pub(super) sql: String,
    pub(super) columns: Vec<&'a RelationColumn>,
}

/// Selects the chosen columns of the rows that meet the request's filters and bounds and the
/// `delta` condition.
pub(super) fn selection<'a>(
    request: &ReadRequest,
    relation: &'a Relation,
    delta: Option<String>,
) -> Result<Selection<'a>, SourceError> {
    let names: Vec<&str> = relation.columns.iter().map(|column| column.name.as_str()).collect();
    let columns: Vec<&RelationColumn> = chosen(&relation.name, &names, &request.columns)?
        .into_iter()
        .map(|place| &relation.columns[place])
        .collect();
    let mut conditions = Vec::new();
    for sql in &request.filters {
        conditions.push(condition(request, "filter", sql)?);
    }
    if let Some(bounds) = &request.date_bounds {
        let column = relation.column(&bounds.column)?;
        for (operator, value) in [(">=", &bounds.from), ("<=", &bounds.until)] {
            if let Some(value) = value {
                conditions.push(format!(
                    "{} {operator} {}::{}",
                    column.name.quoted(),
                    literal(value),
                    column.type_sql
                ));
            }
        }
    }
    conditions.extend(delta.map(|condition| format!("({condition})")));
    let expressions: Vec<String> =
        columns.iter().map(|column| column.kind.expression(&column.name.quoted())).collect();
    let mut sql = format!("SELECT {} FROM {}", expressions.join(", "), relation.sql);
    if !conditions.is_empty() {
        sql.push_str(" WHERE ");
        sql.push_str(&conditions.join(" AND "));
    }
    Ok(Selection { sql: format!("COPY ({sql}) TO STDOUT (FORMAT binary)"), columns })
}

/// A user's condition, checked to be one expression, in parentheses.
pub(super) fn condition(request: &ReadRequest, what: &str, sql: &str) -> Result<String, SourceError> {
    let field = format!("{what} of table {}", request.table);
    Ok(format!("({})", filter::checked(&PostgreSqlDialect {}, &field, sql)?))
}

/// A text as an SQL literal. Sessions have `standard_conforming_strings` on.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
