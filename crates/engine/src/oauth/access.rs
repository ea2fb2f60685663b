//! Who comes with an access token: its subject, with the rights that this one has now and no more of them than the
//! token's scopes let through. Everything that can end a token is looked up at each request, so it ends at once.

use forebay_core::access::{Caller, Subject};
use forebay_core::error::{Error, Result};
use forebay_core::oauth::{Authority, parse_scopes};
use forebay_store::{KeyKind, TokenMarks};

use super::jwt::Claims;
use crate::Engine;

impl Engine {
    /// Whose key or access token this is that came after `Bearer`.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn caller_by_bearer(&self, text: &str) -> Result<Caller> {
        // The letters of keys have no dot, and a token has two.
        match text.contains('.') {
            true => self.caller_by_token(text).await,
            false => self.caller_by_key(text, KeyKind::User).await,
        }
    }

    async fn caller_by_token(&self, token: &str) -> Result<Caller> {
        let claims = self.signed_claims(token).await?.ok_or(Error::Unauthenticated)?;
        if claims.exp.saturating_mul(1000) <= self.now().as_millis() {
            return Err(Error::Unauthenticated);
        }
        let (subject, marks) = subject(&claims).ok_or(Error::Unauthenticated)?;
        let holder = self.store().token_holder(claims.jti, &claims.client_id, subject, &marks).await?;
        let holder = holder.ok_or(Error::Unauthenticated)?;
        if holder.generation != claims.generation {
            return Err(Error::Unauthenticated);
        }
        // A scope that the client has lost since does not count any more; nor does one that was renamed.
        let scopes = parse_scopes(&claims.scope).map_err(|_| Error::Unauthenticated)?;
        let scopes = scopes.intersection(&holder.scopes).copied().collect();
        let (name, role, authority) = (holder.name, holder.role, Authority::Scoped(scopes));
        Ok(Caller { subject, name, role, authority, client: Some(claims.client_id) })
    }
}

/// Whom a token is for, and what it was given for.
pub(super) fn subject(claims: &Claims) -> Option<(Subject, TokenMarks)> {
    match (claims.secret, claims.consent) {
        (Some(secret), None) => {
            Some((Subject::Application(claims.sub.parse().ok()?), TokenMarks::Secret(secret)))
        }
        (None, Some(consent)) => {
            Some((Subject::User(claims.sub.parse().ok()?), TokenMarks::Consent(consent)))
        }
        (Some(_), Some(_)) | (None, None) => None,
    }
}
