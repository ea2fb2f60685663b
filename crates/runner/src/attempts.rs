//! The attempts of a task: what failed and may work a moment later is tried again, after a pause.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use forebay_core::retry::RetryPolicy;
use forebay_core::stop::Stop;

use crate::halt::{Halt, unless_stopped};
use crate::report::Report;

/// How often a task was tried, and how often it may be.
pub(crate) struct Attempts<'a> {
    policy: RetryPolicy,
    /// The one that runs, from 1.
    attempt: u32,
    stop: &'a Stop,
    report: &'a Report<'a>,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(policy: RetryPolicy, stop: &'a Stop, report: &'a Report<'a>) -> Self {
        Self { policy, attempt: 1, stop, report }
    }

    /// Whether there may be another one.
    pub(crate) fn has_more(&self) -> bool {
        self.attempt < self.policy.attempts
    }

    /// Tells why there is another one, and waits for it.
    ///
    /// # Errors
    /// `Canceled` when the stop is asked for first.
    pub(crate) async fn next(&mut self, reason: &str) -> Result<(), Halt> {
        let pause = with_chance(self.policy.pause(self.attempt));
        self.attempt += 1;
        let text = format!(
            "attempt {} of {} in {:.0} s: {reason}",
            self.attempt,
            self.policy.attempts,
            pause.as_secs_f64()
        );
        self.report.warn("TASK_RETRY", text).await;
        unless_stopped(self.stop, tokio::time::sleep(pause)).await
    }
}

/// Up to a quarter longer: what failed together is not tried again together.
fn with_chance(pause: Duration) -> Duration {
    // The keys of a new state are random, and nothing here must be hard to guess.
    let chance = RandomState::new().hash_one(0) % 1000;
    pause + pause.mul_f64(chance as f64 / 4000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_never_shorter_and_at_most_a_quarter_longer() {
        for _ in 0..100 {
            let pause = with_chance(Duration::from_secs(8));
            assert!((8.0..=10.0).contains(&pause.as_secs_f64()), "{pause:?}");
        }
    }
}
