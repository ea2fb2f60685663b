//! A file in a form that is small enough to be held in memory.

use axum::extract::{FromRequest, Request};

use super::BODY_LIMIT;
use super::multipart::Multipart;
use super::problem::{Problem, Reply};

/// The bytes of the file, which is as large as a body may be.
pub struct Upload(pub Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let mut form = Multipart::of(request, BODY_LIMIT as u64)?;
        match whole(&mut form).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(problem) => Err(form.refuse(problem).await),
        }
    }
}

impl Upload {
    /// The file of a form whose first part, a text of this name, must pass a check before the file is read.
    pub async fn behind(
        request: Request,
        name: &str,
        check: impl FnOnce(Option<&str>) -> Reply<()> + Send,
    ) -> Reply<Self> {
        let mut form = Multipart::of(request, BODY_LIMIT as u64)?;
        let read = async {
            let first = form.first_text(name).await?;
            check(first.as_deref())?;
            whole(&mut form).await
        };
        match read.await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(problem) => Err(form.refuse(problem).await),
        }
    }
}

async fn whole(form: &mut Multipart) -> Reply<Vec<u8>> {
    form.open_file().await?;
    let mut bytes = Vec::new();
    while let Some(more) = form.next_bytes().await? {
        bytes.extend_from_slice(&more);
    }
    form.end().await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header;

    use super::*;

    async fn found(body: String) -> Result<Vec<u8>, Problem> {
        let request = Request::post("/").header(header::CONTENT_TYPE, "multipart/form-data; boundary=x");
        Upload::from_request(request.body(Body::from(body)).unwrap(), &()).await.map(|upload| upload.0)
    }

    fn form(content: &str) -> String {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n\
             --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.exe\"\r\n\
             Content-Type: image/png\r\n\r\n{content}\r\n--x--\r\n"
        )
    }

    #[tokio::test]
    async fn the_file_is_found_by_the_name_of_its_part_alone() {
        assert_eq!(found(form("A,B\r\n1,2")).await.unwrap(), b"A,B\r\n1,2");
        let refused = found(form(&"a".repeat(BODY_LIMIT + 1))).await.unwrap_err();
        assert!(matches!(refused, Problem::BodyTooLarge { limit: BODY_LIMIT }), "{refused:?}");
    }
}
