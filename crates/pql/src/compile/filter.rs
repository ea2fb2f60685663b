//! Filters: which rows of the common table stay.
//!
//! A filter is a condition on the rows of its own common table. It reaches the table that is asked for along the
//! foreign keys, in both directions: a row stays when it has a partner that stays. What is filtered on one table is
//! so for the same row of it.

use std::collections::BTreeMap;

use super::expression::{Compiler, Place};
use super::{MAIN, Sql, alias, from, joins};
use crate::error::{Position, PqlError};
use crate::joins::{Direction, Step, Way, ambiguous, common_table, way};
use crate::model::Model;
use crate::query::Expression;

pub(super) struct Filters<'m> {
    model: &'m Model,
    /// By the table whose rows they are conditions on.
    of_table: BTreeMap<usize, OfTable<'m>>,
    /// Those that name no column.
    constant: Vec<&'m Expression>,
    /// The ways to the tables with filters, as a tree: the steps that lead on from each table.
    steps: BTreeMap<usize, Vec<Step>>,
}

#[derive(Default)]
struct OfTable<'m> {
    filters: Vec<&'m Expression>,
    /// The tables whose columns they name.
    used: BTreeMap<usize, Position>,
}

/// Checks filters that nothing is read for.
pub(super) fn check(model: &Model, filters: &[Expression]) -> Result<(), PqlError> {
    for filter in filters {
        let mut compiler = Compiler::new(model, MAIN, Place::Filter);
        compiler.condition(filter)?;
        if !compiler.used.is_empty() {
            common_table(model, &compiler.used)?;
        }
    }
    Ok(())
}

/// The filters that reach a table. Those of tables that are not related to it do not, as in the original.
pub(super) fn of<'m>(
    model: &'m Model,
    common: usize,
    filters: &'m [Expression],
) -> Result<Filters<'m>, PqlError> {
    let mut reaching =
        Filters { model, of_table: BTreeMap::new(), constant: Vec::new(), steps: BTreeMap::new() };
    for filter in filters {
        let mut compiler = Compiler::new(model, MAIN, Place::Filter);
        compiler.condition(filter)?;
        if compiler.used.is_empty() {
            reaching.constant.push(filter);
            continue;
        }
        let table = common_table(model, &compiler.used)?;
        let steps = match way(model, common, table, Direction::Both) {
            Way::None => continue,
            Way::Only(steps) => steps,
            Way::Several => return Err(ambiguous(model, common, table, filter.position)),
        };
        for step in steps {
            let leading = reaching.steps.entry(step.from).or_default();
            if !leading.contains(&step) {
                leading.push(step);
            }
        }
        let of_table = reaching.of_table.entry(table).or_default();
        of_table.filters.push(filter);
        of_table.used.extend(compiler.used);
    }
    Ok(reaching)
}

impl Filters<'_> {
    /// The tables whose columns the filters of a table name.
    pub(super) fn tables_of(&self, table: usize) -> BTreeMap<usize, Position> {
        self.of_table.get(&table).map(|of_table| of_table.used.clone()).unwrap_or_default()
    }

    /// WHERE, or nothing.
    pub(super) fn conditions(&self, common: usize, prefix: &str) -> Result<Sql, PqlError> {
        let mut terms = self.own(common, prefix)?;
        for filter in &self.constant {
            terms.push(self.condition(filter, prefix)?);
        }
        let mut number = 0;
        terms.extend(self.partners(common, prefix, &mut number)?);
        Ok(clause(" WHERE ", terms))
    }

    fn condition(&self, filter: &Expression, prefix: &str) -> Result<Sql, PqlError> {
        let (text, _) = Compiler::new(self.model, prefix, Place::Filter).condition(filter)?;
        let mut sql = Sql::default();
        sql.text(&text);
        Ok(sql)
    }

    fn own(&self, table: usize, prefix: &str) -> Result<Vec<Sql>, PqlError> {
        let filters =
            self.of_table.get(&table).map(|of_table| of_table.filters.as_slice()).unwrap_or_default();
        filters.iter().map(|filter| self.condition(filter, prefix)).collect()
    }

    /// For each way that leads on from a table: that there is a partner which stays.
    fn partners(&self, table: usize, prefix: &str, number: &mut usize) -> Result<Vec<Sql>, PqlError> {
        let steps = self.steps.get(&table).map(Vec::as_slice).unwrap_or_default();
        let mut terms = Vec::new();
        for step in steps {
            *number += 1;
            let inner = format!("f{number}_");
            let relation = &self.model.relations[step.relation];
            let (from_alias, to_alias) = (alias(prefix, step.from), alias(&inner, step.to));
            let together = if relation.one == step.to {
                joins(self.model, relation, &to_alias, &from_alias)
            } else {
                joins(self.model, relation, &from_alias, &to_alias)
            };
            let mut conditions = vec![Sql::default()];
            conditions[0].text(&together);
            conditions.extend(self.own(step.to, &inner)?);
            conditions.extend(self.partners(step.to, &inner, number)?);
            let mut sql = Sql::default();
            sql.text("EXISTS (SELECT 1");
            sql.append(from(self.model, step.to, &self.tables_of(step.to), &inner)?);
            sql.append(clause(" WHERE ", conditions));
            sql.text(")");
            terms.push(sql);
        }
        Ok(terms)
    }
}

/// Terms that must all be true; nothing when there are none.
fn clause(word: &str, terms: Vec<Sql>) -> Sql {
    let mut sql = Sql::default();
    for (place, term) in terms.into_iter().enumerate() {
        sql.text(if place == 0 { word } else { " AND " });
        sql.append(term);
    }
    sql
}
