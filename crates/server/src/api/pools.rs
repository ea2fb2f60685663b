//! Data pools, as `DataPoolTransport`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use forebay_core::access::Subject;
use forebay_core::error::Error;
use forebay_core::name::Name;
use forebay_core::pool::DataPool;
use forebay_engine::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::body::Body;
use super::problem::Reply;

/// What a client may set; the other fields of the transport are the server's.
#[derive(Deserialize)]
pub(crate) struct PoolBody {
    name: Option<String>,
    description: Option<String>,
}

fn transport(pool: &DataPool) -> Value {
    let creator = match pool.created_by {
        Subject::User(id) => id.to_string(),
        Subject::Application(id) => id.to_string(),
    };
    json!({
        "id": pool.id, "name": pool.name, "description": pool.description,
        "timeStamp": pool.created_at, "configurationStatus": "CONFIGURED", "locked": false,
        "contentId": null, "contentVersion": null, "tags": [], "originalId": null,
        "monitoringTarget": false, "customMonitoringTarget": false, "customMonitoringTargetActive": false,
        "exported": false, "monitoringMessageColumnsMigrated": false, "creatorUserId": creator,
        "objectId": null, "permissions": [],
    })
}

pub(crate) async fn list(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Json<Value>> {
    Ok(Json(engine.data_pools(&caller).await?.iter().map(transport).collect()))
}

pub(crate) async fn create(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<PoolBody>,
) -> Reply<Json<Value>> {
    let name =
        Name::parse("name", body.name.as_deref().ok_or_else(|| Error::invalid("name", "is missing"))?)?;
    Ok(Json(transport(&engine.create_data_pool(&caller, name, body.description).await?)))
}

pub(crate) async fn show(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
) -> Reply<Json<Value>> {
    Ok(Json(transport(&engine.data_pool(&caller, pool.parse()?).await?)))
}

pub(crate) async fn update(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
    Body(body): Body<PoolBody>,
) -> Reply<Json<Value>> {
    let name = body.name.as_deref().map(|name| Name::parse("name", name)).transpose()?;
    let pool = engine.update_data_pool(&caller, pool.parse()?, name, body.description).await?;
    Ok(Json(transport(&pool)))
}

pub(crate) async fn delete(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
) -> Reply<StatusCode> {
    engine.delete_data_pool(&caller, pool.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
