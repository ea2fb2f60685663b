//! How many pushes may be executed in a second and in an hour. Counted from the start of the server on.

use std::sync::{Mutex, PoisonError};

use forebay_core::Timestamp;
use forebay_core::error::{Error, RateLimit, Result};

const SECOND: i64 = 1_000;
const HOUR: i64 = 60 * 60 * SECOND;

/// What was executed in the present second and in the present hour of UTC.
#[derive(Default)]
pub(crate) struct Submissions(Mutex<Spans>);

#[derive(Default)]
struct Spans {
    second: Span,
    hour: Span,
}

#[derive(Clone, Copy, Default)]
struct Span {
    /// Counted from 1970 on.
    number: i64,
    count: u64,
}

impl Span {
    /// Goes on to the span of a moment.
    fn at(&mut self, now: i64, millis: i64) {
        let number = now.div_euclid(millis);
        if self.number != number {
            *self = Self { number, count: 0 };
        }
    }

    fn limit(&self, most: u64, now: i64, millis: i64) -> RateLimit {
        let left = millis - now.rem_euclid(millis);
        RateLimit {
            limit: most,
            remaining: most.saturating_sub(self.count),
            reset_seconds: left.unsigned_abs().div_ceil(1_000),
        }
    }
}

impl Submissions {
    /// Counts one more. Gives how much is left of the limit that ends first; `None` when there is none.
    ///
    /// # Errors
    /// `TooMany` when there is nothing left; then it is not counted.
    pub(crate) fn take(
        &self,
        now: Timestamp,
        per_second: Option<u64>,
        per_hour: Option<u64>,
    ) -> Result<Option<RateLimit>> {
        let now = now.as_millis();
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans.second.at(now, SECOND);
        spans.hour.at(now, HOUR);
        let limits = |spans: &Spans| {
            let second = per_second.map(|most| (spans.second.limit(most, now, SECOND), "a second"));
            let hour = per_hour.map(|most| (spans.hour.limit(most, now, HOUR), "an hour of UTC"));
            second.into_iter().chain(hour).min_by_key(|(limit, _)| limit.remaining)
        };
        if let Some((limit, span)) = limits(&spans)
            && limit.remaining == 0
        {
            let what = format!(
                "at most {} data pushes are executed in {span}; try again in {} s",
                limit.limit, limit.reset_seconds
            );
            return Err(Error::TooMany { what, limit });
        }
        spans.second.count += 1;
        spans.hour.count += 1;
        Ok(limits(&spans).map(|(limit, _)| limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn no_more_than_the_limit_is_let_through_in_a_span() {
        let submissions = Submissions::default();
        for remaining in (0..10).rev() {
            let left = submissions.take(at(5_000), Some(10), Some(250)).unwrap().unwrap();
            assert_eq!((left.limit, left.remaining, left.reset_seconds), (10, remaining, 1));
        }
        let Err(Error::TooMany { limit, .. }) = submissions.take(at(5_999), Some(10), Some(250)) else {
            panic!("the eleventh of a second is let through")
        };
        assert_eq!((limit.limit, limit.remaining, limit.reset_seconds), (10, 0, 1));
        submissions.take(at(6_000), Some(10), Some(250)).unwrap();
    }

    #[test]
    fn an_hour_is_one_of_the_clock() {
        let submissions = Submissions::default();
        for _ in 0..3 {
            submissions.take(at(HOUR - 2_000), None, Some(3)).unwrap();
        }
        let error = submissions.take(at(HOUR - 1_500), None, Some(3)).unwrap_err();
        let Error::TooMany { what, limit } = error else { panic!("{error}") };
        assert_eq!(limit.reset_seconds, 2);
        assert!(what.contains("in an hour of UTC; try again in 2 s"), "{what}");
        assert_eq!(submissions.take(at(HOUR), None, Some(3)).unwrap().unwrap().remaining, 2);
    }

    #[test]
    fn without_limits_nothing_is_refused_or_told() {
        let submissions = Submissions::default();
        for _ in 0..1_000 {
            assert_eq!(submissions.take(at(1), None, None).unwrap(), None);
        }
    }
}
