//! One of everything, so that every operation of the API has something to work on.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::client::{Answer, Client};
use crate::pool::{Job, Pool};
use crate::server::Server;

/// A pool with a job, its tasks, parameters, a model and what else has an id.
pub(crate) struct World {
    pub(crate) pool: Pool,
    pub(crate) job: Job,
    /// A connection that no job uses, so that it can be deleted.
    pub(crate) connection: String,
    pub(crate) extraction: String,
    pub(crate) table: String,
    pub(crate) transformation: String,
    pub(crate) load: String,
    pub(crate) pool_variable: String,
    pub(crate) task_variable: String,
    /// A model that no job loads.
    pub(crate) model: String,
    /// One of a job of its own, which fires once a year.
    pub(crate) schedule: String,
    /// One that has ended, when it was asked for.
    pub(crate) execution: Option<String>,
    file: Value,
}

/// A number that no other name of this process has.
pub(crate) fn number() -> u32 {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A small SQLite database with the tables `one` and `two`.
pub(crate) async fn sqlite(path: &Path) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let sql = "CREATE TABLE IF NOT EXISTS one (id INTEGER PRIMARY KEY, name TEXT);
               CREATE TABLE IF NOT EXISTS two (id INTEGER PRIMARY KEY, name TEXT);
               INSERT OR IGNORE INTO one VALUES (1, 'a'), (2, 'b');";
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn id(answer: &Answer) -> String {
    answer.ok()["id"].as_str().unwrap().to_owned()
}

impl World {
    /// `run`: the job is executed once, so that there is an execution, and a table named `made`.
    pub(crate) async fn new(server: &Server, run: bool) -> Self {
        let path = server.files().join("world.db");
        if !path.exists() {
            sqlite(&path).await;
        }
        let file = json!({"path": path});
        let admin = server.admin();
        let pool = Pool::create(&admin).await;
        let used = pool.connection("Used", "SQLITE", &file).await;
        let connection = pool.connection("Spare", "SQLITE", &file).await;
        let job = pool.job(Some(&used)).await;
        let extraction = job.extraction(&json!([{"tableName": "one"}])).await;
        let expanded = admin.get(&job.path(&format!("/extractions/{extraction}/expanded"))).await.ok();
        let table = expanded["tables"][0]["id"].as_str().unwrap().to_owned();
        let sql = format!("CREATE OR REPLACE TABLE \"{}\".made AS SELECT 1 AS a", pool.id);
        let transformation = job.transformation(&sql).await;
        let variable = variable();
        let pool_variable = id(&admin.post(&pool.path("/variables/"), &variable).await);
        let path = pool.path(&format!("/tasks/{transformation}/variables/"));
        let task_variable = id(&admin.post(&path, &variable).await);
        let body = json!({"name": "Loaded", "tables": [{"name": "made"}]});
        let load = job.load(&pool.model(&body).await).await;
        let spare = pool.model(&json!({"name": "Spare", "tables": [{"name": "made"}]})).await;
        let model = spare["id"].as_str().unwrap().to_owned();
        let scheduled = pool.job(None).await;
        let schedule = id(&admin.post(&pool.own("/schedules"), &yearly(&scheduled.id)).await);
        let execution = match run {
            true => Some(job.run("FULL").await.succeeded().id()),
            false => None,
        };
        Self {
            pool,
            job,
            connection,
            extraction,
            table,
            transformation,
            load,
            pool_variable,
            task_variable,
            model,
            schedule,
            execution,
            file,
        }
    }

    /// The path of an operation: each `{…}` is filled with the id that its place means.
    pub(crate) async fn path(&self, template: &str, caller: &Client) -> String {
        let mut path = String::new();
        let mut before = "";
        for segment in template.split('/').skip(1) {
            path.push('/');
            if segment == "{secretId}" {
                // One of the client that was made for the path.
                let client = path.strip_suffix("/secrets/").expect("a secret lies below its client");
                let client = self.pool.client.get(client).await.ok();
                path.push_str(client["secrets"][0]["id"].as_str().unwrap());
            } else if segment.starts_with('{') {
                path.push_str(&self.id(before, template, caller).await);
            } else {
                path.push_str(segment);
            }
            before = segment;
        }
        path + &self.query(template)
    }

    /// The id that follows a segment of a path.
    async fn id(&self, segment: &str, template: &str, caller: &Client) -> String {
        let found = match segment {
            "pools" | "data-pools" => &self.pool.id,
            "jobs" | "data-jobs" | "logs" => &self.job.id,
            "extractions" => &self.extraction,
            "tables" => &self.table,
            "transformations" | "tasks" => &self.transformation,
            "loads" => &self.load,
            "connections" | "data-sources" => &self.connection,
            "variables" if template.contains("/tasks/") => &self.task_variable,
            "variables" => &self.pool_variable,
            "data-models" => &self.model,
            "schedules" => &self.schedule,
            "executions" => self.execution.as_ref().expect("a world with an execution"),
            // The caller's own, which they may delete.
            "keys" => return id(&caller.post("/forebay/api/v1/keys", &json!({"name": "Spare"})).await),
            "users" | "applications" => {
                let body = json!({"name": format!("Spare {}", number())});
                let admin = &self.pool.client;
                return id(&admin.post(&format!("/forebay/api/v1/{segment}"), &body).await);
            }
            "clients" => {
                let body = json!({"name": format!("Spare {}", number()), "scopes": ["studio"]});
                return id(&self.pool.client.post("/forebay/api/v1/oauth/clients", &body).await);
            }
            "consents" => return crate::oauth::consent(caller).await,
            "signing-keys" => {
                let keys = self.pool.client.get("/forebay/api/v1/oauth/signing-keys").await.ok();
                return keys[0]["id"].as_str().unwrap().to_owned();
            }
            "backups" => {
                let admin = &self.pool.client;
                // There is one at a time, so it may have to wait for another one.
                for _ in 0..600 {
                    let made = admin.post("/forebay/api/v1/backups", &json!({"name": "world"})).await;
                    if made.status < 300 || admin.get("/forebay/api/v1/backups/world").await.status == 200 {
                        return "world".to_owned();
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                panic!("no backup can be made");
            }
            _ => panic!("{template} has an id that this test does not know; add it to World::id"),
        };
        found.clone()
    }

    /// What must stand after the `?` of an operation.
    fn query(&self, template: &str) -> String {
        let execution = || self.execution.as_ref().expect("a world with an execution");
        if template.ends_with("/execute") && template.contains("/data-jobs/") {
            "?mode=FULL".to_owned()
        } else if template.ends_with("/logs/executions") {
            format!("?executionId={}&type=TASK&id={}", execution(), self.job.id)
        } else if template.ends_with("/logs/executions/detail") {
            format!("?executionId={}&type=TASK&id={}", execution(), self.transformation)
        } else if template.ends_with("/columns") {
            "?tableName=made".to_owned()
        } else {
            String::new()
        }
    }

    /// A good body for an operation; null for one without a body.
    pub(crate) fn body(&self, method: &Method, template: &str, subject: &Value) -> Value {
        let name = json!({"name": format!("Name {}", number())});
        let ends = |end: &str| template.ends_with(end);
        match method.as_str() {
            "POST" if ends("/pools") || ends("/jobs") => name,
            "POST" if ends("/oauth/clients") => json!({"name": name["name"], "scopes": ["studio"]}),
            "POST" if template.contains("/oauth/") => Value::Null,
            "POST" if ends("/keys") || ends("/users") || ends("/applications") => name,
            "POST" | "PUT" if template.contains("/variables") => variable(),
            "POST" if ends("/connections") => {
                json!({"name": name["name"], "type": "SQLITE", "configuration": self.file})
            }
            "PUT" if template.contains("/connections/") => json!({"name": name["name"]}),
            "POST" if ends("/tasks") => json!({"taskType": "TRANSFORMATION", "name": "Made"}),
            "POST" if ends("/tables") => json!([{"tableName": "two"}]),
            "PUT" if ends("/tables") => json!([{"id": self.table, "tableName": "one"}]),
            "POST" if ends("/loads") => json!({"dataModelId": self.model, "jobId": self.job.id}),
            "POST" if ends("/schedules") => yearly(&self.job.id),
            "POST" if ends("/schedules/preview") => json!({"pattern": {"type": "DAILY", "at": "02:30"}}),
            "POST" if ends("/query") => json!({"sql": "SELECT 1"}),
            "POST" if ends("/data-models") => json!({"name": name["name"], "tables": [{"name": "made"}]}),
            "POST" if ends("/execute") && template.contains("/pools/") => json!({"mode": "FULL"}),
            "PUT" if ends("/settings") => json!({"logsKeptDays": 20}),
            "PUT" if ends("/grants") => json!({"subject": subject, "permissions": ["VIEW"]}),
            "PUT" if ends("/retry-policy") => json!({"attempts": 2}),
            "PUT" if ends("/statement") => json!("SELECT 1"),
            "PUT" => name,
            _ => Value::Null,
        }
    }
}

/// A schedule that fires at the beginning of each year.
fn yearly(job: &str) -> Value {
    json!({
        "name": format!("Schedule {}", number()), "jobs": [job], "mode": "FULL",
        "pattern": {"type": "CRON", "expression": "0 0 0 1 1 ?"},
    })
}

fn variable() -> Value {
    json!({
        "name": "A variable", "placeholder": format!("place_{}", number()), "type": "PUBLIC_CONSTANT",
        "dataType": "STRING", "values": [{"value": "1"}],
    })
}
