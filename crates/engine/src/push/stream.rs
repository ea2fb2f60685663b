//! The stream client: one file with each call, for a table that it keeps up to date. Each file is a push of its own
//! that is executed at once; those for one table run in the order in which they came.

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission};
use forebay_core::error::Result;
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::name::Identifier;
use forebay_core::oauth::Action;
use forebay_core::push::{ChunkKind, PushJob, PushSettings, PushStatus, StreamUpload};
use sha2::{Digest, Sha256};

use super::{ChunkUpload, lane};
use crate::Engine;
use crate::push::lane_of;

/// The most uploads that are told at a time.
const UPLOADS_TOLD: u32 = 1_000;

/// What a stream client has sent, and where it stands.
#[derive(Clone, Debug)]
pub struct SeenUpload {
    pub push: PushJob,
    /// What was said with the file.
    pub upload: StreamUpload,
    pub status: PushStatus,
    /// The same for all files of one table.
    pub bucket: String,
    pub message: Option<String>,
    pub finished_at: Option<Timestamp>,
}

/// A file of a stream that is being sent. Dropped, nothing of it stays but its name.
pub struct Upload {
    engine: Engine,
    caller: Caller,
    push: PushJob,
    upload: StreamUpload,
    chunk: ChunkUpload,
}

impl Engine {
    /// Begins to take a file of a stream.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` with the field, `InsufficientStorage`.
    pub async fn begin_upload(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        settings: PushSettings,
        upload: StreamUpload,
    ) -> Result<Upload> {
        self.pool_to_stream(caller, pool).await?;
        let push = self.new_push(caller, pool, settings).await?;
        let push = PushJob { upload: Some(upload.clone()), ..push };
        self.store().create_push_job(&push, &lane(&push)).await?;
        match self.begin_chunk(&push, ChunkKind::Upsert).await {
            Ok(chunk) => Ok(Upload { engine: self.clone(), caller: caller.clone(), push, upload, chunk }),
            Err(error) => {
                self.forget_upload(&push).await;
                Err(error)
            }
        }
    }

    /// What was sent to a pool, or to one table of it, the newest first.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn uploads(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        table: Option<(Option<DataConnectionId>, Identifier)>,
    ) -> Result<Vec<SeenUpload>> {
        self.pool_to_stream(caller, pool).await?;
        let lane = table.map(|(connection, target)| lane_of(pool, connection, &target));
        let mut seen = Vec::new();
        for push in self.store().stream_uploads(pool, lane, UPLOADS_TOLD).await? {
            // One that broke off was never taken.
            if push.submitted_at.is_some() {
                seen.extend(self.seen_upload(push).await?);
            }
        }
        Ok(seen)
    }

    async fn seen_upload(&self, push: PushJob) -> Result<Option<SeenUpload>> {
        let Some(upload) = push.upload.clone() else { return Ok(None) };
        let execution = self.store().latest_execution(push.id.into()).await?;
        Ok(Some(SeenUpload {
            upload,
            status: PushStatus::of(execution.as_ref()),
            bucket: bucket(&push),
            message: execution.as_ref().and_then(|execution| execution.message.clone()),
            finished_at: execution.and_then(|execution| execution.finished_at),
            push,
        }))
    }

    /// A pool and the right to send it a stream.
    async fn pool_to_stream(&self, caller: &Caller, pool: DataPoolId) -> Result<()> {
        let enough = [Permission::ContinuousDataPush, Permission::Edit];
        self.pool_with_either(caller, enough, Action::ContinuousDataPush, pool).await.map(drop)
    }

    /// Takes back what was made for a file that did not come.
    async fn forget_upload(&self, push: &PushJob) {
        let forgotten = self.store().delete_push_job(push.pool_id, push.id).await;
        if let Err(error) = forgotten {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "a file that was not taken cannot be forgotten; the janitor will");
        }
        self.remove_push_files(push.pool_id, push.id).await;
    }
}

impl Upload {
    /// How many bytes have come.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.chunk.bytes()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `InsufficientStorage` when the disk has no room.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.chunk.write(bytes).await
    }

    /// Keeps the file, and has it loaded. It is on the disk, and queued behind those that came before it for the
    /// table, when this returns.
    ///
    /// # Errors
    /// As [`ChunkUpload::finish`].
    pub async fn finish(self) -> Result<SeenUpload> {
        let Self { engine, caller, push, upload, chunk } = self;
        let order = upload.order.clone();
        let (pool, id) = (push.pool_id, push.id);
        let started = async {
            chunk.finish().await?;
            engine.start_push(&caller, push.clone(), order).await
        };
        if let Err(error) = started.await {
            engine.forget_upload(&push).await;
            return Err(error);
        }
        let push = engine.store().push_job(pool, id).await?;
        let bucket = bucket(&push);
        Ok(SeenUpload { push, upload, status: PushStatus::Queued, bucket, message: None, finished_at: None })
    }

    /// Gives up a file that did not come to its end.
    pub async fn give_up(self) {
        let Self { engine, push, chunk, .. } = self;
        drop(chunk);
        engine.forget_upload(&push).await;
    }
}

/// The name of a table's stream, in the form of a UUID: the same after a restart.
fn bucket(push: &PushJob) -> String {
    let text = hex::encode(Sha256::digest(lane(push).as_bytes()));
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..32]].join("-")
}
