//! How far the test of a connection came, step by step.

use forebay_core::check::{ConnectionCheck, Step, StepState};

use crate::words::Badge;

/// A step, and how it went.
pub(crate) struct StepRow {
    pub(crate) name: &'static str,
    /// What happens in it.
    pub(crate) what: &'static str,
    pub(crate) badge: Badge,
}

/// The steps in the order in which they are taken.
pub(super) fn rows(check: &ConnectionCheck) -> Vec<StepRow> {
    check.steps.iter().map(|(step, state)| row(*step, *state)).collect()
}

fn row(step: Step, state: StepState) -> StepRow {
    let (text, look) = match state {
        StepState::Ok => ("ok", "good"),
        StepState::Failed => ("failed", "bad"),
        StepState::NotReached => ("not reached", "ended"),
    };
    let what = match step {
        Step::NameLookup => "the host's name leads to an address",
        Step::Connect => "somebody listens at the port",
        Step::Tls => "both agree on encryption, and the certificate is good enough",
        Step::Login => "user and password are taken",
        Step::Database => "the database is there, and the user may use it",
        Step::Session => "the server takes our settings and answers",
        Step::Open => "the file or folder is there, and may be read",
        Step::Tables => "the tables that may be read are listed",
    };
    StepRow { name: step.name(), what, badge: Badge { text, look } }
}
