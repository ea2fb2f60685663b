//! What waits to be exchanged for tokens: codes that a browser carries to a client, and devices that wait for a
//! browser. Each is exchanged once.

use std::collections::BTreeSet;

use forebay_core::id::{ConsentId, UserId};
use forebay_core::oauth::{ClientId, OauthScope};
use forebay_core::{Error, Result, Timestamp};

use super::consents::{self, Consent, RefreshToken};
use super::{Hash, client_id, scopes};
use crate::db::{self, Row};
use crate::{Connection, Store};

/// A code that a browser carries to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub client_id: ClientId,
    pub user_id: UserId,
    pub scopes: BTreeSet<OauthScope>,
    /// As the client named it.
    pub redirect_uri: String,
    /// The digest of what the client will prove itself with, as the client wrote it.
    pub code_challenge: String,
    pub expires_at: Timestamp,
    /// What it was exchanged for, once it was.
    pub consent_id: Option<ConsentId>,
}

/// How a request of a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceState {
    Pending,
    Allowed(UserId),
    Denied,
}

/// A device that waits for somebody to type its code into a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRequest {
    pub user_code: String,
    pub client_id: ClientId,
    pub scopes: BTreeSet<OauthScope>,
    pub state: DeviceState,
    /// The pause that the device must make between two questions.
    pub interval_seconds: u32,
    /// When it asked last.
    pub asked_at: Option<Timestamp>,
    pub expires_at: Timestamp,
}

/// Whether something was there to be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchanged {
    Now,
    /// Somebody was faster.
    Before,
}

impl Store {
    /// # Errors
    /// `Conflict` when the client or the user has just been deleted.
    pub async fn add_code(&self, hash: &Hash, code: &Code) -> Result<()> {
        db::query(
            "insert into oauth_codes (hash, client_id, user_id, scopes, redirect_uri, code_challenge, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(hash.to_vec())
        .bind(code.client_id.as_str())
        .bind(code.user_id.to_string())
        .bind(db::to_json(&code.scopes)?)
        .bind(code.redirect_uri.as_str())
        .bind(code.code_challenge.as_str())
        .bind(code.expires_at.as_millis())
        .execute_on(self.write())
        .await
        .map_err(db::error)?;
        Ok(())
    }

    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn code(&self, hash: &Hash) -> Result<Option<Code>> {
        let row = db::query("select * from oauth_codes where hash = $1")
            .bind(hash.to_vec())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        row.as_ref().map(code).transpose()
    }

    /// Exchanges a code for a consent with its first refresh token. The code is kept to its end, so that a second
    /// use is noticed.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn exchange_code(
        &self,
        hash: &Hash,
        consent: &Consent,
        token: RefreshToken,
    ) -> Result<Exchanged> {
        self.transact(|transaction| {
            let done =
                db::query("update oauth_codes set consent_id = $2 where hash = $1 and consent_id is null")
                    .bind(hash.to_vec())
                    .bind(consent.id.to_string())
                    .execute(transaction)
                    .map_err(db::error)?;
            exchanged(transaction, done.rows_affected(), consent, token)
        })
        .await
    }

    /// Throws a code away, with what it was exchanged for.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn end_code(&self, hash: &Hash) -> Result<()> {
        self.transact(|transaction| {
            let row = db::query("delete from oauth_codes where hash = $1 returning consent_id")
                .bind(hash.to_vec())
                .fetch_optional(transaction)
                .map_err(db::error)?;
            if let Some(row) = row
                && let Some(consent) = db::optional_id(&row, "consent_id")?
            {
                consents::delete(transaction, consent)?;
            }
            Ok(())
        })
        .await
    }

    /// # Errors
    /// `Conflict` when the code that people type is taken.
    pub async fn add_device_request(&self, hash: &Hash, request: &DeviceRequest) -> Result<()> {
        db::query(
            "insert into oauth_device_requests (hash, user_code, client_id, scopes, state, interval_seconds, expires_at)
             values ($1, $2, $3, $4, 'PENDING', $5, $6)",
        )
        .bind(hash.to_vec())
        .bind(request.user_code.as_str())
        .bind(request.client_id.as_str())
        .bind(db::to_json(&request.scopes)?)
        .bind(request.interval_seconds)
        .bind(request.expires_at.as_millis())
        .execute_on(self.write())
        .await
        .map_err(db::error)?;
        Ok(())
    }

    /// The request with this code, if it still waits for a user.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn pending_device_request(
        &self,
        user_code: &str,
        now: Timestamp,
    ) -> Result<Option<DeviceRequest>> {
        let row = db::query(
            "select * from oauth_device_requests where user_code = $1 and state = 'PENDING' and expires_at > $2",
        )
        .bind(user_code)
        .bind(now.as_millis())
        .fetch_optional(&*self.read()?)
        .map_err(db::error)?;
        row.as_ref().map(device_request).transpose()
    }

    /// Writes down what a user has decided. `Before`: it waits for nobody any more.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn decide_device_request(
        &self,
        user_code: &str,
        allowed_by: Option<UserId>,
        now: Timestamp,
    ) -> Result<Exchanged> {
        let done = db::query(
            "update oauth_device_requests
             set user_id = $2, state = case when $2 is null then 'DENIED' else 'ALLOWED' end
             where user_code = $1 and state = 'PENDING' and expires_at > $3",
        )
        .bind(user_code)
        .bind(allowed_by.map(|user| user.to_string()))
        .bind(now.as_millis())
        .execute_on(self.write())
        .await
        .map_err(db::error)?;
        Ok(if done.rows_affected() == 0 { Exchanged::Before } else { Exchanged::Now })
    }

    /// The request of a device, as it was when it asked before; that it asks now is written down.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn ask_for_device_request(&self, hash: &Hash, now: Timestamp) -> Result<Option<DeviceRequest>> {
        self.transact(|transaction| {
            let row = db::query("select * from oauth_device_requests where hash = $1")
                .bind(hash.to_vec())
                .fetch_optional(transaction)
                .map_err(db::error)?;
            let Some(row) = row else { return Ok(None) };
            db::query("update oauth_device_requests set asked_at = $2 where hash = $1")
                .bind(hash.to_vec())
                .bind(now.as_millis())
                .execute(transaction)
                .map_err(db::error)?;
            device_request(&row).map(Some)
        })
        .await
    }

    /// Makes the pause longer that a device must make.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn slow_device_down(&self, hash: &Hash, by_seconds: u32) -> Result<()> {
        db::query(
            "update oauth_device_requests set interval_seconds = interval_seconds + $2 where hash = $1",
        )
        .bind(hash.to_vec())
        .bind(by_seconds)
        .execute_on(self.write())
        .await
        .map_err(db::error)?;
        Ok(())
    }

    /// Exchanges the request of a device that was allowed for a consent with its first refresh token.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn exchange_device_request(
        &self,
        hash: &Hash,
        consent: &Consent,
        token: RefreshToken,
    ) -> Result<Exchanged> {
        self.transact(|transaction| {
            let done = db::query("delete from oauth_device_requests where hash = $1 and state = 'ALLOWED'")
                .bind(hash.to_vec())
                .execute(transaction)
                .map_err(db::error)?;
            exchanged(transaction, done.rows_affected(), consent, token)
        })
        .await
    }
}

/// Keeps the consent that something was exchanged for, if it has not been exchanged before.
fn exchanged(
    transaction: &Connection,
    rows: u64,
    consent: &Consent,
    token: RefreshToken,
) -> Result<Exchanged> {
    if rows == 0 {
        return Ok(Exchanged::Before);
    }
    consents::insert(transaction, consent, token)?;
    Ok(Exchanged::Now)
}

fn code(row: &Row) -> Result<Code> {
    Ok(Code {
        client_id: client_id(row, "client_id")?,
        user_id: db::id(row, "user_id")?,
        scopes: scopes(row)?,
        redirect_uri: db::get(row, "redirect_uri")?,
        code_challenge: db::get(row, "code_challenge")?,
        expires_at: db::time(row, "expires_at")?,
        consent_id: db::optional_id(row, "consent_id")?,
    })
}

fn device_request(row: &Row) -> Result<DeviceRequest> {
    let state = match (db::get::<&str>(row, "state")?, db::optional_id(row, "user_id")?) {
        ("PENDING", None) => DeviceState::Pending,
        ("ALLOWED", Some(user)) => DeviceState::Allowed(user),
        ("DENIED", None) => DeviceState::Denied,
        (other, _) => return Err(Error::internal(format!("a device's request is `{other}`"))),
    };
    Ok(DeviceRequest {
        user_code: db::get(row, "user_code")?,
        client_id: client_id(row, "client_id")?,
        scopes: scopes(row)?,
        state,
        interval_seconds: u32::try_from(db::get::<i64>(row, "interval_seconds")?).map_err(Error::internal)?,
        asked_at: db::optional_time(row, "asked_at")?,
        expires_at: db::time(row, "expires_at")?,
    })
}
