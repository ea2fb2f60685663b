//! Reads other people's systems into Arrow: one module per kind of connection, behind the
//! [`Source`] seam of the core.

use forebay_core::connection::ConnectionConfig;
use forebay_core::source::{Source, SourceError};

mod choice;
mod decimal;
mod files;
mod filter;
mod iso;
mod mysql;
mod postgres;
mod socket;
mod sqlite;
mod stream;
mod tls;

/// Opens the source that a connection describes. Nothing is reached before its first use. `connections`
/// is the most that may read from a server at a time.
///
/// # Errors
/// `Invalid` when the settings cannot describe a source.
pub fn open(config: &ConnectionConfig, connections: usize) -> Result<Box<dyn Source>, SourceError> {
    Ok(match config {
        ConnectionConfig::Postgresql(config) => {
            Box::new(postgres::Postgres::new(config.clone(), connections))
        }
        ConnectionConfig::Mysql(config) => Box::new(mysql::Mysql::new(config.clone(), connections)),
        ConnectionConfig::Sqlite(config) => Box::new(sqlite::Sqlite::new(config.clone())),
        ConnectionConfig::Files(config) => Box::new(files::Files::new(config.clone())),
    })
}
