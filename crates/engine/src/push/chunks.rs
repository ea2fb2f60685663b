//! A file of a push on its way to the disk: it is never whole in memory, and it is durable before it is counted.

use std::io;
use std::path::{Path, PathBuf};

use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataPoolId, PushChunkId, PushJobId};
use forebay_core::push::{ChunkKind, PushChunk, PushJob};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use crate::Engine;

/// How much is gathered before it is written.
const BUFFER: usize = 256 << 10;
/// How often it is looked whether the disk has room, in bytes.
const LOOK_EVERY: u64 = 16 << 20;

/// A file that is being sent. Dropped, nothing of it stays.
pub struct ChunkUpload {
    engine: Engine,
    pool: DataPoolId,
    push: PushJobId,
    kind: ChunkKind,
    id: PushChunkId,
    partial: Partial,
    file: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
    looked_at: u64,
}

/// A file that is removed unless it is kept.
struct Partial(Option<PathBuf>);

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = std::fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "a half-sent file cannot be removed");
        }
    }
}

impl Engine {
    /// Begins to take a file for a push.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` when the push was submitted, `InsufficientStorage`.
    pub async fn begin_push_chunk(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        id: PushJobId,
        kind: ChunkKind,
    ) -> Result<ChunkUpload> {
        let push = self.push_with_right(caller, pool, id).await?;
        if push.submitted_at.is_some() {
            return Err(Error::conflict(format!(
                "the data push `{id}` was submitted already and takes no more files; make a new one"
            )));
        }
        self.begin_chunk(&push, kind).await
    }

    pub(super) async fn begin_chunk(&self, push: &PushJob, kind: ChunkKind) -> Result<ChunkUpload> {
        self.disk_has_room()?;
        let dir = self.push_dir(push.pool_id, push.id);
        tokio::fs::create_dir_all(&dir).await.map_err(failed)?;
        let id = PushChunkId::random();
        let path = dir.join(format!("{id}.part"));
        let file = File::options().write(true).create_new(true).open(&path).await.map_err(failed)?;
        Ok(ChunkUpload {
            engine: self.clone(),
            pool: push.pool_id,
            push: push.id,
            kind,
            id,
            partial: Partial(Some(path)),
            file: BufWriter::with_capacity(BUFFER, file),
            digest: Sha256::new(),
            bytes: 0,
            looked_at: 0,
        })
    }
}

impl ChunkUpload {
    /// How many bytes have come.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `InsufficientStorage` when the disk has no room.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        if self.bytes - self.looked_at >= LOOK_EVERY {
            self.looked_at = self.bytes;
            self.engine.disk_has_room()?;
        }
        self.digest.update(bytes);
        self.file.write_all(bytes).await.map_err(failed)
    }

    /// Keeps the file behind those that the push has. It is on the disk when this returns.
    ///
    /// # Errors
    /// `Invalid` for a file without a byte; `NotFound` or `Conflict` when the push was deleted or submitted
    /// meanwhile; `InsufficientStorage`.
    pub async fn finish(mut self) -> Result<PushChunk> {
        if self.bytes == 0 {
            return Err(Error::invalid("file", "is empty; send a file with rows, or with a header alone"));
        }
        self.file.flush().await.map_err(failed)?;
        self.file.get_ref().sync_all().await.map_err(failed)?;
        let dir = self.engine.push_dir(self.pool, self.push);
        let path = dir.join(self.id.to_string());
        let Some(partial) = self.partial.0.take() else {
            return Err(Error::internal("a file of a push is kept twice"));
        };
        // From here on it goes by its new name.
        self.partial.0 = Some(path.clone());
        let renamed = tokio::task::spawn_blocking(move || keep(&partial, &path, &dir))
            .await
            .map_err(Error::internal)?;
        renamed.map_err(|error| match error.kind() {
            // The folder goes with the push.
            io::ErrorKind::NotFound => Error::not_found(forebay_core::error::Kind::PushJob, self.push),
            _ => failed(error),
        })?;
        let chunk = PushChunk {
            id: self.id,
            push_id: self.push,
            kind: self.kind,
            bytes: self.bytes,
            checksum: hex::encode(self.digest.finalize_reset()),
            created_at: self.engine.now(),
        };
        self.engine.store().add_push_chunk(self.pool, &chunk).await?;
        self.partial.0 = None;
        Ok(chunk)
    }
}

/// Gives a file its name, and makes sure that its folders name it after a power cut.
fn keep(partial: &Path, path: &Path, dir: &Path) -> io::Result<()> {
    if let Err(error) = std::fs::rename(partial, path) {
        // It is known by its new name alone from now on.
        drop(std::fs::remove_file(partial));
        return Err(error);
    }
    for folder in dir.ancestors().take(3) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Error::InsufficientStorage {
                what: format!(
                    "the file cannot be kept: the disk of the data folder is full ({error}); free space on it and send the file again"
                ),
            }
        }
        _ => Error::internal(error),
    }
}
