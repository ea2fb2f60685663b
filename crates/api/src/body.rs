//! Request bodies: JSON whatever the content type says, unknown fields ignored. What is wrong is a
//! 400 that names the field and what was expected there.

use axum::extract::{FromRequest, Request};
use forebay_core::error::{Error, Result};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::strict::Strict;
use super::{BODY_LIMIT, LARGE_BODY_LIMIT};

/// A JSON body. Clients of the contract send it with and without a content type.
pub(crate) struct Body<T>(pub(crate) T);

/// A JSON body that may be larger than others.
pub(crate) struct LargeBody<T>(pub(crate) T);

/// A JSON body that may be missing or null.
pub(crate) struct OptionalBody<T>(pub(crate) T);

/// A body that is the text itself.
pub(crate) struct Text(pub(crate) String);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Ok(Self(parse_needed(&bytes(request, BODY_LIMIT).await?)?))
    }
}

impl<T: DeserializeOwned + Send + 'static, S: Send + Sync> FromRequest<S> for LargeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = bytes(request, LARGE_BODY_LIMIT).await?;
        // Much of it takes a while to read.
        let parsing = tokio::task::spawn_blocking(move || parse_needed(&bytes));
        Ok(Self(parsing.await.map_err(Error::internal)??))
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = bytes(request, BODY_LIMIT).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(T::default()));
        }
        Ok(Self(parse::<Option<T>>(&bytes)?.unwrap_or_default()))
    }
}

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = bytes(request, BODY_LIMIT).await?;
        let text = String::from_utf8(bytes);
        Ok(Self(text.map_err(|_| Error::invalid("body", "must be UTF-8 text"))?))
    }
}

/// The whole body. What is too large is read on for a while and thrown away: a client that is still
/// writing when the connection is closed does not see the answer.
async fn bytes(request: Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let patience = limit.saturating_mul(4);
    let mut chunks = request.into_body().into_data_stream();
    let mut bytes = Vec::new();
    let mut seen: usize = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Error::invalid("body", "broke off before its end"))?;
        seen = seen.saturating_add(chunk.len());
        if seen <= limit {
            bytes.extend_from_slice(&chunk);
        } else {
            bytes = Vec::new();
        }
        if seen > patience {
            break;
        }
    }
    if seen > limit { Err(Problem::BodyTooLarge { limit }) } else { Ok(bytes) }
}

fn parse_needed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    match bytes.trim_ascii().is_empty() {
        true => Err(Error::invalid("body", "is missing; send JSON")),
        false => parse(bytes),
    }
}

/// Reads JSON. The parser refuses what is nested more than 128 levels deep.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = match serde_path_to_error::deserialize(Strict(&mut deserializer)) {
        Ok(parsed) => parsed,
        Err(error) if error.inner().is_data() => return Err(invalid(&error)),
        // No JSON at all is wrong as a whole, wherever the parser noticed.
        Err(error) => return Err(Error::invalid("body", in_plain_words(&error.into_inner().to_string()))),
    };
    match deserializer.end() {
        Ok(()) => Ok(parsed),
        Err(error) => Err(Error::invalid("body", in_plain_words(&error.to_string()))),
    }
}

fn invalid(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let path = error.path().to_string();
    let field = if path == "." { "body" } else { &path };
    Error::invalid(field, in_plain_words(&error.inner().to_string()))
}

/// The parser's message without the names of Rust types.
fn in_plain_words(message: &str) -> String {
    const NUMBERS: [(&str, &str); 5] = [
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u64", "expected a whole number from 0 on"),
        ("expected usize", "expected a whole number from 0 on"),
        ("expected i64", "expected a whole number"),
    ];
    let mut text = message.to_owned();
    for (rust, plain) in NUMBERS {
        text = text.replace(rust, plain);
    }
    for (rust, plain) in [("expected struct ", "expected an object"), ("expected enum ", "expected a word")] {
        if let Some((before, after)) = text.split_once(rust) {
            let rest = after.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_');
            text = format!("{before}{plain}{rest}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    #[serde(rename_all = "camelCase")]
    struct Outer {
        #[expect(dead_code, reason = "only whether it can be read is looked at")]
        list_of: Option<Vec<Inner>>,
    }

    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "only whether it can be read is looked at")]
    struct Inner {
        port: Option<u16>,
        mode: Option<Mode>,
    }

    #[derive(Deserialize, Debug)]
    enum Mode {
        Full,
        Delta,
    }

    fn refused(json: &str) -> String {
        parse::<Outer>(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_field_and_what_is_expected_are_named() {
        let check = |json: &str, expected: &str| {
            let message = refused(json);
            assert!(message.starts_with(expected), "{json}: {message}");
        };
        check(r#"{"listOf": [{}, {"port": "x"}]}"#, "listOf[1].port: invalid type: string \"x\", expected");
        check(
            r#"{"listOf": [{"port": 70000}]}"#,
            "listOf[0].port: invalid value: integer `70000`, expected a",
        );
        check(r#"{"listOf": [{"mode": 1}]}"#, "listOf[0].mode: invalid type: integer `1`, expected a word");
        check(
            r#"{"listOf": [{"mode": {"Full": null}}]}"#,
            "listOf[0].mode: invalid type: map, expected a word",
        );
        check(r#"{"listOf": [[null, null]]}"#, "listOf[0]: invalid type: sequence, expected an object");
        check(r#"{"listOf": [{"mode": "Some"}]}"#, "listOf[0].mode: unknown variant `Some`, expected `Full`");
        check(r#"{"listOf": {}}"#, "listOf: invalid type: map, expected a sequence");
        check("[[]]", "body: invalid type: sequence, expected an object");
        check("3", "body: invalid type: integer `3`, expected an object");
        check("{", "body: EOF while parsing an object");
        check("{} x", "body: trailing characters");
        check("\u{0}", "body: expected value");
    }

    #[test]
    fn unknown_fields_are_ignored_and_nesting_is_bounded() {
        assert!(parse::<Outer>(br#"{"other": {"deep": [1]}, "listOf": null}"#).is_ok());
        let deep = format!("{{\"listOf\": {}", "[".repeat(100_000));
        assert!(refused(&deep).starts_with("listOf"), "{}", refused(&deep));
        let deep = format!("{{\"other\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let read = parse::<serde_json::Value>(deep.as_bytes()).unwrap_err().to_string();
        assert!(read.contains("recursion limit exceeded"), "{read}");
    }
}
