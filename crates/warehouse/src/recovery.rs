//! Opens a pool's file after whatever happened to it.
//!
//! The engine keeps what was committed since its last checkpoint in a log beside the file. A log that
//! cannot be read must not keep the pool shut for ever, and must not be thrown away either: it is moved
//! aside under a name that says so, the commits before the damage are kept, and the damage is told, so that
//! the runs that ended after [`Damage::last_good`] can be looked at and run again. A file that is damaged
//! itself is never touched.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use duckdb::Connection;
use forebay_core::Timestamp;
use forebay_core::plane::Damage;
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};

use crate::error::{failed, io as unusable, message};
use crate::wal::{Log, look};

/// The pool's file, and the engine's log beside it.
pub(crate) const FILE: &str = "pool.duckdb";
pub(crate) const LOG: &str = "pool.duckdb.wal";
/// The log of commits that came while a checkpoint was written, and what both become together.
pub(crate) const CHECKPOINT_LOG: &str = "pool.duckdb.wal.checkpoint";
const RECOVERY_LOG: &str = "pool.duckdb.wal.recovery";
/// Comes after the name of a log that is moved aside, and before a time.
const ASIDE: &str = ".damaged-";
/// Comes after that, for the record.
const RECORD: &str = ".json";

/// What was ever found damaged in a pool's folder, the oldest first, as long as the logs that were moved aside
/// lie there; nothing of a folder that is missing. Looks at files alone: the pool may be open.
///
/// # Errors
/// When the folder cannot be read.
pub fn damages(dir: &Path) -> io::Result<Vec<Damage>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(LOG) || !name.contains(ASIDE) || !name.ends_with(RECORD) {
            continue;
        }
        let record: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        let logs = record["quarantined"].as_array().into_iter().flatten();
        let quarantined = logs.filter_map(|name| name.as_str()).map(|name| dir.join(name)).collect();
        let last_good = Timestamp::from_millis(record["lastGood"].as_i64().unwrap_or_default());
        found.push(Damage { quarantined, last_good });
    }
    found.sort_by_key(|damage| damage.last_good);
    Ok(found)
}

/// Writes down what was found, beside the first log that was moved aside.
fn record(damage: &Damage) -> io::Result<()> {
    let Some(first) = damage.quarantined.first() else { return Ok(()) };
    let names: Vec<_> = damage.quarantined.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    let record = serde_json::json!({"quarantined": names, "lastGood": damage.last_good.as_millis()});
    let mut path = first.clone().into_os_string();
    path.push(RECORD);
    let mut file = File::create(path)?;
    file.write_all(record.to_string().as_bytes())?;
    file.sync_all()
}

/// Opens the file, without its log when that is the only way.
pub(crate) fn open(
    dir: &Path,
    connect: &dyn Fn() -> duckdb::Result<Connection>,
) -> Result<Connection, WarehouseError> {
    let unreadable = |error| unusable("the pool's log of commits cannot be read", error);
    let main = look(&dir.join(LOG)).map_err(unreadable)?;
    let beside = look(&dir.join(CHECKPOINT_LOG)).map_err(unreadable)?;
    let kept = match (main, beside) {
        // What came during a checkpoint came after all that is in the main log.
        (Log::Damaged { whole }, _) => [whole, 0],
        (Log::Whole, Log::Damaged { whole }) => [length(&dir.join(LOG)).map_err(unreadable)?, whole],
        (Log::Whole, Log::Whole) => match connect() {
            Ok(connection) => return Ok(connection),
            // The log is whole and still means nothing to the engine.
            Err(error) if cannot_be_replayed(&message(&error)) => [0, 0],
            Err(error) => return Err(not_opened(error)),
        },
    };
    let last_good = began(&dir.join(LOG));
    let aside = Aside::move_logs(dir, kept).map_err(unreadable)?;
    match aside.connect(dir, connect) {
        Ok(connection) => {
            let damage = Damage { quarantined: aside.paths(), last_good };
            record(&damage).map_err(|error| unusable("the damage of the pool cannot be recorded", error))?;
            tracing::error!(
                quarantined = ?damage.quarantined,
                last_good = last_good.as_millis(),
                kept_bytes = kept[0],
                "a pool's log of commits is damaged and was moved aside; runs that ended since may have to be run again"
            );
            Ok(connection)
        }
        Err(error) => {
            aside.move_back(dir).map_err(unreadable)?;
            Err(not_opened(error))
        }
    }
}

/// Logs that were moved aside: the names they had and have.
struct Aside(Vec<(PathBuf, PathBuf)>);

impl Aside {
    /// Moves the logs aside, and leaves the commits of their first bytes in their place.
    fn move_logs(dir: &Path, kept: [u64; 2]) -> io::Result<Self> {
        let suffix = suffix(&dir.join(LOG));
        let mut moved = Self(Vec::new());
        for (name, kept) in [(LOG, kept[0]), (CHECKPOINT_LOG, kept[1]), (RECOVERY_LOG, 0)] {
            let from = dir.join(name);
            if !from.exists() {
                continue;
            }
            let mut to = dir.join(format!("{name}{ASIDE}{suffix}"));
            let mut number = 1;
            while to.exists() {
                number += 1;
                to = dir.join(format!("{name}{ASIDE}{suffix}-{number}"));
            }
            fs::rename(&from, &to)?;
            if kept > 0 {
                let mut log = File::create(&from)?;
                io::copy(&mut File::open(&to)?.take(kept), &mut log)?;
                log.sync_all()?;
            }
            moved.0.push((from, to));
        }
        File::open(dir)?.sync_all()?;
        Ok(moved)
    }

    /// Opens the file with the commits that are left, or with none.
    fn connect(
        &self,
        dir: &Path,
        connect: &dyn Fn() -> duckdb::Result<Connection>,
    ) -> duckdb::Result<Connection> {
        match connect() {
            Err(error) if dir.join(LOG).exists() && cannot_be_replayed(&message(&error)) => {
                for (from, _) in &self.0 {
                    // One that stays is told by the engine again.
                    drop(fs::remove_file(from));
                }
                connect()
            }
            done => done,
        }
    }

    fn move_back(&self, dir: &Path) -> io::Result<()> {
        for (from, to) in &self.0 {
            fs::rename(to, from)?;
        }
        File::open(dir)?.sync_all()
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.0.iter().map(|(_, to)| to.clone()).collect()
    }
}

fn length(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// When the first commit came that is not in the file: each checkpoint begins a new log.
fn began(log: &Path) -> Timestamp {
    let began = fs::metadata(log).and_then(|found| found.created()).unwrap_or(UNIX_EPOCH);
    Timestamp::from_millis(millis(began))
}

fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// When the log was written last, in UTC, as part of a name.
fn suffix(log: &Path) -> String {
    let written = fs::metadata(log).and_then(|found| found.modified()).unwrap_or(UNIX_EPOCH);
    let seconds = millis(written) / 1000;
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Year, month and day of a number of days since 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    // Years are counted from March here, so that a leap day is the last of its year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Whether the engine says that it is the log that it cannot read: not a lock, a missing right, a full disk,
/// too little memory, or a log of a newer version.
fn cannot_be_replayed(message: &str) -> bool {
    let (class, text) = message.split_once(" Error: ").unwrap_or(("", message));
    let of_log = ["Failure while replaying WAL", "replaying checkpoint WAL", "WAL checkpoint marker"]
        .iter()
        .any(|part| text.contains(part));
    let foreign = ["WAL does not match database file", "This WAL was created for this database file"]
        .iter()
        .any(|part| text.contains(part));
    match class {
        "IO" => foreign,
        "Out of Memory" | "INTERRUPT" | "Permission" => false,
        _ => of_log || foreign,
    }
}

/// Whether the engine says that the file itself is damaged.
fn is_damaged(message: &str) -> bool {
    let (class, text) = message.split_once(" Error: ").unwrap_or(("", message));
    // A file of another version is not damaged.
    let sound = ["version number", "newer version", "WAL file"].iter().any(|part| text.contains(part));
    let broken = [
        "not a valid DuckDB database file",
        "Corrupt database file",
        "Failed to load metadata",
        // It ends too early.
        "Could not read enough bytes",
        "corrupt",
    ]
    .iter()
    .any(|part| text.contains(part));
    !sound && (broken || matches!(class, "Data Corruption" | "Serialization" | "INTERNAL" | "FATAL"))
}

/// Why a file cannot be opened.
fn not_opened(error: duckdb::Error) -> WarehouseError {
    let said = message(&error);
    if is_damaged(&said) {
        let text = format!(
            "the pool's file {FILE} is damaged and was left as it is; stop the server, keep a copy of the pool's folder, and restore the pool from a backup"
        );
        return WarehouseError::new(WarehouseErrorKind::Unavailable, text).caused_by(error);
    }
    if said.contains("version number") {
        let text = format!(
            "the pool's file {FILE} was written by a newer version; start that version, or restore the pool from a backup of this one"
        );
        return WarehouseError::new(WarehouseErrorKind::Unavailable, text).caused_by(error);
    }
    failed(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_log_that_cannot_be_read_is_moved_aside() {
        for message in [
            "Data Corruption Error: Failure while replaying WAL file \"/a\": Corrupt WAL file: entry at byte position 9",
            "Catalog Error: Failure while replaying WAL file \"/a\": Table does not exist",
            "INTERNAL Error: Failure while replaying WAL file \"/a\": Invalid WAL entry type!",
            "IO Error: Failure while replaying WAL file \"/a\": WAL does not match database file.",
        ] {
            assert!(cannot_be_replayed(message), "{message}");
        }
        for message in [
            "IO Error: Could not set lock on file \"/a.wal\": Conflicting lock is held",
            "IO Error: Cannot open file \"/a.wal\": Permission denied",
            "IO Error: Failure while replaying WAL file \"/a\": Could not read from file: Input/output error",
            "IO Error: Failure while replaying WAL file \"/a\": Failed to read WAL of version 9 - can only read version 1",
            "Out of Memory Error: Failure while replaying WAL file \"/a\": failed to pin block",
            "IO Error: Trying to read a database file with version number 99, but we can only read versions",
        ] {
            assert!(!cannot_be_replayed(message), "{message}");
        }
    }

    #[test]
    fn days_are_dates() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (10_957, (2000, 1, 1)),
            (11_016, (2000, 2, 29)),
            (20_782, (2026, 11, 25)),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }
}
