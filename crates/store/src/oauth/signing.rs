//! The keys that sign access tokens. The private half is sealed.

use forebay_core::error::Kind;
use forebay_core::id::SigningKeyId;
use forebay_core::{Error, Result, Timestamp};

use crate::Store;
use crate::db::{self, Row};
use crate::secrets::Place;

/// A key that signs access tokens, by its public half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    pub id: SigningKeyId,
    /// The point of P-256, uncompressed.
    pub public_key: Vec<u8>,
    pub created_at: Timestamp,
    /// It signs from then on, until a newer one does.
    pub signs_from: Timestamp,
}

impl Store {
    /// Keeps a key.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn add_signing_key(&self, key: &SigningKey, private: &[u8]) -> Result<()> {
        let row = key.id.to_string();
        let sealed = self.secrets().seal(place(&row), private)?;
        db::query(
            "insert into oauth_signing_keys (id, sealed_private, public_key, created_at, signs_from)
             values ($1, $2, $3, $4, $5)",
        )
        .bind(row.as_str())
        .bind(sealed)
        .bind(key.public_key.clone())
        .bind(key.created_at.as_millis())
        .bind(key.signs_from.as_millis())
        .execute_on(self.write())
        .await
        .map_err(db::error)?;
        Ok(())
    }

    /// All keys, the newest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>> {
        let rows =
            db::query("select * from oauth_signing_keys order by signs_from desc, created_at desc, id")
                .fetch_all(&*self.read()?)
                .map_err(db::error)?;
        rows.iter().map(signing_key).collect()
    }

    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn signing_key(&self, id: SigningKeyId) -> Result<Option<SigningKey>> {
        let row = db::query("select * from oauth_signing_keys where id = $1")
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        row.as_ref().map(signing_key).transpose()
    }

    /// The private half of a key.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn private_signing_key(&self, id: SigningKeyId) -> Result<Vec<u8>> {
        let text = id.to_string();
        let row = db::query("select sealed_private from oauth_signing_keys where id = $1")
            .bind(text.as_str())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        let row = row.ok_or_else(|| Error::not_found(Kind::SigningKey, id))?;
        self.secrets().open(place(&text), db::get(&row, "sealed_private")?)
    }

    /// Deletes a key: what it signed is refused from now on.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_signing_key(&self, id: SigningKeyId) -> Result<()> {
        let done = db::query("delete from oauth_signing_keys where id = $1")
            .bind(id.to_string())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(Error::not_found(Kind::SigningKey, id)) } else { Ok(()) }
    }
}

fn place(row: &str) -> Place<'_> {
    Place { table: "oauth_signing_keys", row }
}

fn signing_key(row: &Row) -> Result<SigningKey> {
    Ok(SigningKey {
        id: db::id(row, "id")?,
        public_key: db::get::<&[u8]>(row, "public_key")?.to_vec(),
        created_at: db::time(row, "created_at")?,
        signs_from: db::time(row, "signs_from")?,
    })
}
