//! One of everything, so that every operation of the API has something to work on.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use uuid::Uuid;

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
    /// A model that the job loads.
    pub(crate) loaded: String,
    pub(crate) pool_variable: String,
    pub(crate) task_variable: String,
    /// A model that no job loads, with a table, a relation of it and a process configuration.
    pub(crate) model: String,
    pub(crate) model_table: String,
    pub(crate) foreign_key: String,
    pub(crate) process: String,
    /// One of a job of its own, which fires once a year.
    pub(crate) schedule: String,
    /// A data push that makes an empty table.
    pub(crate) push: String,
    /// One that has ended, when it was asked for.
    pub(crate) execution: Option<String>,
    /// What the pool is exported as, without its schedule: to take one in needs another permission.
    export: Value,
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

/// Lets the source of a server's worlds count what it has: without that it has no statistics.
pub(crate) async fn analyze(server: &Server) {
    let options = SqliteConnectOptions::new().filename(server.files().join("world.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
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
        let loaded = pool.model(&body).await;
        let load = job.load(&loaded).await;
        let relation =
            json!({"source": "made", "target": "made", "columns": [{"source": "a", "target": "a"}]});
        let spare = json!({"name": "Spare", "tables": [{"name": "made"}], "foreignKeys": [relation]});
        let spare = pool.model(&spare).await;
        let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let (model, model_table) = (text(&spare), text(&spare["tables"][0]));
        let loaded = text(&loaded);
        let foreign_key = text(&spare["foreignKeys"][0]);
        let path = pool.path(&format!("/data-models/{model}/process-configurations"));
        let process = id(&admin.put(&path, &json!({"activityTableId": model_table})).await);
        let scheduled = pool.job(None).await;
        let schedule = id(&admin.post(&pool.own("/schedules"), &yearly(&scheduled.id)).await);
        let columns = json!({"columns": [{"columnName": "A", "columnType": "INTEGER"}]});
        let empty = crate::push::new_push(&pool.id, &json!({"tableSchema": columns}));
        let pushes = format!("/data-ingestion/api/v1/data-push/{}/jobs/", pool.id);
        let push = id(&admin.post(&pushes, &empty).await);
        let execution = match run {
            true => Some(job.run("FULL").await.succeeded().id()),
            false => None,
        };
        let mut export = admin.get(&pool.path("/export")).await.ok();
        export["schedules"] = json!([]);
        Self {
            pool,
            job,
            connection,
            extraction,
            table,
            transformation,
            load,
            loaded,
            pool_variable,
            task_variable,
            model,
            model_table,
            foreign_key,
            process,
            schedule,
            push,
            execution,
            export,
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
            } else if segment == "{userId}" && before == "members" {
                // One of the group that was made for the path.
                let user = json!({"name": format!("Spare {}", number())});
                let user = id(&self.pool.client.post("/forebay/api/v1/users", &user).await);
                self.pool.client.put(&format!("{path}{user}"), &Value::Null).await.refused(204);
                path.push_str(&user);
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
            "pools" | "data-pools" | "data-push" => &self.pool.id,
            "v1" if template.contains("/continuous-batch-processing/") => &self.pool.id,
            "jobs" if template.contains("/data-push/") => &self.push,
            "jobs" | "data-jobs" | "logs" => &self.job.id,
            "extractions" => &self.extraction,
            "tables" if template.contains("/data-model/") => &self.model_table,
            "tables" => &self.table,
            "activityTable" => &self.model_table,
            "foreign-keys" => &self.foreign_key,
            "process-configurations" => &self.process,
            "transformations" | "tasks" => &self.transformation,
            "loads" => &self.load,
            "connections" | "data-sources" | "{type}" => &self.connection,
            "datasource" => return "SQLITE".to_owned(),
            // There is none, and nothing asks for one.
            "replications" | "configurations" => return Uuid::new_v4().to_string(),
            "variables" if template.contains("/tasks/") => &self.task_variable,
            "variables" => &self.pool_variable,
            "compute" => &self.loaded,
            "data-models" if template.contains("/query-exports") => &self.loaded,
            "export" | "query-exports" => return crate::export::done(caller, self).await,
            "chunks" | "{exportId}" => return "0".to_owned(),
            "data-models" | "data-model" => &self.model,
            "schedules" => &self.schedule,
            "executions" => self.execution.as_ref().expect("a world with an execution"),
            // The caller's own, which they may delete.
            "keys" => return id(&caller.post("/forebay/api/v1/keys", &json!({"name": "Spare"})).await),
            "users" | "applications" | "groups" => {
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
        if template.ends_with("/items") {
            return "?targetName=sent".to_owned();
        }
        if template.ends_with("/execute") && template.contains("/data-jobs/") {
            "?mode=FULL".to_owned()
        } else if template.ends_with("/logs/executions") {
            format!("?executionId={}&type=TASK&id={}", execution(), self.job.id)
        } else if template.ends_with("/logs/executions/detail") {
            format!("?executionId={}&type=TASK&id={}", execution(), self.transformation)
        } else if template.ends_with("/table-preview") {
            "?table=one".to_owned()
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
            "POST" if ends("/jobs") && template.contains("/data-push/") => {
                json!({"targetName": "pushed", "type": "DELTA"})
            }
            "POST" if ends("/pools") || ends("/jobs") => name,
            "POST" if ends("/pools/move") => json!({"dataPoolId": self.pool.id}),
            "POST" if ends("/pool-import") => self.export.clone(),
            "POST" if ends("/batch-import") => {
                let request = json!({"targetPoolId": self.pool.id, "dataPool": self.export});
                json!({"dataPoolImportRequests": [request]})
            }
            "POST" if ends("/copy") => json!({"destinationDataSourceId": self.connection}),
            "POST" if ends("/oauth/clients") => json!({"name": name["name"], "scopes": ["studio"]}),
            "POST" if template.contains("/oauth/") => Value::Null,
            "POST" if ends("/keys") || ends("/users") || ends("/applications") || ends("/groups") => name,
            "PUT" if template.contains("/members/") => Value::Null,
            "POST" | "PUT" if template.contains("/variables") => variable(),
            "POST" if ends("/connections") => {
                json!({"name": name["name"], "type": "SQLITE", "configuration": self.file})
            }
            "PUT" if template.contains("/connections/") => json!({"name": name["name"]}),
            "POST" if ends("/tasks") => json!({"taskType": "TRANSFORMATION", "name": "Made"}),
            "POST" if ends("/tables") && template.contains("/data-model/") => {
                json!([{"name": "made", "alias": name["name"]}])
            }
            "PUT" if template.contains("/data-model/") => json!({"alias": name["name"]}),
            "POST" if ends("/foreign-keys") => json!({
                "sourceTableId": self.model_table, "targetTableId": self.model_table,
                "columns": [{"sourceColumnName": "a", "targetColumnName": "a"}],
            }),
            "PUT" if template.contains("/foreign-keys/") => json!({"sourceTableId": self.model_table}),
            "PUT" if ends("/process-configurations") => json!({"activityTableId": self.model_table}),
            "POST" if ends("/load/partial-sync") => json!([self.model_table]),
            "POST" if ends("/tables") => json!([{"tableName": "two"}]),
            "PUT" if ends("/tables") => json!([{"id": self.table, "tableName": "one"}]),
            "POST" if ends("/loads") => json!({"dataModelId": self.model, "jobId": self.job.id}),
            "POST" if ends("/schedules") => yearly(&self.job.id),
            "POST" if ends("/schedules/preview") => json!({"pattern": {"type": "DAILY", "at": "02:30"}}),
            "POST" if ends("/export/query") => crate::export::v1_body(&["TABLE(1 AS \"x\")"], "CSV"),
            "POST" if ends("/query-exports") => json!({"queries": "TABLE(1 AS \"x\")", "exportType": "CSV"}),
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

/// A good form with a file, for an operation that takes one: its content type and its bytes.
pub(crate) fn form(method: &Method, template: &str) -> Option<(&'static str, Vec<u8>)> {
    let file = match method.as_str() {
        "POST" if template.ends_with("/name-mapping/file") => "TABLE_NAME,TRANSLATION\r\nmade,Made\r\n",
        "POST" if template.ends_with("/items") || template.contains("/chunks/") => "rows",
        _ => return None,
    };
    let head = "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    let body = format!("--form\r\n{head}{file}\r\n--form--\r\n");
    Some(("multipart/form-data; boundary=form", body.into_bytes()))
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
