//! Ids in paths. What is no id names nothing, so it is a 404 that says what was looked for:
//! clients write `None` into a path when they lost an id.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{
    ApplicationId, ConsentId, DataConnectionId, DataExportId, DataJobId, DataModelId, DataPoolId,
    ExecutionId, ForeignKeyId, GroupId, KeyId, ModelTableId, OauthSecretId, ParameterId,
    ProcessConfigurationId, PushJobId, ScheduleId, SigningKeyId, TableExtractionId, TaskId, UserId,
};
use forebay_core::oauth::ClientId;

use forebay_engine::BackupName;

use super::problem::Problem;

/// The ids of a path, in order: one, or a tuple of them.
pub struct Path<T>(pub T);

/// What one variable segment of a path can be.
pub(crate) trait Segment: Sized {
    fn parse(text: &str) -> Result<Self>;
}

/// The variable segments of a path.
pub(crate) trait Segments: Sized {
    fn parse<'text>(texts: impl Iterator<Item = &'text str>) -> Result<Self>;
}

/// A task by its own id or by its template's: one client writes the template's where the task's
/// belongs, so the engine takes either.
pub(crate) struct TaskKey(pub(crate) String);

impl Segment for TaskKey {
    fn parse(text: &str) -> Result<Self> {
        text.parse::<TaskId>()?;
        Ok(Self(text.to_owned()))
    }
}

/// The type of a data connection, as it is written on the wire.
pub(crate) struct ConnectionTypeName(pub(crate) String);

impl Segment for ConnectionTypeName {
    fn parse(text: &str) -> Result<Self> {
        Ok(Self(text.to_owned()))
    }
}

/// The number of a file of a data export.
pub(crate) struct ChunkNumber(pub(crate) usize);

impl Segment for ChunkNumber {
    fn parse(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|_| Error::not_found(Kind::DataExport, text))
    }
}

impl Segment for BackupName {
    fn parse(text: &str) -> Result<Self> {
        Self::parse(text).map_err(|_| Error::not_found(Kind::Backup, text))
    }
}

macro_rules! segments {
    ($($id:ident)*) => {$(
        impl Segment for $id {
            fn parse(text: &str) -> Result<Self> {
                text.parse()
            }
        }
    )*};
}

segments! {
    ApplicationId ClientId ConsentId DataConnectionId DataExportId DataJobId DataModelId DataPoolId ExecutionId ForeignKeyId
    GroupId KeyId ModelTableId OauthSecretId ParameterId ProcessConfigurationId PushJobId ScheduleId SigningKeyId TableExtractionId TaskId UserId
}

fn next<'text, T: Segment>(texts: &mut impl Iterator<Item = &'text str>) -> Result<T> {
    T::parse(texts.next().ok_or_else(|| Error::internal("a route has fewer ids than its handler reads"))?)
}

impl<A: Segment> Segments for A {
    fn parse<'text>(mut texts: impl Iterator<Item = &'text str>) -> Result<Self> {
        next(&mut texts)
    }
}

impl<A: Segment, B: Segment> Segments for (A, B) {
    fn parse<'text>(mut texts: impl Iterator<Item = &'text str>) -> Result<Self> {
        Ok((next(&mut texts)?, next(&mut texts)?))
    }
}

impl<A: Segment, B: Segment, C: Segment> Segments for (A, B, C) {
    fn parse<'text>(mut texts: impl Iterator<Item = &'text str>) -> Result<Self> {
        Ok((next(&mut texts)?, next(&mut texts)?, next(&mut texts)?))
    }
}

impl<A: Segment, B: Segment, C: Segment, D: Segment> Segments for (A, B, C, D) {
    fn parse<'text>(mut texts: impl Iterator<Item = &'text str>) -> Result<Self> {
        Ok((next(&mut texts)?, next(&mut texts)?, next(&mut texts)?, next(&mut texts)?))
    }
}

impl<T: Segments, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(texts) = RawPathParams::from_request_parts(parts, state).await else {
            // A segment that is not UTF-8 once decoded.
            return Err(Error::not_found(Kind::Path, parts.uri.path()).into());
        };
        Ok(Self(T::parse(texts.iter().map(|(_, text)| text))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_not_found_and_the_kind_is_named() {
        let id = "6f2c1a52-6d53-4f0e-9a39-0f6f0c8d3b11";
        let check = |texts: [&str; 2], expected: &str| {
            let parsed = <(DataPoolId, DataJobId) as Segments>::parse(texts.into_iter());
            assert_eq!(parsed.err().map(|error| error.to_string()).unwrap_or_default(), expected);
        };
        check([id, id], "");
        check(["None", id], "data pool `None` was not found");
        check([id, "undefined"], "data job `undefined` was not found");
        assert!(<TaskKey as Segment>::parse("1; drop").is_err());
    }
}
