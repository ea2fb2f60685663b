//! The log of an execution: what of it is shown, page by page, and all of that as a file of text.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::execution::{LogFilter, LogLevel, LogMessage, LogOrder, TaskExecution};
use forebay_core::id::{DataPoolId, ExecutionId, LogMessageId, TaskId};
use forebay_engine::Engine;
use serde::Deserialize;

use super::in_its_pool;
use crate::page::{At, Shown};
use crate::session::SignedIn;
use crate::words::moment;

/// The messages on one page.
const MESSAGES: u32 = 200;
/// The messages that are read at a time for a file.
const AT_A_TIME: u32 = 1000;

/// The levels that can be asked for, as they are written in addresses and on the page.
pub(super) const LEVELS: [(&str, &str); 4] = [
    ("all", "All messages"),
    ("info", "Without debugging"),
    ("problems", "Warnings and errors"),
    ("errors", "Errors"),
];

/// Which messages of the log.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Asked {
    levels: Option<String>,
    task: Option<String>,
    q: Option<String>,
    page: Option<String>,
    /// A message: the page that it is on.
    line: Option<String>,
}

impl Asked {
    pub(super) fn levels(&self) -> &str {
        self.levels.as_deref().filter(|levels| !levels.is_empty()).unwrap_or("all")
    }

    pub(super) fn task(&self) -> &str {
        self.task.as_deref().unwrap_or_default()
    }

    pub(super) fn text(&self) -> &str {
        self.q.as_deref().unwrap_or_default().trim()
    }

    /// Whether some messages are left out.
    pub(super) fn is_filtered(&self) -> bool {
        self.levels() != "all" || !self.task().is_empty() || !self.text().is_empty()
    }

    /// The filters as they stand in an address.
    pub(super) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("levels", self.levels())
            .append_pair("task", self.task())
            .append_pair("q", self.text())
            .finish()
    }

    fn filter(&self) -> Result<LogFilter> {
        let levels: &[LogLevel] = match self.levels() {
            "all" => &[],
            "info" => &[LogLevel::Info, LogLevel::Warning, LogLevel::Error],
            "problems" => &[LogLevel::Warning, LogLevel::Error],
            "errors" => &[LogLevel::Error],
            other => {
                let known = LEVELS.map(|(name, _)| name).join(", ");
                return Err(Error::invalid("levels", format!("must be one of {known}, not `{other}`")));
            }
        };
        let task = match self.task() {
            "" => None,
            text => {
                let id = text.parse().map_err(|_| Error::invalid("task", format!("`{text}` is no id")))?;
                Some(id)
            }
        };
        let text = Some(self.text()).filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(LogFilter { task, levels: levels.to_vec(), text })
    }
}

/// A page of the log.
#[derive(Default)]
pub(super) struct LogView {
    pub(super) messages: Vec<MessageRow>,
    /// How many messages there are on all pages.
    pub(super) total: u64,
    pub(super) newer: Option<u32>,
    pub(super) older: Option<u32>,
}

pub(super) struct MessageRow {
    pub(super) id: LogMessageId,
    pub(super) at: String,
    pub(super) level: &'static str,
    pub(super) task: String,
    pub(super) text: String,
    /// Whether the address asks for this one.
    pub(super) is_asked: bool,
}

impl LogView {
    /// The page that is asked for, the newest message first.
    pub(super) async fn of(
        engine: &Engine,
        caller: &Caller,
        execution: ExecutionId,
        tasks: &[TaskExecution],
        asked: &Asked,
    ) -> Result<Self> {
        let mut filter = asked.filter()?;
        let mut page = asked.page.as_deref().and_then(|page| page.parse().ok()).unwrap_or_default();
        let line: Option<LogMessageId> = asked.line.as_deref().and_then(|line| line.parse().ok());
        if let Some(line) = line
            && let Some(newer) = engine.newer_log_messages(caller, execution, line).await?
        {
            filter = LogFilter::default();
            page = u32::try_from(newer / u64::from(MESSAGES)).unwrap_or(u32::MAX);
        }
        let (found, total) = engine
            .find_log_messages(caller, execution, &filter, LogOrder::NewestFirst, MESSAGES, page)
            .await?;
        let names = names(tasks);
        let row = |message: &LogMessage| MessageRow {
            id: message.id,
            at: moment(message.at),
            level: level(message.level),
            task: message.task_id.and_then(|task| names.get(&task).cloned()).unwrap_or_default(),
            text: message.text.clone(),
            is_asked: Some(message.id) == line,
        };
        let shown = u64::from(page) * u64::from(MESSAGES) + found.len() as u64;
        Ok(Self {
            messages: found.iter().map(row).collect(),
            total,
            newer: page.checked_sub(1),
            older: (shown < total && !found.is_empty()).then(|| page + 1),
        })
    }
}

const fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warning => "warning",
        LogLevel::Error => "error",
    }
}

fn names(tasks: &[TaskExecution]) -> HashMap<TaskId, String> {
    tasks.iter().map(|task| (task.task_id, task.name.clone())).collect()
}

/// The messages that are asked for as a file, the oldest first.
pub(crate) async fn log_text(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ExecutionId)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let (execution, tasks) = engine.execution(&signed_in.caller, id).await?;
    in_its_pool(&execution, pool)?;
    let filter = asked.filter()?;
    let names = names(&tasks);
    let file = LogFile { engine, caller: signed_in.caller, id, filter, names, page: Some(0) };
    let body = Body::from_stream(futures::stream::try_unfold(file, LogFile::next));
    let name = format!("attachment; filename=\"execution-{id}.log.txt\"");
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, body).into_response())
}

/// A log on its way to a file.
struct LogFile {
    engine: Engine,
    caller: Caller,
    id: ExecutionId,
    filter: LogFilter,
    names: HashMap<TaskId, String>,
    /// The page that comes next; `None` after the last one.
    page: Option<u32>,
}

impl LogFile {
    async fn next(mut self) -> Result<Option<(String, Self)>> {
        let Some(page) = self.page else { return Ok(None) };
        let order = LogOrder::OldestFirst;
        let (found, _) = self
            .engine
            .find_log_messages(&self.caller, self.id, &self.filter, order, AT_A_TIME, page)
            .await?;
        let is_full = u32::try_from(found.len()).is_ok_and(|length| length == AT_A_TIME);
        self.page = is_full.then(|| page + 1);
        let text = found.iter().map(|message| self.line(message)).collect();
        Ok(Some((text, self)))
    }

    fn line(&self, message: &LogMessage) -> String {
        let at = match jiff::Timestamp::from_millisecond(message.at.as_millis()) {
            Ok(at) => format!("{at:.3}"),
            Err(_) => moment(message.at),
        };
        let task = message.task_id.and_then(|task| self.names.get(&task));
        let task = task.map(|task| format!(" [{task}]")).unwrap_or_default();
        // What goes on in a second line is not to be taken for another message.
        let text = message.text.replace('\n', "\n    ");
        format!("{at} {}{task} {text}\n", level(message.level).to_uppercase())
    }
}
