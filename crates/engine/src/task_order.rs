//! The order of a job's tasks, and copies of them.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::Result;
use forebay_core::id::{DataJobId, DataPoolId, ParameterId, TableExtractionId, TaskId, TaskTemplateId};
use forebay_core::job::{Activation, Task, TaskKind};
use forebay_core::name::{NAME_LIMIT, Name};

use crate::Engine;

/// What is added to the name of a copy.
const COPY: &str = " (copy)";

/// Where a task goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskMove {
    /// One place nearer to the first task.
    Up,
    /// One place nearer to the last task.
    Down,
    /// To this place, counted from 0; a place behind the last one is the last one.
    To(u32),
}

impl Engine {
    /// Moves a task among those of its job, as they stand when it is moved; at the end of the list it stays.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn move_task(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
        to: TaskMove,
    ) -> Result<Task> {
        let change = |task: &mut Task| {
            task.position = match to {
                TaskMove::Up => task.position.saturating_sub(1).max(0),
                // A place behind the last one is the last one.
                TaskMove::Down => task.position.saturating_add(1),
                TaskMove::To(place) => i64::from(place),
            };
            Ok(())
        };
        self.change_task(caller, pool, job, id, change).await
    }

    /// Copies a task with its parameters, to the place behind it. The copy is disabled: until somebody has made
    /// something else of it, it would do the same thing a second time.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn duplicate_task(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        id: &str,
    ) -> Result<Task> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let source = self.task_of(pool, job, id).await?;
        let mut parameters = self.store().parameters(pool, Some(source.id)).await?;
        let mut copy = Task {
            id: TaskId::random(),
            template_id: TaskTemplateId::random(),
            name: name_of_copy(&source.name)?,
            activation: Activation::Disabled,
            position: source.position.saturating_add(1),
            created_at: self.now(),
            ..source
        };
        if let TaskKind::Extraction(tables) = &mut copy.kind {
            for table in tables {
                table.id = TableExtractionId::random();
            }
        }
        for parameter in &mut parameters {
            (parameter.id, parameter.task_id) = (ParameterId::random(), Some(copy.id));
        }
        self.store().create_task_with_parameters(&copy, &parameters).await
    }
}

fn name_of_copy(name: &Name) -> Result<Name> {
    let kept: String = name.as_str().chars().take(NAME_LIMIT - COPY.len()).collect();
    Name::parse("name", &format!("{}{COPY}", kept.trim_end()))
}
