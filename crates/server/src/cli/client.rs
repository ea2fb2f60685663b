//! The client commands, and the HTTP client they share. The server is named by FOREBAY_URL, the key
//! by FOREBAY_TOKEN.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{
    audit, backup, connection, execution, grant, group, job, key, oauth, pool, query, schedule, settings,
    user,
};

/// What bad arguments and a missing environment end with, as clap does.
const USAGE: u8 = 2;

/// Commands that talk to a running server (FOREBAY_URL, FOREBAY_TOKEN).
#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    /// List, make and delete data pools.
    #[command(subcommand)]
    Pool(pool::Command),
    /// List, make, test and delete data connections.
    #[command(subcommand)]
    Connection(connection::Command),
    /// List and execute data jobs.
    #[command(subcommand)]
    Job(job::Command),
    /// List, make and look at schedules.
    #[command(subcommand)]
    Schedule(schedule::Command),
    /// Look at and cancel executions.
    #[command(subcommand)]
    Execution(execution::Command),
    /// List, make and delete API keys.
    #[command(subcommand)]
    Key(key::Command),
    /// List, make and delete users.
    #[command(subcommand)]
    User(user::UserCommand),
    /// List, make and delete applications.
    #[command(subcommand)]
    Application(user::ApplicationCommand),
    /// List, make and delete groups of users, and say who is in them. Administrators only.
    #[command(subcommand)]
    Group(group::Command),
    /// List and set what users, groups and applications may do.
    #[command(subcommand)]
    Grant(grant::Command),
    /// List, make, change and delete OAuth clients. Administrators only.
    #[command(subcommand)]
    OauthClient(oauth::ClientCommand),
    /// List and take back what OAuth clients were allowed.
    #[command(subcommand)]
    Consent(oauth::ConsentCommand),
    /// List, make and delete the keys that sign access tokens. Administrators only.
    #[command(subcommand)]
    SigningKey(oauth::KeyCommand),
    /// Make and list backups. Administrators only.
    #[command(subcommand)]
    Backup(backup::Command),
    /// Show and set what is kept and how much of the disk stays free. Administrators only.
    #[command(subcommand)]
    Settings(settings::Command),
    /// List who asked for what, when, and what came of it. Administrators only.
    Audit(audit::Arguments),
    /// Answer one SQL query on a pool's tables, read only.
    Query(query::Arguments),
}

impl ClientCommand {
    /// Runs the command. The exit code is 0 for success and 2 when FOREBAY_TOKEN is missing; an
    /// execution that did not succeed is 1, as is every `Err`.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub(crate) async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let url = std::env::var("FOREBAY_URL").unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned());
        let Ok(token) = std::env::var("FOREBAY_TOKEN") else {
            let text = "set FOREBAY_TOKEN to an API key, and FOREBAY_URL to the server's address";
            writeln!(std::io::stderr(), "forebay: {text}")?;
            return Ok(ExitCode::from(USAGE));
        };
        let client = Client::new(&url, &token)?;
        match self {
            Self::Pool(command) => command.run(&client, json).await,
            Self::Connection(command) => command.run(&client, json).await,
            Self::Job(command) => command.run(&client, json).await,
            Self::Schedule(command) => command.run(&client, json).await,
            Self::Execution(command) => command.run(&client, json).await,
            Self::Key(command) => command.run(&client, json).await,
            Self::User(command) => command.run(&client, json).await,
            Self::Application(command) => command.run(&client, json).await,
            Self::Group(command) => command.run(&client, json).await,
            Self::Grant(command) => command.run(&client, json).await,
            Self::OauthClient(command) => command.run(&client, json).await,
            Self::Consent(command) => command.run(&client, json).await,
            Self::SigningKey(command) => command.run(&client, json).await,
            Self::Backup(command) => command.run(&client, json).await,
            Self::Settings(command) => command.run(&client, json).await,
            Self::Audit(arguments) => arguments.run(&client, json).await,
            Self::Query(arguments) => arguments.run(&client, json).await,
        }
    }
}

/// Sends requests to one server with one key. An answer that is not a success is an error with
/// the server's own words.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    authorization: HeaderValue,
}

impl Client {
    /// `token` is a user's key, or `AppKey` and an application's key.
    ///
    /// # Errors
    /// The token cannot be written into a header, or TLS cannot be set up.
    pub(crate) fn new(base: &str, token: &str) -> anyhow::Result<Self> {
        // An error says that one is installed already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let token = token.trim();
        let authorization = if token.contains(' ') { token.to_owned() } else { format!("Bearer {token}") };
        let mut authorization =
            HeaderValue::from_str(&authorization).context("the API key has characters that no key has")?;
        authorization.set_sensitive(true);
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(120))
            .build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), authorization })
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request(Method::GET, path)).await
    }

    /// With query parameters; those that are `None` are left out.
    pub(crate) async fn get_with(&self, path: &str, query: &[(&str, Option<&str>)]) -> anyhow::Result<Value> {
        let query: Vec<_> = query.iter().filter_map(|(name, value)| Some((name, (*value)?))).collect();
        self.send(self.request(Method::GET, path).query(&query)).await
    }

    /// `Value::Null` sends no body at all.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.request(Method::POST, path);
        self.send(if body.is_null() { request } else { request.json(body) }).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn put_text(&self, path: &str, text: &str) -> anyhow::Result<Value> {
        let request = self.request(Method::PUT, path).header(CONTENT_TYPE, "text/plain; charset=utf-8");
        self.send(request.body(text.to_owned())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request(Method::DELETE, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.authorization.clone())
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let response = request.send().await.with_context(|| format!("no answer from {}", self.base))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("the answer of {} broke off", self.base))?;
        let body: Option<Value> = serde_json::from_str(&text).ok();
        if status.is_success() {
            if text.is_empty() {
                return Ok(Value::Null);
            }
            // A text that is no JSON is an answer too: a statement comes back as it was sent.
            return Ok(body.unwrap_or(Value::String(text)));
        }
        let detail = body.as_ref().and_then(|body| body["detail"].as_str().or(body["error"].as_str()));
        match detail {
            Some(detail) => bail!("{detail} ({status})"),
            None if text.is_empty() => bail!("the server answered {status}"),
            None => bail!("{} ({status})", text.lines().next().unwrap_or_default()),
        }
    }
}
