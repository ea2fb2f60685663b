//! What an execution stands beside: the last one of the same job and mode, and what its steps did when they
//! succeeded last.

use forebay_core::access::Caller;
use forebay_core::error::Result;
use forebay_core::execution::{Execution, TaskExecution};
use forebay_core::history::LearnedStep;
use forebay_core::id::{ExecutionId, TaskId};

use crate::Engine;

/// What came before an execution.
#[derive(Clone, Debug)]
pub struct Past {
    /// The last execution of the same job and mode that was begun and has ended, with its tasks.
    pub before: Option<(Execution, Vec<TaskExecution>)>,
    learned: Vec<LearnedStep>,
}

impl Past {
    /// What a step did when it succeeded last; `None` when it has not done so for long.
    #[must_use]
    pub fn learned(&self, task: TaskId, step: &str) -> Option<&LearnedStep> {
        self.learned.iter().find(|learned| learned.task == task && learned.name == step)
    }
}

impl Engine {
    /// What came before an execution.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn past_of_execution(&self, caller: &Caller, id: ExecutionId) -> Result<Past> {
        let execution = self.visible(caller, id).await?;
        let before = match self.store().execution_before(execution.id).await? {
            Some(before) => {
                let tasks = self.store().task_executions(before.id).await?;
                Some((before, tasks))
            }
            None => None,
        };
        Ok(Past { before, learned: self.store().learned_steps(execution.id).await? })
    }
}
