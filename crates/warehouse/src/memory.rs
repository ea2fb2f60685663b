//! How much memory an engine has at the moment.
//!
//! Rows that flow into a table need none but that of the row groups that are written: blocks that were
//! written are of use to nobody yet, and the system keeps the file's pages where they cost nothing. So while
//! rows flow and nobody asks, the engine has little. Whoever asks has all of it; what is kept in memory then
//! stays there until rows flow again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use duckdb::Connection;
use forebay_core::warehouse::WarehouseError;

use crate::confine::set_memory;
use crate::error::failed;

const MIB: u64 = 1024 * 1024;
/// What the engine needs beside row groups.
const BASE: u64 = 48 * MIB;
/// What each thread may need for a column of the row group that it writes: its values, the blocks that they are
/// compressed into, and what compressing remembers.
const COLUMN: u64 = 2 * MIB;

/// Rows with a longer value than this, in bytes, need all memory to flow: the engine keeps such values outside of the
/// blocks of their column, and holds many of these at a time when it compresses them.
pub(crate) const LONG: usize = 4096;
/// How many times the longest value fits into all memory. It is there in a vector, in the row group that is written,
/// and where it is compressed. To ask for several such values at a time may need more.
const COPIES: u64 = 8;

/// The memory of one engine.
pub(crate) struct Memory {
    full: u64,
    threads: u64,
    state: Mutex<State>,
}

struct State {
    /// For the settings alone.
    connection: Connection,
    asking: usize,
    /// The bytes that rows which flow need, all together.
    flowing: u64,
    limit: u64,
}

/// Held by whoever asks the engine for more than to take rows.
pub(crate) struct Asking(Arc<Memory>);

/// Held as long as rows flow into a table, with the bytes that they need.
pub(crate) struct Flowing(Arc<Memory>, u64);

impl Memory {
    /// `full` is in bytes, and what the engine was opened with.
    pub(crate) fn new(root: &Connection, full: u64, threads: usize) -> Result<Arc<Self>, WarehouseError> {
        let state =
            State { connection: root.try_clone().map_err(failed)?, asking: 0, flowing: 0, limit: full };
        Ok(Arc::new(Self { full, threads: threads as u64, state: Mutex::new(state) }))
    }

    /// The most bytes of one value that can be taken.
    pub(crate) fn longest_value(&self) -> u64 {
        self.full / COPIES
    }

    /// All memory, until what is returned goes away.
    pub(crate) fn ask(self: &Arc<Self>) -> Result<Asking, WarehouseError> {
        let mut state = self.lock();
        state.limit(self.full)?;
        state.asking += 1;
        Ok(Asking(Arc::clone(self)))
    }

    /// Little memory, unless somebody asks: rows of so many columns flow until what is returned goes away.
    pub(crate) fn flow(self: &Arc<Self>, columns: usize) -> Flowing {
        let mut state = self.lock();
        let needed = self.threads * COLUMN * columns as u64;
        state.flowing += needed;
        let little = (BASE + state.flowing).min(self.full);
        if state.asking == 0
            && let Err(error) = state.limit(little)
        {
            // What is in use now is more: then it stays as it is.
            tracing::debug!(error = &error as &dyn std::error::Error, "the engine keeps its memory");
        }
        Flowing(Arc::clone(self), needed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn limit(&mut self, bytes: u64) -> Result<(), WarehouseError> {
        if self.limit != bytes {
            set_memory(&self.connection, bytes)?;
            self.limit = bytes;
        }
        Ok(())
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.lock().asking -= 1;
    }
}

impl Drop for Flowing {
    fn drop(&mut self) {
        self.0.lock().flowing -= self.1;
    }
}
