//! Data pools.

use forebay_core::access::{Caller, Permission, Role};
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_core::name::Name;
use forebay_core::pool::DataPool;

use crate::Engine;
use crate::data::warehouse_error;

impl Engine {
    /// The pools the caller may see.
    ///
    /// # Errors
    /// Only internal ones.
    pub async fn data_pools(&self, caller: &Caller) -> Result<Vec<DataPool>> {
        let mut seen = Vec::new();
        for pool in self.store().data_pools().await? {
            let held = self.permissions_in(caller, pool.id).await?;
            if held.contains(&Permission::View) || held.contains(&Permission::Execute) {
                seen.push(pool);
            }
        }
        Ok(seen)
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_pool(&self, caller: &Caller, pool: DataPoolId) -> Result<DataPool> {
        self.pool_to_watch(caller, pool).await
    }

    /// Creates a pool. Administrators only, until a member is granted edit on all pools.
    ///
    /// # Errors
    /// `Forbidden`, `Conflict` when the name is taken.
    pub async fn create_data_pool(
        &self,
        caller: &Caller,
        name: Name,
        description: Option<String>,
    ) -> Result<DataPool> {
        let pool = DataPool {
            id: DataPoolId::random(),
            name,
            description,
            created_at: self.now(),
            created_by: caller.subject,
        };
        match caller.role {
            Role::Admin => {}
            // A pool that is not there yet is reached by service-level grants alone.
            Role::Member => {
                if !self.store().permissions(caller.subject, pool.id).await?.contains(&Permission::Edit) {
                    return Err(Error::Forbidden(forebay_core::error::Needed::Administrator));
                }
            }
        }
        self.store().create_data_pool(&pool).await?;
        Ok(pool)
    }

    /// Changes a pool's name and description; `None` leaves either as it is.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict`.
    pub async fn update_data_pool(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        name: Option<Name>,
        description: Option<String>,
    ) -> Result<DataPool> {
        let mut pool = self.pool_with(caller, Permission::Edit, pool).await?;
        pool.name = name.unwrap_or(pool.name);
        pool.description = description.or(pool.description);
        self.store().update_data_pool(&pool).await?;
        Ok(pool)
    }

    /// Removes a pool with everything in it.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` while one of its jobs is live.
    pub async fn delete_data_pool(&self, caller: &Caller, pool: DataPoolId) -> Result<()> {
        let pool = self.pool_with(caller, Permission::Manage, pool).await?;
        for execution in self.store().latest_executions(pool.id).await? {
            if !execution.status.is_finished() {
                return Err(Error::conflict(format!(
                    "execution `{}` of this pool is still {}; cancel it first",
                    execution.id,
                    execution.status.as_str()
                )));
            }
        }
        self.store().delete_data_pool(pool.id).await?;
        self.0.plane.remove(pool.id).await.map_err(warehouse_error)
    }
}
