//! The keys that sign access tokens. A new one is published an hour before it signs, and an old one until nothing
//! it has signed can be good any more, so nobody who verifies tokens meets a key that is not published.

use forebay_core::Timestamp;
use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::id::SigningKeyId;
use forebay_core::oauth::OauthClient;
use forebay_store::SigningKey;

use super::jwt::{self, Claims, Unchecked};
use crate::Engine;

const HOUR: i64 = 60 * 60 * 1000;
/// A key signs for so long before a new one is made by itself, in milliseconds.
const CHANGE: i64 = 90 * 24 * HOUR;

/// A key by which others can verify access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub id: SigningKeyId,
    /// The coordinates of the point, 32 bytes each.
    pub x: Vec<u8>,
    pub y: Vec<u8>,
}

impl Engine {
    /// The keys by which access tokens are verified, those too that do not sign yet or any more.
    ///
    /// # Errors
    /// Only internal ones.
    pub async fn public_signing_keys(&self) -> Result<Vec<PublicKey>> {
        // There is one from the first question on.
        self.signer().await?;
        let mut published = Vec::new();
        for key in self.store().signing_keys().await? {
            let point = key.public_key.strip_prefix(&[4]).and_then(|point| point.split_at_checked(32));
            let (x, y) = point.ok_or_else(|| Error::internal("a public key is no point of P-256"))?;
            published.push(PublicKey { id: key.id, x: x.to_vec(), y: y.to_vec() });
        }
        Ok(published)
    }

    /// # Errors
    /// `Forbidden`.
    pub async fn signing_keys(&self, caller: &Caller) -> Result<Vec<SigningKey>> {
        Self::administrator(caller)?;
        self.signer().await?;
        self.store().signing_keys().await
    }

    /// Makes the next key. It signs from an hour on; until then those who verify tokens can fetch it.
    ///
    /// # Errors
    /// `Forbidden`; `Conflict` while another one waits for its turn.
    pub async fn rotate_signing_keys(&self, caller: &Caller) -> Result<SigningKey> {
        Self::administrator(caller)?;
        let _making = self.0.oauth.making_key.lock().await;
        let now = self.now();
        let keys = self.store().signing_keys().await?;
        if let Some(waiting) = keys.iter().find(|key| key.signs_from > now) {
            let text = format!("the key `{}` is made already and signs within an hour", waiting.id);
            return Err(Error::conflict(text));
        }
        let key = self.make_key_to_sign(later(now, HOUR)).await?;
        tracing::info!(signing_key.id = %key.id, made_by = %caller.name, "a signing key was made");
        Ok(key)
    }

    /// Deletes a key that is known to others: what it has signed is refused from now on. If it was the one that
    /// signs, another one does at once.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn delete_signing_key(&self, caller: &Caller, key: SigningKeyId) -> Result<()> {
        Self::administrator(caller)?;
        self.store().delete_signing_key(key).await?;
        tracing::warn!(signing_key.id = %key, deleted_by = %caller.name, "a signing key was deleted");
        Ok(())
    }

    /// The key that signs now.
    async fn signer(&self) -> Result<SigningKey> {
        if let Some(key) = self.signing_now().await? {
            return Ok(key);
        }
        let _making = self.0.oauth.making_key.lock().await;
        match self.signing_now().await? {
            Some(key) => Ok(key),
            None => self.make_key_to_sign(self.now()).await,
        }
    }

    async fn signing_now(&self) -> Result<Option<SigningKey>> {
        let now = self.now();
        Ok(self.store().signing_keys().await?.into_iter().find(|key| key.signs_from <= now))
    }

    async fn make_key_to_sign(&self, signs_from: Timestamp) -> Result<SigningKey> {
        let (private, public_key) = jwt::new_pair()?;
        let key = SigningKey { id: SigningKeyId::random(), public_key, created_at: self.now(), signs_from };
        self.store().add_signing_key(&key, &private).await?;
        Ok(key)
    }

    /// The token that says this.
    pub(super) async fn sign(&self, claims: &Claims) -> Result<String> {
        let key = self.signer().await?;
        jwt::sign(claims, key.id, &self.store().private_signing_key(key.id).await?)
    }

    /// What a token says, if this server has signed it; whether it has ended or was taken back is not looked at.
    pub(super) async fn signed_claims(&self, token: &str) -> Result<Option<Claims>> {
        let Some(unchecked) = Unchecked::parse(token) else { return Ok(None) };
        let key = self.store().signing_key(unchecked.key).await?;
        Ok(key.and_then(|key| unchecked.check(&key.public_key)))
    }

    /// Makes the next key when the newest has signed for long, and drops those whose tokens have all ended.
    ///
    /// # Errors
    /// Only internal ones.
    pub(crate) async fn tidy_signing_keys(&self) -> Result<()> {
        let longest = i64::from(*OauthClient::ACCESS_TOKEN_SECONDS.end()) * 1000;
        let now = self.now();
        let _making = self.0.oauth.making_key.lock().await;
        let keys = self.store().signing_keys().await?;
        // One that nobody has asked for is not made.
        if keys.first().is_some_and(|newest| later(newest.signs_from, CHANGE) <= now) {
            let key = self.make_key_to_sign(later(now, HOUR)).await?;
            tracing::info!(signing_key.id = %key.id, "a signing key was made, as the last one is old");
        }
        for (newer, key) in keys.iter().zip(keys.iter().skip(1)) {
            if later(newer.signs_from, longest + HOUR) <= now {
                self.store().delete_signing_key(key.id).await?;
                tracing::info!(signing_key.id = %key.id, "a signing key was dropped: nothing it signed is good");
            }
        }
        Ok(())
    }
}

fn later(time: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(millis))
}
