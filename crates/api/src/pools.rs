//! Data pools, as `DataPoolTransport`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::access::Subject;
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_core::name::Name;
use forebay_core::pool::DataPool;
use forebay_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Auth;
use super::body::Body;
use super::path::Path;
use super::problem::Reply;

const TAG: &str = "Data pools";

/// A data pool. What Forebay does not have is null, false or empty.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataPoolTransport {
    permissions: Vec<String>,
    #[schema(value_type = Uuid)]
    id: DataPoolId,
    name: String,
    description: Option<String>,
    /// When the pool was made.
    #[schema(value_type = i64)]
    time_stamp: Timestamp,
    configuration_status: &'static str,
    locked: bool,
    content_id: Option<String>,
    content_version: Option<i32>,
    tags: Vec<TagTransport>,
    original_id: Option<String>,
    monitoring_target: bool,
    custom_monitoring_target: bool,
    custom_monitoring_target_active: bool,
    exported: bool,
    monitoring_message_columns_migrated: bool,
    creator_user_id: String,
    object_id: Option<String>,
}

/// A label.
#[derive(Serialize, ToSchema)]
pub(crate) struct TagTransport {
    name: Option<String>,
}

impl From<&DataPool> for DataPoolTransport {
    fn from(pool: &DataPool) -> Self {
        Self {
            permissions: Vec::new(),
            id: pool.id,
            name: pool.name.to_string(),
            description: pool.description.clone(),
            time_stamp: pool.created_at,
            configuration_status: "CONFIGURED",
            locked: false,
            content_id: None,
            content_version: None,
            tags: Vec::new(),
            original_id: None,
            monitoring_target: false,
            custom_monitoring_target: false,
            custom_monitoring_target_active: false,
            exported: false,
            monitoring_message_columns_migrated: false,
            creator_user_id: match pool.created_by {
                Subject::User(id) => id.to_string(),
                Subject::Application(id) => id.to_string(),
            },
            object_id: None,
        }
    }
}

/// What a client may set of a data pool; the other fields of its transport are the server's and ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct DataPoolRequest {
    /// 1 to 100 characters; null leaves it.
    pub(crate) name: Option<String>,
    /// Null leaves it.
    pub(crate) description: Option<String>,
}

/// A name that must be there.
pub(crate) fn name(text: Option<&str>) -> Result<Name> {
    Name::parse("name", text.ok_or_else(|| Error::invalid("name", "is missing"))?)
}

/// A name that null leaves as it is.
pub(crate) fn new_name(text: Option<&str>) -> Result<Option<Name>> {
    text.map(|text| Name::parse("name", text)).transpose()
}

/// The data pools the caller may see.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<DataPoolTransport>)))]
pub(crate) async fn data_pools(
    State(engine): State<Engine>,
    Auth(caller): Auth,
) -> Reply<Json<Vec<DataPoolTransport>>> {
    Ok(Json(engine.data_pools(&caller).await?.iter().map(DataPoolTransport::from).collect()))
}

/// Makes a data pool. Members may, too, whom a grant for all pools lets edit.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = DataPoolRequest,
    responses((status = 200, body = DataPoolTransport))
)]
pub(crate) async fn create_data_pool(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<DataPoolRequest>,
) -> Reply<Json<DataPoolTransport>> {
    let name = name(body.name.as_deref())?;
    let pool = engine.create_data_pool(&caller, name, body.description).await?;
    Ok(Json(DataPoolTransport::from(&pool)))
}

/// A data pool.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = DataPoolTransport)))]
pub(crate) async fn data_pool(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<DataPoolTransport>> {
    Ok(Json(DataPoolTransport::from(&engine.data_pool(&caller, pool).await?)))
}

/// Changes a data pool.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = DataPoolRequest,
    responses((status = 200, body = DataPoolTransport))
)]
pub(crate) async fn update_data_pool(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Body(body): Body<DataPoolRequest>,
) -> Reply<Json<DataPoolTransport>> {
    let name = new_name(body.name.as_deref())?;
    let pool = engine.update_data_pool(&caller, pool, name, body.description).await?;
    Ok(Json(DataPoolTransport::from(&pool)))
}

/// Deletes a data pool with everything in it.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_data_pool(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<StatusCode> {
    engine.delete_data_pool(&caller, pool).await?;
    Ok(StatusCode::NO_CONTENT)
}
