//! An HTTP client with one set of credentials, and its answers.

use std::fmt::Write;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// Where a server listens; changes when it is started again.
#[derive(Clone, Default)]
pub(crate) struct Base(Arc<Mutex<String>>);

impl Base {
    pub(crate) fn get(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn set(&self, base: String) {
        *self.0.lock().unwrap() = base;
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Base,
    authorization: Option<String>,
}

impl Client {
    pub(crate) fn new(base: Base, authorization: Option<String>) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider().install_default().expect("nobody else installs one");
        });
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(120))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { http, base, authorization }
    }

    /// The key of a user, as it stands behind its prefix.
    pub(crate) fn key(&self) -> &str {
        let authorization = self.authorization.as_deref().unwrap_or_default();
        authorization.strip_prefix("Bearer ").expect("a client with a user's key")
    }

    /// The same server, with other credentials or none.
    pub(crate) fn with(&self, authorization: Option<String>) -> Self {
        Self { authorization, ..self.clone() }
    }

    /// A form, as browsers and OAuth clients send it.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let media_type = Some("application/x-www-form-urlencoded");
        self.raw(Method::POST, path, media_type, body.into_bytes()).await
    }

    /// A request to finish by hand.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base.get()));
        match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// `Value::Null` sends no body at all, as clients do.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &Value::Null).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path);
        Answer::of(if body.is_null() { request } else { request.json(body) }).await
    }

    /// A body as it is, with or without a content type.
    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
    ) -> Answer {
        let mut request = self.request(method, path).body(body);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        Answer::of(request).await
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// What was asked, for messages.
    request: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let shown = format!("{} {}", request.method(), request.url());
        let response = match client.execute(request).await {
            Ok(response) => response,
            Err(error) => panic!("{shown}: {error:?}"),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = match response.bytes().await {
            Ok(bytes) => bytes.to_vec(),
            Err(error) => panic!("{shown}: {error:?}"),
        };
        Self { request: shown, status, headers, bytes }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    pub(crate) fn content_type(&self) -> &str {
        self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self}");
        self.json()
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        self.json()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} gave {}: ", self.request, self.status)?;
        for letter in self.text().chars().take(2000) {
            formatter.write_char(letter)?;
        }
        Ok(())
    }
}
