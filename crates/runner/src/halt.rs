//! Why work ends before it is done, and how waiting ends when the stop is asked for.

use std::error::Error;
use std::pin::pin;

use forebay_core::source::{SourceError, SourceErrorKind};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};
use futures::future::{Either, select};

/// Why work ended early. The texts are for the user: what failed and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    Canceled,
    /// Trying it again would fail again.
    Failed(String),
    /// The same may work a moment later.
    Passing(String),
}

impl Halt {
    /// Says more about a failure.
    pub(crate) fn map(self, tell: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Canceled => Self::Canceled,
            Self::Failed(reason) => Self::Failed(tell(reason)),
            Self::Passing(reason) => Self::Passing(tell(reason)),
        }
    }
}

impl From<String> for Halt {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl From<SourceError> for Halt {
    fn from(error: SourceError) -> Self {
        tracing::warn!(error = &error as &dyn Error, kind = ?error.kind, "a source failed");
        match error.kind {
            SourceErrorKind::Unreachable => Self::Passing(error.message),
            SourceErrorKind::Denied | SourceErrorKind::Invalid | SourceErrorKind::Value => {
                Self::Failed(error.message)
            }
        }
    }
}

impl From<WarehouseError> for Halt {
    fn from(error: WarehouseError) -> Self {
        if error.kind == WarehouseErrorKind::Canceled {
            return Self::Canceled;
        }
        tracing::warn!(error = &error as &dyn Error, kind = ?error.kind, "the warehouse failed");
        match error.kind {
            WarehouseErrorKind::Canceled => Self::Canceled,
            WarehouseErrorKind::Conflict | WarehouseErrorKind::Unavailable => Self::Passing(error.message),
            // After an internal error nobody knows what was kept.
            WarehouseErrorKind::Invalid
            | WarehouseErrorKind::Drift
            | WarehouseErrorKind::Stale
            | WarehouseErrorKind::Internal => Self::Failed(error.message),
        }
    }
}

/// Says that the execution was canceled once the stop is asked for.
pub(crate) fn check(stop: &Stop) -> Result<(), Halt> {
    if stop.is_requested() { Err(Halt::Canceled) } else { Ok(()) }
}

/// Waits for work that may be dropped half done, and drops it when the stop is asked for.
pub(crate) async fn unless_stopped<T>(stop: &Stop, work: impl Future<Output = T>) -> Result<T, Halt> {
    match select(pin!(stop.requested()), pin!(work)).await {
        Either::Left(((), _)) => Err(Halt::Canceled),
        Either::Right((done, _)) => Ok(done),
    }
}
