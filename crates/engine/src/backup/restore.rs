//! Makes a data folder of a backup. There is either the whole folder or none.

use std::path::{Path, PathBuf};

use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::execution::{Execution, Status};
use forebay_store::Store;

use super::folder::{Manifest, blocking, copy_file, remove, sync, unreadable, unwritable};

/// What a restore has found.
#[derive(Debug)]
pub struct Restored {
    pub made_at: Timestamp,
    pub pools: usize,
    pub bytes: u64,
    /// Executions that were under way when the backup was made: failed, so that nothing starts unasked.
    pub ended: Vec<Execution>,
    /// Executions that ended well after their pool was copied: what they loaded comes with the next run.
    pub missing: Vec<Execution>,
}

/// Restores a backup into a data folder that is missing or empty.
///
/// # Errors
/// `Unavailable` when the folder is no backup, a file of it is damaged, the data folder is in use, or this
/// version is older than the one that made it.
pub async fn restore(backup: &Path, data_dir: &Path, now: Timestamp) -> Result<Restored> {
    let half = half_of(data_dir);
    let (from, to, target) = (backup.to_owned(), half.clone(), data_dir.to_owned());
    let manifest = blocking(move || copy(&from, &to, &target)).await?;
    let store = Store::open(&half).await?;
    let noted = note(&store, &manifest, now).await;
    store.close().await;
    let (ended, missing) = noted?;
    let target = data_dir.to_owned();
    blocking(move || {
        sync(&half)?;
        // Replaces an empty folder, and no other.
        std::fs::rename(&half, &target).map_err(|error| unwritable(&target, &error))
    })
    .await?;
    let (pools, bytes) = (manifest.pools.len(), manifest.bytes());
    Ok(Restored { made_at: manifest.made_at, pools, bytes, ended, missing })
}

/// The folder beside the target in which the restore is made.
fn half_of(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.as_os_str().to_owned();
    name.push(".restoring");
    PathBuf::from(name)
}

fn copy(backup: &Path, half: &Path, target: &Path) -> Result<Manifest> {
    let Some(manifest) = Manifest::read(backup)? else {
        let what = format!("{} is no backup: it has no backup.json", backup.display());
        return Err(Error::Unavailable { what });
    };
    match std::fs::read_dir(target) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                let what = format!("{} is not empty; restore into a new folder", target.display());
                return Err(Error::Unavailable { what });
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(target, &error)),
    }
    remove(half)?;
    std::fs::create_dir_all(half).map_err(|error| unwritable(half, &error))?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(half, private).map_err(|error| unwritable(half, &error))?;
    for file in &manifest.files {
        // A backup is a folder that somebody may have changed: nothing of it leaves the new folder.
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        if !file.path.split('/').all(plain) {
            return Err(damaged(backup, &file.path, "its path leaves the folder"));
        }
        let (bytes, sha256) = copy_file(&backup.join(&file.path), &half.join(&file.path))?;
        if (bytes, &sha256) != (file.bytes, &file.sha256) {
            return Err(damaged(backup, &file.path, "it is not as it was when the backup was made"));
        }
    }
    Ok(manifest)
}

fn damaged(backup: &Path, file: &str, why: &str) -> Error {
    let what = format!("the backup {} is damaged: {file}: {why}; take another backup", backup.display());
    Error::Unavailable { what }
}

/// Ends what was under way, and finds what the rows of each pool do not have.
async fn note(
    store: &Store,
    manifest: &Manifest,
    now: Timestamp,
) -> Result<(Vec<Execution>, Vec<Execution>)> {
    let text = "this execution was under way when the backup was made that this server was restored from; \
                every table is as it was before or completely loaded: start the job again";
    let ended = store.unfinished_executions().await?;
    for execution in &ended {
        store.finish_execution(execution.id, Status::Fail, Some(text), now).await?;
    }
    let text = "this run was under way when the backup was made that this server was restored from";
    store.cancel_all_schedule_runs(text, now).await?;
    let mut missing = Vec::new();
    for pool in &manifest.pools {
        missing.extend(store.succeeded_since(pool.id, pool.copied_at).await?);
    }
    Ok((ended, missing))
}
