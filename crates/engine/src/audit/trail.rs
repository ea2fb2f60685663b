//! What is known of a request while it is answered. Whoever learns something writes it down here: the route what it
//! is, whoever checks credentials whose they are, and the engine who has signed in or has failed to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Subject};
use forebay_core::audit::{AuditCaller, AuditEntry, AuditResult};
use forebay_core::id::{DataPoolId, UserId};
use forebay_core::oauth::OauthClient;

use super::Who;

/// The longest id that is kept, in bytes: every secret of ours is longer.
const LONGEST_ID: usize = 40;
/// Ids that may be names.
const NAMES: [&str; 2] = ["clientId", "chunkId"];

/// How a request gets into the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// Its entry is on the disk before it is answered.
    #[default]
    Confirmed,
    /// Its entry comes with the next transaction, and the answer does not wait for that.
    Soon,
    /// Not at all: it only reads, or is one of many parts of something that is in the log.
    None,
}

/// What is known of one request. Cloning gives another handle on the same one.
#[derive(Clone, Debug, Default)]
pub struct Trail(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    method: String,
    /// Whether a request of this method changes something.
    is_change: bool,
    peer: Option<IpAddr>,
    request_id: Option<String>,
    route: String,
    ids: BTreeMap<String, String>,
    operation: Option<String>,
    recording: Recording,
    caller: Option<AuditCaller>,
    client: Option<String>,
    sign_in: Option<SignIn>,
}

/// That somebody signs in, whatever the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SignIn {
    Done,
    Failed,
}

impl Trail {
    /// The trail of a request that has just come.
    #[must_use]
    pub fn new(method: &str, peer: Option<IpAddr>, request_id: Option<String>) -> Self {
        let is_change = !["GET", "HEAD", "OPTIONS"].contains(&method);
        let method = method.to_owned();
        Self(Arc::new(Mutex::new(Known { method, is_change, peer, request_id, ..Known::default() })))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The template of its route, and the ids in its address.
    pub fn is_at<'id>(&self, route: &str, ids: impl IntoIterator<Item = (&'id str, &'id str)>) {
        let mut known = self.known();
        known.route = route.to_owned();
        for (name, id) in ids {
            known.keep(name, id);
        }
    }

    /// What it asks for.
    pub fn asks_for(&self, operation: &str) {
        self.known().operation = Some(operation.to_owned());
    }

    /// How it gets into the log; without this, its entry is on the disk before it is answered.
    pub fn is_recorded(&self, recording: Recording) {
        self.known().recording = recording;
    }

    /// Who sends it.
    pub fn comes_from(&self, caller: &Caller) {
        let mut known = self.known();
        known.caller = Some(caller.into());
        known.client = caller.client.as_ref().map(ToString::to_string);
    }

    /// An id of what it has made. Where a sign-in leads to was there before.
    pub fn has_made(&self, name: &str, id: &str) {
        let mut known = self.known();
        if known.sign_in.is_none() && !known.ids.values().any(|kept| kept == id) {
            known.keep(name, id);
        }
    }

    /// Whom a client acts for, that sends it: itself when it has proved that by its secret, or a user.
    pub(crate) fn is_for(&self, subject: Subject, client: &OauthClient) {
        let mut known = self.known();
        known.caller = Some(subject.into());
        known.client = Some(client.id.to_string());
    }

    /// That somebody has signed in by it.
    pub fn signs_in(&self, user: UserId) {
        let mut known = self.known();
        known.caller = Some(Subject::User(user).into());
        known.sign_in = Some(SignIn::Done);
    }

    /// That somebody has failed to sign in by it, or a client to prove itself, and as whom if that is known.
    pub fn fails_to_sign_in(&self, subject: Option<Subject>) {
        let mut known = self.known();
        known.caller = subject.map(AuditCaller::from);
        known.sign_in = Some(SignIn::Failed);
    }

    /// The entry of what is known, as if it had no answer, and whose refusal it would be; `None` when there is nothing
    /// to tell.
    pub(super) fn entry(&self, now: Timestamp) -> Option<(AuditEntry, Recording, Who)> {
        let known = self.known();
        let is_told = match known.sign_in {
            Some(SignIn::Done | SignIn::Failed) => true,
            None => known.is_change && known.caller.is_some(),
        };
        if !is_told || known.recording == Recording::None {
            return None;
        }
        let who = match (known.sign_in, &known.caller) {
            (Some(SignIn::Failed), _) | (_, None) => Who::Stranger(known.peer),
            (Some(SignIn::Done) | None, Some(caller)) => Who::Caller(caller.id.clone()),
        };
        let entry = AuditEntry {
            at: now,
            caller: known.caller.clone(),
            client: known.client.clone(),
            operation: known.operation.clone().unwrap_or_else(|| known.route.clone()),
            method: known.method.clone(),
            route: known.route.clone(),
            pool: known.ids.get("poolId").and_then(|pool| pool.parse().ok()),
            ids: known.ids.clone(),
            result: AuditResult::Unknown,
            status: None,
            error: None,
            is_last_of_hour: false,
            peer: known.peer,
            request_id: known.request_id.clone(),
        };
        Some((entry, known.recording, who))
    }
}

impl Known {
    /// Keeps what looks like an id; whatever else stands in an address is of no use, and may be a secret.
    fn keep(&mut self, name: &str, id: &str) {
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        // All ids have the form of a pool's.
        let is_id = !name.ends_with("Id") || NAMES.contains(&name) || id.parse::<DataPoolId>().is_ok();
        if is_id && !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(is_letter) {
            self.ids.insert(name.to_owned(), id.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::access::Role;
    use forebay_core::name::Name;
    use forebay_core::oauth::Authority;

    use super::*;

    const ID: &str = "6f2c1a52-6d53-4f0e-9a39-0f6f0c8d3b11";

    fn caller() -> Caller {
        Caller {
            subject: Subject::User(ID.parse().unwrap()),
            name: Name::parse("name", "Ada").unwrap(),
            role: Role::Member,
            authority: Authority::Whole,
            client: None,
        }
    }

    fn entry(trail: &Trail) -> Option<AuditEntry> {
        trail.entry(Timestamp::from_millis(5)).map(|(entry, _, _)| entry)
    }

    #[test]
    fn a_change_by_somebody_known_is_told_with_its_ids() {
        let trail = Trail::new("POST", None, Some("42".to_owned()));
        trail.is_at(
            "/pools/{poolId}/jobs",
            [("poolId", ID), ("type", "a b"), ("long", &"a".repeat(41)), ("keyId", "abc")],
        );
        assert_eq!(entry(&trail), None, "nobody is known");
        trail.comes_from(&caller());
        trail.asks_for("create_data_job");
        trail.has_made("id", ID);
        trail.has_made("id", "00000000-0000-4000-8000-000000000000");
        let told = entry(&trail).unwrap();
        assert_eq!(told.operation, "create_data_job");
        assert_eq!(told.pool.map(|pool| pool.to_string()).as_deref(), Some(ID));
        let ids: Vec<_> = told.ids.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
        assert_eq!(ids, [("id", "00000000-0000-4000-8000-000000000000"), ("poolId", ID)]);
        trail.is_recorded(Recording::None);
        assert_eq!(entry(&trail), None);
    }

    #[test]
    fn what_reads_is_told_only_when_it_signs_in() {
        let trail = Trail::new("GET", None, None);
        trail.is_at("/sign-in/somewhere", []);
        trail.comes_from(&caller());
        assert_eq!(entry(&trail), None);
        trail.signs_in(ID.parse().unwrap());
        trail.has_made("id", ID);
        assert!(entry(&trail).unwrap().ids.is_empty());
        assert_eq!(entry(&trail).unwrap().operation, "/sign-in/somewhere");
    }

    #[test]
    fn whoever_fails_to_sign_in_is_a_stranger_also_as_somebody_known() {
        let place = Some("192.0.2.1".parse().unwrap());
        let trail = Trail::new("POST", place, None);
        trail.fails_to_sign_in(Some(Subject::User(ID.parse().unwrap())));
        let (told, _, who) = trail.entry(Timestamp::from_millis(5)).unwrap();
        assert_eq!(who, Who::Stranger(place));
        assert_eq!(told.caller.map(|caller| caller.id).as_deref(), Some(ID));
    }
}
