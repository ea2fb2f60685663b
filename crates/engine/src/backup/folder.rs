//! The folder of a backup: the files, and `backup.json` that lists them with their digests. A folder under
//! its name is whole; while it is made it has another.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::BackupName;

/// The file that makes a folder a backup.
pub(crate) const MANIFEST: &str = "backup.json";
/// Where the folders of the pools are, in a backup as in a data folder.
pub(crate) const POOLS: &str = "pools";
/// The format of the folder. Another one is refused.
pub(crate) const FORMAT: u32 = 1;

/// What a backup is made of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    /// The version of Forebay that made it.
    pub(crate) version: String,
    pub(crate) made_at: Timestamp,
    pub(crate) pools: Vec<PoolCopy>,
    pub(crate) files: Vec<FileCopy>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolCopy {
    pub(crate) id: DataPoolId,
    pub(crate) name: String,
    /// Nothing that was committed before is missing.
    pub(crate) copied_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileCopy {
    /// Below the folder, with slashes.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// In hexadecimal.
    pub(crate) sha256: String,
}

impl Manifest {
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Reads the manifest of a folder; `None` when the folder is no backup.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(MANIFEST);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(&path, &error)),
        };
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| unreadable(&path, &error))?;
        if manifest.format != FORMAT {
            let what = format!(
                "{} is a backup of format {}, made by version {}; this version reads format {FORMAT}",
                dir.display(),
                manifest.format,
                manifest.version
            );
            return Err(Error::Unavailable { what });
        }
        Ok(Some(manifest))
    }
}

/// The whole backups below a folder, with their names.
pub(crate) async fn list(dir: &Path) -> Result<Vec<(BackupName, Manifest)>> {
    let dir = dir.to_owned();
    blocking(move || {
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&dir, &error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&dir, &error))?;
            // Half backups and what is not ours have other names.
            let Some(name) = entry.file_name().to_str().and_then(|name| BackupName::parse(name).ok()) else {
                continue;
            };
            if let Some(manifest) = Manifest::read(&entry.path())? {
                found.push((name, manifest));
            }
        }
        Ok(found)
    })
    .await
}

/// A backup that is being made. Its folder begins with a dot until it is whole; dropped before, it is removed.
pub(crate) struct Half {
    path: PathBuf,
    whole: PathBuf,
}

impl Half {
    /// Makes the folder anew: what a killed server left under the name is removed.
    pub(crate) async fn begin(dir: &Path, name: &str) -> Result<Self> {
        let half = Self { path: dir.join(format!(".{name}.half")), whole: dir.join(name) };
        let path = half.path.clone();
        blocking(move || {
            remove(&path)?;
            std::fs::create_dir_all(path.join(POOLS)).map_err(|error| unwritable(&path, &error))?;
            // It holds the key of all secrets.
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(&path, private).map_err(|error| unwritable(&path, &error))
        })
        .await?;
        Ok(half)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the copy that a pool has made in its own folder.
    pub(crate) async fn take_pool(&self, pool: DataPoolId, copy: &Path) -> Result<()> {
        let (copy, target) = (copy.to_owned(), self.path.join(POOLS).join(pool.to_string()));
        blocking(move || match std::fs::rename(&copy, &target) {
            Ok(()) => Ok(()),
            // On another file system.
            Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                for file in files(&copy)? {
                    copy_file(&copy.join(&file), &target.join(&file))?;
                }
                remove(&copy)
            }
            Err(error) => Err(unwritable(&target, &error)),
        })
        .await
    }

    /// Lists what is there, makes sure that it is on the disk, and gives the folder its name. Returns the
    /// size in bytes.
    pub(crate) async fn finish(self, made_at: Timestamp, pools: Vec<PoolCopy>) -> Result<u64> {
        blocking(move || {
            let mut listed = Vec::new();
            for path in files(&self.path)? {
                let (bytes, sha256) = digest(&self.path.join(&path))?;
                listed.push(FileCopy { path, bytes, sha256 });
            }
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let manifest = Manifest { format: FORMAT, version, made_at, pools, files: listed };
            let text = serde_json::to_vec_pretty(&manifest).map_err(Error::internal)?;
            let path = self.path.join(MANIFEST);
            std::fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
            sync(&self.path)?;
            std::fs::rename(&self.path, &self.whole).map_err(|error| unwritable(&self.whole, &error))?;
            if let Some(parent) = self.whole.parent() {
                sync_one(parent)?;
            }
            Ok(manifest.bytes())
        })
        .await
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        // A whole one has another name by now.
        if let Err(error) = remove(&self.path) {
            tracing::error!(error = &error as &dyn std::error::Error, "half a backup cannot be removed");
        }
    }
}

/// The files below a folder, as paths with slashes, sorted.
pub(crate) fn files(dir: &Path) -> Result<Vec<String>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        let path = dir.join(&folder);
        for entry in std::fs::read_dir(&path).map_err(|error| unreadable(&path, &error))? {
            let entry = entry.map_err(|error| unreadable(&path, &error))?;
            let below = folder.join(entry.file_name());
            if entry.file_type().map_err(|error| unreadable(&path, &error))?.is_dir() {
                folders.push(below);
            } else {
                found
                    .push(below.to_str().ok_or_else(|| unreadable(&path, &"a name is not text"))?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a file, makes its folder, and waits until it is on the disk. Returns its size and digest.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<(u64, String)> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
    }
    std::fs::copy(from, to).map_err(|error| unwritable(to, &error))?;
    sync_one(to)?;
    digest(to)
}

/// The size and digest of a file, read in pieces.
pub(crate) fn digest(path: &Path) -> Result<(u64, String)> {
    let mut file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece).map_err(|error| unreadable(path, &error))?;
        if read == 0 {
            return Ok((bytes, hex::encode(hash.finalize())));
        }
        hash.update(piece.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}

/// Waits until a folder and all below it are on the disk.
pub(crate) fn sync(dir: &Path) -> Result<()> {
    let mut folders = vec![dir.to_owned()];
    for file in files(dir)? {
        let path = dir.join(file);
        sync_one(&path)?;
        folders.extend(path.ancestors().skip(1).take_while(|above| *above != dir).map(Path::to_owned));
    }
    folders.sort();
    folders.dedup();
    folders.iter().try_for_each(|folder| sync_one(folder))
}

fn sync_one(path: &Path) -> Result<()> {
    std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(|error| unwritable(path, &error))
}

/// Removes a folder with all below it, if it is there.
pub(crate) fn remove(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(unwritable(dir, &error)),
        _ => Ok(()),
    }
}

/// Work on files, off the threads that answer requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

pub(crate) fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Unavailable { what: format!("{} cannot be read: {error}", path.display()) }
}

pub(crate) fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Unavailable { what: format!("{} cannot be written: {error}", path.display()) }
}
