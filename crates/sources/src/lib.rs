//! Reads other people's systems into Arrow: one module per kind of connection, behind the
//! [`Source`] seam of the core.

use std::path::Path;

use forebay_core::connection::ConnectionConfig;
use forebay_core::id::PushChunkId;
use forebay_core::push::FileFormat;
use forebay_core::source::{PushedFiles, Source, SourceError};

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

#[doc(hidden)]
pub use postgres::bench;

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

/// The files of a data push, in a folder in which each has its id as its name, for a table of this name.
/// Nothing is read yet.
///
/// # Errors
/// `Invalid` when the options cannot describe the files.
pub fn open_push(
    dir: &Path,
    table: &str,
    format: &FileFormat,
    chunks: &[PushChunkId],
) -> Result<Box<dyn PushedFiles>, SourceError> {
    Ok(Box::new(files::push::Pushed::new(dir, table, format, chunks)?))
}
