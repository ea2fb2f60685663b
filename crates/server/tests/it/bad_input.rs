//! Bad requests: each gets a clear 4xx that names the field, and changes nothing.

mod bodies;
mod connections;
mod questions;
mod settings;
mod sql;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::server::Server;
use crate::world::World;

use Expected::{Field, Says, Status};

/// What an answer must say.
pub(crate) enum Expected {
    /// 400, naming this field.
    Field(&'static str),
    /// 400 in the words of the engine.
    Says(&'static str),
    Status(u16),
}

/// The requests to send: at which path, with what, and what must come back.
pub(crate) struct Bad<'a> {
    client: &'a Client,
    faults: Vec<String>,
    /// The answers that show everything there is.
    watched: Vec<String>,
    pub(crate) before: Vec<Value>,
}

impl<'a> Bad<'a> {
    pub(crate) async fn new(client: &'a Client, world: &World, other: &World) -> Self {
        let mut watched = Vec::new();
        for path in ["/integration/api/pools", "/forebay/api/v1/users", "/forebay/api/v1/applications"] {
            watched.push(path.to_owned());
        }
        watched.push("/forebay/api/v1/grants".to_owned());
        watched.push("/forebay/api/v1/groups".to_owned());
        watched.push("/forebay/api/v1/keys".to_owned());
        for world in [world, other] {
            let below = ["/variables/", "/data-sources/", "/jobs", "/tables", "/logs/status"];
            watched.extend(below.map(|path| world.pool.path(path)));
            watched.push(world.pool.own("/data-models"));
            watched.push(world.pool.own(&format!("/connections/{}", world.connection)));
            watched.push(world.job.path("/tasks/"));
            watched.push(world.job.path("/loads"));
            watched.push(world.job.path(&format!("/extractions/{}/expanded", world.extraction)));
            watched.push(world.job.path(&format!("/transformations/{}/statement", world.transformation)));
            watched.push(world.pool.path(&format!("/tasks/{}/variables/", world.transformation)));
        }
        let mut bad = Self { client, faults: Vec::new(), watched, before: Vec::new() };
        bad.before = bad.all().await;
        bad
    }

    /// Everything there is, but for when a key was used last.
    pub(crate) async fn all(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in &self.watched {
            let mut body = self.client.get(path).await.ok();
            for key in body.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                key.remove("lastUsedAt");
            }
            all.push(body);
        }
        all
    }

    pub(crate) async fn get(&mut self, path: &str, expected: Expected) {
        let answer = self.client.get(path).await;
        self.check(&answer, &Value::Null, expected).await;
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value, expected: Expected) {
        let answer = self.client.post(path, &body).await;
        self.check(&answer, &body, expected).await;
    }

    pub(crate) async fn put(&mut self, path: &str, body: Value, expected: Expected) {
        let answer = self.client.put(path, &body).await;
        self.check(&answer, &body, expected).await;
    }

    pub(crate) async fn raw(&mut self, method: Method, path: &str, body: Vec<u8>, expected: Expected) {
        let shown = json!(String::from_utf8_lossy(&body[..body.len().min(60)]));
        let answer = self.client.raw(method, path, Some("application/json"), body).await;
        self.check(&answer, &shown, expected).await;
    }

    pub(crate) async fn check(&mut self, answer: &Answer, sent: &Value, expected: Expected) {
        let body = answer.json();
        let detail = body["detail"].as_str().unwrap_or_default();
        let fault = match expected {
            Field(field) => {
                let named = body["errors"].as_array().into_iter().flatten();
                let named =
                    named.filter_map(|error| error["attribute"].as_str()).any(|name| names(name, field));
                (answer.status != 400 || !named || detail.is_empty())
                    .then(|| format!("400 that names {field}"))
            }
            Says(text) => {
                (answer.status != 400 || !detail.contains(text)).then(|| format!("400 with {text:?}"))
            }
            Status(status) => (answer.status != status || detail.is_empty()).then(|| format!("{status}")),
        };
        if let Some(fault) = fault {
            self.faults.push(format!("should be {fault}: {answer}\n    sent: {sent}"));
        }
        let after = self.all().await;
        if after != self.before {
            self.faults.push(format!("changed something: {answer}\n    sent: {sent}"));
            self.before = after;
        }
    }

    pub(crate) fn told(self) {
        assert!(self.faults.is_empty(), "{}", self.faults.join("\n"));
    }
}

/// Whether an attribute is the field, by itself or in an element of a list.
fn names(attribute: &str, field: &str) -> bool {
    attribute == field || attribute.strip_suffix(field).is_some_and(|before| before.ends_with("]."))
}

/// Two worlds on one server: the one that is asked, and the one that foreign ids come from.
pub(crate) async fn worlds(server: &Server) -> (World, World) {
    (World::new(server, true).await, World::new(server, true).await)
}

pub(crate) const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
