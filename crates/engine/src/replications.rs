//! Replication in real time, which Forebay does not have. Its lists are there and empty, so that clients that look
//! for replications go on; what would make or run one is refused.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataPoolId};

use crate::Engine;

impl Engine {
    /// Whether a caller may see the replications of a pool, or of one of its connections. There are none.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn may_see_replications(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: Option<DataConnectionId>,
    ) -> Result<()> {
        self.pool_with(caller, Permission::View, pool).await?;
        if let Some(connection) = connection {
            self.store().data_connection(pool, connection).await?;
        }
        Ok(())
    }

    /// What somebody is told who wants to look at one replication, or to change one.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; for everybody else `NotSupported`.
    pub async fn replicate(&self, caller: &Caller, needed: Permission, pool: DataPoolId) -> Result<()> {
        self.pool_with(caller, needed, pool).await?;
        Err(Error::NotSupported {
            what: "this server does not replicate in real time; let a schedule run a data job with mode DELTA, in \
                   short intervals if need be"
                .to_owned(),
        })
    }
}
