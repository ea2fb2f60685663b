//! Small loads that replace their tables are shown together. A commit costs more than a small table does: it waits for
//! the disk, and lets a thread of the engine ask for work until the disk has confirmed. So whoever gets the turn
//! shows all loads of its run that wait for one, in one transaction.
//!
//! What fails together is done again by each load alone, so that one that cannot be shown costs no other, and each
//! has its own error.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use duckdb::Connection;
use forebay_core::name::Identifier;
use forebay_core::warehouse::{LoadReport, WarehouseError, WriteMode};

use crate::checkpoints::Checkpoints;
use crate::claims::Shows;
use crate::replace::{replace, rows_before};
use crate::session::Halt;
use crate::show::{Staged, add_up, begin, commit, roll_back, show};

/// The most loads that are shown together.
const MOST: usize = 64;

/// The loads that wait for a turn, in the order in which they came.
#[derive(Default)]
pub(crate) struct Company(Mutex<Vec<Arc<Member>>>);

struct Member {
    staged: Staged,
    /// Set in a turn alone.
    end: Mutex<Option<End>>,
}

/// What became of a load in another one's turn.
#[derive(Clone)]
enum End {
    Shown(LoadReport),
    /// Nothing: it goes on by itself.
    Alone,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those that were taken along. Whoever has no end when this goes away goes on alone.
struct Group(Vec<Arc<Member>>);

impl Drop for Group {
    fn drop(&mut self) {
        for member in &self.0 {
            lock(&member.end).get_or_insert(End::Alone);
        }
    }
}

impl Company {
    fn join(&self, staged: Staged) -> Arc<Member> {
        let member = Arc::new(Member { staged, end: Mutex::new(None) });
        lock(&self.0).push(Arc::clone(&member));
        member
    }

    /// Those that may be shown with `leader`, it among them. In its turn.
    fn take(&self, leader: &Arc<Member>) -> Group {
        let claim = leader.staged.spec.claim;
        let mut waiting = lock(&self.0);
        let mut room = MOST - 1;
        let mut taken = |member: &mut Arc<Member>| {
            let joins = Arc::ptr_eq(member, leader) || (room > 0 && member.staged.spec.claim == claim);
            room -= usize::from(joins && !Arc::ptr_eq(member, leader));
            joins
        };
        Group(waiting.extract_if(.., |member| taken(member)).collect())
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.0).len()
    }

    fn leave(&self, member: &Arc<Member>) {
        lock(&self.0).retain(|waiting| !Arc::ptr_eq(waiting, member));
    }
}

/// Whether a load may be shown together with others.
pub(crate) fn is_small_replacement(staged: &Staged) -> bool {
    staged.waiting.is_some() && staged.spec.mode == WriteMode::Replace
}

/// As [`show`], in the turn of whoever of its run has one first.
pub(crate) fn show_together(
    connection: &Connection,
    halt: &Halt,
    shows: &Shows,
    staged: Staged,
) -> Result<LoadReport, WarehouseError> {
    let member = shows.company.join(staged);
    let end = || lock(&member.end).clone();
    match shows.turn_unless(halt, || end().is_some()) {
        Ok(Some(_turn)) => lead(connection, halt, shows, &member),
        Ok(None) => {}
        Err(error) => {
            shows.company.leave(&member);
            // Who was taken along before is in a turn that has to end first.
            drop(shows.turn_in_any_case());
            if end().is_none() {
                return Err(error);
            }
        }
    }
    match end() {
        Some(End::Shown(report)) => Ok(report),
        Some(End::Alone) | None => show(connection, halt, shows, &member.staged),
    }
}

/// Shows a load, and those of its run that wait as well.
fn lead(connection: &Connection, halt: &Halt, shows: &Shows, leader: &Arc<Member>) {
    let group = shows.company.take(leader);
    // Each says by itself why it is not shown.
    if shows.check(leader.staged.spec.claim).is_err() {
        return;
    }
    let loads: Vec<&Staged> = group.0.iter().map(|member| &member.staged).collect();
    match show_all(connection, halt, &shows.checkpoints, &loads) {
        Ok(reports) => {
            for (member, report) in group.0.iter().zip(reports) {
                *lock(&member.end) = Some(End::Shown(report));
            }
        }
        Err(error) => {
            roll_back(connection, halt);
            tracing::debug!(error = &error as &dyn std::error::Error, "loads are shown one by one");
        }
    }
}

/// Replaces the tables of loads and records their checkpoints, in one transaction.
fn show_all(
    connection: &Connection,
    halt: &Halt,
    checkpoints: &Checkpoints,
    loads: &[&Staged],
) -> Result<Vec<LoadReport>, WarehouseError> {
    let before: Vec<Option<u64>> =
        loads.iter().map(|load| rows_before(connection, checkpoints, load)).collect::<Result<_, _>>()?;
    let schemas: BTreeSet<&Identifier> = loads.iter().map(|load| &load.spec.table.schema).collect();
    begin(connection, schemas)?;
    let mut reports = Vec::with_capacity(loads.len());
    for (load, before) in loads.iter().zip(before) {
        halt.check()?;
        let report = replace(connection, halt, load, before)?;
        add_up(load, &report)?;
        reports.push(report);
    }
    checkpoints.write(connection, loads.iter().map(|load| (&load.spec.table, &load.checkpoint)))?;
    forebay_core::fault::point("show.before_commit");
    commit(connection, halt)?;
    forebay_core::fault::point("show.after_commit");
    Ok(reports)
}
