//! Data models: tables of a pool and how they relate, published as one snapshot.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::id::{DataConnectionId, DataModelId, DataPoolId, ModelTableId};
use crate::name::{Identifier, Name};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataModel {
    pub id: DataModelId,
    pub pool_id: DataPoolId,
    pub name: Name,
    pub tables: Vec<ModelTable>,
    pub foreign_keys: Vec<ForeignKey>,
    pub created_at: Timestamp,
}

/// A table of the pool as the model shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelTable {
    pub id: ModelTableId,
    /// Whose schema the table lies in; `None` for the global one.
    pub connection_id: Option<DataConnectionId>,
    pub table: Identifier,
    pub alias: Option<Identifier>,
    pub primary_key: Vec<Identifier>,
}

impl ModelTable {
    /// The name the model shows.
    #[must_use]
    pub fn alias_or_name(&self) -> &Identifier {
        self.alias.as_ref().unwrap_or(&self.table)
    }
}

/// A 1:N relation between two tables of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The table on the 1 side.
    pub source: ModelTableId,
    /// The table on the N side.
    pub target: ModelTableId,
    /// Pairs of source and target column.
    pub columns: Vec<(Identifier, Identifier)>,
}
