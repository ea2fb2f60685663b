//! What must hold of a data model, whichever way it was changed.

use std::collections::{BTreeSet, HashMap};

use forebay_core::error::{Error, Result};
use forebay_core::id::ModelTableId;
use forebay_core::model::DataModel;

/// The most tables of a model, and the most relations and calendar entries.
const TABLE_LIMIT: usize = 1_000;
const ENTRY_LIMIT: usize = 10_000;

pub(crate) fn check(model: &DataModel) -> Result<()> {
    for (field, count, limit) in [
        ("tables", model.tables.len(), TABLE_LIMIT),
        ("foreignKeys", model.foreign_keys.len(), ENTRY_LIMIT),
        ("customCalendar.entries", model.calendar.custom.len(), ENTRY_LIMIT),
    ] {
        if count > limit {
            return Err(Error::invalid(field, format!("a data model has at most {limit} of them")));
        }
    }
    let mut names = HashMap::new();
    for table in &model.tables {
        let shown = table.alias_or_name();
        // Names in the warehouse and in files are the same whatever their case.
        if names.insert(shown.as_str().to_lowercase(), table).is_some() {
            let reason = format!("{shown} comes twice; give one of them an alias");
            return Err(Error::invalid("tables", reason));
        }
    }
    let tables: BTreeSet<ModelTableId> = model.tables.iter().map(|table| table.id).collect();
    for key in &model.foreign_keys {
        if !tables.contains(&key.source) || !tables.contains(&key.target) {
            return Err(Error::invalid("foreignKeys", "both sides must be tables of the model"));
        }
        if key.columns.is_empty() {
            return Err(Error::invalid("foreignKeys", "needs at least one pair of columns"));
        }
    }
    let mut configured = BTreeSet::new();
    for process in &model.processes {
        if !tables.contains(&process.activity_table)
            || process.case_table.is_some_and(|table| !tables.contains(&table))
        {
            return Err(Error::invalid("processConfigurations", "must name tables of the model"));
        }
        if !configured.insert(process.activity_table) {
            return Err(Error::invalid(
                "activityTableId",
                "another process configuration is for this table; change that one, or delete it first",
            ));
        }
    }
    Ok(())
}
