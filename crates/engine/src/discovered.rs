//! The tables that sources offer, looked for by name, and how many rows the sources think these have. What a source
//! said is kept for some seconds: people type a name letter by letter, and each letter would ask the source for all of
//! its tables.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission};
use forebay_core::connection::ConnectionConfig;
use forebay_core::error::{Error, Result};
use forebay_core::extraction::{SourceTableName, TableExtraction};
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId, TableExtractionId, TaskId};
use forebay_core::job::TaskKind;
use forebay_core::source::{SourceTable, meant_among};

use crate::Engine;
use crate::data::source_error;

/// How long an answer is used again.
const KEPT_MILLIS: i64 = 10_000;
/// Of how many connections answers are kept.
const CONNECTIONS: usize = 32;
/// A source with more tables than this is asked each time.
const TABLES: usize = 50_000;

/// What was asked lately.
#[derive(Default)]
pub(crate) struct Discovered(Mutex<HashMap<DataConnectionId, Answer>>);

struct Answer {
    /// The connection as it was asked: when it is another one, this is no answer.
    config: ConnectionConfig,
    at: Timestamp,
    tables: Arc<[OfferedTable]>,
}

/// A table that a source offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedTable {
    pub table: SourceTableName,
    /// The source's own estimate, by its statistics; `None` when it has none.
    pub rows: Option<u64>,
}

/// How many rows a table of an extraction has at its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowEstimate {
    pub task: TaskId,
    pub table: TableExtractionId,
    /// The source's own estimate, by its statistics.
    pub rows: u64,
}

impl Answer {
    fn holds(&self, now: Timestamp) -> bool {
        (0..KEPT_MILLIS).contains(&(now.as_millis() - self.at.as_millis()))
    }
}

impl Discovered {
    fn get(
        &self,
        connection: DataConnectionId,
        config: &ConnectionConfig,
        now: Timestamp,
    ) -> Option<Arc<[OfferedTable]>> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answers.get(&connection)?;
        (answer.holds(now) && answer.config == *config).then(|| Arc::clone(&answer.tables))
    }

    fn put(&self, connection: DataConnectionId, answer: Answer) {
        if answer.tables.len() > TABLES {
            return;
        }
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|_, kept| kept.holds(answer.at));
        if answers.len() >= CONNECTIONS
            && let Some(oldest) = answers.iter().min_by_key(|(_, kept)| kept.at).map(|(id, _)| *id)
        {
            answers.remove(&oldest);
        }
        answers.insert(connection, answer);
    }
}

impl Engine {
    /// The tables that a source offers and whose names are like this; all with an empty text.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; `Refused` when the source does not answer, with its own words for those who may
    /// edit the connection.
    pub async fn search_tables(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: DataConnectionId,
        like: &str,
    ) -> Result<Vec<OfferedTable>> {
        self.pool_with(caller, Permission::View, pool).await?;
        let tables = self.offered(caller, pool, connection).await?;
        Ok(tables.iter().filter(|offered| is_like(like, offered.table.name.as_str())).cloned().collect())
    }

    /// How many rows the tables of a job's extractions have, by the statistics of its source: nothing is counted. A
    /// table of which the source has no estimate is left out.
    ///
    /// # Errors
    /// As for [`Engine::search_tables`].
    pub async fn row_estimates(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
    ) -> Result<Vec<RowEstimate>> {
        self.pool_with(caller, Permission::View, pool).await?;
        let job = self.store().data_job(pool, job).await?;
        let tasks = self.store().tasks(job.id).await?;
        let extractions = tasks.iter().filter_map(|task| match &task.kind {
            TaskKind::Extraction(tables) => Some((task.id, tables)),
            TaskKind::Transformation(_) | TaskKind::DataModelLoad(_) => None,
        });
        let wanted: Vec<(TaskId, &TableExtraction)> =
            extractions.flat_map(|(task, tables)| tables.iter().map(move |table| (task, table))).collect();
        let (Some(connection), false) = (job.connection_id, wanted.is_empty()) else { return Ok(Vec::new()) };
        let offered = self.offered(caller, pool, connection).await?;
        let estimate = |(task, table): (TaskId, &TableExtraction)| {
            let found = meant_among(&offered, |offered| &offered.table, &table.table)?;
            Some(RowEstimate { task, table: table.id, rows: found.rows? })
        };
        Ok(wanted.into_iter().filter_map(estimate).collect())
    }

    /// What a source offers. Why it does not answer is told to those alone who may edit the connection.
    async fn offered(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: DataConnectionId,
    ) -> Result<Arc<[OfferedTable]>> {
        match self.discover(pool, connection).await {
            Ok(tables) => Ok(tables),
            Err(error @ (Error::NotFound { .. } | Error::Internal { .. })) => Err(error),
            Err(error) => {
                let message = match self.permissions_in(caller, pool).await?.contains(&Permission::Edit) {
                    true => error.to_string(),
                    false => {
                        "the data source cannot be reached as the data connection says; whoever may edit the \
                              data pool sees why when they test it"
                            .to_owned()
                    }
                };
                Err(Error::Refused { message })
            }
        }
    }

    async fn discover(&self, pool: DataPoolId, connection: DataConnectionId) -> Result<Arc<[OfferedTable]>> {
        let connection = self.store().data_connection(pool, connection).await?;
        let config = self.usable(&connection)?;
        let now = self.now();
        if let Some(tables) = self.0.discovered.get(connection.id, &config, now) {
            return Ok(tables);
        }
        let found = self.0.plane.discover(pool, &config).await.map_err(source_error)?;
        let offered = |found: SourceTable| OfferedTable { table: found.table, rows: found.rows };
        let tables: Arc<[OfferedTable]> = found.into_iter().map(offered).collect();
        self.0.discovered.put(connection.id, Answer { config, at: now, tables: Arc::clone(&tables) });
        Ok(tables)
    }
}

/// Case-insensitive; `%` stands for any text. Without it the text may be anywhere in the name.
fn is_like(pattern: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let pattern = pattern.to_lowercase();
    let Some((first, rest)) = pattern.split_once('%') else { return name.contains(&pattern) };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('%').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(place) => left = &left[place + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_percent_sign_stands_for_any_text() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(is_like(pattern, name), expected, "{pattern} {name}");
        };
        check("", "EKKO", true);
        check("ekk", "EKKO", true);
        check("KKO", "EKKO", true);
        check("E%O", "EKKO", true);
        check("E%K", "EKKO", false);
        check("%KK%", "EKKO", true);
        check("KK%", "EKKO", false);
        check("%", "EKKO", true);
        check("%%", "EKKO", true);
        check("E%K%O", "EKKO", true);
        check("O%O", "O", false);
        check("straß%", "STRASSE", false);
        check("ÜBER%", "übergabe", true);
        // A pattern of signs alone takes no longer than the name.
        check(&"%".repeat(10_000), &"x".repeat(255), true);
    }
}
