//! `forebay oauth-client`, `forebay consent` and `forebay signing-key`: who gets access tokens, and what they are
//! signed with.

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use forebay_core::id::{ConsentId, OauthSecretId, SigningKeyId};
use forebay_core::oauth::{ClientId, OauthScope};
use serde_json::{Value, json};

use super::client::Client;
use super::show::{plain, say, say_json, say_list};

const CLIENTS: &str = "/forebay/api/v1/oauth/clients";
const CONSENTS: &str = "/forebay/api/v1/oauth/consents";
const KEYS: &str = "/forebay/api/v1/oauth/signing-keys";

/// A scope by its name on the wire.
#[derive(Clone, Copy)]
pub(crate) struct ScopeName(OauthScope);

impl ValueEnum for ScopeName {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [ScopeName; OauthScope::ALL.len()] = {
            let mut all = [ScopeName(OauthScope::DataPools); OauthScope::ALL.len()];
            let mut place = 0;
            while place < all.len() {
                all[place] = ScopeName(OauthScope::ALL[place]);
                place += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.as_str()))
    }
}

/// How long access tokens hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Lifetime {
    Seconds(u32),
    Default,
}

impl FromStr for Lifetime {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "default" => Ok(Self::Default),
            number => Ok(Self::Seconds(number.parse().context("write seconds or `default`")?)),
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    /// List the OAuth clients.
    List,
    /// Show one client and its secrets, without their text.
    Show { client: ClientId },
    /// Make a client, and print its id and its secret. The secret is not shown again.
    Create {
        name: String,
        /// What its tokens can carry; may come several times.
        #[arg(long = "scope", required = true)]
        scopes: Vec<ScopeName>,
        /// A client that cannot keep a secret and acts for users alone.
        #[arg(long)]
        public: bool,
        /// Where a browser may be sent back to; may come several times.
        #[arg(long = "redirect-uri")]
        redirect_uris: Vec<String>,
        /// How long its access tokens hold, in seconds; as long as the server's setting says when missing.
        #[arg(long)]
        access_token_seconds: Option<u32>,
    },
    /// Change what is named.
    Set {
        client: ClientId,
        #[arg(long)]
        name: Option<String>,
        /// Replaces all scopes; may come several times.
        #[arg(long = "scope")]
        scopes: Vec<ScopeName>,
        /// Replaces all of them; may come several times.
        #[arg(long = "redirect-uri")]
        redirect_uris: Vec<String>,
        /// Seconds, or `default`.
        #[arg(long)]
        access_token_seconds: Option<Lifetime>,
    },
    /// Make a second secret and print it. Both are good until one is deleted.
    Rotate { client: ClientId },
    /// Delete a secret: it is refused from now on, and so are the tokens it was exchanged for.
    DeleteSecret { client: ClientId, secret: OauthSecretId },
    /// End all tokens that a client has got, and what users have allowed it.
    EndTokens { client: ClientId },
    /// Delete a client with its secrets and grants.
    Delete { client: ClientId },
}

impl ClientCommand {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => {
                return say_list(&client.get(CLIENTS).await?, &["id", "name", "scopes"], json);
            }
            Self::Show { client: id } => say_json(&client.get(&format!("{CLIENTS}/{id}")).await?)?,
            Self::Create { name, scopes, public, redirect_uris, access_token_seconds } => {
                let body = json!({
                    "name": name, "hasSecret": !public, "scopes": names(&scopes), "redirectUris": redirect_uris,
                    "accessTokenSeconds": access_token_seconds,
                });
                let made = client.post(CLIENTS, &body).await?;
                if json { say_json(&made)? } else { say(&credentials(&made))? }
            }
            Self::Set { client: id, name, scopes, redirect_uris, access_token_seconds } => {
                let seconds = access_token_seconds.map(|lifetime| match lifetime {
                    Lifetime::Seconds(seconds) => json!(seconds),
                    Lifetime::Default => json!("default"),
                });
                let body = json!({
                    "name": name,
                    "scopes": (!scopes.is_empty()).then(|| names(&scopes)),
                    "redirectUris": (!redirect_uris.is_empty()).then_some(redirect_uris),
                    "accessTokenSeconds": seconds,
                });
                let changed = client.put(&format!("{CLIENTS}/{id}"), &body).await?;
                if json { say_json(&changed)? } else { say("changed")? }
            }
            Self::Rotate { client: id } => {
                let made = client.post(&format!("{CLIENTS}/{id}/secrets"), &Value::Null).await?;
                if json { say_json(&made)? } else { say(&plain(&made["clientSecret"]))? }
            }
            Self::DeleteSecret { client: id, secret } => {
                client.delete(&format!("{CLIENTS}/{id}/secrets/{secret}")).await?;
                if json { say_json(&json!({"deleted": secret}))? } else { say("deleted")? }
            }
            Self::EndTokens { client: id } => {
                client.post(&format!("{CLIENTS}/{id}/end-tokens"), &Value::Null).await?;
                if json { say_json(&json!({"ended": id}))? } else { say("ended")? }
            }
            Self::Delete { client: id } => {
                client.delete(&format!("{CLIENTS}/{id}")).await?;
                if json { say_json(&json!({"deleted": id}))? } else { say("deleted")? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn names(scopes: &[ScopeName]) -> Vec<&'static str> {
    scopes.iter().map(|scope| scope.0.as_str()).collect()
}

/// What a client needs to know of itself.
fn credentials(made: &Value) -> String {
    match &made["clientSecret"] {
        Value::Null => format!("client_id: {}", plain(&made["id"])),
        secret => format!("client_id: {}\nclient_secret: {}", plain(&made["id"]), plain(secret)),
    }
}

#[derive(Subcommand)]
pub(crate) enum ConsentCommand {
    /// List what you have allowed OAuth clients; as an administrator, what everybody has.
    List,
    /// Take it back: its tokens are refused from now on.
    End { consent: ConsentId },
}

impl ConsentCommand {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => {
                let list = client.get(CONSENTS).await?;
                return say_list(&list, &["id", "clientId", "userId", "scopes"], json);
            }
            Self::End { consent } => {
                client.delete(&format!("{CONSENTS}/{consent}")).await?;
                if json { say_json(&json!({"ended": consent}))? } else { say("ended")? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// List the keys that access tokens are verified by, the newest first.
    List,
    /// Make the next key. It is published at once and signs from an hour on.
    Rotate,
    /// Delete a key that is known to others: what it has signed is refused from now on.
    Delete { key: SigningKeyId },
}

impl KeyCommand {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => {
                return say_list(&client.get(KEYS).await?, &["id", "createdAt", "signsFrom"], json);
            }
            Self::Rotate => {
                let key = client.post(KEYS, &Value::Null).await?;
                if json { say_json(&key)? } else { say(&plain(&key["id"]))? }
            }
            Self::Delete { key } => {
                client.delete(&format!("{KEYS}/{key}")).await?;
                if json { say_json(&json!({"deleted": key}))? } else { say("deleted")? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_seconds_or_the_default() {
        assert_eq!("60".parse::<Lifetime>().unwrap(), Lifetime::Seconds(60));
        assert_eq!("default".parse::<Lifetime>().unwrap(), Lifetime::Default);
        assert!("1h".parse::<Lifetime>().is_err());
    }

    #[test]
    fn a_secret_is_printed_where_there_is_one() {
        let made = json!({"id": "a", "clientSecret": "b"});
        assert_eq!(credentials(&made), "client_id: a\nclient_secret: b");
        assert_eq!(credentials(&json!({"id": "a", "clientSecret": null})), "client_id: a");
    }
}
