//! The MySQL connector against a real MariaDB, and against servers that a test plays.

use std::time::{Duration, Instant};

use forebay_core::connection::{ConnectionConfig, MysqlConfig, SslMode};
use forebay_core::secret::Secret;
use forebay_core::source::Source;

use crate::mariadb_server::{Database, MariadbServer};

mod conformance;
mod connecting;
mod delta;
mod hostile;
mod login;
mod snapshots;
mod types;

fn config(database: &Database<'_>, ssl_mode: SslMode) -> MysqlConfig {
    MysqlConfig {
        host: database.server.host.clone(),
        port: database.server.port,
        database: database.name.clone(),
        user: database.server.user.clone(),
        password: Secret::new(database.server.password.clone()),
        ssl_mode,
    }
}

fn opened(config: MysqlConfig) -> Box<dyn Source> {
    forebay_sources::open(&ConnectionConfig::Mysql(config), 2).expect("settings that describe a source")
}

fn source(database: &Database<'_>) -> Box<dyn Source> {
    opened(config(database, SslMode::Disable))
}

/// The same database for a user of its own, which has these rights alone.
fn source_of_user(database: &Database<'_>, user: &str, rights: &str) -> Box<dyn Source> {
    database.run(&format!("CREATE USER {user}@'127.0.0.1' IDENTIFIED BY 'x'"));
    for right in rights.split(';') {
        database.run(&format!("GRANT {right} TO {user}@'127.0.0.1'"));
    }
    let own = MysqlConfig {
        user: user.to_owned(),
        password: Secret::new("x"),
        ..config(database, SslMode::Disable)
    };
    opened(own)
}

/// Waits until the server says so.
async fn until(database: &Database<'_>, query: &str, expected: &str) {
    let began = Instant::now();
    loop {
        let found = database.run(query);
        if found == expected {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{found} and never {expected}: {query}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn server() -> &'static MariadbServer {
    MariadbServer::shared().await
}
