//! Writes the SQL that answers a query.
//!
//! The rows are those of the common table of all columns that the TABLE names. The others are joined to it from N to
//! 1, so each of its rows stays one. What is no aggregate groups the aggregates.

mod condition;
mod expression;
mod filter;
mod function;
mod signature;

use std::collections::{BTreeMap, BTreeSet};

use self::expression::{Compiler, Level, Place, Value};
use crate::error::{Position, PqlError};
use crate::joins::{Direction, Way, ambiguous, common_table, way};
use crate::model::{Kind, Model, Relation};
use crate::query::{Order, Part, Query, TableStatement};

/// The SQL of a query, with the tables left open.
#[derive(Clone, Debug)]
pub struct Compiled {
    sql: Sql,
    /// What the answer has, in order.
    pub columns: Vec<OutputColumn>,
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColumn {
    pub name: String,
    pub kind: Kind,
}

impl Compiled {
    /// The tables that the SQL reads, by their places in the model.
    #[must_use]
    pub fn tables(&self) -> BTreeSet<usize> {
        let table = |piece: &Piece| match piece {
            Piece::Table(table) => Some(*table),
            Piece::Text(_) => None,
        };
        self.sql.0.iter().filter_map(table).collect()
    }

    /// One statement of DuckDB. `source` gives what is read for a table, as it stands behind FROM.
    #[must_use]
    pub fn sql(&self, source: impl Fn(usize) -> String) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Table(table) => source(*table),
            Piece::Text(text) => text.clone(),
        };
        self.sql.0.iter().map(piece).collect()
    }
}

#[derive(Clone, Debug, Default)]
struct Sql(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    /// Where rows are read from.
    Table(usize),
}

impl Sql {
    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    /// A table under its alias.
    fn table(&mut self, table: usize, alias: &str) {
        self.0.push(Piece::Table(table));
        self.text(&format!(" AS {alias}"));
    }

    fn append(&mut self, other: Self) {
        for piece in other.0 {
            match piece {
                Piece::Text(text) => self.text(&text),
                Piece::Table(_) => self.0.push(piece),
            }
        }
    }
}

/// What the aliases of the tables that are answered with begin with.
const MAIN: &str = "t";

/// Checks a query against a model, and writes its SQL.
///
/// # Errors
/// What is wrong, with its position.
pub fn compile(query: &Query, model: &Model) -> Result<Compiled, PqlError> {
    let table = &query.table;
    let mut compiler = Compiler::new(model, MAIN, Place::Table);
    let mut columns = Vec::new();
    for column in &table.columns {
        columns.push(compiler.value(&column.expression)?);
    }
    let mut order = Vec::new();
    let groups = columns.iter().any(|column| matches!(column.level, Level::Aggregate));
    for by in &table.order {
        order.push(ordered(&mut compiler, table, &columns, groups, by)?);
    }
    let mut sql = Sql::default();
    sql.text("SELECT ");
    if table.distinct {
        sql.text("DISTINCT ");
    }
    let mut described = Vec::new();
    for (place, (column, value)) in table.columns.iter().zip(&columns).enumerate() {
        let kind = value.kind.unwrap_or(Kind::String);
        let comma = if place == 0 { "" } else { ", " };
        sql.text(&format!("{comma}CAST({} AS {}) AS {}", value.sql, kind.type_name(), quote(&column.name)));
        described.push(OutputColumn { name: column.name.clone(), kind });
    }
    if !compiler.used.is_empty() {
        let common = common_table(model, &compiler.used)?;
        compiler.check_row_counts(common)?;
        let filters = filter::of(model, common, &query.filters)?;
        let mut used = compiler.used.clone();
        used.extend(filters.tables_of(common));
        sql.append(from(model, common, &used, MAIN)?);
        sql.append(filters.conditions(common, MAIN)?);
    } else {
        // Nothing is read, but what a filter says must be right all the same.
        filter::check(model, &query.filters)?;
    }
    if groups {
        let groupers = columns.iter().enumerate().filter(|(_, column)| matches!(column.level, Level::Row(_)));
        let places: Vec<String> = groupers.map(|(place, _)| (place + 1).to_string()).collect();
        if !places.is_empty() {
            sql.text(&format!(" GROUP BY {}", places.join(", ")));
        }
    }
    if !order.is_empty() {
        sql.text(&format!(" ORDER BY {}", order.join(", ")));
    }
    if let Some(limit) = table.limit {
        sql.text(&format!(" LIMIT {limit}"));
    }
    if let Some(offset) = table.offset {
        sql.text(&format!(" OFFSET {offset}"));
    }
    Ok(Compiled { sql, columns: described })
}

/// One place of ORDER BY. A column of the answer is meant by its name or by what it is made of.
fn ordered(
    compiler: &mut Compiler<'_>,
    table: &TableStatement,
    columns: &[Value],
    groups: bool,
    by: &Order,
) -> Result<String, PqlError> {
    let direction = if by.descending { "DESC" } else { "ASC" };
    let place = match &by.expression.part {
        Part::Name(name) => {
            let found = table.columns.iter().position(|column| column.name == *name);
            let same =
                |column: &crate::query::NamedExpression| column.name.to_lowercase() == name.to_lowercase();
            let found = found.or_else(|| table.columns.iter().position(same));
            Some(found.ok_or_else(|| {
                let reason =
                    format!("the answer has no column \"{name}\"; name one of its columns, or a table's");
                PqlError::new(by.expression.position, reason)
            })?)
        }
        _ => None,
    };
    let value = match place {
        Some(place) => return Ok(format!("{} {direction} NULLS LAST", place + 1)),
        None => compiler.value(&by.expression)?,
    };
    if let Some(place) = columns.iter().position(|column| column.sql == value.sql) {
        return Ok(format!("{} {direction} NULLS LAST", place + 1));
    }
    let refused = |reason: &str| Err(PqlError::new(by.expression.position, reason));
    match value.level {
        // It puts nothing into order; a number would mean a column.
        Level::Constant => refused("a constant puts nothing into order; name a column"),
        _ if table.distinct => refused("with DISTINCT, the order can only be that of columns of the answer"),
        Level::Row(_) if groups => {
            refused("with aggregates, the order can only be that of an aggregate or of columns of the answer")
        }
        Level::Aggregate if !groups => refused(
            "the order is that of an aggregate, and no column of the answer is one; add it to the TABLE",
        ),
        Level::Row(_) | Level::Aggregate => Ok(format!("{} {direction} NULLS LAST", value.sql)),
    }
}

/// FROM with the joins that lead to the tables that are used.
fn from(
    model: &Model,
    common: usize,
    used: &BTreeMap<usize, Position>,
    prefix: &str,
) -> Result<Sql, PqlError> {
    let mut sql = Sql::default();
    sql.text(" FROM ");
    sql.table(common, &alias(prefix, common));
    let mut joined = BTreeSet::from([common]);
    for (table, position) in used {
        let steps = match way(model, common, *table, Direction::ToOne) {
            Way::Only(steps) => steps,
            Way::Several => return Err(ambiguous(model, common, *table, *position)),
            // The common table was chosen by that.
            Way::None => continue,
        };
        for step in steps {
            if joined.insert(step.to) {
                let relation = &model.relations[step.relation];
                sql.text(" LEFT JOIN ");
                sql.table(step.to, &alias(prefix, step.to));
                let condition = joins(model, relation, &alias(prefix, step.to), &alias(prefix, step.from));
                sql.text(&format!(" ON {condition}"));
            }
        }
    }
    Ok(sql)
}

/// That two rows belong together. Columns of unlike types are compared as texts; NULL is like nothing.
fn joins(model: &Model, relation: &Relation, one: &str, many: &str) -> String {
    let kind = |table: usize, name: &str| {
        let columns = &model.tables[table].columns;
        columns.iter().find(|column| same(&column.name, name)).and_then(|column| Kind::of(&column.type_name))
    };
    let pairs = relation.columns.iter().map(|(one_column, many_column)| {
        let (left, right) =
            (format!("{one}.{}", quote(one_column)), format!("{many}.{}", quote(many_column)));
        let (left_kind, right_kind) = (kind(relation.one, one_column), kind(relation.many, many_column));
        let numbers = |kind| matches!(kind, Some(Kind::Int | Kind::Float));
        if left_kind == right_kind || (numbers(left_kind) && numbers(right_kind)) {
            format!("{left} = {right}")
        } else {
            format!("CAST({left} AS VARCHAR) = CAST({right} AS VARCHAR)")
        }
    });
    pairs.collect::<Vec<_>>().join(" AND ")
}

fn alias(prefix: &str, table: usize) -> String {
    format!("{prefix}{table}")
}

/// Whether DuckDB takes two names of columns for the same.
fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// A name as DuckDB quotes it.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as DuckDB writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
