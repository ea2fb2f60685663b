//! The PostgreSQL connector against a real server.

use arrow::array::{
    Array, AsArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, IntervalMonthDayNanoArray, RecordBatch, Time64MicrosecondArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};
use forebay_core::connection::{ConnectionConfig, PostgresqlConfig, SslMode};
use forebay_core::extraction::{ColumnChoice, SourceTableName};
use forebay_core::name::Identifier;
use forebay_core::secret::Secret;
use forebay_core::source::{
    Checkpoint, DeltaRequest, Extent, ReadRequest, Repeats, Snapshot, Source, SourceError, TableReader,
    TableRows,
};
use futures::TryStreamExt;
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tokio_postgres::Client;

use crate::postgres_server::{Database, PostgresServer, Setup};

mod conditions;
mod connecting;
mod delta;
mod discover;
mod late;
mod relations;
mod standby;
mod streams;
mod types;

/// A server on which nothing happens but one test at a time: a merge reads rows again whose
/// transactions ended beside one that is open, wherever on the server that is.
static QUIET: OnceCell<PostgresServer> = OnceCell::const_new();
static TURN: Mutex<()> = Mutex::const_new(());

/// A database, a connection to it, and the source under test.
struct Place {
    database: Database,
    sql: Client,
    source: Box<dyn Source>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Place {
    /// On the server that the tests share.
    async fn new(name: &str) -> Self {
        Self::of(PostgresServer::shared().await, name).await
    }

    /// On the server where no other test writes meanwhile.
    async fn quiet(name: &str) -> Self {
        let turn = TURN.lock().await;
        let server = QUIET.get_or_init(|| PostgresServer::start(Setup::default())).await;
        let place = Self::of(server, name).await;
        // Sessions of the test before end in their own time.
        while place.say("SELECT count(*)::text FROM pg_stat_activity WHERE backend_xid IS NOT NULL").await
            != "0"
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Self { _turn: Some(turn), ..place }
    }

    async fn of(server: &PostgresServer, name: &str) -> Self {
        Self::at(server.database(name).await).await
    }

    async fn at(database: Database) -> Self {
        let sql = database.client().await;
        let source = source(&database);
        Self { database, sql, source, _turn: None }
    }

    async fn run(&self, sql: &str) {
        run(&self.sql, sql).await;
    }

    /// One text that the server says.
    async fn say(&self, sql: &str) -> String {
        say(&self.sql, sql).await
    }

    /// A read in a snapshot of its own.
    async fn read(&self, request: &ReadRequest) -> Read {
        self.try_read(request).await.expect("a table that can be read")
    }

    /// The same; `None` when the table is said to be unchanged.
    async fn read_or_unchanged(&self, request: &ReadRequest) -> Option<Read> {
        let snapshot = self.source.snapshot().await.expect("a snapshot");
        let known = snapshot.is_unchanged(request);
        match snapshot.read(request).await.expect("a table that can be read") {
            TableReader::Rows(rows) => {
                assert!(!known, "{request:?}");
                Some(collect(rows).await.expect("rows that can be read"))
            }
            TableReader::Unchanged => {
                // A name without a schema may mean another table by now.
                assert_eq!(known, request.table.schema.is_some(), "{request:?}");
                None
            }
        }
    }

    /// The same, or why it cannot be. A delta follows a transaction, so that it has to look.
    async fn try_read(&self, request: &ReadRequest) -> Result<Read, SourceError> {
        if request.delta.is_some() {
            self.say("SELECT CASE WHEN NOT pg_is_in_recovery() THEN txid_current() ELSE 0 END::text").await;
        }
        let snapshot = self.source.snapshot().await?;
        read(&*snapshot, request).await
    }
}

async fn run(sql: &Client, statements: &str) {
    sql.batch_execute(statements).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
}

async fn say(sql: &Client, query: &str) -> String {
    sql.query_one(query, &[]).await.unwrap_or_else(|error| panic!("{query}: {error:?}")).get(0)
}

fn config(database: &Database, ssl_mode: SslMode) -> PostgresqlConfig {
    PostgresqlConfig {
        host: database.host.clone(),
        port: database.port,
        database: database.database.clone(),
        user: database.user.clone(),
        password: Secret::new(database.password.clone()),
        ssl_mode,
    }
}

fn opened(config: PostgresqlConfig) -> Box<dyn Source> {
    forebay_sources::open(&ConnectionConfig::Postgresql(config), 4).expect("settings that describe a source")
}

fn source(database: &Database) -> Box<dyn Source> {
    opened(config(database, SslMode::Disable))
}

fn name(text: &str) -> Identifier {
    Identifier::parse("name", text).expect("a name")
}

/// A read of the whole of `schema.table` or `table`.
fn whole(table: &str) -> ReadRequest {
    let (schema, table) = match table.split_once('.') {
        Some((schema, table)) => (Some(name(schema)), table),
        None => (None, table),
    };
    ReadRequest {
        table: SourceTableName { schema, name: name(table) },
        columns: ColumnChoice::All,
        filters: Vec::new(),
        date_bounds: None,
        delta: None,
        cursor: None,
    }
}

/// A full read that a change-date column goes on from.
fn ordered(table: &str, cursor: &str) -> ReadRequest {
    ReadRequest { cursor: Some(name(cursor)), ..whole(table) }
}

/// The same request for what is new since a checkpoint, merged by key.
fn since(request: &ReadRequest, checkpoint: &Checkpoint) -> ReadRequest {
    let delta = DeltaRequest {
        since: checkpoint.clone(),
        filter: None,
        offset_seconds: 0,
        repeats: Repeats::Harmless,
    };
    ReadRequest { delta: Some(delta), ..request.clone() }
}

/// The same, appended.
fn appended(request: &ReadRequest, checkpoint: &Checkpoint) -> ReadRequest {
    let mut request = since(request, checkpoint);
    if let Some(delta) = &mut request.delta {
        delta.repeats = Repeats::Avoid;
    }
    request
}

/// A table as it was read.
#[derive(Debug)]
struct Read {
    schema: SchemaRef,
    key: Vec<String>,
    extent: Extent,
    checkpoint: Checkpoint,
    notes: Vec<String>,
    rows: RecordBatch,
}

/// Reads a table to its end.
async fn read(snapshot: &dyn Snapshot, request: &ReadRequest) -> Result<Read, SourceError> {
    match snapshot.read(request).await? {
        TableReader::Rows(rows) => collect(rows).await,
        TableReader::Unchanged => panic!("the table is said to be unchanged"),
    }
}

async fn collect(rows: TableRows) -> Result<Read, SourceError> {
    let batches: Vec<RecordBatch> = rows.batches.try_collect().await?;
    Ok(Read {
        rows: concat_batches(&rows.schema, &batches).expect("batches of one schema"),
        schema: rows.schema,
        key: rows.key.iter().map(|column| column.as_str().to_owned()).collect(),
        extent: rows.extent,
        checkpoint: rows.checkpoint,
        notes: rows.notes,
    })
}

impl Read {
    /// The rows, each as its values, in the order of their texts.
    fn sorted(&self) -> Vec<String> {
        let mut rows: Vec<String> = (0..self.rows.num_rows()).map(|row| self.row(row)).collect();
        rows.sort();
        rows
    }

    fn row(&self, row: usize) -> String {
        let cells: Vec<String> = self
            .rows
            .columns()
            .iter()
            .map(|column| cell(column, row).unwrap_or_else(|| "NULL".to_owned()))
            .collect();
        cells.join("|")
    }

    /// The values of a column.
    fn column(&self, name: &str) -> Vec<Option<String>> {
        let column = self.rows.column_by_name(name).expect("a column of the table");
        (0..column.len()).map(|row| cell(column, row)).collect()
    }

    fn columns(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }
}

/// A value as a text that loses nothing: whole numbers of the smallest unit, the bits of floats.
fn cell(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    macro_rules! value {
        ($type:ty) => {
            array.as_any().downcast_ref::<$type>().expect("an array of its type").value(row)
        };
    }
    Some(match array.data_type() {
        DataType::Boolean => value!(BooleanArray).to_string(),
        DataType::Int16 => value!(Int16Array).to_string(),
        DataType::Int32 => value!(Int32Array).to_string(),
        DataType::Int64 => value!(Int64Array).to_string(),
        DataType::UInt32 => value!(UInt32Array).to_string(),
        DataType::Float32 => hex(&value!(Float32Array).to_be_bytes()),
        DataType::Float64 => hex(&value!(Float64Array).to_be_bytes()),
        DataType::Decimal128(..) => value!(Decimal128Array).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => hex(array.as_binary::<i32>().value(row)),
        DataType::Date32 => value!(Date32Array).to_string(),
        DataType::Time64(_) => value!(Time64MicrosecondArray).to_string(),
        DataType::Timestamp(..) => value!(TimestampMicrosecondArray).to_string(),
        DataType::Interval(_) => {
            let value = value!(IntervalMonthDayNanoArray);
            format!("{} {} {}", value.months, value.days, value.nanoseconds)
        }
        other => panic!("no source sends {other}"),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
