//! Users, applications, their keys, and grants.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forebay_core::access::{
    Application, Caller, Grant, Grantee, Key, Permission, Role, Scope, Subject, User,
};
use forebay_core::error::{Error, Result};
use forebay_core::id::{ApplicationId, DataPoolId, KeyId, UserId};
use forebay_core::name::Name;
use forebay_core::oauth::Action;
use forebay_core::secret::Secret;
use forebay_store::KeyKind;
use sha2::{Digest, Sha256};

use crate::Engine;

/// The administrator's key of the first start, to be shown once.
pub struct FirstKey {
    pub user: User,
    pub secret: Secret,
    /// Signs the administrator in once, with a browser.
    pub link: Secret,
}

/// A key that was just made, with the text that is shown once.
pub struct NewKey {
    pub key: Key,
    pub secret: Secret,
}

/// 256 random bits as text.
pub(crate) fn random_text() -> String {
    STANDARD.encode(rand::random::<[u8; 32]>())
}

/// What is kept of a secret.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl Engine {
    /// Makes an administrator with one key when there is no user yet.
    ///
    /// # Errors
    /// Only internal ones.
    pub async fn first_start(&self) -> Result<Option<FirstKey>> {
        if !self.store().users().await?.is_empty() {
            return Ok(None);
        }
        let user = User {
            id: UserId::random(),
            name: Name::parse("name", "Administrator")?,
            email: None,
            role: Role::Admin,
            created_at: self.now(),
        };
        self.store().create_user(&user).await?;
        let made = self.make_key(Subject::User(user.id), Name::parse("name", "First key")?).await?;
        let link = self.first_link(user.id).await?;
        Ok(Some(FirstKey { user, secret: made.secret, link }))
    }

    /// Whose key this is, if it is one of that kind.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn caller_by_key(&self, secret: &str, kind: KeyKind) -> Result<Caller> {
        self.store().caller_by_key(&hash(secret), kind, self.now()).await?.ok_or(Error::Unauthenticated)
    }

    async fn make_key(&self, owner: Subject, name: Name) -> Result<NewKey> {
        let key = Key { id: KeyId::random(), owner, name, created_at: self.now(), last_used_at: None };
        // The look of the keys people know: base64 of `uuid:secret`.
        let secret = STANDARD.encode(format!("{}:{}", key.id, random_text()));
        self.store().create_key(&key, &hash(&secret)).await?;
        Ok(NewKey { key, secret: Secret::new(secret) })
    }

    /// The caller's own keys; for an administrator, everybody's.
    ///
    /// # Errors
    /// `Forbidden` for an access token: it must not turn into a key, which has no end and no scopes.
    pub async fn keys(&self, caller: &Caller) -> Result<Vec<Key>> {
        Self::lets(caller, Action::Administer)?;
        match caller.role {
            Role::Admin => self.store().keys(None).await,
            Role::Member => self.store().keys(Some(caller.subject)).await,
        }
    }

    /// Makes a key for the caller, or, by an administrator, for somebody else.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn create_key(&self, caller: &Caller, owner: Option<Subject>, name: Name) -> Result<NewKey> {
        Self::lets(caller, Action::Administer)?;
        let owner = owner.unwrap_or(caller.subject);
        if owner != caller.subject {
            Self::administrator(caller)?;
            self.subject_exists(owner).await?;
        }
        self.make_key(owner, name).await
    }

    /// # Errors
    /// `Forbidden` for an access token; `NotFound`, also for keys of others.
    pub async fn delete_key(&self, caller: &Caller, key: KeyId) -> Result<()> {
        if !self.keys(caller).await?.iter().any(|kept| kept.id == key) {
            return Err(Error::not_found(forebay_core::error::Kind::Key, key));
        }
        self.store().delete_key(key).await
    }

    async fn subject_exists(&self, subject: Subject) -> Result<()> {
        match subject {
            Subject::User(id) => self.store().user(id).await.map(drop),
            Subject::Application(id) => self.store().application(id).await.map(drop),
        }
    }

    /// # Errors
    /// `Forbidden`.
    pub async fn users(&self, caller: &Caller) -> Result<Vec<User>> {
        Self::administrator(caller)?;
        self.store().users().await
    }

    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<User> {
        Self::administrator(caller)?;
        self.store().user(id).await
    }

    /// # Errors
    /// `Forbidden`, `Conflict`.
    pub async fn create_user(
        &self,
        caller: &Caller,
        name: Name,
        email: Option<String>,
        role: Role,
    ) -> Result<User> {
        Self::administrator(caller)?;
        let user = User { id: UserId::random(), name, email, role, created_at: self.now() };
        self.store().create_user(&user).await?;
        Ok(user)
    }

    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` for oneself.
    pub async fn delete_user(&self, caller: &Caller, user: UserId) -> Result<()> {
        Self::administrator(caller)?;
        if caller.subject == Subject::User(user) {
            return Err(Error::conflict("nobody can delete themselves; let another administrator do it"));
        }
        self.store().delete_user(user).await
    }

    /// # Errors
    /// `Forbidden`.
    pub async fn applications(&self, caller: &Caller) -> Result<Vec<Application>> {
        Self::administrator(caller)?;
        self.store().applications().await
    }

    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn application(&self, caller: &Caller, id: ApplicationId) -> Result<Application> {
        Self::administrator(caller)?;
        self.store().application(id).await
    }

    /// # Errors
    /// `Forbidden`, `Conflict`.
    pub async fn create_application(&self, caller: &Caller, name: Name) -> Result<Application> {
        Self::administrator(caller)?;
        let application = Application { id: ApplicationId::random(), name, created_at: self.now() };
        self.store().create_application(&application).await?;
        Ok(application)
    }

    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn delete_application(&self, caller: &Caller, application: ApplicationId) -> Result<()> {
        Self::administrator(caller)?;
        self.store().delete_application(application).await
    }

    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn grants(&self, caller: &Caller, pool: Option<DataPoolId>) -> Result<Vec<Grant>> {
        Self::administrator_for(caller, Action::ReadPermissions)?;
        match pool {
            Some(pool) => {
                self.store().data_pool(pool).await?;
                self.store().grants(Some(Scope::Pool(pool))).await
            }
            None => self.store().grants(None).await,
        }
    }

    /// Sets what a user, an application or a group may do in a scope; no permissions takes the grant away.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn set_grant(&self, caller: &Caller, grant: &Grant) -> Result<()> {
        Self::administrator(caller)?;
        match grant.grantee {
            Grantee::User(id) => self.subject_exists(Subject::User(id)).await?,
            Grantee::Application(id) => self.subject_exists(Subject::Application(id)).await?,
            Grantee::Group(id) => self.store().group(id).await.map(drop)?,
        }
        if let Scope::Pool(pool) = grant.scope {
            if grant.permissions.contains(&Permission::Metrics) {
                let text = "METRICS is about the whole server; grant it for all pools";
                return Err(Error::invalid("permissions", text));
            }
            self.store().data_pool(pool).await?;
        }
        self.store().set_grant(grant).await
    }
}
