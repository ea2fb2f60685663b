//! Data models by the wire contract: as existing clients make, load and map them.

mod loads;
mod mappings;
mod quirks;
mod together;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::pool::Pool;
use crate::server::Server;

/// The most that one load may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data model, seen by one client.
pub(crate) struct Model {
    pub(crate) pool: Pool,
    pub(crate) id: String,
}

/// A data model as pycelonis creates it.
pub(crate) fn new_model(name: &str) -> Value {
    json!({
        "permissions": null, "id": null, "name": name, "description": null, "createDate": null, "changedDate": null,
        "configurationSkipped": null, "poolId": null, "unavailable": null, "editable": null, "creatorUserId": null,
        "tables": null, "foreignKeys": null, "processConfigurations": null, "dataModelCalendarType": null,
        "factoryCalendar": null, "customCalendar": null, "originalId": null, "eventlogAutomergeEnabled": null,
        "autoMergeExecutionMode": null, "eventLogCount": null, "objectId": null,
    })
}

/// A table of a model as pycelonis adds it.
pub(crate) fn new_table(name: &str, alias: Option<&str>) -> Value {
    json!({
        "id": null, "augmentation": null, "dataModelId": null, "dataSourceId": null, "name": name,
        "fromBusinessGraphSchema": null, "alias": alias, "columns": [], "useDirectStorage": null,
        "primaryKeys": null, "aliasOrName": null,
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

impl Model {
    pub(crate) async fn create(pool: &Pool) -> Self {
        let made = pool.client.post(&pool.path("/data-models"), &new_model("DM")).await.ok();
        assert_eq!(made["poolId"], json!(pool.id), "{made}");
        Self { pool: pool.clone(), id: text(&made["id"]) }
    }

    /// A pool with the tables `cases` of two rows and `activities` of three, and a model of both with a relation.
    pub(crate) async fn with_tables(server: &Server) -> (Self, String, String) {
        let pool = Pool::create(&server.admin()).await;
        let job = pool.job(None).await;
        job.transformation(
            "CREATE TABLE cases AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(id, name);
             CREATE TABLE activities AS SELECT * FROM (VALUES
                 (1, 'begin', TIMESTAMP '2024-01-01 10:00:00'), (1, 'end', TIMESTAMP '2024-01-02 10:00:00'),
                 (2, 'begin', TIMESTAMP '2024-01-03 10:00:00')) v(case_id, activity, happened)",
        )
        .await;
        job.run("FULL").await.succeeded();
        let model = Self::create(&pool).await;
        let cases = model.add_table("cases", Some("Cases")).await;
        let activities = model.add_table("activities", None).await;
        let columns = json!([{"id": null, "sourceColumnName": "id", "targetColumnName": "case_id"}]);
        let key = json!({
            "id": null, "dataModelId": null, "sourceTableId": cases, "targetTableId": activities, "columns": columns,
        });
        pool.client.post(&model.path("/foreign-keys"), &key).await.ok();
        (model, cases, activities)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.pool.client
    }

    /// A path below the model.
    pub(crate) fn path(&self, rest: &str) -> String {
        self.pool.path(&format!("/data-models/{}{rest}", self.id))
    }

    /// A path below its tables, which is in the singular.
    pub(crate) fn tables_path(&self, rest: &str) -> String {
        self.pool.path(&format!("/data-model/{}/tables{rest}", self.id))
    }

    /// A path of the documented calls.
    pub(crate) fn documented(&self, rest: &str) -> String {
        format!("/integration/api/v1/data-pools/{}/data-models/{}{rest}", self.pool.id, self.id)
    }

    /// Adds a table as clients do, and gives its id.
    pub(crate) async fn add_table(&self, name: &str, alias: Option<&str>) -> String {
        let made = self.client().post(&self.tables_path(""), &json!([new_table(name, alias)])).await.ok();
        assert_eq!(made.as_array().unwrap().len(), 1, "exactly what was added: {made}");
        text(&made[0]["id"])
    }

    pub(crate) async fn reload(&self) -> Answer {
        self.client().post(&self.path("/reload?forceComplete=true"), &Value::Null).await
    }

    pub(crate) async fn load_info(&self) -> Value {
        self.client().get(&self.path("/load-history/load-info-sync")).await.ok()
    }

    /// What clients poll.
    pub(crate) async fn current(&self) -> Value {
        self.load_info().await["loadInfo"]["currentComputeLoad"].clone()
    }

    /// Waits as clients do, and gives the load.
    pub(crate) async fn loaded(&self) -> Value {
        let begun = Instant::now();
        loop {
            let current = self.current().await;
            if !["RUNNING", "LOST_CONNECTION", "CANCELLING"]
                .contains(&current["loadStatus"].as_str().unwrap())
            {
                return current;
            }
            assert!(begun.elapsed() < PATIENCE, "{current} does not end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Rows of the tables of the published version, by their names in the model.
    pub(crate) fn published(&self, server: &Server) -> Vec<(String, u64)> {
        let dir = server.data().join("pools").join(&self.pool.id).join("models").join(&self.id);
        let current = std::fs::read_to_string(dir.join("current")).unwrap();
        let manifest = std::fs::read(dir.join(current.trim()).join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let tables = manifest["tables"].as_array().unwrap().iter();
        let mut rows = Vec::new();
        for table in tables {
            let file = dir.join(current.trim()).join(table["file"].as_str().unwrap());
            let file = std::fs::File::open(file).unwrap();
            let builder =
                parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            let found: usize = builder.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
            assert_eq!(table["rows"], json!(found), "the manifest counts the rows");
            rows.push((text(&table["alias"]), found as u64));
        }
        rows
    }
}

#[tokio::test]
async fn a_model_is_made_loaded_and_watched_as_clients_do_it() {
    let server = Server::start();
    let (model, cases, activities) = Model::with_tables(&server).await;
    let client = model.client().clone();
    let process = json!({
        "id": null, "tenantId": null, "dataModelId": null, "activityTableId": activities, "caseTableId": cases,
        "defaultConfiguration": null, "caseIdColumn": "case_id", "activityColumn": "activity",
        "timestampColumn": "happened", "sortingColumn": null, "endTimestampColumn": null, "costColumn": null,
        "userColumn": null, "useParallelProcess": null, "parallelProcessParentColumn": null,
        "parallelProcessChildColumn": null, "optionalTenantId": null,
    });
    let process = client.put(&model.path("/process-configurations"), &process).await.ok();
    assert_eq!(
        (&process["dataModelId"], &process["activityTableId"]),
        (&json!(model.id), &json!(activities)),
        "{process}"
    );

    let never = model.load_info().await;
    let expected =
        json!({"loadInfo": {"currentComputeLoad": null, "liveDataModel": null}, "loadHistory": null});
    assert_eq!(never, expected);
    assert_eq!(client.get(&model.documented("/last-load")).await.ok(), Value::Null);
    assert_eq!(client.get(&model.path("")).await.ok()["unavailable"], true);

    model.reload().await.ok();
    let load = model.loaded().await;
    assert_eq!((&load["loadStatus"], &load["loadType"]), (&json!("SUCCESS"), &json!("COMPLETE")), "{load}");
    assert_eq!(load["dataModelId"], json!(model.id));
    assert!(load["startDate"].as_i64() <= load["endDate"].as_i64() && load["startDate"].is_i64(), "{load}");
    assert_eq!(client.get(&model.documented("/last-load")).await.ok(), load);
    let told = model.load_info().await;
    let live = &told["loadInfo"]["liveDataModel"];
    assert_eq!(live["dataModelName"], "DM");
    assert_eq!(
        (&live["done"], &live["tablesLoaded"], &live["error"]),
        (&json!(true), &json!(true), &json!(false))
    );
    let tables = json!([
        {"tableId": cases, "tableName": "Cases", "tableRowCount": 2, "done": true, "invisible": false, "cancel": false},
        {"tableId": activities, "tableName": "activities", "tableRowCount": 3, "done": true, "invisible": false,
         "cancel": false},
    ]);
    assert_eq!(live["tableLoads"], tables);
    let history = &told["loadHistory"];
    assert_eq!(history["dataLoadHistory"], json!([load]));
    assert_eq!(history["lastSuccessfulDataModel"]["dataLoadId"], load["dataLoadId"]);
    assert_eq!(history["averageLoadTime"][0]["type"], "COMPLETE");
    assert_eq!(model.published(&server), [("Cases".to_owned(), 2), ("activities".to_owned(), 3)]);

    let shown = client.get(&model.path("")).await.ok();
    assert_eq!((&shown["unavailable"], &shown["editable"]), (&json!(false), &json!(true)));
    assert_eq!(shown["tables"].as_array().unwrap().len(), 2);
    assert_eq!(shown["foreignKeys"][0]["sourceTableId"], json!(cases));
    assert_eq!(shown["processConfigurations"][0]["id"], process["id"]);
    assert_eq!(client.get(&model.pool.path("/data-models?limit=500")).await.ok(), json!([shown]));
    let listed = client.get(&model.documented("/tables")).await.ok();
    let expected = json!({
        "id": cases, "dataModelId": model.id, "dataSourceId": null, "name": "cases", "alias": "Cases",
        "aliasOrName": "Cases",
    });
    assert_eq!(listed[0], expected);
    let columns = client.get(&model.tables_path(&format!("/{activities}/columns"))).await.ok();
    let found: Vec<_> =
        columns.as_array().unwrap().iter().map(|column| (&column["name"], &column["type"])).collect();
    assert_eq!(
        found,
        [
            (&json!("case_id"), &json!("INTEGER")),
            (&json!("activity"), &json!("STRING")),
            (&json!("happened"), &json!("DATE"))
        ]
    );
    // A table that the pool does not have yet has no columns there.
    let later = model.add_table("later", None).await;
    assert_eq!(client.get(&model.tables_path(&format!("/{later}/columns"))).await.ok(), json!([]));
}
