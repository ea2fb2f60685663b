//! Firings of schedules and the runs they led to. Whether something fires is written together with when the
//! schedule fires next, and every end names the state it expects.

mod rows;

use std::collections::HashMap;

use forebay_core::error::Kind;
use forebay_core::execution::Status;
use forebay_core::id::{DataPoolId, ExecutionId, ScheduleId, ScheduleRunId};
use forebay_core::schedule::{Firing, RunJob, Schedule, ScheduleRun};
use forebay_core::{Error, Result, Timestamp};

use crate::Store;
use crate::db;
use crate::schedule_runs::rows::{cancel, cancel_waiting, forget_old, insert, read_all};
use crate::schedules;

impl Store {
    /// Records firings of a schedule and moves it on to its next one, both or neither. Those that were recorded
    /// before are left as they are. `cancel_live` first asks for the end of the runs that are on. `false`, and
    /// nothing is recorded, when the schedule was changed since it was read.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn record_firings(
        &self,
        schedule: &Schedule,
        runs: &[ScheduleRun],
        next: Option<Firing>,
        cancel_live: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        self.transact(|transaction| {
            if !schedules::set_next(transaction, schedule.id, schedule.next, next)? {
                return Ok(false);
            }
            if let Some(reason) = cancel_live {
                cancel(transaction, schedule.id, reason, now)?;
            }
            for run in runs {
                insert(transaction, run)?;
            }
            forget_old(transaction, schedule.id)?;
            Ok(true)
        })
        .await
    }

    /// Records one firing that no timetable asked for. `false` when it was recorded before.
    ///
    /// # Errors
    /// `Conflict` when the schedule is gone.
    pub async fn record_run(
        &self,
        run: &ScheduleRun,
        cancel_live: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        self.transact(|transaction| {
            if let Some(reason) = cancel_live {
                cancel(transaction, run.schedule_id, reason, now)?;
            }
            let is_new = insert(transaction, run)?;
            forget_old(transaction, run.schedule_id)?;
            Ok(is_new)
        })
        .await
    }

    /// The runs of all schedules that have not ended, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn live_schedule_runs(&self) -> Result<Vec<ScheduleRun>> {
        let transaction = self.snapshot()?;
        let rows =
            db::query("select * from schedule_runs where status in ('QUEUED', 'RUNNING') order by seq")
                .fetch_all(&transaction)
                .map_err(db::error)?;
        read_all(&transaction, &rows)
    }

    /// The runs of one schedule that have not ended, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn live_runs_of(&self, schedule: ScheduleId) -> Result<Vec<ScheduleRun>> {
        let transaction = self.snapshot()?;
        let rows = db::query(
            "select * from schedule_runs
             where schedule_id = $1 and status in ('QUEUED', 'RUNNING') order by seq",
        )
        .bind(schedule.to_string())
        .fetch_all(&transaction)
        .map_err(db::error)?;
        read_all(&transaction, &rows)
    }

    /// One page of a schedule's firings, the newest first (pages count from 0), and how many there are in all.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn schedule_runs(
        &self,
        pool: DataPoolId,
        schedule: ScheduleId,
        limit: u32,
        page: u32,
    ) -> Result<(Vec<ScheduleRun>, u64)> {
        self.scan(move |connection| {
            let row = db::query(
                "select count(*) as runs from schedule_runs where pool_id = $1 and schedule_id = $2",
            )
            .bind(pool.to_string())
            .bind(schedule.to_string())
            .fetch_one(connection)
            .map_err(db::error)?;
            let total = db::count(&row, "runs")?;
            let rows = db::query(
                "select * from schedule_runs where pool_id = $1 and schedule_id = $2
             order by seq desc limit $3 offset $4",
            )
            .bind(pool.to_string())
            .bind(schedule.to_string())
            .bind(i64::from(limit))
            .bind(i64::from(limit) * i64::from(page))
            .fetch_all(connection)
            .map_err(db::error)?;
            Ok((read_all(connection, &rows)?, total))
        })
        .await
    }

    /// The newest firing of each schedule of a pool that has fired.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn newest_schedule_runs(&self, pool: DataPoolId) -> Result<Vec<ScheduleRun>> {
        let transaction = self.snapshot()?;
        let rows = db::query(
            "select * from schedule_runs where seq in (
               select (select max(seq) from schedule_runs where schedule_id = schedules.id)
               from schedules where pool_id = $1
             )",
        )
        .bind(pool.to_string())
        .fetch_all(&transaction)
        .map_err(db::error)?;
        read_all(&transaction, &rows)
    }

    /// # Errors
    /// `NotFound`.
    pub async fn schedule_run(&self, id: ScheduleRunId) -> Result<ScheduleRun> {
        let transaction = self.snapshot()?;
        let rows = db::query("select * from schedule_runs where id = $1")
            .bind(id.to_string())
            .fetch_all(&transaction)
            .map_err(db::error)?;
        let run = read_all(&transaction, &rows)?.pop();
        run.ok_or_else(|| Error::not_found(Kind::ScheduleRun, id))
    }

    /// Begins a run that waits. `false` when it does not wait any more.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn start_schedule_run(&self, id: ScheduleRunId, now: Timestamp) -> Result<bool> {
        let done = db::query(
            "update schedule_runs set status = 'RUNNING', started_at = $2 where id = $1 and status = 'QUEUED'",
        )
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute_on(self.write())
.await
        .map_err(db::error)?;
        Ok(done.rows_affected() > 0)
    }

    /// Writes how a job's turn stands, as long as it has not ended.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn update_run_job(&self, run: ScheduleRunId, job: &RunJob) -> Result<()> {
        db::query(
            "update schedule_run_jobs
             set status = $3, execution_id = $4, message = $5, started_at = $6, finished_at = $7
             where run_id = $1 and position = $2 and status in ('QUEUED', 'RUNNING')",
        )
        .bind(run.to_string())
        .bind(i64::from(job.position))
        .bind(job.status.as_str())
        .bind(job.execution_id.map(|id| id.to_string()))
        .bind(job.message.as_deref())
        .bind(job.started_at.map(Timestamp::as_millis))
        .bind(job.finished_at.map(Timestamp::as_millis))
        .execute_on(self.write())
        .await
        .map_err(db::error)?;
        Ok(())
    }

    /// Ends a run, with the turns that did not come, and records the runs of the schedules that follow it.
    /// `false` when it had ended before.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn finish_schedule_run(
        &self,
        id: ScheduleRunId,
        status: Status,
        message: Option<&str>,
        followers: &[(ScheduleRun, Option<String>)],
        now: Timestamp,
    ) -> Result<bool> {
        self.transact(|transaction| {
            let done = db::query(
                "update schedule_runs set status = $2, message = coalesce($3, message), finished_at = $4
             where id = $1 and status in ('QUEUED', 'RUNNING')",
            )
            .bind(id.to_string())
            .bind(status.as_str())
            .bind(message)
            .bind(now.as_millis())
            .execute(transaction)
            .map_err(db::error)?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            db::query(
                "update schedule_run_jobs set status = 'SKIPPED', finished_at = $2
             where run_id = $1 and status in ('QUEUED', 'RUNNING')",
            )
            .bind(id.to_string())
            .bind(now.as_millis())
            .execute(transaction)
            .map_err(db::error)?;
            for (run, cancel_live) in followers {
                if let Some(reason) = cancel_live {
                    cancel(transaction, run.schedule_id, reason, now)?;
                }
                insert(transaction, run)?;
                forget_old(transaction, run.schedule_id)?;
            }
            Ok(true)
        })
        .await
    }

    /// Asks for the end of what a schedule has on: runs that wait end at once, one that runs is marked.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn cancel_schedule_runs(
        &self,
        schedule: ScheduleId,
        reason: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.transact(|transaction| {
            cancel(transaction, schedule, reason, now)?;
            Ok(())
        })
        .await
    }

    /// Ends the runs of all schedules at once, for a store that nothing runs from.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn cancel_all_schedule_runs(&self, reason: &str, now: Timestamp) -> Result<()> {
        self.transact(|transaction| {
            for sql in [
                "update schedule_run_jobs set status = 'CANCEL', message = $1, finished_at = $2
             where status in ('QUEUED', 'RUNNING')",
                "update schedule_runs set status = 'CANCEL', message = $1, finished_at = $2
             where status in ('QUEUED', 'RUNNING')",
            ] {
                db::query(sql).bind(reason).bind(now.as_millis()).execute(transaction).map_err(db::error)?;
            }
            Ok(())
        })
        .await
    }

    /// Ends the runs of a schedule that wait; one that runs goes on.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn cancel_waiting_runs(
        &self,
        schedule: ScheduleId,
        reason: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.transact(|transaction| {
            cancel_waiting(transaction, schedule, reason, now)?;
            Ok(())
        })
        .await
    }

    /// The schedules that started executions, with their names.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn schedules_of_executions(
        &self,
        executions: &[ExecutionId],
    ) -> Result<HashMap<ExecutionId, (ScheduleId, String)>> {
        let ids: Vec<String> = executions.iter().map(ToString::to_string).collect();
        let rows = db::query(
            "select schedule_run_jobs.execution_id, schedules.id, schedules.name from schedule_run_jobs
             join schedule_runs on schedule_runs.id = schedule_run_jobs.run_id
             join schedules on schedules.id = schedule_runs.schedule_id
             where schedule_run_jobs.execution_id in (select value from json_each($1))",
        )
        .bind(db::to_json(&ids)?)
        .fetch_all(&*self.read()?)
        .map_err(db::error)?;
        rows.iter()
            .map(|row| Ok((db::id(row, "execution_id")?, (db::id(row, "id")?, db::get(row, "name")?))))
            .collect()
    }
}
