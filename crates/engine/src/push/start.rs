//! The execution of a push: queued once, with all that it will do.

use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::execution::{Execution, Status, TaskExecution};
use forebay_core::id::{PushJobId, TaskId};
use forebay_core::name::Identifier;
use forebay_core::push::{PushChunk, PushJob, PushKind, PushSettings};
use forebay_core::retry::RetryPolicy;
use forebay_core::spec::{ChunkSpec, DataPushSpec, ExecutionSpec, NamedSchema, TaskSpec, Work};

use super::lane;
use crate::Engine;
use crate::spec::{Frozen, parameter_specs};

/// A push is executed once, whoever asks at the same time.
const ONCE: &str = "data push";

impl Engine {
    /// Queues the execution of a push.
    pub(super) async fn start_push(
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
}

pub(super) fn executed_before(id: PushJobId, execution: &Execution) -> Error {
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
