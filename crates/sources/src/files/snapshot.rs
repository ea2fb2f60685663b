//! The files as they were when the folder was listed. A file that changes afterwards fails its table.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use forebay_core::explanation::{Asked, Explanation};
use forebay_core::source::{
    Checkpoint, ReadRequest, Snapshot, SourceError, SourceErrorKind, TableReader, TableRows,
};
use tokio::sync::mpsc;

use super::csv::Profiles;
use super::file::Halt;
use super::folder::Folder;
use super::gate;
use super::plan::{Plan, plan, refuse_sql};
use super::position::Position;
use super::table::Table;
use crate::stream::{self, Batch};

/// Does work that blocks off the async threads. Dropped, it asks the work to end.
pub(super) async fn off_thread<T: Send + 'static>(
    closed: Arc<AtomicBool>,
    work: impl FnOnce(&Halt) -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let halt = Halt { closed, dropped: Arc::default() };
    let _dropped = Dropped(Arc::clone(&halt.dropped));
    tokio::task::spawn_blocking(move || work(&halt)).await.map_err(|error| {
        let message = "reading the files broke off; a file may be damaged";
        SourceError::new(SourceErrorKind::Unreachable, message).caused_by(error)
    })?
}

pub(super) struct FilesSnapshot {
    folder: Arc<Folder>,
    profiles: Profiles,
    /// Set at the end: whatever still reads sees it and ends.
    closed: Arc<AtomicBool>,
}

impl FilesSnapshot {
    pub(super) async fn begin(path: PathBuf, profiles: Profiles) -> Result<Self, SourceError> {
        let folder = off_thread(Arc::default(), move |_| Folder::list(&path)).await?;
        Ok(Self { folder: Arc::new(folder), profiles, closed: Arc::default() })
    }
}

impl Drop for FilesSnapshot {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl Snapshot for FilesSnapshot {
    async fn read(&self, request: &ReadRequest) -> Result<TableReader, SourceError> {
        let (folder, profiles, request) = (Arc::clone(&self.folder), self.profiles.clone(), request.clone());
        let opened =
            off_thread(Arc::clone(&self.closed), move |halt| open(&folder, &profiles, &request, halt));
        let Some(opened) = opened.await? else { return Ok(TableReader::Unchanged) };
        let Opened { table, plan, checkpoint } = opened;
        let schema = table.schema(&plan.columns[..plan.wanted]);
        let (extent, notes) = (plan.extent, plan.notes.clone());
        let reader = Reader { table, plan, schema: Arc::clone(&schema) };
        let halt = Halt { closed: Arc::clone(&self.closed), dropped: Arc::default() };
        let batches =
            stream::lazy(move |sender| tokio::task::spawn_blocking(move || reader.run(&halt, &sender)));
        Ok(TableReader::Rows(TableRows { schema, key: Vec::new(), extent, batches, checkpoint, notes }))
    }

    async fn explain(&self, request: &ReadRequest) -> Result<Explanation, SourceError> {
        let (folder, profiles, request) = (Arc::clone(&self.folder), self.profiles.clone(), request.clone());
        let opened =
            off_thread(Arc::clone(&self.closed), move |halt| open(&folder, &profiles, &request, halt));
        let Some(Opened { table, plan, .. }) = opened.await? else {
            return Ok(Explanation { asked: Asked::Nothing, notes: Vec::new() });
        };
        let asked = Asked::Files { files: table.files(), conditions: plan.conditions(&table) };
        Ok(Explanation { asked, notes: plan.notes })
    }
}

struct Opened {
    table: Table,
    plan: Plan,
    checkpoint: Checkpoint,
}

/// Looks at a table; `None` when it is as it was at the checkpoint.
fn open(
    folder: &Folder,
    profiles: &Profiles,
    request: &ReadRequest,
    halt: &Halt,
) -> Result<Option<Opened>, SourceError> {
    let listed = folder.table(&request.table)?;
    refuse_sql(request)?;
    let earlier = request.delta.as_ref().and_then(|delta| Position::read(&delta.since.position));
    let types = earlier.as_ref().map(Position::types).unwrap_or_default();
    let table = Table::open(listed, profiles, &types, halt)?;
    let position = Position::of(&table, request, halt)?;
    if earlier.is_some_and(|earlier| position.shows_the_same_as(&earlier)) {
        return Ok(None);
    }
    let plan = plan(request, &table, halt)?;
    let checkpoint = Checkpoint { cursor: plan.newest.clone(), position: position.write()? };
    Ok(Some(Opened { table, plan, checkpoint }))
}

struct Reader {
    table: Table,
    plan: Plan,
    schema: SchemaRef,
}

impl Reader {
    fn run(self, halt: &Halt, sender: &mpsc::Sender<Batch>) {
        let sent = self.table.read(&self.plan.columns, halt, &mut |batch| {
            let rows = self.rows(batch)?;
            // A batch of which no row passes still looks whether somebody waits.
            let gone = if rows.num_rows() == 0 {
                sender.is_closed()
            } else {
                sender.blocking_send(Ok(rows)).is_err()
            };
            Ok(if gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        if let Err(error) = sent {
            // The reader may be gone; then nobody wants to know.
            drop(sender.blocking_send(Err(error)));
        }
    }

    /// The rows that pass, with the wanted columns.
    fn rows(&self, batch: RecordBatch) -> Result<RecordBatch, SourceError> {
        let wanted: Vec<usize> = (0..self.plan.wanted).collect();
        let rows = gate::passing(&self.plan.tests, batch).and_then(|rows| rows.project(&wanted));
        rows.and_then(|rows| rows.with_schema(Arc::clone(&self.schema))).map_err(|error| {
            SourceError::new(SourceErrorKind::Invalid, "the rows of a table cannot be compared")
                .caused_by(error)
        })
    }
}
