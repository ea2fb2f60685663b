//! One attempt to sign in. All that is sent to the issuer is made of a secret that the browser alone holds: the server
//! keeps nothing until somebody comes back, and whoever has only seen addresses can go on with no attempt of others.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::Timestamp;
use ring::hmac;
use sha2::{Digest, Sha256};

use crate::keys::hash;
use crate::oauth::random_secret;

/// How long somebody may take at the issuer, in milliseconds.
const HOLDS: i64 = 10 * 60 * 1000;
/// The most attempts that are known to be used up; the oldest ones are forgotten.
const MOST: usize = 10_000;

/// An attempt to sign in.
pub struct Attempt {
    secret: String,
    begun: Timestamp,
}

impl Attempt {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { secret: random_secret().expose().to_owned(), begun: now }
    }

    /// The attempt of this text, if the state is its own and it is not too old.
    pub(super) fn resumed(text: &str, state: &str, now: Timestamp) -> Option<Self> {
        let (secret, begun) = text.split_once('.')?;
        if URL_SAFE_NO_PAD.decode(secret).ok()?.len() != 32 {
            return None;
        }
        let attempt = Self { secret: secret.to_owned(), begun: Timestamp::from_millis(begun.parse().ok()?) };
        let state = URL_SAFE_NO_PAD.decode(state).ok()?;
        hmac::verify(&attempt.key(), &attempt.message("state"), &state).ok()?;
        let age = now.as_millis().checked_sub(attempt.begun.as_millis())?;
        (0..=HOLDS).contains(&age).then_some(attempt)
    }

    /// What the browser holds, in letters that a cookie may have.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}.{}", self.secret, self.begun.as_millis())
    }

    /// What comes back with the answer.
    #[must_use]
    pub fn state(&self) -> String {
        self.derived("state")
    }

    /// What stands in the ID token.
    #[must_use]
    pub fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// What proves that the code was asked for here (RFC 7636).
    #[must_use]
    pub fn verifier(&self) -> String {
        self.derived("verifier")
    }

    /// The digest of the verifier, for the method S256.
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier().as_bytes()))
    }

    pub(super) fn begun(&self) -> Timestamp {
        self.begun
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes())
    }

    fn message(&self, what: &str) -> Vec<u8> {
        format!("{what} {}", self.begun.as_millis()).into_bytes()
    }

    fn derived(&self, what: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key(), &self.message(what)).as_ref())
    }
}

/// The attempts that have come back, for as long as they could come again.
#[derive(Default)]
pub(super) struct Used(Mutex<VecDeque<(Timestamp, [u8; 32])>>);

impl Used {
    /// Uses an attempt up; `false` when it was before.
    pub(super) fn take(&self, attempt: &Attempt, now: Timestamp) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while used.front().is_some_and(|(since, _)| now.as_millis() - since.as_millis() > HOLDS) {
            used.pop_front();
        }
        let hash = hash(&attempt.secret);
        if used.iter().any(|(_, known)| *known == hash) {
            return false;
        }
        if used.len() >= MOST {
            used.pop_front();
        }
        used.push_back((now, hash));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_attempt_is_resumed_by_its_browser_in_time() {
        let attempt = Attempt::new(at(1_000));
        let (text, state) = (attempt.to_text(), attempt.state());
        let check = |text: &str, state: &str, now: i64, expected: bool| {
            assert_eq!(Attempt::resumed(text, state, at(now)).is_some(), expected, "{text} {state} {now}");
        };
        check(&text, &state, 1_000, true);
        check(&text, &state, 1_000 + HOLDS, true);
        check(&text, &state, 1_001 + HOLDS, false);
        check(&text, &state, 999, false);
        // When it began cannot be moved.
        check(&text.replace(".1000", ".2000"), &state, 2_000, false);
        let other = Attempt::new(at(1_000));
        check(&other.to_text(), &state, 1_000, false);
        check(&text, &other.state(), 1_000, false);
        check(&text, &attempt.nonce(), 1_000, false);
        for broken in ["", ".", "x.1000", ".1000", &text.replace(".1000", ""), &text.replace(".1000", ".x")] {
            check(broken, &state, 1_000, false);
        }
        check(&text, "", 1_000, false);
    }

    #[test]
    fn what_is_sent_is_of_one_attempt_alone_and_long_enough() {
        let attempt = Attempt::new(at(1));
        let sent = [
            attempt.state(),
            attempt.nonce(),
            attempt.verifier(),
            attempt.challenge(),
            attempt.secret.clone(),
        ];
        for (place, one) in sent.iter().enumerate() {
            assert_eq!(one.len(), 43, "{one}");
            assert!(!sent[..place].contains(one), "{sent:?}");
        }
        let again = Attempt::resumed(&attempt.to_text(), &attempt.state(), at(1)).unwrap();
        assert_eq!((again.nonce(), again.verifier()), (attempt.nonce(), attempt.verifier()));
    }

    #[test]
    fn an_attempt_is_used_once_and_what_is_remembered_is_bounded() {
        let used = Used::default();
        let attempt = Attempt::new(at(0));
        assert!(used.take(&attempt, at(0)));
        assert!(!used.take(&attempt, at(HOLDS)));
        for _ in 0..MOST + 10 {
            assert!(used.take(&Attempt::new(at(0)), at(0)));
        }
        assert_eq!(used.0.lock().unwrap().len(), MOST);
        assert!(used.take(&Attempt::new(at(0)), at(HOLDS + 1)));
        assert_eq!(used.0.lock().unwrap().len(), 1);
    }
}
