//! The errors of warehouses and sources on the wire: kind, message and causes survive the way.

use std::error::Error;
use std::fmt;

use forebay_core::check::Step;
use forebay_core::source::{SourceError, SourceErrorKind};
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};

use super::{Failure, FailureKind};

/// A cause that was told by a worker: its text, and what caused it.
#[derive(Debug)]
struct Told {
    text: String,
    cause: Option<Box<Told>>,
}

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Error for Told {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &dyn Error)
    }
}

pub(crate) fn of_warehouse(error: &WarehouseError) -> Failure {
    let kind = match error.kind {
        WarehouseErrorKind::Invalid => FailureKind::Invalid,
        WarehouseErrorKind::Drift => FailureKind::Drift,
        WarehouseErrorKind::Conflict => FailureKind::Conflict,
        WarehouseErrorKind::Canceled => FailureKind::Canceled,
        WarehouseErrorKind::Unavailable => FailureKind::Unavailable,
        WarehouseErrorKind::Internal => FailureKind::Internal,
        WarehouseErrorKind::Stale => FailureKind::Stale,
    };
    failure(kind, &error.message, error.source())
}

pub(crate) fn to_warehouse(failure: Failure) -> WarehouseError {
    let kind = match failure.kind() {
        FailureKind::Invalid => WarehouseErrorKind::Invalid,
        FailureKind::Drift => WarehouseErrorKind::Drift,
        FailureKind::Conflict => WarehouseErrorKind::Conflict,
        FailureKind::Canceled => WarehouseErrorKind::Canceled,
        FailureKind::Unavailable => WarehouseErrorKind::Unavailable,
        FailureKind::Stale => WarehouseErrorKind::Stale,
        FailureKind::Internal
        | FailureKind::Unspecified
        | FailureKind::Unreachable
        | FailureKind::Denied
        | FailureKind::Value => WarehouseErrorKind::Internal,
    };
    let error = WarehouseError::new(kind, failure.message);
    match cause(failure.causes) {
        Some(cause) => error.caused_by(cause),
        None => error,
    }
}

pub(crate) fn of_source(error: &SourceError) -> Failure {
    let kind = match error.kind {
        SourceErrorKind::Unreachable => FailureKind::Unreachable,
        SourceErrorKind::Denied => FailureKind::Denied,
        SourceErrorKind::Invalid => FailureKind::Invalid,
        SourceErrorKind::Value => FailureKind::Value,
    };
    let step = error.step.map(|step| step.name().to_owned());
    Failure { step, ..failure(kind, &error.message, error.source()) }
}

pub(crate) fn to_source(failure: Failure) -> SourceError {
    let step = failure.step.as_deref().and_then(Step::of_name);
    let kind = match failure.kind() {
        FailureKind::Denied => SourceErrorKind::Denied,
        FailureKind::Invalid => SourceErrorKind::Invalid,
        FailureKind::Value => SourceErrorKind::Value,
        FailureKind::Unreachable
        | FailureKind::Unspecified
        | FailureKind::Drift
        | FailureKind::Conflict
        | FailureKind::Canceled
        | FailureKind::Unavailable
        | FailureKind::Internal
        | FailureKind::Stale => SourceErrorKind::Unreachable,
    };
    let error = SourceError { step, ..SourceError::new(kind, failure.message) };
    match cause(failure.causes) {
        Some(cause) => error.caused_by(cause),
        None => error,
    }
}

fn failure(kind: FailureKind, message: &str, mut cause: Option<&(dyn Error + 'static)>) -> Failure {
    let mut causes = Vec::new();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    Failure { kind: kind.into(), message: message.to_owned(), causes, step: None }
}

fn cause(causes: Vec<String>) -> Option<Box<Told>> {
    causes.into_iter().rev().fold(None, |cause, text| Some(Box::new(Told { text, cause })))
}
