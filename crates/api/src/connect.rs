//! The calls by which clients find out where they are and who they are.

mod team;
mod user;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::access::Role;
use forebay_engine::Engine;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::team::TeamTransport;
pub(crate) use self::user::UserTransport;
use super::auth::Auth;
use super::problem::Reply;

/// The team's name and domain: one server is one team.
pub(crate) const TEAM: &str = "forebay";
const TAG: &str = "Connect";

/// What somebody may do in a service.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserServicePermissionsTransport {
    service_name: &'static str,
    permissions: Vec<&'static str>,
}

/// The caller.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = UserTransport)))]
pub(crate) async fn caller(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Json<UserTransport>> {
    let groups = engine.own_groups(&caller).await?;
    Ok(Json(UserTransport::of(&caller, &groups)))
}

/// What the caller may do beyond single data pools.
#[utoipa::path(
    get, path = "", tag = TAG, responses((status = 200, body = Vec<UserServicePermissionsTransport>))
)]
pub(crate) async fn service_permissions(Auth(caller): Auth) -> Json<Vec<UserServicePermissionsTransport>> {
    let permissions = match caller.role {
        Role::Admin => vec!["CREATE_DATA_POOL", "EDIT_ALL_POOLS", "MANAGE_ALL_POOLS"],
        Role::Member => Vec::new(),
    };
    Json(vec![UserServicePermissionsTransport { service_name: "event-collection", permissions }])
}

/// The team.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = TeamTransport)))]
pub(crate) async fn team(Auth(_): Auth) -> Json<TeamTransport> {
    Json(TeamTransport::new())
}

/// The cover page that a command line would put before what it writes: there is none, and it takes only this answer
/// for that.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 403, description = "There is none.")))]
pub(crate) async fn cover_page(Auth(_): Auth) -> StatusCode {
    StatusCode::FORBIDDEN
}

/// The team, by the path with which a command line finds out what kind of key it has.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = TeamTransport)))]
pub(crate) async fn cloud_team(Auth(_): Auth) -> Json<TeamTransport> {
    Json(TeamTransport::new())
}
