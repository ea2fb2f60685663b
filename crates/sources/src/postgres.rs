//! PostgreSQL: binary COPY under one exported snapshot, and deltas by transaction id, so that rows of
//! transactions that commit late are not lost.

use async_trait::async_trait;
use forebay_core::connection::PostgresqlConfig;
use forebay_core::source::{
    ReadRequest, Snapshot, Source, SourceError, SourceErrorKind, SourceTable, TableReader, TableRows,
};
use futures::stream::BoxStream;
use tokio::sync::watch;

use catalog::Relation;
use checkpoint::{Point, Reading};
use copy::Decoder;
use delta::Plan;
use link::{Link, Session};
use moment::Moment;
use pulse::Pulse;

use crate::stream;

mod catalog;
mod checkpoint;
mod copy;
mod decode;
mod delta;
mod discover;
mod fault;
mod link;
mod moment;
mod numeric;
mod pulse;
mod query;
mod tls;
mod types;

/// One PostgreSQL database.
pub(crate) struct Postgres {
    link: Link,
}

impl Postgres {
    /// A source for these settings; nothing is reached yet.
    pub(crate) fn new(config: PostgresqlConfig) -> Self {
        Self { link: Link::new(config) }
    }
}

#[async_trait]
impl Source for Postgres {
    async fn check(&self) -> Result<(), SourceError> {
        let mut session = self.link.session().await?;
        session.client().simple_query("SELECT 1").await.map_err(|error| fault::query("checking", error))?;
        session.rest();
        Ok(())
    }

    async fn discover(&self) -> Result<Vec<SourceTable>, SourceError> {
        let mut session = self.link.session().await?;
        let tables = discover::tables(session.client()).await?;
        session.rest();
        Ok(tables)
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, SourceError> {
        let mut session = self.link.session().await?;
        let (moment, exported) = moment::open(session.client(), self.link.config()).await?;
        session.rest();
        let (alive, _) = watch::channel(());
        Ok(Box::new(View { link: self.link.clone(), _coordinator: session, exported, moment, alive }))
    }
}

/// An exported snapshot. The coordinator's transaction keeps it importable.
struct View {
    link: Link,
    _coordinator: Session,
    exported: String,
    moment: Moment,
    /// Dropped with the view: every stream that still runs sees it and ends.
    alive: watch::Sender<()>,
}

impl View {
    /// Lets a session see this snapshot.
    async fn join(&self, session: &Session) -> Result<(), SourceError> {
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
            query::literal(&self.exported)
        );
        session.client().batch_execute(&begin).await.map_err(|error| {
            let text =
                "joining the snapshot of the extraction, whose connection may have ended; run the job again";
            let error = fault::query(text, error);
            // Unknown only because its owner is gone.
            SourceError { kind: SourceErrorKind::Unreachable, ..error }
        })
    }
}

#[async_trait]
impl Snapshot for View {
    async fn read(&self, request: &ReadRequest) -> Result<TableReader, SourceError> {
        let session = self.link.session().await?;
        let pulse = Pulse::of(&self.link, &session);
        let doing = format!("opening table {}", request.table);
        pulse.watch(&doing, self.open(session, request)).await?
    }
}

impl View {
    /// Opens one table on a session of its own.
    async fn open(&self, mut session: Session, request: &ReadRequest) -> Result<TableReader, SourceError> {
        self.join(&session).await?;
        let relation = catalog::describe(session.client(), &request.table).await?;
        let cursor = delta::cursor(request, &relation)?;
        let selection = query::selection(request, &relation)?;
        let reading = Reading::new(&relation, &selection.columns, &selection.conditions);
        catalog::hold(session.client(), &relation).await?;
        for condition in &selection.conditions {
            condition.check(session.client(), &relation).await?;
        }

        let point = Point { moment: &self.moment, relation: &relation, cursor };
        let (condition, extent, mut notes) =
            match delta::plan(session.client(), request, point, &reading).await? {
                Plan::Unchanged => {
                    session.rest();
                    return Ok(TableReader::Unchanged);
                }
                Plan::Read { condition, extent, notes } => (condition, extent, notes),
            };
        notes.extend(selection.note(request));
        let sql = selection.copy(condition.as_deref());
        let checkpoint = point.checkpoint(session.client(), request, reading).await?;
        let decoder = Decoder::new(request.table.to_string(), &selection.columns);
        let schema = decoder.schema();
        let batches = self.batches(session, decoder, &sql).await?;
        let Relation { key, .. } = relation;
        Ok(TableReader::Rows(TableRows { schema, key, extent, batches, checkpoint, notes }))
    }

    /// Starts the statement and reads it as fast as its batches are taken, until whoever takes them or
    /// the snapshot goes away.
    async fn batches(
        &self,
        mut session: Session,
        decoder: Decoder,
        sql: &str,
    ) -> Result<BoxStream<'static, stream::Batch>, SourceError> {
        let doing = format!("reading table {}", decoder.table());
        let copy = session.client().copy_out(sql).await.map_err(|error| fault::query(&doing, error))?;
        let mut alive = self.alive.subscribe();
        let pulse = Pulse::of(&self.link, &session);
        Ok(stream::lazy(move |sender| {
            tokio::spawn(async move {
                let outcome = tokio::select! {
                    () = sender.closed() => return,
                    _ = alive.changed() => Err(SourceError::new(
                        SourceErrorKind::Unreachable,
                        format!("The snapshot was closed while {doing}"),
                    )),
                    outcome = decoder.run(copy, &pulse, &sender) => outcome,
                };
                match outcome {
                    Ok(()) => session.rest(),
                    // The reader may be gone; then nobody wants to know.
                    Err(error) => drop(sender.send(Err(error)).await),
                }
            })
        }))
    }
}
