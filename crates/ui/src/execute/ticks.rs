//! The tasks and tables of a job that are ticked, and what that selects.

use std::collections::{BTreeSet, HashMap};

use forebay_core::error::{Error, Result};
use forebay_core::id::{ModelTableId, TaskId};
use forebay_core::job::{Activation, Task, TaskKind};
use forebay_engine::{Selection, TaskSelection};

/// What is ticked: `task:` and the id, `table:` with the ids of the task and of the table.
pub(super) struct Ticks<'a>(pub(super) Option<&'a HashMap<String, String>>);

impl Ticks<'_> {
    /// Everything is, as long as nothing was sent.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.is_none_or(|ticked| ticked.contains_key(field))
    }
}

pub(super) fn task_field(task: TaskId) -> String {
    format!("task:{task}")
}

pub(super) fn table_field(task: TaskId, table: impl std::fmt::Display) -> String {
    format!("table:{task}:{table}")
}

/// What is ticked of a job's tasks. A task of which no table is ticked is left out, and a load of which just the
/// usual tables are ticked is the usual one.
pub(super) fn selection(
    tasks: &[Task],
    usual: &HashMap<TaskId, Vec<ModelTableId>>,
    ticks: &Ticks<'_>,
) -> Result<Selection> {
    let (mut transformations, mut extractions, mut loads) = (Vec::new(), Vec::new(), Vec::new());
    for task in tasks.iter().filter(|task| ticks.has(&task_field(task.id))) {
        match &task.kind {
            TaskKind::Transformation(_) => transformations.push(task.id),
            TaskKind::Extraction(tables) => {
                let enabled = tables.iter().filter(|table| table.activation == Activation::Enabled);
                let ticked = enabled.filter(|table| ticks.has(&table_field(task.id, table.id)));
                let ticked: Vec<_> = ticked.map(|table| table.id).collect();
                if !ticked.is_empty() {
                    extractions.push(TaskSelection { task: task.id, only: Some(ticked) });
                }
            }
            TaskKind::DataModelLoad(_) => {
                let begin = table_field(task.id, "");
                let ticked =
                    ticks.0.into_iter().flatten().filter_map(|(field, _)| field.strip_prefix(&begin));
                let ticked = ticked.map(str::parse).collect::<Result<BTreeSet<ModelTableId>>>()?;
                let usual: BTreeSet<_> = usual.get(&task.id).into_iter().flatten().copied().collect();
                if !ticked.is_empty() {
                    let only = (ticked != usual).then(|| ticked.into_iter().collect());
                    loads.push(TaskSelection { task: task.id, only });
                }
            }
        }
    }
    if transformations.is_empty() && extractions.is_empty() && loads.is_empty() {
        return Err(Error::invalid("tasks", "tick what is to be executed"));
    }
    Ok(Selection {
        transformations: Some(transformations),
        extractions: Some(extractions),
        loads: Some(loads),
    })
}

#[cfg(test)]
mod tests {
    use forebay_core::Timestamp;
    use forebay_core::extraction::{SourceTableName, TableExtraction};
    use forebay_core::id::{DataJobId, DataModelId, DataPoolId, TaskTemplateId};
    use forebay_core::job::{ModelLoad, TableChoice};
    use forebay_core::name::{Identifier, Name};
    use forebay_core::retry::RetryPolicy;

    use super::*;

    fn table(activation: Activation) -> TableExtraction {
        TableExtraction {
            activation,
            ..TableExtraction::new(SourceTableName {
                schema: None,
                name: Identifier::parse("name", "t").unwrap(),
            })
        }
    }

    fn task(kind: TaskKind) -> Task {
        Task {
            id: TaskId::random(),
            template_id: TaskTemplateId::random(),
            pool_id: DataPoolId::random(),
            job_id: DataJobId::random(),
            name: Name::parse("name", "Task").unwrap(),
            description: None,
            activation: Activation::Enabled,
            position: 0,
            kind,
            retry: RetryPolicy::default(),
            created_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn what_is_ticked_is_selected_and_nothing_else() {
        let tables =
            vec![table(Activation::Enabled), table(Activation::Enabled), table(Activation::Disabled)];
        let tasks = [task(TaskKind::Extraction(tables.clone())), task(TaskKind::Transformation(None))];
        let selected = |fields: &[String]| {
            let ticked = fields.iter().map(|field| (field.clone(), "on".to_owned())).collect();
            selection(&tasks, &HashMap::new(), &Ticks(Some(&ticked)))
        };
        let whole = task_field(tasks[0].id);
        let of = |table: &TableExtraction| table_field(tasks[0].id, table.id);
        let found = selected(&[whole.clone(), of(&tables[1]), of(&tables[2])]).unwrap();
        assert!(found.transformations.unwrap().is_empty() && found.loads.unwrap().is_empty());
        let extractions = found.extractions.unwrap();
        assert_eq!(extractions[0].only, Some(vec![tables[1].id]));
        let found = selected(&[task_field(tasks[1].id), of(&tables[0])]).unwrap();
        assert_eq!(found.transformations, Some(vec![tasks[1].id]));
        assert!(found.extractions.unwrap().is_empty());
        assert!(selected(&[whole]).is_err() && selected(&[]).is_err());
    }

    #[test]
    fn a_load_of_its_usual_tables_is_the_usual_load() {
        let load = ModelLoad { data_model_id: DataModelId::random(), tables: TableChoice::All };
        let load = task(TaskKind::DataModelLoad(load));
        let tables = [ModelTableId::random(), ModelTableId::random()];
        let usual = HashMap::from([(load.id, tables.to_vec())]);
        let selected = |chosen: &[ModelTableId]| {
            let fields = chosen.iter().map(|table| table_field(load.id, table)).chain([task_field(load.id)]);
            let ticked = fields.map(|field| (field, "on".to_owned())).collect();
            let found = selection(std::slice::from_ref(&load), &usual, &Ticks(Some(&ticked)));
            found.map(|found| found.loads.unwrap().remove(0).only)
        };
        assert_eq!(selected(&tables).unwrap(), None);
        assert_eq!(selected(&tables[1..]).unwrap(), Some(vec![tables[1]]));
        assert!(selected(&[]).is_err());
    }
}
