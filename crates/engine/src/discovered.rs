//! The tables that sources offer, looked for by name. What a source said is kept for some seconds: people type a
//! name letter by letter, and each letter would ask the source for all of its tables.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission};
use forebay_core::connection::ConnectionConfig;
use forebay_core::error::{Error, Result};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::{DataConnectionId, DataPoolId};

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
    tables: Arc<[SourceTableName]>,
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
    ) -> Option<Arc<[SourceTableName]>> {
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
    ) -> Result<Vec<SourceTableName>> {
        self.pool_with(caller, Permission::View, pool).await?;
        let tables = match self.discover(pool, connection).await {
            Ok(tables) => tables,
            Err(error @ (Error::NotFound { .. } | Error::Internal { .. })) => return Err(error),
            Err(error) => {
                let message = match self.permissions_in(caller, pool).await?.contains(&Permission::Edit) {
                    true => error.to_string(),
                    false => {
                        "the data source cannot be reached as the data connection says; whoever may edit the \
                              data pool sees why when they test it"
                            .to_owned()
                    }
                };
                return Err(Error::Refused { message });
            }
        };
        Ok(tables.iter().filter(|table| is_like(like, table.name.as_str())).cloned().collect())
    }

    async fn discover(
        &self,
        pool: DataPoolId,
        connection: DataConnectionId,
    ) -> Result<Arc<[SourceTableName]>> {
        let connection = self.store().data_connection(pool, connection).await?;
        let config = self.usable(&connection)?;
        let now = self.now();
        if let Some(tables) = self.0.discovered.get(connection.id, &config, now) {
            return Ok(tables);
        }
        let found = self.0.plane.discover(pool, &config).await.map_err(source_error)?;
        let tables: Arc<[SourceTableName]> = found.into_iter().map(|found| found.table).collect();
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
