//! Executions: start, watch, cancel.

use forebay_core::Timestamp;
use forebay_core::access::Caller;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::execution::{
    Execution, ExtractionMode, LogFilter, LogLevel, LogMessage, LogOrder, Priority, Status, TaskExecution,
};
use forebay_core::id::{
    DataJobId, DataPoolId, ExecutionId, LogMessageId, ModelTableId, TableExtractionId, TaskId,
};

use crate::Engine;
use crate::live::Standing;
use crate::model_loads::planned_loads;
use crate::spec::{Frozen, source_host};

/// What a caller wants run.
#[derive(Clone, Debug)]
pub struct StartExecution {
    pub mode: ExtractionMode,
    pub selection: Selection,
    /// The same key for the same job gives the same execution.
    pub idempotency_key: Option<String>,
    pub priority: Priority,
}

/// The tasks to run, kind by kind; `None` means all that are enabled.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub transformations: Option<Vec<TaskId>>,
    pub extractions: Option<Vec<TaskSelection<TableExtractionId>>>,
    pub loads: Option<Vec<TaskSelection<ModelTableId>>>,
}

/// A task, and the part of it that is wanted.
#[derive(Clone, Debug)]
pub struct TaskSelection<Id> {
    pub task: TaskId,
    /// `None`: all.
    pub only: Option<Vec<Id>>,
}

/// The end of an execution that was asked for and has not come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelUnderWay {
    pub asked_at: Timestamp,
    /// When its worker is ended by force, unless it has stopped by itself.
    pub forced_at: Timestamp,
}

impl Engine {
    /// Queues an execution of a job. It is QUEUED when this returns.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for a selection, `ExecutionIsLive`, `InsufficientStorage`.
    pub async fn start_execution(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        start: StartExecution,
    ) -> Result<Execution> {
        self.pool_to_execute(caller, pool).await?;
        let job = self.store().data_job(pool, job).await?;
        let key = start.idempotency_key.as_deref();
        // Before anything is frozen: a repeated call gets its answer whatever became of the job.
        if let Some(key) = key
            && let Some(earlier) = self.store().execution_seen_with(job.id, key).await?
        {
            return Ok(earlier);
        }
        self.disk_has_room()?;
        let mut execution = Execution::queued(pool, job.id, start.mode, caller.subject, self.now());
        execution.priority = start.priority;
        let frozen = self.freeze(&job, &execution, &start.selection).await?;
        execution.source_host = source_host(&frozen.spec);
        self.queue(&execution, &frozen, key).await
    }

    /// Queues what is frozen; whatever the execution is for, it is QUEUED when this returns.
    pub(crate) async fn queue(
        &self,
        execution: &Execution,
        frozen: &Frozen,
        idempotency_key: Option<&str>,
    ) -> Result<Execution> {
        let spec = serde_json::to_string(&frozen.spec).map_err(Error::internal)?;
        let loads = planned_loads(execution, &frozen.spec);
        let execution = self
            .store()
            .start_execution_with_loads(execution, &frozen.tasks, &loads, &spec, idempotency_key)
            .await?;
        self.0.wake.notify_one();
        Ok(execution)
    }

    /// An execution with its tasks and steps.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn execution(
        &self,
        caller: &Caller,
        id: ExecutionId,
    ) -> Result<(Execution, Vec<TaskExecution>)> {
        let execution = self.visible(caller, id).await?;
        let tasks = self.store().task_executions(id).await?;
        Ok((execution, tasks))
    }

    pub(crate) async fn visible(&self, caller: &Caller, id: ExecutionId) -> Result<Execution> {
        let execution = self.store().execution(id).await?;
        match self.pool_to_watch(caller, execution.pool_id).await {
            Ok(_) => Ok(execution),
            // To whoever may not see the pool, its executions do not exist either.
            Err(Error::NotFound { .. }) => Err(Error::not_found(Kind::Execution, id)),
            Err(error) => Err(error),
        }
    }

    /// The executions of a job, newest first, and how many there are. `page` counts from 0.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn executions(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        limit: u32,
        page: u32,
    ) -> Result<(Vec<Execution>, u64)> {
        self.pool_to_watch(caller, pool).await?;
        let job = self.store().data_job(pool, job).await?;
        self.store().executions(job.id, limit, page).await
    }

    /// Log messages of an execution or one of its tasks, newest first, and how many there are.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn log_messages(
        &self,
        caller: &Caller,
        execution: ExecutionId,
        task: Option<TaskId>,
        levels: &[LogLevel],
        limit: u32,
        page: u32,
    ) -> Result<(Vec<LogMessage>, u64)> {
        let execution = self.visible(caller, execution).await?;
        self.store().log_messages(execution.id, task, levels, limit, page).await
    }

    /// As [`Engine::log_messages`], of the messages that a filter lets through and from the end that is asked for.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_log_messages(
        &self,
        caller: &Caller,
        execution: ExecutionId,
        filter: &LogFilter,
        order: LogOrder,
        limit: u32,
        page: u32,
    ) -> Result<(Vec<LogMessage>, u64)> {
        let execution = self.visible(caller, execution).await?;
        self.store().find_log_messages(execution.id, filter, order, limit, page).await
    }

    /// How many messages of an execution's log are newer than this one; `None` when it has no such message (any more).
    ///
    /// # Errors
    /// `NotFound` for the execution.
    pub async fn newer_log_messages(
        &self,
        caller: &Caller,
        execution: ExecutionId,
        message: LogMessageId,
    ) -> Result<Option<u64>> {
        let execution = self.visible(caller, execution).await?;
        self.store().newer_log_messages(execution.id, message).await
    }

    /// Asks for the end of an execution. It is final: what runs is stopped, what waits ends at once, and neither
    /// begins again. One that has ended already stays as it is.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn cancel_execution(&self, caller: &Caller, id: ExecutionId) -> Result<Execution> {
        let execution = self.visible(caller, id).await?;
        let purpose = self.store().job_purpose(execution.job_id).await?;
        self.pool_to_run(caller, execution.pool_id, purpose).await?;
        while !self.cancel_as_it_stands(caller, id).await? {}
        self.store().execution(id).await
    }

    /// `false`: it stands elsewhere by now.
    pub(crate) async fn cancel_as_it_stands(&self, caller: &Caller, id: ExecutionId) -> Result<bool> {
        // Read before it is looked up here. What is claimed has its entry before the metadata says so and keeps it
        // until the metadata says more, so what runs by this reading and has no entry is run by nobody.
        let seen = self.store().held_execution(id).await?;
        if seen.execution.status.is_finished() {
            return Ok(true);
        }
        let Some(entry) = self.0.live.get(id) else {
            let text = match seen.execution {
                Execution { attempt: 1, interruptions: 0, status: Status::Queued, .. } => {
                    format!("canceled by {} before it began", caller.name)
                }
                _ => format!("canceled by {}", caller.name),
            };
            let ended = self.store().finish_seen(&seen, Status::Cancel, Some(&text), self.now()).await?;
            if ended {
                self.run_is_over(id);
            }
            return Ok(ended);
        };
        // Held to the end: the claim comes before, and the end before, or after and sees it.
        let mut standing = entry.standing().await;
        let Standing::Running { canceled_by } = &mut *standing else { return Ok(false) };
        canceled_by.get_or_insert_with(|| caller.name.clone());
        entry.cancel(self.now());
        // So that a kill of the server does not forget it. Asked for it is in any case.
        if let Err(error) = self.store().note_cancel(id, caller.name.as_str()).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(execution.id = %id, error, "a cancel cannot be recorded before the end");
        }
        self.changed(id);
        Ok(true)
    }

    /// What becomes of an execution whose end was asked for and that runs on; `None` when nobody asked, or nothing of
    /// it runs here. Whoever may see the execution may know.
    #[must_use]
    pub fn cancel_under_way(&self, execution: &Execution) -> Option<CancelUnderWay> {
        let asked_at = self.0.live.get(execution.id)?.cancel_asked()?;
        let patience = i64::try_from(self.0.plane.patience().as_millis()).unwrap_or(i64::MAX);
        let forced_at = Timestamp::from_millis(asked_at.as_millis().saturating_add(patience));
        Some(CancelUnderWay { asked_at, forced_at })
    }

    /// Cancels the live execution of a job, if there is one.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn cancel_data_job(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
    ) -> Result<Option<Execution>> {
        self.pool_to_execute(caller, pool).await?;
        let job = self.store().data_job(pool, job).await?;
        match self.store().live_execution(job.id).await? {
            Some(live) => self.cancel_execution(caller, live.id).await.map(Some),
            None => Ok(None),
        }
    }
}
