//! Keeps what a run says to a size. A message can hold a value of the user's, such as the one that did not
//! convert, and nothing on the way to the log is made for a gigabyte in one line.

use async_trait::async_trait;
use forebay_core::event::{Event, EventSink};
use forebay_core::text::{LONGEST_MESSAGE, cut};

/// Hands events on, with messages of a bounded size.
pub(crate) struct Bounded<'a>(pub(crate) &'a dyn EventSink);

#[async_trait]
impl EventSink for Bounded<'_> {
    async fn record(&self, mut event: Event) {
        match &mut event {
            Event::TaskFinished { message, .. } | Event::StepFinished { message, .. } => {
                if let Some(message) = message {
                    bound(message);
                }
            }
            Event::Log { text, .. } => bound(text),
            Event::TaskStarted { .. } | Event::StepStarted { .. } | Event::StepProgress { .. } => {}
        }
        self.0.record(event).await;
    }
}

pub(crate) fn bound(text: &mut String) {
    if text.len() > LONGEST_MESSAGE {
        *text = cut(text, LONGEST_MESSAGE).into_owned();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use forebay_core::execution::{LogLevel, Status};
    use forebay_core::id::TaskId;

    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<usize>>);

    #[async_trait]
    impl EventSink for Told {
        async fn record(&self, event: Event) {
            let bytes = match event {
                Event::Log { text, .. } => text.len(),
                Event::TaskFinished { message, .. } | Event::StepFinished { message, .. } => {
                    message.map_or(0, |message| message.len())
                }
                Event::TaskStarted { .. } | Event::StepStarted { .. } | Event::StepProgress { .. } => 0,
            };
            self.0.lock().unwrap().push(bytes);
        }
    }

    #[tokio::test]
    async fn no_message_of_a_run_is_longer_than_what_a_log_can_keep() {
        let (told, task) = (Told::default(), TaskId::random());
        let long = "x".repeat(3 * LONGEST_MESSAGE);
        let log = |text: &str| Event::Log {
            task: Some(task),
            level: LogLevel::Error,
            code: "TASK_FAILED".to_owned(),
            text: text.to_owned(),
        };
        for event in [
            log(&long),
            log("short"),
            Event::TaskFinished { task, status: Status::Fail, message: Some(long.clone()) },
            Event::StepFinished {
                task,
                step: 0,
                status: Status::Fail,
                message: Some(long.clone()),
                receipt: None,
            },
        ] {
            Bounded(&told).record(event).await;
        }
        assert_eq!(*told.0.lock().unwrap(), [LONGEST_MESSAGE, 5, LONGEST_MESSAGE, LONGEST_MESSAGE]);
    }
}
