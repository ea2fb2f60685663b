//! The audit log: who asked for what, when, and what came of it.
//!
//! A [`Trail`] goes along with every request and gathers what becomes known of it; what is gathered becomes an entry
//! once the request is answered. So what is new here is in the log without being told to be. Refusals are bounded, see
//! [`gate`]: they change nothing, and nobody may fill the disk with them.

mod gate;
mod trail;

use forebay_core::access::Caller;
use forebay_core::audit::{AuditEntry, AuditFilter, AuditPosition, AuditResult};
use forebay_core::error::{Error, Result};

use self::gate::Passage;
pub(crate) use self::gate::{Gate, Who};
pub use self::trail::{Recording, Trail};
use crate::Engine;

/// The most entries that are listed at a time.
const LONGEST_PAGE: u32 = 1_000;

/// Some of the log, the newest entry first.
#[derive(Clone, Debug)]
pub struct AuditPage {
    pub entries: Vec<AuditEntry>,
    /// Where the older ones begin; `None` when there are none.
    pub before: Option<AuditPosition>,
}

impl Engine {
    /// Takes what a request asked for to the log, once it is answered with this status and this kind of error. Gives
    /// the entry that is to be on the disk before the answer is sent, see [`Engine::confirm_audit`].
    #[must_use]
    pub fn audit(&self, trail: &Trail, status: u16, error: Option<&str>) -> Option<AuditEntry> {
        let (entry, recording) = self.audit_entry(trail, Some((status, error)))?;
        match recording {
            Recording::Confirmed => return Some(entry),
            Recording::Soon => self.audit_soon(&entry),
            Recording::None => {}
        }
        None
    }

    /// Writes an entry down. No request fails because of it: what cannot be written is told by the server's log.
    pub async fn confirm_audit(&self, entry: &AuditEntry) {
        if let Err(error) = self.store().add_audit_entry(entry).await {
            tell(entry, &error);
        }
    }

    /// As [`Engine::audit`], for a request whose client went away before it was answered.
    pub fn audit_unanswered(&self, trail: &Trail) {
        if let Some((entry, _)) = self.audit_entry(trail, None) {
            self.audit_soon(&entry);
        }
    }

    fn audit_soon(&self, entry: &AuditEntry) {
        if let Err(error) = self.store().add_audit_entry_soon(entry) {
            tell(entry, &error);
        }
    }

    fn audit_entry(
        &self,
        trail: &Trail,
        answer: Option<(u16, Option<&str>)>,
    ) -> Option<(AuditEntry, Recording)> {
        let (result, status, error) = match answer {
            None => (AuditResult::Unknown, None, None),
            Some((status, _)) if status < 400 => (AuditResult::Done, Some(status), None),
            Some((status, error)) => (AuditResult::Refused, Some(status), error.map(str::to_owned)),
        };
        let now = self.now();
        let (mut entry, recording, who) = trail.entry(now)?;
        entry.result = result;
        entry.status = status;
        entry.error = error;
        if result == AuditResult::Refused {
            match self.0.audit.passes(who, now) {
                Passage::Open => {}
                Passage::Last => entry.is_last_of_hour = true,
                Passage::Closed => return None,
            }
        }
        Some((entry, recording))
    }

    /// Some entries, the newest first; the older ones behind a position.
    ///
    /// # Errors
    /// `Forbidden` for everybody but administrators; `Invalid` for a limit out of bounds.
    pub async fn audit_entries(
        &self,
        caller: &Caller,
        filter: &AuditFilter,
        before: Option<AuditPosition>,
        limit: u32,
    ) -> Result<AuditPage> {
        Self::administrator(caller)?;
        if !(1..=LONGEST_PAGE).contains(&limit) {
            return Err(Error::invalid("limit", format!("must be between 1 and {LONGEST_PAGE}")));
        }
        let mut found = self.store().audit_entries(filter, before, limit + 1).await?;
        let has_older = found.len() > limit as usize;
        found.truncate(limit as usize);
        let before = found.last().filter(|_| has_older).map(|(position, _)| *position);
        Ok(AuditPage { entries: found.into_iter().map(|(_, entry)| entry).collect(), before })
    }

    /// The operations of which there are entries, by name.
    ///
    /// # Errors
    /// `Forbidden` for everybody but administrators.
    pub async fn audit_operations(&self, caller: &Caller) -> Result<Vec<String>> {
        Self::administrator(caller)?;
        self.store().audit_operations().await
    }
}

/// An entry that is lost is told in the server's log, with as much as that may hold.
fn tell(entry: &AuditEntry, error: &Error) {
    tracing::error!(
        operation = entry.operation,
        caller.id = entry.caller.as_ref().map(|caller| caller.id.as_str()),
        request.id = entry.request_id.as_deref(),
        result = entry.result.as_str(),
        error = error as &dyn std::error::Error,
        "an entry of the audit log cannot be written"
    );
}
