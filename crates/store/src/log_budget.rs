//! How much an execution may say: so many messages, of so many bytes each. What is beyond is counted and
//! dropped, and one message says how much that was; it is kept true as more is dropped.

use std::borrow::Cow;

use forebay_core::execution::LogLevel;
use forebay_core::id::ExecutionId;
use forebay_core::settings::{ServiceSettings, Setting};
use forebay_core::text::cut;
use forebay_core::{Result, Timestamp};

use crate::db::{self, Connection, Row};
use crate::logs::{self, Line};
use crate::settings;

/// What is left for an execution, while one transaction writes its news.
pub(crate) struct LogBudget {
    execution: ExecutionId,
    settings: ServiceSettings,
    kept: u64,
    dropped: u64,
    /// Before this transaction.
    dropped_before: u64,
    last_at: Option<Timestamp>,
}

impl LogBudget {
    /// `row`: the execution's `logs_kept` and `logs_dropped`.
    pub(crate) fn of(connection: &Connection, execution: ExecutionId, row: &Row) -> Result<Self> {
        let dropped = db::count(row, "logs_dropped")?;
        Ok(Self {
            execution,
            settings: settings::read(connection)?,
            kept: db::count(row, "logs_kept")?,
            dropped,
            dropped_before: dropped,
            last_at: None,
        })
    }

    /// Keeps a message, or counts it as dropped.
    pub(crate) fn log(&mut self, connection: &Connection, line: Line<'_>) -> Result<()> {
        let limit = self.settings.log_messages_per_execution();
        // A flood of anything else must not take the place of the message that says what failed.
        let limit = if line.level == LogLevel::Error { limit } else { limit - limit / 10 };
        self.last_at = Some(line.at);
        if self.kept >= limit {
            self.dropped += 1;
            return Ok(());
        }
        self.kept += 1;
        let kept = self.cut(line.text);
        logs::insert(connection, self.execution, Line { text: &kept, ..line })
    }

    /// A text that is no longer than a message may be. What is cut says so.
    pub(crate) fn cut<'a>(&self, text: &'a str) -> Cow<'a, str> {
        cut(text, self.settings.log_message_bytes())
    }

    /// Writes down what was kept and dropped.
    pub(crate) fn close(self, connection: &Connection) -> Result<()> {
        let Some(at) = self.last_at else { return Ok(()) };
        db::query("update executions set logs_kept = $2, logs_dropped = $3 where id = $1")
            .bind(self.execution.to_string())
            .bind(db::integer(self.kept))
            .bind(db::integer(self.dropped))
            .execute(connection)
            .map_err(db::error)?;
        if self.dropped == self.dropped_before {
            return Ok(());
        }
        db::query("update totals set logs_dropped = logs_dropped + $1")
            .bind(db::integer(self.dropped - self.dropped_before))
            .execute(connection)
            .map_err(db::error)?;
        let text = format!(
            "… {} more messages were dropped: an execution keeps {} ({})",
            self.dropped,
            self.settings.log_messages_per_execution(),
            Setting::LogMessagesPerExecution.name(),
        );
        logs::note(connection, self.execution, at, "LOG_MESSAGES_DROPPED", &text)
    }
}
