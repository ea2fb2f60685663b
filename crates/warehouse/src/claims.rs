//! The fence: the newest claim of each job, and the turn to show something under it.
//!
//! Whatever becomes visible becomes so in a turn, one after the other, and a turn is given to no claim
//! but the newest of its job. Taking over needs a turn as well, so a claim cannot grow old between the
//! check and the commit, and a transaction that began long ago is checked against what holds now and not
//! against what it sees. The numbers are kept in the pool's file and written there first; the file is
//! open in this process alone, so those in memory are the same.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use duckdb::{Connection, params};
use forebay_core::execution::Claim;
use forebay_core::id::DataJobId;
use forebay_core::warehouse::WarehouseError;

use crate::error::{failed, internal};
use crate::names::OWN_SCHEMA;
use crate::session::Halt;

/// How long a waiter sleeps before it looks again whether its turn has come.
const AGAIN: Duration = Duration::from_millis(5);

/// Who may show something, one at a time.
#[derive(Default)]
pub(crate) struct Shows(Mutex<HashMap<DataJobId, u64>>);

/// The turn: nothing else is shown while it is held.
pub(crate) struct Turn<'a>(MutexGuard<'a, HashMap<DataJobId, u64>>);

impl Shows {
    /// Reads what the file says, before anything works on it.
    pub(crate) fn read(&self, connection: &Connection) -> Result<(), WarehouseError> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement =
            connection.prepare(&format!("SELECT job, number FROM {OWN_SCHEMA}.claims")).map_err(failed)?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?)));
        for (job, number) in rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(failed)? {
            let job = job.parse().map_err(|_| internal("a claim in the pool's file names no data job"))?;
            let known = newest.entry(job).or_default();
            *known = number.max(*known);
        }
        Ok(())
    }

    /// The turn for what shows nothing of a run.
    ///
    /// # Errors
    /// `Canceled` when the stop is asked for first.
    pub(crate) fn turn(&self, halt: &Halt) -> Result<Turn<'_>, WarehouseError> {
        loop {
            match self.0.try_lock() {
                Ok(guard) => return Ok(Turn(guard)),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(Turn(poisoned.into_inner())),
                Err(TryLockError::WouldBlock) => {}
            }
            halt.check()?;
            std::thread::sleep(AGAIN);
        }
    }

    /// The turn to show something under a claim.
    ///
    /// # Errors
    /// `Stale` when a newer claim has taken over; `Canceled` when the stop is asked for first.
    pub(crate) fn turn_of(&self, claim: Claim, halt: &Halt) -> Result<Turn<'_>, WarehouseError> {
        let turn = self.turn(halt)?;
        turn.check(claim)?;
        Ok(turn)
    }

    /// The turn for what must be done whether the stop was asked for or not.
    pub(crate) fn turn_in_any_case(&self) -> Turn<'_> {
        Turn(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Turn<'_> {
    fn check(&self, claim: Claim) -> Result<(), WarehouseError> {
        match self.0.get(&claim.job) {
            Some(newest) if *newest == claim.number => Ok(()),
            Some(newest) if *newest > claim.number => Err(WarehouseError::stale(claim, *newest)),
            _ => Err(internal("a run wants to show rows and has not taken its data job over")),
        }
    }

    /// Lets a claim work for its job.
    pub(crate) fn take_over(mut self, connection: &Connection, claim: Claim) -> Result<(), WarehouseError> {
        match self.0.get(&claim.job) {
            Some(newest) if *newest > claim.number => return Err(WarehouseError::stale(claim, *newest)),
            Some(newest) if *newest == claim.number => return Ok(()),
            _ => {}
        }
        let write = format!("INSERT OR REPLACE INTO {OWN_SCHEMA}.claims VALUES (?, ?)");
        connection.execute(&write, params![claim.job.to_string(), claim.number]).map_err(failed)?;
        self.0.insert(claim.job, claim.number);
        Ok(())
    }
}
