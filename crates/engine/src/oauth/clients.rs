//! OAuth clients and their secrets, as administrators set them up.

use std::collections::BTreeSet;

use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::id::{ApplicationId, OauthSecretId};
use forebay_core::name::Name;
use forebay_core::oauth::{ClientId, ClientKind, ClientSecret, OauthClient, OauthScope, RedirectUri};
use forebay_core::secret::Secret;

use super::token::random_secret;
use crate::Engine;
use crate::keys::hash;

/// The most secrets of one client that are valid at a time: the old and the new one of a change.
const SECRETS: i64 = 2;

/// A client to be made.
#[derive(Clone, Debug)]
pub struct NewClient {
    pub name: Name,
    pub has_secret: bool,
    pub scopes: BTreeSet<OauthScope>,
    pub redirect_uris: Vec<RedirectUri>,
    pub access_token_seconds: Option<u32>,
}

/// What of a client is to change; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct OauthClientChange {
    pub name: Option<Name>,
    pub scopes: Option<BTreeSet<OauthScope>>,
    pub redirect_uris: Option<Vec<RedirectUri>>,
    /// `Some(None)`: as long as the server's setting says.
    pub access_token_seconds: Option<Option<u32>>,
}

/// A secret that was just made, with the text that is shown once.
pub struct NewClientSecret {
    pub kept: ClientSecret,
    pub secret: Secret,
}

impl Engine {
    /// # Errors
    /// `Forbidden`.
    pub async fn oauth_clients(&self, caller: &Caller) -> Result<Vec<(OauthClient, Vec<ClientSecret>)>> {
        Self::administrator(caller)?;
        let secrets = self.store().client_secrets(None).await?;
        let of = |client: &OauthClient| {
            secrets.iter().filter(|secret| secret.client_id == client.id).cloned().collect()
        };
        let clients = self.store().oauth_clients().await?;
        Ok(clients.into_iter().map(|client| (client.clone(), of(&client))).collect())
    }

    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn oauth_client(
        &self,
        caller: &Caller,
        id: &ClientId,
    ) -> Result<(OauthClient, Vec<ClientSecret>)> {
        Self::administrator(caller)?;
        Ok((self.store().oauth_client(id).await?, self.store().client_secrets(Some(id)).await?))
    }

    /// Makes a client; one that has a secret gets its first one, and an application to act as.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`.
    pub async fn create_oauth_client(
        &self,
        caller: &Caller,
        new: NewClient,
    ) -> Result<(OauthClient, Option<NewClientSecret>)> {
        Self::administrator(caller)?;
        let (id, kind) = match new.has_secret {
            true => {
                let application = ApplicationId::random();
                (ClientId::of(application), ClientKind::Confidential(application))
            }
            false => (ClientId::random(), ClientKind::Public),
        };
        let client = OauthClient {
            id,
            name: new.name,
            kind,
            scopes: new.scopes,
            redirect_uris: new.redirect_uris,
            access_token_seconds: new.access_token_seconds,
            created_at: self.now(),
        };
        check(&client)?;
        self.store().create_oauth_client(&client).await?;
        tracing::info!(client.id = %client.id, made_by = %caller.name, "an OAuth client was made");
        let secret = match client.kind {
            ClientKind::Confidential(_) => Some(self.make_client_secret(&client.id).await?),
            ClientKind::Public => None,
        };
        Ok((client, secret))
    }

    /// Changes a client. Scopes that it loses do not count any more, in tokens that are there neither.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Invalid`.
    pub async fn update_oauth_client(
        &self,
        caller: &Caller,
        id: &ClientId,
        change: OauthClientChange,
    ) -> Result<OauthClient> {
        Self::administrator(caller)?;
        let mut client = self.store().oauth_client(id).await?;
        client.name = change.name.unwrap_or(client.name);
        client.scopes = change.scopes.unwrap_or(client.scopes);
        client.redirect_uris = change.redirect_uris.unwrap_or(client.redirect_uris);
        client.access_token_seconds = change.access_token_seconds.unwrap_or(client.access_token_seconds);
        check(&client)?;
        self.store().update_oauth_client(&client).await?;
        tracing::info!(client.id = %id, changed_by = %caller.name, "an OAuth client was changed");
        Ok(client)
    }

    /// Deletes a client with its secrets and grants. Its tokens are refused from now on.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn delete_oauth_client(&self, caller: &Caller, id: &ClientId) -> Result<()> {
        Self::administrator(caller)?;
        self.store().delete_oauth_client(id).await?;
        tracing::info!(client.id = %id, deleted_by = %caller.name, "an OAuth client was deleted");
        Ok(())
    }

    /// Makes a secret beside the one there is; both are good until one is deleted.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`; `Conflict` when there are two, or when the client has none by its kind.
    pub async fn create_client_secret(&self, caller: &Caller, id: &ClientId) -> Result<NewClientSecret> {
        Self::administrator(caller)?;
        match self.store().oauth_client(id).await?.kind {
            ClientKind::Confidential(_) => {}
            ClientKind::Public => return Err(Error::conflict("this client is one that keeps no secret")),
        }
        let made = self.make_client_secret(id).await?;
        tracing::info!(client.id = %id, made_by = %caller.name, "a secret of an OAuth client was made");
        Ok(made)
    }

    async fn make_client_secret(&self, client: &ClientId) -> Result<NewClientSecret> {
        let secret = random_secret();
        let kept = ClientSecret {
            id: OauthSecretId::random(),
            client_id: client.clone(),
            created_at: self.now(),
            last_used_at: None,
        };
        self.store().create_client_secret(&kept, &hash(secret.expose()), SECRETS).await?;
        Ok(NewClientSecret { kept, secret })
    }

    /// Deletes a secret. It is refused from now on, and so are the tokens that it was exchanged for.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn delete_client_secret(
        &self,
        caller: &Caller,
        client: &ClientId,
        id: OauthSecretId,
    ) -> Result<()> {
        Self::administrator(caller)?;
        self.store().delete_client_secret(client, id).await?;
        tracing::info!(client.id = %client, deleted_by = %caller.name, "a secret of an OAuth client was deleted");
        Ok(())
    }

    /// Ends all tokens that a client has got, and what users have allowed it. Its secrets stay.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn end_tokens_of_client(&self, caller: &Caller, id: &ClientId) -> Result<()> {
        Self::administrator(caller)?;
        self.store().end_tokens_of_client(id).await?;
        tracing::info!(client.id = %id, ended_by = %caller.name, "all tokens of an OAuth client were ended");
        Ok(())
    }
}

fn check(client: &OauthClient) -> Result<()> {
    let bounds = OauthClient::ACCESS_TOKEN_SECONDS;
    if let Some(seconds) = client.access_token_seconds
        && !bounds.contains(&seconds)
    {
        let (least, most) = (bounds.start(), bounds.end());
        return Err(Error::invalid(
            "accessTokenSeconds",
            format!("must be from {least} to {most}, not {seconds}"),
        ));
    }
    if client.scopes.is_empty() {
        let names = OauthScope::ALL.map(OauthScope::as_str).join(", ");
        return Err(Error::invalid("scopes", format!("must name at least one of {names}")));
    }
    if client.redirect_uris.len() > 20 {
        return Err(Error::invalid("redirectUris", "must be at most 20"));
    }
    Ok(())
}
