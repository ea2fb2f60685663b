//! Brings the schema of a database file up to this version, or refuses to touch it.
//!
//! Each migration is one transaction, so a start that is killed on the way leaves whole steps, and the next
//! start does the rest. Before the first step the database is copied beside itself: an upgrade that turns out
//! wrong is undone by putting the copy back.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use forebay_core::{Error, Result};
use sha2::{Digest, Sha384};

use super::{Connection, error, get, query};

/// One step of the schema.
struct Migration {
    version: i64,
    description: &'static str,
    sql: &'static str,
}

macro_rules! migration {
    ($version:literal, $description:literal, $file:literal) => {
        Migration {
            version: $version,
            description: $description,
            sql: include_str!(concat!("../../migrations/sqlite/", $file)),
        }
    };
}

/// In the order in which they are applied.
static MIGRATIONS: &[Migration] = &[
    migration!(1, "foundation", "0001_foundation.sql"),
    migration!(2, "removed data pools", "0002_removed_data_pools.sql"),
    migration!(3, "claims", "0003_claims.sql"),
    migration!(4, "schedules", "0004_schedules.sql"),
    migration!(5, "settings", "0005_settings.sql"),
    migration!(6, "retry policies", "0006_retry_policies.sql"),
    migration!(7, "oauth", "0007_oauth.sql"),
    migration!(8, "job purposes", "0008_job_purposes.sql"),
    migration!(9, "data models", "0009_data_models.sql"),
    migration!(10, "data push", "0010_data_push.sql"),
    migration!(11, "data exports", "0011_data_exports.sql"),
    migration!(12, "credentials", "0012_credentials.sql"),
    migration!(13, "sessions", "0013_sessions.sql"),
    migration!(14, "history", "0014_history.sql"),
    migration!(15, "groups", "0015_groups.sql"),
    migration!(16, "audit", "0016_audit.sql"),
    migration!(17, "oidc", "0017_oidc.sql"),
    migration!(18, "history of pools", "0018_history_of_pools.sql"),
];

/// Where it is written which steps a database has had. The name and the columns are those of the first versions.
const APPLIED: &str = "
    create table if not exists _sqlx_migrations (
        version bigint primary key,
        description text not null,
        installed_on timestamp not null default current_timestamp,
        success boolean not null,
        checksum blob not null,
        execution_time bigint not null
    )";

/// Migrates a database file, with a copy of it as it was.
///
/// # Errors
/// `Unavailable` when a newer version wrote the database, or when it cannot be copied.
pub(crate) fn file(connection: &Connection, path: &Path) -> Result<()> {
    if let Some(version) = applied(connection)?
        && newest() > version
    {
        let copy = beside(path, &format!("before-upgrade-from-{version:04}"));
        // One that is there already was made by a start that was killed later on: it is the older state.
        if !copy.try_exists().map_err(Error::internal)? {
            copy_to(connection, &copy)?;
            tracing::info!(copy = %copy.display(), "the metadata is upgraded; a copy of it as it was is kept");
        }
        forebay_core::fault::point("migration.before");
    }
    run(connection)?;
    forebay_core::fault::point("migration.after");
    Ok(())
}

/// Migrates a database without a copy.
pub(crate) fn run(connection: &Connection) -> Result<()> {
    run_to(connection, newest())
}

/// Applies what a database has not had, up to a version.
pub(crate) fn run_to(connection: &Connection, version: i64) -> Result<()> {
    let had = applied(connection)?.unwrap_or_default();
    if had > newest() {
        return Err(Error::Unavailable {
            what: format!(
                "a newer version of Forebay wrote the metadata (its schema is {had}, this version knows {}); start \
                 that version again, or restore a backup made with this one",
                newest()
            ),
        });
    }
    connection.execute_batch(APPLIED).map_err(error)?;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version <= version) {
        if !is_applied(connection, migration)? {
            apply(connection, migration)?;
        }
    }
    Ok(())
}

/// Whether a database has had a step, as it is known here.
fn is_applied(connection: &Connection, migration: &Migration) -> Result<bool> {
    let row = query("select checksum, success from _sqlx_migrations where version = $1")
        .bind(migration.version)
        .fetch_optional(connection)
        .map_err(error)?;
    let Some(row) = row else { return Ok(false) };
    let (checksum, success): (&[u8], i64) = (get(&row, "checksum")?, get(&row, "success")?);
    if success == 0 || checksum != migration.checksum() {
        let version = migration.version;
        return Err(Error::internal(format!(
            "the step {version} of the metadata's schema is not as it is known"
        )));
    }
    Ok(true)
}

fn apply(connection: &Connection, migration: &Migration) -> Result<()> {
    let transaction = connection.unchecked_transaction().map_err(error)?;
    transaction.execute_batch(migration.sql).map_err(error)?;
    query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values ($1, $2, true, $3, 0)",
    )
    .bind(migration.version)
    .bind(migration.description)
    .bind(migration.checksum())
    .execute(&transaction)
    .map_err(error)?;
    transaction.commit().map_err(error)
}

impl Migration {
    fn checksum(&self) -> Vec<u8> {
        Sha384::digest(self.sql.as_bytes()).to_vec()
    }
}

/// Lets the file shrink from now on: pages that retention has emptied go back to the file system a few at a
/// time. Done once for each file, since it rewrites it; a large one that an earlier version made is left alone,
/// and its empty pages are used again and never given back.
pub(crate) fn shrinkable(connection: &Connection) -> Result<()> {
    const LARGEST_BYTES: u64 = 256 * 1024 * 1024;
    let number = |sql: &'static str, column: &str| {
        let row = query(sql).fetch_one(connection).map_err(error)?;
        get::<i64>(&row, column).map(|number| u64::try_from(number).unwrap_or_default())
    };
    if number("pragma auto_vacuum", "auto_vacuum")? != 0 {
        return Ok(());
    }
    if number("pragma page_count", "page_count")? * number("pragma page_size", "page_size")? > LARGEST_BYTES {
        tracing::info!("the metadata was made by an earlier version and is large: its file does not shrink");
        return Ok(());
    }
    if let Err(error) = connection.execute_batch("pragma auto_vacuum = incremental; vacuum") {
        tracing::warn!(%error, "the metadata cannot be rewritten; its file does not shrink");
    }
    Ok(())
}

/// The newest schema this version knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The newest schema that a database has had applied; `None` for a new one.
pub(crate) fn applied(connection: &Connection) -> Result<Option<i64>> {
    let made = query("select 1 from sqlite_master where type = 'table' and name = '_sqlx_migrations'")
        .fetch_optional(connection)
        .map_err(error)?;
    if made.is_none() {
        return Ok(None);
    }
    let row =
        query("select max(version) as version from _sqlx_migrations").fetch_one(connection).map_err(error)?;
    get(&row, "version")
}

/// Writes a consistent copy of a database while it is in use. There is either the whole copy or none. Blocks.
///
/// # Errors
/// `Unavailable` when the copy cannot be written.
pub(crate) fn copy_to(connection: &Connection, copy: &Path) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, copy = %copy.display(), "the metadata cannot be copied");
        Error::Unavailable { what: format!("the metadata cannot be copied to {}", copy.display()) }
    };
    let half = beside(copy, "half");
    // What a killed start left: the engine writes into no file that is there.
    match fs::remove_file(&half) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&error)),
        _ => {}
    }
    let Some(name) = half.to_str() else {
        return Err(failed(&"the path is not text"));
    };
    connection.execute("vacuum into $1", [name]).map_err(|error| failed(&error))?;
    let keep = || {
        File::open(&half)?.sync_all()?;
        fs::rename(&half, copy)?;
        copy.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    keep().map_err(|error: std::io::Error| failed(&error))
}

/// `metadata.db` becomes `metadata.db.NAME`.
fn beside(path: &Path, name: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".");
    beside.push(name);
    PathBuf::from(beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_a_step_and_they_are_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".sql")).collect();
        names.sort();
        let known: Vec<String> = MIGRATIONS
            .iter()
            .map(|step| format!("{:04}_{}.sql", step.version, step.description.replace(' ', "_")))
            .collect();
        assert_eq!(names, known);
    }
}
