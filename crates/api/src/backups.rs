//! Backups: begin one, and see how it goes. Restoring is a command on an empty data folder.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_engine::{Backup, BackupName, BackupState, Engine};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Auth;
use super::body::OptionalBody;
use super::path::Path;
use super::problem::Reply;

const TAG: &str = "Server";

/// A backup: a folder on the server.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackupView {
    name: String,
    /// The folder, once the backup is DONE.
    path: String,
    state: BackupStateName,
    /// Why it failed.
    message: Option<String>,
    #[schema(value_type = Option<i64>)]
    made_at: Option<Timestamp>,
    /// The size of all files.
    bytes: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum BackupStateName {
    Running,
    Failed,
    Done,
}

impl From<Backup> for BackupView {
    fn from(backup: Backup) -> Self {
        let (state, message, made_at, bytes) = match backup.state {
            BackupState::Running => (BackupStateName::Running, None, None, None),
            BackupState::Failed { reason } => (BackupStateName::Failed, Some(reason), None, None),
            BackupState::Done { made_at, bytes } => (BackupStateName::Done, None, Some(made_at), Some(bytes)),
        };
        let path = backup.path.to_string_lossy().into_owned();
        Self { name: backup.name.to_string(), path, state, message, made_at, bytes }
    }
}

/// A backup to be made.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct BackupRequest {
    /// 1 to 100 letters, digits, dots, dashes or underscores; the time when null.
    name: Option<String>,
}

/// The backups in the server's backup folder, and those of this run that failed.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<BackupView>)))]
pub(crate) async fn backups(
    State(engine): State<Engine>,
    Auth(caller): Auth,
) -> Reply<Json<Vec<BackupView>>> {
    Ok(Json(engine.backups(&caller).await?.into_iter().map(BackupView::from).collect()))
}

/// Begins a backup, which goes on by itself while the server works. One at a time.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = Option<BackupRequest>, responses((status = 202, body = BackupView))
)]
pub(crate) async fn create_backup(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    OptionalBody(body): OptionalBody<BackupRequest>,
) -> Reply<(StatusCode, Json<BackupView>)> {
    let name = body.name.as_deref().map(BackupName::parse).transpose()?;
    let backup = engine.create_backup(&caller, name).await?;
    Ok((StatusCode::ACCEPTED, Json(backup.into())))
}

/// One backup.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = BackupView)))]
pub(crate) async fn backup(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(name): Path<BackupName>,
) -> Reply<Json<BackupView>> {
    Ok(Json(engine.backup(&caller, &name).await?.into()))
}
