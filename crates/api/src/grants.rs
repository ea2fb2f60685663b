//! Grants: what users, groups and applications may do, in one data pool or in all.

use axum::Json;
use axum::extract::State;
use forebay_core::access::{Grant, Grantee, Permission, Scope};
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Auth;
use super::body::Body;
use super::path::Path;
use super::problem::Reply;
use super::words::PermissionName;

const TAG: &str = "Access";

/// A user, a group or an application.
#[derive(Serialize, ToSchema)]
pub(crate) struct GranteeTransport {
    #[serde(rename = "type")]
    kind: GranteeType,
    #[schema(format = Uuid)]
    id: String,
}

/// Whether somebody is a person, several of them, or a program.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum GranteeType {
    User,
    Group,
    Application,
}

impl From<Grantee> for GranteeTransport {
    fn from(grantee: Grantee) -> Self {
        match grantee {
            Grantee::User(id) => Self { kind: GranteeType::User, id: id.to_string() },
            Grantee::Group(id) => Self { kind: GranteeType::Group, id: id.to_string() },
            Grantee::Application(id) => Self { kind: GranteeType::Application, id: id.to_string() },
        }
    }
}

/// A user, a group or an application that is meant.
#[derive(Deserialize, ToSchema)]
pub(crate) struct GranteeRequest {
    #[serde(rename = "type")]
    kind: Option<GranteeType>,
    id: Option<String>,
}

impl GranteeRequest {
    fn into_grantee(self) -> Result<Grantee> {
        let id = self.id.ok_or_else(|| Error::invalid("subject.id", "is missing"))?;
        match self.kind {
            Some(GranteeType::User) => Ok(Grantee::User(id.parse()?)),
            Some(GranteeType::Group) => Ok(Grantee::Group(id.parse()?)),
            Some(GranteeType::Application) => Ok(Grantee::Application(id.parse()?)),
            None => Err(Error::invalid("subject.type", "is missing; it must be USER, GROUP or APPLICATION")),
        }
    }
}

/// What one user, group or application may do in one scope, by a grant of its own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GrantView {
    subject: GranteeTransport,
    /// The data pool; null for all pools, now and later.
    #[schema(value_type = Option<Uuid>)]
    pool_id: Option<DataPoolId>,
    permissions: Vec<PermissionName>,
}

impl From<&Grant> for GrantView {
    fn from(grant: &Grant) -> Self {
        Self {
            subject: grant.grantee.into(),
            pool_id: match grant.scope {
                Scope::Service => None,
                Scope::Pool(pool) => Some(pool),
            },
            permissions: grant.permissions.iter().copied().map(PermissionName::from).collect(),
        }
    }
}

/// What somebody may do from now on. No permissions take the grant away.
#[derive(Deserialize, ToSchema)]
pub(crate) struct GrantRequest {
    subject: Option<GranteeRequest>,
    permissions: Option<Vec<PermissionName>>,
}

impl GrantRequest {
    fn into_grant(self, scope: Scope) -> Result<Grant> {
        let subject = self.subject.ok_or_else(|| Error::invalid("subject", "is missing"))?;
        let permissions = self
            .permissions
            .ok_or_else(|| Error::invalid("permissions", "is missing; an empty list takes the grant away"))?;
        Ok(Grant {
            grantee: subject.into_grantee()?,
            scope,
            permissions: permissions.into_iter().map(Permission::from).collect(),
        })
    }
}

/// Every grant there is.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<GrantView>)))]
pub(crate) async fn grants(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Json<Vec<GrantView>>> {
    Ok(Json(engine.grants(&caller, None).await?.iter().map(GrantView::from).collect()))
}

/// Sets what somebody may do in every data pool. It stands above what single pools say.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = GrantRequest, responses((status = 200, body = GrantView))
)]
pub(crate) async fn set_service_grant(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<GrantRequest>,
) -> Reply<Json<GrantView>> {
    let grant = body.into_grant(Scope::Service)?;
    engine.set_grant(&caller, &grant).await?;
    Ok(Json(GrantView::from(&grant)))
}

/// The grants of a data pool.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<GrantView>)))]
pub(crate) async fn pool_grants(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<GrantView>>> {
    Ok(Json(engine.grants(&caller, Some(pool)).await?.iter().map(GrantView::from).collect()))
}

/// Sets what somebody may do in a data pool.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = GrantRequest, responses((status = 200, body = GrantView))
)]
pub(crate) async fn set_pool_grant(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Body(body): Body<GrantRequest>,
) -> Reply<Json<GrantView>> {
    let grant = body.into_grant(Scope::Pool(pool))?;
    engine.set_grant(&caller, &grant).await?;
    Ok(Json(GrantView::from(&grant)))
}
