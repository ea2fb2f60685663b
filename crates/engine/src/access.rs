//! The one place that answers "may they?". Fetching an object and checking the caller are one call,
//! so nothing is reachable unchecked. What a caller may not see is `NotFound`; what they may see but
//! not do is `Forbidden`.

use std::collections::BTreeSet;

use forebay_core::access::{Caller, Permission, Role};
use forebay_core::error::{Error, Kind, Needed, Result};
use forebay_core::id::DataPoolId;
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

    /// A pool and the right to do one thing in it.
    pub(crate) async fn pool_with(
        &self,
        caller: &Caller,
        permission: Permission,
        pool: DataPoolId,
    ) -> Result<DataPool> {
        let held = self.permissions_in(caller, pool).await?;
        self.checked(pool, &held, held.contains(&permission), Needed::One(permission)).await
    }

    /// A pool and the right to start and cancel its jobs: view and manage, or execute.
    pub(crate) async fn pool_to_execute(&self, caller: &Caller, pool: DataPoolId) -> Result<DataPool> {
        let held = self.permissions_in(caller, pool).await?;
        let may = held.contains(&Permission::Execute)
            || (held.contains(&Permission::View) && held.contains(&Permission::Manage));
        self.checked(pool, &held, may, Needed::Execution).await
    }

    /// A pool and the right to see its jobs and what they did: view, or execute.
    pub(crate) async fn pool_to_watch(&self, caller: &Caller, pool: DataPoolId) -> Result<DataPool> {
        let held = self.permissions_in(caller, pool).await?;
        let may = held.contains(&Permission::Execute) || held.contains(&Permission::View);
        self.checked(pool, &held, may, Needed::One(Permission::View)).await
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

    /// Refuses everybody but administrators.
    pub(crate) fn administrator(caller: &Caller) -> Result<()> {
        match caller.role {
            Role::Admin => Ok(()),
            Role::Member => Err(Error::Forbidden(Needed::Administrator)),
        }
    }
}
