//! What clients read first: where the endpoints are, and by which keys tokens are verified.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::oauth::OauthScope;
use forebay_engine::Engine;
use serde::Serialize;
use utoipa::ToSchema;

use super::TAG;
use super::visit::Visitor;
use crate::problem::Problem;

/// Where the endpoints are and what they can do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    device_authorization_endpoint: String,
    revocation_endpoint: String,
    jwks_uri: String,
    scopes_supported: Vec<&'static str>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 4],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    code_challenge_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
}

/// Where OAuth clients find what they need.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Discovery)))]
pub(crate) async fn openid_configuration(Visitor(visit): Visitor) -> impl IntoResponse {
    const METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];
    let at = |path: &str| format!("{}{path}", visit.base);
    let document = Discovery {
        authorization_endpoint: at("/oauth2/authorize"),
        token_endpoint: at("/oauth2/token"),
        device_authorization_endpoint: at("/oauth2/device_authorization"),
        revocation_endpoint: at("/oauth2/revoke"),
        jwks_uri: at("/oauth2/jwks"),
        issuer: visit.base,
        scopes_supported: OauthScope::ALL.map(OauthScope::as_str).to_vec(),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: [
            "client_credentials",
            "refresh_token",
            "authorization_code",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["ES256"],
        token_endpoint_auth_methods_supported: METHODS,
        revocation_endpoint_auth_methods_supported: METHODS,
        code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: true,
    };
    // It says what the request was sent to, so it is for this one alone.
    ([(header::CACHE_CONTROL, "no-cache"), (header::VARY, "host")], Json(document))
}

/// One public key (RFC 7517).
#[derive(Serialize, ToSchema)]
pub(crate) struct Jwk {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    alg: &'static str,
    kid: String,
    x: String,
    y: String,
}

/// The public keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct JwkSet {
    keys: Vec<Jwk>,
}

/// The keys by which others can verify access tokens.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = JwkSet)))]
pub(crate) async fn jwks(State(engine): State<Engine>) -> Result<impl IntoResponse, Problem> {
    let mut keys = Vec::new();
    for key in engine.public_signing_keys().await? {
        keys.push(Jwk {
            kty: "EC",
            crv: "P-256",
            purpose: "sig",
            alg: "ES256",
            kid: key.id.to_string(),
            x: URL_SAFE_NO_PAD.encode(key.x),
            y: URL_SAFE_NO_PAD.encode(key.y),
        });
    }
    // A new key is here for an hour before it signs.
    Ok(([(header::CACHE_CONTROL, "public, max-age=900")], Json(JwkSet { keys })))
}
