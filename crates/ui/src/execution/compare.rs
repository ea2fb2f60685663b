//! An execution beside the one before it, task by task and step by step.

use forebay_core::Timestamp;
use forebay_core::execution::{Execution, StepExecution, TaskExecution};
use forebay_core::id::ExecutionId;

use crate::words::{Badge, duration, moment, number, took};

/// Two executions of one job and mode.
pub(super) struct Comparison {
    pub(super) id: ExecutionId,
    pub(super) queued: String,
    pub(super) badge: Badge,
    pub(super) took_then: String,
    pub(super) took_now: String,
    pub(super) rows: Vec<Row>,
}

/// A task or a step, then and now.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) is_task: bool,
    pub(super) rows_then: String,
    pub(super) rows_now: String,
    pub(super) took_then: String,
    pub(super) took_now: String,
}

impl Comparison {
    pub(super) fn of(
        (now, tasks): (&Execution, &[TaskExecution]),
        (then, tasks_then): &(Execution, Vec<TaskExecution>),
        present: Timestamp,
    ) -> Self {
        let mut rows = Vec::new();
        for task in tasks {
            let before = tasks_then.iter().find(|before| before.task_id == task.task_id);
            add(&mut rows, Some(task), before);
        }
        for before in tasks_then {
            if !tasks.iter().any(|task| task.task_id == before.task_id) {
                add(&mut rows, None, Some(before));
            }
        }
        Self {
            id: then.id,
            queued: moment(then.queued_at),
            badge: then.status.into(),
            took_then: took(then, present).unwrap_or_default(),
            took_now: took(now, present).unwrap_or_default(),
            rows,
        }
    }
}

/// Adds a task with its steps, as far as it was there now and then.
fn add(rows: &mut Vec<Row>, now: Option<&TaskExecution>, then: Option<&TaskExecution>) {
    let Some(named) = now.or(then) else { return };
    let lasted = |task: Option<&TaskExecution>| {
        task.map(|task| between(task.started_at, task.finished_at)).unwrap_or_default()
    };
    rows.push(Row {
        name: named.name.clone(),
        is_task: true,
        rows_then: String::new(),
        rows_now: String::new(),
        took_then: lasted(then),
        took_now: lasted(now),
    });
    let steps = |task: Option<&TaskExecution>| task.map(|task| task.steps.clone()).unwrap_or_default();
    let (steps_now, mut steps_then) = (steps(now), steps(then));
    for step in &steps_now {
        let place = steps_then.iter().position(|before| before.name == step.name);
        rows.push(row(Some(step), place.map(|place| steps_then.remove(place)).as_ref()));
    }
    rows.extend(steps_then.iter().map(|before| row(None, Some(before))));
}

fn row(now: Option<&StepExecution>, then: Option<&StepExecution>) -> Row {
    let read = |step: Option<&StepExecution>| {
        let read = step.map(|step| step.receipt.as_ref().map_or(step.rows, |receipt| receipt.rows_read));
        read.map(number).unwrap_or_default()
    };
    let lasted = |step: Option<&StepExecution>| {
        step.map(|step| between(step.started_at, step.finished_at)).unwrap_or_default()
    };
    Row {
        name: now.or(then).map(|step| step.name.clone()).unwrap_or_default(),
        is_task: false,
        rows_then: read(then),
        rows_now: read(now),
        took_then: lasted(then),
        took_now: lasted(now),
    }
}

fn between(begun: Option<Timestamp>, ended: Option<Timestamp>) -> String {
    match (begun, ended) {
        (Some(begun), Some(ended)) => duration(ended.as_millis() - begun.as_millis()),
        _ => String::new(),
    }
}
