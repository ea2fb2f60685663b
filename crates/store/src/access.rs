//! Users, applications, their keys and what they may do. Keys are here as hashes only.

use std::collections::BTreeSet;

use forebay_core::access::{
    Application, Caller, Grant, Grantee, Key, Permission, Role, Scope, Subject, User,
};
use forebay_core::error::Kind;
use forebay_core::id::{ApplicationId, DataPoolId, GroupId, KeyId, UserId};
use forebay_core::oauth::Authority;
use forebay_core::{Error, Result, Timestamp};

use crate::db::{self, Query, Row};
use crate::{Store, groups, pools};

/// Whose key a request carries; the two come in different headers and never stand for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    User,
    Application,
}

/// What somebody may do in a pool. It is asked with nearly every request, so it must never look at the grants of others.
pub(crate) const HELD_IN_POOL: &str =
    "select permission from held_permissions where holder_type = $1 and holder_id = $2 and scope in ('', $3)";
pub(crate) const HELD_ON_SERVICE: &str = "select 1 from held_permissions
     where holder_type = $1 and holder_id = $2 and scope = '' and permission = $3";

/// How old `last_used_at` gets before a use of the key is written down again.
const LAST_USED_MILLIS: i64 = 60_000;

impl Store {
    /// # Errors
    /// `Conflict` when the id is taken.
    pub async fn create_user(&self, user: &User) -> Result<()> {
        insert_user(user)?.execute_on(self.write()).await.map_err(|error| {
            db::error_or_duplicate(error, || format!("there already is a user `{}`", user.id))
        })?;
        Ok(())
    }

    /// All users, by name.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn users(&self) -> Result<Vec<User>> {
        let rows = db::query("select * from users order by name, id")
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(user).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn user(&self, id: UserId) -> Result<User> {
        let row = db::query("select * from users where id = $1")
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        user(&row.ok_or_else(|| Error::not_found(Kind::User, id))?)
    }

    /// Deletes a user with their keys and grants.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_user(&self, id: UserId) -> Result<()> {
        let done = db::query("delete from users where id = $1")
            .bind(id.to_string())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(Error::not_found(Kind::User, id)) } else { Ok(()) }
    }

    /// How many administrators there are.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn count_admins(&self) -> Result<u64> {
        let row = db::query("select count(*) as admins from users where role = 'ADMIN'")
            .fetch_one(&*self.read()?)
            .map_err(db::error)?;
        db::count(&row, "admins")
    }

    /// # Errors
    /// `Conflict` when the id is taken.
    pub async fn create_application(&self, application: &Application) -> Result<()> {
        db::query("insert into applications (id, name, created_at) values ($1, $2, $3)")
            .bind(application.id.to_string())
            .bind(application.name.as_str())
            .bind(application.created_at.as_millis())
            .execute_on(self.write())
            .await
            .map_err(|error| {
                db::error_or_duplicate(error, || {
                    format!("there already is an application `{}`", application.id)
                })
            })?;
        Ok(())
    }

    /// All applications, by name.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn applications(&self) -> Result<Vec<Application>> {
        let rows = db::query("select * from applications order by name, id")
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(application).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn application(&self, id: ApplicationId) -> Result<Application> {
        let row = db::query("select * from applications where id = $1")
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        application(&row.ok_or_else(|| Error::not_found(Kind::Application, id))?)
    }

    /// Deletes an application with its keys and grants.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_application(&self, id: ApplicationId) -> Result<()> {
        let done = db::query("delete from applications where id = $1")
            .bind(id.to_string())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(Error::not_found(Kind::Application, id)) } else { Ok(()) }
    }

    /// Keeps a key by its hash.
    ///
    /// # Errors
    /// `NotFound` for the owner; `Conflict` when the key is there already.
    pub async fn create_key(&self, key: &Key, hash: &[u8; 32]) -> Result<()> {
        let (user, application) = owner_columns(key.owner);
        db::query(
            "insert into keys (id, user_id, application_id, name, hash, created_at, last_used_at)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(key.id.to_string())
        .bind(user)
        .bind(application)
        .bind(key.name.as_str())
        .bind(hash.to_vec())
        .bind(key.created_at.as_millis())
        .bind(key.last_used_at.map(Timestamp::as_millis))
        .execute_on(self.write())
        .await
        .map_err(|error| match db::is_foreign_key(&error) {
            true => subject_not_found(key.owner),
            false => db::error_or_duplicate(error, || "this key is there already".to_owned()),
        })?;
        Ok(())
    }

    /// The keys of one owner, or all, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn keys(&self, owner: Option<Subject>) -> Result<Vec<Key>> {
        let (user, application) = owner.map_or((None, None), owner_columns);
        let rows = db::query(
            "select * from keys
             where ($1 is null and $2 is null) or user_id = $1 or application_id = $2
             order by created_at, name, id",
        )
        .bind(user)
        .bind(application)
        .fetch_all(&*self.read()?)
        .map_err(db::error)?;
        rows.iter().map(key).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn delete_key(&self, id: KeyId) -> Result<()> {
        let done = db::query("delete from keys where id = $1")
            .bind(id.to_string())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(Error::not_found(Kind::Key, id)) } else { Ok(()) }
    }

    /// Who holds the key with this hash; `None` when nobody of this kind does. The use is written down at most
    /// once a minute.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn caller_by_key(
        &self,
        hash: &[u8; 32],
        kind: KeyKind,
        now: Timestamp,
    ) -> Result<Option<Caller>> {
        let query = match kind {
            KeyKind::User => db::query(
                "select keys.id as key_id, keys.last_used_at, users.id as owner_id, users.name, users.role
                 from keys join users on users.id = keys.user_id where keys.hash = $1",
            ),
            KeyKind::Application => db::query(
                "select keys.id as key_id, keys.last_used_at, applications.id as owner_id, applications.name,
                     'MEMBER' as role
                 from keys join applications on applications.id = keys.application_id where keys.hash = $1",
            ),
        };
        let row = query.bind(hash.to_vec()).fetch_optional(&*self.read()?).map_err(db::error)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let caller = Caller {
            subject: match kind {
                KeyKind::User => Subject::User(db::id(&row, "owner_id")?),
                KeyKind::Application => Subject::Application(db::id(&row, "owner_id")?),
            },
            name: db::name(&row)?,
            role: db::word::<Role>(&row, "role")?,
            authority: Authority::Whole,
            client: None,
        };
        let due = now.as_millis() - LAST_USED_MILLIS;
        if db::optional_time(&row, "last_used_at")?.is_none_or(|last| last.as_millis() <= due) {
            let key: KeyId = db::id(&row, "key_id")?;
            let noted = db::query(
                "update keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at <= $3)",
            )
            .bind(key.to_string())
            .bind(now.as_millis())
            .bind(due)
            .execute_on(self.write())
.await
            .map_err(db::error);
            match noted {
                // A full disk must not keep anybody from reading.
                Ok(_) | Err(Error::InsufficientStorage { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(caller))
    }

    /// Replaces what somebody may do in a scope by a grant; no permissions remove the grant.
    ///
    /// # Errors
    /// `NotFound` for the pool or the grantee.
    pub async fn set_grant(&self, grant: &Grant) -> Result<()> {
        let [user, application, group] = grantee_columns(grant.grantee);
        let pool = scope_column(grant.scope);
        self.transact(|transaction| {
            db::query(
                "delete from grants
                 where (user_id = $1 or application_id = $2 or group_id = $3) and pool_id is $4",
            )
            .bind(user.as_deref())
            .bind(application.as_deref())
            .bind(group.as_deref())
            .bind(pool.as_deref())
            .execute(transaction)
            .map_err(db::error)?;
            for permission in &grant.permissions {
                let done = db::query(
                    "insert into grants (user_id, application_id, group_id, pool_id, permission)
                     values ($1, $2, $3, $4, $5)",
                )
                .bind(user.as_deref())
                .bind(application.as_deref())
                .bind(group.as_deref())
                .bind(pool.as_deref())
                .bind(permission.as_str())
                .execute(transaction);
                match done {
                    Ok(_) => {}
                    Err(error) if db::is_foreign_key(&error) => {
                        return Err(match grant.scope {
                            Scope::Pool(pool) if !pools::exists(transaction, pool)? => pools::not_found(pool),
                            Scope::Service | Scope::Pool(_) => grantee_not_found(grant.grantee),
                        });
                    }
                    Err(error) => return Err(db::error(error)),
                }
            }
            Ok(())
        })
        .await
    }

    /// The grants of one scope, or all.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn grants(&self, scope: Option<Scope>) -> Result<Vec<Grant>> {
        let query = match scope {
            None => db::query(
                "select * from grants order by coalesce(pool_id, ''), user_id, application_id, group_id",
            ),
            Some(scope) => db::query(
                "select * from grants where pool_id is $1 order by user_id, application_id, group_id",
            )
            .bind(scope_column(scope)),
        };
        collected(&query.fetch_all(&*self.read()?).map_err(db::error)?)
    }

    /// The grants of a group, that of the service first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn grants_of_group(&self, group: GroupId) -> Result<Vec<Grant>> {
        let rows = db::query("select * from grants where group_id = $1 order by coalesce(pool_id, '')")
            .bind(group.to_string())
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        collected(&rows)
    }

    /// What the grants let a subject do in a pool: those of the service and those of the pool together, its own and
    /// those of its groups.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn permissions(&self, subject: Subject, pool: DataPoolId) -> Result<BTreeSet<Permission>> {
        let (holder_type, holder) = db::subject_columns(subject);
        let rows = db::query(HELD_IN_POOL)
            .bind(holder_type)
            .bind(holder)
            .bind(pool.to_string())
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(|row| db::word(row, "permission")).collect()
    }

    /// Whether a subject holds a permission on the whole service, by itself or by a group.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn is_granted_on_service(&self, subject: Subject, permission: Permission) -> Result<bool> {
        let (holder_type, holder) = db::subject_columns(subject);
        let row = db::query(HELD_ON_SERVICE)
            .bind(holder_type)
            .bind(holder)
            .bind(permission.as_str())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        Ok(row.is_some())
    }
}

/// Grants of rows of which those of one grant follow each other.
fn collected(rows: &[Row]) -> Result<Vec<Grant>> {
    let mut grants: Vec<Grant> = Vec::new();
    for row in rows {
        let grantee = grantee(row)?;
        let scope = db::optional_id(row, "pool_id")?.map_or(Scope::Service, Scope::Pool);
        let permission: Permission = db::word(row, "permission")?;
        match grants.last_mut() {
            Some(last) if last.grantee == grantee && last.scope == scope => {
                last.permissions.insert(permission);
            }
            Some(_) | None => {
                grants.push(Grant { grantee, scope, permissions: BTreeSet::from([permission]) })
            }
        }
    }
    Ok(grants)
}

fn subject_not_found(subject: Subject) -> Error {
    match subject {
        Subject::User(id) => Error::not_found(Kind::User, id),
        Subject::Application(id) => Error::not_found(Kind::Application, id),
    }
}

fn grantee_not_found(grantee: Grantee) -> Error {
    match grantee {
        Grantee::User(id) => subject_not_found(Subject::User(id)),
        Grantee::Application(id) => subject_not_found(Subject::Application(id)),
        Grantee::Group(id) => groups::not_found(id),
    }
}

/// The columns `user_id`, `application_id` and `group_id`: one of them is set.
fn grantee_columns(grantee: Grantee) -> [Option<String>; 3] {
    match grantee {
        Grantee::User(id) => [Some(id.to_string()), None, None],
        Grantee::Application(id) => [None, Some(id.to_string()), None],
        Grantee::Group(id) => [None, None, Some(id.to_string())],
    }
}

fn grantee(row: &Row) -> Result<Grantee> {
    match db::optional_id(row, "group_id")? {
        Some(group) => Ok(Grantee::Group(group)),
        None => owner(row).map(Grantee::from),
    }
}

/// The columns `user_id` and `application_id`: one of the two is set.
fn owner_columns(owner: Subject) -> (Option<String>, Option<String>) {
    match owner {
        Subject::User(id) => (Some(id.to_string()), None),
        Subject::Application(id) => (None, Some(id.to_string())),
    }
}

fn owner(row: &Row) -> Result<Subject> {
    match (db::optional_id(row, "user_id")?, db::optional_id(row, "application_id")?) {
        (Some(user), None) => Ok(Subject::User(user)),
        (None, Some(application)) => Ok(Subject::Application(application)),
        (Some(_), Some(_)) | (None, None) => Err(Error::internal("a row has not exactly one owner")),
    }
}

fn scope_column(scope: Scope) -> Option<String> {
    match scope {
        Scope::Service => None,
        Scope::Pool(pool) => Some(pool.to_string()),
    }
}

/// The statement that makes a user.
pub(crate) fn insert_user(user: &User) -> Result<Query> {
    let insert =
        db::query("insert into users (id, name, email, role, created_at) values ($1, $2, $3, $4, $5)")
            .bind(user.id.to_string())
            .bind(user.name.as_str())
            .bind(user.email.as_deref())
            .bind(db::to_word(user.role)?)
            .bind(user.created_at.as_millis());
    Ok(insert)
}

pub(crate) fn user(row: &Row) -> Result<User> {
    Ok(User {
        id: db::id(row, "id")?,
        name: db::name(row)?,
        email: db::get(row, "email")?,
        role: db::word(row, "role")?,
        created_at: db::time(row, "created_at")?,
    })
}

fn application(row: &Row) -> Result<Application> {
    Ok(Application { id: db::id(row, "id")?, name: db::name(row)?, created_at: db::time(row, "created_at")? })
}

fn key(row: &Row) -> Result<Key> {
    Ok(Key {
        id: db::id(row, "id")?,
        owner: owner(row)?,
        name: db::name(row)?,
        created_at: db::time(row, "created_at")?,
        last_used_at: db::optional_time(row, "last_used_at")?,
    })
}
