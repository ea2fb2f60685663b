//! The authorization code flow with PKCE: a client sends a browser here, a user allows what it asks for, and the
//! browser brings the client a code.

use std::collections::BTreeSet;

use forebay_core::Timestamp;
use forebay_core::name::Name;
use forebay_core::oauth::{OauthScope, RedirectUri};
use forebay_core::secret::Secret;
use forebay_store::Code;

use super::token::{random_secret, scopes_for};
use super::{OauthError, Visit};
use crate::Engine;
use crate::keys::hash;

/// How long a code holds, in milliseconds: a browser carries it at once.
const LIFETIME: i64 = 60_000;

/// What a client has sent a browser with, as it came.
#[derive(Clone, Debug, Default)]
pub struct AuthorizationRequest {
    pub response_type: Option<String>,
    pub client_id: Option<String>,
    pub redirect_uri: Option<String>,
    pub scope: Option<String>,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
}

/// What a user is asked to allow.
#[derive(Clone, Debug)]
pub struct Asked {
    pub client: Name,
    pub scopes: BTreeSet<OauthScope>,
    pub redirect_uri: RedirectUri,
}

/// Why nobody is asked.
#[derive(Debug)]
pub enum Refusal {
    /// Nobody knows where to send the browser, so the user is told.
    Told(OauthError),
    /// The client is told, by way of the browser.
    Sent(RedirectUri, OauthError),
}

impl Engine {
    /// What a client asks for.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn asked_by_client(&self, request: &AuthorizationRequest) -> Result<Asked, Refusal> {
        let told = |text: &str| Refusal::Told(OauthError::InvalidRequest(text.to_owned()));
        let id = request.client_id.as_deref().ok_or_else(|| told("client_id is missing"))?;
        let client = self.known_client(id).await.map_err(Refusal::Told)?;
        let client = client.ok_or(Refusal::Told(OauthError::InvalidRequest(format!(
            "there is no OAuth client `{}`",
            id.chars().take(100).collect::<String>()
        ))))?;
        let asked = request.redirect_uri.as_deref().ok_or_else(|| told("redirect_uri is missing"))?;
        let known = client.redirect_uris.iter().find(|known| known.as_str() == asked);
        let redirect_uri = known
            .cloned()
            .ok_or_else(|| told("redirect_uri is not one that the client was registered with"))?;
        let sent = |error: OauthError| Refusal::Sent(redirect_uri.clone(), error);
        if request.response_type.as_deref() != Some("code") {
            return Err(sent(OauthError::UnsupportedResponseType("response_type must be `code`")));
        }
        let challenge = request.code_challenge.as_deref().unwrap_or_default();
        let is_digest = challenge.len() == 43
            && challenge.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
        if request.code_challenge_method.as_deref() != Some("S256") || !is_digest {
            let text = "PKCE is needed: send code_challenge, 43 letters, and code_challenge_method=S256";
            return Err(sent(OauthError::InvalidRequest(text.to_owned())));
        }
        let scopes = scopes_for(request.scope.as_deref(), &client.scopes).map_err(sent)?;
        Ok(Asked { client: client.name, scopes, redirect_uri })
    }

    /// The code for a client that a user allows what it asks for, who signs in with a key.
    ///
    /// # Errors
    /// As [`Engine::asked_by_client`], and `NotSignedIn` or `Throttled`, which the user is told.
    pub async fn allow_client(
        &self,
        request: &AuthorizationRequest,
        key: &Secret,
        visit: &Visit,
    ) -> Result<(RedirectUri, Secret), Refusal> {
        let asked = self.asked_by_client(request).await?;
        let user = self.sign_in(key, visit).await.map_err(Refusal::Told)?;
        let failed = |error| Refusal::Told(OauthError::Failed(error));
        let code = random_secret();
        let kept = Code {
            client_id: request.client_id.as_deref().unwrap_or_default().parse().map_err(failed)?,
            user_id: user,
            scopes: asked.scopes,
            redirect_uri: asked.redirect_uri.as_str().to_owned(),
            code_challenge: request.code_challenge.clone().unwrap_or_default(),
            expires_at: Timestamp::from_millis(self.now().as_millis() + LIFETIME),
            consent_id: None,
        };
        self.store().add_code(&hash(code.expose()), &kept).await.map_err(failed)?;
        Ok((asked.redirect_uri, code))
    }
}
