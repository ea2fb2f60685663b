//! Data pools.

use forebay_core::access::{Caller, Permission, Role};
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_core::name::Name;
use forebay_core::oauth::Action;
use forebay_core::pool::DataPool;

use crate::Engine;

impl Engine {
    /// The pools the caller may see.
    ///
    /// # Errors
    /// `Forbidden` for an access token without a scope for it.
    pub async fn data_pools(&self, caller: &Caller) -> Result<Vec<DataPool>> {
        Self::lets(caller, Action::Watch)?;
        match caller.role {
            Role::Admin => self.store().data_pools().await,
            Role::Member => {
                let watching = [Permission::View, Permission::Execute];
                self.store().data_pools_granted(caller.subject, &watching).await
            }
        }
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_pool(&self, caller: &Caller, pool: DataPoolId) -> Result<DataPool> {
        self.pool_to_watch(caller, pool).await
    }

    /// The name of whoever made a pool; `None` when they were deleted since.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn pool_owner(&self, caller: &Caller, pool: DataPoolId) -> Result<Option<Name>> {
        let pool = self.pool_to_watch(caller, pool).await?;
        match self.caller_of(pool.created_by).await {
            Ok(owner) => Ok(Some(owner.name)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
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
        let pool = self.new_pool(caller, name, description).await?;
        self.store().create_data_pool(&pool).await?;
        Ok(pool)
    }

    /// A pool for whoever may make one, not stored yet.
    pub(crate) async fn new_pool(
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
        Self::lets(caller, Action::Edit)?;
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
        self.store().delete_data_pool(pool.id).await?;
        self.remove_rows(pool.id).await;
        Ok(())
    }

    /// Removes the rows of pools that are deleted, where a crash or an error left them. Only what was
    /// noted when a pool was deleted is removed: rows of a pool that the metadata does not know for
    /// another reason, such as an older backup of it, stay.
    pub(crate) async fn remove_rows_of_deleted_pools(&self) {
        match self.store().removed_data_pools().await {
            Ok(pools) => {
                for pool in pools {
                    self.remove_rows(pool).await;
                }
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the list of deleted pools cannot be read"
                );
            }
        }
    }

    /// To its users the pool is gone already; what cannot be removed now is removed at the next start.
    async fn remove_rows(&self, pool: DataPoolId) {
        if let Err(error) = self.0.plane.remove(pool).await {
            tracing::error!(data_pool.id = %pool, error = &error as &dyn std::error::Error, "the rows of a deleted pool cannot be removed");
            return;
        }
        if let Err(error) = self.store().forget_removed_data_pool(pool).await {
            tracing::error!(data_pool.id = %pool, error = &error as &dyn std::error::Error, "the removal of a pool cannot be recorded");
        }
    }
}
