//! The calls for replication in real time. Forebay has none: lists are empty, and what would make, change or run a
//! replication is refused with a text that says what to do instead.

use axum::Json;
use axum::extract::State;
use forebay_core::access::Permission;
use forebay_core::error::Result;
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_engine::Engine;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::auth::Auth;
use super::data_sources::{DataSourceAvailableTables, Search, found};
use super::path::Path;
use super::problem::Reply;
use super::query_string::{FromQuery, Pairs, Query};
use super::variables::PoolVariableTransport;

const TAG: &str = "Replication";

/// A replication. There is none.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicationTransport {
    id: String,
    data_pool_id: String,
    table_name: String,
}

/// A script that a replication begins with. There is none.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicationInitializationScriptTransport {
    id: String,
    name: String,
}

/// Whose replications are meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct Replications {
    /// Those of one connection; of all when missing.
    data_source_id: Option<String>,
}

impl FromQuery for Replications {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        Ok(Self { data_source_id: pairs.text("dataSourceId")?.map(str::to_owned) })
    }
}

/// The replications of a pool: none.
#[utoipa::path(
    get, path = "", tag = TAG, params(Replications), responses((status = 200, body = Vec<ReplicationTransport>))
)]
pub(crate) async fn replications(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Query(which): Query<Replications>,
) -> Reply<Json<Vec<ReplicationTransport>>> {
    let connection = which.data_source_id.as_deref().map(str::parse::<DataConnectionId>).transpose()?;
    engine.may_see_replications(&caller, pool, connection).await?;
    Ok(Json(Vec::new()))
}

/// The scripts that replications of a connection begin with: none.
#[utoipa::path(
    get, path = "", tag = TAG, responses((status = 200, body = Vec<ReplicationInitializationScriptTransport>))
)]
pub(crate) async fn replication_scripts(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, connection)): Path<(DataPoolId, DataConnectionId)>,
) -> Reply<Json<Vec<ReplicationInitializationScriptTransport>>> {
    engine.may_see_replications(&caller, pool, Some(connection)).await?;
    Ok(Json(Vec::new()))
}

/// Searches the tables that a source offers.
#[utoipa::path(
    get, path = "", tag = TAG, params(Search), responses((status = 200, body = DataSourceAvailableTables))
)]
pub(crate) async fn search_tables_to_replicate(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataConnectionId)>,
    Query(search): Query<Search>,
) -> Reply<Json<DataSourceAvailableTables>> {
    Ok(Json(found(&engine, &caller, pool, id, &search).await?))
}

/// The parameters of a data pool.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<PoolVariableTransport>)))]
pub(crate) async fn replication_parameters(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<PoolVariableTransport>>> {
    let parameters = engine.parameters(&caller, pool, None).await?;
    Ok(Json(parameters.iter().map(PoolVariableTransport::from).collect()))
}

/// Handlers that refuse, whatever comes with the request.
macro_rules! not_supported {
    ($($(#[$doc:meta])* $name:ident is $method:ident, for $needed:ident;)*) => {$(
        $(#[$doc])*
        #[utoipa::path($method, path = "", tag = TAG, responses((status = 501, description = "Forebay does not do this.")))]
        pub(crate) async fn $name(
            State(engine): State<Engine>,
            Auth(caller): Auth,
            Path(pool): Path<DataPoolId>,
        ) -> Reply<()> {
            Ok(engine.replicate(&caller, Permission::$needed, pool).await?)
        }
    )*};
}

not_supported! {
    /// Would show a replication.
    replication is get, for View;
    /// Would show the configuration of a replication.
    replication_configuration is get, for View;
    /// Would make replications.
    create_replications is post, for Edit;
    /// Would delete the replications of a connection.
    delete_replications is delete, for Edit;
    /// Would change the configuration of a replication.
    update_replication_configuration is put, for Edit;
    /// Would load what is there before replications begin.
    initialize_replications is post, for Edit;
    /// Would start the replications of a connection.
    start_replications is post, for Edit;
    /// Would stop the replications of a connection.
    stop_replications is post, for Edit;
    /// Would stop the replications of a connection and what they have begun.
    stop_and_cancel_replications is post, for Edit;
    /// Would delete a replication.
    delete_replication is delete, for Edit;
    /// Would start a replication.
    start_replication is post, for Edit;
    /// Would stop a replication.
    stop_replication is post, for Edit;
}
