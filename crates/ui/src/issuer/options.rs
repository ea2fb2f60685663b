//! How signing in with OpenID Connect is set up.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use forebay_core::secret::Secret;
use forebay_engine::OidcRules;

use super::Provider;
use super::http::Http;

/// The secret of the client may stand there, instead of in a file. It is no argument: those can be seen by everybody on
/// the machine.
const SECRET: &str = "FOREBAY_OIDC_CLIENT_SECRET";

/// Signing in by an issuer of OpenID Connect. Without an issuer, nobody does.
#[derive(Clone, Debug, clap::Args)]
pub struct OidcOptions {
    /// Let people sign in by this issuer of OpenID Connect, written as it calls itself.
    #[arg(long, env = "FOREBAY_OIDC_ISSUER", requires = "oidc_client_id")]
    oidc_issuer: Option<String>,
    /// What this server is called at the issuer.
    #[arg(long, env = "FOREBAY_OIDC_CLIENT_ID", requires = "oidc_issuer")]
    oidc_client_id: Option<String>,
    /// A file with the secret of the client; or put it into FOREBAY_OIDC_CLIENT_SECRET. A client may have none.
    #[arg(long, env = "FOREBAY_OIDC_CLIENT_SECRET_FILE", requires = "oidc_issuer")]
    oidc_client_secret_file: Option<PathBuf>,
    /// What the issuer is asked for, apart by spaces.
    #[arg(long, env = "FOREBAY_OIDC_SCOPES", default_value_t = Self::default().oidc_scopes)]
    oidc_scopes: String,
    /// What the issuer is called on the button.
    #[arg(long, env = "FOREBAY_OIDC_NAME", default_value_t = Self::default().oidc_name)]
    oidc_name: String,
    /// The claim that has the e-mail address.
    #[arg(long, env = "FOREBAY_OIDC_EMAIL_CLAIM", default_value_t = Self::default().oidc_email_claim)]
    oidc_email_claim: String,
    /// The claim that is true when the issuer has verified the address; by default the one of the address with
    /// `_verified` after it.
    #[arg(long, env = "FOREBAY_OIDC_VERIFIED_CLAIM")]
    oidc_verified_claim: Option<String>,
    /// Make a user for whoever signs in and has none; otherwise an administrator makes them.
    #[arg(long, env = "FOREBAY_OIDC_CREATE_USERS")]
    oidc_create_users: bool,
    /// Whoever signs in for the first time has an e-mail address at this domain; may come several times, or with
    /// commas between.
    #[arg(long = "oidc-email-domain", env = "FOREBAY_OIDC_EMAIL_DOMAINS", value_delimiter = ',')]
    oidc_email_domains: Vec<String>,
    /// Passwords count for administrators alone.
    #[arg(long, env = "FOREBAY_OIDC_ONLY_ADMINS_BY_PASSWORD", requires = "oidc_issuer")]
    oidc_only_admins_by_password: bool,
    /// A PEM file with further roots to trust for the issuer's certificate, beside those of the machine.
    #[arg(long, env = "FOREBAY_OIDC_CA_FILE")]
    oidc_ca_file: Option<PathBuf>,
    /// How long the issuer may take for an answer, in seconds.
    #[arg(long, env = "FOREBAY_OIDC_TIMEOUT_SECONDS", default_value_t = Self::default().oidc_timeout_seconds, value_parser = clap::value_parser!(u64).range(1..=60))]
    oidc_timeout_seconds: u64,
}

impl Default for OidcOptions {
    fn default() -> Self {
        Self {
            oidc_issuer: None,
            oidc_client_id: None,
            oidc_client_secret_file: None,
            oidc_scopes: "openid email profile".to_owned(),
            oidc_name: "OpenID Connect".to_owned(),
            oidc_email_claim: "email".to_owned(),
            oidc_verified_claim: None,
            oidc_create_users: false,
            oidc_email_domains: Vec::new(),
            oidc_only_admins_by_password: false,
            oidc_ca_file: None,
            oidc_timeout_seconds: 10,
        }
    }
}

/// What this server is at the issuer.
pub(super) struct Client {
    pub(super) name: String,
    pub(super) issuer: String,
    pub(super) id: String,
    pub(super) secret: Option<Secret>,
    pub(super) scopes: String,
}

impl OidcOptions {
    /// The issuer and who may sign in by it; `None` when none is set.
    ///
    /// # Errors
    /// Something is set that cannot be used.
    pub fn open(&self) -> anyhow::Result<Option<(Provider, OidcRules)>> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let (issuer, id) = match (given(&self.oidc_issuer), given(&self.oidc_client_id)) {
            (Some(issuer), Some(id)) => (issuer, id),
            (None, None) => return Ok(None),
            _ => bail!("OpenID Connect needs both --oidc-issuer and --oidc-client-id"),
        };
        let ca = match &self.oidc_ca_file {
            Some(file) => {
                let read = std::fs::read(file);
                Some(read.with_context(|| format!("--oidc-ca-file: {} cannot be read", file.display()))?)
            }
            None => None,
        };
        let timeout = Duration::from_secs(self.oidc_timeout_seconds);
        let http = Http::new(&issuer, ca.as_deref(), timeout)?;
        let rules = OidcRules {
            issuer: issuer.clone(),
            client_id: id.clone(),
            email_claim: self.oidc_email_claim.clone(),
            verified_claim: match given(&self.oidc_verified_claim) {
                Some(claim) => claim,
                None => format!("{}_verified", self.oidc_email_claim),
            },
            creates_users: self.oidc_create_users,
            email_domains: self.domains()?,
            only_admins_by_password: self.oidc_only_admins_by_password,
        };
        let client = Client {
            name: self.oidc_name.clone(),
            issuer,
            id,
            secret: self.secret()?,
            scopes: self.scopes(),
        };
        Ok(Some((Provider::new(client, http), rules)))
    }

    fn secret(&self) -> anyhow::Result<Option<Secret>> {
        let text = match &self.oidc_client_secret_file {
            Some(file) => {
                let read = std::fs::read_to_string(file);
                read.with_context(|| format!("--oidc-client-secret-file: {} cannot be read", file.display()))?
            }
            None => match std::env::var(SECRET) {
                Ok(text) => text,
                Err(std::env::VarError::NotPresent) => return Ok(None),
                Err(std::env::VarError::NotUnicode(_)) => bail!("{SECRET} is not text"),
            },
        };
        let text = text.trim();
        if text.is_empty() {
            bail!("the secret of the OpenID Connect client is empty; leave it out if the client has none");
        }
        Ok(Some(Secret::new(text)))
    }

    /// Without `openid` there is no ID token.
    fn scopes(&self) -> String {
        let asked = self.oidc_scopes.split_whitespace().filter(|scope| *scope != "openid");
        ["openid"].into_iter().chain(asked).collect::<Vec<_>>().join(" ")
    }

    fn domains(&self) -> anyhow::Result<Vec<String>> {
        let mut domains = Vec::new();
        for domain in &self.oidc_email_domains {
            let domain = domain.trim().trim_start_matches('@');
            if domain.is_empty() {
                continue;
            }
            if domain.contains(['@', '*', ' ']) {
                bail!("--oidc-email-domain: `{domain}` is no domain; write it as in example.org");
            }
            domains.push(domain.to_owned());
        }
        Ok(domains)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(issuer: &str) -> OidcOptions {
        OidcOptions {
            oidc_issuer: Some(issuer.to_owned()),
            oidc_client_id: Some("forebay".to_owned()),
            ..OidcOptions::default()
        }
    }

    #[test]
    fn nothing_set_is_no_issuer_and_half_of_it_is_an_error() {
        assert!(OidcOptions::default().open().unwrap().is_none());
        let half = OidcOptions { oidc_client_id: None, ..options("https://login.example.org") };
        assert!(half.open().is_err());
    }

    #[test]
    fn an_issuer_is_reached_by_https_but_on_this_machine() {
        let check = |issuer: &str, expected: bool| {
            assert_eq!(options(issuer).open().is_ok(), expected, "{issuer}");
        };
        check("https://login.example.org/realms/main", true);
        check("http://127.0.0.1:9000", true);
        check("http://localhost:9000", true);
        check("http://[::1]:9000", true);
        check("http://login.example.org", false);
        check("http://127.0.0.1.example.org", false);
        check("https://login.example.org?tenant=1", false);
        check("https://you:secret@login.example.org", false);
        check("login.example.org", false);
        check("file:///etc/passwd", false);
    }

    #[test]
    fn what_is_not_said_follows_from_the_rest() {
        let (_, rules) = options("https://login.example.org").open().unwrap().unwrap();
        assert_eq!((rules.email_claim.as_str(), rules.verified_claim.as_str()), ("email", "email_verified"));
        assert!(!rules.creates_users && !rules.only_admins_by_password && rules.email_domains.is_empty());
        let other = OidcOptions {
            oidc_email_claim: "upn".to_owned(),
            oidc_scopes: " email  openid".to_owned(),
            oidc_email_domains: vec!["@example.org".to_owned(), " example.com".to_owned(), String::new()],
            ..options("https://login.example.org")
        };
        let (provider, rules) = other.open().unwrap().unwrap();
        assert_eq!(
            (rules.verified_claim.as_str(), provider.0.client.scopes.as_str()),
            ("upn_verified", "openid email")
        );
        assert_eq!(rules.email_domains, ["example.org", "example.com"]);
        let wrong = OidcOptions { oidc_email_domains: vec!["*.example.org".to_owned()], ..other };
        assert!(wrong.open().is_err());
    }
}
