//! Taking back: a client its own tokens (RFC 7009), a user what they have allowed.

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Role, Subject};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::ConsentId;
use forebay_core::oauth::Action;
use forebay_core::secret::Secret;
use forebay_store::Consent;

use super::access::subject;
use super::{ClientProof, OauthError, Visit};
use crate::Engine;
use crate::keys::hash;

impl Engine {
    /// Takes back a token of a client. A refresh token ends with all that descends from the same consent. One that
    /// is not known is as good as taken back.
    ///
    /// # Errors
    /// `InvalidClient`, `Throttled`.
    pub async fn revoke_oauth_token(
        &self,
        proof: &ClientProof,
        token: &Secret,
        visit: &Visit,
    ) -> std::result::Result<(), OauthError> {
        let (client, _) = self.prove(proof, visit).await?;
        if let Some(claims) = self.signed_claims(token.expose()).await? {
            if claims.client_id == client.id {
                let ends = Timestamp::from_millis(claims.exp.saturating_mul(1000));
                self.store().revoke_access_token(claims.jti, ends).await?;
                if let Some((subject, _)) = subject(&claims) {
                    visit.trail.is_for(subject, &client);
                }
            }
            return Ok(());
        }
        let consent = self.store().consent_of_refresh_token(&client.id, &hash(token.expose())).await?;
        if let Some(consent) = consent {
            visit.trail.is_for(Subject::User(consent.user_id), &client);
            self.store().end_consent(consent.id).await?;
        }
        Ok(())
    }

    /// What the caller has allowed clients; for an administrator, what everybody has.
    ///
    /// # Errors
    /// `Forbidden` for an access token.
    pub async fn consents(&self, caller: &Caller) -> Result<Vec<Consent>> {
        Self::lets(caller, Action::Administer)?;
        match (caller.role, caller.subject) {
            (Role::Admin, _) => self.store().consents(None).await,
            (Role::Member, Subject::User(user)) => self.store().consents(Some(user)).await,
            (Role::Member, Subject::Application(_)) => Ok(Vec::new()),
        }
    }

    /// Takes back what was allowed: its tokens are refused from now on.
    ///
    /// # Errors
    /// `Forbidden` for an access token; `NotFound`, also for what others have allowed.
    pub async fn end_consent(&self, caller: &Caller, id: ConsentId) -> Result<()> {
        if !self.consents(caller).await?.iter().any(|consent| consent.id == id) {
            return Err(Error::not_found(Kind::OauthConsent, id));
        }
        self.store().end_consent(id).await?;
        tracing::info!(consent.id = %id, ended_by = %caller.name, "a consent was taken back");
        Ok(())
    }
}
