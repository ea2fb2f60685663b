//! Data pushes and their files. The files themselves lie in the folders of the pools.
//!
//! A push is executed as the job of the same id; where it stands is where that job's execution stands.

use forebay_core::error::Kind;
use forebay_core::execution::Execution;
use forebay_core::id::{DataPoolId, PushJobId};
use forebay_core::job::JobPurpose;
use forebay_core::name::Name;
use forebay_core::push::{PushChunk, PushJob, StreamUpload};
use forebay_core::{Error, Result, Timestamp};

use crate::db::{self, Connection, Row};
use crate::{Store, executions, jobs};

/// The most pushes that are dropped in one go.
const AT_A_TIME: u32 = 200;

impl Store {
    /// Adds a push, with the job that executes it.
    ///
    /// # Errors
    /// `NotFound` for the pool.
    pub async fn create_push_job(&self, push: &PushJob, lane: &str) -> Result<()> {
        // For the log; a table's name may be longer than a job's.
        let shown: String = push.settings.target.as_str().chars().take(80).collect();
        let name = Name::parse("name", &format!("Push to {}", shown.trim_end()))?;
        self.transact(|transaction| {
            jobs::keep(
                transaction,
                push.pool_id,
                push.id.into(),
                &name,
                JobPurpose::DataPush,
                push.created_at,
            )?;
            db::query(
                "insert into push_jobs (id, pool_id, settings, upload, lane, created_at, modified_at, submitted_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(push.id.to_string())
            .bind(push.pool_id.to_string())
            .bind(db::to_json(&push.settings)?)
            .bind(push.upload.as_ref().map(db::to_json).transpose()?)
            .bind(lane)
            .bind(push.created_at.as_millis())
            .bind(push.modified_at.as_millis())
            .bind(push.submitted_at.map(Timestamp::as_millis))
            .execute(transaction)
            .map_err(|error| {
                db::error_or_duplicate(error, || format!("there already is a data push `{}`", push.id))
            })?;
            Ok(())
        })
        .await
    }

    /// The pushes of a pool, the oldest first, without those of the stream client.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn push_jobs(&self, pool: DataPoolId) -> Result<Vec<PushJob>> {
        self.scan(move |connection| {
            let rows = db::query(
                "select * from push_jobs where pool_id = $1 and upload is null and deleted = 0
                 order by created_at, id",
            )
            .bind(pool.to_string())
            .fetch_all(connection)
            .map_err(db::error)?;
            rows.iter().map(push_job).collect()
        })
        .await
    }

    /// What the stream client has sent to a pool, or to one of its lanes, the newest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn stream_uploads(
        &self,
        pool: DataPoolId,
        lane: Option<String>,
        limit: u32,
    ) -> Result<Vec<PushJob>> {
        self.scan(move |connection| {
            let rows = db::query(
                "select * from push_jobs
                 where pool_id = $1 and upload is not null and deleted = 0 and ($2 is null or lane = $2)
                 order by created_at desc, id desc limit $3",
            )
            .bind(pool.to_string())
            .bind(lane)
            .bind(i64::from(limit))
            .fetch_all(connection)
            .map_err(db::error)?;
            rows.iter().map(push_job).collect()
        })
        .await
    }

    /// # Errors
    /// `NotFound`.
    pub async fn push_job(&self, pool: DataPoolId, id: PushJobId) -> Result<PushJob> {
        let connection = self.read()?;
        push_job(&row(&connection, pool, id)?)
    }

    /// Adds a file behind those that are there.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the push was submitted.
    pub async fn add_push_chunk(&self, pool: DataPoolId, chunk: &PushChunk) -> Result<()> {
        self.transact(|transaction| {
            let push = push_job(&row(transaction, pool, chunk.push_id)?)?;
            if push.submitted_at.is_some() {
                return Err(Error::conflict(format!(
                    "the data push `{}` was submitted already and takes no more files; make a new one",
                    push.id
                )));
            }
            db::query(
                "insert into push_chunks (id, push_id, position, kind, bytes, checksum, created_at)
                 values ($1, $2, (select coalesce(max(position) + 1, 0) from push_chunks where push_id = $2),
                         $3, $4, $5, $6)",
            )
            .bind(chunk.id.to_string())
            .bind(chunk.push_id.to_string())
            .bind(chunk.kind.as_str())
            .bind(db::integer(chunk.bytes))
            .bind(chunk.checksum.as_str())
            .bind(chunk.created_at.as_millis())
            .execute(transaction)
            .map_err(db::error)?;
            db::query("update push_jobs set modified_at = $2 where id = $1")
                .bind(chunk.push_id.to_string())
                .bind(chunk.created_at.as_millis())
                .execute(transaction)
                .map_err(db::error)?;
            Ok(())
        })
        .await
    }

    /// The files of a push, in the order in which they came.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn push_chunks(&self, id: PushJobId) -> Result<Vec<PushChunk>> {
        let rows = db::query("select * from push_chunks where push_id = $1 order by position")
            .bind(id.to_string())
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(push_chunk).collect()
    }

    /// Lets a push take no more files. Submitting it again changes nothing.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn submit_push_job(&self, pool: DataPoolId, id: PushJobId, now: Timestamp) -> Result<()> {
        let done = db::query(
            "update push_jobs set submitted_at = coalesce(submitted_at, $3), modified_at = $3
             where pool_id = $1 and id = $2 and deleted = 0",
        )
        .bind(pool.to_string())
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute_on(self.write())
        .await
        .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(not_found(id)) } else { Ok(()) }
    }

    /// Lets a push take files again, when it was submitted and is executed by nothing.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn withdraw_push_job(&self, id: PushJobId) -> Result<()> {
        db::query(
            "update push_jobs set submitted_at = null
             where id = $1 and not exists (select 1 from executions where job_id = $1)",
        )
        .bind(id.to_string())
        .execute_on(self.write())
        .await
        .map_err(db::error)?;
        Ok(())
    }

    /// Deletes a push with its job and executions; one that is executed disappears, and goes later. Gives the
    /// execution that is still live.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_push_job(&self, pool: DataPoolId, id: PushJobId) -> Result<Option<Execution>> {
        self.transact_much(move |transaction| {
            row(transaction, pool, id)?;
            let live = executions::live(transaction, id.into())?;
            match &live {
                Some(_) => {
                    db::query("update push_jobs set deleted = 1 where id = $1")
                        .bind(id.to_string())
                        .execute(transaction)
                        .map_err(db::error)?;
                }
                None => {
                    jobs::remove(transaction, pool, id.into(), JobPurpose::DataPush)?;
                }
            }
            Ok(live)
        })
        .await
    }

    /// Drops some of the pushes that nothing has happened to since a moment, and of those that were deleted
    /// while they ran; none that is live. Gives them.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn drop_push_jobs_before(&self, moment: Timestamp) -> Result<Vec<(DataPoolId, PushJobId)>> {
        self.transact_much(move |transaction| {
            let rows = db::query(
                "select id, pool_id from push_jobs as push
                 where not exists (
                     select 1 from executions where job_id = push.id and status in ('QUEUED', 'RUNNING')
                 ) and (deleted = 1 or (modified_at < $1 and not exists (
                     select 1 from executions where job_id = push.id and finished_at >= $1
                 )))
                 limit $2",
            )
            .bind(moment.as_millis())
            .bind(AT_A_TIME)
            .fetch_all(transaction)
            .map_err(db::error)?;
            let mut dropped = Vec::with_capacity(rows.len());
            for row in &rows {
                let (pool, id): (DataPoolId, PushJobId) = (db::id(row, "pool_id")?, db::id(row, "id")?);
                jobs::remove(transaction, pool, id.into(), JobPurpose::DataPush)?;
                dropped.push((pool, id));
            }
            Ok(dropped)
        })
        .await
    }

    /// Whether the files of a push may still be read: it is there, and was not executed to its end.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn needs_push_files(&self, id: PushJobId) -> Result<bool> {
        let row = db::query(
            "select 1 from push_jobs where id = $1 and not exists (
                 select 1 from executions where job_id = $1 and status not in ('QUEUED', 'RUNNING')
             )",
        )
        .bind(id.to_string())
        .fetch_optional(&*self.read()?)
        .map_err(db::error)?;
        Ok(row.is_some())
    }
}

pub(crate) fn not_found(id: PushJobId) -> Error {
    Error::not_found(Kind::PushJob, id)
}

fn row(connection: &Connection, pool: DataPoolId, id: PushJobId) -> Result<Row> {
    let row = db::query("select * from push_jobs where pool_id = $1 and id = $2 and deleted = 0")
        .bind(pool.to_string())
        .bind(id.to_string())
        .fetch_optional(connection)
        .map_err(db::error)?;
    row.ok_or_else(|| not_found(id))
}

fn push_job(row: &Row) -> Result<PushJob> {
    let upload = match db::get::<Option<&str>>(row, "upload")? {
        Some(_) => Some(db::json::<StreamUpload>(row, "upload")?),
        None => None,
    };
    Ok(PushJob {
        id: db::id(row, "id")?,
        pool_id: db::id(row, "pool_id")?,
        settings: db::json(row, "settings")?,
        upload,
        created_at: db::time(row, "created_at")?,
        modified_at: db::time(row, "modified_at")?,
        submitted_at: db::optional_time(row, "submitted_at")?,
    })
}

fn push_chunk(row: &Row) -> Result<PushChunk> {
    Ok(PushChunk {
        id: db::id(row, "id")?,
        push_id: db::id(row, "push_id")?,
        kind: db::word(row, "kind")?,
        bytes: db::count(row, "bytes")?,
        checksum: db::get(row, "checksum")?,
        created_at: db::time(row, "created_at")?,
    })
}
