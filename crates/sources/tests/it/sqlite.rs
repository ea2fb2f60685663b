//! The SQLite connector against real database files.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use forebay_core::conformance::source::{Row, SourceFixture, all};
use forebay_core::connection::{ConnectionConfig, SqliteConfig};
use forebay_core::extraction::SourceTableName;
use forebay_core::source::Source;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::reading::table_name;

mod catalog;
mod delta;
mod snapshot;
mod types;

/// A database in a folder of its own, and a connection that writes to it.
struct Database {
    dir: TempDir,
    writer: Mutex<SqliteConnection>,
}

impl Database {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        // In this mode a writer does not wait for readers.
        let options = SqliteConnectOptions::new()
            .filename(dir.path().join("data.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        Self { writer: Mutex::new(options.connect().await.unwrap()), dir }
    }

    /// A database on which statements were run.
    async fn with(sql: &str) -> Self {
        let database = Self::new().await;
        database.run(sql).await;
        database
    }

    async fn run(&self, sql: &str) {
        let mut writer = self.writer.lock().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()).into_sql_str()).execute(&mut *writer).await.unwrap();
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("data.db")
    }

    fn source(&self) -> Box<dyn Source> {
        open(&self.path())
    }
}

fn open(path: &Path) -> Box<dyn Source> {
    forebay_sources::open(&ConnectionConfig::Sqlite(SqliteConfig { path: path.to_owned() }), 2).unwrap()
}

#[async_trait]
impl SourceFixture for Database {
    fn source(&self) -> Box<dyn Source> {
        self.source()
    }

    fn missing(&self) -> Box<dyn Source> {
        open(&self.dir.path().join("nowhere.db"))
    }

    fn table(&self, name: &str) -> SourceTableName {
        table_name(name)
    }

    async fn create(&self, name: &str, rows: &[Row]) {
        self.run(&format!("CREATE TABLE {name} (id INTEGER PRIMARY KEY, name TEXT, changed TIMESTAMP)"))
            .await;
        self.insert(name, rows).await;
    }

    async fn insert(&self, name: &str, rows: &[Row]) {
        let mut writer = self.writer.lock().await;
        let mut transaction = writer.begin().await.unwrap();
        let sql = format!("INSERT INTO {name} VALUES (?, ?, ?)");
        for row in rows {
            sqlx::query(AssertSqlSafe(sql.clone()).into_sql_str())
                .bind(row.id)
                .bind(&row.name)
                .bind(row.changed.map(|changed| changed.text()))
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_is_a_source() {
    all(&Database::new().await).await;
}
