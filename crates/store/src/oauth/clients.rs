//! OAuth clients and their secrets.

use forebay_core::error::Kind;
use forebay_core::id::OauthSecretId;
use forebay_core::oauth::{ClientId, ClientKind, ClientSecret, OauthClient};
use forebay_core::{Error, Result, Timestamp};

use super::{Hash, client_id, scopes};
use crate::Store;
use crate::db::{self, Connection, Row};

/// How old `last_used_at` gets before a use of a secret is written down again.
const LAST_USED_MILLIS: i64 = 60_000;

impl Store {
    /// Makes a client, and the application that it acts as.
    ///
    /// # Errors
    /// `Conflict` when the id is taken.
    pub async fn create_oauth_client(&self, client: &OauthClient) -> Result<()> {
        self.transact(|transaction| {
            let application = match client.kind {
                ClientKind::Public => None,
                ClientKind::Confidential(application) => {
                    db::query("insert into applications (id, name, created_at) values ($1, $2, $3)")
                        .bind(application.to_string())
                        .bind(client.name.as_str())
                        .bind(client.created_at.as_millis())
                        .execute(transaction)
                        .map_err(|error| taken(error, client))?;
                    Some(application.to_string())
                }
            };
            db::query(
                "insert into oauth_clients (id, application_id, name, scopes, redirect_uris, access_token_seconds,
                     created_at)
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(client.id.as_str())
            .bind(application)
            .bind(client.name.as_str())
            .bind(db::to_json(&client.scopes)?)
            .bind(db::to_json(&client.redirect_uris)?)
            .bind(client.access_token_seconds)
            .bind(client.created_at.as_millis())
            .execute(transaction)
            .map_err(|error| taken(error, client))?;
            Ok(())
        })
        .await
    }

    /// All clients, by name.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn oauth_clients(&self) -> Result<Vec<OauthClient>> {
        let rows = db::query("select * from oauth_clients order by name, id")
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(client).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn oauth_client(&self, id: &ClientId) -> Result<OauthClient> {
        let row = db::query("select * from oauth_clients where id = $1")
            .bind(id.as_str())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        client(&row.ok_or_else(|| not_found(id))?)
    }

    /// Changes all of a client but its kind.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn update_oauth_client(&self, client: &OauthClient) -> Result<()> {
        self.transact(|transaction| {
            let done = db::query(
                "update oauth_clients set name = $2, scopes = $3, redirect_uris = $4, access_token_seconds = $5
                 where id = $1",
            )
            .bind(client.id.as_str())
            .bind(client.name.as_str())
            .bind(db::to_json(&client.scopes)?)
            .bind(db::to_json(&client.redirect_uris)?)
            .bind(client.access_token_seconds)
            .execute(transaction)
            .map_err(db::error)?;
            if done.rows_affected() == 0 {
                return Err(not_found(&client.id));
            }
            db::query("update applications set name = $2 where id = $1")
                .bind(client.id.as_str())
                .bind(client.name.as_str())
                .execute(transaction)
                .map_err(db::error)?;
            Ok(())
        })
        .await
    }

    /// Deletes a client with its application, its secrets and what users have allowed it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_oauth_client(&self, id: &ClientId) -> Result<()> {
        self.transact(|transaction| {
            let done = db::query("delete from oauth_clients where id = $1")
                .bind(id.as_str())
                .execute(transaction)
                .map_err(db::error)?;
            if done.rows_affected() == 0 {
                return Err(not_found(id));
            }
            db::query("delete from applications where id = $1")
                .bind(id.as_str())
                .execute(transaction)
                .map_err(db::error)?;
            Ok(())
        })
        .await
    }

    /// Ends everything a client has got so far: its access tokens, and what users have allowed it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn end_tokens_of_client(&self, id: &ClientId) -> Result<()> {
        self.transact(|transaction| {
            let done =
                db::query("update oauth_clients set token_generation = token_generation + 1 where id = $1")
                    .bind(id.as_str())
                    .execute(transaction)
                    .map_err(db::error)?;
            if done.rows_affected() == 0 {
                return Err(not_found(id));
            }
            for sql in [
                "delete from oauth_consents where client_id = $1",
                "delete from oauth_codes where client_id = $1",
                "delete from oauth_device_requests where client_id = $1",
            ] {
                db::query(sql).bind(id.as_str()).execute(transaction).map_err(db::error)?;
            }
            Ok(())
        })
        .await
    }

    /// The secrets of one client, or of all, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn client_secrets(&self, client: Option<&ClientId>) -> Result<Vec<ClientSecret>> {
        let rows = db::query(
            "select * from oauth_client_secrets where $1 is null or client_id = $1 order by created_at, id",
        )
        .bind(client.map(ClientId::as_str))
        .fetch_all(&*self.read()?)
        .map_err(db::error)?;
        rows.iter().map(secret).collect()
    }

    /// Keeps a secret by its hash, unless the client has as many as it may have.
    ///
    /// # Errors
    /// `NotFound` for the client; `Conflict` when it has `most` already.
    pub async fn create_client_secret(&self, secret: &ClientSecret, hash: &Hash, most: i64) -> Result<()> {
        self.transact(|transaction| {
            if count_secrets(transaction, &secret.client_id)? >= most {
                return Err(Error::conflict(format!(
                    "the client has {most} secrets already; delete the one that is not used any more"
                )));
            }
            db::query(
                "insert into oauth_client_secrets (id, client_id, hash, created_at) values ($1, $2, $3, $4)",
            )
            .bind(secret.id.to_string())
            .bind(secret.client_id.as_str())
            .bind(hash.to_vec())
            .bind(secret.created_at.as_millis())
            .execute(transaction)
            .map_err(|error| match db::is_foreign_key(&error) {
                true => not_found(&secret.client_id),
                false => db::error(error),
            })?;
            Ok(())
        })
        .await
    }

    /// # Errors
    /// `NotFound`.
    pub async fn delete_client_secret(&self, client: &ClientId, id: OauthSecretId) -> Result<()> {
        let done = db::query("delete from oauth_client_secrets where id = $1 and client_id = $2")
            .bind(id.to_string())
            .bind(client.as_str())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(Error::not_found(Kind::OauthSecret, id)) } else { Ok(()) }
    }

    /// The secret of a client that has this hash. The use is written down at most once a minute.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn client_secret_by_hash(
        &self,
        client: &ClientId,
        hash: &Hash,
        now: Timestamp,
    ) -> Result<Option<OauthSecretId>> {
        let row = db::query("select * from oauth_client_secrets where hash = $1 and client_id = $2")
            .bind(hash.to_vec())
            .bind(client.as_str())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        let Some(row) = row else { return Ok(None) };
        let secret = secret(&row)?;
        let due = now.as_millis() - LAST_USED_MILLIS;
        if secret.last_used_at.is_none_or(|last| last.as_millis() <= due) {
            let noted = db::query("update oauth_client_secrets set last_used_at = $2 where id = $1")
                .bind(secret.id.to_string())
                .bind(now.as_millis())
                .execute_on(self.write())
                .await
                .map_err(db::error);
            match noted {
                // A full disk must not keep anybody from reading.
                Ok(_) | Err(Error::InsufficientStorage { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(secret.id))
    }
}

fn count_secrets(connection: &Connection, client: &ClientId) -> Result<i64> {
    let row = db::query("select count(*) as secrets from oauth_client_secrets where client_id = $1")
        .bind(client.as_str())
        .fetch_one(connection)
        .map_err(db::error)?;
    db::get(&row, "secrets")
}

fn taken(error: db::Failure, client: &OauthClient) -> Error {
    db::error_or_duplicate(error, || format!("there already is an OAuth client `{}`", client.id))
}

fn not_found(id: &ClientId) -> Error {
    Error::not_found(Kind::OauthClient, id)
}

fn client(row: &Row) -> Result<OauthClient> {
    Ok(OauthClient {
        id: client_id(row, "id")?,
        name: db::name(row)?,
        kind: match db::optional_id(row, "application_id")? {
            Some(application) => ClientKind::Confidential(application),
            None => ClientKind::Public,
        },
        scopes: scopes(row)?,
        redirect_uris: db::json(row, "redirect_uris")?,
        access_token_seconds: match db::get::<Option<i64>>(row, "access_token_seconds")? {
            Some(seconds) => Some(u32::try_from(seconds).map_err(Error::internal)?),
            None => None,
        },
        created_at: db::time(row, "created_at")?,
    })
}

fn secret(row: &Row) -> Result<ClientSecret> {
    Ok(ClientSecret {
        id: db::id(row, "id")?,
        client_id: client_id(row, "client_id")?,
        created_at: db::time(row, "created_at")?,
        last_used_at: db::optional_time(row, "last_used_at")?,
    })
}
