//! A load: rows wait until they are shown.
//!
//! Few rows wait in memory, and the transaction that shows them stages them as well, or makes the target of
//! them where it is replaced: a small table costs one transaction, and small tables of one run that are replaced share
//! it. As soon as a row group is full, rows are staged while more of them come: the staging table is made and filled in
//! one transaction, which is open as long as the rows come: nobody sees it, a load that is dropped leaves nothing, and
//! rows are written straight into the file without a sync for each batch. The commit ends that transaction and shows the rows in a second one, which sees the target
//! as it is then and not as it was when the load began.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use duckdb::Connection;
use forebay_core::source::Checkpoint;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    CHANGE_DATE_COLUMN, Key, LoadReport, LoadSpec, TableLoad, WarehouseError, WriteMode,
};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::claims::Shows;
use crate::duckdb::make_schemas;
use crate::error::{internal, invalid};
use crate::feed::{Coming, Piece, ends};
use crate::fold::fold_if_long;
use crate::memory::{Asking, LONG, Memory};
use crate::names::same;
use crate::session::{Halt, Session};
use crate::show::{Staged, run, show};
use crate::staging::Staging;
use crate::together::{is_small_replacement, show_together};

/// The rows of a row group of the engine.
const PIECE_ROWS: usize = 122_880;
/// The bytes after which a piece is full with fewer rows.
const PIECE_BYTES: usize = 32 << 20;
/// How many full pieces wait until a thread of the engine has time for them.
const WAITING: usize = 1;

pub(crate) struct Load {
    spec: LoadSpec,
    staging: Staging,
    shows: Arc<Shows>,
    /// The piece that is not full yet.
    piece: Piece,
    piece_rows: usize,
    piece_bytes: usize,
    rows: u64,
    memory: Arc<Memory>,
    /// All memory of the engine, once a long value has come.
    asking: Option<Asking>,
    stage: Stage,
}

enum Stage {
    /// All rows so far are in the first piece.
    Waiting(Session),
    Flowing(Flow),
    /// An error ended it.
    Ended,
}

/// Stages pieces while others come.
struct Flow {
    pieces: mpsc::Sender<Piece>,
    task: JoinHandle<Result<Session, WarehouseError>>,
}

impl Drop for Flow {
    /// The statement that runs is interrupted.
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Load {
    pub(crate) fn begin(
        session: Session,
        mut spec: LoadSpec,
        shows: Arc<Shows>,
    ) -> Result<Self, WarehouseError> {
        check(&mut spec)?;
        shows.check(spec.claim)?;
        let staging = Staging::of(&spec)?;
        let memory = Arc::clone(&session.instance()?.memory);
        Ok(Self {
            spec,
            staging,
            shows,
            memory,
            asking: None,
            piece: Piece::new(),
            piece_rows: 0,
            piece_bytes: 0,
            rows: 0,
            stage: Stage::Waiting(session),
        })
    }

    /// Sees to it that the longest value of a batch can be taken.
    fn make_room(&mut self, rows: &RecordBatch) -> Result<(), WarehouseError> {
        for (column, field) in rows.columns().iter().zip(rows.schema_ref().fields()) {
            let lengths =
                ends(column).into_iter().flat_map(|ends| ends.windows(2)).map(|ends| ends[1] - ends[0]);
            let longest = lengths.max().unwrap_or(0).unsigned_abs();
            let most = self.memory.longest_value();
            if u64::from(longest) > most {
                return Err(invalid(format!(
                    "{}.{}: a value of {longest} bytes is too long, {most} bytes fit into the pool's memory; leave the column or the row out, or start the server with more memory for each pool (--memory-mib)",
                    self.spec.table.name,
                    field.name()
                )));
            }
            if longest as usize > LONG && self.asking.is_none() {
                self.asking = Some(self.memory.ask()?);
            }
        }
        Ok(())
    }

    /// Hands the piece over for staging, and waits while too many others are there.
    async fn stage_piece(&mut self) -> Result<(), WarehouseError> {
        if let Stage::Waiting(_) = self.stage {
            let Stage::Waiting(session) = std::mem::replace(&mut self.stage, Stage::Ended) else {
                return Err(ended());
            };
            self.stage = Stage::Flowing(self.flow(session)?);
        }
        let Stage::Flowing(flow) = &mut self.stage else { return Err(ended()) };
        (self.piece_rows, self.piece_bytes) = (0, 0);
        if flow.pieces.send(std::mem::take(&mut self.piece)).await.is_ok() {
            return Ok(());
        }
        // It takes nothing more: it failed, and says why.
        let Stage::Flowing(flow) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            return Err(ended());
        };
        flow.end().await.map(drop).and(Err(ended()))
    }

    /// Starts to stage.
    fn flow(&self, mut session: Session) -> Result<Flow, WarehouseError> {
        // Pieces side by side get mixed, and the last of equal keys must be the one that came last.
        let mixed = self.spec.mode.only_replaces();
        let (sender, receiver) = mpsc::channel::<Piece>(WAITING);
        let coming: Coming = Arc::new(Mutex::new(receiver));
        let staging = self.staging.clone();
        let (claim, shows) = (self.spec.claim, Arc::clone(&self.shows));
        let flowing = session.instance()?.memory.flow(self.spec.columns.fields().len() + 1);
        let task = tokio::spawn(async move {
            let _flowing = flowing;
            let never = Stop::never();
            let table = staging.clone();
            session
                .run(&never, move |connection, halt| {
                    if mixed {
                        crate::confine::forget_order(connection)?;
                    }
                    make_schemas(connection, halt, std::slice::from_ref(&table.table.schema), claim, &shows)?;
                    run(connection, "BEGIN TRANSACTION")?;
                    table.make(connection)
                })
                .await?;
            loop {
                let Some(first) = coming.lock().await.recv().await else { break };
                let (table, more) = (staging.clone(), mixed.then(|| Arc::clone(&coming)));
                session.run(&never, move |connection, _| table.fill(connection, first, more)).await?;
            }
            Ok(session)
        });
        Ok(Flow { pieces: sender, task })
    }
}

impl Flow {
    /// Waits until all pieces are staged.
    async fn end(mut self) -> Result<Session, WarehouseError> {
        // Closes the channel: this sender goes, and there is no other.
        self.pieces = mpsc::channel(1).0;
        match (&mut self.task).await {
            Ok(done) => done,
            Err(error) => Err(internal("staging rows ended in a panic").caused_by(error)),
        }
    }
}

fn ended() -> WarehouseError {
    internal("the load has ended with an error before")
}

#[async_trait]
impl TableLoad for Load {
    async fn append(&mut self, rows: RecordBatch) -> Result<(), WarehouseError> {
        let rows = self.staging.batch(&rows)?;
        self.make_room(&rows)?;
        let total = rows.num_rows();
        let bytes = rows.get_array_memory_size();
        self.rows += total as u64;
        let mut taken = 0;
        while taken < total {
            let more = (PIECE_ROWS - self.piece_rows).min(total - taken);
            self.piece.push(rows.slice(taken, more));
            self.piece_rows += more;
            self.piece_bytes += bytes / total * more;
            taken += more;
            if self.piece_rows >= PIECE_ROWS || self.piece_bytes >= PIECE_BYTES {
                self.stage_piece().await?;
            }
        }
        Ok(())
    }

    async fn commit(
        mut self: Box<Self>,
        rows_read: u64,
        checkpoint: &Checkpoint,
        stop: &Stop,
    ) -> Result<LoadReport, WarehouseError> {
        if rows_read != self.rows {
            return Err(internal(format!(
                "{}: {rows_read} rows were read and {} were staged, so nothing was shown; run it again and report this",
                self.spec.table.name, self.rows
            )));
        }
        if let Stage::Flowing(_) = self.stage
            && !self.piece.is_empty()
        {
            self.stage_piece().await?;
        }
        let (mut session, waiting) = match self.stage {
            Stage::Waiting(session) => (session, Some(self.piece)),
            Stage::Flowing(flow) => (unless_stopped(stop, flow.end()).await?, None),
            Stage::Ended => return Err(ended()),
        };
        let staged = Staged {
            spec: self.spec,
            staging: self.staging,
            waiting,
            rows: self.rows,
            checkpoint: checkpoint.clone(),
        };
        // Rows that only replace others are not looked at again.
        let asking = match staged.spec.mode {
            WriteMode::Replace => None,
            WriteMode::Append | WriteMode::Merge { .. } | WriteMode::Patch(_) => {
                Some(session.instance()?.memory.ask()?)
            }
        };
        let shows = self.shows;
        let work = move |connection: &Connection, halt: &Halt| {
            let _asking = asking;
            match is_small_replacement(&staged) {
                true => show_together(connection, halt, &shows, staged),
                false => show(connection, halt, &shows, &staged),
            }
        };
        let shown = session.run(stop, work).await;
        fold_if_long(session);
        shown
    }
}

/// Waits for the end of staging, unless the stop is asked for.
async fn unless_stopped<T>(
    stop: &Stop,
    work: impl Future<Output = Result<T, WarehouseError>>,
) -> Result<T, WarehouseError> {
    tokio::select! {
        done = work => done,
        () = stop.requested() => Err(crate::error::canceled()),
    }
}

/// Checks what the caller must have right, and forgets an order that the rows do not have.
fn check(spec: &mut LoadSpec) -> Result<(), WarehouseError> {
    let has = |name: &str| spec.columns.fields().iter().any(|field| same(field.name(), name));
    if has(CHANGE_DATE_COLUMN) {
        return Err(invalid(format!(
            "{}: the column {CHANGE_DATE_COLUMN} is the pool's own; leave it out or rename it in a view at the source",
            spec.table.name
        )));
    }
    let (key, order, removal) = match &mut spec.mode {
        WriteMode::Replace | WriteMode::Append => return Ok(()),
        WriteMode::Merge { key, order } => (Some(&*key), order, None),
        WriteMode::Patch(patch) => (patch.key.as_ref(), &mut patch.order, patch.removal.as_ref()),
    };
    if removal.is_some() && key.is_none() {
        return Err(invalid(format!("{}: rows are removed by key, and there is none", spec.table.name)));
    }
    let named = key.into_iter().flat_map(Key::columns).chain(removal);
    if let Some(lost) = named.into_iter().find(|column| !has(column.as_str())) {
        let name = &spec.table.name;
        return Err(invalid(format!("{name}: the key column {lost} is not among the rows' columns")));
    }
    *order = order.take().filter(|column| has(column.as_str()));
    Ok(())
}
