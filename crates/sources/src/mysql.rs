//! MySQL and MariaDB: rows in their binary form, by several connections that see one moment, and deltas by a cursor
//! that stays behind what is still open.
//!
//! The protocol is spoken here, without a driver: what a statement gives is decoded where it lies in the buffer of
//! the socket. Nothing is ever written to the server, and no file of this machine is ever sent to it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use forebay_core::check::Step;
use forebay_core::connection::MysqlConfig;
use forebay_core::explanation::{Asked, Explanation};
use forebay_core::source::{
    ReadRequest, Snapshot, Source, SourceError, SourceErrorKind, SourceTable, TableReader, TableRows,
};
use futures::stream::BoxStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use catalog::Relation;
use delta::{Cursor, Plan, Position};
use limit::Limit;
use link::Link;
use moment::{Oldest, Opened};
use pool::{Lease, Pool};
use query::Selection;
use rows::{Decoder, Shape};

use crate::stream::{self, Batch};

mod catalog;
mod decode;
mod delta;
mod discover;
mod fault;
mod limit;
mod link;
mod login;
mod moment;
mod payload;
mod pool;
mod query;
mod ranges;
mod rows;
mod scramble;
mod session;
mod texts;
mod types;
mod wire;

/// One database of a MySQL or MariaDB server.
pub(crate) struct Mysql {
    link: Link,
    limit: Arc<Limit>,
}

impl Mysql {
    /// A source for these settings; nothing is reached yet. Up to `connections` connections read at a time, over all
    /// jobs; a snapshot has as many, which its tables share.
    pub(crate) fn new(config: MysqlConfig, connections: usize) -> Self {
        let limit = Limit::of(&config, connections.max(1));
        Self { link: Link::new(config), limit }
    }
}

#[async_trait]
impl Source for Mysql {
    async fn check(&self) -> Result<(), SourceError> {
        let checked = self.link.session().await?.run("checking", "SELECT 1").await;
        checked.map_err(|error| error.or_at(Step::Session))
    }

    async fn discover(&self) -> Result<Vec<SourceTable>, SourceError> {
        discover::tables(&mut self.link.session().await?, &self.link.config().database).await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, SourceError> {
        let Opened { sessions, oldest, notes } = moment::open(&self.link, self.limit.connections()).await?;
        let (alive, _) = watch::channel(());
        let connections = sessions.len();
        let pool = Pool::new(sessions, Arc::clone(&self.limit));
        Ok(Box::new(View { link: self.link.clone(), pool, connections, oldest, notes, alive }))
    }
}

/// Connections that see one moment.
struct View {
    link: Link,
    pool: Arc<Pool>,
    connections: usize,
    oldest: Option<Oldest>,
    notes: Vec<String>,
    /// Dropped with the view: every stream that still runs sees it and ends.
    alive: watch::Sender<()>,
}

impl Drop for View {
    fn drop(&mut self) {
        self.pool.close();
    }
}

#[async_trait]
impl Snapshot for View {
    async fn read(&self, request: &ReadRequest) -> Result<TableReader, SourceError> {
        let mut lease = self.pool.take().await?;
        let session = lease.session()?;
        let config = self.link.config();
        let relation = catalog::describe(session, &request.table, &config.database).await?;
        let planned = self.planned(session, request, &relation).await?;
        let notes = self.notes_of(&planned, request);
        let Planned { cursor, selection, reading, plan } = planned;
        let oldest = self.oldest.as_ref();
        let checkpoint = delta::checkpoint(session, request, &relation, cursor, &reading, oldest).await?;
        let statements = match &plan.condition {
            Some(_) => vec![selection.statement(&plan)],
            None => ranges::statements(session, &relation, &selection, self.connections).await?,
        };
        let shape = Shape::new(&request.table.to_string(), &selection.columns);
        self.try_first(session, &shape, &statements).await?;
        let schema = shape.schema.clone();
        let batches = self.batches(lease, shape, statements);
        let key = relation.key;
        Ok(TableReader::Rows(TableRows { schema, key, extent: plan.extent, batches, checkpoint, notes }))
    }

    async fn explain(&self, request: &ReadRequest) -> Result<Explanation, SourceError> {
        let mut lease = self.pool.take().await?;
        let session = lease.session()?;
        let relation = catalog::describe(session, &request.table, &self.link.config().database).await?;
        let planned = self.planned(session, request, &relation).await?;
        let sql = planned.selection.statement(&planned.plan);
        let in_ranges = planned.plan.condition.is_none() && self.connections > 1;
        let asked = Asked::Statement { sql, values: Vec::new(), in_ranges };
        Ok(Explanation { asked, notes: self.notes_of(&planned, request) })
    }
}

/// What a request comes to, before anything is read.
struct Planned<'a> {
    cursor: Option<Cursor<'a>>,
    selection: Selection<'a>,
    reading: Position,
    plan: Plan,
}

impl View {
    /// Decides what is asked for, and lets the server look at each condition.
    async fn planned<'a>(
        &self,
        session: &mut session::Session,
        request: &ReadRequest,
        relation: &'a Relation,
    ) -> Result<Planned<'a>, SourceError> {
        let config = self.link.config();
        let cursor = delta::cursor(request, relation)?;
        let selection = query::selection(request, relation)?;
        for condition in &selection.conditions {
            condition.check(session, relation).await?;
        }
        let server = format!("{}:{}", config.host, config.port);
        let reading = Position::new(&server, relation, &selection.columns);
        let plan = delta::plan(session, request, relation, cursor, &reading, self.oldest.as_ref()).await?;
        Ok(Planned { cursor, selection, reading, plan })
    }

    /// What the user should know about how the table is read.
    fn notes_of(&self, planned: &Planned<'_>, request: &ReadRequest) -> Vec<String> {
        let mut notes = self.notes.clone();
        notes.extend(planned.plan.notes.iter().cloned());
        notes.extend(planned.selection.notes(request));
        notes
    }

    /// Lets the server look at the statement, so that what is wrong with it is known before the first row.
    async fn try_first(
        &self,
        session: &mut session::Session,
        shape: &Shape,
        statements: &[String],
    ) -> Result<(), SourceError> {
        let Some(first) = statements.first() else { return Ok(()) };
        let doing = format!("opening table {}", shape.table);
        let failed = |failure| fault::query(&doing, failure);
        let prepared = session.prepare(first).await.map_err(failed)?;
        shape.fits(&prepared)?;
        session.close(&prepared).await.map_err(failed)
    }

    /// Reads as fast as the batches are taken, until whoever takes them or the snapshot goes away. The first session
    /// works until nothing is left; others help with one statement at a time, as they are free.
    fn batches(&self, first: Lease, shape: Shape, statements: Vec<String>) -> BoxStream<'static, Batch> {
        let work = Arc::new(Work::new(shape, statements, Arc::clone(&self.pool)));
        let helpers = self.connections - 1;
        let mut alive = self.alive.subscribe();
        stream::lazy(move |sender| {
            tokio::spawn(async move {
                let doing = format!("reading table {}", work.shape.table);
                let outcome = tokio::select! {
                    () = sender.closed() => return,
                    _ = alive.changed() => Err(SourceError::new(
                        SourceErrorKind::Unreachable,
                        format!("The snapshot was closed while {doing}"),
                    )),
                    outcome = work.done(first, helpers, &sender) => outcome,
                };
                if let Err(error) = outcome {
                    // The reader may be gone; then nobody wants to know.
                    drop(sender.send(Err(error)).await);
                }
            })
        })
    }
}

/// The statements of one table that are still to be read.
struct Work {
    shape: Shape,
    statements: Mutex<VecDeque<String>>,
    /// Turns true when none is left.
    all_taken: watch::Sender<bool>,
    pool: Arc<Pool>,
}

impl Work {
    fn new(shape: Shape, statements: Vec<String>, pool: Arc<Pool>) -> Self {
        let (all_taken, _) = watch::channel(statements.is_empty());
        Self { shape, statements: Mutex::new(statements.into()), all_taken, pool }
    }

    /// All of it. Ended early, the helpers end, too.
    async fn done(
        self: &Arc<Self>,
        first: Lease,
        helpers: usize,
        sender: &mpsc::Sender<Batch>,
    ) -> Result<(), SourceError> {
        let mut workers = JoinSet::new();
        let helpers = helpers.min(self.count().saturating_sub(1));
        let (work, to) = (Arc::clone(self), sender.clone());
        workers.spawn(async move { work.alone(first, &to).await });
        for _ in 0..helpers {
            let (work, to) = (Arc::clone(self), sender.clone());
            workers.spawn(async move { work.help(&to).await });
        }
        while let Some(ended) = workers.join_next().await {
            ended.map_err(|error| {
                let text = format!("reading table {} broke off", self.shape.table);
                SourceError::new(SourceErrorKind::Unreachable, text).caused_by(error)
            })??;
        }
        Ok(())
    }

    /// One session reads until nothing is left.
    async fn alone(&self, mut lease: Lease, sender: &mpsc::Sender<Batch>) -> Result<(), SourceError> {
        let mut decoder = Decoder::new(self.shape.clone());
        while let Some(statement) = self.next() {
            self.read(&mut lease, &statement, &mut decoder, sender).await?;
        }
        drop(lease);
        decoder.send(sender).await
    }

    /// Reads one statement at a time on whatever session is free, so that other tables get their turns.
    async fn help(&self, sender: &mpsc::Sender<Batch>) -> Result<(), SourceError> {
        let mut decoder = Decoder::new(self.shape.clone());
        let mut all_taken = self.all_taken.subscribe();
        loop {
            let mut lease = tokio::select! {
                biased;
                _ = all_taken.wait_for(|all_taken| *all_taken) => break,
                lease = self.pool.take() => lease?,
            };
            let Some(statement) = self.next() else { break };
            self.read(&mut lease, &statement, &mut decoder, sender).await?;
        }
        decoder.send(sender).await
    }

    async fn read(
        &self,
        lease: &mut Lease,
        statement: &str,
        decoder: &mut Decoder,
        sender: &mpsc::Sender<Batch>,
    ) -> Result<(), SourceError> {
        let doing = format!("reading table {}", self.shape.table);
        let failed = |failure| fault::query(&doing, failure);
        let session = lease.session()?;
        let prepared = session.prepare(statement).await.map_err(failed)?;
        self.shape.fits(&prepared)?;
        session.execute(&prepared).await.map_err(failed)?;
        decoder.read(session, sender).await?;
        session.close(&prepared).await.map_err(failed)
    }

    fn next(&self) -> Option<String> {
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        let next = statements.pop_front();
        self.all_taken.send_replace(statements.is_empty());
        next
    }

    fn count(&self) -> usize {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
