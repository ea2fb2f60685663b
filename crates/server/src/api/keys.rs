//! Users, applications, keys and grants. A key's text is in the answer that makes it, and nowhere else.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use forebay_core::access::{Application, Grant, Key, Permission, Role, Scope, Subject, User};
use forebay_core::error::Error;
use forebay_core::name::Name;
use forebay_engine::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::body::Body;
use super::problem::Reply;

#[derive(Deserialize)]
pub(crate) struct NewKeyBody {
    name: Option<String>,
    /// `{"type": "USER" | "APPLICATION", "id"}`; the caller when missing.
    owner: Option<Subject>,
}

fn key_view(key: &Key) -> Value {
    json!({
        "id": key.id, "name": key.name, "owner": key.owner, "createdAt": key.created_at,
        "lastUsedAt": key.last_used_at,
    })
}

fn name(text: Option<&str>) -> Result<Name, Error> {
    Name::parse("name", text.ok_or_else(|| Error::invalid("name", "is missing"))?)
}

pub(crate) async fn keys(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Json<Value>> {
    Ok(Json(engine.keys(&caller).await?.iter().map(key_view).collect()))
}

pub(crate) async fn create_key(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<NewKeyBody>,
) -> Reply<(StatusCode, Json<Value>)> {
    let made = engine.create_key(&caller, body.owner, name(body.name.as_deref())?).await?;
    let mut view = key_view(&made.key);
    view["key"] = json!(made.secret.expose());
    view["prefix"] = json!(match made.key.owner {
        Subject::User(_) => "Bearer",
        Subject::Application(_) => "AppKey",
    });
    Ok((StatusCode::CREATED, Json(view)))
}

pub(crate) async fn delete_key(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<String>,
) -> Reply<StatusCode> {
    engine.delete_key(&caller, id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(crate) struct SubjectBody {
    name: Option<String>,
    email: Option<String>,
    role: Option<Role>,
}

fn user_view(user: &User) -> Value {
    json!({"id": user.id, "name": user.name, "email": user.email, "role": user.role, "createdAt": user.created_at})
}

pub(crate) async fn users(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Json<Value>> {
    Ok(Json(engine.users(&caller).await?.iter().map(user_view).collect()))
}

pub(crate) async fn create_user(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<SubjectBody>,
) -> Reply<(StatusCode, Json<Value>)> {
    let role = body.role.unwrap_or(Role::Member);
    let user = engine.create_user(&caller, name(body.name.as_deref())?, body.email, role).await?;
    Ok((StatusCode::CREATED, Json(user_view(&user))))
}

pub(crate) async fn delete_user(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<String>,
) -> Reply<StatusCode> {
    engine.delete_user(&caller, id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn application_view(application: &Application) -> Value {
    json!({"id": application.id, "name": application.name, "createdAt": application.created_at})
}

pub(crate) async fn applications(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Json<Value>> {
    Ok(Json(engine.applications(&caller).await?.iter().map(application_view).collect()))
}

pub(crate) async fn create_application(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<SubjectBody>,
) -> Reply<(StatusCode, Json<Value>)> {
    let application = engine.create_application(&caller, name(body.name.as_deref())?).await?;
    Ok((StatusCode::CREATED, Json(application_view(&application))))
}

pub(crate) async fn delete_application(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<String>,
) -> Reply<StatusCode> {
    engine.delete_application(&caller, id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(crate) struct GrantBody {
    subject: Subject,
    permissions: Vec<Permission>,
}

fn grant_view(grant: &Grant) -> Value {
    let pool = match grant.scope {
        Scope::Service => None,
        Scope::Pool(pool) => Some(pool),
    };
    json!({"subject": grant.subject, "poolId": pool, "permissions": grant.permissions})
}

pub(crate) async fn grants(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Json<Value>> {
    Ok(Json(engine.grants(&caller, None).await?.iter().map(grant_view).collect()))
}

pub(crate) async fn pool_grants(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
) -> Reply<Json<Value>> {
    Ok(Json(engine.grants(&caller, Some(pool.parse()?)).await?.iter().map(grant_view).collect()))
}

pub(crate) async fn set_pool_grant(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
    Body(body): Body<GrantBody>,
) -> Reply<Json<Value>> {
    let scope = Scope::Pool(pool.parse()?);
    let grant = Grant { subject: body.subject, scope, permissions: body.permissions.into_iter().collect() };
    engine.set_grant(&caller, &grant).await?;
    Ok(Json(grant_view(&grant)))
}

pub(crate) async fn set_service_grant(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<GrantBody>,
) -> Reply<Json<Value>> {
    let permissions = body.permissions.into_iter().collect();
    let grant = Grant { subject: body.subject, scope: Scope::Service, permissions };
    engine.set_grant(&caller, &grant).await?;
    Ok(Json(grant_view(&grant)))
}
