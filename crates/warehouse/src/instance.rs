//! The engine of one pool's file: opened once in a process, confined, and tidied of what a stopped
//! server left.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use duckdb::Connection;
use forebay_core::execution::Claim;
use forebay_core::name::{Identifier, quote};
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};

use crate::claims::{Shows, Turn};
use crate::confine::{config, confine};
use crate::duckdb::Limits;
use crate::error::{Shortage, failed, in_use, io, shortage};
use crate::memory::Memory;
use crate::names::{OWN_SCHEMA, STAGING, literal};
use crate::recovery::FILE;

/// The folder for what does not fit into memory, in the pool's folder.
pub(crate) const TEMP: &str = "temp";

/// A pool's open file. Everything works on clones of one connection.
pub(crate) struct Instance {
    // In this order: the file is closed before another may open it.
    root: Mutex<Connection>,
    /// For the claims alone, so that it can keep prepared what they write.
    claims: Mutex<Connection>,
    pub(crate) memory: Arc<Memory>,
    /// For the backup to read. When any handle of the file is closed, the engine's lock on it is gone, so
    /// this one is closed last.
    pub(crate) file: File,
    only: OnlyOne,
    /// Set while the log is folded into the file.
    pub(crate) folding: AtomicBool,
    limits: Limits,
    /// Set once the engine serves nobody any more.
    stopped: OnceLock<()>,
}

/// One connection, which keeps its engine open.
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    pub(crate) instance: Arc<Instance>,
}

impl Instance {
    /// Opens the pool in a folder, or makes it, and reads the claims in it. Blocks.
    pub(crate) fn open(
        dir: &Path,
        global: &Identifier,
        limits: &Limits,
        shows: &Shows,
    ) -> Result<Arc<Self>, WarehouseError> {
        for folder in [dir, &dir.join("models")] {
            fs::create_dir_all(folder).map_err(|error| io("the pool's folder cannot be made", error))?;
        }
        let dir = fs::canonicalize(dir).map_err(|error| io("the pool's folder cannot be found", error))?;
        let only = OnlyOne::claim(&dir)?;
        let temp = dir.join(TEMP);
        make_temp(&temp)?;
        let connect = || Connection::open_with_flags(dir.join(FILE), config(limits, &temp)?);
        let root = crate::recovery::open(&dir, &connect)?;
        let file = File::open(dir.join(FILE)).map_err(|error| io("the pool's file cannot be read", error))?;
        prepare(&root, global)?;
        crate::feed::register(&root)?;
        remove_staging(&root)?;
        confine(&root, &dir, &temp)?;
        shows.read(&root)?;
        crate::publish::remove_leftovers(&dir)?;
        crate::export::remove_leftovers(&dir)?;
        let limits = limits.clone();
        let claims = Mutex::new(root.try_clone().map_err(failed)?);
        let memory = Memory::new(&root, limits.memory_bytes, limits.threads)?;
        let (root, stopped) = (Mutex::new(root), OnceLock::new());
        let folding = AtomicBool::new(false);
        Ok(Arc::new(Self { root, claims, memory, file, only, folding, limits, stopped }))
    }

    /// The pool's folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.only.dir
    }

    /// Says of what there is too little, and how much there is.
    pub(crate) fn explain(&self, error: WarehouseError) -> WarehouseError {
        const MIB: u64 = 1024 * 1024;
        let message = match shortage(&error) {
            None => return error,
            Some(Shortage::Disk) => {
                let free = rustix::fs::statvfs(self.dir()).map_or_else(
                    |_| "little".to_owned(),
                    |disk| format!("{} MiB", disk.f_bavail.saturating_mul(disk.f_frsize) / MIB),
                );
                format!(
                    "the disk of the pool's folder is full: {free} free; free some space and run it again"
                )
            }
            Some(Shortage::Temporary) => format!(
                "out of temporary space: what did not fit into memory needed more than {} MiB of disk; make the statement smaller, run less at a time, or raise the limit of temporary files",
                self.limits.temp_bytes / MIB
            ),
            Some(Shortage::Memory) => format!(
                "out of memory: the limit of the engine is {} MiB; make the statement smaller, run less at a time, or start the server with more memory for each pool (--memory-mib)",
                self.limits.memory_bytes / MIB
            ),
        };
        WarehouseError { message, ..error }
    }

    /// A connection of its own for one piece of work.
    pub(crate) fn lease(self: &Arc<Self>) -> Result<Lease, WarehouseError> {
        let connection =
            self.root.lock().unwrap_or_else(PoisonError::into_inner).try_clone().map_err(failed)?;
        Ok(Lease { connection, instance: Arc::clone(self) })
    }

    /// Lets a claim work for its job.
    pub(crate) fn take_over(&self, turn: Turn<'_>, claim: Claim) -> Result<(), WarehouseError> {
        turn.take_over(&self.claims.lock().unwrap_or_else(PoisonError::into_inner), claim)
    }

    /// Remembers that the engine serves nobody any more.
    pub(crate) fn stop(&self) {
        self.stopped.get_or_init(|| ());
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get().is_some()
    }
}

/// Keeps everybody else away from a pool's folder. A second open of the same file would work in one
/// process, and closing either would drop the lock that keeps other processes out. The lock here is on a
/// file beside it: it is held before the engine's log is looked at, and no other open can drop it.
struct OnlyOne {
    dir: PathBuf,
    _lock: File,
}

static OPEN: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

impl OnlyOne {
    fn claim(dir: &Path) -> Result<Self, WarehouseError> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.get_or_insert_default();
        if open.contains(dir) {
            let text = "the pool's file is already open in this process; wait until what uses it has ended";
            return Err(WarehouseError::new(WarehouseErrorKind::Unavailable, text));
        }
        let lock = lock(&dir.join("pool.lock"))?;
        open.insert(dir.to_owned());
        Ok(Self { dir: dir.to_owned(), _lock: lock })
    }
}

impl Drop for OnlyOne {
    fn drop(&mut self) {
        if let Some(open) = OPEN.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            open.remove(&self.dir);
        }
    }
}

/// Locks a file, and writes down who did.
fn lock(path: &Path) -> Result<File, WarehouseError> {
    let unusable = |error| io("the pool's folder cannot be locked", error);
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who holds it may be writing this just now.
            drop(file.read_to_string(&mut holder));
            return Err(in_use(holder.trim().parse().ok()));
        }
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    let write = || -> std::io::Result<()> {
        file.set_len(0)?;
        (&file).write_all(std::process::id().to_string().as_bytes())
    };
    write().map_err(unusable)?;
    Ok(file)
}

/// Makes what Forebay keeps in the file.
pub(crate) fn prepare(root: &Connection, global: &Identifier) -> Result<(), WarehouseError> {
    root.execute_batch(&format!(
        "CREATE SCHEMA IF NOT EXISTS {global}; CREATE SCHEMA IF NOT EXISTS {OWN_SCHEMA}; \
         CREATE TABLE IF NOT EXISTS {OWN_SCHEMA}.checkpoints(schema_name VARCHAR, table_name VARCHAR, \
         checkpoint VARCHAR NOT NULL, PRIMARY KEY (schema_name, table_name)); \
         CREATE TABLE IF NOT EXISTS {OWN_SCHEMA}.claims(job VARCHAR PRIMARY KEY, number UBIGINT NOT NULL); \
         CREATE TABLE IF NOT EXISTS {OWN_SCHEMA}.patches(job VARCHAR, schema_name VARCHAR, table_name VARCHAR, \
         number UBIGINT NOT NULL, staged UBIGINT NOT NULL, inserted UBIGINT NOT NULL, updated UBIGINT NOT NULL, \
         deleted UBIGINT NOT NULL, before UBIGINT NOT NULL, after UBIGINT NOT NULL, \
         PRIMARY KEY (job, schema_name, table_name))",
        global = global.quoted(),
    ))
    .map_err(failed)
}

/// Removes the staging tables of loads that were stopped between staging and commit.
pub(crate) fn remove_staging(root: &Connection) -> Result<(), WarehouseError> {
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

/// Makes the folder for what does not fit into memory, removes what an engine that was killed left in it,
/// and proves that it can be written: otherwise the first large statement would be the one to fail.
fn make_temp(temp: &Path) -> Result<(), WarehouseError> {
    let make = || -> std::io::Result<()> {
        fs::create_dir_all(temp)?;
        for entry in fs::read_dir(temp)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        let probe = temp.join("probe");
        fs::write(&probe, "x")?;
        fs::remove_file(probe)
    };
    make().map_err(|error| {
        let what = format!(
            "the folder for temporary files, {TEMP} in the pool's folder, cannot be written; let the server write there"
        );
        io(&what, error)
    })
}
