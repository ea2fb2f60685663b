//! What every source must do.

use async_trait::async_trait;
use forebay_core::conformance::source::{Moment, Row, SourceFixture, all};
use forebay_core::connection::{MysqlConfig, SslMode};
use forebay_core::extraction::SourceTableName;
use forebay_core::source::Source;

use super::{config, opened, source};
use crate::mariadb_server::{Database, MariadbServer};
use crate::reading::identifier;

struct Fixture<'a>(Database<'a>);

#[async_trait]
impl SourceFixture for Fixture<'_> {
    fn source(&self) -> Box<dyn Source> {
        source(&self.0)
    }

    fn missing(&self) -> Box<dyn Source> {
        opened(MysqlConfig { database: "nowhere".to_owned(), ..config(&self.0, SslMode::Disable) })
    }

    fn table(&self, table: &str) -> SourceTableName {
        SourceTableName { schema: Some(identifier(&self.0.name)), name: identifier(table) }
    }

    async fn create(&self, table: &str, rows: &[Row]) {
        self.0.run(&format!("CREATE TABLE `{table}` (id bigint PRIMARY KEY, name text, changed datetime)"));
        self.insert(table, rows).await;
    }

    async fn insert(&self, table: &str, rows: &[Row]) {
        let text = |text: Option<String>| {
            text.map_or("NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")))
        };
        for rows in rows.chunks(10_000) {
            let values: Vec<String> = rows
                .iter()
                .map(|row| {
                    let (name, changed) = (text(row.name.clone()), text(row.changed.map(Moment::text)));
                    format!("({}, {name}, {changed})", row.id)
                })
                .collect();
            self.0.run(&format!("INSERT INTO `{table}` VALUES {}", values.join(",")));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_does_what_every_source_must() {
    let server = MariadbServer::start(&[], &[]).await;
    all(&Fixture(server.database("conformance"))).await;
}

/// Without the right to the brief lock, all tables are read on one connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_few_rights_gets_the_same() {
    struct Reader<'a>(Fixture<'a>);

    #[async_trait]
    impl SourceFixture for Reader<'_> {
        fn source(&self) -> Box<dyn Source> {
            let password = forebay_core::secret::Secret::new("x");
            let reader = config(&self.0.0, SslMode::Disable);
            opened(MysqlConfig { user: "few_rights".to_owned(), password, ..reader })
        }

        fn missing(&self) -> Box<dyn Source> {
            self.0.missing()
        }

        fn table(&self, table: &str) -> SourceTableName {
            self.0.table(table)
        }

        async fn create(&self, table: &str, rows: &[Row]) {
            self.0.create(table, rows).await;
        }

        async fn insert(&self, table: &str, rows: &[Row]) {
            self.0.insert(table, rows).await;
        }
    }

    let server = MariadbServer::start(&[], &[]).await;
    let database = server.database("few_rights");
    database.run("CREATE USER few_rights@'127.0.0.1' IDENTIFIED BY 'x'");
    database.run("GRANT SELECT ON few_rights.* TO few_rights@'127.0.0.1'");
    all(&Reader(Fixture(database))).await;
}
