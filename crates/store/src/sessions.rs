//! Passwords, and who has signed in. Sessions and links are here as hashes only.

use forebay_core::access::{Caller, Role, Subject};
use forebay_core::error::Kind;
use forebay_core::id::UserId;
use forebay_core::oauth::Authority;
use forebay_core::{Error, Result, Timestamp};

use crate::Store;
use crate::db;

/// The hash of what a browser holds.
pub type SessionHash = [u8; 32];

impl Store {
    /// The user of this name or e-mail address, and what is kept of their password; `None` when there is no such
    /// user, or more than one.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn user_to_sign_in(&self, name: &str) -> Result<Option<(UserId, Option<String>)>> {
        let rows = db::query(
            "select id, password from users where lower(name) = lower($1) or lower(email) = lower($1) limit 2",
        )
        .bind(name)
        .fetch_all(&*self.read()?)
        .map_err(db::error)?;
        match rows.as_slice() {
            [user] => Ok(Some((db::id(user, "id")?, db::get(user, "password").map_err(db::error)?))),
            _ => Ok(None),
        }
    }

    /// What is kept of a user's password.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn password(&self, user: UserId) -> Result<Option<String>> {
        let row = db::query("select password from users where id = $1")
            .bind(user.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        db::get(&row.ok_or_else(|| Error::not_found(Kind::User, user))?, "password").map_err(db::error)
    }

    /// Sets a user's password. All their sessions but one and all their links end.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_password(&self, user: UserId, password: &str, kept: Option<&SessionHash>) -> Result<()> {
        let kept = kept.map_or_else(Vec::new, |hash| hash.to_vec());
        self.transact(move |transaction| {
            let done = db::query("update users set password = $2 where id = $1")
                .bind(user.to_string())
                .bind(password)
                .execute(transaction)
                .map_err(db::error)?;
            if done.rows_affected() == 0 {
                return Err(Error::not_found(Kind::User, user));
            }
            db::query("delete from sessions where user_id = $1 and hash <> $2")
                .bind(user.to_string())
                .bind(kept)
                .execute(transaction)
                .map_err(db::error)?;
            db::query("delete from sign_in_links where user_id = $1")
                .bind(user.to_string())
                .execute(transaction)
                .map_err(db::error)?;
            Ok(())
        })
        .await
    }

    /// Keeps a session; `issuer` is the issuer of OpenID Connect by which somebody signed in.
    ///
    /// # Errors
    /// `NotFound` for the user.
    pub async fn add_session(
        &self,
        hash: &SessionHash,
        user: UserId,
        issuer: Option<&str>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<()> {
        db::query(
            "insert into sessions (hash, user_id, issuer, created_at, expires_at) values ($1, $2, $3, $4, $5)",
        )
            .bind(hash.to_vec())
            .bind(user.to_string())
            .bind(issuer)
            .bind(now.as_millis())
            .bind(expires_at.as_millis())
            .execute_on(self.write())
            .await
            .map(drop)
            .map_err(|error| match db::is_foreign_key(&error) {
                true => Error::not_found(Kind::User, user),
                false => db::error(error),
            })
    }

    /// Who has signed in, since when, and until when it holds.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn caller_by_session(
        &self,
        hash: &SessionHash,
        now: Timestamp,
    ) -> Result<Option<(Caller, Timestamp, Timestamp)>> {
        let row = db::query(
            "select users.id, users.name, users.role, sessions.created_at, sessions.expires_at
             from sessions join users on users.id = sessions.user_id
             where sessions.hash = $1 and sessions.expires_at > $2",
        )
        .bind(hash.to_vec())
        .bind(now.as_millis())
        .fetch_optional(&*self.read()?)
        .map_err(db::error)?;
        let Some(row) = row else { return Ok(None) };
        let caller = Caller {
            subject: Subject::User(db::id(&row, "id")?),
            name: db::name(&row)?,
            role: db::word::<Role>(&row, "role")?,
            authority: Authority::Whole,
            client: None,
        };
        Ok(Some((caller, db::time(&row, "created_at")?, db::time(&row, "expires_at")?)))
    }

    /// Lets a session hold longer.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn extend_session(&self, hash: &SessionHash, expires_at: Timestamp) -> Result<()> {
        db::query("update sessions set expires_at = $2 where hash = $1")
            .bind(hash.to_vec())
            .bind(expires_at.as_millis())
            .execute_on(self.write())
            .await
            .map(drop)
            .map_err(db::error)
    }

    /// Ends a session, and says by which issuer it was begun; one that has ended already is no error.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn end_session(&self, hash: &SessionHash) -> Result<Option<String>> {
        let hash = hash.to_vec();
        self.transact(move |transaction| {
            let row = db::query("delete from sessions where hash = $1 returning issuer")
                .bind(hash)
                .fetch_optional(transaction)
                .map_err(db::error)?;
            row.as_ref().map_or(Ok(None), |row| db::get(row, "issuer"))
        })
        .await
    }

    /// # Errors
    /// `NotFound` for the user.
    pub async fn add_sign_in_link(
        &self,
        hash: &SessionHash,
        user: UserId,
        expires_at: Timestamp,
    ) -> Result<()> {
        db::query("insert into sign_in_links (hash, user_id, expires_at) values ($1, $2, $3)")
            .bind(hash.to_vec())
            .bind(user.to_string())
            .bind(expires_at.as_millis())
            .execute_on(self.write())
            .await
            .map(drop)
            .map_err(|error| match db::is_foreign_key(&error) {
                true => Error::not_found(Kind::User, user),
                false => db::error(error),
            })
    }

    /// Uses a link up, and says whom it signs in.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn take_sign_in_link(&self, hash: &SessionHash, now: Timestamp) -> Result<Option<UserId>> {
        let hash = hash.to_vec();
        self.transact(move |transaction| {
            let row = db::query("delete from sign_in_links where hash = $1 returning user_id, expires_at")
                .bind(hash)
                .fetch_optional(transaction)
                .map_err(db::error)?;
            let Some(row) = row else { return Ok(None) };
            let holds = db::time(&row, "expires_at")? > now;
            Ok(if holds { Some(db::id(&row, "user_id")?) } else { None })
        })
        .await
    }

    /// Forgets sessions and links that have ended.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn forget_ended_sessions(&self, now: Timestamp) -> Result<()> {
        self.transact(move |transaction| {
            for delete in [
                "delete from sessions where expires_at <= $1",
                "delete from sign_in_links where expires_at <= $1",
            ] {
                db::query(delete).bind(now.as_millis()).execute(transaction).map_err(db::error)?;
            }
            Ok(())
        })
        .await
    }
}
