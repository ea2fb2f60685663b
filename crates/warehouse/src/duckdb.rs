//! One pool's warehouse on DuckDB.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use duckdb::Connection;
use forebay_core::execution::Claim;
use forebay_core::export::{ExportRequest, Exported};
use forebay_core::id::{DataJobId, DataModelId};
use forebay_core::name::Identifier;
use forebay_core::source::Checkpoint;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    LoadReport, LoadSpec, PoolColumn, PoolTable, Publication, PublicationReport, Query, Rows, TableLoad,
    Transaction, Warehouse, WarehouseError, WarehouseErrorKind, WarehouseTable,
};
use tokio::sync::Mutex;

use crate::catalog::existing_schemas;
use crate::claims::Shows;
use crate::error::{canceled, failed, internal};
use crate::instance::Instance;
use crate::load::Load;
use crate::names::quoted_path;
use crate::session::{Halt, Session};
use crate::transaction::UserTransaction;

/// What one pool's engine may use.
#[derive(Clone, Debug)]
pub struct Limits {
    pub threads: usize,
    pub memory_bytes: u64,
    /// The most disk for what does not fit into memory while a statement runs.
    pub temp_bytes: u64,
}

/// A pool's warehouse.
pub struct DuckDb {
    dir: PathBuf,
    global: Identifier,
    limits: Limits,
    /// `None` while the engine is opened again.
    instance: Mutex<Option<Arc<Instance>>>,
    /// Whatever is shown is shown in a turn: so loads never conflict with each other, and old claims
    /// show nothing. Staging needs none.
    shows: Arc<Shows>,
    /// One publication of a model at a time.
    publishing: std::sync::Mutex<HashMap<DataModelId, Arc<Mutex<()>>>>,
}

impl DuckDb {
    /// Opens the pool in a folder, or makes it. Blocks.
    ///
    /// A log of commits that cannot be read is moved aside, and what can be read is opened:
    /// [`damages`](crate::damages) says which runs to look at.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened; `Internal` when the engine does not keep to
    /// the settings that confine the SQL of users.
    pub fn open(dir: &Path, global: &Identifier, limits: Limits) -> Result<Arc<Self>, WarehouseError> {
        let shows = Arc::new(Shows::default());
        let instance = Instance::open(dir, global, &limits, &shows)?;
        Ok(Arc::new(Self {
            dir: dir.to_owned(),
            global: global.clone(),
            limits,
            instance: Mutex::new(Some(instance)),
            shows,
            publishing: std::sync::Mutex::default(),
        }))
    }

    /// Copies the pool, rows and published models as of one moment, into a folder that is empty or missing.
    /// Loads go on; whatever is shown waits until the files are copied. The copy opens like a pool.
    ///
    /// # Errors
    /// `Canceled` when the stop was asked for; `Unavailable` when there is no room or the copy cannot be
    /// opened. What was copied until then is the caller's to remove.
    pub async fn backup(&self, dir: &Path, stop: &Stop) -> Result<(), WarehouseError> {
        let mut session = self.session().await?;
        let instance = session.instance()?;
        let (shows, limits, dir) = (Arc::clone(&self.shows), self.limits.clone(), dir.to_owned());
        let work =
            move |_: &Connection, halt: &Halt| crate::backup::run(&instance, &shows, &limits, &dir, halt);
        session.run(stop, work).await
    }

    /// Answers PQL on one version of a published model, into files of a new folder in the pool's. `None`: the
    /// queries were only to be checked, and are right. A stop ends it, and so does dropping the future.
    ///
    /// # Errors
    /// `Invalid` for what the user can mend, with the position in the queries where it is known.
    pub async fn export(
        &self,
        request: ExportRequest,
        stop: &Stop,
    ) -> Result<Option<Exported>, WarehouseError> {
        let mut session = self.session().await?;
        let instance = session.instance()?;
        let asking = instance.memory.ask()?;
        let work = move |connection: &Connection, halt: &Halt| {
            // Kept by the work itself: it goes on when whoever waits for it goes away.
            let _asking = asking;
            crate::export::run(connection, instance.dir(), &request, halt)
        };
        session.run(stop, work).await
    }

    /// A connection of its own for one piece of work. An engine that has stopped after an error of
    /// its own is opened again once nothing runs on it any more.
    async fn session(&self) -> Result<Session, WarehouseError> {
        let mut current = self.instance.lock().await;
        if let Some(instance) = current.as_ref() {
            if !instance.is_stopped() {
                return instance.lease().map(Session::new);
            }
            if Arc::strong_count(instance) > 1 {
                let text = "the pool's engine has stopped after an error of its own and is opened again when what still runs has ended; try again in a moment";
                return Err(WarehouseError::new(WarehouseErrorKind::Unavailable, text));
            }
        }
        let old = current.take();
        let (dir, global, limits) = (self.dir.clone(), self.global.clone(), self.limits.clone());
        let shows = Arc::clone(&self.shows);
        let opened = tokio::task::spawn_blocking(move || {
            drop(old);
            Instance::open(&dir, &global, &limits, &shows)
        });
        let instance =
            opened.await.map_err(|error| internal("the pool could not be opened").caused_by(error))??;
        let session = instance.lease().map(Session::new);
        *current = Some(instance);
        session
    }

    /// Takes a job over, outside of a runtime.
    #[cfg(test)]
    pub(crate) fn test_take_over(&self, claim: Claim) {
        let instance = self.instance.try_lock().unwrap();
        let lease = instance.as_ref().unwrap().lease().unwrap();
        lease.instance.take_over(self.shows.turn_in_any_case(), claim).unwrap();
    }

    #[cfg(test)]
    pub(crate) fn test_shows(&self) -> &Shows {
        &self.shows
    }

    #[cfg(test)]
    pub(crate) async fn test_session(&self) -> Session {
        self.session().await.unwrap()
    }

    #[cfg(test)]
    pub(crate) async fn test_stop_engine(&self) {
        self.instance.lock().await.as_ref().unwrap().stop();
    }
}

#[async_trait]
impl Warehouse for DuckDb {
    async fn checkpoint(&self, table: &WarehouseTable) -> Result<Option<Checkpoint>, WarehouseError> {
        let (table, shows) = (table.clone(), Arc::clone(&self.shows));
        let work = move |connection: &Connection, _: &Halt| shows.checkpoints.read(connection, &table);
        self.session().await?.run(&Stop::never(), work).await
    }

    async fn begin_load(&self, load: LoadSpec) -> Result<Box<dyn TableLoad>, WarehouseError> {
        Ok(Box::new(Load::begin(self.session().await?, load, Arc::clone(&self.shows))?))
    }

    async fn take_over(&self, claim: Claim) -> Result<(), WarehouseError> {
        let shows = Arc::clone(&self.shows);
        let mut session = self.session().await?;
        let instance = session.instance()?;
        let work = move |_: &Connection, halt: &Halt| instance.take_over(shows.turn(halt)?, claim);
        session.run(&Stop::never(), work).await
    }

    async fn begin(
        &self,
        schemas: &[Identifier],
        claim: Claim,
    ) -> Result<Box<dyn Transaction>, WarehouseError> {
        let session = self.session().await?;
        Ok(Box::new(UserTransaction::begin(session, schemas, claim, Arc::clone(&self.shows)).await?))
    }

    async fn query(&self, query: Query, stop: &Stop) -> Result<Rows, WarehouseError> {
        let mut session = self.session().await?;
        let asking = session.instance()?.memory.ask()?;
        let work = move |connection: &Connection, halt: &Halt| {
            // Kept by the work itself: it goes on when whoever waits for it goes away.
            let _asking = asking;
            crate::query::run(connection, halt, &query, crate::query::BYTES)
        };
        session.run(stop, work).await
    }

    async fn columns(&self, table: &WarehouseTable) -> Result<Option<Vec<PoolColumn>>, WarehouseError> {
        let table = table.clone();
        let work = move |connection: &Connection, _: &Halt| crate::catalog::columns(connection, &table);
        self.session().await?.run(&Stop::never(), work).await
    }

    async fn patched(
        &self,
        job: DataJobId,
        table: &WarehouseTable,
    ) -> Result<Option<LoadReport>, WarehouseError> {
        let table = table.clone();
        let work = move |connection: &Connection, _: &Halt| crate::patches::read(connection, job, &table);
        self.session().await?.run(&Stop::never(), work).await
    }

    async fn tables(&self) -> Result<Vec<PoolTable>, WarehouseError> {
        let work = |connection: &Connection, _: &Halt| crate::catalog::tables(connection);
        self.session().await?.run(&Stop::never(), work).await
    }

    async fn publish(&self, model: Publication, stop: &Stop) -> Result<PublicationReport, WarehouseError> {
        let turn = {
            let mut publishing = self.publishing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(publishing.entry(model.model).or_default())
        };
        // The publication before may take long, and a stop must not wait for it.
        let turn = tokio::select! {
            turn = turn.lock_owned() => turn,
            () = stop.requested() => return Err(canceled()),
        };
        let dir = self.dir.join("models").join(model.model.to_string());
        let shows = Arc::clone(&self.shows);
        let mut session = self.session().await?;
        let asking = session.instance()?.memory.ask()?;
        session
            .run(stop, move |connection: &Connection, halt: &Halt| {
                // Kept by the work itself: it goes on when whoever waits for it goes away.
                let (_turn, _asking) = (turn, asking);
                crate::publish::run(connection, &dir, &model, halt, &shows)
            })
            .await
    }
}

/// Makes the schemas that are missing, for a claim that may still show something. Two who make the same
/// one at a time would be in conflict; where all are there, nobody is waited for.
pub(crate) fn make_schemas(
    connection: &Connection,
    halt: &Halt,
    schemas: &[Identifier],
    claim: Claim,
    shows: &Shows,
) -> Result<(), WarehouseError> {
    shows.check(claim)?;
    if existing_schemas(connection, schemas)?.len() == schemas.len() {
        return Ok(());
    }
    let _turn = shows.turn_of(claim, halt)?;
    for schema in schemas {
        connection
            .execute_batch(&format!("CREATE SCHEMA IF NOT EXISTS {}", schema.quoted()))
            .map_err(failed)?;
    }
    Ok(())
}

/// Looks unqualified names up in these schemas, in order.
pub(crate) fn set_search_path(connection: &Connection, schemas: &[Identifier]) -> Result<(), WarehouseError> {
    connection.execute_batch(&format!("SET search_path = {}", quoted_path(schemas))).map_err(failed)
}
