//! Looks at tables of a source on the wire, and what an extraction would ask for: as JSON, the rows as a query's.

use forebay_core::explanation::TableExplanation;
use forebay_core::extraction::SourceTableName;
use forebay_core::name::Identifier;
use forebay_core::preview::Preview;
use forebay_core::source::{SourceError, SourceErrorKind};

use super::rows::{Answer, Replies};
use super::{ExplainReply, PreviewReply, PreviewRequest, failure};

/// # Errors
/// `Invalid` for a name that is none.
pub(crate) fn to_table(request: &PreviewRequest) -> forebay_core::Result<SourceTableName> {
    Ok(SourceTableName {
        schema: request.schema.clone().map(Identifier::try_from).transpose()?,
        name: Identifier::try_from(request.name.clone())?,
    })
}

pub(crate) fn of_preview(looked: Result<Preview, SourceError>) -> PreviewReply {
    let refused = |error: &SourceError| PreviewReply {
        failure: Some(failure::of_source(error)),
        ..PreviewReply::default()
    };
    match looked {
        Ok(Preview { findings, rows }) => match serde_json::to_vec(&findings) {
            Ok(findings) => PreviewReply { findings, rows: Replies::new(Ok(rows)).collect(), failure: None },
            Err(error) => refused(&unreadable().caused_by(error)),
        },
        Err(error) => refused(&error),
    }
}

pub(crate) fn to_preview(reply: PreviewReply) -> Result<Preview, SourceError> {
    if let Some(failure) = reply.failure {
        return Err(failure::to_source(failure));
    }
    let findings = serde_json::from_slice(&reply.findings).map_err(|error| unreadable().caused_by(error))?;
    let mut answer = Answer::default();
    for part in reply.rows {
        if let Some(rows) = answer.take(part) {
            return match rows {
                Ok(rows) => Ok(Preview { findings, rows }),
                Err(error) => Err(unreadable().caused_by(error)),
            };
        }
    }
    Err(unreadable())
}

pub(crate) fn of_explanation(explained: Result<TableExplanation, SourceError>) -> ExplainReply {
    let written = explained.and_then(|explanation| {
        serde_json::to_vec(&explanation).map_err(|error| unreadable().caused_by(error))
    });
    match written {
        Ok(explanation) => ExplainReply { explanation, failure: None },
        Err(error) => ExplainReply { explanation: Vec::new(), failure: Some(failure::of_source(&error)) },
    }
}

pub(crate) fn to_explanation(reply: ExplainReply) -> Result<TableExplanation, SourceError> {
    match reply.failure {
        Some(failure) => Err(failure::to_source(failure)),
        None => serde_json::from_slice(&reply.explanation).map_err(|error| unreadable().caused_by(error)),
    }
}

/// What a worker of another version, or a defect, would send.
fn unreadable() -> SourceError {
    SourceError::new(SourceErrorKind::Unreachable, "the answer of the pool's worker cannot be read")
}
