//! What an execution says of itself: log messages.

use forebay_core::execution::{LogFilter, LogLevel, LogMessage, LogOrder};
use forebay_core::id::{ExecutionId, LogMessageId, TaskId};
use forebay_core::{Result, Timestamp};

use crate::Store;
use crate::db::{self, Connection, Row};

/// A statement on the messages that a filter lets through: the values are the execution, a task, levels as JSON and
/// a text.
macro_rules! found_messages {
    ($selected:literal, $order:literal) => {
        concat!(
            $selected,
            " from log_messages
             where execution_id = $1 and ($2 is null or task_id = $2)
                 and ($3 is null or level in (select value from json_each($3)))
                 and ($4 is null or instr(lower(text), lower($4)) > 0) ",
            $order
        )
    };
}

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
        let filter = LogFilter { task, levels: levels.to_vec(), text: None };
        self.find_log_messages(execution, &filter, LogOrder::NewestFirst, limit, page).await
    }

    /// As [`Store::log_messages`], of those that a filter lets through.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn find_log_messages(
        &self,
        execution: ExecutionId,
        filter: &LogFilter,
        order: LogOrder,
        limit: u32,
        page: u32,
    ) -> Result<(Vec<LogMessage>, u64)> {
        let levels = if filter.levels.is_empty() { None } else { Some(db::to_json(&filter.levels)?) };
        let task = filter.task.map(|id| id.to_string());
        let text = filter.text.clone();
        self.scan(move |connection| {
            let found = |sql| {
                db::query(sql)
                    .bind(execution.to_string())
                    .bind(task.as_deref())
                    .bind(levels.as_deref())
                    .bind(text.as_deref())
            };
            let row = found(found_messages!("select count(*) as messages", ""))
                .fetch_one(connection)
                .map_err(db::error)?;
            let total = db::count(&row, "messages")?;
            let sql = match order {
                LogOrder::NewestFirst => {
                    found_messages!("select *", "order by at desc, seq desc limit $5 offset $6")
                }
                LogOrder::OldestFirst => found_messages!("select *", "order by at, seq limit $5 offset $6"),
            };
            let rows = found(sql)
                .bind(i64::from(limit))
                .bind(i64::from(limit) * i64::from(page))
                .fetch_all(connection)
                .map_err(db::error)?;
            let messages = rows.iter().map(log_message).collect::<Result<_>>()?;
            Ok((messages, total))
        })
        .await
    }

    /// How many messages of an execution are newer than this one; `None` when it has no such message.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn newer_log_messages(
        &self,
        execution: ExecutionId,
        message: LogMessageId,
    ) -> Result<Option<u64>> {
        self.scan(move |connection| {
            let row = db::query(
                "select (
                     select count(*) from log_messages
                     where execution_id = this.execution_id and (at, seq) > (this.at, this.seq)
                 ) as newer
                 from log_messages as this where id = $2 and execution_id = $1",
            )
            .bind(execution.to_string())
            .bind(message.to_string())
            .fetch_optional(connection)
            .map_err(db::error)?;
            row.as_ref().map(|row| db::count(row, "newer")).transpose()
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
