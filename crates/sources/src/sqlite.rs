//! SQLite database files, opened read only. A snapshot is one read transaction.

mod catalog;
mod order;
mod query;
mod snapshot;
mod values;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use forebay_core::check::Step;
use forebay_core::connection::SqliteConfig;
use forebay_core::source::{Snapshot, Source, SourceError, SourceErrorKind, SourceTable};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use snapshot::SqliteSnapshot;

/// One SQLite database file.
pub(crate) struct Sqlite {
    config: SqliteConfig,
}

impl Sqlite {
    pub(crate) fn new(config: SqliteConfig) -> Self {
        Self { config }
    }

    async fn connect(&self) -> Result<SqliteConnection, SourceError> {
        let path = self.file().await?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .read_only(true)
            .create_if_missing(false)
            .busy_timeout(Duration::from_secs(30))
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|error| failed("open the database", error))?;
        // SQLite reads nothing when it opens a file: only this says whether it is a database.
        sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1")
            .fetch_optional(&mut connection)
            .await
            .map_err(|error| failed("open the database", error))?;
        Ok(connection)
    }

    /// The absolute path, once the file is known to be one that can be read.
    async fn file(&self) -> Result<PathBuf, SourceError> {
        let path = &self.config.path;
        let opened = async {
            let path = tokio::fs::canonicalize(path).await?;
            let file = tokio::fs::File::open(&path).await?;
            Ok::<_, io::Error>((path, file.metadata().await?.is_file()))
        };
        let shown = path.display();
        match opened.await {
            Ok((path, true)) => Ok(path),
            Ok((_, false)) => Err(SourceError::new(
                SourceErrorKind::Invalid,
                format!("{shown} is not a file; give the path of a SQLite database file"),
            )),
            Err(error) => {
                let (kind, message) = match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => (
                        SourceErrorKind::Invalid,
                        format!(
                            "the file {shown} does not exist; check the path as the server sees it (a database \
                             is never created)"
                        ),
                    ),
                    io::ErrorKind::PermissionDenied => (
                        SourceErrorKind::Denied,
                        format!(
                            "the file {shown} may not be read; give the server's user the right to read it"
                        ),
                    ),
                    _ => {
                        (SourceErrorKind::Unreachable, format!("the file {shown} cannot be opened: {error}"))
                    }
                };
                Err(SourceError::new(kind, message).caused_by(error))
            }
        }
    }
}

#[async_trait]
impl Source for Sqlite {
    async fn check(&self) -> Result<(), SourceError> {
        let checked = async {
            let connection = self.connect().await?;
            connection.close().await.map_err(|error| failed("close the database", error))
        };
        checked.await.map_err(|error| error.or_at(Step::Open))
    }

    async fn discover(&self) -> Result<Vec<SourceTable>, SourceError> {
        let mut connection = self.connect().await?;
        let tables = catalog::tables(&mut connection).await?;
        connection.close().await.map_err(|error| failed("close the database", error))?;
        Ok(tables)
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, SourceError> {
        Ok(Box::new(SqliteSnapshot::begin(self.connect().await?).await?))
    }
}

/// An error of SQLite in the words of the seam. `step` goes on from "cannot".
fn failed(step: &str, error: sqlx::Error) -> SourceError {
    use SourceErrorKind::{Denied, Invalid, Unreachable};
    let code = match &error {
        sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<i32>().ok()),
        _ => None,
    };
    // The low byte is the primary result code.
    let (kind, remedy) = match code.map(|code| code & 0xff) {
        Some(1) => (Invalid, ""),
        Some(3 | 23) => (Denied, "; give the server's user the right to read the file"),
        Some(5 | 6) => (Unreachable, "; another program holds the database locked, try again later"),
        Some(8 | 14) => (
            Unreachable,
            "; a database in WAL mode needs its -wal and -shm files, or the right to create them in its folder",
        ),
        Some(11) => (Invalid, "; the file is damaged, restore it or repair it with sqlite3's .recover"),
        Some(26) => (Invalid, "; the file is not a SQLite database or it is encrypted"),
        _ => (Unreachable, ""),
    };
    let reason = match &error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        error => error.to_string(),
    };
    SourceError::new(kind, format!("cannot {step}: {reason}{remedy}")).caused_by(error)
}
