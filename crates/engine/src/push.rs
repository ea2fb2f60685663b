//! Data pushes: a client makes one, sends its files, and has it executed once. It is executed as every job is, by
//! the job that the server keeps for it, so it queues, runs, resumes and ends like one.

mod chunks;
mod limits;
mod stream;

use std::path::PathBuf;

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, RateLimit, Result};
use forebay_core::execution::{Execution, Status, TaskExecution};
use forebay_core::id::{DataConnectionId, DataPoolId, PushJobId, TaskId};
use forebay_core::name::Identifier;
use forebay_core::oauth::Action;
use forebay_core::pool::{DataPool, connection_schema, global_schema};
use forebay_core::push::{PushChunk, PushJob, PushKind, PushSettings, PushStatus, push_dir, pushes_dir};
use forebay_core::retry::RetryPolicy;
use forebay_core::spec::{ChunkSpec, DataPushSpec, ExecutionSpec, NamedSchema, TaskSpec, Work};
use forebay_core::stop::Stop;

pub use chunks::ChunkUpload;
pub(crate) use limits::Submissions;
pub use stream::{SeenUpload, Upload};

use crate::Engine;
use crate::spec::{Frozen, parameter_specs};

/// The most log lines that are told with a push.
const LINES_TOLD: u32 = 200;
/// A push is executed once, whoever asks at the same time.
const ONCE: &str = "data push";

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

    /// Queues the execution of a push.
    async fn start_push(
        &self,
        caller: &Caller,
        push: PushJob,
        order: Option<Identifier>,
    ) -> Result<Execution> {
        let (pool, id) = (push.pool_id, push.id);
        // Before its files are listed: one that came later would be left out in silence.
        self.store().submit_push_job(pool, id, self.now()).await?;
        let started = async {
            let chunks = self.store().push_chunks(id).await?;
            if chunks.is_empty() && !makes_an_empty_table(&push.settings) {
                return Err(Error::conflict("the data push has no files; send some before it is executed"));
            }
            let mode = push.settings.kind.mode();
            let mut execution = Execution::queued(pool, id.into(), mode, caller.subject, self.now());
            execution.lane = Some(lane(&push));
            let frozen = self.frozen_push(&execution, push, &chunks, order).await?;
            let queued = self.queue(&execution, &frozen, Some(ONCE)).await?;
            match queued.id == execution.id {
                true => Ok(queued),
                false => Err(executed_before(id, &queued)),
            }
        };
        let started = started.await;
        if started.is_err() {
            self.store().withdraw_push_job(id).await?;
        }
        started
    }

    async fn frozen_push(
        &self,
        execution: &Execution,
        push: PushJob,
        chunks: &[PushChunk],
        order: Option<Identifier>,
    ) -> Result<Frozen> {
        let pool = push.pool_id;
        let settings = push.settings;
        let default_length = self.store().settings().await?.data_push_text_length();
        let (connection_id, changed_at) = (settings.connection_id, settings.changed_at);
        let target: String = settings.target.as_str().chars().take(80).collect();
        let query = settings.post_execution_query.clone();
        let work = Work::DataPush(Box::new(DataPushSpec {
            push_id: push.id,
            text_length: settings.text_length.unwrap_or(default_length),
            settings,
            chunks: chunks.iter().map(|chunk| ChunkSpec { id: chunk.id, kind: chunk.kind }).collect(),
            order,
            done: Vec::new(),
        }));
        let mut tasks = vec![(format!("Push to {target}"), "EXTRACTION", work, Vec::new())];
        let mut schemas = Vec::new();
        if let Some(statement) = query {
            let parameters = parameter_specs(&[], &self.store().parameters(pool, None).await?);
            let work = Work::Transformation { statement };
            tasks.push(("Post-execution query".to_owned(), "TRANSFORMATION", work, parameters));
            for connection in self.store().data_connections(pool).await? {
                let (connection_id, name) = (connection.id, connection.name.to_string());
                schemas.push(NamedSchema { connection_id, name });
            }
        }
        let (mut specs, mut shown) = (Vec::new(), Vec::new());
        for (position, (name, kind, work, parameters)) in (0..).zip(tasks) {
            let task_id = TaskId::random();
            shown.push(TaskExecution {
                task_id,
                name: name.clone(),
                kind: kind.to_owned(),
                position,
                status: Status::Queued,
                message: None,
                started_at: None,
                finished_at: None,
                steps: Vec::new(),
            });
            specs.push(TaskSpec { id: task_id, name, work, parameters, retry: RetryPolicy::default() });
        }
        let spec = ExecutionSpec {
            execution_id: execution.id,
            pool_id: pool,
            job_id: execution.job_id,
            connection_id,
            mode: execution.mode,
            changed_at: changed_at.unwrap_or(execution.queued_at),
            tasks: specs,
            schemas,
        };
        Ok(Frozen { spec, tasks: shown })
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

    /// Removes what nobody needs any more of a push: its files when it was executed, and all of it when it was
    /// deleted.
    pub(crate) async fn push_is_over(&self, pool: DataPoolId, id: PushJobId) {
        match self.store().needs_push_files(id).await {
            Ok(true) => return,
            Ok(false) => self.remove_push_files(pool, id).await,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "a data push cannot be looked at; the janitor will");
                return;
            }
        }
        if let Err(Error::NotFound { .. }) = self.store().push_job(pool, id).await
            && let Err(error) = self.store().drop_push_jobs_before(Timestamp::from_millis(i64::MIN)).await
        {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "a deleted data push cannot be dropped; the janitor will");
        }
    }

    /// As [`Engine::push_is_over`], after an execution of whatever job.
    pub(crate) async fn run_of_push_is_over(&self, execution: &Execution) {
        let Ok(id) = execution.job_id.to_string().parse::<PushJobId>() else { return };
        if tokio::fs::try_exists(self.push_dir(execution.pool_id, id)).await.unwrap_or(false) {
            self.push_is_over(execution.pool_id, id).await;
        }
    }

    /// Drops pushes that are older than the settings keep, and files that no push needs.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub(crate) async fn tidy_pushes(&self, before: Timestamp, stop: &Stop) -> Result<u64> {
        let mut all = 0;
        while !stop.is_requested() {
            let dropped = self.store().drop_push_jobs_before(before).await?;
            if dropped.is_empty() {
                break;
            }
            all += dropped.len() as u64;
            for (pool, id) in dropped {
                self.remove_push_files(pool, id).await;
            }
        }
        let pools = self.0.settings.pools_dir.clone();
        let listed =
            tokio::task::spawn_blocking(move || list_pushes(&pools)).await.map_err(Error::internal)?;
        for (pool, id) in listed {
            if stop.is_requested() {
                break;
            }
            if !self.store().needs_push_files(id).await? {
                self.remove_push_files(pool, id).await;
            }
        }
        Ok(all)
    }

    fn push_dir(&self, pool: DataPoolId, id: PushJobId) -> PathBuf {
        push_dir(&self.0.settings.pools_dir.join(pool.to_string()), id)
    }

    async fn remove_push_files(&self, pool: DataPoolId, id: PushJobId) {
        match tokio::fs::remove_dir_all(self.push_dir(pool, id)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(data_pool.id = %pool, error, "the files of a data push cannot be removed");
            }
            _ => {}
        }
    }
}

/// The folders of pushes that there are. What cannot be listed is looked at again the next time.
fn list_pushes(pools_dir: &std::path::Path) -> Vec<(DataPoolId, PushJobId)> {
    let entries = |dir: &std::path::Path| std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for pool in entries(pools_dir) {
        let Some(Ok(id)) = pool.file_name().to_str().map(str::parse::<DataPoolId>) else { continue };
        for push in entries(&pushes_dir(&pool.path())) {
            if let Some(Ok(push)) = push.file_name().to_str().map(str::parse::<PushJobId>) {
                found.push((id, push));
            }
        }
    }
    found
}

fn executed_before(id: PushJobId, execution: &Execution) -> Error {
    let stands = match execution.status {
        Status::Queued => "is queued",
        Status::Running => "runs",
        Status::Success | Status::Fail | Status::Cancel | Status::Skipped => "was executed",
    };
    Error::conflict(format!(
        "the data push `{id}` {stands} already, and a push is executed once; make a new one to push again"
    ))
}

/// Whether no files at all mean a table without rows.
fn makes_an_empty_table(settings: &PushSettings) -> bool {
    let has_columns = settings.table_schema.as_ref().is_some_and(|schema| !schema.columns.is_empty());
    settings.kind == PushKind::Replace && has_columns
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
