//! Hands rows to the engine: a table function of ours that its threads pull vectors from.
//!
//! An `INSERT … SELECT` from it is the fastest way into the engine that was found (docs/decisions/0009).
//! Rows come in pieces of one row group each. A thread that has begun a piece takes all of it, so every
//! row group that a thread writes is whole. Nothing here waits: a thread of the engine that waited for a
//! slow source would be missing to everybody else in the pool.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use duckdb::Connection;
use duckdb::core::{DataChunkHandle, LogicalTypeHandle, LogicalTypeId};
use duckdb::vtab::{
    BindInfo, InitInfo, TableFunctionInfo, VTab, record_batch_to_duckdb_data_chunk,
    to_duckdb_logical_type_for_field,
};
use forebay_core::warehouse::WarehouseError;

use crate::error::failed;
use crate::names::OWN_SCHEMA;

/// The most rows of a vector of the engine.
const VECTOR: usize = 2048;

/// The rows of one row group, or of less.
pub(crate) type Piece = Vec<RecordBatch>;

/// Rows that one statement may read until this is dropped. What it has read is let go of at once.
pub(crate) struct Feed {
    token: u64,
}

/// What the function reads.
struct Offered {
    /// The columns' names, and the types that the engine shall see.
    columns: SchemaRef,
    rows: usize,
    progress: Mutex<Progress>,
}

// Whoever knows a token may read its rows: tokens are hard to guess, and no SQL of a user may say the
// function's name.
static OFFERED: LazyLock<Mutex<HashMap<u64, Arc<Offered>>>> = LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// Offers rows. `columns` are the types that the engine shall see: a batch may hold a decimal as the
    /// integer that the engine keeps it as.
    pub(crate) fn new(columns: SchemaRef, pieces: Vec<Piece>) -> Self {
        let token = uuid::Uuid::new_v4().as_u64_pair().0;
        let rows = pieces.iter().flatten().map(RecordBatch::num_rows).sum();
        let progress = Mutex::new(Progress { free: pieces.into(), begun: HashMap::new() });
        lock(&OFFERED).insert(token, Arc::new(Offered { columns, rows, progress }));
        Self { token }
    }

    /// What to read from.
    pub(crate) fn sql(&self) -> String {
        format!("{OWN_SCHEMA}_rows({}::UBIGINT)", self.token)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let gone = lock(&OFFERED).remove(&self.token);
        // The rows are freed after the lock.
        drop(gone);
    }
}

/// Makes the function known to an engine.
pub(crate) fn register(connection: &Connection) -> Result<(), WarehouseError> {
    connection.register_table_function::<RowsFunction>(&format!("{OWN_SCHEMA}_rows")).map_err(failed)
}

struct RowsFunction;

/// Where a statement is.
struct Progress {
    free: VecDeque<Piece>,
    begun: HashMap<ThreadId, VecDeque<RecordBatch>>,
}

impl Progress {
    /// The next rows of the piece that the calling thread has begun, or the first of another one.
    fn next(&mut self) -> Option<RecordBatch> {
        let own = self.begun.entry(thread::current().id()).or_default();
        if own.is_empty() {
            *own = self.free.pop_front()?.into();
        }
        let batch = own.pop_front()?;
        let rows = batch.num_rows();
        if rows > VECTOR {
            own.push_front(batch.slice(VECTOR, rows - VECTOR));
        }
        Some(batch.slice(0, rows.min(VECTOR)))
    }
}

impl VTab for RowsFunction {
    type BindData = Arc<Offered>;
    type InitData = ();

    fn bind(bind: &BindInfo) -> Result<Self::BindData, Box<dyn Error>> {
        let offered = lock(&OFFERED).get(&bind.get_parameter(0).to_uint64()).cloned();
        let offered = offered.ok_or("no rows are offered under this number")?;
        for field in offered.columns.fields() {
            bind.add_result_column(field.name(), to_duckdb_logical_type_for_field(field)?);
        }
        bind.set_cardinality(offered.rows as u64, true);
        Ok(offered)
    }

    fn init(init: &InitInfo) -> Result<Self::InitData, Box<dyn Error>> {
        // The engine does not use more than it has.
        init.set_max_threads(u64::MAX);
        Ok(())
    }

    fn func(function: &TableFunctionInfo<Self>, output: &mut DataChunkHandle) -> Result<(), Box<dyn Error>> {
        let vector = lock(&function.get_bind_data().progress).next();
        match vector {
            Some(rows) => record_batch_to_duckdb_data_chunk(&rows, output),
            None => {
                output.set_len(0);
                Ok(())
            }
        }
    }

    fn parameters() -> Option<Vec<LogicalTypeHandle>> {
        Some(vec![LogicalTypeHandle::from(LogicalTypeId::UBigint)])
    }
}
