//! The news a run sends back.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::execution::{LogLevel, Receipt, Status};
use crate::id::TaskId;

/// Takes the events of one execution, in order.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Returns once the event is taken; a full sink makes the run wait.
    async fn record(&self, event: Event);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    TaskStarted {
        task: TaskId,
    },
    TaskFinished {
        task: TaskId,
        status: Status,
        message: Option<String>,
    },
    StepStarted {
        task: TaskId,
        step: u32,
        name: String,
    },
    /// Rows so far.
    StepProgress {
        task: TaskId,
        step: u32,
        rows: u64,
    },
    StepFinished {
        task: TaskId,
        step: u32,
        status: Status,
        message: Option<String>,
        receipt: Option<Receipt>,
    },
    Log {
        task: Option<TaskId>,
        level: LogLevel,
        code: String,
        text: String,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Succeeded,
    /// The message says what failed and what to do.
    Failed(String),
    Canceled,
    /// What ran it went away before the end. Nothing is shown that was not committed.
    Lost(Loss),
}

/// Why a run has no end of its own. The reason is a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// The worker died by itself while it ran this, of memory or of a defect: the run may be to blame.
    Died { reason: String },
    /// The worker was ended from outside or fell silent: no run is to blame.
    Interrupted { reason: String },
}
