//! The engine of one pool's file: opened once in a process, confined, and tidied of what a stopped
//! server left.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use duckdb::{Config, Connection};
use forebay_core::name::{Identifier, quote};
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};

use crate::duckdb::Limits;
use crate::error::{failed, internal, io};
use crate::names::{OWN_SCHEMA, STAGING, literal};

/// A pool's open file. Everything works on clones of one connection.
pub(crate) struct Instance {
    // In this order: the file is closed before another may open it.
    root: Mutex<Connection>,
    _only: OnlyOne,
    /// Set once the engine serves nobody any more.
    stopped: OnceLock<()>,
}

/// One connection, which keeps its engine open.
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    pub(crate) instance: Arc<Instance>,
}

impl Instance {
    /// Opens the pool in a folder, or makes it. Blocks.
    pub(crate) fn open(
        dir: &Path,
        global: &Identifier,
        limits: &Limits,
    ) -> Result<Arc<Self>, WarehouseError> {
        let temp = dir.join("temp");
        for folder in [&temp, &dir.join("models")] {
            fs::create_dir_all(folder).map_err(|error| io("the pool's folder cannot be made", error))?;
        }
        let dir = fs::canonicalize(dir).map_err(|error| io("the pool's folder cannot be found", error))?;
        let only = OnlyOne::claim(&dir)?;
        let config = || -> duckdb::Result<Config> {
            Config::default()
                .threads(i64::try_from(limits.threads).unwrap_or(1).max(1))?
                .with("memory_limit", format!("{}B", limits.memory_bytes))?
                .with("temp_directory", temp.to_string_lossy())?
                .with("autoinstall_known_extensions", "false")?
                .with("autoload_known_extensions", "false")?
                .with("preserve_insertion_order", "true")
        };
        let root = Connection::open_with_flags(dir.join("pool.duckdb"), config().map_err(failed)?)
            .map_err(failed)?;
        // The file's lock is held from here on, so nobody else uses what lies beside it.
        remove_files(&temp)?;
        prepare(&root, global)?;
        remove_staging(&root)?;
        confine(&root)?;
        crate::publish::remove_leftovers(&dir)?;
        Ok(Arc::new(Self { root: Mutex::new(root), _only: only, stopped: OnceLock::new() }))
    }

    /// A connection of its own for one piece of work.
    pub(crate) fn lease(self: &Arc<Self>) -> Result<Lease, WarehouseError> {
        let connection =
            self.root.lock().unwrap_or_else(PoisonError::into_inner).try_clone().map_err(failed)?;
        Ok(Lease { connection, instance: Arc::clone(self) })
    }

    /// Remembers that the engine serves nobody any more.
    pub(crate) fn stop(&self) {
        self.stopped.get_or_init(|| ());
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get().is_some()
    }
}

/// A second open of the same file would work in one process, and closing either would drop the lock
/// that keeps other processes out.
struct OnlyOne(PathBuf);

static OPEN: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

impl OnlyOne {
    fn claim(dir: &Path) -> Result<Self, WarehouseError> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get_or_insert_default().insert(dir.to_owned()) {
            Ok(Self(dir.to_owned()))
        } else {
            let text = "the pool's file is already open in this process; wait until what uses it has ended";
            Err(WarehouseError::new(WarehouseErrorKind::Unavailable, text))
        }
    }
}

impl Drop for OnlyOne {
    fn drop(&mut self) {
        if let Some(open) = OPEN.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            open.remove(&self.0);
        }
    }
}

/// Makes what Forebay keeps in the file.
fn prepare(root: &Connection, global: &Identifier) -> Result<(), WarehouseError> {
    root.execute_batch(&format!(
        "CREATE SCHEMA IF NOT EXISTS {global}; CREATE SCHEMA IF NOT EXISTS {OWN_SCHEMA}; \
         CREATE TABLE IF NOT EXISTS {OWN_SCHEMA}.checkpoints(schema_name VARCHAR, table_name VARCHAR, \
         checkpoint VARCHAR NOT NULL, PRIMARY KEY (schema_name, table_name))",
        global = global.quoted(),
    ))
    .map_err(failed)
}

/// Removes the staging tables of loads that were stopped between staging and commit.
fn remove_staging(root: &Connection) -> Result<(), WarehouseError> {
    let find = format!(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database() \
         AND starts_with(table_name, {})",
        literal(STAGING)
    );
    let mut statement = root.prepare(&find).map_err(failed)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let leftovers = rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(failed)?;
    for (schema, table) in leftovers {
        root.execute_batch(&format!("DROP TABLE {}.{}", quote(&schema), quote(&table))).map_err(failed)?;
    }
    Ok(())
}

/// One way, for every connection of this engine: no files, no network, no other settings.
fn confine(root: &Connection) -> Result<(), WarehouseError> {
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

/// Removes what an engine that was killed had moved out of memory.
fn remove_files(dir: &Path) -> Result<(), WarehouseError> {
    let remove = || -> std::io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    remove().map_err(|error| io("the pool's temporary files cannot be removed", error))
}
