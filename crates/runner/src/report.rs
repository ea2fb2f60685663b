//! Tells what happens to one task and its steps.

use std::time::{Duration, Instant};

use forebay_core::event::{Event, EventSink};
use forebay_core::execution::{LogLevel, Receipt, Status};
use forebay_core::id::TaskId;

/// The least time between two progress events of a step.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// The events of one task.
pub(crate) struct Report<'a> {
    events: &'a dyn EventSink,
    task: TaskId,
}

impl<'a> Report<'a> {
    pub(crate) fn new(events: &'a dyn EventSink, task: TaskId) -> Self {
        Self { events, task }
    }

    pub(crate) async fn task_started(&self) {
        self.events.record(Event::TaskStarted { task: self.task }).await;
    }

    pub(crate) async fn task_finished(&self, status: Status, message: Option<String>) {
        self.events.record(Event::TaskFinished { task: self.task, status, message }).await;
    }

    pub(crate) async fn log(&self, level: LogLevel, code: &str, text: String) {
        let event = Event::Log { task: Some(self.task), level, code: code.to_owned(), text };
        self.events.record(event).await;
    }

    pub(crate) async fn info(&self, code: &str, text: String) {
        self.log(LogLevel::Info, code, text).await;
    }

    pub(crate) async fn warn(&self, code: &str, text: String) {
        self.log(LogLevel::Warning, code, text).await;
    }

    /// Tells that a step begins.
    pub(crate) async fn step(&self, position: usize, name: String) -> Step<'_> {
        let step = u32::try_from(position).unwrap_or(u32::MAX);
        self.events.record(Event::StepStarted { task: self.task, step, name }).await;
        let now = Instant::now();
        Step { report: self, step, started: now, told: now }
    }
}

/// The events of one step.
pub(crate) struct Step<'a> {
    report: &'a Report<'a>,
    step: u32,
    started: Instant,
    told: Instant,
}

impl Step<'_> {
    /// Tells the rows so far, when it was not told just before.
    pub(crate) async fn progress(&mut self, rows: u64) {
        if self.told.elapsed() < PROGRESS_EVERY {
            return;
        }
        self.told = Instant::now();
        self.report
            .events
            .record(Event::StepProgress { task: self.report.task, step: self.step, rows })
            .await;
    }

    /// Seconds since the step began.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    pub(crate) async fn finished(self, status: Status, message: Option<String>, receipt: Option<Receipt>) {
        let event = Event::StepFinished { task: self.report.task, step: self.step, status, message, receipt };
        self.report.events.record(event).await;
    }
}

/// A number of things, in words.
pub(crate) fn counted(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
