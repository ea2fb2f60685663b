//! OAuth: who gets a token, what it is good for, and everything that ends one.

mod endings;
mod flows;
mod keys;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::access::{Caller, Grant, Permission, Scope, Subject};
use forebay_core::error::Result;
use forebay_core::id::ApplicationId;
use forebay_core::oauth::{ClientId, OauthClient, OauthScope, RedirectUri, parse_scopes};
use forebay_core::secret::Secret;
use sha2::{Digest, Sha256};

use super::house::{House, name};
use crate::{
    AuthorizationRequest, ClientProof, NewClient, OauthError, TokenAnswer, TokenGrant, Trail, Visit,
};

const HOME: &str = "https://app.example.org/back";
/// 43 letters, as RFC 7636 wants at least.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(super) fn visit() -> Visit {
    let peer = Some("192.0.2.1".parse().unwrap());
    Visit { base: "https://forebay.example.org".to_owned(), peer, trail: Trail::default() }
}

pub(super) fn proof(client: &ClientId, secret: Option<&Secret>) -> ClientProof {
    ClientProof { readings: vec![(client.to_string(), secret.cloned())] }
}

/// A client that acts by itself, with its secret and the permissions it has on the house's pool.
pub(super) async fn program(
    house: &House,
    scopes: &str,
    permissions: &[Permission],
) -> (OauthClient, Secret) {
    let (client, made) = house.engine.create_oauth_client(&house.admin, new(scopes, true)).await.unwrap();
    let permissions: BTreeSet<Permission> = permissions.iter().copied().collect();
    if !permissions.is_empty() {
        let subject = Subject::Application(client.id.as_str().parse::<ApplicationId>().unwrap());
        let grant = Grant { grantee: subject.into(), scope: Scope::Pool(house.pool), permissions };
        house.engine.set_grant(&house.admin, &grant).await.unwrap();
    }
    (client, made.unwrap().secret)
}

pub(super) fn new(scopes: &str, has_secret: bool) -> NewClient {
    NewClient {
        name: name("Program"),
        has_secret,
        scopes: parse_scopes(scopes).unwrap(),
        redirect_uris: vec![RedirectUri::parse("redirectUris", HOME).unwrap()],
        access_token_seconds: None,
    }
}

pub(super) async fn credentials(
    house: &House,
    client: &OauthClient,
    secret: &Secret,
    scope: Option<&str>,
) -> std::result::Result<TokenAnswer, OauthError> {
    let grant = TokenGrant::ClientCredentials { scope: scope.map(str::to_owned) };
    house.engine.oauth_token(&proof(&client.id, Some(secret)), grant, &visit()).await
}

pub(super) async fn caller(house: &House, answer: &TokenAnswer) -> Result<Caller> {
    house.engine.caller_by_bearer(answer.access_token.expose()).await
}

/// A key of a user.
pub(super) async fn key_of(house: &House, user: &Caller) -> Secret {
    house.engine.create_key(&house.admin, Some(user.subject), name("k")).await.unwrap().secret
}

pub(super) fn asking(client: &OauthClient, scope: &str) -> AuthorizationRequest {
    AuthorizationRequest {
        response_type: Some("code".to_owned()),
        client_id: Some(client.id.to_string()),
        redirect_uri: Some(HOME.to_owned()),
        scope: Some(scope.to_owned()),
        code_challenge: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))),
        code_challenge_method: Some("S256".to_owned()),
    }
}

pub(super) fn code_grant(code: &Secret) -> TokenGrant {
    TokenGrant::Code {
        code: code.clone(),
        redirect_uri: Some(HOME.to_owned()),
        verifier: Some(Secret::new(VERIFIER)),
    }
}

/// What a user allows a client without a secret, by way of a code.
pub(super) async fn allowed(house: &House, user: &Caller, scope: &str) -> (OauthClient, TokenAnswer) {
    let (client, _) = house.engine.create_oauth_client(&house.admin, new(scope, false)).await.unwrap();
    let key = key_of(house, user).await;
    let (_, code) = house.engine.allow_client(&asking(&client, scope), &key, &visit()).await.unwrap();
    let answer =
        house.engine.oauth_token(&proof(&client.id, None), code_grant(&code), &visit()).await.unwrap();
    (client, answer)
}

pub(super) async fn refreshed(
    house: &House,
    client: &OauthClient,
    token: &Secret,
    scope: Option<&str>,
) -> std::result::Result<TokenAnswer, OauthError> {
    let grant = TokenGrant::RefreshToken { token: token.clone(), scope: scope.map(str::to_owned) };
    house.engine.oauth_token(&proof(&client.id, None), grant, &visit()).await
}

/// The error's name on the wire.
#[track_caller]
pub(super) fn code_of<T: std::fmt::Debug>(result: std::result::Result<T, OauthError>) -> &'static str {
    result.unwrap_err().code()
}

pub(super) const fn all() -> [OauthScope; 11] {
    OauthScope::ALL
}
