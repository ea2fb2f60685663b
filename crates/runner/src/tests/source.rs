//! A source that does as it is told: each read of a table gets the next answer laid out for it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use forebay_core::explanation::{Asked, Explanation};
use forebay_core::name::Identifier;
use forebay_core::source::{
    Checkpoint, CursorValue, Extent, ReadRequest, Snapshot, Source, SourceError, SourceErrorKind,
    SourceTable, TableReader, TableRows,
};
use futures::StreamExt;
use futures::stream;
use tokio::sync::{Barrier, Notify};

use super::house::identifier;

/// What a read gets.
pub(super) enum Answer {
    Rows(Rows),
    Unchanged,
    Refused(&'static str),
    /// The read never returns.
    Hangs,
}

/// How the rows of a read end.
pub(super) enum End {
    Well,
    Fails(&'static str),
    Hangs,
    /// After as many tables are open as the barrier wants.
    Together(Arc<Barrier>),
}

pub(super) struct Rows {
    pub(super) schema: SchemaRef,
    pub(super) key: Vec<Identifier>,
    pub(super) extent: Extent,
    pub(super) batches: Vec<RecordBatch>,
    pub(super) checkpoint: Checkpoint,
    pub(super) notes: Vec<String>,
    pub(super) end: End,
}

impl Rows {
    /// A whole table without a key.
    pub(super) fn whole(batch: RecordBatch) -> Self {
        Self {
            schema: batch.schema(),
            key: Vec::new(),
            extent: Extent::Whole,
            batches: vec![batch],
            checkpoint: Checkpoint { cursor: None, position: "p1".to_owned() },
            notes: Vec::new(),
            end: End::Well,
        }
    }

    /// What is new since the checkpoint.
    pub(super) fn changes(batch: RecordBatch) -> Self {
        Self { extent: Extent::Changes, ..Self::whole(batch) }
    }

    pub(super) fn key(mut self, columns: &[&str]) -> Self {
        self.key = columns.iter().map(|column| identifier(column)).collect();
        self
    }

    pub(super) fn cursor(mut self, column: &str, value: &str) -> Self {
        let cursor = CursorValue { column: identifier(column), value: value.to_owned() };
        self.checkpoint = Checkpoint { cursor: Some(cursor), position: String::new() };
        self
    }

    /// Lets the first load of a table be a whole one.
    pub(super) fn whole_if(mut self, first: bool) -> Self {
        if first {
            self.extent = Extent::Whole;
        }
        self
    }

    pub(super) fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    pub(super) fn note(mut self, note: &str) -> Self {
        self.notes.push(note.to_owned());
        self
    }
}

#[derive(Clone, Default)]
pub(super) struct FakeSource(Arc<State>);

#[derive(Default)]
struct State {
    answers: Mutex<HashMap<String, VecDeque<Answer>>>,
    offered: Mutex<Vec<SourceTable>>,
    reads: Mutex<Vec<ReadRequest>>,
    refuses_snapshots: Mutex<Option<&'static str>>,
    refuses_next: AtomicUsize,
    snapshots: AtomicUsize,
    discoveries: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    hanging: Notify,
}

impl FakeSource {
    /// Lays out the next answer for a table.
    pub(super) fn answer(&self, table: &str, answer: Answer) {
        self.0.answers.lock().unwrap().entry(table.to_owned()).or_default().push_back(answer);
    }

    pub(super) fn rows(&self, table: &str, rows: Rows) {
        self.answer(table, Answer::Rows(rows));
    }

    /// Lets `discover` tell of a table and its key.
    pub(super) fn offer(&self, table: SourceTable) {
        self.0.offered.lock().unwrap().push(table);
    }

    pub(super) fn refuse_snapshots(&self, why: &'static str) {
        *self.0.refuses_snapshots.lock().unwrap() = Some(why);
    }

    /// So many snapshots are refused from now on.
    pub(super) fn refuse_next_snapshots(&self, number: usize) {
        self.0.refuses_next.store(number, Ordering::SeqCst);
    }

    pub(super) fn reads(&self) -> Vec<ReadRequest> {
        self.0.reads.lock().unwrap().clone()
    }

    pub(super) fn snapshots(&self) -> usize {
        self.0.snapshots.load(Ordering::SeqCst)
    }

    /// How often tables and their keys were asked for.
    pub(super) fn discoveries(&self) -> usize {
        self.0.discoveries.load(Ordering::SeqCst)
    }

    /// The most tables that were open at one time.
    pub(super) fn most_open(&self) -> usize {
        self.0.most_open.load(Ordering::SeqCst)
    }

    /// Tables that are open now.
    pub(super) fn open(&self) -> usize {
        self.0.open.load(Ordering::SeqCst)
    }

    /// Resolves once something hangs.
    pub(super) async fn hangs(&self) {
        self.0.hanging.notified().await;
    }
}

#[async_trait]
impl Source for FakeSource {
    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }

    async fn discover(&self) -> Result<Vec<SourceTable>, SourceError> {
        self.0.discoveries.fetch_add(1, Ordering::SeqCst);
        Ok(self.0.offered.lock().unwrap().clone())
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, SourceError> {
        if let Some(why) = *self.0.refuses_snapshots.lock().unwrap() {
            return Err(SourceError::new(SourceErrorKind::Unreachable, why));
        }
        if self.0.refuses_next.load(Ordering::SeqCst) > 0 {
            self.0.refuses_next.fetch_sub(1, Ordering::SeqCst);
            return Err(SourceError::new(SourceErrorKind::Unreachable, "too many connections"));
        }
        self.0.snapshots.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Snapshot for FakeSource {
    /// When the next answer says so.
    fn is_unchanged(&self, request: &ReadRequest) -> bool {
        let answers = self.0.answers.lock().unwrap();
        let next = answers.get(request.table.name.as_str()).and_then(VecDeque::front);
        request.delta.is_some() && matches!(next, Some(Answer::Unchanged))
    }

    async fn read(&self, request: &ReadRequest) -> Result<TableReader, SourceError> {
        self.0.reads.lock().unwrap().push(request.clone());
        let answer =
            self.0.answers.lock().unwrap().get_mut(request.table.name.as_str()).and_then(VecDeque::pop_front);
        match answer.unwrap_or_else(|| panic!("no answer is laid out for {}", request.table)) {
            Answer::Unchanged => Ok(TableReader::Unchanged),
            Answer::Refused(why) => Err(SourceError::new(SourceErrorKind::Invalid, why)),
            Answer::Hangs => {
                self.0.hanging.notify_one();
                std::future::pending().await
            }
            Answer::Rows(rows) => Ok(TableReader::Rows(self.reader(rows))),
        }
    }

    /// A statement with the filters, and beside it the value to go on from.
    async fn explain(&self, request: &ReadRequest) -> Result<Explanation, SourceError> {
        self.0.reads.lock().unwrap().push(request.clone());
        let since = request.delta.iter().filter_map(|delta| delta.since.cursor.as_ref());
        let values: Vec<String> = since.map(|cursor| cursor.value.clone()).collect();
        let sql = format!("SELECT * FROM {} WHERE {}", request.table, request.filters.join(" AND "));
        let notes = values.iter().map(|value| format!("since {value}")).collect();
        Ok(Explanation { asked: Asked::Statement { sql, values, in_ranges: false }, notes })
    }
}

impl FakeSource {
    fn reader(&self, rows: Rows) -> TableRows {
        let guard = Open::new(&self.0);
        let state = Arc::clone(&self.0);
        let end = rows.end;
        let last = stream::once(async move {
            // Held until the stream is dropped or has ended.
            let _guard = guard;
            match end {
                End::Well => None,
                End::Fails(why) => Some(Err(SourceError::new(SourceErrorKind::Unreachable, why))),
                End::Hangs => {
                    state.hanging.notify_one();
                    std::future::pending().await
                }
                End::Together(barrier) => {
                    barrier.wait().await;
                    None
                }
            }
        });
        let batches =
            stream::iter(rows.batches.into_iter().map(Ok)).chain(last.filter_map(std::future::ready));
        TableRows {
            schema: rows.schema,
            key: rows.key,
            extent: rows.extent,
            batches: batches.boxed(),
            checkpoint: rows.checkpoint,
            notes: rows.notes,
        }
    }
}

/// Counts a table as open while it lives.
struct Open(Arc<State>);

impl Open {
    fn new(state: &Arc<State>) -> Self {
        let open = state.open.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_open.fetch_max(open, Ordering::SeqCst);
        Self(Arc::clone(state))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
