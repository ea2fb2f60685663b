//! The one module that names the driver: how to connect, what its errors mean, how columns become words of the
//! domain.

pub(crate) mod migrate;

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use forebay_core::access::Subject;
use forebay_core::name::Name;
use forebay_core::{Error, Result, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection as _, Row as _, Sqlite};

pub(crate) type Pool = sqlx::Pool<Sqlite>;
pub(crate) type Connection = sqlx::SqliteConnection;
pub(crate) type Row = sqlx::sqlite::SqliteRow;
pub(crate) type Transaction = sqlx::Transaction<'static, Sqlite>;
pub(crate) type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

const READERS: u32 = 4;

/// A statement of ours.
pub(crate) fn query(sql: &'static str) -> Query {
    sqlx::query(sql)
}

/// Opens and migrates a database file: the pool that writes, then the pool that reads.
pub(crate) async fn open_file(path: &Path) -> Result<(Pool, Pool)> {
    let options = options(SqliteConnectOptions::new().filename(path).create_if_missing(true));
    // When a disk is full, SQLite ends the transaction by itself. The driver goes on believing in it, and would
    // begin no other on that connection for ever; so such a one is closed, and the next writer opens a new one.
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .after_release(|connection, _| {
            Box::pin(async move {
                // After a rollback that is under way.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(options.clone())
        .await
        .map_err(|error| {
            tracing::error!(%error, "the metadata database cannot be opened");
            Error::Unavailable { what: format!("the metadata database {} cannot be opened", path.display()) }
        })?;
    migrate::file(&write, path).await?;
    migrate::shrinkable(&write).await?;
    let read = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(options);
    Ok((write, read))
}

/// Opens a database in memory: one connection that is never closed, since closing it would lose everything.
pub(crate) async fn open_memory() -> Result<Pool> {
    let options = options(SqliteConnectOptions::from_str("sqlite::memory:").map_err(error)?);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
        .map_err(error)?;
    migrate::run(&pool).await?;
    Ok(pool)
}

fn options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        // One large transaction must not leave a large journal for ever, in bytes.
        .pragma("journal_size_limit", "67108864")
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .disable_statement_logging()
}

/// Begins a transaction that holds the write lock from its start, so that what it reads stays true.
pub(crate) async fn begin(pool: &Pool) -> Result<Transaction> {
    pool.begin_with("begin immediate").await.map_err(error)
}

pub(crate) async fn commit(transaction: Transaction) -> Result<()> {
    transaction.commit().await.map_err(error)
}

/// What an error of the driver means when nothing more is known.
pub(crate) fn error(error: sqlx::Error) -> Error {
    if is_unique(&error) {
        return Error::conflict("there already is one like this");
    }
    if is_foreign_key(&error) {
        return Error::conflict(
            "this refers to something that does not exist, or something still refers to it",
        );
    }
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            Error::Unavailable { what: "the metadata database does not answer".to_owned() }
        }
        other if cannot_be_written(&other) => {
            tracing::error!(error = %other, "the metadata cannot be written");
            Error::InsufficientStorage {
                what: "the metadata cannot be written: the disk of the data folder is full or fails; free space \
                       on it and try again (what is there can still be read)"
                    .to_owned(),
            }
        }
        other => Error::internal(other),
    }
}

/// As [`error`], with a text for what must be unique.
pub(crate) fn error_or_duplicate(raw: sqlx::Error, duplicate: impl FnOnce() -> String) -> Error {
    if is_unique(&raw) { Error::conflict(duplicate()) } else { error(raw) }
}

/// Whether SQLite says that the disk is full, or that writing to it fails.
fn cannot_be_written(error: &sqlx::Error) -> bool {
    const FULL: i32 = 13;
    const IOERR: i32 = 10;
    // With the operation in the second byte: write, fsync of the file and of its folder, truncate, and the
    // three ways in which the shared memory beside the database is made and grown.
    const WRITES: [i32; 7] = [3, 4, 5, 6, 18, 19, 21];
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| code == FULL || WRITES.iter().any(|way| code == IOERR | (way << 8)))
}

pub(crate) fn is_unique(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

pub(crate) fn is_foreign_key(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

/// A column as SQLite has it.
pub(crate) fn get<'r, T>(row: &'r Row, column: &str) -> Result<T>
where
    T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
{
    row.try_get(column).map_err(Error::internal)
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
