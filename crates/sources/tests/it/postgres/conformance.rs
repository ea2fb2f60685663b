//! What every source must do.

use async_trait::async_trait;
use forebay_core::conformance::source::{Moment, Row, SourceFixture, all};
use forebay_core::connection::{PostgresqlConfig, SslMode};
use forebay_core::extraction::SourceTableName;
use forebay_core::source::Source;

use super::{Place, config, name, opened, source};

struct Fixture(Place);

#[async_trait]
impl SourceFixture for Fixture {
    fn source(&self) -> Box<dyn Source> {
        source(&self.0.database)
    }

    fn missing(&self) -> Box<dyn Source> {
        let config = config(&self.0.database, SslMode::Disable);
        opened(PostgresqlConfig { database: "nowhere".to_owned(), ..config })
    }

    fn table(&self, table: &str) -> SourceTableName {
        SourceTableName { schema: Some(name("public")), name: name(table) }
    }

    async fn create(&self, table: &str, rows: &[Row]) {
        self.0.run(&format!("CREATE TABLE {table} (id bigint PRIMARY KEY, name text, changed timestamp)")).await;
        self.insert(table, rows).await;
    }

    async fn insert(&self, table: &str, rows: &[Row]) {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let names: Vec<Option<&str>> = rows.iter().map(|row| row.name.as_deref()).collect();
        let changed: Vec<Option<String>> = rows.iter().map(|row| row.changed.map(Moment::text)).collect();
        let sql = format!(
            "INSERT INTO {table} SELECT id, name, changed::timestamp \
             FROM unnest($1::bigint[], $2::text[], $3::text[]) AS rows (id, name, changed)"
        );
        self.0.sql.execute(&sql, &[&ids, &names, &changed]).await.expect("rows that can be inserted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_does_what_every_source_must() {
    all(&Fixture(Place::quiet("conformance").await)).await;
}
