//! Users and applications.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::access::{Application, User};
use forebay_core::id::{ApplicationId, UserId};
use forebay_core::secret::Secret;
use forebay_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Auth;
use super::body::Body;
use super::oauth::Visitor;
use super::path::Path;
use super::pools::name;
use super::problem::Reply;
use super::words::RoleName;

const TAG: &str = "Access";

/// A person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView {
    #[schema(value_type = Uuid)]
    id: UserId,
    name: String,
    email: Option<String>,
    role: RoleName,
    #[schema(value_type = i64)]
    created_at: Timestamp,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            name: user.name.to_string(),
            email: user.email.clone(),
            role: user.role.into(),
            created_at: user.created_at,
        }
    }
}

/// A user to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UserRequest {
    /// 1 to 100 characters.
    name: Option<String>,
    email: Option<String>,
    /// MEMBER when null.
    role: Option<RoleName>,
}

/// The users.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<UserView>)))]
pub(crate) async fn users(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Json<Vec<UserView>>> {
    Ok(Json(engine.users(&caller).await?.iter().map(UserView::from).collect()))
}

/// Makes a user, who has no key yet.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = UserRequest, responses((status = 201, body = UserView))
)]
pub(crate) async fn create_user(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<UserRequest>,
) -> Reply<(StatusCode, Json<UserView>)> {
    let role = body.role.unwrap_or(RoleName::Member).into();
    let user = engine.create_user(&caller, name(body.name.as_deref())?, body.email, role).await?;
    Ok((StatusCode::CREATED, Json(UserView::from(&user))))
}

/// Deletes a user with their keys and grants.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_user(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<UserId>,
) -> Reply<StatusCode> {
    engine.delete_user(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a link signs somebody in.
pub fn sign_in_url(base: &str, link: &Secret) -> String {
    format!("{base}/sign-in/link?link={}", link.expose())
}

/// Where a user can sign in once, within a day.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignInLink {
    url: String,
}

/// Makes a link that signs a user in once, within a day: for one who has no password yet, or has lost it.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 201, body = SignInLink)))]
pub(crate) async fn create_sign_in_link(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Visitor(visit): Visitor,
    Path(id): Path<UserId>,
) -> Reply<(StatusCode, Json<SignInLink>)> {
    let link = engine.make_sign_in_link(&caller, id).await?;
    Ok((StatusCode::CREATED, Json(SignInLink { url: sign_in_url(&visit.base, &link) })))
}

/// Unties a user from their account of the issuer of OpenID Connect, and ends the sessions that it has begun. Whoever
/// has the user's e-mail address there is tied to the user at the next sign-in.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn untie_user(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<UserId>,
) -> Reply<StatusCode> {
    engine.untie_user(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A program with permissions of its own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApplicationView {
    #[schema(value_type = Uuid)]
    id: ApplicationId,
    name: String,
    #[schema(value_type = i64)]
    created_at: Timestamp,
}

impl From<&Application> for ApplicationView {
    fn from(application: &Application) -> Self {
        Self { id: application.id, name: application.name.to_string(), created_at: application.created_at }
    }
}

/// An application to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ApplicationRequest {
    /// 1 to 100 characters.
    name: Option<String>,
}

/// The applications.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<ApplicationView>)))]
pub(crate) async fn applications(
    State(engine): State<Engine>,
    Auth(caller): Auth,
) -> Reply<Json<Vec<ApplicationView>>> {
    Ok(Json(engine.applications(&caller).await?.iter().map(ApplicationView::from).collect()))
}

/// Makes an application, which has no key yet.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = ApplicationRequest,
    responses((status = 201, body = ApplicationView))
)]
pub(crate) async fn create_application(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<ApplicationRequest>,
) -> Reply<(StatusCode, Json<ApplicationView>)> {
    let application = engine.create_application(&caller, name(body.name.as_deref())?).await?;
    Ok((StatusCode::CREATED, Json(ApplicationView::from(&application))))
}

/// Deletes an application with its keys and grants.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_application(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ApplicationId>,
) -> Reply<StatusCode> {
    engine.delete_application(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
