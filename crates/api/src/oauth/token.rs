//! The endpoints that clients call by themselves: tokens, taking one back, and the beginning of a device's login.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forebay_core::oauth::scopes_text;
use forebay_core::secret::Secret;
use forebay_engine::{Engine, OauthError, TokenGrant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TAG;
use super::form::{BasicCredentials, OauthForm, filled, filled_secret};
use super::problem::{OauthErrorView, OauthProblem, unkept};
use super::visit::Visitor;

/// A form; which fields it needs depends on `grant_type`.
#[derive(Deserialize, ToSchema)]
pub(crate) struct TokenForm {
    /// `client_credentials`, `refresh_token`, `authorization_code` or
    /// `urn:ietf:params:oauth:grant-type:device_code`.
    grant_type: Option<String>,
    /// Names with spaces between; everything that may be asked for when missing.
    scope: Option<String>,
    /// Unless the header has it (HTTP Basic).
    client_id: Option<String>,
    #[schema(value_type = Option<String>)]
    client_secret: Option<Secret>,
    #[schema(value_type = Option<String>)]
    refresh_token: Option<Secret>,
    #[schema(value_type = Option<String>)]
    code: Option<Secret>,
    redirect_uri: Option<String>,
    #[schema(value_type = Option<String>)]
    code_verifier: Option<Secret>,
    #[schema(value_type = Option<String>)]
    device_code: Option<Secret>,
}

/// A token.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenView {
    /// For `Authorization: Bearer`.
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// What it is good for.
    scope: String,
    /// For the next one, where a user has allowed it; each is used once.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Gives a client a token.
#[utoipa::path(
    post, path = "", tag = TAG,
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = TokenView),
        (status = 400, description = "No token, for this reason.", body = OauthErrorView),
        (status = 401, description = "The client is not known, or its secret is wrong.", body = OauthErrorView),
        (status = 429, description = "Too many wrong attempts; Retry-After says how long to wait.", body = OauthErrorView),
    )
)]
pub(crate) async fn oauth_token(
    State(engine): State<Engine>,
    Visitor(visit): Visitor,
    credentials: BasicCredentials,
    OauthForm(form): OauthForm<TokenForm>,
) -> Result<Response, OauthProblem> {
    let proof = credentials.proof(form.client_id, form.client_secret)?;
    let scope = filled(form.scope);
    let needed = |field: Option<Secret>, name: &str| {
        filled_secret(field).ok_or_else(|| OauthError::InvalidRequest(format!("{name} is missing")))
    };
    let grant = match filled(form.grant_type).as_deref() {
        Some("client_credentials") => TokenGrant::ClientCredentials { scope },
        Some("refresh_token") => {
            TokenGrant::RefreshToken { token: needed(form.refresh_token, "refresh_token")?, scope }
        }
        Some("authorization_code") => TokenGrant::Code {
            code: needed(form.code, "code")?,
            redirect_uri: filled(form.redirect_uri),
            verifier: filled_secret(form.code_verifier),
        },
        Some("urn:ietf:params:oauth:grant-type:device_code") => {
            TokenGrant::DeviceCode { code: needed(form.device_code, "device_code")? }
        }
        Some(other) => {
            let text =
                format!("`{}` is no grant type of this server", other.chars().take(100).collect::<String>());
            return Err(OauthError::UnsupportedGrantType(text).into());
        }
        None => return Err(OauthError::InvalidRequest("grant_type is missing".to_owned()).into()),
    };
    let answer = engine.oauth_token(&proof, grant, &visit).await?;
    let view = TokenView {
        access_token: answer.access_token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: answer.expires_in_seconds,
        scope: scopes_text(&answer.scopes),
        refresh_token: answer.refresh_token.map(|token| token.expose().to_owned()),
    };
    Ok(unkept(Json(view).into_response()))
}

/// A token to be taken back.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RevocationForm {
    /// An access token, or a refresh token, which takes all with it that a user has allowed by the same consent.
    #[schema(value_type = Option<String>)]
    token: Option<Secret>,
    client_id: Option<String>,
    #[schema(value_type = Option<String>)]
    client_secret: Option<Secret>,
}

/// Takes a client's token back. It is refused from now on.
#[utoipa::path(
    post, path = "", tag = TAG,
    request_body(content = RevocationForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is not good, or never was."),
        (status = 400, description = "Nothing was taken back, for this reason.", body = OauthErrorView),
        (status = 401, description = "The client is not known, or its secret is wrong.", body = OauthErrorView),
        (status = 429, description = "Too many wrong attempts; Retry-After says how long to wait.", body = OauthErrorView),
    )
)]
pub(crate) async fn revoke_oauth_token(
    State(engine): State<Engine>,
    Visitor(visit): Visitor,
    credentials: BasicCredentials,
    OauthForm(form): OauthForm<RevocationForm>,
) -> Result<Response, OauthProblem> {
    let proof = credentials.proof(form.client_id, form.client_secret)?;
    let token = filled_secret(form.token);
    let token = token.ok_or_else(|| OauthError::InvalidRequest("token is missing".to_owned()))?;
    engine.revoke_oauth_token(&proof, &token, &visit).await?;
    Ok(unkept(StatusCode::OK.into_response()))
}

/// What a device asks for.
#[derive(Deserialize, ToSchema)]
pub(crate) struct DeviceForm {
    client_id: Option<String>,
    /// Names with spaces between; everything that may be asked for when missing.
    scope: Option<String>,
}

/// What a device shows, and what it waits with.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceView {
    device_code: String,
    /// What the user types into the page.
    user_code: String,
    verification_uri: String,
    /// The page with the code in it already.
    verification_uri_complete: String,
    /// Seconds.
    expires_in: u32,
    /// The pause between two questions, in seconds.
    interval: u32,
}

/// Begins the login of a device: a program without a browser.
#[utoipa::path(
    post, path = "", tag = TAG,
    request_body(content = DeviceForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = DeviceView),
        (status = 400, description = "No code, for this reason.", body = OauthErrorView),
        (status = 401, description = "The client is not known.", body = OauthErrorView),
        (status = 429, description = "Too many wrong attempts; Retry-After says how long to wait.", body = OauthErrorView),
    )
)]
pub(crate) async fn begin_device_login(
    State(engine): State<Engine>,
    Visitor(visit): Visitor,
    credentials: BasicCredentials,
    OauthForm(form): OauthForm<DeviceForm>,
) -> Result<Response, OauthProblem> {
    let proof = credentials.proof(form.client_id, None)?;
    let answer = engine.begin_device_login(&proof, form.scope.as_deref(), &visit).await?;
    let verification_uri = format!("{}/device", visit.base);
    let view = DeviceView {
        device_code: answer.device_code.expose().to_owned(),
        verification_uri_complete: format!("{verification_uri}?code={}", answer.user_code),
        user_code: answer.user_code,
        verification_uri,
        expires_in: answer.expires_in_seconds,
        interval: answer.interval_seconds,
    };
    Ok(unkept(Json(view).into_response()))
}
