//! Groups of users. A grant for a group counts for each of its members, from the next request on and until the
//! membership, the group or the grant is gone. A group cannot administer: that is a role of single users.

use std::collections::BTreeSet;

use forebay_core::access::{Caller, Grant, Group, Permission, Scope, Subject, User};
use forebay_core::error::{Error, Result};
use forebay_core::id::{GroupId, UserId};
use forebay_core::name::Name;
use forebay_core::pool::DataPool;

use crate::Engine;

/// What is granted to a group in one place.
#[derive(Clone, Debug)]
pub struct GroupGrant {
    /// `None` for all pools.
    pub pool: Option<DataPool>,
    pub permissions: BTreeSet<Permission>,
}

impl Engine {
    /// All groups by name, each with the number of its members.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn groups(&self, caller: &Caller) -> Result<Vec<(Group, u64)>> {
        Self::administrator(caller)?;
        self.store().groups().await
    }

    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn group(&self, caller: &Caller, group: GroupId) -> Result<Group> {
        Self::administrator(caller)?;
        self.store().group(group).await
    }

    /// The groups that the caller is in.
    ///
    /// # Errors
    /// Only internal ones.
    pub async fn own_groups(&self, caller: &Caller) -> Result<Vec<GroupId>> {
        match caller.subject {
            Subject::User(user) => self.store().groups_of(user).await,
            Subject::Application(_) => Ok(Vec::new()),
        }
    }

    /// Makes a group, which has no members and no permissions yet.
    ///
    /// # Errors
    /// `Forbidden`; `Conflict` when the name is taken.
    pub async fn create_group(&self, caller: &Caller, name: Name) -> Result<Group> {
        Self::administrator(caller)?;
        let group = Group { id: GroupId::random(), name, created_at: self.now() };
        self.store().create_group(&group).await?;
        Ok(group)
    }

    /// # Errors
    /// `Forbidden`, `NotFound`; `Conflict` when the name is taken.
    pub async fn rename_group(&self, caller: &Caller, group: GroupId, name: Name) -> Result<Group> {
        let group = Group { name, ..self.group(caller, group).await? };
        self.store().rename_group(group.id, &group.name).await?;
        Ok(group)
    }

    /// Deletes a group with its grants; its members stay users.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn delete_group(&self, caller: &Caller, group: GroupId) -> Result<()> {
        Self::administrator(caller)?;
        self.store().delete_group(group).await
    }

    /// The members of a group, by name.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn group_members(&self, caller: &Caller, group: GroupId) -> Result<Vec<User>> {
        let group = self.group(caller, group).await?;
        self.store().group_members(group.id).await
    }

    /// What is granted to a group: that for all pools first, then by the names of pools.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn group_grants(&self, caller: &Caller, group: GroupId) -> Result<Vec<GroupGrant>> {
        let group = self.group(caller, group).await?;
        let mut grants = Vec::new();
        for Grant { scope, permissions, .. } in self.store().grants_of_group(group.id).await? {
            let pool = match scope {
                Scope::Service => None,
                Scope::Pool(pool) => match self.store().data_pool(pool).await {
                    Ok(pool) => Some(pool),
                    // Deleted meanwhile, with its grants.
                    Err(Error::NotFound { .. }) => continue,
                    Err(error) => return Err(error),
                },
            };
            grants.push(GroupGrant { pool, permissions });
        }
        grants.sort_by(|one, other| {
            let name = |grant: &GroupGrant| grant.pool.as_ref().map(|pool| (pool.name.clone(), pool.id));
            name(one).cmp(&name(other))
        });
        Ok(grants)
    }

    /// Puts a user into a group; one who is in it already stays there.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound` for the group or the user.
    pub async fn add_group_member(&self, caller: &Caller, group: GroupId, user: UserId) -> Result<()> {
        Self::administrator(caller)?;
        self.store().add_group_member(group, user).await
    }

    /// # Errors
    /// `Forbidden`, `NotFound` for the group, and for a user who is not in it.
    pub async fn remove_group_member(&self, caller: &Caller, group: GroupId, user: UserId) -> Result<()> {
        let group = self.group(caller, group).await?;
        self.store().remove_group_member(group.id, user).await
    }
}
