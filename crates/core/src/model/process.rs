//! Process configurations: which table of a data model holds events, and what its columns mean.

use serde::{Deserialize, Serialize};

use crate::id::{ModelTableId, ProcessConfigurationId};
use crate::name::Identifier;

/// What an activity table means. A model has at most one for each of its tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessConfiguration {
    pub id: ProcessConfigurationId,
    /// The table of the model that holds the events.
    pub activity_table: ModelTableId,
    /// The table of the model that holds the cases.
    pub case_table: Option<ModelTableId>,
    /// Of the configurations of a model, at most one is the default.
    pub is_default: bool,
    pub columns: ProcessColumns,
    pub uses_parallel_process: Option<bool>,
}

/// The columns of an activity table by what they mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessColumns {
    pub case_id: Option<Identifier>,
    pub activity: Option<Identifier>,
    pub timestamp: Option<Identifier>,
    /// Orders events of one moment.
    pub sorting: Option<Identifier>,
    pub end_timestamp: Option<Identifier>,
    pub cost: Option<Identifier>,
    pub user: Option<Identifier>,
    pub parallel_parent: Option<Identifier>,
    pub parallel_child: Option<Identifier>,
}

impl ProcessColumns {
    /// Takes over what the other one says; what it does not say stays.
    pub fn take_over(&mut self, said: Self) {
        let Self {
            case_id,
            activity,
            timestamp,
            sorting,
            end_timestamp,
            cost,
            user,
            parallel_parent,
            parallel_child,
        } = said;
        for (kept, said) in [
            (&mut self.case_id, case_id),
            (&mut self.activity, activity),
            (&mut self.timestamp, timestamp),
            (&mut self.sorting, sorting),
            (&mut self.end_timestamp, end_timestamp),
            (&mut self.cost, cost),
            (&mut self.user, user),
            (&mut self.parallel_parent, parallel_parent),
            (&mut self.parallel_child, parallel_child),
        ] {
            if said.is_some() {
                *kept = said;
            }
        }
    }
}
