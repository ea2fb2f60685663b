//! Drops what is old, a little at a time, so that nobody waits long for the one writer. What is live stays,
//! and so do the newest and the last successful execution of every job. What goes takes its tasks, steps, log
//! messages and idempotency key along.

use forebay_core::id::ExecutionId;
use forebay_core::{Result, Timestamp};

use crate::db;
use crate::{Store, logs};

/// The most executions that go in one transaction.
const EXECUTIONS_AT_A_TIME: u32 = 500;
/// The most log messages that go in one transaction.
const MESSAGES_AT_A_TIME: u32 = 2_000;

impl Store {
    /// Drops some of the executions that ended before a moment, the oldest first, and says how many. 0: no
    /// more are due.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn drop_executions_ended_before(&self, moment: Timestamp) -> Result<u64> {
        let due = self.scan(move |connection| {
            let rows = db::query(
            "select id from executions as old
             where finished_at < $1
                 and seq is not (
                     select seq from executions where job_id = old.job_id order by queued_at desc, seq desc limit 1
                 )
                 and seq is not (
                     select seq from executions where job_id = old.job_id and status = 'SUCCESS'
                     order by queued_at desc, seq desc limit 1
                 )
             order by finished_at limit $2",
        )
        .bind(moment.as_millis())
        .bind(EXECUTIONS_AT_A_TIME)
        .fetch_all(connection)
        .map_err(db::error)?;
            rows.iter().map(|row| db::id(row, "id")).collect::<Result<Vec<ExecutionId>>>()
        }).await?;
        self.drop_executions(&due).await
    }

    /// Drops some of the executions of which a job has more than `most`, the oldest first, and says how many.
    /// 0: no more are due.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn drop_executions_beyond(&self, most: u64) -> Result<u64> {
        let due = self
            .scan(move |connection| {
                let rows = db::query(
                    "select id from (
                 select seq, id, job_id, finished_at,
                     row_number() over (partition by job_id order by queued_at desc, seq desc) as place
                 from executions
                 where job_id in (select job_id from executions group by job_id having count(*) > $1)
             ) as old
             where place > $1 and finished_at is not null
                 and seq is not (
                     select seq from executions where job_id = old.job_id and status = 'SUCCESS'
                     order by queued_at desc, seq desc limit 1
                 )
             order by seq limit $2",
                )
                .bind(db::integer(most))
                .bind(EXECUTIONS_AT_A_TIME)
                .fetch_all(connection)
                .map_err(db::error)?;
                rows.iter().map(|row| db::id(row, "id")).collect::<Result<Vec<ExecutionId>>>()
            })
            .await?;
        self.drop_executions(&due).await
    }

    /// Drops log messages of some executions that ended before a moment, and says of how many. 0: no more are
    /// due. Each of these executions keeps one message, with this text.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn drop_logs_of_executions_ended_before(&self, moment: Timestamp, text: &str) -> Result<u64> {
        let most = u64::from(MESSAGES_AT_A_TIME);
        let text = text.to_owned();
        self.transact_much(move |transaction| {
            let (mut executions, mut messages) = (0, 0);
            while executions < u64::from(EXECUTIONS_AT_A_TIME) && messages < most {
                let row = db::query(
                    "select id, finished_at from executions
                 where finished_at < $1 and finished_at is not null and logs_kept > 0
                 order by finished_at limit 1",
                )
                .bind(moment.as_millis())
                .fetch_optional(transaction)
                .map_err(db::error)?;
                let Some(row) = row else { break };
                let execution: ExecutionId = db::id(&row, "id")?;
                let done = db::query(
                    "delete from log_messages
                 where seq in (select seq from log_messages where execution_id = $1 limit $2)",
                )
                .bind(execution.to_string())
                .bind(MESSAGES_AT_A_TIME)
                .execute(transaction)
                .map_err(db::error)?
                .rows_affected();
                executions += 1;
                messages += done;
                if done < most {
                    db::query("update executions set logs_kept = 0 where id = $1")
                        .bind(execution.to_string())
                        .execute(transaction)
                        .map_err(db::error)?;
                    let at = db::time(&row, "finished_at")?;
                    logs::note(transaction, execution, at, "LOG_MESSAGES_DROPPED", &text)?;
                }
            }
            Ok(executions)
        })
        .await
    }

    /// Gives some of the file's empty pages back to the file system, and says how many are left.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn give_back_space(&self) -> Result<u64> {
        self.transact_much(|transaction| {
            // The statement does its work row by row: it must be read to its end.
            let sql = "pragma incremental_vacuum(1000)";
            db::query(sql).fetch_all(transaction).map_err(db::error)?;
            let row = db::query("pragma freelist_count").fetch_one(transaction).map_err(db::error)?;
            db::count(&row, "freelist_count")
        })
        .await
    }

    /// Drops these executions, the messages of large logs before.
    async fn drop_executions(&self, due: &[ExecutionId]) -> Result<u64> {
        if due.is_empty() {
            return Ok(0);
        }
        let ids = db::to_json(due)?;
        loop {
            let ids = ids.clone();
            let done = self.transact_much(move |transaction| {
                db::query(
                    "delete from log_messages where seq in (
                         select seq from log_messages
                         where execution_id in (select value from json_each($1)) limit $2
                     )",
                )
                .bind(ids)
                .bind(MESSAGES_AT_A_TIME)
                .execute(transaction)
                .map_err(db::error)
            });
            if done.await?.rows_affected() < u64::from(MESSAGES_AT_A_TIME) {
                break;
            }
        }
        let done = self.transact_much(move |transaction| {
            db::query(
                "delete from executions
                 where id in (select value from json_each($1)) and status not in ('QUEUED', 'RUNNING')",
            )
            .bind(ids)
            .execute(transaction)
            .map_err(db::error)
        });
        Ok(done.await?.rows_affected())
    }
}
