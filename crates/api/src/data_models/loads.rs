//! Loads of a data model: how they are asked for. How they are told is in `transport`.

mod transport;

use axum::Json;
use axum::extract::State;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataModelId, DataPoolId, ModelTableId};
use forebay_engine::{Engine, ModelReload};
use utoipa::IntoParams;

use self::transport::{DataModelDataLoadHistoryTransport, DataModelLoadSyncTransport};
use super::TAG;
use crate::auth::Auth;
use crate::body::Body;
use crate::path::Path;
use crate::problem::Reply;
use crate::query_string::{FromQuery, Pairs, Query};

/// What is loaded of a model.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct ReloadQuery {
    /// True, as when it is missing, loads all tables; false asks for what has changed. Nothing proves cheaply that a
    /// table has not, so all tables are loaded anew then, too.
    force_complete: Option<bool>,
}

impl FromQuery for ReloadQuery {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        Ok(Self { force_complete: pairs.flag("forceComplete")? })
    }
}

/// What is loaded of a model, by the documented calls.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct LoadQuery {
    /// True, as when it is missing, loads everything that is asked for; false asks for what of it has changed.
    /// Nothing proves cheaply that a table has not, so it is loaded anew then, too.
    full_reload: Option<bool>,
}

impl FromQuery for LoadQuery {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        Ok(Self { full_reload: pairs.flag("fullReload")? })
    }
}

async fn reload(
    engine: &Engine,
    caller: &forebay_core::access::Caller,
    (pool, model): (DataPoolId, DataModelId),
    what: ModelReload,
) -> Reply<Json<DataModelDataLoadHistoryTransport>> {
    let load = engine.reload_data_model(caller, pool, model, what).await?;
    Ok(Json(DataModelDataLoadHistoryTransport::from(&load)))
}

fn all(complete: Option<bool>) -> ModelReload {
    if complete == Some(false) { ModelReload::FromCache } else { ModelReload::Complete }
}

/// Loads a data model. The load is RUNNING when the answer is sent. While another one of the model is live, the answer
/// is 409 and names its execution. A body is ignored.
#[utoipa::path(
    post, path = "", tag = TAG, params(ReloadQuery),
    responses((status = 200, body = DataModelDataLoadHistoryTransport))
)]
pub(crate) async fn reload_data_model(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(model): Path<(DataPoolId, DataModelId)>,
    Query(query): Query<ReloadQuery>,
) -> Reply<Json<DataModelDataLoadHistoryTransport>> {
    reload(&engine, &caller, model, all(query.force_complete)).await
}

/// Loads a data model, by the documented call.
#[utoipa::path(
    post, path = "", tag = TAG, params(LoadQuery),
    responses((status = 200, body = DataModelDataLoadHistoryTransport))
)]
pub(crate) async fn load_data_model(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(model): Path<(DataPoolId, DataModelId)>,
    Query(query): Query<LoadQuery>,
) -> Reply<Json<DataModelDataLoadHistoryTransport>> {
    reload(&engine, &caller, model, all(query.full_reload)).await
}

/// Loads some tables of a data model; the others stay as they were published last. The body has the ids of tables of
/// the model.
#[utoipa::path(
    post, path = "", tag = TAG, params(LoadQuery), request_body = Vec<String>,
    responses((status = 200, body = DataModelDataLoadHistoryTransport))
)]
pub(crate) async fn load_model_tables(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(model): Path<(DataPoolId, DataModelId)>,
    Query(_): Query<LoadQuery>,
    Body(body): Body<Vec<String>>,
) -> Reply<Json<DataModelDataLoadHistoryTransport>> {
    let id = |text: &String| {
        let id = text.parse::<ModelTableId>();
        id.map_err(|_| Error::invalid("body", format!("`{text}` is no id of a table of the model")))
    };
    let tables = body.iter().map(id).collect::<Result<_>>()?;
    reload(&engine, &caller, model, ModelReload::Partial(tables)).await
}

/// How a data model was loaded: the load that is live or else the newest, and the history. Loads of data jobs are in it.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = DataModelLoadSyncTransport)))]
pub(crate) async fn model_load_history(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
) -> Reply<Json<DataModelLoadSyncTransport>> {
    let history = engine.model_load_history(&caller, pool, model).await?;
    Ok(Json(DataModelLoadSyncTransport::from(&history)))
}

/// The load of a data model that is live, or else the newest; null when it was never loaded.
#[utoipa::path(
    get, path = "", tag = TAG, responses((status = 200, body = Option<DataModelDataLoadHistoryTransport>))
)]
pub(crate) async fn last_model_load(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
) -> Reply<Json<Option<DataModelDataLoadHistoryTransport>>> {
    let load = engine.last_model_load(&caller, pool, model).await?;
    Ok(Json(load.as_ref().map(DataModelDataLoadHistoryTransport::from)))
}
