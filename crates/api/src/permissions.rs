//! Who may do what, as other systems fetch it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forebay_core::access::{Grantee, Scope};
use forebay_core::name::Name;
use forebay_engine::{Engine, HeldGrant};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Auth;
use super::problem::Reply;
use super::words::{PermissionName, RoleName};

/// Every permission that is granted.
#[derive(Serialize, ToSchema)]
pub(crate) struct PermissionsExport {
    permissions: Vec<PermissionEntry>,
}

/// What one user, group or application may do in one data pool, or in all, by a grant of its own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PermissionEntry {
    subject_name: String,
    /// USER, GROUP or APPLICATION.
    subject_type: &'static str,
    subject_id: String,
    /// The names of the groups that a user is in, whose entries count for the user too; empty for all others.
    groups: Vec<String>,
    role: RoleName,
    /// Always `event-collection`.
    service: &'static str,
    /// The data pool; null for all.
    object_name: Option<String>,
    /// Always `DATA_POOL`.
    object_type: &'static str,
    object_id: Option<String>,
    actions: Vec<PermissionName>,
}

impl From<&HeldGrant> for PermissionEntry {
    fn from(held: &HeldGrant) -> Self {
        let (subject_type, subject_id) = match held.grant.grantee {
            Grantee::User(id) => ("USER", id.to_string()),
            Grantee::Group(id) => ("GROUP", id.to_string()),
            Grantee::Application(id) => ("APPLICATION", id.to_string()),
        };
        Self {
            subject_name: held.grantee_name.to_string(),
            subject_type,
            subject_id,
            groups: held.groups.iter().map(Name::to_string).collect(),
            role: held.role.into(),
            service: "event-collection",
            object_name: held.pool_name.as_ref().map(ToString::to_string),
            object_type: "DATA_POOL",
            object_id: match held.grant.scope {
                Scope::Service => None,
                Scope::Pool(pool) => Some(pool.to_string()),
            },
            actions: held.grant.permissions.iter().copied().map(PermissionName::from).collect(),
        }
    }
}

/// Every permission that is granted. Administrators may do everything without one.
#[utoipa::path(
    get, path = "", tag = "Access",
    responses(
        (status = 200, body = PermissionsExport),
        (status = 204, description = "Nothing is granted to anybody."),
    )
)]
pub(crate) async fn permissions_export(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Response> {
    let held = engine.held_grants(&caller).await?;
    if held.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let permissions = held.iter().map(PermissionEntry::from).collect();
    Ok(Json(PermissionsExport { permissions }).into_response())
}
