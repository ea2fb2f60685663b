//! What users have allowed clients, and the refresh tokens that descend from it: each is used once, and one that
//! comes again ends them all.

use std::collections::BTreeSet;

use forebay_core::id::{ConsentId, UserId};
use forebay_core::oauth::{ClientId, OauthScope};
use forebay_core::{Result, Timestamp};

use super::{Hash, client_id, scopes};
use crate::Store;
use crate::db::{self, Connection, Row};

/// What a user has allowed a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    pub id: ConsentId,
    pub client_id: ClientId,
    pub user_id: UserId,
    pub scopes: BTreeSet<OauthScope>,
    pub created_at: Timestamp,
}

/// A refresh token that is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct RefreshToken {
    pub hash: Hash,
    pub expires_at: Timestamp,
}

/// What became of a refresh token that was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It was good, and the new one has taken its place.
    Renewed(Consent),
    /// It was used before: the consent and all its tokens are ended now.
    Reused(Consent),
    /// Nobody knows it, it is somebody else's, or it is too old.
    Refused,
}

impl Store {
    /// Exchanges a refresh token of a client for a new one.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn refresh(
        &self,
        client: &ClientId,
        hash: &Hash,
        new: RefreshToken,
        now: Timestamp,
    ) -> Result<Refreshed> {
        self.transact(|transaction| {
            let row = db::query(
                "select oauth_consents.*, tokens.used_at, tokens.expires_at as ends
                 from oauth_refresh_tokens as tokens join oauth_consents on oauth_consents.id = tokens.consent_id
                 where tokens.hash = $1 and oauth_consents.client_id = $2",
            )
            .bind(hash.to_vec())
            .bind(client.as_str())
            .fetch_optional(transaction)
            .map_err(db::error)?;
            let Some(row) = row else { return Ok(Refreshed::Refused) };
            let consent = consent(&row)?;
            if db::optional_time(&row, "used_at")?.is_some() {
                delete(transaction, consent.id)?;
                return Ok(Refreshed::Reused(consent));
            }
            if db::time(&row, "ends")? <= now {
                return Ok(Refreshed::Refused);
            }
            db::query("update oauth_refresh_tokens set used_at = $2 where hash = $1")
                .bind(hash.to_vec())
                .bind(now.as_millis())
                .execute(transaction)
                .map_err(db::error)?;
            add_refresh_token(transaction, consent.id, new)?;
            Ok(Refreshed::Renewed(consent))
        })
        .await
    }

    /// The consent that a client's refresh token descends from.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn consent_of_refresh_token(&self, client: &ClientId, hash: &Hash) -> Result<Option<Consent>> {
        let row = db::query(
            "select oauth_consents.*
             from oauth_refresh_tokens as tokens join oauth_consents on oauth_consents.id = tokens.consent_id
             where tokens.hash = $1 and oauth_consents.client_id = $2",
        )
        .bind(hash.to_vec())
        .bind(client.as_str())
        .fetch_optional(&*self.read()?)
        .map_err(db::error)?;
        row.as_ref().map(consent).transpose()
    }

    /// What one user has allowed, or what all have, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn consents(&self, user: Option<UserId>) -> Result<Vec<Consent>> {
        let rows = db::query(
            "select * from oauth_consents where $1 is null or user_id = $1 order by created_at, id",
        )
        .bind(user.map(|user| user.to_string()))
        .fetch_all(&*self.read()?)
        .map_err(db::error)?;
        rows.iter().map(consent).collect()
    }

    /// Ends a consent and all its tokens. One that is not there is ended already.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn end_consent(&self, id: ConsentId) -> Result<()> {
        self.transact(|transaction| delete(transaction, id)).await
    }
}

/// Writes a consent with its first refresh token.
pub(super) fn insert(connection: &Connection, consent: &Consent, token: RefreshToken) -> Result<()> {
    db::query(
        "insert into oauth_consents (id, client_id, user_id, scopes, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(consent.id.to_string())
    .bind(consent.client_id.as_str())
    .bind(consent.user_id.to_string())
    .bind(db::to_json(&consent.scopes)?)
    .bind(consent.created_at.as_millis())
    .bind(token.expires_at.as_millis())
    .execute(connection)
    .map_err(db::error)?;
    add_refresh_token(connection, consent.id, token)
}

fn add_refresh_token(connection: &Connection, consent: ConsentId, token: RefreshToken) -> Result<()> {
    db::query("insert into oauth_refresh_tokens (hash, consent_id, expires_at) values ($1, $2, $3)")
        .bind(token.hash.to_vec())
        .bind(consent.to_string())
        .bind(token.expires_at.as_millis())
        .execute(connection)
        .map_err(db::error)?;
    db::query("update oauth_consents set expires_at = max(expires_at, $2) where id = $1")
        .bind(consent.to_string())
        .bind(token.expires_at.as_millis())
        .execute(connection)
        .map_err(db::error)?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, id: ConsentId) -> Result<()> {
    db::query("delete from oauth_consents where id = $1")
        .bind(id.to_string())
        .execute(connection)
        .map_err(db::error)?;
    Ok(())
}

fn consent(row: &Row) -> Result<Consent> {
    Ok(Consent {
        id: db::id(row, "id")?,
        client_id: client_id(row, "client_id")?,
        user_id: db::id(row, "user_id")?,
        scopes: scopes(row)?,
        created_at: db::time(row, "created_at")?,
    })
}
