//! The seam to the driver: how to connect, what its errors mean, how columns become words of the domain.
//! Statements are in `statement`, the one who writes is in `writer`, those who read are in `readers`.

pub(crate) mod migrate;
mod readers;
mod statement;
mod writer;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use forebay_core::access::Subject;
use forebay_core::name::Name;
use forebay_core::{Error, Result, Timestamp};
use rusqlite::{OpenFlags, ffi};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::readers::{Reader, Readers};
pub(crate) use self::statement::{Query, Row, get, query};
pub(crate) use self::writer::Writer;

pub(crate) type Connection = rusqlite::Connection;

/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS: usize = 256;

/// Where a database is.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    File(PathBuf),
    /// In a folder that goes with it.
    Temporary(Arc<TemporaryFolder>),
}

/// A folder that is removed once nothing names it any more.
#[derive(Debug)]
pub(crate) struct TemporaryFolder(PathBuf);

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "a temporary folder cannot be removed");
        }
    }
}

impl Location {
    /// Opens one more connection.
    pub(crate) fn connect(&self) -> std::result::Result<Connection, Failure> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Temporary(folder) => folder.0.join("metadata.db"),
        };
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.execute_batch(
            "pragma journal_mode = wal;
             pragma synchronous = full;
             pragma foreign_keys = on;
             -- One large transaction must not leave a large journal for ever, in bytes.
             pragma journal_size_limit = 67108864;",
        )?;
        Ok(connection)
    }
}

/// Opens and migrates a database file: who writes, then those who read.
pub(crate) fn open_file(path: &Path) -> Result<(Writer, Readers)> {
    let location = Location::File(path.to_owned());
    let connection = location.connect().map_err(|error| {
        tracing::error!(error = ?error, "the metadata database cannot be opened");
        Error::Unavailable { what: format!("the metadata database {} cannot be opened", path.display()) }
    })?;
    migrate::file(&connection, path)?;
    migrate::shrinkable(&connection)?;
    Ok((Writer::new(connection, location.clone())?, Readers::new(location)))
}

/// Opens a new database that is gone once both are dropped.
pub(crate) fn open_temporary() -> Result<(Writer, Readers)> {
    let folder = std::env::temp_dir().join(format!("forebay-{:032x}", rand::random::<u128>()));
    std::fs::create_dir(&folder).map_err(Error::internal)?;
    let location = Location::Temporary(Arc::new(TemporaryFolder(folder)));
    let connection = location.connect().map_err(error)?;
    migrate::run(&connection)?;
    Ok((Writer::new(connection, location.clone())?, Readers::new(location)))
}

/// Why a statement did nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite says so.
    Refused(rusqlite::Error),
    /// It was not even tried, or it was undone with others.
    Undone(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Undone(error)
    }
}

/// What a failure means when nothing more is known.
pub(crate) fn error(failure: impl Into<Failure>) -> Error {
    let refused = match failure.into() {
        Failure::Undone(error) => return error,
        Failure::Refused(error) => error,
    };
    match extended_code(&refused) {
        Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
            Error::conflict("there already is one like this")
        }
        Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => {
            Error::conflict("this refers to something that does not exist, or something still refers to it")
        }
        Some(code) if means_no_room(code) => {
            tracing::error!(error = %refused, "the metadata cannot be written");
            no_room()
        }
        _ => Error::internal(refused),
    }
}

/// As [`error`], with a text for what must be unique.
pub(crate) fn error_or_duplicate(failure: Failure, duplicate: impl FnOnce() -> String) -> Error {
    if is_unique(&failure) { Error::conflict(duplicate()) } else { error(failure) }
}

/// That the disk takes no more of the metadata.
pub(crate) fn no_room() -> Error {
    Error::InsufficientStorage {
        what: "the metadata cannot be written: the disk of the data folder is full or fails; free space on it and \
               try again (what is there can still be read)"
            .to_owned(),
    }
}

/// Whether SQLite says that the disk is full, or that writing to it fails.
fn means_no_room(extended: i32) -> bool {
    // With the operation in the second byte: write, fsync of the file and of its folder, truncate, and the
    // three ways in which the shared memory beside the database is made and grown.
    const WRITES: [i32; 7] = [
        ffi::SQLITE_IOERR_WRITE,
        ffi::SQLITE_IOERR_FSYNC,
        ffi::SQLITE_IOERR_DIR_FSYNC,
        ffi::SQLITE_IOERR_TRUNCATE,
        ffi::SQLITE_IOERR_SHMOPEN,
        ffi::SQLITE_IOERR_SHMSIZE,
        ffi::SQLITE_IOERR_SHMMAP,
    ];
    extended == ffi::SQLITE_FULL || WRITES.contains(&extended)
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

pub(crate) fn is_unique(failure: &Failure) -> bool {
    let Failure::Refused(error) = failure else { return false };
    matches!(extended_code(error), Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY))
}

pub(crate) fn is_foreign_key(failure: &Failure) -> bool {
    let Failure::Refused(error) = failure else { return false };
    extended_code(error) == Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// An id; one that does not parse is a broken row.
pub(crate) fn id<T: FromStr<Err = Error>>(row: &Row, column: &str) -> Result<T> {
    get::<&str>(row, column)?.parse().map_err(|error: Error| broken(column, &error))
}

pub(crate) fn optional_id<T: FromStr<Err = Error>>(row: &Row, column: &str) -> Result<Option<T>> {
    match get::<Option<&str>>(row, column)? {
        Some(text) => text.parse().map(Some).map_err(|error: Error| broken(column, &error)),
        None => Ok(None),
    }
}

pub(crate) fn name(row: &Row) -> Result<Name> {
    Name::parse("name", get(row, "name")?).map_err(|error| broken("name", &error))
}

pub(crate) fn time(row: &Row, column: &str) -> Result<Timestamp> {
    get(row, column).map(Timestamp::from_millis)
}

pub(crate) fn optional_time(row: &Row, column: &str) -> Result<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_millis))
}

pub(crate) fn count(row: &Row, column: &str) -> Result<u64> {
    u64::try_from(get::<i64>(row, column)?).map_err(|error| broken(column, &error))
}

/// A count as SQLite's integer, which ends at 2⁶³ − 1.
pub(crate) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An enum that is stored as its name on the wire.
pub(crate) fn word<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T> {
    let word = serde_json::Value::String(get(row, column)?);
    serde_json::from_value(word).map_err(|error| broken(column, &error))
}

pub(crate) fn to_word(value: impl Serialize) -> Result<String> {
    match serde_json::to_value(value).map_err(Error::internal)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(Error::internal(format!("{other} is not stored as a word"))),
    }
}

pub(crate) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T> {
    serde_json::from_str(get(row, column)?).map_err(|error| broken(column, &error))
}

pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

/// A subject in two columns: its type and its id.
pub(crate) fn subject(row: &Row, type_column: &str, id_column: &str) -> Result<Subject> {
    match get(row, type_column)? {
        "USER" => Ok(Subject::User(id(row, id_column)?)),
        "APPLICATION" => Ok(Subject::Application(id(row, id_column)?)),
        other => Err(Error::internal(format!("column {type_column} holds `{other}`"))),
    }
}

/// The two columns of a subject.
pub(crate) fn subject_columns(subject: Subject) -> (&'static str, String) {
    match subject {
        Subject::User(id) => ("USER", id.to_string()),
        Subject::Application(id) => ("APPLICATION", id.to_string()),
    }
}

fn broken(column: &str, error: &dyn std::fmt::Display) -> Error {
    Error::internal(format!("column {column} does not parse: {error}"))
}
