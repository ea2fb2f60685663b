//! Data connections as the wire contract sees them: `DataSourceTransport`, and the search for tables
//! at the source.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::access::Caller;
use forebay_core::connection::{Credentials, DataConnection};
use forebay_core::error::{Error, Result};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::pool::connection_schema;
use forebay_engine::Engine;
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::auth::Auth;
use super::path::Path;
use super::problem::Reply;
use super::query_string::{FromQuery, Pairs, Query};
use super::words::AnonymizationAlgorithm;

const TAG: &str = "Data connections";

/// A data connection. What Forebay does not have is null or false.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataSourceTransport {
    #[schema(value_type = Uuid)]
    id: DataConnectionId,
    name: String,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    /// POSTGRESQL, MYSQL, SQLITE or FILES.
    #[serde(rename = "type")]
    kind: &'static str,
    metadata: Option<String>,
    uplink_id: Option<String>,
    connected: bool,
    locked: bool,
    uplink_name: Option<String>,
    signature: Option<String>,
    use_uplink: bool,
    internal_system_id: Option<String>,
    internal_system_selected: bool,
    configuration: Vec<Value>,
    /// Where its tables land in the pool.
    target_schema_name: String,
    exported: bool,
    export_available: bool,
    extractor_port: Option<i32>,
    anonymization_algorithm: AnonymizationAlgorithm,
    salt_id: Option<String>,
    custom_extractor_id: Option<String>,
    custom_extractor_name: Option<String>,
    creator_user_id: Option<String>,
    creator_username: Option<String>,
    reachable_and_valid: Option<bool>,
    normalized_name: String,
    imported: bool,
    /// What SQL writes after `DATASOURCE:` to name its schema.
    parameter_name: String,
    configured: bool,
}

impl From<&DataConnection> for DataSourceTransport {
    fn from(connection: &DataConnection) -> Self {
        Self {
            id: connection.id,
            name: connection.name.to_string(),
            pool_id: connection.pool_id,
            kind: connection.config.type_name(),
            metadata: None,
            uplink_id: None,
            connected: connection.credentials == Credentials::Given,
            locked: false,
            uplink_name: None,
            signature: None,
            use_uplink: false,
            internal_system_id: None,
            internal_system_selected: false,
            configuration: Vec::new(),
            target_schema_name: connection_schema(connection.pool_id, connection.id).to_string(),
            exported: false,
            export_available: false,
            extractor_port: None,
            anonymization_algorithm: connection.pseudonymisation.algorithm.into(),
            salt_id: None,
            custom_extractor_id: None,
            custom_extractor_name: None,
            creator_user_id: None,
            creator_username: None,
            reachable_and_valid: None,
            normalized_name: connection.name.to_string(),
            imported: false,
            parameter_name: connection.name.to_string(),
            configured: connection.credentials == Credentials::Given,
        }
    }
}

/// The data connections of a pool.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<DataSourceTransport>)))]
pub(crate) async fn data_sources(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<DataSourceTransport>>> {
    let connections = engine.data_connections(&caller, pool).await?;
    Ok(Json(connections.iter().map(DataSourceTransport::from).collect()))
}

/// A data connection.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = DataSourceTransport)))]
pub(crate) async fn data_source(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataConnectionId)>,
) -> Reply<Json<DataSourceTransport>> {
    Ok(Json(DataSourceTransport::from(&engine.data_connection(&caller, pool, id).await?)))
}

/// Deletes a data connection that no data job uses.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_data_source(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataConnectionId)>,
) -> Reply<StatusCode> {
    engine.delete_data_connection(&caller, pool, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tables that a source offers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataSourceAvailableTables {
    available_tables: Vec<DataSourceTable>,
    /// Whether the source answered.
    lookup_successful: bool,
    /// Why it did not.
    message: Option<String>,
    translated_connector_message: Option<Value>,
}

/// A table that a source offers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataSourceTable {
    #[schema(value_type = Uuid)]
    data_source_id: DataConnectionId,
    name: String,
    alias: Option<String>,
    schema: Option<String>,
}

impl DataSourceTable {
    fn new(connection: DataConnectionId, table: &SourceTableName) -> Self {
        Self {
            data_source_id: connection,
            name: table.name.to_string(),
            alias: None,
            schema: table.schema.as_ref().map(ToString::to_string),
        }
    }
}

/// Which tables are meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct Search {
    /// A part of the name, in any case; `%` stands for any text. All tables when missing. Clients also say
    /// which extraction is to have the table, as `extractionId`; that makes no difference.
    search_string: Option<String>,
}

impl FromQuery for Search {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        Ok(Self { search_string: pairs.text("searchString")?.map(str::to_owned) })
    }
}

/// Searches the tables that a source offers. What it says is used again for ten seconds.
#[utoipa::path(
    get, path = "", tag = TAG, params(Search), responses((status = 200, body = DataSourceAvailableTables))
)]
pub(crate) async fn search_tables(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataConnectionId)>,
    Query(search): Query<Search>,
) -> Reply<Json<DataSourceAvailableTables>> {
    Ok(Json(found(&engine, &caller, pool, id, &search).await?))
}

/// What a search answers with.
pub(crate) async fn found(
    engine: &Engine,
    caller: &Caller,
    pool: DataPoolId,
    id: DataConnectionId,
    search: &Search,
) -> Result<DataSourceAvailableTables> {
    let like = search.search_string.as_deref().unwrap_or_default();
    let (found, refusal) = match engine.search_tables(caller, pool, id, like).await {
        Ok(tables) => (tables, None),
        // That the source refuses is the answer, not a failure of the request.
        Err(Error::Refused { message }) => (Vec::new(), Some(message)),
        Err(error) => return Err(error),
    };
    Ok(DataSourceAvailableTables {
        available_tables: found.iter().map(|offered| DataSourceTable::new(id, &offered.table)).collect(),
        lookup_successful: refusal.is_none(),
        message: refusal,
        translated_connector_message: None,
    })
}
