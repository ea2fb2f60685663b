//! Who users are for issuers of OpenID Connect.

use forebay_core::access::User;
use forebay_core::error::Kind;
use forebay_core::id::UserId;
use forebay_core::{Error, Result, Timestamp};

use crate::access::insert_user;
use crate::db::{self, Query};
use crate::{Store, access};

impl Store {
    /// The user whom an issuer knows by this subject.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn user_by_identity(&self, issuer: &str, subject: &str) -> Result<Option<UserId>> {
        let row = db::query("select user_id from identities where issuer = $1 and subject = $2")
            .bind(issuer)
            .bind(subject)
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        row.as_ref().map(|row| db::id(row, "user_id")).transpose()
    }

    /// Users with this e-mail address, in small or large letters: at most two, since more than one is nobody.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn users_by_email(&self, email: &str) -> Result<Vec<User>> {
        let rows = db::query("select * from users where lower(email) = lower($1) order by id limit 2")
            .bind(email)
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(access::user).collect()
    }

    /// The users who are tied to anybody at an issuer.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn users_with_identity(&self) -> Result<Vec<UserId>> {
        let rows = db::query("select distinct user_id from identities order by user_id")
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(|row| db::id(row, "user_id")).collect()
    }

    /// Ties a user to somebody at an issuer.
    ///
    /// # Errors
    /// `Conflict` when either is tied already; `NotFound` for the user.
    pub async fn add_identity(
        &self,
        issuer: &str,
        subject: &str,
        user: UserId,
        now: Timestamp,
    ) -> Result<()> {
        insert_identity(issuer, subject, user, now)
            .execute_on(self.write())
            .await
            .map(drop)
            .map_err(|failure| refused(failure, user))
    }

    /// Makes a user for somebody at an issuer.
    ///
    /// # Errors
    /// `Conflict` when somebody is tied already: then no user is made.
    pub async fn create_user_with_identity(&self, user: &User, issuer: &str, subject: &str) -> Result<()> {
        let id = user.id;
        let inserts = [insert_user(user)?, insert_identity(issuer, subject, id, user.created_at)];
        self.transact(move |transaction| {
            for insert in inserts {
                insert.execute(transaction).map_err(|failure| refused(failure, id))?;
            }
            Ok(())
        })
        .await
    }

    /// Forgets who a user is for every issuer, and ends the sessions that were begun by one.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn forget_identities(&self, user: UserId) -> Result<()> {
        self.transact(move |transaction| {
            for delete in [
                "delete from identities where user_id = $1",
                "delete from sessions where user_id = $1 and issuer is not null",
            ] {
                db::query(delete).bind(user.to_string()).execute(transaction).map_err(db::error)?;
            }
            Ok(())
        })
        .await
    }
}

fn insert_identity(issuer: &str, subject: &str, user: UserId, now: Timestamp) -> Query {
    db::query("insert into identities (issuer, subject, user_id, created_at) values ($1, $2, $3, $4)")
        .bind(issuer)
        .bind(subject)
        .bind(user.to_string())
        .bind(now.as_millis())
}

fn refused(failure: db::Failure, user: UserId) -> Error {
    match db::is_foreign_key(&failure) {
        true => Error::not_found(Kind::User, user),
        false => db::error_or_duplicate(failure, || "the user or the identity is tied already".to_owned()),
    }
}
