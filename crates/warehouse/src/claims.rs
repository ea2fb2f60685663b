//! The fence: the newest claim of each job, and the turn to show something under it.
//!
//! Whatever becomes visible becomes so in a turn, one after the other, and a turn is given to no claim
//! but the newest of its job. Taking over needs a turn as well, so a claim cannot grow old between the
//! check and the commit, and a transaction that began long ago is checked against what holds now and not
//! against what it sees. The numbers are kept in the pool's file and written there first; the file is
//! open in this process alone, so those in memory are the same.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use duckdb::{Connection, params};
use forebay_core::execution::Claim;
use forebay_core::id::DataJobId;
use forebay_core::warehouse::WarehouseError;

use crate::checkpoints::Checkpoints;
use crate::error::{failed, internal};
use crate::names::OWN_SCHEMA;
use crate::session::Halt;
use crate::together::Company;

/// How long a waiter sleeps before it looks whether the stop was asked for. Its turn wakes it.
const AGAIN: Duration = Duration::from_millis(5);

/// Who may show something, one at a time.
#[derive(Default)]
pub(crate) struct Shows {
    fence: Mutex<Fence>,
    free: Condvar,
    /// Small loads that wait for their turn, and may be shown in another one's.
    pub(crate) company: Company,
    /// Written in a turn alone.
    pub(crate) checkpoints: Checkpoints,
}

#[derive(Default)]
struct Fence {
    /// As the pool's file has it.
    newest: HashMap<DataJobId, u64>,
    /// Somebody has the turn.
    taken: bool,
}

/// The turn: nothing else is shown while it is held.
pub(crate) struct Turn<'a>(&'a Shows);

impl Shows {
    /// Reads what the file says, before anything works on it.
    pub(crate) fn read(&self, connection: &Connection) -> Result<(), WarehouseError> {
        self.checkpoints.open(connection)?;
        let mut statement =
            connection.prepare(&format!("SELECT job, number FROM {OWN_SCHEMA}.claims")).map_err(failed)?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?)));
        let mut fence = self.fence();
        for (job, number) in rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(failed)? {
            let job = job.parse().map_err(|_| internal("a claim in the pool's file names no data job"))?;
            // A file that was opened again after damage may have forgotten what this process has not.
            let known = fence.newest.entry(job).or_default();
            *known = number.max(*known);
        }
        Ok(())
    }

    /// The turn for what shows nothing of a run.
    ///
    /// # Errors
    /// `Canceled` when the stop is asked for first.
    pub(crate) fn turn(&self, halt: &Halt) -> Result<Turn<'_>, WarehouseError> {
        let turn = self.turn_unless(halt, || false)?;
        turn.ok_or_else(|| internal("a turn was given up that was needed"))
    }

    /// The turn, unless it is needed no more by the time that it would be given: that is asked before each look, and
    /// what answers it must change in a turn alone.
    ///
    /// # Errors
    /// `Canceled` when the stop is asked for first.
    pub(crate) fn turn_unless(
        &self,
        halt: &Halt,
        is_done: impl Fn() -> bool,
    ) -> Result<Option<Turn<'_>>, WarehouseError> {
        let mut fence = self.fence();
        while !is_done() {
            if !fence.taken {
                fence.taken = true;
                return Ok(Some(Turn(self)));
            }
            halt.check()?;
            fence = self.free.wait_timeout(fence, AGAIN).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(None)
    }

    /// The turn to show something under a claim.
    ///
    /// # Errors
    /// `Stale` when a newer claim has taken over; `Canceled` when the stop is asked for first.
    pub(crate) fn turn_of(&self, claim: Claim, halt: &Halt) -> Result<Turn<'_>, WarehouseError> {
        let turn = self.turn(halt)?;
        self.check(claim)?;
        Ok(turn)
    }

    /// Whether a claim may show something, as far as nobody takes over: to begin nothing in vain.
    ///
    /// # Errors
    /// `Stale` when a newer claim has taken over.
    pub(crate) fn check(&self, claim: Claim) -> Result<(), WarehouseError> {
        match self.fence().newest.get(&claim.job) {
            Some(newest) if *newest == claim.number => Ok(()),
            Some(newest) if *newest > claim.number => Err(WarehouseError::stale(claim, *newest)),
            _ => Err(internal("a run wants to show rows and has not taken its data job over")),
        }
    }

    /// The turn for what must be done whether the stop was asked for or not.
    pub(crate) fn turn_in_any_case(&self) -> Turn<'_> {
        let mut fence = self.fence();
        while fence.taken {
            fence = self.free.wait(fence).unwrap_or_else(PoisonError::into_inner);
        }
        fence.taken = true;
        Turn(self)
    }

    fn fence(&self) -> MutexGuard<'_, Fence> {
        self.fence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fence().taken = false;
        // All of them: one that gives up must not be the only one that was told.
        self.0.free.notify_all();
    }
}

impl Turn<'_> {
    /// Lets a claim work for its job. `connection` keeps what it writes prepared: of a short job, planning it anew
    /// was a third of the work.
    pub(crate) fn take_over(self, connection: &Connection, claim: Claim) -> Result<(), WarehouseError> {
        let known = self.0.fence().newest.get(&claim.job).copied();
        match known {
            Some(newest) if newest > claim.number => return Err(WarehouseError::stale(claim, newest)),
            Some(newest) if newest == claim.number => return Ok(()),
            Some(_) | None => {}
        }
        let write = |sql: &str| {
            let mut write = connection.prepare_cached(sql).map_err(failed)?;
            write.execute(params![claim.job.to_string(), claim.number]).map_err(failed)
        };
        let update = format!("UPDATE {OWN_SCHEMA}.claims SET number = $2 WHERE job = $1");
        if known.is_none() || write(&update)? == 0 {
            write(&format!("INSERT INTO {OWN_SCHEMA}.claims VALUES ($1, $2)"))?;
        }
        self.0.fence().newest.insert(claim.job, claim.number);
        Ok(())
    }
}
