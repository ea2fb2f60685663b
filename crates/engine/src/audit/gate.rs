//! How many refusals are written down in an hour: of strangers who fail to sign in, few for each place and not many
//! for all of them; of each caller who is known, as many as somebody may want to read. What was done is always
//! written down.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use forebay_core::Timestamp;

/// Milliseconds.
const HOUR: i64 = 60 * 60 * 1000;
/// The most failed sign-ins of an hour from one place.
const OF_A_PLACE: u32 = 20;
/// The most from everywhere.
const OF_STRANGERS: u32 = 100;
/// The most refusals of an hour for one caller.
const OF_A_CALLER: u32 = 1_000;

/// Whose refusal it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// Somebody who did not sign in, at this place.
    Stranger(Option<IpAddr>),
    /// The id of a user or an application.
    Caller(String),
}

/// Whether a refusal is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Open,
    /// It is, and the next ones of this hour are not.
    Last,
    Closed,
}

/// Counts the refusals of the hour.
#[derive(Default)]
pub(crate) struct Gate(Mutex<Hour>);

#[derive(Default)]
struct Hour {
    number: i64,
    strangers: u32,
    /// No more places than strangers are counted.
    of: HashMap<Who, u32>,
}

impl Gate {
    pub(crate) fn passes(&self, who: Who, now: Timestamp) -> Passage {
        let mut hour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.as_millis().div_euclid(HOUR);
        if hour.number != number {
            *hour = Hour { number, ..Hour::default() };
        }
        let (most, is_stranger) = match who {
            Who::Stranger(_) => (OF_A_PLACE, true),
            Who::Caller(_) => (OF_A_CALLER, false),
        };
        if is_stranger && hour.strangers >= OF_STRANGERS {
            return Passage::Closed;
        }
        let count = hour.of.entry(who).or_default();
        if *count >= most {
            return Passage::Closed;
        }
        *count += 1;
        let mut is_last = *count == most;
        if is_stranger {
            hour.strangers += 1;
            is_last |= hour.strangers == OF_STRANGERS;
        }
        if is_last { Passage::Last } else { Passage::Open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(place: u32) -> Who {
        Who::Stranger(Some(IpAddr::from(place.to_be_bytes())))
    }

    fn passages(gate: &Gate, who: &Who, times: u32, now: i64) -> Vec<Passage> {
        let passes = |_| gate.passes(who.clone(), Timestamp::from_millis(now));
        (0..times).map(passes).filter(|passage| *passage != Passage::Open).collect()
    }

    #[test]
    fn one_place_is_told_so_often_and_again_in_the_next_hour() {
        let gate = Gate::default();
        let expected = [Passage::Last, Passage::Closed, Passage::Closed];
        assert_eq!(passages(&gate, &stranger(1), OF_A_PLACE + 2, HOUR), expected);
        assert_eq!(passages(&gate, &stranger(2), 1, 2 * HOUR - 1), []);
        assert_eq!(passages(&gate, &stranger(1), OF_A_PLACE, 2 * HOUR), [Passage::Last]);
    }

    #[test]
    fn many_places_are_told_together_and_keep_nobody_known_out() {
        let gate = Gate::default();
        let mut told = 0;
        for place in 0..10_000 {
            told += usize::from(passages(&gate, &stranger(place), 1, HOUR) != [Passage::Closed]);
        }
        assert_eq!(told, OF_STRANGERS as usize);
        let known = Who::Caller("ada".to_owned());
        assert_eq!(passages(&gate, &known, OF_A_CALLER + 1, HOUR), [Passage::Last, Passage::Closed]);
        assert!(gate.0.lock().unwrap().of.len() <= OF_STRANGERS as usize + 1);
    }
}
