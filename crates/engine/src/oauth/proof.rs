//! Which client is asking, and how it proves it; and which user.

use forebay_core::access::Subject;
use forebay_core::error::Error;
use forebay_core::id::{OauthSecretId, UserId};
use forebay_core::oauth::{ClientId, ClientKind, OauthClient};
use forebay_core::secret::Secret;
use forebay_store::KeyKind;

use super::throttle::Tried;
use super::{OauthError, OauthResult, Visit};
use crate::Engine;
use crate::keys::hash;

/// What a client calls itself, and its secret if it sent one.
#[derive(Clone, Debug)]
pub struct ClientProof {
    /// Some clients encode both in the header and some do not, so there can be two readings of the same letters.
    /// The first that is right counts.
    pub readings: Vec<(String, Option<Secret>)>,
}

impl Engine {
    /// The client that is asking, and the secret by which it has proved itself.
    pub(super) async fn prove(
        &self,
        proof: &ClientProof,
        visit: &Visit,
    ) -> OauthResult<(OauthClient, Option<OauthSecretId>)> {
        let (mut tried, mut claimed) = (Tried::Client, None);
        for (id, secret) in &proof.readings {
            let Some(client) = self.known_client(id).await? else { continue };
            tried = Tried::Secret(client.id.to_string());
            let throttle = &self.0.oauth.throttle;
            throttle.check(visit.peer, &tried, self.now())?;
            let secret = secret.as_ref().filter(|secret| !secret.expose().is_empty());
            match (client.kind, secret) {
                (ClientKind::Public, None) => return Ok((client, None)),
                (ClientKind::Confidential(application), Some(secret)) => {
                    let subject = Subject::Application(application);
                    claimed = Some(subject);
                    let hash = hash(secret.expose());
                    let found = self.store().client_secret_by_hash(&client.id, &hash, self.now()).await?;
                    if found.is_some() {
                        visit.trail.is_for(subject, &client);
                        return Ok((client, found));
                    }
                }
                (ClientKind::Public, Some(_)) | (ClientKind::Confidential(_), None) => {}
            }
        }
        self.0.oauth.throttle.check(visit.peer, &tried, self.now())?;
        visit.trail.fails_to_sign_in(claimed);
        self.0.oauth.throttle.wrong(visit.peer, tried, self.now());
        tracing::warn!(peer = ?visit.peer, "an OAuth client could not prove itself");
        Err(OauthError::InvalidClient)
    }

    /// The client with this id, if there is one.
    pub(super) async fn known_client(&self, id: &str) -> OauthResult<Option<OauthClient>> {
        let Ok(id) = id.parse::<ClientId>() else { return Ok(None) };
        match self.store().oauth_client(&id).await {
            Ok(client) => Ok(Some(client)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The user whose key somebody has typed into a page.
    pub(crate) async fn sign_in(&self, key: &Secret, visit: &Visit) -> OauthResult<UserId> {
        let (throttle, now) = (&self.0.oauth.throttle, self.now());
        throttle.check(visit.peer, &Tried::Key, now)?;
        match self.caller_by_key(key.expose().trim(), KeyKind::User).await {
            Ok(caller) => match caller.subject {
                Subject::User(user) => {
                    visit.trail.comes_from(&caller);
                    Ok(user)
                }
                Subject::Application(_) => Err(OauthError::NotSignedIn),
            },
            Err(Error::Unauthenticated) => {
                throttle.wrong(visit.peer, Tried::Key, now);
                visit.trail.fails_to_sign_in(None);
                tracing::warn!(peer = ?visit.peer, "a sign-in with a wrong key was refused");
                Err(OauthError::NotSignedIn)
            }
            Err(error) => Err(error.into()),
        }
    }
}
