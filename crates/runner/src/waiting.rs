//! Waits for a source, and tells people when it takes long. A source that is slow is not given up: whether
//! it still is there is for the source to find out.

use std::pin::pin;
use std::time::{Duration, Instant};

use forebay_core::stop::Stop;
use tokio::time::timeout;

use crate::halt::{Halt, unless_stopped};
use crate::report::{Report, counted};

/// How long nothing has come when it is told for the first time.
const FIRST: Duration = Duration::from_secs(30);
/// Each further time it is told after twice as long, up to this.
const SELDOM: Duration = Duration::from_secs(15 * 60);

/// What is waited for, and how long in silence.
pub(crate) struct Waiting<'a> {
    report: &'a Report<'a>,
    stop: &'a Stop,
    what: String,
    silence: Duration,
}

impl<'a> Waiting<'a> {
    /// `what` begins the sentence.
    pub(crate) fn new(report: &'a Report<'a>, stop: &'a Stop, what: String) -> Self {
        Self { report, stop, what, silence: FIRST }
    }

    /// Waits until the source has answered, or the stop is asked for.
    ///
    /// # Errors
    /// `Canceled` when the stop is asked for.
    pub(crate) async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Halt> {
        let mut work = pin!(work);
        let begun = Instant::now();
        loop {
            if let Ok(done) = timeout(self.silence, unless_stopped(self.stop, work.as_mut())).await {
                return done;
            }
            let seconds = counted(begun.elapsed().as_secs(), "second");
            let text = format!("{}: waiting for the source, nothing came for {seconds}", self.what);
            self.report.info("SOURCE_WAITING", text).await;
            self.silence = (self.silence * 2).min(SELDOM);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use forebay_core::event::{Event, EventSink};
    use forebay_core::id::TaskId;

    use super::*;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    #[async_trait]
    impl EventSink for Lines {
        async fn record(&self, event: Event) {
            if let Event::Log { code, text, .. } = event {
                self.0.lock().unwrap().push(format!("{code} {text}"));
            }
        }
    }

    #[tokio::test]
    async fn silence_is_told_seldom_and_what_comes_is_not_lost() {
        let lines = Lines::default();
        let report = Report::new(&lines, TaskId::random());
        let stop = Stop::never();
        let mut waiting = Waiting::new(&report, &stop, "orders".to_owned());
        waiting.silence = Duration::from_millis(1);
        let slow = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            7
        };
        assert_eq!(waiting.wait(slow).await, Ok(7));
        let told = lines.0.lock().unwrap().clone();
        assert!((1..=8).contains(&told.len()), "{told:?}");
        assert!(told[0].starts_with("SOURCE_WAITING orders: waiting for the source"), "{told:?}");
    }

    #[tokio::test]
    async fn a_stop_ends_the_waiting() {
        let lines = Lines::default();
        let report = Report::new(&lines, TaskId::random());
        let (handle, stop) = Stop::new();
        handle.request();
        let mut waiting = Waiting::new(&report, &stop, "orders".to_owned());
        assert_eq!(waiting.wait(std::future::pending::<()>()).await, Err(Halt::Canceled));
    }
}
