//! One pool's DuckDB: its file, its connections, its settings.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use duckdb::{Config, Connection};
use forebay_core::name::Identifier;
use forebay_core::source::Checkpoint;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    LoadSpec, PoolColumn, PoolTable, PoolTableKind, Publication, PublicationReport, Query, Rows, TableLoad,
    Transaction, Warehouse, WarehouseError, WarehouseErrorKind, WarehouseTable,
};

use crate::error::{failed, internal, io};
use crate::load::Load;
use crate::sql::{OWN_SCHEMA, STAGING, literal};
use crate::transaction::UserTransaction;

/// What one pool's engine may use.
#[derive(Clone, Debug)]
pub struct Limits {
    pub threads: usize,
    pub memory_bytes: u64,
}

/// A pool's warehouse. The file is opened once in a process: a second open would drop the first
/// one's lock, so everything works on clones of one connection.
pub struct DuckDb {
    root: Mutex<Connection>,
    pub(crate) dir: PathBuf,
}

impl DuckDb {
    /// Opens the pool in a folder, or makes it. Blocks.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened; `Internal` when the engine does not keep to
    /// the settings that confine the SQL of users.
    pub fn open(dir: &Path, global: &Identifier, limits: Limits) -> Result<Arc<Self>, WarehouseError> {
        let temp = dir.join("temp");
        for folder in [&temp, &dir.join("models")] {
            std::fs::create_dir_all(folder).map_err(|error| io("the pool's folder cannot be made", error))?;
        }
        let config = || -> duckdb::Result<Config> {
            Config::default()
                .threads(i64::try_from(limits.threads).unwrap_or(1))?
                .with("memory_limit", format!("{}B", limits.memory_bytes))?
                .with("temp_directory", temp.to_string_lossy())?
                .with("autoinstall_known_extensions", "false")?
                .with("autoload_known_extensions", "false")?
                .with("preserve_insertion_order", "true")
        };
        let root = Connection::open_with_flags(dir.join("pool.duckdb"), config().map_err(failed)?)
            .map_err(failed)?;
        prepare(&root, global)?;
        crate::publish::remove_leftovers(dir)?;
        Ok(Arc::new(Self { root: Mutex::new(root), dir: dir.to_owned() }))
    }

    /// A connection of its own for one piece of work.
    pub(crate) fn connect(&self) -> Result<Connection, WarehouseError> {
        self.root.lock().unwrap_or_else(PoisonError::into_inner).try_clone().map_err(failed)
    }
}

/// Makes what Forebay keeps in the file, removes what a stopped server left, and locks the engine.
fn prepare(root: &Connection, global: &Identifier) -> Result<(), WarehouseError> {
    root.execute_batch(&format!(
        "CREATE SCHEMA IF NOT EXISTS {global}; CREATE SCHEMA IF NOT EXISTS {OWN_SCHEMA}; \
         CREATE TABLE IF NOT EXISTS {OWN_SCHEMA}.checkpoints(schema_name VARCHAR, table_name VARCHAR, \
         checkpoint VARCHAR NOT NULL, PRIMARY KEY (schema_name, table_name))",
        global = global.quoted(),
    ))
    .map_err(failed)?;
    let find = format!(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE starts_with(table_name, {})",
        literal(STAGING)
    );
    let mut statement = root.prepare(&find).map_err(failed)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let leftovers = rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(failed)?;
    for (schema, table) in leftovers {
        let name = format!("{}.{}", forebay_core::name::quote(&schema), forebay_core::name::quote(&table));
        root.execute_batch(&format!("DROP TABLE {name}")).map_err(failed)?;
    }
    // One way, for every connection of this instance: no files, no network, no other settings.
    root.execute_batch("SET enable_external_access = false; SET lock_configuration = true")
        .map_err(failed)?;
    for (setting, expected) in [
        ("enable_external_access", "false"),
        ("lock_configuration", "true"),
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
    ] {
        let read = format!("SELECT current_setting('{setting}')::VARCHAR");
        let value: String = root.query_row(&read, [], |row| row.get(0)).map_err(failed)?;
        if value != expected {
            return Err(internal(format!("the engine's setting {setting} is {value} and not {expected}")));
        }
    }
    Ok(())
}

/// Runs blocking work on a connection off the async threads. When the stop is asked for, the
/// statement is interrupted and the work waited for, so that its transaction is over on return.
pub(crate) async fn with_connection<T, F>(
    connection: Connection,
    stop: &Stop,
    work: F,
) -> (Result<T, WarehouseError>, Option<Connection>)
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, WarehouseError> + Send + 'static,
{
    let interrupt = connection.interrupt_handle();
    let mut task = tokio::task::spawn_blocking(move || {
        let done = work(&connection);
        (done, connection)
    });
    let joined = tokio::select! {
        joined = &mut task => joined,
        () = stop.requested() => {
            // Between two statements an interrupt goes nowhere, so it is repeated.
            loop {
                interrupt.interrupt();
                tokio::select! {
                    joined = &mut task => break joined,
                    () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
                }
            }
        }
    };
    match joined {
        Ok((done, connection)) => (done, Some(connection)),
        Err(error) => (Err(internal("work in the warehouse ended in a panic").caused_by(error)), None),
    }
}

#[async_trait]
impl Warehouse for DuckDb {
    async fn checkpoint(&self, table: &WarehouseTable) -> Result<Option<Checkpoint>, WarehouseError> {
        let table = table.clone();
        let work = move |connection: &Connection| {
            let find = format!(
                "SELECT checkpoint FROM {OWN_SCHEMA}.checkpoints JOIN duckdb_tables() USING (schema_name, table_name) \
                 WHERE schema_name = ? AND table_name = ?"
            );
            let mut statement = connection.prepare(&find).map_err(failed)?;
            let rows = statement
                .query_map([table.schema.as_str(), table.name.as_str()], |row| row.get::<_, String>(0));
            let found = rows.and_then(|mut rows| rows.next().transpose()).map_err(failed)?;
            found
                .map(|text| {
                    serde_json::from_str(&text)
                        .map_err(|error| internal("a checkpoint cannot be read").caused_by(error))
                })
                .transpose()
        };
        with_connection(self.connect()?, &Stop::never(), work).await.0
    }

    async fn begin_load(&self, load: LoadSpec) -> Result<Box<dyn TableLoad>, WarehouseError> {
        Ok(Box::new(Load::begin(self.connect()?, load).await?))
    }

    async fn begin(&self, schemas: &[Identifier]) -> Result<Box<dyn Transaction>, WarehouseError> {
        Ok(Box::new(UserTransaction::begin(self.connect()?, schemas).await?))
    }

    async fn query(&self, query: Query, stop: &Stop) -> Result<Rows, WarehouseError> {
        with_connection(self.connect()?, stop, move |connection| crate::query::run(connection, &query))
            .await
            .0
    }

    async fn tables(&self) -> Result<Vec<PoolTable>, WarehouseError> {
        with_connection(self.connect()?, &Stop::never(), tables).await.0
    }

    async fn publish(&self, model: Publication, stop: &Stop) -> Result<PublicationReport, WarehouseError> {
        let dir = self.dir.join("models").join(model.model.to_string());
        let seen = stop.clone();
        let work = move |connection: &Connection| crate::publish::run(connection, &dir, &model, &seen);
        with_connection(self.connect()?, stop, work).await.0
    }
}

fn tables(connection: &Connection) -> Result<Vec<PoolTable>, WarehouseError> {
    let find = format!(
        "SELECT c.schema_name, c.table_name, c.column_name, c.data_type, v.view_name IS NOT NULL AS is_view \
         FROM duckdb_columns() c LEFT JOIN duckdb_views() v ON v.schema_name = c.schema_name \
         AND v.view_name = c.table_name AND NOT v.internal \
         WHERE NOT c.internal AND c.database_name = current_database() AND c.schema_name <> '{OWN_SCHEMA}' \
         AND NOT starts_with(c.table_name, '{STAGING}') ORDER BY 1, 2, c.column_index"
    );
    let mut statement = connection.prepare(&find).map_err(failed)?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, String>(3)?,
            row.get::<_, bool>(4)?,
        ))
    });
    let rows = rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(failed)?;
    let mut tables: Vec<PoolTable> = Vec::new();
    for (schema, table, column, type_name, is_view) in rows {
        let name = |text: &str| {
            Identifier::parse("name", text).map_err(|error| {
                WarehouseError::new(
                    WarehouseErrorKind::Invalid,
                    format!("`{text}` is no name to show: {error}"),
                )
            })
        };
        let found = WarehouseTable { schema: name(&schema)?, name: name(&table)? };
        let column = PoolColumn { name: name(&column)?, type_name };
        match tables.last_mut() {
            Some(last) if last.table == found => last.columns.push(column),
            _ => {
                let kind = if is_view { PoolTableKind::View } else { PoolTableKind::Table };
                tables.push(PoolTable { table: found, kind, columns: vec![column] });
            }
        }
    }
    Ok(tables)
}
