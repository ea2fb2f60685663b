//! Hands rows to the engine: a table function of ours that its threads pull vectors from.
//!
//! An `INSERT … SELECT` from it is the fastest way into the engine that was found (docs/decisions/0009).
//! Rows come in pieces of one row group each. A thread that has begun a piece takes all of it, so every
//! row group that a thread writes is whole.
//!
//! A statement goes on with the pieces that come while it runs. A thread that has nothing to do waits a
//! moment for the next one: the engine's own way to wait is to ask for work without a pause. It does not
//! wait longer, because a thread of the engine that waited for a slow source would be missing to everybody
//! else in the pool; then the statement ends, and the next piece begins another one.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use duckdb::Connection;
use duckdb::core::{DataChunkHandle, LogicalTypeHandle, LogicalTypeId};
use duckdb::vtab::{
    BindInfo, InitInfo, TableFunctionInfo, VTab, record_batch_to_duckdb_data_chunk,
    to_duckdb_logical_type_for_field,
};
use forebay_core::warehouse::WarehouseError;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::failed;
use crate::names::OWN_SCHEMA;

/// The most rows of a vector of the engine.
const VECTOR: usize = 2048;
/// The most bytes of long values in one, as far as one row has not more. Each is copied into memory of the engine, and
/// an engine that has not enough for it then cannot say so: it ends its process.
const VECTOR_BYTES: usize = 1 << 20;

/// How long a thread waits for a piece while no other has one.
const IDLE: Duration = Duration::from_millis(50);
/// How long it does while another is at work, which then is about to end: more than a piece takes.
const BUSY: Duration = Duration::from_secs(1);
/// How often it looks whether the others are at work still.
const LOOK: Duration = Duration::from_millis(5);

/// The rows of one row group, or of less.
pub(crate) type Piece = Vec<RecordBatch>;

/// The pieces that come after the first one, until whoever sends them goes away.
pub(crate) type Coming = Arc<tokio::sync::Mutex<mpsc::Receiver<Piece>>>;

/// Rows that one statement may read until this is dropped. What it has read is let go of at once.
pub(crate) struct Feed {
    token: u64,
    offered: Arc<Offered>,
}

/// What the function reads.
struct Offered {
    /// The columns' names, and the types that the engine shall see.
    columns: SchemaRef,
    progress: Mutex<Progress>,
    /// Where more comes from, and what waits for it.
    coming: Option<(Handle, Coming)>,
}

// Whoever knows a token may read its rows: tokens are hard to guess, and no SQL of a user may say the
// function's name.
static OFFERED: LazyLock<Mutex<HashMap<u64, Arc<Offered>>>> = LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// Offers a piece, and what comes while it is read: in any order then, by several threads. In the
    /// runtime that `coming` belongs to. `columns` are the types that the engine shall see: a batch may
    /// hold a decimal as the integer that the engine keeps it as.
    pub(crate) fn new(columns: SchemaRef, first: Piece, coming: Option<Coming>) -> Self {
        let token = uuid::Uuid::new_v4().as_u64_pair().0;
        let progress = Progress { first: Some(first), ..Progress::default() };
        let offered = Arc::new(Offered {
            columns,
            progress: Mutex::new(progress),
            coming: coming.map(|coming| (Handle::current(), coming)),
        });
        lock(&OFFERED).insert(token, Arc::clone(&offered));
        Self { token, offered }
    }

    /// What to read from.
    pub(crate) fn sql(&self) -> String {
        format!("{OWN_SCHEMA}_rows({}::UBIGINT)", self.token)
    }

    /// How many rows were handed over.
    pub(crate) fn handed_over(&self) -> usize {
        lock(&self.offered.progress).rows
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
#[derive(Default)]
struct Progress {
    first: Option<Piece>,
    /// The rest of the piece of each thread that has one.
    begun: HashMap<ThreadId, VecDeque<RecordBatch>>,
    /// How many rows were handed over.
    rows: usize,
    /// Nothing new is begun any more.
    is_over: bool,
}

impl Progress {
    /// The next rows of the piece that the calling thread has begun; `None` once it is at its end.
    fn go_on(&mut self) -> Option<RecordBatch> {
        let thread = thread::current().id();
        let own = self.begun.get_mut(&thread)?;
        let Some(batch) = own.pop_front() else {
            self.begun.remove(&thread);
            return None;
        };
        let rows = rows_of_vector(&batch);
        if rows < batch.num_rows() {
            own.push_front(batch.slice(rows, batch.num_rows() - rows));
        }
        self.rows += rows;
        Some(batch.slice(0, rows))
    }

    fn begin(&mut self, piece: Piece) -> Option<RecordBatch> {
        self.begun.insert(thread::current().id(), piece.into());
        self.go_on()
    }
}

/// How many rows of a batch go into one vector.
fn rows_of_vector(batch: &RecordBatch) -> usize {
    let mut rows = batch.num_rows().min(VECTOR);
    let ends: Vec<&[i32]> = batch.columns().iter().filter_map(ends).collect();
    while rows > 1 && ends.iter().map(|ends| (ends[rows] - ends[0]) as usize).sum::<usize>() > VECTOR_BYTES {
        rows /= 2;
    }
    rows
}

/// Where each value of a column begins and ends whose values have no length in common.
pub(crate) fn ends(column: &ArrayRef) -> Option<&[i32]> {
    match column.data_type() {
        DataType::Utf8 => Some(column.as_string::<i32>().value_offsets()),
        DataType::Binary => Some(column.as_binary::<i32>().value_offsets()),
        _ => None,
    }
}

impl Offered {
    /// The next rows for the calling thread; `None` when there is nothing for it to do.
    fn next(&self) -> Option<RecordBatch> {
        {
            let mut progress = lock(&self.progress);
            if let Some(rows) = progress.go_on() {
                return Some(rows);
            }
            if let Some(first) = progress.first.take() {
                return progress.begin(first);
            }
        }
        let (runtime, coming) = self.coming.as_ref()?;
        let piece = runtime.block_on(self.wait(coming))?;
        lock(&self.progress).begin(piece)
    }

    /// Waits for the next piece, one thread after the other.
    async fn wait(&self, coming: &Coming) -> Option<Piece> {
        let mut coming = coming.lock().await;
        let began = Instant::now();
        loop {
            if lock(&self.progress).is_over {
                return None;
            }
            if let Ok(piece) = tokio::time::timeout(LOOK, coming.recv()).await {
                return piece;
            }
            let mut progress = lock(&self.progress);
            let patience = if progress.begun.is_empty() { IDLE } else { BUSY };
            progress.is_over = began.elapsed() >= patience;
        }
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
        Ok(offered)
    }

    fn init(init: &InitInfo) -> Result<Self::InitData, Box<dyn Error>> {
        // The engine does not use more than it has.
        init.set_max_threads(u64::MAX);
        Ok(())
    }

    fn func(function: &TableFunctionInfo<Self>, output: &mut DataChunkHandle) -> Result<(), Box<dyn Error>> {
        match function.get_bind_data().next() {
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

#[cfg(test)]
mod tests;
