//! Brings the schema of a database file up to this version, or refuses to touch it.
//!
//! Each migration is one transaction, so a start that is killed on the way leaves whole steps, and the next
//! start does the rest. Before the first step the database is copied beside itself: an upgrade that turns out
//! wrong is undone by putting the copy back.

use std::path::{Path, PathBuf};

use forebay_core::{Error, Result};
use sqlx::Row as _;
use sqlx::migrate::{MigrateError, Migrator};

use super::Pool;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Migrates a database file, with a copy of it as it was.
///
/// # Errors
/// `Unavailable` when a newer version wrote the database, or when it cannot be copied.
pub(crate) async fn file(pool: &Pool, path: &Path) -> Result<()> {
    if let Some(version) = applied(pool).await?
        && MIGRATIONS.iter().any(|migration| migration.version > version)
    {
        let copy = beside(path, &format!("before-upgrade-from-{version:04}"));
        // One that is there already was made by a start that was killed later on: it is the older state.
        if !tokio::fs::try_exists(&copy).await.map_err(Error::internal)? {
            copy_to(pool, &copy).await?;
            tracing::info!(copy = %copy.display(), "the metadata is upgraded; a copy of it as it was is kept");
        }
        forebay_core::fault::point("migration.before");
    }
    run(pool).await?;
    forebay_core::fault::point("migration.after");
    Ok(())
}

/// Migrates a database without a copy.
pub(crate) async fn run(pool: &Pool) -> Result<()> {
    MIGRATIONS.run(pool).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => Error::Unavailable {
            what: format!(
                "a newer version of Forebay wrote the metadata (its schema is {version}, this version knows {}); \
                 start that version again, or restore a backup made with this one",
                newest()
            ),
        },
        other => Error::internal(other),
    })
}

/// Lets the file shrink from now on: pages that retention has emptied go back to the file system a few at a
/// time. Done once for each file, since it rewrites it; a large one that an earlier version made is left alone,
/// and its empty pages are used again and never given back.
pub(crate) async fn shrinkable(pool: &Pool) -> Result<()> {
    const LARGEST_BYTES: u64 = 256 * 1024 * 1024;
    let number = async |sql: &'static str| {
        let row = super::query(sql).fetch_one(pool).await.map_err(super::error)?;
        row.try_get::<i64, _>(0)
            .map(|number| u64::try_from(number).unwrap_or_default())
            .map_err(Error::internal)
    };
    if number("pragma auto_vacuum").await? != 0 {
        return Ok(());
    }
    if number("pragma page_count").await? * number("pragma page_size").await? > LARGEST_BYTES {
        tracing::info!("the metadata was made by an earlier version and is large: its file does not shrink");
        return Ok(());
    }
    // One connection: the wish holds for the rewriting alone.
    let mut connection = pool.acquire().await.map_err(super::error)?;
    for sql in ["pragma auto_vacuum = incremental", "vacuum"] {
        if let Err(error) = super::query(sql).execute(&mut *connection).await {
            tracing::warn!(%error, "the metadata cannot be rewritten; its file does not shrink");
            break;
        }
    }
    Ok(())
}

/// The newest schema this version knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The newest schema that a database has had applied; `None` for a new one.
pub(crate) async fn applied(pool: &Pool) -> Result<Option<i64>> {
    let made = super::query("select 1 from sqlite_master where type = 'table' and name = '_sqlx_migrations'")
        .fetch_optional(pool)
        .await
        .map_err(super::error)?;
    if made.is_none() {
        return Ok(None);
    }
    let row = super::query("select max(version) as version from _sqlx_migrations")
        .fetch_one(pool)
        .await
        .map_err(super::error)?;
    row.try_get("version").map_err(Error::internal)
}

/// Writes a consistent copy of a database while it is in use. There is either the whole copy or none.
///
/// # Errors
/// `Unavailable` when the copy cannot be written.
pub(crate) async fn copy_to(pool: &Pool, copy: &Path) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, copy = %copy.display(), "the metadata cannot be copied");
        Error::Unavailable { what: format!("the metadata cannot be copied to {}", copy.display()) }
    };
    let half = beside(copy, "half");
    // What a killed start left: the engine writes into no file that is there.
    match tokio::fs::remove_file(&half).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&error)),
        _ => {}
    }
    let Some(name) = half.to_str() else {
        return Err(failed(&"the path is not text"));
    };
    super::query("vacuum into $1").bind(name).execute(pool).await.map_err(|error| failed(&error))?;
    let kept = async {
        tokio::fs::File::open(&half).await?.sync_all().await?;
        tokio::fs::rename(&half, copy).await?;
        match copy.parent() {
            Some(parent) => tokio::fs::File::open(parent).await?.sync_all().await,
            None => Ok(()),
        }
    };
    kept.await.map_err(|error: std::io::Error| failed(&error))
}

/// `metadata.db` becomes `metadata.db.NAME`.
fn beside(path: &Path, name: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".");
    beside.push(name);
    PathBuf::from(beside)
}
