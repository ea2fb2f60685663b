//! Who signs in with a browser: by a password, by an API key, or once by a link. How an issuer of OpenID Connect signs
//! somebody in is in `oidc`.

use std::time::Duration;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use forebay_core::Timestamp;
use forebay_core::access::{Caller, Role, Subject};
use forebay_core::error::{Error, Result};
use forebay_core::id::UserId;
use forebay_core::oauth::Action;
use forebay_core::secret::Secret;
use tokio::sync::Semaphore;

use crate::Engine;
use crate::keys::hash;
use crate::oauth::{OauthError, Tried, Visit, random_secret};

const HOUR: i64 = 60 * 60 * 1000;
/// How long a session holds that nobody uses, in milliseconds.
const IDLE: i64 = 12 * HOUR;
/// How long a session holds at most, in milliseconds.
const LONGEST: i64 = 7 * 24 * HOUR;
/// How much of its time a session uses up before it is let hold longer, in milliseconds: it is written down then.
const EXTEND_AFTER: i64 = 10 * 60 * 1000;
/// How long a link holds, in milliseconds.
const LINK: i64 = 24 * HOUR;

/// The fewest characters of a password, and the most bytes: more are no help, and cost time.
const SHORTEST: usize = 12;
const LONGEST_BYTES: usize = 1024;

/// How many passwords are looked at at a time: each look takes 19 MiB of memory, on purpose.
static LOOKS: Semaphore = Semaphore::const_new(2);

/// A session that has just begun.
pub struct NewSession {
    /// What the browser holds.
    pub secret: Secret,
    pub user: UserId,
}

/// Why somebody could not sign in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Which of the two is wrong is not told: it would say who is there.
    #[error("the name and the password do not belong together")]
    Password,
    #[error("this is not an API key of a user")]
    Key,
    #[error(
        "passwords count for administrators alone on this server: sign in by the button above, or ask an administrator \
         for a link"
    )]
    PasswordsOff,
    #[error("the link has been used or has ended; ask an administrator for another one")]
    Link,
    #[error("too many wrong attempts; wait for {} seconds", .0.as_secs())]
    Throttled(Duration),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<OauthError> for SignInError {
    fn from(error: OauthError) -> Self {
        match error {
            OauthError::Throttled(wait) => Self::Throttled(wait),
            OauthError::NotSignedIn => Self::Key,
            OauthError::Failed(error) => Self::Failed(error),
            other => Self::Failed(Error::internal(other)),
        }
    }
}

impl Engine {
    /// Signs a user in by name or e-mail address and password.
    ///
    /// # Errors
    /// `Password`, `PasswordsOff`, and `Throttled` after too many wrong ones.
    pub async fn sign_in_by_password(
        &self,
        name: &str,
        password: &Secret,
        visit: &Visit,
    ) -> Result<NewSession, SignInError> {
        let (throttle, now) = (&self.0.oauth.throttle, self.now());
        let name = name.trim();
        let tried = Tried::Password(name.to_lowercase());
        throttle.check(visit.peer, &tried, now)?;
        let found = self.store().user_to_sign_in(name).await?;
        let (user, kept) = found.map_or((None, None), |(user, kept)| (Some(user), kept));
        let is_right = is_password(password, kept).await?;
        match user {
            Some(user) if is_right => {
                let role = self.store().user(user).await?.role;
                match self.lets_by_password(role) {
                    true => Ok(self.begin_session(user, None).await?),
                    false => {
                        visit.trail.fails_to_sign_in(Some(Subject::User(user)));
                        Err(SignInError::PasswordsOff)
                    }
                }
            }
            _ => {
                throttle.wrong(visit.peer, tried, now);
                visit.trail.fails_to_sign_in(user.map(Subject::User));
                tracing::warn!(peer = ?visit.peer, "a sign-in with a wrong password was refused");
                Err(SignInError::Password)
            }
        }
    }

    /// Signs a user in by one of their API keys.
    ///
    /// # Errors
    /// `Key`, and `Throttled` after too many wrong ones.
    pub async fn sign_in_by_key(&self, key: &Secret, visit: &Visit) -> Result<NewSession, SignInError> {
        let user = self.sign_in(key, visit).await?;
        Ok(self.begin_session(user, None).await?)
    }

    /// Signs a user in by a link, which is used up by that.
    ///
    /// # Errors
    /// `Link`, and `Throttled` after too many wrong ones.
    pub async fn sign_in_by_link(&self, link: &Secret, visit: &Visit) -> Result<NewSession, SignInError> {
        let (throttle, now) = (&self.0.oauth.throttle, self.now());
        throttle.check(visit.peer, &Tried::Link, now)?;
        let Some(user) = self.store().take_sign_in_link(&hash(link.expose().trim()), now).await? else {
            throttle.wrong(visit.peer, Tried::Link, now);
            visit.trail.fails_to_sign_in(None);
            return Err(SignInError::Link);
        };
        Ok(self.begin_session(user, None).await?)
    }

    /// Begins a session of somebody who has proven who they are; `issuer` is who has said it, if it was one.
    pub(crate) async fn begin_session(&self, user: UserId, issuer: Option<&str>) -> Result<NewSession> {
        let (secret, now) = (random_secret(), self.now());
        self.store().add_session(&hash(secret.expose()), user, issuer, now, after(now, IDLE)).await?;
        Ok(NewSession { secret, user })
    }

    /// Whether passwords count for people of this role.
    fn lets_by_password(&self, role: Role) -> bool {
        role == Role::Admin || !self.oidc_rules().is_some_and(|rules| rules.only_admins_by_password)
    }

    /// Who has signed in with this browser.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn caller_by_session(&self, secret: &Secret) -> Result<Caller> {
        let (hash, now) = (hash(secret.expose()), self.now());
        let found = self.store().caller_by_session(&hash, now).await?;
        let (caller, since, until) = found.ok_or(Error::Unauthenticated)?;
        let longest = after(since, LONGEST).as_millis();
        let longer = after(now, IDLE).as_millis().min(longest);
        if longer - until.as_millis() > EXTEND_AFTER {
            match self.store().extend_session(&hash, Timestamp::from_millis(longer)).await {
                // A full disk must not keep anybody from reading.
                Ok(()) | Err(Error::InsufficientStorage { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(caller)
    }

    /// Ends a session. Whether it was begun by the issuer of OpenID Connect, where somebody is signed in still.
    ///
    /// # Errors
    /// Only internal ones.
    pub async fn sign_out(&self, secret: &Secret) -> Result<bool> {
        let issuer = self.store().end_session(&hash(secret.expose())).await?;
        Ok(issuer.is_some_and(|issuer| self.oidc_rules().is_some_and(|rules| rules.issuer == issuer)))
    }

    /// Whether the caller has a password.
    ///
    /// # Errors
    /// `Forbidden` for whoever is no user.
    pub async fn has_password(&self, caller: &Caller) -> Result<bool> {
        Ok(self.store().password(user_of(caller)?).await?.is_some())
    }

    /// Sets the caller's password. Whoever has one must say it. All sessions but this one end.
    ///
    /// # Errors
    /// `Forbidden` for an access token; `Invalid` with the field.
    pub async fn set_password(
        &self,
        caller: &Caller,
        before: Option<&Secret>,
        password: &Secret,
        session: &Secret,
    ) -> Result<()> {
        Self::lets(caller, Action::Administer)?;
        let user = user_of(caller)?;
        if !self.lets_by_password(caller.role) {
            let text = "counts for administrators alone on this server; sign in by the issuer";
            return Err(Error::invalid("password", text));
        }
        let text = password.expose();
        if text.chars().count() < SHORTEST {
            return Err(Error::invalid("password", format!("needs at least {SHORTEST} characters")));
        }
        if text.len() > LONGEST_BYTES {
            return Err(Error::invalid("password", format!("has more than {LONGEST_BYTES} bytes")));
        }
        let kept = self.store().password(user).await?;
        if kept.is_some() {
            let before = before.ok_or_else(|| Error::invalid("before", "is missing"))?;
            if !is_password(before, kept).await? {
                return Err(Error::invalid("before", "is not your password"));
            }
        }
        let kept = phc(password).await?;
        self.store().set_password(user, &kept, Some(&hash(session.expose()))).await
    }

    /// A link that signs a user in once, within a day: for somebody who has no password yet, or has lost it.
    ///
    /// # Errors
    /// `Forbidden` for whoever is no administrator; `NotFound`.
    pub async fn make_sign_in_link(&self, caller: &Caller, user: UserId) -> Result<Secret> {
        Self::administrator(caller)?;
        self.store().user(user).await?;
        self.first_link(user).await
    }

    /// The same, for the first user of a new server.
    pub(crate) async fn first_link(&self, user: UserId) -> Result<Secret> {
        let secret = random_secret();
        self.store().add_sign_in_link(&hash(secret.expose()), user, after(self.now(), LINK)).await?;
        Ok(secret)
    }
}

fn after(time: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(millis))
}

fn user_of(caller: &Caller) -> Result<UserId> {
    match caller.subject {
        Subject::User(user) => Ok(user),
        Subject::Application(_) => {
            Err(Error::invalid("user", "an application has no password; it comes with a key"))
        }
    }
}

/// What is kept of a password.
async fn phc(password: &Secret) -> Result<String> {
    let password = password.clone();
    off_thread(move || {
        let salt = SaltString::generate(&mut OsRng);
        let hashed = Argon2::default().hash_password(password.expose().as_bytes(), &salt);
        hashed.map(|hash| hash.to_string()).map_err(Error::internal)
    })
    .await
}

/// Whether a password is the one that is kept. It takes as long when none is: how long it takes says nothing about
/// who is there.
async fn is_password(password: &Secret, kept: Option<String>) -> Result<bool> {
    /// Of no password that anybody knows.
    const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                           AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let password = password.clone();
    off_thread(move || {
        let is_kept = kept.is_some();
        let kept = kept.as_deref().unwrap_or(NOBODYS);
        let kept = PasswordHash::new(kept).map_err(Error::internal)?;
        let fits = password.expose().len() <= LONGEST_BYTES
            && Argon2::default().verify_password(password.expose().as_bytes(), &kept).is_ok();
        Ok(fits && is_kept)
    })
    .await
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let _look = LOOKS.acquire().await.map_err(Error::internal)?;
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
