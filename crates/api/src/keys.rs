//! Keys. A key's text is in the answer that makes it, and nowhere else.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::access::{Key, Subject};
use forebay_core::error::{Error, Result};
use forebay_core::id::KeyId;
use forebay_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Auth;
use super::body::Body;
use super::path::Path;
use super::pools::name;
use super::problem::Reply;

const TAG: &str = "Access";

/// A user or an application.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubjectTransport {
    #[serde(rename = "type")]
    kind: SubjectType,
    #[schema(format = Uuid)]
    id: String,
}

/// Whether somebody is a person or a program.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SubjectType {
    User,
    Application,
}

impl From<Subject> for SubjectTransport {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::User(id) => Self { kind: SubjectType::User, id: id.to_string() },
            Subject::Application(id) => Self { kind: SubjectType::Application, id: id.to_string() },
        }
    }
}

/// A user or an application that is meant.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SubjectRequest {
    #[serde(rename = "type")]
    kind: Option<SubjectType>,
    id: Option<String>,
}

impl SubjectRequest {
    /// `field` is where the request has it.
    pub(crate) fn into_subject(self, field: &str) -> Result<Subject> {
        let missing = |name: &str, reason: &str| Error::invalid(format!("{field}.{name}"), reason);
        let id = self.id.ok_or_else(|| missing("id", "is missing"))?;
        match self.kind {
            Some(SubjectType::User) => Ok(Subject::User(id.parse()?)),
            Some(SubjectType::Application) => Ok(Subject::Application(id.parse()?)),
            None => Err(missing("type", "is missing; it must be USER or APPLICATION")),
        }
    }
}

/// A key, without its text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyView {
    #[schema(value_type = Uuid)]
    id: KeyId,
    name: String,
    owner: SubjectTransport,
    #[schema(value_type = i64)]
    created_at: Timestamp,
    #[schema(value_type = Option<i64>)]
    last_used_at: Option<Timestamp>,
}

impl From<&Key> for KeyView {
    fn from(key: &Key) -> Self {
        Self {
            id: key.id,
            name: key.name.to_string(),
            owner: key.owner.into(),
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewKeyView {
    #[serde(flatten)]
    view: KeyView,
    /// The key itself, shown this once.
    key: String,
    /// What stands before it in the Authorization header: `Bearer` or `AppKey`.
    prefix: &'static str,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct KeyRequest {
    /// 1 to 100 characters.
    name: Option<String>,
    /// Whose key it is; the caller's when null. Only administrators make keys for others.
    owner: Option<SubjectRequest>,
}

/// The caller's keys; for an administrator, everybody's.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<KeyView>)))]
pub(crate) async fn keys(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Json<Vec<KeyView>>> {
    Ok(Json(engine.keys(&caller).await?.iter().map(KeyView::from).collect()))
}

/// Makes a key. Its text is shown this once.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = KeyRequest, responses((status = 201, body = NewKeyView))
)]
pub(crate) async fn create_key(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<KeyRequest>,
) -> Reply<(StatusCode, Json<NewKeyView>)> {
    let owner = body.owner.map(|owner| owner.into_subject("owner")).transpose()?;
    let made = engine.create_key(&caller, owner, name(body.name.as_deref())?).await?;
    let prefix = match made.key.owner {
        Subject::User(_) => "Bearer",
        Subject::Application(_) => "AppKey",
    };
    let view = NewKeyView { view: KeyView::from(&made.key), key: made.secret.expose().to_owned(), prefix };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Deletes a key of the caller, or as an administrator of anybody. It is refused from now on.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_key(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<KeyId>,
) -> Reply<StatusCode> {
    engine.delete_key(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
