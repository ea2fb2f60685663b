//! The statement that reads a table.

use forebay_core::extraction::ColumnChoice;
use forebay_core::source::{ReadRequest, SourceError};
use sqlparser::dialect::PostgreSqlDialect;
use tokio_postgres::Client;

use super::catalog::{Relation, RelationColumn};
use super::fault;
use crate::choice::{chosen, invalid};
use crate::filter;

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
                let bound = format!("{}::{}", literal(value), column.type_sql);
                conditions.push(Condition {
                    field: format!("creation date of table {}", relation.name),
                    sql: format!("{} {operator} {bound}", column.name.quoted()),
                });
            }
        }
    }
    Ok(Selection {
        columns: places.into_iter().map(|place| &relation.columns[place]).collect(),
        conditions,
        relation,
    })
}

impl Selection<'_> {
    /// The statement that sends the rows that meet a condition, too.
    pub(super) fn copy(&self, condition: Option<&str>) -> String {
        format!("COPY ({}) TO STDOUT (FORMAT binary)", self.select(condition))
    }

    /// The statement that sends the rows that meet one of several conditions, too. A row that met two of
    /// them would come twice.
    pub(super) fn copy_each(&self, conditions: &[String]) -> String {
        let selects: Vec<String> = conditions.iter().map(|condition| self.select(Some(condition))).collect();
        format!("COPY ({}) TO STDOUT (FORMAT binary)", selects.join(" UNION ALL "))
    }

    /// The statement for what a plan says: all rows, or those that meet one of its conditions.
    pub(super) fn statement(&self, conditions: &[String]) -> String {
        if conditions.is_empty() { self.copy(None) } else { self.copy_each(conditions) }
    }

    /// The query for the rows that meet a condition, too.
    pub(super) fn select(&self, condition: Option<&str>) -> String {
        let expressions: Vec<String> =
            self.columns.iter().map(|column| column.kind.expression(&column.name.quoted())).collect();
        let mut sql = format!("SELECT {} FROM {}", expressions.join(", "), self.relation.sql);
        let mut conditions: Vec<&str> = self.conditions.iter().map(|plain| plain.sql.as_str()).collect();
        let delta = condition.map(|condition| format!("({condition})"));
        conditions.extend(delta.as_deref());
        if !conditions.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&conditions.join(" AND "));
        }
        sql
    }

    /// Columns that the choice of all leaves out.
    pub(super) fn note(&self, request: &ReadRequest) -> Option<String> {
        let hidden = &self.relation.hidden;
        (request.columns == ColumnChoice::All && !hidden.is_empty()).then(|| {
            let hidden: Vec<String> = hidden.iter().map(|column| format!("\"{column}\"")).collect();
            format!("columns that this user may not read are left out: {}", hidden.join(", "))
        })
    }
}

impl Condition {
    /// A user's condition, checked to be one expression, in parentheses.
    pub(super) fn parse(request: &ReadRequest, what: &str, sql: &str) -> Result<Self, SourceError> {
        let field = format!("{what} of table {}", request.table);
        let sql = format!("({})", filter::checked(&PostgreSqlDialect {}, &field, sql)?);
        Ok(Self { field, sql })
    }

    /// Lets the server look at it by itself, so that an error is known to be of this condition.
    pub(super) async fn check(&self, client: &Client, relation: &Relation) -> Result<(), SourceError> {
        if self.sql.contains('\0') {
            let field = &self.field;
            return Err(invalid(format!("{field}: it has a zero character, which PostgreSQL cannot hold")));
        }
        let sql = format!("SELECT FROM {} WHERE {}", relation.sql, self.sql);
        match client.prepare(&sql).await {
            Ok(_) => Ok(()),
            Err(error) => Err(fault::query(&format!("looking at the {}", self.field), error)),
        }
    }
}

/// A text as an SQL literal. Sessions have `standard_conforming_strings` on.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
