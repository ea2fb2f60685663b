//! Signing in with OpenID Connect: which user somebody is whom an issuer has named.
//!
//! [`attempt`] ties what comes back to the browser that began, [`id_token`] says what may be believed, and [`keys`]
//! are those by which an issuer signs. An issuer is asked elsewhere: nothing here knows HTTP.

mod attempt;
mod id_token;
mod keys;

use forebay_core::access::{Caller, Role, User};
use forebay_core::error::{Error, Result};
use forebay_core::id::UserId;
use forebay_core::name::{NAME_LIMIT, Name};
use serde_json::Value;

pub use self::attempt::Attempt;
pub use self::id_token::Identity;
pub use self::keys::IssuerKeys;

use self::id_token::Expected;
use crate::Engine;
use crate::sessions::NewSession;

/// Who may sign in by an issuer, and what is needed for it.
#[derive(Clone, Debug)]
pub struct OidcRules {
    /// The issuer, letter by letter as it calls itself.
    pub issuer: String,
    pub client_id: String,
    /// The claim that has the e-mail address.
    pub email_claim: String,
    /// The claim that is true when the issuer has verified that address.
    pub verified_claim: String,
    /// Whether a user is made for whoever has none yet.
    pub creates_users: bool,
    /// Whoever signs in for the first time has an address at one of these; everybody may when there is none.
    pub email_domains: Vec<String>,
    /// Whether passwords count for administrators alone.
    pub only_admins_by_password: bool,
}

/// Why somebody whom an issuer has sent is not let in; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    #[error(
        "this sign-in was begun in another browser or another tab, was used already, or is older than 10 minutes; \
         begin it again here"
    )]
    Attempt,
    /// The issuer may have new keys.
    #[error(
        "the issuer has signed with a key that it does not publish; try again in a minute, and tell an administrator \
         if it stays so"
    )]
    UnknownKey,
    #[error("what the issuer says does not count: {0}")]
    IdToken(&'static str),
    #[error(
        "the issuer tells no e-mail address in `{0}`; an administrator lets it send that claim, or names another one \
         (--oidc-email-claim, --oidc-scopes)"
    )]
    NoEmail(String),
    #[error(
        "the issuer has not verified the address {email}: `{claim}` is not true; verify it there, then sign in again"
    )]
    Unverified { email: String, claim: String },
    #[error("nobody with the address {0} may sign in here; use the account that is meant for this server")]
    Domain(String),
    #[error(
        "there is no user with the address {0}; ask an administrator to make one with it, then sign in again"
    )]
    UnknownUser(String),
    #[error("several users have the address {0}; ask an administrator to leave it to one of them")]
    Ambiguous(String),
    #[error(
        "the user with the address {0} is tied to another account of the issuer; ask an administrator to untie it \
         under Administration → Users"
    )]
    OtherAccount(String),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl OidcError {
    /// The reason in short, for a log: without the address of anybody.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Attempt => "no attempt of this browser",
            Self::UnknownKey => "signed with a key that is not published",
            Self::IdToken(text) => text,
            Self::NoEmail(_) => "no e-mail address",
            Self::Unverified { .. } => "an address that is not verified",
            Self::Domain(_) => "an address of a domain that is not allowed",
            Self::UnknownUser(_) => "no user with the address",
            Self::Ambiguous(_) => "several users with the address",
            Self::OtherAccount(_) => "the user is tied to another account",
            Self::Failed(_) => "a failure here",
        }
    }
}

/// What is kept in memory.
#[derive(Default)]
pub(crate) struct State {
    used: attempt::Used,
}

impl Engine {
    /// How people sign in by an issuer, if they may.
    #[must_use]
    pub fn oidc_rules(&self) -> Option<&OidcRules> {
        self.0.settings.oidc.as_ref()
    }

    fn oidc(&self) -> Result<&OidcRules> {
        self.oidc_rules().ok_or_else(|| Error::internal("no issuer of OpenID Connect is set"))
    }

    /// Begins to sign somebody in. The browser holds the attempt's text until they come back.
    #[must_use]
    pub fn begin_oidc(&self) -> Attempt {
        Attempt::new(self.now())
    }

    /// Takes an attempt up again, once: its text as the browser holds it, and the state that has come back.
    ///
    /// # Errors
    /// `Attempt`.
    pub fn resume_oidc(&self, text: &str, state: &str) -> Result<Attempt, OidcError> {
        let now = self.now();
        let attempt = Attempt::resumed(text, state, now).ok_or(OidcError::Attempt)?;
        match self.0.oidc.used.take(&attempt, now) {
            true => Ok(attempt),
            false => Err(OidcError::Attempt),
        }
    }

    /// Whom an ID token names, if the issuer has made it for this attempt.
    ///
    /// # Errors
    /// `UnknownKey` when other keys could help; `IdToken`.
    pub fn identity(&self, attempt: &Attempt, token: &str, keys: &IssuerKeys) -> Result<Identity, OidcError> {
        let rules = self.oidc()?;
        let expected = Expected {
            issuer: &rules.issuer,
            client_id: &rules.client_id,
            nonce: &attempt.nonce(),
            begun: attempt.begun(),
        };
        id_token::check(token, keys, &expected, self.now())
    }

    /// Signs somebody in: by issuer and subject when they have been here before, and the first time by the e-mail
    /// address that the issuer has verified.
    ///
    /// # Errors
    /// Says why not. `NoEmail` may be mended by what the issuer says beside the ID token.
    pub async fn sign_in_by_identity(&self, identity: &Identity) -> Result<NewSession, OidcError> {
        let rules = self.oidc()?;
        let user = match self.store().user_by_identity(&rules.issuer, identity.subject()).await? {
            Some(user) => user,
            None => self.user_for(rules, identity).await?,
        };
        Ok(self.begin_session(user, Some(&rules.issuer)).await?)
    }

    /// The user whom somebody gets who is here for the first time.
    async fn user_for(&self, rules: &OidcRules, identity: &Identity) -> Result<UserId, OidcError> {
        let email = rules.email_of(identity)?;
        let (issuer, subject) = (rules.issuer.as_str(), identity.subject());
        let (user, tied) = match self.store().users_by_email(&email).await?.as_slice() {
            [user] => (user.id, self.store().add_identity(issuer, subject, user.id, self.now()).await),
            [] if rules.creates_users => {
                let user = self.user_of(identity, &email)?;
                (user.id, self.store().create_user_with_identity(&user, issuer, subject).await)
            }
            [] => return Err(OidcError::UnknownUser(email)),
            _ => return Err(OidcError::Ambiguous(email)),
        };
        match tied {
            Ok(()) => {
                tracing::info!(user.id = %user, issuer, "a user signs in by the issuer for the first time");
                Ok(user)
            }
            // The same person may have come twice at a time.
            Err(Error::Conflict { .. }) => {
                let other = self.store().user_by_identity(issuer, subject).await?;
                other.ok_or(OidcError::OtherAccount(email))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A new user, who may do nothing yet.
    fn user_of(&self, identity: &Identity, email: &str) -> Result<User> {
        let told = identity.claim("name").and_then(Value::as_str).map(str::trim);
        let name = match told.and_then(|told| Name::parse("name", told).ok()) {
            Some(name) => name,
            None => Name::parse("name", &email.chars().take(NAME_LIMIT).collect::<String>())?,
        };
        let email = Some(email.to_owned());
        Ok(User { id: UserId::random(), name, email, role: Role::Member, created_at: self.now() })
    }

    /// The users who are tied to an account of an issuer.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn tied_users(&self, caller: &Caller) -> Result<Vec<UserId>> {
        Self::administrator(caller)?;
        self.store().users_with_identity().await
    }

    /// Unties a user from their account of an issuer: whoever has the user's e-mail address there is tied to it at
    /// the next sign-in. Sessions that were begun by the issuer end.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn untie_user(&self, caller: &Caller, user: UserId) -> Result<()> {
        Self::administrator(caller)?;
        self.store().user(user).await?;
        self.store().forget_identities(user).await?;
        tracing::info!(user.id = %user, untied_by = %caller.name, "a user was untied from the issuer");
        Ok(())
    }
}

impl OidcRules {
    /// The address of somebody who may sign in with it for the first time.
    fn email_of(&self, identity: &Identity) -> Result<String, OidcError> {
        let told = identity.claim(&self.email_claim).and_then(Value::as_str).map(str::trim);
        let email = told.filter(|email| is_address(email));
        let email = email.ok_or_else(|| OidcError::NoEmail(self.email_claim.clone()))?;
        let (email, claim) = (email.to_owned(), self.verified_claim.clone());
        if !identity.claim(&claim).is_some_and(is_true) {
            return Err(OidcError::Unverified { email, claim });
        }
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let is_allowed = |allowed: &String| allowed.eq_ignore_ascii_case(domain);
        if !self.email_domains.is_empty() && !self.email_domains.iter().any(is_allowed) {
            return Err(OidcError::Domain(email));
        }
        Ok(email)
    }
}

/// Whether a text may be an address: RFC 5321 lets none be longer.
fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
    parts && text.len() <= 254 && !text.contains(|letter: char| letter.is_control() || letter.is_whitespace())
}

/// Issuers write it in several ways.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::String(text) => ["true", "1"].contains(&text.as_str()),
        Value::Number(number) => number.as_u64() == Some(1),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
