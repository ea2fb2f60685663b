//! A file in a form (`multipart/form-data`): the part named `file`, whatever its media type and file name say.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use forebay_core::error::{Error, Result};
use futures::stream;

use super::BODY_LIMIT;
use super::body::bytes;
use super::problem::Problem;

/// The name of the part.
const PART: &str = "file";

/// The bytes of the file. The whole form is held in memory, so it is as large as a body may be.
pub(crate) struct Upload(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let media_type = request.headers().get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(media_type).map_err(|_| {
            Error::invalid("Content-Type", "must be multipart/form-data; send the file as its part `file`")
        })?;
        let body = Bytes::from(bytes(request, BODY_LIMIT).await?);
        Ok(Self(file(body, boundary).await?))
    }
}

async fn file(body: Bytes, boundary: String) -> Result<Bytes> {
    let unreadable = |error: multer::Error| Error::invalid("body", format!("is no form: {error}"));
    let whole = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = multer::Multipart::new(whole, boundary);
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        if part.name() == Some(PART) {
            return part.bytes().await.map_err(unreadable);
        }
    }
    Err(Error::invalid(PART, "is missing; send the file as the part of this name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn found(body: &'static str) -> Result<Bytes> {
        file(Bytes::from_static(body.as_bytes()), "x".to_owned()).await
    }

    #[tokio::test]
    async fn the_part_is_found_by_its_name_alone() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n\
                    --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.exe\"\r\n\
                    Content-Type: image/png\r\n\r\nA,B\r\n1,2\r\n--x--\r\n";
        assert_eq!(found(body).await.unwrap(), "A,B\r\n1,2");
    }

    #[tokio::test]
    async fn what_is_no_form_or_has_no_file_is_said_so() {
        for (body, part) in [
            (
                "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--x--\r\n",
                "file: is missing",
            ),
            ("--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhalf of", "body: is no form"),
            ("", "body: is no form"),
        ] {
            let error = found(body).await.unwrap_err().to_string();
            assert!(error.starts_with(part), "{body:?}: {error}");
        }
    }
}
