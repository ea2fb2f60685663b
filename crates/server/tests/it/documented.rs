//! The documented Python program against real data: FULL, then DELTA, then DELTA again.

use std::fs::File;
use std::process::{Command, Stdio};

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

use crate::compare::same_rows;
use crate::pool::{Job, Pool, Run, show};
use crate::server::Server;
use crate::source::Source;
use crate::tpch;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/python/execute.py");

/// Runs the documented program and gives what the server says of the execution that it started.
async fn documented_program(server: &Server, job: &Job, mode: &str) -> Run {
    let url = server.url();
    // scripts/test finds one that has requests.
    let python = std::env::var("FOREBAY_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let program = Command::new(python)
        .arg(PROGRAM)
        .args([url.as_str(), server.admin_key(), job.pool.id.as_str(), job.id.as_str(), mode])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&program.stdout).trim().to_owned();
    let newest = job.pool.path(&format!("/logs/{}/executions", job.id));
    let newest = job.pool.client.get(&newest).await.ok()["executionItems"][0]["executionId"].clone();
    let run = show(&job.pool.client, newest.as_str().unwrap()).await;
    assert!(program.status.success(), "{}\n{:#}", String::from_utf8_lossy(&program.stderr), run.0);
    assert_eq!(said, run.status());
    assert_eq!(run.0["mode"], mode);
    run.succeeded()
}

async fn all_tables_are_as_at_the_source(source: &Source, pool: &Pool, connection: &str) {
    for (table, key) in tpch::TABLES {
        same_rows(source, "tpch", table, key, pool, connection).await;
    }
}

/// The rows of each published table of the model, by table.
fn published(server: &Server, pool: &Pool, model: &Value) -> Vec<(String, i64)> {
    let models = server.data().join("pools").join(&pool.id).join("models");
    let dir = models.join(model["id"].as_str().unwrap());
    let version = std::fs::read_to_string(dir.join("current")).unwrap();
    let tables = model["tables"].as_array().unwrap();
    tables
        .iter()
        .map(|table| {
            let path = dir.join(version.trim()).join(format!("{}.parquet", table["id"].as_str().unwrap()));
            let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
            (table["name"].as_str().unwrap().to_owned(), reader.metadata().file_metadata().num_rows())
        })
        .collect()
}

async fn the_model_is_as_the_source(server: &Server, source: &Source, pool: &Pool, model: &Value) {
    for (table, rows) in published(server, pool, model) {
        let expected = match table.as_str() {
            "revenue" => "SELECT count(DISTINCT o_orderpriority)::text FROM tpch.orders".to_owned(),
            _ => format!("SELECT count(*)::text FROM tpch.{table}"),
        };
        assert_eq!(source.lines(&expected).await, [rows.to_string()], "published rows of {table}");
    }
}

/// What the transformation makes, as the source itself computes it.
async fn the_revenue_is_as_the_source_says(source: &Source, pool: &Pool, connection: &str) {
    let expected = "SELECT concat_ws('|', o_orderpriority, count(*), sum(l_extendedprice * (1 - l_discount))) \
                    FROM tpch.orders JOIN tpch.lineitem ON l_orderkey = o_orderkey GROUP BY o_orderpriority \
                    ORDER BY o_orderpriority";
    let found =
        "SELECT concat_ws('|', priority, items, CAST(revenue AS VARCHAR)) FROM revenue ORDER BY priority";
    assert_eq!(pool.lines(Some(connection), found).await, source.lines(expected).await);
}

const TRANSFORMATION: &str = "
-- Revenue by priority; the join is in a view that stays.
CREATE OR REPLACE VIEW sold AS
SELECT o_orderpriority AS priority, l_extendedprice * (1 - l_discount) AS amount
FROM orders JOIN <%=DATASOURCE:TPC-H%>.lineitem ON l_orderkey = o_orderkey;

DROP TABLE IF EXISTS revenue;
CREATE TABLE revenue AS SELECT priority, count(*) AS items, sum(amount) AS revenue FROM sold GROUP BY priority;
";

#[tokio::test]
async fn the_documented_program_runs_full_and_delta_and_every_row_is_as_at_the_source() {
    let server = Server::start();
    // A server of its own: whether a table is unchanged is told by the transactions of the cluster.
    let source = Source::alone().await;
    tpch::create(source.client()).await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("TPC-H", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&tpch::extraction()).await;
    job.transformation(TRANSFORMATION).await;
    let model = pool
        .model(&json!({
            "name": "Sales",
            "tables": [
                {"name": "orders", "connectionId": connection, "primaryKey": ["o_orderkey"]},
                {"name": "lineitem", "connectionId": connection, "primaryKey": ["l_orderkey", "l_linenumber"]},
                {"name": "revenue", "connectionId": connection, "primaryKey": ["priority"]},
            ],
            "foreignKeys": [{
                "source": "orders", "target": "lineitem",
                "columns": [{"source": "o_orderkey", "target": "l_orderkey"}],
            }],
        }))
        .await;
    job.load(&model).await;

    let full = documented_program(&server, &job, "FULL").await;
    all_tables_are_as_at_the_source(&source, &pool, &connection).await;
    the_revenue_is_as_the_source_says(&source, &pool, &connection).await;
    the_model_is_as_the_source(&server, &source, &pool, &model).await;
    for (table, _) in tpch::TABLES {
        let rows = full.count(table, "rowsRead");
        assert_eq!(full.count(table, "rowsInserted"), rows, "{table}");
        assert_eq!(full.count(table, "rowsAfter"), rows, "{table}");
        assert_eq!(full.count(table, "rowsBefore"), 0, "{table}");
    }

    let changes = tpch::change(source.client()).await;
    let delta = documented_program(&server, &job, "DELTA").await;
    all_tables_are_as_at_the_source(&source, &pool, &connection).await;
    the_revenue_is_as_the_source_says(&source, &pool, &connection).await;
    the_model_is_as_the_source(&server, &source, &pool, &model).await;
    for table in ["orders", "lineitem"] {
        let count = |field: &str| delta.count(table, field);
        assert_eq!(count("rowsRead"), count("rowsInserted") + count("rowsUpdated"), "{table}");
        assert_eq!(
            count("rowsBefore") + count("rowsInserted"),
            count("rowsAfter") + count("rowsDeleted"),
            "{table}"
        );
        assert_eq!(count("rowsBefore"), full.count(table, "rowsAfter"), "{table}");
        let (read, all) = (count("rowsRead"), count("rowsAfter"));
        assert!(read * 10 < all, "{table}: a DELTA read {read} of {all} rows");
        let (before, after) =
            (&delta.receipt(table)["checkpointBefore"], &full.receipt(table)["checkpointAfter"]);
        assert_eq!(before, after, "{table}");
    }
    assert_eq!(delta.count("orders", "rowsInserted"), changes.inserted);
    assert_eq!(delta.count("orders", "rowsUpdated"), changes.updated);

    let unchanged = documented_program(&server, &job, "DELTA").await;
    for (table, _) in tpch::TABLES {
        let step = unchanged.step(table);
        assert_eq!(step["status"], "SKIPPED", "{table}: {step}");
        assert!(step["message"].as_str().unwrap().starts_with("unchanged since "), "{step}");
    }
    all_tables_are_as_at_the_source(&source, &pool, &connection).await;
}
