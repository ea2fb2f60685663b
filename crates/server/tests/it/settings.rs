//! The settings of extractions, transformations and loads, each through a real job.

use arrow::array::{Int32Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use crate::pool::Pool;
use crate::server::Server;
use crate::source::Source;
use crate::world::sqlite;

async fn people(server: &Server, source: &Source) -> (Pool, String) {
    source
        .execute(
            "CREATE TABLE people (id integer PRIMARY KEY, name text, born date NOT NULL, city varchar(20),
                 changed_at timestamp NOT NULL);
             INSERT INTO people VALUES
                 (1, 'Ada', '1815-12-10', 'London', '2026-01-01'), (2, NULL, '1906-12-09', 'New York', '2026-01-02'),
                 (3, 'Ada', '1912-06-23', NULL, '2026-01-03'), (4, 'Grace', '1936-08-17', 'Arlington', '2026-01-04');
             CREATE TABLE left_out (id integer);",
        )
        .await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("People", "POSTGRESQL", &source.configuration()).await;
    (pool, connection)
}

#[tokio::test]
async fn tables_columns_keys_filters_and_lengths_are_as_they_are_set() {
    let server = Server::start();
    let source = Source::new().await;
    let (pool, connection) = people(&server, &source).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([
        {
            "tableName": "people", "renameTargetTable": true, "targetTableName": "chosen",
            "filterDefinition": "city IS NOT NULL AND id <> 99",
            "creationDateColumn": "born", "creationDateValueStart": "1815-12-10", "creationDateValueEnd": "1930-01-01",
            "columns": [
                {"columnName": "id", "primaryKey": false}, {"columnName": "city", "primaryKey": true},
            ],
            "useManualPKs": true, "customizeColumnSelection": true,
        },
        {
            "tableName": "people", "renameTargetTable": true, "targetTableName": "short",
            "connectorSpecificConfiguration": [{"key": "MAX_STRING_LENGTH", "value": 3}],
        },
        {"tableName": "left_out", "disabled": true},
    ]))
    .await;
    job.run("FULL").await.succeeded();
    let columns =
        "SELECT column_name FROM duckdb_columns() WHERE table_name = 'chosen' ORDER BY column_index";
    let columns = pool.query(Some(&connection), columns).await;
    assert_eq!(json!(columns), json!([["id"], ["city"], ["_CELONIS_CHANGE_DATE"]]));
    let chosen = pool.query(Some(&connection), "SELECT id, city FROM chosen ORDER BY id").await;
    assert_eq!(json!(chosen), json!([[1, "London"], [2, "New York"]]));
    let short = pool.query(Some(&connection), "SELECT name, city FROM short ORDER BY id").await;
    assert_eq!(json!(short), json!([["Ada", "Lon"], [null, "New"], ["Ada", null], ["Gra", "Arl"]]));
    let tables = pool.client.get(&pool.path("/tables")).await.ok();
    assert_eq!(tables.as_array().unwrap().len(), 2, "{tables}");

    // The key is the one set by hand: a row with another id and the same city takes the old one's place.
    source.execute("UPDATE people SET id = 10 WHERE id = 1").await;
    let delta = job.run("DELTA").await.succeeded();
    assert_eq!(delta.count("chosen", "rowsAfter"), 2);
    let chosen = pool.query(Some(&connection), "SELECT id, city FROM chosen ORDER BY id").await;
    assert_eq!(json!(chosen), json!([[2, "New York"], [10, "London"]]));
}

#[tokio::test]
async fn a_delta_filter_is_for_delta_alone_and_takes_what_the_target_holds() {
    let server = Server::start();
    // A server of its own: what else is open on a server would be read again.
    let source = Source::alone().await;
    let (pool, connection) = people(&server, &source).await;
    let last = json!({
        "name": "Last", "placeholder": "last_id", "type": "DYNAMIC", "dataType": "INT",
        "dynamicVariableOpType": "FIND_MAX", "dynamicTable": "people", "dynamicColumn": "id",
        "dynamicDataSourceId": connection, "values": [{"value": "0", "taskInstanceId": null}],
    });
    pool.client.post(&pool.path("/variables/"), &last).await.ok();
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "people", "deltaFilterDefinition": "id > <%= last_id %>"}])).await;
    let full = job.run("FULL").await.succeeded();
    assert_eq!(full.count("people", "rowsRead"), 4);
    source.execute("INSERT INTO people VALUES (5, 'Alan', '1912-06-23', 'Wilmslow', '2026-01-05')").await;
    let delta = job.run("DELTA").await.succeeded();
    assert_eq!((delta.count("people", "rowsRead"), delta.count("people", "rowsInserted")), (1, 1));
    assert_eq!(pool.value(Some(&connection), "SELECT max(id) FROM people").await, 5);
}

#[tokio::test]
async fn pseudonyms_hide_values_and_keep_what_is_equal_equal() {
    let server = Server::start();
    let source = Source::new().await;
    let (pool, connection) = people(&server, &source).await;
    let table = json!({
        "tableName": "people", "columns": [
            {"columnName": "id"}, {"columnName": "name", "anonymized": true}, {"columnName": "born", "anonymized": true},
        ],
    });
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([table])).await;
    let path = pool.own(&format!("/connections/{connection}"));
    let mut seen = Vec::new();
    for (algorithm, length, plain) in [
        ("SHA_1", 40, None),
        ("SHA_256", 64, None),
        ("SHA_256_NO_SALT", 64, Some("sha256")),
        ("SHA_512", 128, None),
        ("SHA_512_NO_SALT", 128, Some("sha512")),
    ] {
        pool.client.put(&path, &json!({"anonymizationAlgorithm": algorithm})).await.ok();
        job.run("FULL").await.succeeded();
        let rows = pool.query(Some(&connection), "SELECT name, born FROM people ORDER BY id").await;
        let name = rows[0][0].as_str().unwrap().to_owned();
        assert_eq!(name.len(), length, "{algorithm}: {name}");
        assert_eq!(rows[2][0], json!(name), "{algorithm}: equal values have equal pseudonyms");
        assert_ne!(rows[3][0], json!(name));
        assert_eq!(rows[1][0], Value::Null, "{algorithm}: NULL stays NULL");
        if let Some(function) = plain {
            let expected = format!(
                "SELECT encode({function}(name::bytea), 'hex') || ' ' || encode({function}(born::text::bytea), 'hex') \
                 FROM people WHERE id = 1"
            );
            let found = format!("{name} {}", rows[0][1].as_str().unwrap());
            assert_eq!(source.value(&expected).await, found, "{algorithm}");
        }
        assert!(!seen.contains(&name), "{algorithm}: salted and plain pseudonyms differ");
        seen.push(name);
    }
}

#[tokio::test]
async fn parameters_and_data_sources_are_filled_into_sql() {
    let server = Server::start();
    let source = Source::new().await;
    let (pool, connection) = people(&server, &source).await;
    source
        .execute("INSERT INTO people VALUES (5, 'it''s; DROP TABLE found', '2000-01-01', 'Oslo', now())")
        .await;
    let extract = pool.job(Some(&connection)).await;
    extract.extraction(&json!([{"tableName": "people"}])).await;
    extract.run("FULL").await.succeeded();

    // A global job: the table of the connection is reached by the connection's name. A constant
    // stands as it was written; a value that comes from rows is data, whatever it looks like.
    let job = pool.job(None).await;
    let sql = "CREATE TABLE found AS SELECT id, name FROM <%=DATASOURCE:People%>.\"people\" \
               WHERE city = '<%=city%>' OR id IN (<%= ids %>) OR <%=condition%>; -- <%=unknown%> in a comment\n\
               CREATE TABLE texts AS SELECT '<%=city%>' AS city, '<%=last%>' AS inside, <%=last%> AS alone;";
    let task = job.transformation(sql).await;
    let variable = |placeholder: &str, kind: &str, values: Value| {
        json!({
            "name": placeholder, "placeholder": placeholder, "type": "PUBLIC_CONSTANT", "dataType": kind,
            "values": values,
        })
    };
    let mut last = variable("last", "STRING", Value::Null);
    for (name, value) in [
        ("type", "DYNAMIC"),
        ("dynamicVariableOpType", "FIND_MAX"),
        ("dynamicTable", "people"),
        ("dynamicColumn", "name"),
        ("dynamicDataSourceId", connection.as_str()),
    ] {
        last[name] = json!(value);
    }
    for body in [
        variable("city", "STRING", json!([{"value": "Nowhere"}])),
        variable("ids", "LIST_INT", json!([{"value": "4"}, {"value": "99"}])),
        variable("condition", "STRING", json!([{"value": "city IS NULL"}])),
        last,
    ] {
        pool.client.post(&pool.path("/variables/"), &body).await.ok();
    }
    // The task's own parameter stands before the pool's.
    let own = variable("city", "STRING", json!([{"value": "London", "taskInstanceId": null}]));
    pool.client.post(&pool.path(&format!("/tasks/{task}/variables/")), &own).await.ok();
    job.run("FULL").await.succeeded();
    let found = pool.query(None, "SELECT id FROM found ORDER BY id").await;
    assert_eq!(json!(found), json!([[1], [3], [4]]));
    let texts = pool.query(None, "SELECT city, inside, alone FROM texts").await;
    let data = "it's; DROP TABLE found";
    assert_eq!(json!(texts), json!([["London", data, data]]));

    for (sql, told) in [
        ("SELECT 1;\nSELECT <%=nothing%>", "nothing"),
        ("SELECT * FROM <%=DATASOURCE:Nobody%>.x", "Nobody"),
        ("SELECT <%=open", "<%="),
    ] {
        job.set_statement(&task, sql).await;
        let run = job.run("FULL").await.ended("FAIL");
        let message = run.0["message"].as_str().unwrap();
        assert!(message.contains(told) && message.contains("line "), "{sql}: {message}");
    }
}

#[tokio::test]
async fn a_folder_of_files_and_a_sqlite_database_are_sources_too() {
    let server = Server::start();
    let folder = server.files().join("export");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("cities.csv"), "id,name,note\n1,Köln,\"a, b\"\n2,\"New \"\"York\"\"\",\n")
        .unwrap();
    let ids = Int32Array::from(vec![Some(7), None]);
    let names = StringArray::from(vec![Some("x"), Some("ü")]);
    let batch = RecordBatch::try_from_iter([
        ("number", std::sync::Arc::new(ids) as arrow::array::ArrayRef),
        ("label", std::sync::Arc::new(names) as arrow::array::ArrayRef),
    ])
    .unwrap();
    let file = std::fs::File::create(folder.join("labels.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    sqlite(&server.files().join("small.db")).await;

    let pool = Pool::create(&server.admin()).await;
    let files = pool.connection("Files", "FILES", &json!({"path": folder})).await;
    let database =
        pool.connection("Small", "SQLITE", &json!({"path": server.files().join("small.db")})).await;
    for (connection, expected) in [(&files, vec!["cities", "labels"]), (&database, vec!["one", "two"])] {
        let test =
            pool.client.post(&pool.own(&format!("/connections/{connection}/test")), &Value::Null).await.ok();
        assert_eq!(test["successful"], true, "{test}");
        let found = pool.path(&format!("/data-sources/{connection}/search-tables"));
        let found = pool.client.get(&found).await.ok();
        let names: Vec<&str> = found["availableTables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|table| table["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, expected);
    }
    let job = pool.job(Some(&files)).await;
    job.extraction(&json!([{"tableName": "cities"}, {"tableName": "labels"}])).await;
    job.run("FULL").await.succeeded();
    let cities = "SELECT CAST(id AS VARCHAR), name FROM cities ORDER BY 1";
    let cities = pool.query(Some(&files), cities).await;
    assert_eq!(json!(cities), json!([["1", "Köln"], ["2", "New \"York\""]]));
    let labels = pool.query(Some(&files), "SELECT number, label FROM labels ORDER BY label").await;
    assert_eq!(json!(labels), json!([[7, "x"], [null, "ü"]]));

    let job = pool.job(Some(&database)).await;
    job.extraction(&json!([{"tableName": "one"}, {"tableName": "two"}])).await;
    let run = job.run("FULL").await.succeeded();
    assert_eq!((run.count("one", "rowsAfter"), run.count("two", "rowsAfter")), (2, 0));
    assert_eq!(pool.value(Some(&database), "SELECT string_agg(name, ',' ORDER BY id) FROM one").await, "a,b");
}

#[tokio::test]
async fn a_connection_test_names_the_step_that_failed() {
    let server = Server::start();
    let source = Source::new().await;
    let pool = Pool::create(&server.admin()).await;
    let good = source.configuration();
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    for (name, configuration, told) in [
        ("right", good.clone(), None),
        ("port", with("port", json!(1)), Some("Connect")),
        ("host", with("host", json!("no-such-host.invalid")), Some("Name lookup")),
        ("password", with("password", json!("wrong")), Some("Login")),
        ("database", with("database", json!("nothing")), Some("Database")),
        ("tls", with("sslMode", json!("require")), Some("TLS")),
    ] {
        let connection = pool.connection(name, "POSTGRESQL", &configuration).await;
        let path = pool.own(&format!("/connections/{connection}/test"));
        let answer = pool.client.post(&path, &Value::Null).await;
        let test = answer.ok();
        assert_eq!(test["successful"], json!(told.is_none()), "{name}: {test}");
        assert_eq!(test["step"], json!(told), "{name}: {test}");
        if let Some(told) = told {
            assert!(test["message"].as_str().unwrap().contains(told), "{name}: {test}");
        }
        assert!(!answer.text().contains("wrong"), "{name}: a password is shown");
    }
}

#[tokio::test]
async fn a_partial_load_keeps_the_tables_that_were_not_chosen() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    let task = job
        .transformation(
            "CREATE OR REPLACE TABLE cases AS SELECT * FROM range(3) t(id);
             CREATE OR REPLACE TABLE events AS SELECT id % 4 AS id, id AS n FROM range(8) t(id);",
        )
        .await;
    let model = pool
        .model(&json!({
            "name": "M",
            "tables": [{"name": "cases", "primaryKey": ["id"]}, {"name": "events", "alias": "steps", "primaryKey": ["id"]}],
            "foreignKeys": [{"source": "cases", "target": "steps", "columns": [{"source": "id", "target": "id"}]}],
        }))
        .await;
    let load = job.load(&model).await;
    let full = job.run("FULL").await.succeeded();
    assert_eq!((full.count("cases", "rowsAfter"), full.count("steps", "rowsAfter")), (3, 8));
    // Broken keys are warnings: events have no unique id, and one without a case.
    let logs = pool.client.get(&format!("/forebay/api/v1/executions/{}/logs", full.id())).await.ok();
    let warnings: Vec<&str> = logs["logMessages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["logTranslationCode"] == "MODEL_KEY_WARNING")
        .map(|message| message["logMessage"].as_str().unwrap())
        .collect();
    assert_eq!(warnings.len(), 2, "{logs:#}");
    assert!(warnings.iter().all(|warning| warning.contains("steps")), "{warnings:?}");

    let sql = "CREATE OR REPLACE TABLE cases AS SELECT * FROM range(5) t(id); CREATE OR REPLACE TABLE events AS SELECT \
               id % 4 AS id, id AS n FROM range(16) t(id)";
    job.set_statement(&task, sql).await;
    let cases = model["tables"][0]["id"].as_str().unwrap();
    let body = json!({
        "mode": "FULL", "loadOnlySubsetOfDataModels": true,
        "dataModels": [{"dataModelExecutionId": load, "tables": [cases]}],
    });
    let started = pool.client.post(&job.path("/execute"), &body).await.ok();
    let run = crate::pool::finished(&pool.client, started["executionId"].as_str().unwrap()).await.succeeded();
    assert_eq!(run.count("cases", "rowsAfter"), 5);
    let kept = run.step("steps");
    assert_eq!(kept["status"], "SKIPPED");
    assert!(kept["message"].as_str().unwrap().contains("8 rows"), "{kept}");
}
