//! Data connections by Forebay's own API: made, changed and tested.

pub(crate) mod preview;
mod request;

use std::path::Path as FilePath;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::check::{ConnectionCheck, Step};
use forebay_core::connection::{ConnectionConfig, DataConnection};
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::pool::connection_schema;
use forebay_engine::Engine;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::request::{ConfigurationRequest, ConnectionType};
pub use self::request::{ConnectionRequest, Unsaid};
use super::auth::Auth;
use super::body::Body;
use super::path::Path;
use super::problem::Reply;
use super::words::{AnonymizationAlgorithm, CheckState, CredentialsState, SslMode};

const TAG: &str = "Data connections";

/// A data connection: everything but the secrets.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionView {
    #[schema(value_type = Uuid)]
    id: DataConnectionId,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    name: String,
    #[serde(rename = "type")]
    kind: ConnectionType,
    configuration: ConfigurationView,
    /// Whether it has its password. Without it, it cannot be used.
    credentials: CredentialsState,
    anonymization_algorithm: AnonymizationAlgorithm,
    /// Where its tables land in the pool.
    schema_name: String,
    #[schema(value_type = i64)]
    created_at: Timestamp,
}

/// How the system is reached.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ConfigurationView {
    Database(DatabaseView),
    Path(PathView),
}

/// A database of a PostgreSQL, MySQL or MariaDB server.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatabaseView {
    host: String,
    port: u16,
    database: String,
    user: String,
    ssl_mode: SslMode,
}

/// A file or folder.
#[derive(Serialize, ToSchema)]
pub(crate) struct PathView {
    path: String,
}

impl From<&ConnectionConfig> for ConfigurationView {
    fn from(config: &ConnectionConfig) -> Self {
        let path = |path: &FilePath| Self::Path(PathView { path: path.to_string_lossy().into_owned() });
        match config {
            ConnectionConfig::Postgresql(config) => Self::Database(DatabaseView {
                host: config.host.clone(),
                port: config.port,
                database: config.database.clone(),
                user: config.user.clone(),
                ssl_mode: config.ssl_mode.into(),
            }),
            ConnectionConfig::Mysql(config) => Self::Database(DatabaseView {
                host: config.host.clone(),
                port: config.port,
                database: config.database.clone(),
                user: config.user.clone(),
                ssl_mode: config.ssl_mode.into(),
            }),
            ConnectionConfig::Sqlite(config) => path(&config.path),
            ConnectionConfig::Files(config) => path(&config.path),
        }
    }
}

impl From<&DataConnection> for ConnectionView {
    fn from(connection: &DataConnection) -> Self {
        Self {
            id: connection.id,
            pool_id: connection.pool_id,
            name: connection.name.to_string(),
            kind: ConnectionType::from(&connection.config),
            configuration: ConfigurationView::from(&connection.config),
            credentials: connection.credentials.into(),
            anonymization_algorithm: connection.pseudonymisation.algorithm.into(),
            schema_name: connection_schema(connection.pool_id, connection.id).to_string(),
            created_at: connection.created_at,
        }
    }
}

/// The data connections of a pool.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<ConnectionView>)))]
pub(crate) async fn data_connections(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<ConnectionView>>> {
    Ok(Json(engine.data_connections(&caller, pool).await?.iter().map(ConnectionView::from).collect()))
}

/// Makes a data connection. Nothing is reached yet.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = ConnectionRequest,
    responses((status = 201, body = ConnectionView))
)]
pub(crate) async fn create_data_connection(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Body(body): Body<ConnectionRequest>,
) -> Reply<(StatusCode, Json<ConnectionView>)> {
    let connection =
        engine.create_data_connection(&caller, pool, body.into_new(None, Unsaid::NoneOrRefused)?).await?;
    Ok((StatusCode::CREATED, Json(ConnectionView::from(&connection))))
}

/// A data connection.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = ConnectionView)))]
pub(crate) async fn data_connection(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataConnectionId)>,
) -> Reply<Json<ConnectionView>> {
    Ok(Json(ConnectionView::from(&engine.data_connection(&caller, pool, id).await?)))
}

/// Changes a data connection.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = ConnectionRequest,
    responses((status = 200, body = ConnectionView))
)]
pub(crate) async fn update_data_connection(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataConnectionId)>,
    Body(body): Body<ConnectionRequest>,
) -> Reply<Json<ConnectionView>> {
    let kept = engine.data_connection(&caller, pool, id).await?;
    let new = body.into_new(Some(&kept), Unsaid::NoneOrRefused)?;
    Ok(Json(ConnectionView::from(&engine.update_data_connection(&caller, pool, id, new).await?)))
}

/// Deletes a data connection that no data job uses. Its tables stay in the pool.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_data_connection(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataConnectionId)>,
) -> Reply<StatusCode> {
    engine.delete_data_connection(&caller, pool, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a data connection works.
#[derive(Serialize, ToSchema, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionTest {
    successful: bool,
    /// The steps on the way to the system, in the order in which they are taken.
    steps: Vec<ConnectionStep>,
    /// The name of the step that failed; null where none did, and where that is not known.
    step: Option<&'static str>,
    /// What failed, and what to mend.
    message: Option<String>,
}

/// A step on the way to a system.
#[derive(Serialize, ToSchema, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionStep {
    /// `Name lookup`, `Connect`, `TLS`, `Login`, `Database` and `Session settings` for databases; `Open` for files.
    name: &'static str,
    state: CheckState,
}

impl From<ConnectionCheck> for ConnectionTest {
    fn from(check: ConnectionCheck) -> Self {
        Self {
            successful: check.is_passed(),
            step: check.failed_step().map(Step::name),
            steps: check
                .steps
                .into_iter()
                .map(|(step, state)| ConnectionStep { name: step.name(), state: state.into() })
                .collect(),
            message: check.failure,
        }
    }
}

/// Connects to the system and reads nothing. That the system refuses is an answer, not an error.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 200, body = ConnectionTest)))]
pub(crate) async fn check_data_connection(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataConnectionId)>,
) -> Reply<Json<ConnectionTest>> {
    Ok(Json(engine.check_data_connection(&caller, pool, id).await?.into()))
}
