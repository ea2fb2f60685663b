//! OAuth clients and their secrets.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::id::OauthSecretId;
use forebay_core::oauth::{ClientId, ClientKind, ClientSecret, OauthClient, OauthScope, RedirectUri};
use forebay_engine::{Engine, NewClient, NewClientSecret, OauthClientChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::body::Body;
use crate::path::Path;
use crate::pools::name;
use crate::problem::Reply;
use crate::settings::Wish;
use crate::words::OauthScopeName;

use super::TAG;

/// A program that asks for access tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OauthClientView {
    /// `client_id`. One that has a secret is an application with the same id, which grants are for.
    #[schema(value_type = String)]
    id: ClientId,
    name: String,
    /// Whether it proves itself by a secret and can act by itself; one without acts for users alone.
    has_secret: bool,
    /// What its tokens can carry at most.
    scopes: Vec<OauthScopeName>,
    /// Where a browser may be sent back to.
    redirect_uris: Vec<String>,
    /// How long its access tokens hold, in seconds. Null: as long as the server's setting says.
    access_token_seconds: Option<u32>,
    #[schema(value_type = i64)]
    created_at: Timestamp,
    secrets: Vec<ClientSecretView>,
}

/// A secret, without its text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientSecretView {
    #[schema(value_type = Uuid)]
    id: OauthSecretId,
    #[schema(value_type = i64)]
    created_at: Timestamp,
    #[schema(value_type = Option<i64>)]
    last_used_at: Option<Timestamp>,
}

impl From<&ClientSecret> for ClientSecretView {
    fn from(secret: &ClientSecret) -> Self {
        Self { id: secret.id, created_at: secret.created_at, last_used_at: secret.last_used_at }
    }
}

impl OauthClientView {
    fn new(client: &OauthClient, secrets: &[ClientSecret]) -> Self {
        Self {
            id: client.id.clone(),
            name: client.name.to_string(),
            has_secret: match client.kind {
                ClientKind::Confidential(_) => true,
                ClientKind::Public => false,
            },
            scopes: client.scopes.iter().copied().map(OauthScopeName::from).collect(),
            redirect_uris: client.redirect_uris.iter().map(ToString::to_string).collect(),
            access_token_seconds: client.access_token_seconds,
            created_at: client.created_at,
            secrets: secrets.iter().map(ClientSecretView::from).collect(),
        }
    }
}

/// A client that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewOauthClientView {
    #[serde(flatten)]
    view: OauthClientView,
    /// `client_secret`, shown this once. Null for a client that has none.
    client_secret: Option<String>,
}

/// A secret that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewClientSecretView {
    #[serde(flatten)]
    view: ClientSecretView,
    /// `client_secret`, shown this once.
    client_secret: String,
}

impl From<&NewClientSecret> for NewClientSecretView {
    fn from(made: &NewClientSecret) -> Self {
        let client_secret = made.secret.expose().to_owned();
        Self { view: ClientSecretView::from(&made.kept), client_secret }
    }
}

/// A client to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OauthClientRequest {
    /// 1 to 100 characters.
    name: Option<String>,
    /// Whether it can keep a secret; true when null.
    has_secret: Option<bool>,
    /// At least one.
    scopes: Option<Vec<OauthScopeName>>,
    /// At most 20; `https://`, or `http://` on this machine.
    redirect_uris: Option<Vec<String>>,
    /// From 1 to 2592000; as long as the server's setting says when null.
    access_token_seconds: Option<u32>,
}

/// What of a client is to change; what is null stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OauthClientChangeRequest {
    name: Option<String>,
    scopes: Option<Vec<OauthScopeName>>,
    redirect_uris: Option<Vec<String>>,
    /// Seconds, or `default`: as long as the server's setting says.
    access_token_seconds: Option<Wish>,
}

fn scopes(names: Vec<OauthScopeName>) -> BTreeSet<OauthScope> {
    names.into_iter().map(OauthScope::from).collect()
}

pub fn redirect_uris(texts: &[String]) -> Result<Vec<RedirectUri>> {
    let mut uris = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        uris.push(RedirectUri::parse(&format!("redirectUris[{place}]"), text)?);
    }
    Ok(uris)
}

/// The OAuth clients.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<OauthClientView>)))]
pub(crate) async fn oauth_clients(
    State(engine): State<Engine>,
    Auth(caller): Auth,
) -> Reply<Json<Vec<OauthClientView>>> {
    let clients = engine.oauth_clients(&caller).await?;
    Ok(Json(clients.iter().map(|(client, secrets)| OauthClientView::new(client, secrets)).collect()))
}

/// One OAuth client.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = OauthClientView)))]
pub(crate) async fn oauth_client(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ClientId>,
) -> Reply<Json<OauthClientView>> {
    let (client, secrets) = engine.oauth_client(&caller, &id).await?;
    Ok(Json(OauthClientView::new(&client, &secrets)))
}

/// Makes an OAuth client. Its secret is shown this once.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = OauthClientRequest,
    responses((status = 201, body = NewOauthClientView))
)]
pub(crate) async fn create_oauth_client(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<OauthClientRequest>,
) -> Reply<(StatusCode, Json<NewOauthClientView>)> {
    let new = NewClient {
        name: name(body.name.as_deref())?,
        has_secret: body.has_secret.unwrap_or(true),
        scopes: scopes(body.scopes.ok_or_else(|| Error::invalid("scopes", "is missing"))?),
        redirect_uris: redirect_uris(&body.redirect_uris.unwrap_or_default())?,
        access_token_seconds: body.access_token_seconds,
    };
    let (client, made) = engine.create_oauth_client(&caller, new).await?;
    let secrets: Vec<ClientSecret> = made.iter().map(|made| made.kept.clone()).collect();
    let view = NewOauthClientView {
        view: OauthClientView::new(&client, &secrets),
        client_secret: made.map(|made| made.secret.expose().to_owned()),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Changes an OAuth client. A scope that it loses does not count any more, in tokens that are there neither.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = OauthClientChangeRequest,
    responses((status = 200, body = OauthClientView))
)]
pub(crate) async fn update_oauth_client(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ClientId>,
    Body(body): Body<OauthClientChangeRequest>,
) -> Reply<Json<OauthClientView>> {
    let seconds = |wish: Wish| match wish {
        Wish::Default => Ok(None),
        // What is out of bounds for the type is so for the rule.
        Wish::Value(value) => Ok::<_, Error>(Some(u32::try_from(value).unwrap_or(u32::MAX))),
    };
    let change = OauthClientChange {
        name: body.name.as_deref().map(|text| name(Some(text))).transpose()?,
        scopes: body.scopes.map(scopes),
        redirect_uris: body.redirect_uris.map(|texts| redirect_uris(&texts)).transpose()?,
        access_token_seconds: body.access_token_seconds.map(seconds).transpose()?,
    };
    engine.update_oauth_client(&caller, &id, change).await?;
    let (client, secrets) = engine.oauth_client(&caller, &id).await?;
    Ok(Json(OauthClientView::new(&client, &secrets)))
}

/// Deletes an OAuth client with its secrets and grants. Its tokens are refused from now on.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_oauth_client(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ClientId>,
) -> Reply<StatusCode> {
    engine.delete_oauth_client(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all tokens that an OAuth client has got, and what users have allowed it.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 204, description = "Ended.")))]
pub(crate) async fn end_tokens_of_client(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ClientId>,
) -> Reply<StatusCode> {
    engine.end_tokens_of_client(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a secret beside the one there is; two are good at a time. Its text is shown this once.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 201, body = NewClientSecretView)))]
pub(crate) async fn create_client_secret(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ClientId>,
) -> Reply<(StatusCode, Json<NewClientSecretView>)> {
    let made = engine.create_client_secret(&caller, &id).await?;
    Ok((StatusCode::CREATED, Json(NewClientSecretView::from(&made))))
}

/// Deletes a secret of an OAuth client. It is refused from now on, and so are the tokens it was exchanged for.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_client_secret(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((client, id)): Path<(ClientId, OauthSecretId)>,
) -> Reply<StatusCode> {
    engine.delete_client_secret(&caller, &client, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
