//! Whether an access token still counts, and what time has made useless.

use std::collections::BTreeSet;

use forebay_core::access::{Role, Subject};
use forebay_core::id::{AccessTokenId, ConsentId, OauthSecretId};
use forebay_core::name::Name;
use forebay_core::oauth::{ClientId, OauthScope};
use forebay_core::{Result, Timestamp};

use super::scopes;
use crate::Store;
use crate::db;

/// What a token was given for: as long as it is there, the token counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenMarks {
    /// A client acts by itself, and has proved itself by this secret.
    Secret(OauthSecretId),
    /// A user has allowed it.
    Consent(ConsentId),
}

/// Whom a token is good for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHolder {
    pub name: Name,
    pub role: Role,
    /// What the client's tokens can carry at most, now.
    pub scopes: BTreeSet<OauthScope>,
    /// Tokens of another generation do not count.
    pub generation: i64,
}

impl Store {
    /// Whom a token is good for; `None` when its subject, its client or what it was given for is gone, or when it
    /// was taken back.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn token_holder(
        &self,
        token: AccessTokenId,
        client: &ClientId,
        subject: Subject,
        marks: &TokenMarks,
    ) -> Result<Option<TokenHolder>> {
        let query = match (subject, marks) {
            (Subject::Application(application), TokenMarks::Secret(secret)) => db::query(
                "select applications.name, 'MEMBER' as role, clients.scopes, clients.token_generation
                 from oauth_clients as clients
                     join applications on applications.id = clients.application_id
                     join oauth_client_secrets as secrets on secrets.client_id = clients.id
                 where clients.id = $1 and applications.id = $2 and secrets.id = $3
                     and not exists (select 1 from oauth_revoked_tokens where id = $4)",
            )
            .bind(client.as_str())
            .bind(application.to_string())
            .bind(secret.to_string()),
            (Subject::User(user), TokenMarks::Consent(consent)) => db::query(
                "select users.name, users.role, clients.scopes, clients.token_generation
                 from oauth_consents as consents
                     join oauth_clients as clients on clients.id = consents.client_id
                     join users on users.id = consents.user_id
                 where clients.id = $1 and users.id = $2 and consents.id = $3
                     and not exists (select 1 from oauth_revoked_tokens where id = $4)",
            )
            .bind(client.as_str())
            .bind(user.to_string())
            .bind(consent.to_string()),
            (Subject::Application(_), TokenMarks::Consent(_)) | (Subject::User(_), TokenMarks::Secret(_)) => {
                return Ok(None);
            }
        };
        let row = query.bind(token.to_string()).fetch_optional(&*self.read()?).map_err(db::error)?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(TokenHolder {
            name: db::name(&row)?,
            role: db::word(&row, "role")?,
            scopes: scopes(&row)?,
            generation: db::get(&row, "token_generation")?,
        }))
    }

    /// The generation of the tokens that a client is given now; `None` when there is no such client.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn token_generation(&self, client: &ClientId) -> Result<Option<i64>> {
        let row = db::query("select token_generation from oauth_clients where id = $1")
            .bind(client.as_str())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        row.as_ref().map(|row| db::get(row, "token_generation")).transpose()
    }

    /// Takes an access token back; it is remembered until it would have ended.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn revoke_access_token(&self, token: AccessTokenId, expires_at: Timestamp) -> Result<()> {
        db::query("insert into oauth_revoked_tokens (id, expires_at) values ($1, $2) on conflict do nothing")
            .bind(token.to_string())
            .bind(expires_at.as_millis())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        Ok(())
    }

    /// Drops what has ended: codes, requests of devices, consents and their tokens. Gives how many rows went.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn drop_ended_oauth(&self, now: Timestamp) -> Result<u64> {
        // Not all at once, for everybody else who writes.
        const STEPS: [&str; 5] = [
            "delete from oauth_codes where hash in
                 (select hash from oauth_codes where expires_at <= $1 limit 500)",
            "delete from oauth_device_requests where hash in
                 (select hash from oauth_device_requests where expires_at <= $1 limit 500)",
            "delete from oauth_refresh_tokens where hash in
                 (select hash from oauth_refresh_tokens where expires_at <= $1 limit 500)",
            "delete from oauth_consents where id in
                 (select id from oauth_consents where expires_at <= $1 limit 500)",
            "delete from oauth_revoked_tokens where id in
                 (select id from oauth_revoked_tokens where expires_at <= $1 limit 500)",
        ];
        let mut dropped = 0;
        for sql in STEPS {
            let done =
                db::query(sql).bind(now.as_millis()).execute_on(self.write()).await.map_err(db::error)?;
            dropped += done.rows_affected();
        }
        Ok(dropped)
    }
}
