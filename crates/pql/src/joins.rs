//! Which table's rows a query answers with, and on which way the others are reached.
//!
//! A way is searched along the foreign keys, and must be the only one: that is so when without any of its steps the
//! end is not reached any more.

use std::collections::{BTreeMap, VecDeque};

use crate::error::{Position, PqlError};
use crate::model::Model;

/// One foreign key, and the table that it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The place in [`Model::relations`].
    pub(crate) relation: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// In which directions foreign keys are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the N side to the 1 side: each row finds at most one.
    ToOne,
    Both,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    None,
    Only(Vec<Step>),
    Several,
}

/// The only way between two tables, if there is one and no other.
pub(crate) fn way(model: &Model, from: usize, to: usize, direction: Direction) -> Way {
    let Some(found) = search(model, from, to, direction, None) else { return Way::None };
    let avoidable =
        found.iter().any(|step| search(model, from, to, direction, Some(step.relation)).is_some());
    if avoidable { Way::Several } else { Way::Only(found) }
}

/// A shortest way, without one relation.
fn search(
    model: &Model,
    from: usize,
    to: usize,
    direction: Direction,
    without: Option<usize>,
) -> Option<Vec<Step>> {
    let mut came_by: BTreeMap<usize, Option<Step>> = BTreeMap::from([(from, None)]);
    let mut waiting = VecDeque::from([from]);
    while let Some(table) = waiting.pop_front() {
        if table == to {
            let mut way = Vec::new();
            let mut last = came_by[&table];
            while let Some(step) = last {
                way.push(step);
                last = came_by[&step.from];
            }
            way.reverse();
            return Some(way);
        }
        for step in steps(model, table, direction) {
            if Some(step.relation) != without && !came_by.contains_key(&step.to) {
                came_by.insert(step.to, Some(step));
                waiting.push_back(step.to);
            }
        }
    }
    None
}

fn steps(model: &Model, from: usize, direction: Direction) -> Vec<Step> {
    let relations = model.relations.iter().enumerate();
    let leads = relations.filter_map(|(place, relation)| match direction {
        _ if relation.many == from => Some((place, relation.one)),
        Direction::Both if relation.one == from => Some((place, relation.many)),
        Direction::ToOne | Direction::Both => None,
    });
    leads.map(|(relation, to)| Step { relation, from, to }).collect()
}

fn reaches(model: &Model, from: usize, to: usize) -> bool {
    search(model, from, to, Direction::ToOne, None).is_some()
}

/// The table whose rows have at most one row of each of these, with what is said first of each for errors. One of
/// them itself, or else the nearest of the others.
///
/// # Errors
/// When there is none, or several are equally near.
pub(crate) fn common_table(model: &Model, used: &BTreeMap<usize, Position>) -> Result<usize, PqlError> {
    let reaches_all = |table: &usize| used.keys().all(|other| reaches(model, *table, *other));
    if let Some(table) = used.keys().copied().find(|table| reaches_all(table)) {
        return Ok(table);
    }
    let candidates: Vec<usize> = (0..model.tables.len()).filter(reaches_all).collect();
    let nearest = candidates
        .iter()
        .filter(|table| candidates.iter().all(|other| reaches(model, *other, **table)))
        .collect::<Vec<_>>();
    if let [nearest] = nearest.as_slice() {
        return Ok(**nearest);
    }
    let position = used.values().max().copied().unwrap_or(Position { text: None, line: 1, column: 1 });
    let names: Vec<String> = used.keys().map(|table| format!("\"{}\"", model.tables[*table].name)).collect();
    let names = names.join(" and ");
    let reason = if candidates.is_empty() {
        format!(
            "{names} have no common table: there is none from which all of them are reached along the foreign keys, \
             from N to 1; ask for them one by one, or relate them in the data model and load it again"
        )
    } else {
        let several: Vec<String> =
            candidates.iter().map(|table| format!("\"{}\"", model.tables[*table].name)).collect();
        format!(
            "{names} have several common tables, {}; name a column of the one that is meant",
            several.join(" and ")
        )
    };
    Err(PqlError::new(position, reason))
}

/// What to say of a way that is not the only one.
pub(crate) fn ambiguous(model: &Model, from: usize, to: usize, position: Position) -> PqlError {
    let (from, to) = (&model.tables[from].name, &model.tables[to].name);
    let reason = format!(
        "there are several ways from \"{from}\" to \"{to}\" along the foreign keys, so it is not clear which rows belong \
         together; take one of the foreign keys out of the data model and load it again"
    );
    PqlError::new(position, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Relation, Table};

    /// Tables by number; each pair is a relation from N to 1.
    fn model(tables: usize, relations: &[(usize, usize)]) -> Model {
        Model {
            tables: (0..tables)
                .map(|number| Table { name: format!("T{number}"), columns: Vec::new() })
                .collect(),
            relations: relations
                .iter()
                .map(|&(many, one)| Relation { one, many, columns: vec![("a".to_owned(), "b".to_owned())] })
                .collect(),
        }
    }

    fn common(model: &Model, used: &[usize]) -> Result<usize, String> {
        let at = Position { text: None, line: 1, column: 1 };
        let used = used.iter().map(|table| (*table, at)).collect();
        common_table(model, &used).map_err(|error| error.reason)
    }

    #[test]
    fn the_common_table_is_the_one_that_reaches_all_others() {
        // Lines to orders to customers, and lines to products.
        let model = model(5, &[(0, 1), (1, 2), (0, 3)]);
        assert_eq!(common(&model, &[1]), Ok(1));
        assert_eq!(common(&model, &[2, 1]), Ok(1));
        assert_eq!(common(&model, &[2, 0]), Ok(0));
        // None of them, but the lines have a row of both.
        assert_eq!(common(&model, &[2, 3]), Ok(0));
        let error = common(&model, &[0, 4]).unwrap_err();
        assert!(error.starts_with("\"T0\" and \"T4\" have no common table"), "{error}");
    }

    #[test]
    fn two_n_sides_have_no_common_table_and_two_middles_are_told() {
        let error = common(&model(3, &[(0, 2), (1, 2)]), &[0, 1]).unwrap_err();
        assert!(error.contains("no common table"), "{error}");
        let error = common(&model(4, &[(2, 0), (2, 1), (3, 0), (3, 1)]), &[0, 1]).unwrap_err();
        assert!(error.contains("several common tables, \"T2\" and \"T3\""), "{error}");
        // The nearest one, though another reaches both through it.
        assert_eq!(common(&model(4, &[(2, 0), (2, 1), (3, 2)]), &[0, 1]), Ok(2));
    }

    #[test]
    fn a_way_must_be_the_only_one() {
        let diamond = model(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        assert_eq!(way(&diamond, 0, 3, Direction::ToOne), Way::Several);
        assert!(matches!(way(&diamond, 0, 1, Direction::ToOne), Way::Only(steps) if steps.len() == 1));
        // The other direction round, there is a second one.
        assert_eq!(way(&diamond, 0, 1, Direction::Both), Way::Several);
        assert_eq!(way(&diamond, 3, 0, Direction::ToOne), Way::None);
        let twice = model(2, &[(0, 1), (0, 1)]);
        assert_eq!(way(&twice, 0, 1, Direction::ToOne), Way::Several);
    }

    #[test]
    fn rings_of_relations_end_the_search() {
        let ring = model(3, &[(0, 1), (1, 2), (2, 0)]);
        assert_eq!(way(&ring, 0, 2, Direction::ToOne), Way::Only(way_of(&ring, &[(0, 0, 1), (1, 1, 2)])));
        assert_eq!(common(&ring, &[0, 2]), Ok(0));
    }

    fn way_of(_: &Model, steps: &[(usize, usize, usize)]) -> Vec<Step> {
        steps.iter().map(|&(relation, from, to)| Step { relation, from, to }).collect()
    }
}
