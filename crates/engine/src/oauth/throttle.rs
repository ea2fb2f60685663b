//! Holds up those who try secrets: after some wrong ones, whoever comes from the same place and tries the same thing
//! waits, each time longer. Right ones are never counted, however many come.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use forebay_core::Timestamp;

use super::{OauthError, OauthResult};

/// So many wrong attempts cost nothing.
const FREE: u32 = 10;
/// The longest wait, in milliseconds.
const LONGEST: i64 = 60_000;
/// After so long without a wrong attempt all is forgotten, in milliseconds.
const MEMORY: i64 = 10 * 60_000;
/// The most places and things that are told apart; further ones are held up together.
const ENTRIES: usize = 10_000;

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tried {
    /// The secret of a client that is there.
    Secret(String),
    /// A client that is not.
    Client,
    /// A key, to sign in with.
    Key,
    /// The password of whoever is named, known or not, in small letters.
    Password(String),
    /// A link, to sign in with.
    Link,
    /// The code that a device shows.
    UserCode,
}

#[derive(Clone, Copy, Debug)]
struct Wrong {
    attempts: u32,
    last: Timestamp,
    /// The next attempt is looked at from then on.
    wait_until: Timestamp,
}

#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<(Option<IpAddr>, Tried), Wrong>>);

impl Throttle {
    /// Refuses an attempt that comes too early.
    pub(crate) fn check(&self, peer: Option<IpAddr>, tried: &Tried, now: Timestamp) -> OauthResult<()> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for place in [peer, None] {
            if let Some(wrong) = entries.get(&(place, tried.clone())) {
                let wait = wrong.wait_until.as_millis().saturating_sub(now.as_millis());
                if let Ok(wait @ 1..) = u64::try_from(wait) {
                    return Err(OauthError::Throttled(Duration::from_secs(wait.div_ceil(1000))));
                }
            }
        }
        Ok(())
    }

    /// Counts a wrong attempt.
    pub(crate) fn wrong(&self, peer: Option<IpAddr>, tried: Tried, now: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_kept = |wrong: &Wrong| now.as_millis().saturating_sub(wrong.last.as_millis()) < MEMORY;
        let mut key = (peer, tried);
        if entries.len() >= ENTRIES && !entries.contains_key(&key) {
            entries.retain(|_, wrong| is_kept(wrong));
            if entries.len() >= ENTRIES {
                key.0 = None;
            }
        }
        let entry = entries.entry(key).or_insert(Wrong { attempts: 0, last: now, wait_until: now });
        if !is_kept(entry) {
            entry.attempts = 0;
        }
        entry.attempts = entry.attempts.saturating_add(1);
        entry.last = now;
        if entry.attempts >= FREE {
            let wait = 1000_i64.checked_shl(entry.attempts - FREE).unwrap_or(LONGEST).clamp(1000, LONGEST);
            entry.wait_until = Timestamp::from_millis(now.as_millis().saturating_add(wait));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn wait(throttle: &Throttle, peer: &str, tried: &Tried, now: i64) -> u64 {
        match throttle.check(Some(peer.parse().unwrap()), tried, at(now)) {
            Ok(()) => 0,
            Err(OauthError::Throttled(wait)) => wait.as_secs(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn wrong_attempts_wait_longer_each_time_and_are_forgotten() {
        let throttle = Throttle::default();
        let one = Tried::Secret("one".to_owned());
        let peer = Some("127.0.0.1".parse().unwrap());
        for _ in 0..FREE - 1 {
            throttle.wrong(peer, one.clone(), at(0));
            assert_eq!(wait(&throttle, "127.0.0.1", &one, 0), 0);
        }
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            throttle.wrong(peer, one.clone(), at(0));
            assert_eq!(wait(&throttle, "127.0.0.1", &one, 0), expected);
        }
        for _ in 0..200 {
            throttle.wrong(peer, one.clone(), at(0));
        }
        assert_eq!(wait(&throttle, "127.0.0.1", &one, 0), 60);
        assert_eq!(wait(&throttle, "127.0.0.1", &one, 60_000), 0);
        // Others are not held up by it.
        assert_eq!(wait(&throttle, "127.0.0.2", &one, 0), 0);
        assert_eq!(wait(&throttle, "127.0.0.1", &Tried::Key, 0), 0);
        throttle.wrong(peer, one.clone(), at(MEMORY));
        assert_eq!(wait(&throttle, "127.0.0.1", &one, MEMORY), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_still_holds_up() {
        let throttle = Throttle::default();
        for place in 0..u32::try_from(ENTRIES).unwrap() {
            throttle.wrong(Some(IpAddr::from(place.to_be_bytes())), Tried::UserCode, at(0));
        }
        for place in 0..20_u32 {
            let place = Some(IpAddr::from((1_000_000 + place).to_be_bytes()));
            throttle.wrong(place, Tried::UserCode, at(0));
        }
        assert!(throttle.0.lock().unwrap().len() <= ENTRIES + 4);
        assert!(wait(&throttle, "9.9.9.9", &Tried::UserCode, 0) > 0);
        // All is forgotten some time later.
        throttle.wrong(Some("9.9.9.9".parse().unwrap()), Tried::UserCode, at(MEMORY));
        assert!(throttle.0.lock().unwrap().len() <= 1);
    }
}
