//! How often a task is tried again, and how long is waited in between.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The most attempts of a task in one run.
pub const ATTEMPTS_LIMIT: u32 = 20;
/// The longest pause between two attempts, in seconds.
pub const PAUSE_LIMIT_SECONDS: u64 = 60 * 60;

/// How often a task is tried in one run, and how long is waited between. Only what may help is tried
/// again: a source that did not answer, a warehouse that was busy or full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// The first one included; 1 means that nothing is tried again.
    pub attempts: u32,
    /// Before the second attempt. Each further pause is twice as long.
    pub first_pause_seconds: u64,
    pub longest_pause_seconds: u64,
}

impl RetryPolicy {
    /// Checks what a user has set.
    ///
    /// # Errors
    /// `Invalid`, naming the field as the API writes it.
    pub fn checked(self) -> Result<Self> {
        if !(1..=ATTEMPTS_LIMIT).contains(&self.attempts) {
            let reason = format!("must be from 1 (nothing is tried again) to {ATTEMPTS_LIMIT}");
            return Err(Error::invalid("attempts", reason));
        }
        if self.longest_pause_seconds > PAUSE_LIMIT_SECONDS {
            return Err(Error::invalid(
                "longestPauseSeconds",
                format!("must be at most {PAUSE_LIMIT_SECONDS}"),
            ));
        }
        if self.first_pause_seconds > self.longest_pause_seconds {
            let reason = format!("must be at most longestPauseSeconds, {}", self.longest_pause_seconds);
            return Err(Error::invalid("firstPauseSeconds", reason));
        }
        Ok(self)
    }

    /// How long to wait after an attempt that failed (from 1), before chance is added.
    #[must_use]
    pub fn pause(&self, attempt: u32) -> Duration {
        let doubled = 2_u64.saturating_pow(attempt.saturating_sub(1));
        let seconds = self.first_pause_seconds.saturating_mul(doubled);
        Duration::from_secs(seconds.min(self.longest_pause_seconds))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, first_pause_seconds: 5, longest_pause_seconds: 60 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let policy = RetryPolicy { attempts: 9, first_pause_seconds: 5, longest_pause_seconds: 60 };
        let seconds: Vec<u64> = (1..7).map(|attempt| policy.pause(attempt).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60]);
        assert_eq!(policy.pause(u32::MAX).as_secs(), 60);
    }

    #[test]
    fn a_policy_out_of_bounds_names_its_field() {
        let check = |attempts, first_pause_seconds, longest_pause_seconds, expected: Option<&str>| {
            let policy = RetryPolicy { attempts, first_pause_seconds, longest_pause_seconds };
            let field = match policy.checked() {
                Ok(_) => None,
                Err(Error::Invalid { field, .. }) => Some(field),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(field.as_deref(), expected, "{policy:?}");
        };
        check(1, 0, 0, None);
        check(20, 3600, 3600, None);
        check(0, 0, 0, Some("attempts"));
        check(21, 0, 0, Some("attempts"));
        check(2, 0, 3601, Some("longestPauseSeconds"));
        check(2, 6, 5, Some("firstPauseSeconds"));
    }
}
