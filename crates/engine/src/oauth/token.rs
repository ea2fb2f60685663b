//! The token endpoint: what a client hands in, and what it gets for it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::Timestamp;
use forebay_core::access::Subject;
use forebay_core::error::Error;
use forebay_core::id::{AccessTokenId, ConsentId, OauthSecretId, UserId};
use forebay_core::oauth::{ClientKind, OauthClient, OauthScope, parse_scopes, scopes_text};
use forebay_core::secret::Secret;
use forebay_store::{Consent, Exchanged, RefreshToken, Refreshed, TokenMarks};
use sha2::{Digest, Sha256};

use super::jwt::Claims;
use super::{ClientProof, OauthError, OauthResult, REFRESH_MILLIS, Visit};
use crate::Engine;
use crate::keys::hash;

/// What a client hands in for a token.
#[derive(Clone, Debug)]
pub enum TokenGrant {
    /// Nothing but itself.
    ClientCredentials {
        scope: Option<String>,
    },
    RefreshToken {
        token: Secret,
        scope: Option<String>,
    },
    /// The code that a browser has brought.
    Code {
        code: Secret,
        redirect_uri: Option<String>,
        verifier: Option<Secret>,
    },
    /// The code of a device for which a user has decided.
    DeviceCode {
        code: Secret,
    },
}

/// What it gets.
#[derive(Clone, Debug)]
pub struct TokenAnswer {
    pub access_token: Secret,
    pub expires_in_seconds: u64,
    pub scopes: BTreeSet<OauthScope>,
    pub refresh_token: Option<Secret>,
}

const CODE_REFUSED: &str =
    "the code is not known, was used already, or is for another client or redirect_uri";
const REFRESH_REFUSED: &str = "the refresh token is not known, was used already, or has ended; sign in again";

impl Engine {
    /// Answers a client that asks for a token.
    ///
    /// # Errors
    /// Those of RFC 6749 and RFC 8628.
    pub async fn oauth_token(
        &self,
        proof: &ClientProof,
        grant: TokenGrant,
        visit: &Visit,
    ) -> Result<TokenAnswer, OauthError> {
        let (client, secret) = self.prove(proof, visit).await?;
        match grant {
            TokenGrant::ClientCredentials { scope } => {
                let (ClientKind::Confidential(application), Some(secret)) = (client.kind, secret) else {
                    return Err(OauthError::UnauthorizedClient(
                        "this client has no secret and acts for users alone",
                    ));
                };
                let scopes = scopes_for(scope.as_deref(), &client.scopes)?;
                let subject = Subject::Application(application);
                self.answer(&client, subject, TokenMarks::Secret(secret), scopes, None, visit).await
            }
            TokenGrant::RefreshToken { token, scope } => self.refreshed(&client, &token, scope, visit).await,
            TokenGrant::Code { code, redirect_uri, verifier } => {
                self.code_exchanged(&client, &code, redirect_uri, verifier, visit).await
            }
            TokenGrant::DeviceCode { code } => self.device_answered(&client, &code, visit).await,
        }
    }

    async fn refreshed(
        &self,
        client: &OauthClient,
        token: &Secret,
        scope: Option<String>,
        visit: &Visit,
    ) -> OauthResult<TokenAnswer> {
        let hash = hash(token.expose());
        // A wrong scope costs no token.
        let before = self.store().consent_of_refresh_token(&client.id, &hash).await?;
        let before = before.ok_or(OauthError::InvalidGrant(REFRESH_REFUSED))?;
        let scopes = scopes_for(scope.as_deref(), &before.scopes)?;
        let (new, kept) = self.new_refresh_token();
        match self.store().refresh(&client.id, &hash, kept, self.now()).await? {
            Refreshed::Renewed(consent) => {
                let (subject, marks) = (Subject::User(consent.user_id), TokenMarks::Consent(consent.id));
                self.answer(client, subject, marks, scopes, Some(new), visit).await
            }
            Refreshed::Reused(consent) => {
                tracing::warn!(
                    client.id = %client.id, user.id = %consent.user_id, peer = ?visit.peer,
                    "a refresh token came a second time: all that descends from the same consent is ended"
                );
                Err(OauthError::InvalidGrant(REFRESH_REFUSED))
            }
            Refreshed::Refused => Err(OauthError::InvalidGrant(REFRESH_REFUSED)),
        }
    }

    async fn code_exchanged(
        &self,
        client: &OauthClient,
        code: &Secret,
        redirect_uri: Option<String>,
        verifier: Option<Secret>,
        visit: &Visit,
    ) -> OauthResult<TokenAnswer> {
        let hash = hash(code.expose());
        let kept = self.store().code(&hash).await?.ok_or(OauthError::InvalidGrant(CODE_REFUSED))?;
        let is_right = kept.client_id == client.id
            && kept.expires_at > self.now()
            && redirect_uri.as_deref() == Some(kept.redirect_uri.as_str())
            && verifier.is_some_and(|verifier| proves(verifier.expose(), &kept.code_challenge));
        let consent = self.new_consent(client, kept.user_id, kept.scopes.clone());
        let (new, token) = self.new_refresh_token();
        if !is_right
            || kept.consent_id.is_some()
            || self.store().exchange_code(&hash, &consent, token).await? == Exchanged::Before
        {
            // Whoever holds the code a second time, or without what proves it, has stolen it.
            self.store().end_code(&hash).await?;
            tracing::warn!(
                client.id = %client.id, user.id = %kept.user_id, peer = ?visit.peer,
                "a code was refused and is ended, with all that it was exchanged for"
            );
            return Err(OauthError::InvalidGrant(CODE_REFUSED));
        }
        self.answer_consent(client, &consent, new, visit).await
    }

    /// A consent that is to be kept.
    pub(super) fn new_consent(
        &self,
        client: &OauthClient,
        user: UserId,
        scopes: BTreeSet<OauthScope>,
    ) -> Consent {
        let (id, client_id) = (ConsentId::random(), client.id.clone());
        Consent { id, client_id, user_id: user, scopes, created_at: self.now() }
    }

    /// A refresh token, and what is kept of it.
    pub(super) fn new_refresh_token(&self) -> (Secret, RefreshToken) {
        let secret = random_secret();
        let expires_at = Timestamp::from_millis(self.now().as_millis() + REFRESH_MILLIS);
        let kept = RefreshToken { hash: hash(secret.expose()), expires_at };
        (secret, kept)
    }

    /// The tokens of a consent that was just given.
    pub(super) async fn answer_consent(
        &self,
        client: &OauthClient,
        consent: &Consent,
        refresh_token: Secret,
        visit: &Visit,
    ) -> OauthResult<TokenAnswer> {
        tracing::info!(
            client.id = %client.id, user.id = %consent.user_id, scopes = scopes_text(&consent.scopes),
            "a client acts for a user"
        );
        let (subject, marks) = (Subject::User(consent.user_id), TokenMarks::Consent(consent.id));
        self.answer(client, subject, marks, consent.scopes.clone(), Some(refresh_token), visit).await
    }

    async fn answer(
        &self,
        client: &OauthClient,
        subject: Subject,
        marks: TokenMarks,
        scopes: BTreeSet<OauthScope>,
        refresh_token: Option<Secret>,
        visit: &Visit,
    ) -> OauthResult<TokenAnswer> {
        let seconds = match client.access_token_seconds {
            Some(seconds) => u64::from(seconds),
            None => self.store().settings().await?.access_token_seconds(),
        };
        let generation = self.store().token_generation(&client.id).await?.ok_or(OauthError::InvalidClient)?;
        let now = self.now().as_millis() / 1000;
        let (secret, consent): (Option<OauthSecretId>, Option<ConsentId>) = match marks {
            TokenMarks::Secret(secret) => (Some(secret), None),
            TokenMarks::Consent(consent) => (None, Some(consent)),
        };
        let claims = Claims {
            iss: visit.base.clone(),
            sub: match subject {
                Subject::User(id) => id.to_string(),
                Subject::Application(id) => id.to_string(),
            },
            aud: Claims::audience(),
            client_id: client.id.clone(),
            scope: scopes_text(&scopes),
            iat: now,
            exp: now.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX)),
            jti: AccessTokenId::random(),
            secret,
            consent,
            generation,
        };
        let access_token = Secret::new(self.sign(&claims).await?);
        visit.trail.is_for(subject, client);
        Ok(TokenAnswer { access_token, expires_in_seconds: seconds, scopes, refresh_token })
    }
}

/// The scopes that a client gets: those it asks for, if it may have them all; without a wish, all it may have.
pub(super) fn scopes_for(
    wish: Option<&str>,
    most: &BTreeSet<OauthScope>,
) -> OauthResult<BTreeSet<OauthScope>> {
    let wish = parse_scopes(wish.unwrap_or_default()).map_err(|error| match error {
        Error::Invalid { reason, .. } => OauthError::InvalidScope(reason),
        other => OauthError::Failed(other),
    })?;
    if wish.is_empty() {
        return match most.is_empty() {
            true => Err(OauthError::InvalidScope("this client may have no scope at all".to_owned())),
            false => Ok(most.clone()),
        };
    }
    match wish.difference(most).next() {
        None => Ok(wish),
        Some(scope) => Err(OauthError::InvalidScope(format!(
            "`{scope}` may not be asked for here; what may is `{}`",
            scopes_text(most)
        ))),
    }
}

/// 256 random bits, in letters that need no encoding anywhere.
pub(crate) fn random_secret() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// Whether this is what the challenge is the digest of (RFC 7636, S256).
fn proves(verifier: &str, challenge: &str) -> bool {
    (43..=128).contains(&verifier.len())
        && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == challenge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_proves_its_own_challenge() {
        // The example of RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(proves(verifier, challenge));
        assert!(!proves(challenge, challenge));
        assert!(!proves("", challenge));
    }

    #[test]
    fn a_client_gets_what_it_asks_for_or_an_error() {
        let most = BTreeSet::from([OauthScope::Studio, OauthScope::DataPools]);
        let check = |wish: Option<&str>, expected: Option<&str>| {
            let found = scopes_for(wish, &most).ok().map(|scopes| scopes_text(&scopes));
            assert_eq!(found.as_deref(), expected, "{wish:?}");
        };
        check(None, Some("integration.data-pools studio"));
        check(Some(" "), Some("integration.data-pools studio"));
        check(Some("studio"), Some("studio"));
        check(Some("studio package-manager"), None);
        check(Some("nothing"), None);
        assert!(scopes_for(None, &BTreeSet::new()).is_err());
    }
}
