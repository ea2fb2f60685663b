//! Data exports: who asked for which, and what became of it. The files are not here.

use forebay_core::error::Kind;
use forebay_core::export::{DataExport, ExportChunk, ExportState};
use forebay_core::id::{DataExportId, DataModelId, DataPoolId};
use forebay_core::{Error, Result, Timestamp};

use crate::Store;
use crate::db::{self, Row};

impl Store {
    /// The pool of a model.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn data_pool_of_model(&self, model: DataModelId) -> Result<DataPoolId> {
        let row = db::query("select pool_id from data_models where id = $1")
            .bind(model.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        db::id(&row.ok_or_else(|| Error::not_found(Kind::DataModel, model))?, "pool_id")
    }

    /// Records an export that runs.
    ///
    /// # Errors
    /// `NotFound` when the model was deleted meanwhile.
    pub async fn create_data_export(&self, export: &DataExport) -> Result<()> {
        let (owner_type, owner) = db::subject_columns(export.owner);
        let done = db::query(
            "insert into data_exports (id, pool_id, model_id, owner_type, owner_id, format, state, created_at)
             values ($1, $2, $3, $4, $5, $6, 'RUNNING', $7)",
        )
        .bind(export.id.to_string())
        .bind(export.pool_id.to_string())
        .bind(export.model_id.to_string())
        .bind(owner_type)
        .bind(owner)
        .bind(db::to_word(export.format)?)
        .bind(export.created_at.as_millis())
        .execute_on(self.write())
        .await;
        match done {
            Ok(_) => Ok(()),
            Err(failure) if db::is_foreign_key(&failure) => {
                Err(Error::not_found(Kind::DataModel, export.model_id))
            }
            Err(failure) => Err(db::error(failure)),
        }
    }

    /// # Errors
    /// `NotFound`.
    pub async fn data_export(&self, model: DataModelId, id: DataExportId) -> Result<DataExport> {
        let row = db::query("select * from data_exports where model_id = $1 and id = $2")
            .bind(model.to_string())
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        data_export(&row.ok_or_else(|| Error::not_found(Kind::DataExport, id))?)
    }

    /// Records how an export ended; whether it was still running, and so it did.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn finish_data_export(
        &self,
        id: DataExportId,
        outcome: std::result::Result<&[ExportChunk], &str>,
        at: Timestamp,
    ) -> Result<bool> {
        let (state, chunks, message) = match outcome {
            Ok(chunks) => ("DONE", Some(db::to_json(chunks)?), None),
            Err(message) => ("FAILED", None, Some(message.to_owned())),
        };
        let done = db::query(
            "update data_exports set state = $2, chunks = $3, message = $4, finished_at = $5
             where id = $1 and state = 'RUNNING'",
        )
        .bind(id.to_string())
        .bind(state)
        .bind(chunks)
        .bind(message)
        .bind(at.as_millis())
        .execute_on(self.write())
        .await
        .map_err(db::error)?;
        Ok(done.rows_affected() > 0)
    }

    /// The exports that run, or ran when a server ended.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn running_data_exports(&self) -> Result<Vec<DataExportId>> {
        let rows = db::query("select id from data_exports where state = 'RUNNING'")
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(|row| db::id(row, "id")).collect()
    }

    /// Lets exports expire that were done before a moment, and forgets those that ended before an earlier one.
    /// Gives the ids of those whose files are to be kept.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn expire_data_exports(
        &self,
        done_before: Timestamp,
        ended_before: Timestamp,
    ) -> Result<Vec<DataExportId>> {
        self.transact(|transaction| {
            db::query(
                "update data_exports set state = 'EXPIRED', chunks = null
                 where state = 'DONE' and finished_at < $1",
            )
            .bind(done_before.as_millis())
            .execute(transaction)
            .map_err(db::error)?;
            db::query("delete from data_exports where state in ('FAILED', 'EXPIRED') and finished_at < $1")
                .bind(ended_before.as_millis())
                .execute(transaction)
                .map_err(db::error)?;
            let rows = db::query("select id from data_exports where state in ('RUNNING', 'DONE')")
                .fetch_all(transaction)
                .map_err(db::error)?;
            rows.iter().map(|row| db::id(row, "id")).collect()
        })
        .await
    }
}

fn data_export(row: &Row) -> Result<DataExport> {
    let state = match db::get(row, "state")? {
        "RUNNING" => ExportState::Running,
        "DONE" => ExportState::Done { chunks: db::json(row, "chunks")? },
        "FAILED" => ExportState::Failed { message: db::get(row, "message")? },
        "EXPIRED" => ExportState::Expired,
        other => return Err(Error::internal(format!("column state holds `{other}`"))),
    };
    Ok(DataExport {
        id: db::id(row, "id")?,
        pool_id: db::id(row, "pool_id")?,
        model_id: db::id(row, "model_id")?,
        owner: db::subject(row, "owner_type", "owner_id")?,
        format: db::word(row, "format")?,
        state,
        created_at: db::time(row, "created_at")?,
    })
}
