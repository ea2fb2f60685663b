//! A file in a form (`multipart/form-data`) that may be too large for memory: the part named `file`, whatever its
//! media type says, piece by piece. `upload` has those that are not.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::{BodyDataStream, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header;
use forebay_core::Error as DomainError;
use forebay_core::push::CHUNK_LIMIT;
use futures::Stream;

use super::problem::{Problem, Reply};

/// The name of the part.
const PART: &str = "file";
/// The most that may come before a part begins, in bytes: whoever sends no end of headers must not fill the memory.
const HEAD_LIMIT: u64 = 1 << 20;
/// How much is read on after an error, in bytes: a client that still writes when the connection is closed does not
/// see the answer.
const PATIENCE: u64 = 64 << 20;

/// A form of which nothing is read yet but that it is one.
pub(crate) struct Multipart {
    parts: multer::Multipart<'static>,
    field: Option<multer::Field<'static>>,
    budget: Budget,
    /// Of the file, so far.
    bytes: u64,
    limit: u64,
}

impl<S: Send + Sync> FromRequest<S> for Multipart {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Self::of(request, CHUNK_LIMIT)
    }
}

impl Multipart {
    /// The form of a request, with a file of so many bytes at most.
    pub(super) fn of(request: Request, limit: u64) -> Result<Self, Problem> {
        let media_type = request.headers().get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(media_type).map_err(|_| {
            DomainError::invalid(
                "Content-Type",
                "must be multipart/form-data; send the file as its part `file`",
            )
        })?;
        Ok(Self::new(request.into_body().into_data_stream(), boundary, limit))
    }

    fn new(body: BodyDataStream, boundary: String, limit: u64) -> Self {
        let budget = Budget::default();
        let paced = Paced { body, frame: Bytes::new(), budget: budget.clone(), gave: false };
        Self { parts: multer::Multipart::new(paced, boundary), field: None, budget, bytes: 0, limit }
    }

    /// The text of the first part, when it has this name; `None` for any other part, and for none.
    pub(super) async fn first_text(&mut self, name: &str) -> Reply<Option<String>> {
        let Some(mut field) = self.next_part().await? else { return Ok(None) };
        if field.name() != Some(name) {
            return Ok(None);
        }
        self.budget.allow(HEAD_LIMIT);
        let mut bytes = Vec::new();
        while let Some(more) = field.chunk().await.map_err(|error| unreadable(&error))? {
            bytes.extend_from_slice(&more);
        }
        Ok(String::from_utf8(bytes).ok())
    }

    /// Goes to the beginning of the file. Gives the name that the client has for it.
    pub(crate) async fn open_file(&mut self) -> Reply<Option<String>> {
        while let Some(mut field) = self.next_part().await? {
            if field.name() == Some(PART) {
                let name = field.file_name().map(str::to_owned);
                self.field = Some(field);
                return Ok(name);
            }
            self.budget.allow(PATIENCE);
            while field.chunk().await.map_err(|error| unreadable(&error))?.is_some() {}
        }
        Err(DomainError::invalid(PART, "is missing; send the file as the part of this name").into())
    }

    /// The next bytes of the file; `None` at its end.
    pub(crate) async fn next_bytes(&mut self) -> Reply<Option<Bytes>> {
        let Some(field) = &mut self.field else { return Ok(None) };
        self.budget.allow(u64::MAX);
        let bytes = field.chunk().await.map_err(|error| unreadable(&error))?;
        self.bytes += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if self.bytes > self.limit {
            let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
            return Err(Problem::BodyTooLarge { limit });
        }
        Ok(bytes)
    }

    /// Makes sure that the form ends behind the file.
    pub(crate) async fn end(&mut self) -> Reply<()> {
        self.field = None;
        while let Some(mut field) = self.next_part().await? {
            if field.name() == Some(PART) {
                return Err(DomainError::invalid(PART, "comes twice; send one file with each call").into());
            }
            self.budget.allow(PATIENCE);
            while field.chunk().await.map_err(|error| unreadable(&error))?.is_some() {}
        }
        Ok(())
    }

    /// Reads on for a while and throws it away, so that the client sees why it was refused.
    pub(crate) async fn refuse(mut self, problem: impl Into<Problem>) -> Problem {
        let problem = problem.into();
        self.budget.allow(PATIENCE);
        if let Some(mut field) = self.field.take() {
            while let Ok(Some(_)) = field.chunk().await {}
        }
        while let Ok(Some(mut field)) = self.parts.next_field().await {
            while let Ok(Some(_)) = field.chunk().await {}
        }
        problem
    }

    async fn next_part(&mut self) -> Reply<Option<multer::Field<'static>>> {
        self.budget.allow(HEAD_LIMIT);
        self.parts.next_field().await.map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &multer::Error) -> Problem {
    let text = match error {
        multer::Error::StreamReadFailed(cause) if cause.is::<TooMuch>() => {
            format!("has a head of more than {HEAD_LIMIT} bytes before the file")
        }
        multer::Error::StreamReadFailed(_)
        | multer::Error::IncompleteStream
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteFieldData { .. } => "broke off before its end".to_owned(),
        error => format!("is no form: {error}"),
    };
    DomainError::invalid("body", text).into()
}

/// How many bytes may be read of a body before somebody allows more.
#[derive(Clone, Default)]
struct Budget(Arc<AtomicU64>);

impl Budget {
    fn allow(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// `false` when there is not as much left.
    fn spend(&self, bytes: u64) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

#[derive(Debug)]
struct TooMuch;

impl fmt::Display for TooMuch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("more came than was allowed")
    }
}

impl Error for TooMuch {}

/// How much of a frame is given at a time, in bytes.
const BITE: usize = 64 << 10;

/// A body that gives a bite of a frame at a time, and no more than its budget. The parser takes whatever is ready into
/// its memory, so between two bites nothing is.
struct Paced {
    body: BodyDataStream,
    /// The rest of a frame.
    frame: Bytes,
    budget: Budget,
    gave: bool,
}

impl Stream for Paced {
    type Item = Result<Bytes, Box<dyn Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.gave) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.frame.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_next(context)) {
                None => return Poll::Ready(None),
                Some(Ok(frame)) => self.frame = frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
        let bite = self.frame.len().min(BITE);
        if !self.budget.spend(bite as u64) {
            return Poll::Ready(Some(Err(TooMuch.into())));
        }
        self.gave = true;
        Poll::Ready(Some(Ok(self.frame.split_to(bite))))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::stream;

    use super::*;

    fn form(frames: Vec<Vec<u8>>, limit: u64) -> Multipart {
        let frames = frames.into_iter().map(|frame| Ok::<_, std::io::Error>(Bytes::from(frame)));
        Multipart::new(Body::from_stream(stream::iter(frames)).into_data_stream(), "x".to_owned(), limit)
    }

    async fn read(form: &mut Multipart) -> Reply<(Option<String>, Vec<u8>)> {
        let name = form.open_file().await?;
        let mut bytes = Vec::new();
        while let Some(more) = form.next_bytes().await? {
            bytes.extend_from_slice(&more);
        }
        form.end().await?;
        Ok((name, bytes))
    }

    fn part(name: &str, content: &str) -> String {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.csv\"\r\n\r\n{content}\r\n"
        )
    }

    fn bytes_of(text: &str, at_a_time: usize) -> Vec<Vec<u8>> {
        text.as_bytes().chunks(at_a_time).map(<[u8]>::to_vec).collect()
    }

    #[tokio::test]
    async fn the_file_is_found_among_other_parts_however_it_comes() {
        let text =
            format!("{}{}{}--x--\r\n", part("note", "n"), part("file", "A,B\r\n--y"), part("last", ""));
        for at_a_time in [1, 7, 4096] {
            let (name, bytes) = read(&mut form(bytes_of(&text, at_a_time), 100)).await.unwrap();
            assert_eq!((name.as_deref(), bytes.as_slice()), (Some("a.csv"), b"A,B\r\n--y".as_slice()));
        }
    }

    #[tokio::test]
    async fn the_first_part_is_read_before_the_file() {
        let text = format!("{}{}--x--\r\n", part("form", "letters"), part("file", "A,B"));
        for at_a_time in [1, 4096] {
            let mut form = form(bytes_of(&text, at_a_time), 100);
            assert_eq!(form.first_text("form").await.unwrap().as_deref(), Some("letters"));
            assert_eq!(read(&mut form).await.unwrap().1, b"A,B");
        }
        for text in [format!("{}--x--\r\n", part("file", "A,B")), "--x--\r\n".to_owned()] {
            assert_eq!(form(bytes_of(&text, 7), 100).first_text("form").await.unwrap(), None, "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_form_is_said() {
        for (text, expected) in [
            (format!("{}--x--\r\n", part("note", "n")), "file: is missing"),
            (format!("{}{}--x--\r\n", part("file", "a"), part("file", "b")), "file: comes twice"),
            (part("file", "half"), "body: broke off"),
            ("--x\r\nContent-Dis".to_owned(), "body: broke off"),
        ] {
            let problem = read(&mut form(bytes_of(&text, 64), 100)).await.unwrap_err();
            assert!(problem.detail().starts_with(expected), "{text:?}: {}", problem.detail());
        }
    }

    #[tokio::test]
    async fn a_file_beyond_the_limit_and_a_head_without_an_end_are_refused() {
        let text = format!("{}--x--\r\n", part("file", &"a".repeat(200)));
        let problem = read(&mut form(bytes_of(&text, 16), 100)).await.unwrap_err();
        assert!(matches!(problem, Problem::BodyTooLarge { limit: 100 }), "{problem:?}");
        let mut frames = vec![b"--x\r\nContent-Disposition: ".to_vec()];
        frames.extend((0..2_000).map(|_| vec![b'a'; 1024]));
        let problem = read(&mut form(frames, 100)).await.unwrap_err();
        assert!(problem.detail().contains("a head of more than"), "{}", problem.detail());
    }
}
