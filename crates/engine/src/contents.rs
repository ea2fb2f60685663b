//! All of a pool at once: given out, taken in, copied.
//!
//! What is taken in gets ids of its own; see [`renewal`]. Nothing of it is there before all of it is.

mod renewal;

use std::collections::{BTreeSet, HashMap};

use forebay_core::access::{Caller, Permission};
use forebay_core::connection::DataConnection;
use forebay_core::contents::PoolContents;
use forebay_core::error::{Error, Kind, Needed, Result};
use forebay_core::id::{DataConnectionId, DataJobId, DataModelId, DataPoolId};
use forebay_core::job::{DataJob, TaskKind};
use forebay_core::name::Name;
use forebay_core::pool::DataPool;
use forebay_core::secret::Secret;
use forebay_store::ContentsChange;

use self::renewal::{Ids, Renewal};
use crate::Engine;
use crate::keys::random_text;

/// Contents to be taken in.
#[derive(Clone, Debug)]
pub struct Import {
    /// What stands before the fields of the contents, for errors: empty, or with a point at its end.
    pub path: String,
    pub target: ImportTarget,
    pub given: Given,
    pub contents: PoolContents,
}

/// Connections of contents, and those of the pool that take their place.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The error's name for them.
    pub field: String,
    pub connections: HashMap<DataConnectionId, DataConnectionId>,
}

/// Where contents are taken in.
#[derive(Clone, Debug)]
pub enum ImportTarget {
    New {
        name: Name,
        description: Option<String>,
    },
    /// The error's name for the pool's id, and the id.
    Existing(String, DataPoolId),
}

/// What was taken in.
#[derive(Clone, Debug)]
pub struct Imported {
    pub pool: DataPool,
    /// The connections that were made and cannot be used yet, and why not.
    pub unusable: Vec<(DataConnection, String)>,
    /// The data models of the contents, and what became of them.
    pub models: Vec<(DataModelId, DataModelId)>,
}

/// Where a data job is copied to.
#[derive(Clone, Copy, Debug)]
pub struct JobDestination {
    pub pool: DataPoolId,
    /// `None` for a global job.
    pub connection: Option<DataConnectionId>,
}

impl Engine {
    /// A pool with everything that is set up in it, secrets too: they are for copies on this server alone.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn pool_contents(&self, caller: &Caller, pool: DataPoolId) -> Result<(DataPool, PoolContents)> {
        let pool = self.pool_with(caller, Permission::View, pool).await?;
        let contents = self.store().pool_contents(pool.id).await?;
        Ok((pool, contents))
    }

    /// Takes contents in, all of them or none. In a pool that is there, what has the same name is replaced and
    /// keeps its id, but for connections: those stay as they are.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` with the path of what is wrong, `Conflict` when the pools change meanwhile.
    pub async fn import_contents(&self, caller: &Caller, mut imports: Vec<Import>) -> Result<Vec<Imported>> {
        for connection in imports.iter_mut().flat_map(|import| &mut import.contents.connections) {
            connection.pseudonymisation.salt = Secret::new(random_text());
        }
        self.take_in(caller, imports).await
    }

    async fn take_in(&self, caller: &Caller, imports: Vec<Import>) -> Result<Vec<Imported>> {
        let _saving = self.0.scheduling.saving.lock().await;
        let mut seen = BTreeSet::new();
        let mut changes = Vec::new();
        let mut imported = Vec::new();
        for import in imports {
            let has_schedules = !import.contents.schedules.is_empty();
            let (pool, is_new) = match import.target {
                ImportTarget::New { name, description } => {
                    let pool = self.new_pool(caller, name, description).await?;
                    if has_schedules {
                        self.may_schedule_in_new_pools(caller, pool.id).await?;
                    }
                    (pool, true)
                }
                ImportTarget::Existing(field, id) => {
                    if !seen.insert(id) {
                        return Err(Error::invalid(field, "comes twice; send two requests"));
                    }
                    let pool = self.pool_with(caller, Permission::Edit, id).await?;
                    if has_schedules {
                        self.pool_to_schedule(caller, id).await?;
                    }
                    (pool, false)
                }
            };
            let existing = match is_new {
                true => PoolContents::default(),
                false => self.store().pool_contents(pool.id).await?,
            };
            let renewal = Renewal::import(&import.path, pool.id, self.now(), existing);
            let by = caller.subject;
            // Much of it takes a while.
            let renewing =
                tokio::task::spawn_blocking(move || renewal.contents(import.contents, &import.given, by));
            let (contents, models) = renewing.await.map_err(Error::internal)??;
            let unusable = contents.connections.iter().filter_map(|connection| {
                let reason = self.usable(connection).err()?;
                Some((connection.clone(), reason.to_string()))
            });
            imported.push(Imported { pool: pool.clone(), unusable: unusable.collect(), models });
            changes.push(ContentsChange { new_pool: is_new.then_some(pool), contents });
        }
        self.store().change_contents(changes).await?;
        self.0.scheduling.wake.notify_one();
        Ok(imported)
    }

    /// Copies a pool with its credentials, and of its models all or those that are listed. Loads of other models
    /// are left out, and schedules are switched off.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn copy_data_pool(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        only: Option<&[DataModelId]>,
    ) -> Result<DataPool> {
        // Who may make none does not learn which there are.
        let name = Name::parse("name", "Copy")?;
        self.new_pool(caller, name, None).await?;
        let source = self.pool_with(caller, Permission::Edit, pool).await?;
        let mut contents = self.store().pool_contents(pool).await?;
        if let Some(only) = only {
            let known = |id: &&DataModelId| contents.models.iter().any(|found| found.model.id == **id);
            if let Some(unknown) = only.iter().find(|id| !known(id)) {
                return Err(Error::not_found(Kind::DataModel, unknown));
            }
            contents.models.retain(|found| only.contains(&found.model.id));
            for job in &mut contents.jobs {
                job.tasks.retain(|found| match &found.task.kind {
                    TaskKind::DataModelLoad(load) => only.contains(&load.data_model_id),
                    TaskKind::Extraction(_) | TaskKind::Transformation(_) => true,
                });
            }
        }
        let import = Import {
            path: String::new(),
            target: ImportTarget::New { name: source.name, description: source.description },
            given: Given::default(),
            contents,
        };
        let mut imported = self.take_in(caller, vec![import]).await?;
        let copy = imported.pop().ok_or_else(|| Error::internal("a copy that was not made"))?;
        Ok(copy.pool)
    }

    /// Copies a job with its tasks to a pool, its own one too.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` without a connection for a job that extracts, `Conflict` naming what the
    /// job needs and the other pool does not have.
    pub async fn copy_data_job(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        to: JobDestination,
    ) -> Result<DataJob> {
        self.pool_with(caller, Permission::View, pool).await?;
        let mut source = self.store().pool_contents(pool).await?;
        let place = source.jobs.iter().position(|found| found.job.id == job);
        let place = place.ok_or_else(|| Error::not_found(Kind::DataJob, job))?;
        let copied = source.jobs.swap_remove(place);
        self.pool_with(caller, Permission::Edit, to.pool).await?;
        if let Some(connection) = to.connection {
            self.store().data_connection(to.pool, connection).await?;
        }
        let ids = match to.pool == pool {
            true => Ids::unchanged(&source),
            false => Ids::by_placeholder(&source, &self.store().pool_contents(to.pool).await?),
        };
        let copied = Renewal::copy(to.pool, self.now(), ids).copied_job(copied, to.connection)?;
        let made = copied.job.clone();
        let contents = PoolContents { jobs: vec![copied], ..PoolContents::default() };
        self.store().change_contents(vec![ContentsChange { new_pool: None, contents }]).await?;
        Ok(made)
    }

    /// Who makes a pool with schedules lends them their right to execute, so they must have it in every pool.
    async fn may_schedule_in_new_pools(&self, caller: &Caller, pool: DataPoolId) -> Result<()> {
        let held = self.permissions_in(caller, pool).await?;
        if !held.contains(&Permission::Manage) {
            return Err(Error::Forbidden(Needed::One(Permission::Manage)));
        }
        match held.contains(&Permission::Execute) || held.contains(&Permission::View) {
            true => Ok(()),
            false => Err(Error::Forbidden(Needed::Execution)),
        }
    }
}
