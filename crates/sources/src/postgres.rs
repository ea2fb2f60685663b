//! PostgreSQL: binary COPY by several connections under one exported snapshot, and deltas by transaction id, so that rows of
//! transactions that commit late are not lost.

use async_trait::async_trait;
use forebay_core::check::Step;
use forebay_core::connection::PostgresqlConfig;
use forebay_core::explanation::{Asked, Explanation};
use forebay_core::extraction::SourceTableName;
use forebay_core::name::Identifier;
use forebay_core::source::{ReadRequest, Snapshot, Source, SourceError, SourceTable, TableReader, TableRows};
use tokio::sync::watch;

use catalog::Relation;
use checkpoint::{Point, Position, Reading};
use copy::Decoder;
use delta::Plan;
use link::Link;
use moment::Moment;
use pulse::Pulse;
use query::Selection;
use read::View;
use session::Session;
use split::Parts;

pub mod bench;
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
mod read;
mod session;
mod shared;
mod split;
mod tap;
mod types;
mod way;
mod window;

/// One PostgreSQL database.
pub(crate) struct Postgres {
    link: Link,
}

impl Postgres {
    /// A source for these settings; nothing is reached yet. `connections` is the most that read at a
    /// time, over all that this process does there.
    pub(crate) fn new(config: PostgresqlConfig, connections: usize) -> Self {
        Self { link: Link::new(config, connections) }
    }
}

#[async_trait]
impl Source for Postgres {
    async fn check(&self) -> Result<(), SourceError> {
        let mut session = self.link.session().await?;
        let checked = session.client().simple_query("SELECT 1").await;
        checked.map_err(|error| fault::query("checking", error).or_at(Step::Session))?;
        session.rest();
        Ok(())
    }

    async fn discover(&self) -> Result<Vec<SourceTable>, SourceError> {
        let (session, tables) = self.link.begin(|session| Box::pin(discover::tables(session))).await?;
        session.give_back(&self.link);
        Ok(tables)
    }

    async fn key(&self, table: &SourceTableName) -> Result<Vec<Identifier>, SourceError> {
        let described = self.link.begin(|session| {
            let table = table.clone();
            Box::pin(async move { catalog::describe(session, &table).await })
        });
        let (session, relation) = described.await?;
        session.keep(self.link.shared());
        Ok(relation.key)
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, SourceError> {
        self.link.settled().await;
        let address = format!("{}:{}", self.link.config().host, self.link.config().port);
        let open = self.link.begin(|session| Box::pin(moment::open(session, address.clone())));
        let (session, (moment, exported)) = open.await?;
        let (held, open) = watch::channel(());
        let view = View { link: self.link.clone(), exported: exported.into(), open };
        Ok(Box::new(Exported { view, moment, coordinator: Some(session), _held: held }))
    }
}

/// An exported snapshot.
struct Exported {
    view: View,
    moment: Moment,
    /// Its transaction keeps the snapshot importable.
    coordinator: Option<Session>,
    /// Dropped with the snapshot: every stream that still runs sees it and ends.
    _held: watch::Sender<()>,
}

impl Drop for Exported {
    fn drop(&mut self) {
        if let Some(session) = self.coordinator.take() {
            session.give_back(&self.view.link);
        }
    }
}

#[async_trait]
impl Snapshot for Exported {
    async fn sizes(&self, tables: &[SourceTableName]) -> Result<Vec<u64>, SourceError> {
        let Some(session) = &self.coordinator else { return Ok(vec![0; tables.len()]) };
        catalog::sizes(session, tables).await
    }

    fn is_unchanged(&self, request: &ReadRequest) -> bool {
        let since = request.delta.as_ref().and_then(|delta| Position::of(&delta.since));
        since.is_some_and(|since| since.holds(&self.moment, request))
    }

    async fn read(&self, request: &ReadRequest) -> Result<TableReader, SourceError> {
        if self.is_unchanged(request) {
            return Ok(TableReader::Unchanged);
        }
        let reader = self.view.reader().await?;
        let pulse = Pulse::of(&self.view.link, &reader);
        let doing = format!("opening table {}", request.table);
        pulse.watch(&doing, self.open(reader, request)).await?
    }

    async fn explain(&self, request: &ReadRequest) -> Result<Explanation, SourceError> {
        if self.is_unchanged(request) {
            return Ok(Explanation { asked: Asked::Nothing, notes: Vec::new() });
        }
        let reader = self.view.reader().await?;
        let pulse = Pulse::of(&self.view.link, &reader);
        let doing = format!("looking at table {}", request.table);
        pulse.watch(&doing, self.explained(reader, request)).await?
    }
}

/// What a request comes to, before anything is read.
struct Planned<'a> {
    point: Point<'a>,
    selection: Selection<'a>,
    reading: Reading,
    plan: Plan,
}

impl Exported {
    /// Decides what is asked for. It holds the relation as it is, and lets the server look at each condition.
    async fn planned<'a>(
        &'a self,
        session: &Session,
        request: &ReadRequest,
        relation: &'a Relation,
    ) -> Result<Planned<'a>, SourceError> {
        let cursor = delta::cursor(request, relation)?;
        let selection = query::selection(request, relation)?;
        let reading = Reading::new(relation, &selection.columns, &selection.conditions);
        catalog::hold(session, relation).await?;
        for condition in &selection.conditions {
            condition.check(session.client(), relation).await?;
        }
        let point = Point { moment: &self.moment, relation, cursor };
        let plan = delta::plan(session, request, point, &reading).await?;
        Ok(Planned { point, selection, reading, plan })
    }

    /// Says what opening a table asks for.
    async fn explained(&self, reader: Session, request: &ReadRequest) -> Result<Explanation, SourceError> {
        let relation = catalog::describe(&reader, &request.table).await?;
        let Planned { selection, plan, .. } = self.planned(&reader, request, &relation).await?;
        let explanation = match plan {
            Plan::Unchanged => Explanation { asked: Asked::Nothing, notes: Vec::new() },
            Plan::Read { conditions, mut notes, .. } => {
                notes.extend(selection.note(request));
                let sql = selection.statement(&conditions);
                // A delta is one statement.
                let in_ranges = conditions.is_empty();
                Explanation { asked: Asked::Statement { sql, values: Vec::new(), in_ranges }, notes }
            }
        };
        reader.give_back(&self.view.link);
        Ok(explanation)
    }

    /// Opens one table on a connection of its own.
    async fn open(&self, reader: Session, request: &ReadRequest) -> Result<TableReader, SourceError> {
        let session = &reader;
        let relation = catalog::describe(session, &request.table).await?;
        let Planned { point, selection, reading, plan } = self.planned(session, request, &relation).await?;
        let (conditions, extent, mut notes) = match plan {
            Plan::Unchanged => {
                reader.give_back(&self.view.link);
                return Ok(TableReader::Unchanged);
            }
            Plan::Read { conditions, extent, notes } => (conditions, extent, notes),
        };
        notes.extend(selection.note(request));
        let checkpoint = point.checkpoint(session, request, reading).await?;
        let statements = if conditions.is_empty() {
            let parts = Parts::of(session, &relation, &selection).await?;
            parts.map(|part| selection.copy(part.as_deref()))
        } else {
            [selection.statement(&conditions)].into()
        };
        let decoder = Decoder::new(request.table.to_string(), &selection.columns);
        let schema = decoder.schema();
        let batches = read::batches(&self.view, reader, decoder, statements).await?;
        let Relation { key, .. } = relation;
        Ok(TableReader::Rows(TableRows { schema, key, extent, batches, checkpoint, notes }))
    }
}
