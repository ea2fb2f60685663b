//! Request bodies: JSON whatever the content type says, unknown fields ignored.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use forebay_core::error::Error;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A JSON body. Clients of the contract send it with and without a content type.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        match serde_json::from_slice(&bytes) {
            Ok(body) => Ok(Self(body)),
            Err(error) => {
                Err(Problem::from(Error::invalid("body", format!("is not the JSON expected: {error}")))
                    .into_response())
            }
        }
    }
}
