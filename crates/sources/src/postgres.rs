//! PostgreSQL: binary COPY under one exported snapshot, and deltas by transaction id, so that rows of
//! transactions that commit late are not lost.

use async_trait::async_trait;
use forebay_core::connection::PostgresqlConfig;
use forebay_core::source::{
    ReadRequest, Snapshot, Source, SourceError, SourceErrorKind, SourceTable, TableReader, TableRows,
};
use futures::stream;
use tokio::sync::{mpsc, watch};

use checkpoint::Moment;
use copy::Decoder;
use delta::Plan;
use link::{Link, Session};

mod catalog;
mod checkpoint;
mod copy;
mod decode;
mod delta;
mod discover;
mod fault;
mod link;
mod query;
mod tls;
mod types;

/// Batches that wait between the decoder and whoever reads the stream.
const WAITING_BATCHES: usize = 2;

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
        let (moment, exported) = checkpoint::open(session.client(), self.link.config()).await?;
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

#[async_trait]
impl Snapshot for View {
    async fn read(&self, request: &ReadRequest) -> Result<TableReader, SourceError> {
        let mut session = self.link.session().await?;
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
            query::literal(&self.exported)
        );
        session
            .client()
            .batch_execute(&begin)
            .await
            .map_err(|error| fault::query("joining the snapshot of the extraction", error))?;

        let relation = catalog::describe(session.client(), &request.table).await?;
        let cursor = delta::cursor(request, &relation)?;
        let (condition, extent, notes) = match delta::plan(request, &relation, cursor, &self.moment)? {
            Plan::Unchanged => {
                session.rest();
                return Ok(TableReader::Unchanged);
            }
            Plan::Read { condition, extent, notes } => (condition, extent, notes),
        };
        let selection = query::selection(request, &relation, condition)?;
        let checkpoint = checkpoint::of(session.client(), &self.moment, &relation, cursor).await?;
        let copy = session
            .client()
            .copy_out(&selection.sql)
            .await
            .map_err(|error| fault::query(&format!("reading table {}", request.table), error))?;

        let decoder = Decoder::new(request.table.to_string(), &selection.columns);
        let schema = decoder.schema();
        let (sender, mut receiver) = mpsc::channel(WAITING_BATCHES);
        let mut alive = self.alive.subscribe();
        tokio::spawn(async move {
            let mut session = session;
            let outcome = tokio::select! {
                () = sender.closed() => return,
                _ = alive.changed() => Err(SourceError::new(
                    SourceErrorKind::Unreachable,
                    "The snapshot was closed while the table was read",
                )),
                outcome = decoder.run(copy, &sender) => outcome,
            };
            match outcome {
                Ok(()) => session.rest(),
                // The reader may be gone; then nobody wants to know.
                Err(error) => drop(sender.send(Err(error)).await),
            }
        });
        Ok(TableReader::Rows(TableRows {
            schema,
            key: relation.key,
            extent,
            batches: Box::pin(stream::poll_fn(move |context| receiver.poll_recv(context))),
            checkpoint,
            notes,
        }))
    }
}
