//! What an execution says of itself: log messages, the newest first.

use forebay_core::execution::{LogLevel, LogMessage};
use forebay_core::id::{ExecutionId, LogMessageId, TaskId};
use forebay_core::{Result, Timestamp};

use crate::Store;
use crate::db::{self, Connection, Row};

impl Store {
    /// One page of an execution's messages (pages count from 0) and how many there are in all. No task: those
    /// of every task and of none. No levels: every level.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn log_messages(
        &self,
        execution: ExecutionId,
        task: Option<TaskId>,
        levels: &[LogLevel],
        limit: u32,
        page: u32,
    ) -> Result<(Vec<LogMessage>, u64)> {
        let levels = if levels.is_empty() { None } else { Some(db::to_json(levels)?) };
        self.scan(move |connection| {
            let task = task.map(|id| id.to_string());
            let row = db::query(
                "select count(*) as messages from log_messages
             where execution_id = $1 and ($2 is null or task_id = $2)
                 and ($3 is null or level in (select value from json_each($3)))",
            )
            .bind(execution.to_string())
            .bind(task.as_deref())
            .bind(levels.as_deref())
            .fetch_one(connection)
            .map_err(db::error)?;
            let total = db::count(&row, "messages")?;
            let rows = db::query(
                "select * from log_messages
             where execution_id = $1 and ($2 is null or task_id = $2)
                 and ($3 is null or level in (select value from json_each($3)))
             order by at desc, seq desc limit $4 offset $5",
            )
            .bind(execution.to_string())
            .bind(task.as_deref())
            .bind(levels.as_deref())
            .bind(i64::from(limit))
            .bind(i64::from(limit) * i64::from(page))
            .fetch_all(connection)
            .map_err(db::error)?;
            let messages = rows.iter().map(log_message).collect::<Result<_>>()?;
            Ok((messages, total))
        })
        .await
    }
}

/// A message before it is kept.
pub(crate) struct Line<'a> {
    pub(crate) task: Option<TaskId>,
    pub(crate) at: Timestamp,
    pub(crate) level: LogLevel,
    pub(crate) code: &'a str,
    pub(crate) text: &'a str,
}

pub(crate) fn insert(connection: &Connection, execution: ExecutionId, line: Line<'_>) -> Result<()> {
    db::query(
        "insert into log_messages (id, execution_id, task_id, at, level, code, text)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(LogMessageId::random().to_string())
    .bind(execution.to_string())
    .bind(line.task.map(|id| id.to_string()))
    .bind(line.at.as_millis())
    .bind(db::to_word(line.level)?)
    .bind(line.code)
    .bind(line.text)
    .execute(connection)
    .map_err(db::error)?;
    Ok(())
}

/// The store's own message in an execution's log. There is at most one: a later one takes its place.
pub(crate) fn note(
    connection: &Connection,
    execution: ExecutionId,
    at: Timestamp,
    code: &str,
    text: &str,
) -> Result<()> {
    // The execution's own id names it, since no message of a run has that.
    db::query(
        "insert into log_messages (id, execution_id, at, level, code, text) values ($1, $1, $2, 'WARNING', $3, $4)
         on conflict (id) do update set at = excluded.at, code = excluded.code, text = excluded.text",
    )
    .bind(execution.to_string())
    .bind(at.as_millis())
    .bind(code)
    .bind(text)
    .execute(connection)
    .map_err(db::error)?;
    Ok(())
}

fn log_message(row: &Row) -> Result<LogMessage> {
    Ok(LogMessage {
        id: db::id(row, "id")?,
        execution_id: db::id(row, "execution_id")?,
        task_id: db::optional_id(row, "task_id")?,
        at: db::time(row, "at")?,
        level: db::word(row, "level")?,
        code: db::get(row, "code")?,
        text: db::get(row, "text")?,
    })
}
