//! Data exports: PQL on a published data model, answered into files that are kept for a while.
//!
//! The pool's worker writes the files and they are moved here; only their owner gets them. How an export stands is
//! in the metadata. What ran when a server ended is lost, and is told so. `turns` says which may run.

mod files;
mod turns;

use std::time::Duration;

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission, Role};
use forebay_core::error::{Error, Kind, Needed, Result};
use forebay_core::export::{DataExport, ExportChunk, ExportFiles, ExportFormat, ExportRequest, ExportState};
use forebay_core::id::{DataExportId, DataModelId, DataPoolId};
use forebay_core::oauth::Action;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};

use crate::Engine;
use crate::data::warehouse_error;

pub use self::files::ExportFile;
use self::turns::Entered;
pub(crate) use self::turns::Turns;

/// The longest that an export may take, once it is its turn.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// How long is still told of exports that failed or expired.
const TOLD_MILLIS: i64 = 24 * 60 * 60 * 1000;
const LOST: &str = "the server ended while this export ran, so it is lost; start it again";

/// What is to be exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDataExport {
    /// PQL: filters, and one table.
    pub queries: Vec<String>,
    pub format: ExportFormat,
    pub checks: Checks,
}

/// When wrong queries are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// With the answer to the request, and nothing is begun.
    First,
    /// By the export, which fails.
    Later,
}

impl Engine {
    /// Begins to export from the version of a model that is published now. It goes on by itself.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for queries that are checked first, `InsufficientStorage`, `Unavailable`
    /// when too many exports wait already.
    pub async fn create_data_export(
        &self,
        caller: &Caller,
        model: DataModelId,
        new: NewDataExport,
    ) -> Result<DataExport> {
        let pool = self.model_to_export(caller, model).await?;
        if new.queries.iter().all(|query| query.trim().is_empty()) {
            return Err(Error::invalid("queries", "needs a TABLE ( … ) in PQL"));
        }
        self.disk_has_room()?;
        let export = DataExport {
            id: DataExportId::random(),
            pool_id: pool,
            model_id: model,
            owner: caller.subject,
            format: new.format,
            state: ExportState::Running,
            created_at: self.now(),
        };
        let request = ExportRequest { id: export.id, model, queries: new.queries, files: None };
        if new.checks == Checks::First {
            let checked = self.0.plane.export(pool, request.clone(), &Stop::never()).await;
            checked.map_err(|error| match error.kind {
                WarehouseErrorKind::Invalid => Error::invalid("queries", error.message),
                _ => warehouse_error(error),
            })?;
        }
        let entered = self.line_up(export.id, pool)?;
        self.store().create_data_export(&export).await?;
        let engine = self.clone();
        let format = export.format;
        tokio::spawn(async move { engine.run_export(entered, pool, request, format).await });
        Ok(export)
    }

    /// How an export stands.
    ///
    /// # Errors
    /// `NotFound`, also for those of others; `Forbidden`.
    pub async fn data_export(
        &self,
        caller: &Caller,
        model: DataModelId,
        id: DataExportId,
    ) -> Result<DataExport> {
        self.model_to_export(caller, model).await?;
        let mut export = self.store().data_export(model, id).await?;
        if export.owner != caller.subject && caller.role != Role::Admin {
            return Err(Error::not_found(Kind::DataExport, id));
        }
        if export.state == ExportState::Running && !self.0.exports.runs(id) {
            // It may have ended between the two looks.
            self.store().finish_data_export(id, Err(LOST), self.now()).await?;
            export = self.store().data_export(model, id).await?;
        }
        Ok(export)
    }

    /// A file of an export that is done; without a number the only one.
    ///
    /// # Errors
    /// `NotFound`, also for those of others and for numbers that there are not; `Forbidden`; `Conflict` when there
    /// are no files now, or more than one.
    pub async fn export_file(
        &self,
        caller: &Caller,
        model: DataModelId,
        id: DataExportId,
        chunk: Option<usize>,
    ) -> Result<ExportFile> {
        let export = self.data_export(caller, model, id).await?;
        let chunks = match &export.state {
            ExportState::Done { chunks } => chunks,
            ExportState::Running => {
                return Err(Error::conflict("this export is not done yet; ask for it until it is"));
            }
            ExportState::Failed { message } => {
                return Err(Error::conflict(format!("this export failed: {message}")));
            }
            ExportState::Expired => {
                return Err(Error::conflict("the files of this export were removed; start it again"));
            }
        };
        let chunk = match (chunk, chunks.len()) {
            (Some(chunk), _) => chunk,
            (None, 1) => 0,
            (None, count) => {
                let reason = format!("this export has {count} chunks; fetch them one by one, from 0 on");
                return Err(Error::conflict(reason));
            }
        };
        let missing = || Error::not_found(Kind::DataExport, format!("{id}/{chunk}"));
        let told = chunks.get(chunk).ok_or_else(missing)?;
        let path = self.folder_of(id).join(export.format.file_name(chunk));
        ExportFile::open(&path, told.bytes, export.format).await?.ok_or_else(missing)
    }

    /// The pool of a model, and the right to read its rows: view, or use all data models.
    async fn model_to_export(&self, caller: &Caller, model: DataModelId) -> Result<DataPoolId> {
        let pool = self.store().data_pool_of_model(model).await?;
        let held = self.permissions_in(caller, pool).await?;
        if held.contains(&Permission::View) || held.contains(&Permission::UseAllDataModels) {
            // A scope that shows which models there are shows no rows.
            Self::lets(caller, Action::Query)?;
            Ok(pool)
        } else if held.is_empty() {
            Err(Error::not_found(Kind::DataModel, model))
        } else {
            Err(Error::Forbidden(Needed::One(Permission::UseAllDataModels)))
        }
    }

    async fn run_export(
        &self,
        entered: Entered,
        pool: DataPoolId,
        request: ExportRequest,
        format: ExportFormat,
    ) {
        let id = request.id;
        let ended = match self.export_in_turn(&entered, pool, request, format).await {
            Ok(chunks) => self.store().finish_data_export(id, Ok(&chunks), self.now()).await,
            Err(message) => self.store().finish_data_export(id, Err(&message), self.now()).await,
        };
        match ended {
            Ok(true) => {}
            // Deleted with its model meanwhile; the janitor would find the files, too.
            Ok(false) => self.remove_export_files(id).await,
            Err(error) => {
                tracing::error!(data_export.id = %id, error = &error as &dyn std::error::Error, "the end of an export cannot be recorded");
            }
        }
    }

    async fn export_in_turn(
        &self,
        entered: &Entered,
        pool: DataPoolId,
        request: ExportRequest,
        format: ExportFormat,
    ) -> Result<Vec<ExportChunk>, String> {
        let unreadable = |error: Error| self.told(request.id, &error, error.to_string());
        let _turn = entered.turn().await.map_err(unreadable)?;
        let settings = self.store().settings().await.map_err(unreadable)?;
        let files = ExportFiles { format, most_bytes: settings.export_bytes() };
        let id = request.id;
        let asked = ExportRequest { files: Some(files), ..request };
        let never = Stop::never();
        let exporting = self.0.plane.export(pool, asked, &never);
        let exported = match tokio::time::timeout(LONGEST, exporting).await {
            Ok(Ok(Some(exported))) => exported,
            Ok(Ok(None)) => return Err("nothing was written; start it again".to_owned()),
            Ok(Err(error)) => return Err(self.refused(id, error)),
            Err(_) => {
                let minutes = LONGEST.as_secs() / 60;
                return Err(format!("it took longer than {minutes} minutes; ask for fewer rows or columns"));
            }
        };
        match self.keep_export(id, exported.folder).await {
            Ok(()) => Ok(exported.chunks),
            Err(error) => Err(self.told(id, &error, error.to_string())),
        }
    }

    /// What the user is told of an error of the pool.
    fn refused(&self, id: DataExportId, error: WarehouseError) -> String {
        let message = error.message.clone();
        match error.kind {
            WarehouseErrorKind::Invalid => message,
            _ => {
                let error = warehouse_error(error);
                let message =
                    if matches!(error, Error::Internal { .. }) { error.to_string() } else { message };
                self.told(id, &error, message)
            }
        }
    }

    fn told(&self, id: DataExportId, error: &Error, message: String) -> String {
        tracing::error!(data_export.id = %id, error = error as &dyn std::error::Error, "a data export failed");
        message
    }

    /// Removes what is kept no longer, and what nobody knows.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub(crate) async fn tidy_exports(&self) -> Result<()> {
        // Before it is asked which are kept: an export is known before it has files.
        let found = self.export_folders().await?;
        let kept = self.store().settings().await?.exports_kept_millis();
        let before = |millis: i64| Timestamp::from_millis(self.now().as_millis().saturating_sub(millis));
        let lost = self.store().running_data_exports().await?;
        for id in lost.into_iter().filter(|id| !self.0.exports.runs(*id)) {
            self.store().finish_data_export(id, Err(LOST), self.now()).await?;
        }
        let keep = self.store().expire_data_exports(before(kept), before(kept + TOLD_MILLIS)).await?;
        for id in found.into_iter().filter(|id| !keep.contains(id)) {
            self.remove_export_files(id).await;
        }
        Ok(())
    }
}
