//! Copies a pool while it works: its file with the log of commits, and the published models, as of one
//! moment.
//!
//! The engine cannot be asked for the copy, since it may open no other file. So the files are copied as they
//! lie, in a turn: nothing is committed and no checkpoint is written meanwhile, and what loads stage goes
//! where no checkpoint and no log points yet. The copy is what a crash at that moment would have left. It is
//! opened once to prove that it can be, which puts the log into the file.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use duckdb::Connection;
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};

use crate::claims::Shows;
use crate::confine::config;
use crate::duckdb::Limits;
use crate::error::{failed, io};
use crate::instance::{Instance, TEMP, remove_staging};
use crate::recovery::{CHECKPOINT_LOG, FILE, LOG};
use crate::session::Halt;

/// Copied at a time, with a look at the stop between.
const CHUNK: usize = 8 * 1024 * 1024;
/// The most memory for opening the copy.
const MEMORY: u64 = 512 * 1024 * 1024;

/// Copies the pool into an empty folder, or makes the folder.
pub(crate) fn run(
    instance: &Instance,
    shows: &Shows,
    limits: &Limits,
    to: &Path,
    halt: &Halt,
) -> Result<(), WarehouseError> {
    let broken = |error| io("the pool cannot be copied", error);
    fs::create_dir_all(to).map_err(broken)?;
    if fs::read_dir(to).map_err(broken)?.next().is_some() {
        let text = "the folder for the copy of a pool is not empty; name an empty one";
        return Err(WarehouseError::new(WarehouseErrorKind::Unavailable, text));
    }
    {
        let _turn = shows.turn(halt)?;
        copy_file(&instance.file, &to.join(FILE), halt)?;
        for log in [LOG, CHECKPOINT_LOG] {
            let from = instance.dir().join(log);
            if from.exists() {
                fs::copy(from, to.join(log)).map_err(broken)?;
            }
        }
        crate::publish::copy_current(&instance.dir().join("models"), &to.join("models")).map_err(broken)?;
    }
    halt.check()?;
    prove(limits, to)?;
    File::open(to).and_then(|dir| dir.sync_all()).map_err(broken)
}

/// Copies the pool's file by a handle that stays open: to close one would drop the engine's lock.
fn copy_file(from: &File, to: &Path, halt: &Halt) -> Result<(), WarehouseError> {
    let broken = |error| io("the pool's file cannot be copied", error);
    let mut to = File::create(to).map_err(broken)?;
    let mut chunk = vec![0; CHUNK];
    let mut at = 0;
    loop {
        halt.check()?;
        let read = from.read_at(&mut chunk, at).map_err(broken)?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&chunk[..read]).map_err(broken)?;
        at += read as u64;
    }
}

/// Opens the copy, removes what was staged at that moment, and closes it again.
fn prove(limits: &Limits, to: &Path) -> Result<(), WarehouseError> {
    let temp = to.join(TEMP);
    let broken = |error| io("the copy of the pool cannot be finished", error);
    let limits =
        Limits { threads: 1, memory_bytes: limits.memory_bytes.min(MEMORY), temp_bytes: limits.temp_bytes };
    let copy = Connection::open_with_flags(to.join(FILE), config(&limits, &temp).map_err(failed)?)
        .map_err(failed)
        .map_err(|error| WarehouseError {
            message: format!("the copy of the pool cannot be opened, so it is no backup: {}", error.message),
            ..error
        })?;
    remove_staging(&copy)?;
    copy.execute_batch("FORCE CHECKPOINT").map_err(failed)?;
    drop(copy);
    if temp.exists() {
        fs::remove_dir_all(&temp).map_err(broken)?;
    }
    File::open(to.join(FILE)).and_then(|file| file.sync_all()).map_err(broken)
}
