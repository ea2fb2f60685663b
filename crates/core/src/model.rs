//! Data models: tables of a pool and how they relate, published as one snapshot.
//!
//! [`process`] says what an activity table means, [`calendar`] when people work, [`name_mapping`] what tables and
//! columns are called in which language; [`load`] tells how a load of the model went.

pub mod calendar;
pub mod load;
pub mod name_mapping;
pub mod process;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::access::Subject;
use crate::id::{DataConnectionId, DataModelId, DataPoolId, ForeignKeyId, ModelTableId};
use crate::name::{Identifier, Name};

pub use self::calendar::Calendar;
pub use self::process::ProcessConfiguration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataModel {
    pub id: DataModelId,
    pub pool_id: DataPoolId,
    pub name: Name,
    pub description: Option<String>,
    pub tables: Vec<ModelTable>,
    pub foreign_keys: Vec<ForeignKey>,
    pub processes: Vec<ProcessConfiguration>,
    pub calendar: Calendar,
    pub created_at: Timestamp,
    /// `None` for a model that was made before this was kept.
    pub created_by: Option<Subject>,
    /// When anything of it was changed last.
    pub changed_at: Timestamp,
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

impl DataModel {
    /// The table of this id.
    #[must_use]
    pub fn table(&self, id: ModelTableId) -> Option<&ModelTable> {
        self.tables.iter().find(|table| table.id == id)
    }
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
    /// A spec that was frozen before relations had ids has none, and needs none.
    #[serde(default = "ForeignKeyId::random")]
    pub id: ForeignKeyId,
    /// The table on the 1 side.
    pub source: ModelTableId,
    /// The table on the N side.
    pub target: ModelTableId,
    /// Pairs of source and target column.
    pub columns: Vec<(Identifier, Identifier)>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_relation_that_was_frozen_without_an_id_is_read() {
        let table = ModelTableId::random();
        let old = json!({"source": table, "target": table, "columns": [["id", "parent"]]});
        let key: ForeignKey = serde_json::from_value(old).unwrap();
        assert_eq!((key.source, key.columns[0].1.as_str()), (table, "parent"));
        let again: ForeignKey = serde_json::from_value(json!(key)).unwrap();
        assert_eq!(again, key);
    }
}
