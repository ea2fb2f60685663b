//! Data pools: what holds connections, jobs, tables and models together.

use crate::Timestamp;
use crate::access::Subject;
use crate::id::{DataConnectionId, DataPoolId};
use crate::name::{Identifier, Name};

/// A data pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataPool {
    pub id: DataPoolId,
    pub name: Name,
    pub description: Option<String>,
    pub created_at: Timestamp,
    pub created_by: Subject,
}

/// The warehouse schema of a pool's own tables: the pool's id, as the wire contract names it.
#[must_use]
pub fn global_schema(pool: DataPoolId) -> Identifier {
    Identifier::parse("schema", &pool.to_string()).expect("an id is a valid identifier")
}

/// The warehouse schema of a connection's tables: `{poolId}_{connectionId}`.
#[must_use]
pub fn connection_schema(pool: DataPoolId, connection: DataConnectionId) -> Identifier {
    Identifier::parse("schema", &format!("{pool}_{connection}")).expect("ids are a valid identifier")
}
