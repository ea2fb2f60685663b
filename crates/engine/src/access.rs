//! The one place that answers "may they?". Fetching an object and checking the caller are one call,
//! so nothing is reachable unchecked. What a caller may not see is `NotFound`; what they may see but
//! not do is `Forbidden`.

use std::collections::BTreeSet;

use forebay_core::access::{Caller, Permission, Role};
use forebay_core::error::{Error, Kind, Needed, Result};
use forebay_core::id::DataPoolId;
use forebay_core::job::JobPurpose;
use forebay_core::oauth::Action;
use forebay_core::pool::DataPool;

use crate::Engine;

impl Engine {
    /// What the caller may do in a pool; everything for an administrator.
    pub(crate) async fn permissions_in(
        &self,
        caller: &Caller,
        pool: DataPoolId,
    ) -> Result<BTreeSet<Permission>> {
        match caller.role {
            Role::Admin => Ok(Permission::ALL.into_iter().collect()),
            Role::Member => {
                let mut held = self.store().permissions(caller.subject, pool).await?;
                // It is about no pool: whoever has nothing else must not learn that this one is there.
                held.remove(&Permission::Metrics);
                Ok(held)
            }
        }
    }

    /// What the caller may do in a pool that they may see, for pages that show only what can be done.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn held_permissions(&self, caller: &Caller, pool: DataPoolId) -> Result<BTreeSet<Permission>> {
        self.pool_to_watch(caller, pool).await?;
        self.permissions_in(caller, pool).await
    }

    /// A pool and the right to do one thing in it.
    pub(crate) async fn pool_with(
        &self,
        caller: &Caller,
        permission: Permission,
        pool: DataPoolId,
    ) -> Result<DataPool> {
        let action = match permission {
            Permission::View => Action::Read,
            Permission::UseAllDataModels => Action::ReadModels,
            Permission::Edit => Action::Edit,
            Permission::Manage => Action::Manage,
            Permission::DataPush => Action::DataPush,
            Permission::ContinuousDataPush => Action::ContinuousDataPush,
            Permission::Execute => Action::Execute,
            Permission::Metrics => Action::Administer,
        };
        self.pool_for(caller, permission, action, pool).await
    }

    /// As [`Engine::pool_with`], where scopes tell more apart than permissions do.
    pub(crate) async fn pool_for(
        &self,
        caller: &Caller,
        permission: Permission,
        action: Action,
        pool: DataPoolId,
    ) -> Result<DataPool> {
        let held = self.permissions_in(caller, pool).await?;
        let may = held.contains(&permission);
        let found = self.checked(pool, &held, may, Needed::One(permission)).await?;
        Self::lets(caller, action)?;
        Ok(found)
    }

    /// A pool and the right to start and cancel its jobs: view and manage, or execute.
    pub(crate) async fn pool_to_execute(&self, caller: &Caller, pool: DataPoolId) -> Result<DataPool> {
        let held = self.permissions_in(caller, pool).await?;
        let may = held.contains(&Permission::Execute)
            || (held.contains(&Permission::View) && held.contains(&Permission::Manage));
        let found = self.checked(pool, &held, may, Needed::Execution).await?;
        Self::lets(caller, Action::Execute)?;
        Ok(found)
    }

    /// A pool and the right to start and cancel what is executed for this purpose.
    pub(crate) async fn pool_to_run(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        purpose: JobPurpose,
    ) -> Result<DataPool> {
        match purpose {
            JobPurpose::DataJob => self.pool_to_execute(caller, pool).await,
            JobPurpose::DataModel => self.pool_with(caller, Permission::Edit, pool).await,
            JobPurpose::DataPush => {
                let held = self.permissions_in(caller, pool).await?;
                let enough = [
                    (Permission::DataPush, Action::DataPush),
                    (Permission::ContinuousDataPush, Action::ContinuousDataPush),
                    (Permission::Edit, Action::DataPush),
                ];
                let fits = |(permission, action): &&(Permission, Action)| {
                    held.contains(permission) && Self::lets(caller, *action).is_ok()
                };
                let (permission, action) = *enough.iter().find(fits).unwrap_or(&enough[0]);
                let may = enough.iter().any(|(permission, _)| held.contains(permission));
                let found = self.checked(pool, &held, may, Needed::One(permission)).await?;
                Self::lets(caller, action)?;
                Ok(found)
            }
        }
    }

    /// A pool and one of two rights in it.
    pub(crate) async fn pool_with_either(
        &self,
        caller: &Caller,
        permissions: [Permission; 2],
        action: Action,
        pool: DataPoolId,
    ) -> Result<DataPool> {
        let held = self.permissions_in(caller, pool).await?;
        let may = permissions.iter().any(|permission| held.contains(permission));
        let [one, other] = permissions;
        let found = self.checked(pool, &held, may, Needed::Either(one, other)).await?;
        Self::lets(caller, action)?;
        Ok(found)
    }

    /// A pool and the right to see its jobs and what they did: view, or execute.
    pub(crate) async fn pool_to_watch(&self, caller: &Caller, pool: DataPoolId) -> Result<DataPool> {
        let held = self.permissions_in(caller, pool).await?;
        let may = held.contains(&Permission::Execute) || held.contains(&Permission::View);
        let found = self.checked(pool, &held, may, Needed::One(Permission::View)).await?;
        Self::lets(caller, Action::Watch)?;
        Ok(found)
    }

    async fn checked(
        &self,
        pool: DataPoolId,
        held: &BTreeSet<Permission>,
        may: bool,
        needed: Needed,
    ) -> Result<DataPool> {
        let found = self.store().data_pool(pool).await?;
        if may {
            Ok(found)
        } else if held.is_empty() {
            Err(Error::not_found(Kind::DataPool, pool))
        } else {
            Err(Error::Forbidden(needed))
        }
    }

    /// Refuses everybody who may not read the figures of the server.
    pub(crate) async fn may_read_figures(&self, caller: &Caller) -> Result<()> {
        Self::lets(caller, Action::Administer)?;
        match caller.role {
            Role::Admin => Ok(()),
            Role::Member => {
                match self.store().is_granted_on_service(caller.subject, Permission::Metrics).await? {
                    true => Ok(()),
                    false => Err(Error::Forbidden(Needed::Metrics)),
                }
            }
        }
    }

    /// Refuses everybody but administrators, and them too when they come with an access token.
    pub(crate) fn administrator(caller: &Caller) -> Result<()> {
        Self::administrator_for(caller, Action::Administer)
    }

    /// Refuses everybody but administrators.
    pub(crate) fn administrator_for(caller: &Caller, action: Action) -> Result<()> {
        match caller.role {
            Role::Admin => Self::lets(caller, action),
            Role::Member => Err(Error::Forbidden(Needed::Administrator)),
        }
    }

    /// Refuses an access token whose scopes are not for this.
    pub(crate) fn lets(caller: &Caller, action: Action) -> Result<()> {
        match caller.authority.lets(action) {
            true => Ok(()),
            false => Err(Error::Forbidden(Needed::Scope(action))),
        }
    }
}
