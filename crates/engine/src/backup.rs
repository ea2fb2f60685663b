//! Backups while the server runs: every pool's rows, then the metadata, each as of one moment.
//!
//! The order matters. The checkpoint of a table lies with its rows, so a pool's copy is right by itself: the
//! next DELTA goes on from the rows that are there. The metadata comes last, so that it knows every claim
//! that a pool's copy has seen. What it knows too much, executions that ended after their pool was copied,
//! a restore lists.

pub(crate) mod folder;
mod restore;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;

use forebay_core::Timestamp;
use forebay_core::access::Caller;
use forebay_core::error::{Error, Kind, Result};

use crate::Engine;
use folder::{Half, PoolCopy};

pub use restore::{Restored, restore};

/// The longest name of a backup, in characters.
const NAME_LIMIT: usize = 100;

/// The name of a backup, which is one folder everywhere: 1 to 100 ASCII letters, digits, dots, dashes and
/// underscores, not beginning with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupName(String);

impl BackupName {
    /// What fits, as a regular expression.
    pub const PATTERN: &'static str = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$";

    /// # Errors
    /// `Invalid`, for the field `name`.
    pub fn parse(text: &str) -> Result<Self> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if text.is_empty() || text.len() > NAME_LIMIT || text.starts_with('.') || !text.chars().all(fits) {
            let reason = format!(
                "must be 1 to {NAME_LIMIT} letters, digits, dots, dashes or underscores, not beginning with a dot"
            );
            return Err(Error::invalid("name", reason));
        }
        Ok(Self(text.to_owned()))
    }

    /// The moment as a name: names sort as times.
    fn of(moment: Timestamp) -> Self {
        Self(match jiff::Timestamp::from_millisecond(moment.as_millis()) {
            Ok(time) => time.strftime("%Y-%m-%dT%H-%M-%SZ").to_string(),
            Err(_) => moment.as_millis().to_string(),
        })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for BackupName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A backup, whether it is whole or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub name: BackupName,
    /// The folder it is in once it is whole.
    pub path: PathBuf,
    pub state: BackupState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupState {
    Running,
    /// Nothing is kept of it.
    Failed {
        reason: String,
    },
    Done {
        made_at: Timestamp,
        bytes: u64,
    },
}

/// The backups of this run of the server that are no folder: under way, or failed.
#[derive(Default)]
pub(crate) struct Backups(Mutex<HashMap<BackupName, BackupState>>);

impl Backups {
    /// Notes that one begins; one at a time.
    fn begin(&self, name: &BackupName) -> Result<()> {
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(running) = known.iter().find(|(_, state)| **state == BackupState::Running) {
            let text = format!("the backup `{}` is being made; wait until it is done", running.0);
            return Err(Error::conflict(text));
        }
        known.insert(name.clone(), BackupState::Running);
        Ok(())
    }

    /// Notes how one ended; a whole one is found as a folder.
    fn end(&self, name: &BackupName, failure: Option<String>) {
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match failure {
            Some(reason) => known.insert(name.clone(), BackupState::Failed { reason }),
            None => known.remove(name),
        };
    }

    fn all(&self) -> Vec<(BackupName, BackupState)> {
        let known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.iter().map(|(name, state)| (name.clone(), state.clone())).collect()
    }
}

impl Engine {
    /// Begins a backup into a new folder below the server's backup folder. It goes on by itself.
    ///
    /// # Errors
    /// `Forbidden` to all but administrators, `Invalid` for the name, `Conflict` when the name is taken or
    /// another backup is under way.
    pub async fn create_backup(&self, caller: &Caller, name: Option<BackupName>) -> Result<Backup> {
        Self::administrator(caller)?;
        let name = name.unwrap_or_else(|| BackupName::of(self.now()));
        let path = self.0.settings.backup_dir.join(name.as_str());
        if tokio::fs::try_exists(&path).await.map_err(Error::internal)? {
            return Err(Error::conflict(format!("there is a backup `{name}` already; choose another name")));
        }
        self.0.backups.begin(&name)?;
        let backup = Backup { name: name.clone(), path, state: BackupState::Running };
        let engine = self.clone();
        tokio::spawn(async move {
            let failure = match engine.back_up(&name).await {
                Ok(bytes) => {
                    tracing::info!(backup = %name, bytes, "backup made");
                    None
                }
                Err(error) => {
                    tracing::error!(
                        backup = %name,
                        error = &error as &dyn std::error::Error,
                        "the backup failed"
                    );
                    Some(error.to_string())
                }
            };
            engine.0.backups.end(&name, failure);
        });
        Ok(backup)
    }

    /// The backups there are, by name.
    ///
    /// # Errors
    /// `Forbidden` to all but administrators.
    pub async fn backups(&self, caller: &Caller) -> Result<Vec<Backup>> {
        Self::administrator(caller)?;
        let dir = &self.0.settings.backup_dir;
        // Before the folders: one that is done meanwhile is in both, and not in neither.
        let without_folder = self.0.backups.all();
        let mut found: Vec<Backup> = folder::list(dir)
            .await?
            .into_iter()
            .map(|(name, manifest)| Backup {
                path: dir.join(name.as_str()),
                name,
                state: BackupState::Done { made_at: manifest.made_at, bytes: manifest.bytes() },
            })
            .collect();
        for (name, state) in without_folder {
            if !found.iter().any(|backup| backup.name == name) {
                found.push(Backup { path: dir.join(name.as_str()), name, state });
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// One backup.
    ///
    /// # Errors
    /// `Forbidden` to all but administrators, `NotFound`.
    pub async fn backup(&self, caller: &Caller, name: &BackupName) -> Result<Backup> {
        let all = self.backups(caller).await?;
        all.into_iter()
            .find(|backup| backup.name == *name)
            .ok_or_else(|| Error::not_found(Kind::Backup, name))
    }

    /// Makes the folder of a backup and returns its size in bytes.
    async fn back_up(&self, name: &BackupName) -> Result<u64> {
        let half = Half::begin(&self.0.settings.backup_dir, name.as_str()).await?;
        let mut pools = Vec::new();
        for pool in self.store().data_pools().await? {
            let copied_at = self.now();
            let copy = self.0.plane.backup(pool.id).await.map_err(crate::data::warehouse_error)?;
            half.take_pool(pool.id, &copy).await?;
            pools.push(PoolCopy { id: pool.id, name: pool.name.to_string(), copied_at });
        }
        self.store().backup(half.path()).await?;
        half.finish(self.now(), pools).await
    }
}
