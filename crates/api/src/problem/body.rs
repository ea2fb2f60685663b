//! What an error looks like on the wire, in the conventions of each family of routes.

use serde::Serialize;
use utoipa::ToSchema;

/// Whose conventions the errors of a route follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// The wire contract: `application/json` with the common error object.
    Contract,
    /// The contract's calls of the stream client, which reads `reference` and `message` whatever the status.
    Stream,
    /// Our own API: `application/problem+json` (RFC 9457).
    Own,
}

impl Family {
    /// The family of a path, matched or not.
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/forebay/") {
            Self::Own
        } else if path.starts_with("/continuous-batch-processing/") {
            Self::Stream
        } else {
            Self::Contract
        }
    }

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Contract | Self::Stream => "application/json",
            Self::Own => "application/problem+json",
        }
    }
}

/// An error of the wire contract's calls.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContractError {
    pub(super) title: &'static str,
    /// The HTTP status.
    pub(super) status: u16,
    /// What went wrong, and what to do about it.
    pub(super) detail: String,
    /// A stable name, for programs.
    pub(super) error_code: &'static str,
    /// What is wrong with the request, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<FieldError>,
    /// The live execution, when that is what stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) execution_id: Option<String>,
    /// What to look for in the server's log; with a 5xx, and always for the stream client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    /// As `detail`; with a 5xx, and always for the stream client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

/// An error of Forebay's own calls (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemDetails {
    /// Always `about:blank`: `errorCode` tells problems apart.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    /// The HTTP status.
    pub(super) status: u16,
    /// What went wrong, and what to do about it.
    pub(super) detail: String,
    /// A stable name, for programs.
    pub(super) error_code: &'static str,
    /// What to look for in the server's log; also the header `x-request-id`.
    #[serde(rename = "request_id")]
    pub(super) request_id: String,
    /// What is wrong with the request, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<FieldError>,
    /// The live execution, when that is what stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) execution_id: Option<String>,
}

/// What is wrong with one field of a request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FieldError {
    /// The field's path as the caller wrote it.
    pub(super) attribute: String,
    pub(super) error: String,
    pub(super) error_code: &'static str,
}

/// The body for missing or unknown credentials, as the common error catalogue gives it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Unauthorized {
    /// Always `Unauthorized`.
    pub(super) error: &'static str,
}
