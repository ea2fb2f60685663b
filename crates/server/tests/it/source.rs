//! A PostgreSQL database as a source: what tests write into it, and what it holds as text.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::postgres_server::{Database, PostgresServer, Setup};

/// A database of a test's own.
pub(crate) struct Source {
    database: Database,
    client: Client,
    /// Ends with the source, when it is not the shared one.
    _server: Option<PostgresServer>,
}

impl Source {
    /// A database on the server that all tests share.
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("source_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let database = PostgresServer::shared().await.database(&name).await;
        let client = database.client().await;
        Self { database, client, _server: None }
    }

    /// A database that is there already.
    #[allow(dead_code, reason = "of the fault suite, which includes this file")]
    pub(crate) async fn of(database: Database) -> Self {
        let client = database.client().await;
        Self { database, client, _server: None }
    }

    /// A database on a server where nobody else does anything.
    pub(crate) async fn alone() -> Self {
        let server = PostgresServer::start(Setup::default()).await;
        let database = server.database("source").await;
        let client = database.client().await;
        Self { database, client, _server: Some(server) }
    }

    /// The configuration of a data connection to it.
    pub(crate) fn configuration(&self) -> Value {
        let Database { host, port, user, password, database } = &self.database;
        json!({
            "host": host, "port": port, "database": database, "user": user, "password": password,
            "sslMode": "disable",
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Another session.
    pub(crate) async fn session(&self) -> Client {
        self.database.client().await
    }

    pub(crate) async fn execute(&self, sql: &str) {
        if let Err(error) = self.client.batch_execute(sql).await {
            panic!("{error:?} in {sql}");
        }
    }

    /// The rows of a query with one column of type text; NULL is an empty text.
    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        match self.client.query(sql, &[]).await {
            Ok(rows) => rows.iter().map(|row| row.get::<_, Option<String>>(0).unwrap_or_default()).collect(),
            Err(error) => panic!("{error:?} in {sql}"),
        }
    }

    /// The one text of a query with one row and one column.
    pub(crate) async fn value(&self, sql: &str) -> String {
        let lines = self.lines(sql).await;
        assert_eq!(lines.len(), 1, "{sql}");
        lines[0].clone()
    }
}
