//! Data pools as a whole: given out as a document, taken in from one, and copied.

mod export;
mod import;
mod jobs;
mod models;

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::State;
use forebay_core::connection::DataConnection;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataJobId, DataModelId, DataPoolId};
use forebay_engine::{Engine, Given, ImportTarget, Imported, JobDestination};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use self::export::PoolExport;
pub(crate) use self::import::PoolImport;
use self::import::id;
use super::auth::Auth;
use super::body::{Body, LargeBody};
use super::connect::TEAM;
use super::jobs::JobTransport;
use super::path::Path;
use super::pools::DataPoolTransport;
use super::problem::Reply;

const TAG: &str = "Data pools";
/// What a document says that it is.
const FORMAT: &str = "forebay-data-pool";
/// Of documents that this server writes, and the newest that it reads.
const VERSION: u32 = 1;

/// Everything that is set up in a data pool but its passwords, for a file.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = PoolExport)))]
pub(crate) async fn export_data_pool(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<PoolExport>> {
    let (pool, contents) = engine.pool_contents(&caller, pool).await?;
    Ok(Json(PoolExport::new(&pool, &contents)))
}

/// The same, for a batch import.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = PoolExport)))]
pub(crate) async fn export_data_pool_v2(
    state: State<Engine>,
    auth: Auth,
    path: Path<DataPoolId>,
) -> Reply<Json<PoolExport>> {
    export_data_pool(state, auth, path).await
}

/// A data pool that was made of an export, or whose contents were.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolImportAnswer {
    #[schema(value_type = Uuid)]
    id: DataPoolId,
    name: String,
    /// The connections that cannot be used yet.
    unusable_data_sources: Vec<UnusableConnection>,
    /// What has become of each data model.
    #[schema(value_type = BTreeMap<String, Uuid>)]
    data_model_id_mappings: BTreeMap<String, DataModelId>,
}

/// A connection that cannot be used yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnusableConnection {
    #[schema(value_type = Uuid)]
    id: DataConnectionId,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Why, and what to do.
    message: String,
}

impl From<&(DataConnection, String)> for UnusableConnection {
    fn from((connection, message): &(DataConnection, String)) -> Self {
        Self {
            id: connection.id,
            name: connection.name.to_string(),
            kind: connection.config.type_name(),
            message: message.clone(),
        }
    }
}

impl From<&Imported> for PoolImportAnswer {
    fn from(imported: &Imported) -> Self {
        Self {
            id: imported.pool.id,
            name: imported.pool.name.to_string(),
            unusable_data_sources: imported.unusable.iter().map(UnusableConnection::from).collect(),
            data_model_id_mappings: mappings(imported),
        }
    }
}

fn mappings(imported: &Imported) -> BTreeMap<String, DataModelId> {
    imported.models.iter().map(|(old, new)| (old.to_string(), *new)).collect()
}

/// Makes a data pool of an export. Its connections have no passwords until somebody sets them, and its schedules are
/// switched off.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = PoolImport, responses((status = 200, body = PoolImportAnswer))
)]
pub(crate) async fn import_data_pool(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    LargeBody(body): LargeBody<PoolImport>,
) -> Reply<Json<PoolImportAnswer>> {
    let import = body.into_import(String::new(), None, Given::default(), engine.present())?;
    let imported = engine.import_contents(&caller, vec![import]).await?;
    let first = imported.first().ok_or_else(|| Error::internal("an import that was not made"))?;
    Ok(Json(PoolImportAnswer::from(first)))
}

/// Exports to be taken in by data pools that are there.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchImport {
    /// This server's team, which null is too.
    target_team_domain: Option<String>,
    data_pool_import_requests: Option<Vec<BatchImportRequest>>,
}

/// An export for one data pool.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchImportRequest {
    target_pool_id: Option<String>,
    /// Connections of the export, and those of the data pool that take their place. The others are found by their
    /// names, or made without a password.
    data_source_mappings: Option<HashMap<String, String>>,
    data_pool: Option<PoolImport>,
}

/// What has become of a batch.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchImportReport {
    /// What has become of each data model, of all data pools.
    #[schema(value_type = BTreeMap<String, Uuid>)]
    data_model_id_mappings: BTreeMap<String, DataModelId>,
    data_pools: Vec<PoolImportAnswer>,
}

/// Takes exports into data pools that are there, all of them or none. What has the same name is replaced and keeps
/// its id, connections stay as they are, and what the export does not have stays too.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = BatchImport, responses((status = 200, body = BatchImportReport))
)]
pub(crate) async fn import_data_pools(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    LargeBody(body): LargeBody<BatchImport>,
) -> Reply<Json<BatchImportReport>> {
    of_this_team("targetTeamDomain", body.target_team_domain.as_deref())?;
    let requests = body
        .data_pool_import_requests
        .ok_or_else(|| Error::invalid("dataPoolImportRequests", "is missing"))?;
    let mut imports = Vec::new();
    for (place, request) in requests.into_iter().enumerate() {
        let path = format!("dataPoolImportRequests[{place}]");
        let field = format!("{path}.targetPoolId");
        let target = request.target_pool_id.ok_or_else(|| Error::invalid(&field, "is missing"))?;
        let mut given = Given { field: format!("{path}.dataSourceMappings"), ..Given::default() };
        for (old, new) in request.data_source_mappings.unwrap_or_default() {
            let field = format!("{}.{old}", given.field);
            given.connections.insert(id(&field, Some(&old))?, id(&field, Some(&new))?);
        }
        let document =
            request.data_pool.ok_or_else(|| Error::invalid(format!("{path}.dataPool"), "is missing"))?;
        let target = ImportTarget::Existing(field, target.parse()?);
        imports.push(document.into_import(
            format!("{path}.dataPool"),
            Some(target),
            given,
            engine.present(),
        )?);
    }
    let imported = engine.import_contents(&caller, imports).await?;
    Ok(Json(BatchImportReport {
        data_model_id_mappings: imported.iter().flat_map(mappings).collect(),
        data_pools: imported.iter().map(PoolImportAnswer::from).collect(),
    }))
}

/// One server is one team.
fn of_this_team(field: &str, domain: Option<&str>) -> Result<()> {
    match domain {
        None | Some("" | TEAM) => Ok(()),
        Some(other) => {
            let reason = format!(
                "must be `{TEAM}`, the one team of this server, not `{other}`; export from here and import there"
            );
            Err(Error::invalid(field, reason))
        }
    }
}

/// A data pool to be copied.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MoveDataPoolRequest {
    /// This server's team, which null is too.
    move_to_domain: Option<String>,
    data_pool_id: Option<String>,
    /// Whether only the models that are listed are copied.
    subset_of_data_models: Option<bool>,
    selected_data_models: Option<Vec<String>>,
}

/// Copies a data pool within the team, with its passwords; its schedules are switched off in the copy.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = MoveDataPoolRequest,
    responses((status = 200, body = DataPoolTransport))
)]
pub(crate) async fn copy_data_pool(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<MoveDataPoolRequest>,
) -> Reply<Json<DataPoolTransport>> {
    of_this_team("moveToDomain", body.move_to_domain.as_deref())?;
    let pool = body.data_pool_id.ok_or_else(|| Error::invalid("dataPoolId", "is missing"))?;
    let only = match body.subset_of_data_models {
        Some(true) => {
            let chosen = body.selected_data_models.unwrap_or_default();
            let parsed: Result<Vec<DataModelId>> = chosen.iter().map(|model| model.parse()).collect();
            Some(parsed?)
        }
        Some(false) | None => None,
    };
    let copy = engine.copy_data_pool(&caller, pool.parse()?, only.as_deref()).await?;
    Ok(Json(DataPoolTransport::from(&copy)))
}

/// Where a data job is copied to.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobCopyRequestTransport {
    /// This server's team, which null is too.
    destination_team_domain: Option<String>,
    /// The data pool; null is the job's own.
    destination_pool_id: Option<String>,
    /// The connection that the copy reads; null makes a global job.
    destination_data_source_id: Option<String>,
}

/// Copies a data job to a data pool of the team.
#[utoipa::path(
    post, path = "", tag = "Data jobs", request_body = JobCopyRequestTransport,
    responses((status = 200, body = JobTransport))
)]
pub(crate) async fn copy_data_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
    Body(body): Body<JobCopyRequestTransport>,
) -> Reply<Json<JobTransport>> {
    of_this_team("destinationTeamDomain", body.destination_team_domain.as_deref())?;
    let to = JobDestination {
        pool: body.destination_pool_id.map_or(Ok(pool), |other| other.parse())?,
        connection: body.destination_data_source_id.as_deref().map(str::parse).transpose()?,
    };
    let copy = engine.copy_data_job(&caller, pool, job, to).await?;
    Ok(Json(JobTransport::new(&copy, None)))
}
