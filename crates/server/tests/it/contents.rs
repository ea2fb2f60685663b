//! Data pools as documents: given out, taken in, copied.

mod copies;
mod documents;
mod refusals;

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::client::Client;
use crate::pool::{Job, Pool};
use crate::server::Server;
use crate::world::sqlite;

const PASSWORD: &str = "hunter2-of-the-export";

/// A pool with one of everything that can be set.
struct Full {
    pool: Pool,
    job: Job,
    /// A database with the tables `one` and `two`.
    file: String,
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

impl Full {
    async fn new(server: &Server) -> Self {
        let admin = server.admin();
        let path = server.files().join("world.db");
        sqlite(&path).await;
        let pool =
            admin.post("/integration/api/pools", &json!({"name": "Order to cash", "description": "d"})).await;
        let pool = Pool { client: admin.clone(), id: id(&pool.ok()) };
        let file = pool.connection("File", "SQLITE", &json!({"path": path})).await;
        let configuration = json!({
            "host": "127.0.0.1", "port": 1, "database": "erp", "user": "reader", "password": PASSWORD,
            "sslMode": "disable",
        });
        let erp = pool.connection("ERP", "POSTGRESQL", &configuration).await;
        let variable = |placeholder: &str, change: Value| {
            let mut body = json!({
                "name": format!("Variable {placeholder}"), "placeholder": placeholder, "type": "PRIVATE_CONSTANT",
                "dataType": "LIST_STRING", "description": "what it is", "values": [{"value": "a"}, {"value": "b"}],
                "defaultValues": [{"value": "c"}],
            });
            for (name, value) in change.as_object().unwrap() {
                body[name] = value.clone();
            }
            body
        };
        let shared = admin.post(&pool.path("/variables/"), &variable("shared", json!({}))).await.ok();
        let dynamic = json!({
            "type": "DYNAMIC", "dynamicVariableOpType": "FIND_MAX", "dynamicTable": "one", "dynamicColumn": "id",
            "dynamicDataSourceId": file, "dataType": "INT",
        });
        admin.post(&pool.path("/variables/"), &variable("newest", dynamic)).await.ok();

        let model = Self::model(&pool, &file).await;
        let job = pool.job(Some(&file)).await;
        let extraction = job.extraction(&tables()).await;
        let statement =
            "CREATE OR REPLACE TABLE made AS SELECT * FROM one WHERE name IN (<%=shared%>);\n-- ü";
        let transformation = job.transformation(statement).await;
        let linked = json!({"settings": {"poolVariableId": shared["id"]}, "values": [{"value": null}]});
        let of_task = pool.path(&format!("/tasks/{transformation}/variables/"));
        admin.post(&of_task, &variable("own", linked)).await.ok();
        let load = json!({
            "dataModelId": model["id"], "jobId": job.id, "partialLoad": true,
            "tables": [{"id": model["tables"][0]["id"], "selected": true}],
        });
        admin.post(&job.path("/loads"), &load).await.ok();
        admin.delete(&job.path(&format!("/tasks/{extraction}/enabled"))).await.ok();
        let policy =
            format!("/forebay/api/v1/pools/{}/jobs/{}/tasks/{extraction}/retry-policy", pool.id, job.id);
        let policy_body = json!({"attempts": 7, "firstPauseSeconds": 1, "longestPauseSeconds": 9});
        admin.put(&policy, &policy_body).await.ok();
        // Two jobs of one name, one of them global.
        let global = pool.job(None).await;
        global.transformation("SELECT 1").await;
        let reading = pool.job(Some(&erp)).await;
        reading.extraction(&json!([{"tableName": "orders", "schemaName": "public"}])).await;
        let run = json!({"name": "Run", "dataSourceId": file});
        let run = Job { pool: pool.clone(), id: id(&admin.post(&pool.path("/jobs"), &run).await.ok()) };
        run.extraction(&json!([{"tableName": "one"}])).await;
        run.transformation("CREATE OR REPLACE TABLE made AS SELECT * FROM one").await;

        let nightly = json!({
            "name": "Nightly", "enabled": false, "jobs": [job.id, global.id], "mode": "DELTA", "priority": "HIGH",
            "pattern": {"type": "WEEKLY", "days": ["MON", "FRI"], "at": "02:30"}, "timeZone": "Europe/Berlin",
            "onFailure": "CONTINUE", "overlap": "QUEUE", "misfire": "ALL", "jitterSeconds": 60,
        });
        let nightly = admin.post(&pool.own("/schedules"), &nightly).await;
        assert_eq!(nightly.status, 201, "{nightly}");
        let after = json!({
            "name": "After", "enabled": false, "jobs": [reading.id], "mode": "FULL",
            "afterScheduleId": nightly.json()["id"],
        });
        assert_eq!(admin.post(&pool.own("/schedules"), &after).await.status, 201);
        Self { pool, job, file: path.to_str().unwrap().to_owned() }
    }

    /// A model with two tables and everything that is set of one.
    async fn model(pool: &Pool, connection: &str) -> Value {
        let model = pool
            .model(&json!({
                "name": "Orders",
                "tables": [
                    {"name": "one", "connectionId": connection, "primaryKey": ["id"]},
                    {"name": "one", "alias": "Events", "connectionId": connection},
                ],
                "foreignKeys": [{"source": "one", "target": "Events", "columns": [{"source": "id", "target": "id"}]}],
            }))
            .await;
        let path = pool.path(&format!("/data-models/{}", id(&model)));
        let calendar = json!({"entries": [
            {"day": "MONDAY", "workingDay": true, "startTime": 480, "endTime": 1020}, {"day": "SUNDAY"},
        ]});
        let settings = json!({
            "name": "Orders", "description": "of customers", "dataModelCalendarType": "CUSTOM",
            "customCalendar": calendar, "factoryCalendar": {"tableName": "one", "dataSourceId": connection},
        });
        pool.client.put(&path, &settings).await.ok();
        let process = json!({
            "activityTableId": model["tables"][1]["id"], "caseTableId": model["tables"][0]["id"],
            "caseIdColumn": "id", "activityColumn": "name", "timestampColumn": "id", "useParallelProcess": false,
        });
        pool.client.put(&format!("{path}/process-configurations"), &process).await.ok();
        model
    }

    async fn export(&self) -> Value {
        export(&self.pool.client, &self.pool.id).await
    }
}

/// The job that can be run.
async fn runnable(pool: &Pool) -> Job {
    let jobs = pool.client.get(&pool.path("/jobs")).await.ok();
    let job = jobs.as_array().unwrap().iter().find(|job| job["name"] == "Run").unwrap();
    Job { pool: pool.clone(), id: id(job) }
}

async fn export(client: &Client, pool: &str) -> Value {
    client.get(&format!("/integration/api/pools/{pool}/export")).await.ok()
}

/// The settings of extraction tables, all there are.
fn tables() -> Value {
    json!([
        {
            "tableName": "one", "renameTargetTable": true, "targetTableName": "first", "useManualPKs": true,
            "columns": [
                {"columnName": "id", "primaryKey": true, "anonymized": false},
                {"columnName": "name", "primaryKey": false, "anonymized": true},
            ],
            "customizeColumnSelection": true, "filterDefinition": "id > 0", "deltaFilterDefinition": "id < <%=newest%>",
            "creationDateColumn": "id", "creationDateParameterStart": "newest", "creationDateValueToday": true,
            "changeDateColumn": "id", "changeDateOffset": 90, "changeDateOffsetType": "MINUTES",
            "connectorSpecificConfiguration": [{"key": "MAX_STRING_LENGTH", "value": 10}],
        },
        {"tableName": "two", "disabled": true, "creationDateColumn": "id", "creationDateValueStart": "1",
         "creationDateValueEnd": "9"},
        {"tableName": "one", "columns": [{"columnName": "name", "anonymized": true}], "customizeColumnSelection": false},
    ])
}

/// A document with its ids numbered in the order in which they come, and without times and who made what.
fn plain(document: &Value) -> Value {
    fn walk(value: &Value, ids: &mut HashMap<String, usize>) -> Value {
        match value {
            Value::String(text) if text.len() == 36 && uuid::Uuid::try_parse(text).is_ok() => {
                let next = ids.len();
                json!(format!("id {}", ids.entry(text.clone()).or_insert(next)))
            }
            Value::Array(list) => list.iter().map(|element| walk(element, ids)).collect(),
            Value::Object(fields) => {
                let kept = fields.iter().filter(|(name, _)| {
                    !["timeStamp", "creatorUserId", "createdAt"].contains(&name.as_str())
                });
                kept.map(|(name, value)| (name.clone(), walk(value, ids))).collect()
            }
            other => other.clone(),
        }
    }
    walk(document, &mut HashMap::new())
}
