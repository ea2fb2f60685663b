//! Data pushes: a client makes one, sends its files, and has it executed once. It is executed as every job is, by
//! the job that the server keeps for it, so it queues, runs, resumes and ends like one.

mod chunks;
mod limits;
mod start;
mod stream;
mod tidying;

use std::path::PathBuf;

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, RateLimit, Result};
use forebay_core::id::{DataConnectionId, DataPoolId, PushJobId};
use forebay_core::name::Identifier;
use forebay_core::oauth::Action;
use forebay_core::pool::{DataPool, connection_schema, global_schema};
use forebay_core::push::{PushChunk, PushJob, PushSettings, PushStatus, push_dir};

pub use chunks::ChunkUpload;
pub(crate) use limits::Submissions;
pub use stream::{SeenUpload, Upload};

use self::start::executed_before;
use crate::Engine;

/// The most log lines that are told with a push.
const LINES_TOLD: u32 = 200;

/// A push and where it stands.
#[derive(Clone, Debug)]
pub struct SeenPush {
    pub push: PushJob,
    pub status: PushStatus,
    /// When something happened to it last.
    pub changed_at: Timestamp,
    /// What its execution says, the oldest first.
    pub logs: Vec<String>,
}

impl Engine {
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` with the field.
    pub async fn create_push_job(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        settings: PushSettings,
    ) -> Result<SeenPush> {
        self.pool_to_push(caller, pool).await?;
        let push = self.new_push(caller, pool, settings).await?;
        self.store().create_push_job(&push, &lane(&push)).await?;
        self.seen_push(push).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn push_jobs(&self, caller: &Caller, pool: DataPoolId) -> Result<Vec<SeenPush>> {
        self.pool_to_push(caller, pool).await?;
        let mut seen = Vec::new();
        for push in self.store().push_jobs(pool).await? {
            seen.push(self.seen_push(push).await?);
        }
        Ok(seen)
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn push_job(&self, caller: &Caller, pool: DataPoolId, id: PushJobId) -> Result<SeenPush> {
        let push = self.push_with_right(caller, pool, id).await?;
        self.seen_push(push).await
    }

    /// The files of a push, in the order in which they came.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn push_chunks(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        id: PushJobId,
    ) -> Result<Vec<PushChunk>> {
        let push = self.push_with_right(caller, pool, id).await?;
        self.store().push_chunks(push.id).await
    }

    /// Has a push executed. It is QUEUED when this returns. Gives how many more may be, where that is limited.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` when it was executed before or has no files, `TooMany`,
    /// `InsufficientStorage`.
    pub async fn execute_push_job(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        id: PushJobId,
        order: Option<Identifier>,
    ) -> Result<Option<RateLimit>> {
        let push = self.push_with_right(caller, pool, id).await?;
        if push.settings.post_execution_query.is_some() {
            // It is SQL, and whoever may push may not change everything.
            self.pool_with(caller, Permission::Edit, pool).await?;
        }
        if let Some(execution) = self.store().latest_execution(push.id.into()).await? {
            return Err(executed_before(id, &execution));
        }
        self.disk_has_room()?;
        let settings = self.store().settings().await?;
        let limit = self.0.submissions.take(
            self.now(),
            settings.data_pushes_per_second(),
            settings.data_pushes_per_hour(),
        )?;
        self.start_push(caller, push, order).await?;
        Ok(limit)
    }

    /// Deletes a push and its files. One that runs is cancelled, and goes when it has ended. What is in the table
    /// stays there.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete_push_job(&self, caller: &Caller, pool: DataPoolId, id: PushJobId) -> Result<()> {
        self.push_with_right(caller, pool, id).await?;
        if let Some(live) = self.store().delete_push_job(pool, id).await? {
            while !self.cancel_as_it_stands(caller, live.id).await? {}
        }
        self.push_is_over(pool, id).await;
        Ok(())
    }

    /// A new push, its settings checked.
    async fn new_push(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        mut settings: PushSettings,
    ) -> Result<PushJob> {
        settings.check()?;
        if settings.post_execution_query.is_some() {
            self.pool_with(caller, Permission::Edit, pool).await?;
        }
        if let Some(schema) = &settings.target_schema {
            settings.connection_id = schema_owner(pool, schema, settings.connection_id)?;
        }
        if let Some(connection) = settings.connection_id {
            self.store().data_connection(pool, connection).await?;
        }
        let now = self.now();
        Ok(PushJob {
            id: PushJobId::random(),
            pool_id: pool,
            settings,
            upload: None,
            created_at: now,
            modified_at: now,
            submitted_at: None,
        })
    }

    async fn push_with_right(&self, caller: &Caller, pool: DataPoolId, id: PushJobId) -> Result<PushJob> {
        self.pool_to_push(caller, pool).await?;
        self.store().push_job(pool, id).await
    }

    /// A pool and the right to push to it.
    async fn pool_to_push(&self, caller: &Caller, pool: DataPoolId) -> Result<DataPool> {
        self.pool_with_either(caller, [Permission::DataPush, Permission::Edit], Action::DataPush, pool).await
    }

    async fn seen_push(&self, push: PushJob) -> Result<SeenPush> {
        let execution = self.store().latest_execution(push.id.into()).await?;
        let status = PushStatus::of(execution.as_ref());
        let (mut logs, mut changed_at) = (Vec::new(), push.modified_at);
        if let Some(execution) = execution {
            let (mut lines, _) = self.store().log_messages(execution.id, None, &[], LINES_TOLD, 0).await?;
            lines.reverse();
            logs.extend(lines.into_iter().map(|line| line.text));
            // A cancel has no line of its own.
            if let Some(message) = execution.message
                && !logs.iter().any(|line| message.contains(line.as_str()))
            {
                logs.push(message);
            }
            let moments = [execution.started_at, execution.finished_at];
            changed_at = moments.into_iter().flatten().fold(changed_at, Timestamp::max);
        }
        Ok(SeenPush { push, status, changed_at, logs })
    }

    fn push_dir(&self, pool: DataPoolId, id: PushJobId) -> PathBuf {
        push_dir(&self.0.settings.pools_dir.join(pool.to_string()), id)
    }
}

/// What a push writes first: pushes to one table run one after the other.
fn lane(push: &PushJob) -> String {
    lane_of(push.pool_id, push.settings.connection_id, &push.settings.target)
}

fn lane_of(pool: DataPoolId, connection: Option<DataConnectionId>, target: &Identifier) -> String {
    let schema = match connection {
        Some(connection) => connection_schema(pool, connection),
        None => global_schema(pool),
    };
    format!("{schema}.{target}").to_ascii_lowercase()
}

/// Whose schema is named; it must be the one that is named otherwise, too.
fn schema_owner(
    pool: DataPoolId,
    schema: &str,
    connection: Option<DataConnectionId>,
) -> Result<Option<DataConnectionId>> {
    let refused = |reason: &str| Err(Error::invalid("targetSchema", format!("`{schema}` {reason}")));
    let named = match schema.strip_prefix(&pool.to_string()).unwrap_or(schema) {
        "" => None,
        rest => match rest.strip_prefix('_').unwrap_or(rest).parse::<DataConnectionId>() {
            Ok(id) => Some(id),
            Err(_) => {
                return refused(
                    "is no schema of this data pool; leave it out, or give the pool's id, or the pool's id, `_` and a data connection's id",
                );
            }
        },
    };
    match (named, connection) {
        (named, None) => Ok(named),
        (Some(named), Some(connection)) if named == connection => Ok(Some(named)),
        (_, Some(_)) => refused("is not the schema of connectionId; leave one of them out"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_names_a_connection_and_not_another_one() {
        let (pool, one, other) =
            (DataPoolId::random(), DataConnectionId::random(), DataConnectionId::random());
        let check = |schema: String, connection, expected: Option<Option<DataConnectionId>>| {
            assert_eq!(schema_owner(pool, &schema, connection).ok(), expected, "{schema}");
        };
        check(pool.to_string(), None, Some(None));
        check(format!("{pool}_{one}"), None, Some(Some(one)));
        check(one.to_string(), None, Some(Some(one)));
        check(format!("{pool}_{one}"), Some(one), Some(Some(one)));
        check(format!("{pool}_{one}"), Some(other), None);
        check(pool.to_string(), Some(one), None);
        check("public".to_owned(), None, None);
        check(format!("{}_{one}", DataPoolId::random()), None, None);
    }
}
