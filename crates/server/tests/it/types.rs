//! Every type of docs/types.md with the values at its edges, through a real job to the query API.

mod columns;

use serde_json::{Value, json};

use columns::{COLUMNS, TYPES};

use crate::pool::{Job, Pool};
use crate::server::Server;
use crate::source::Source;

/// The table with a column of each type; a column with fewer values than others ends with NULLs.
fn every_type() -> String {
    let kinds: Vec<String> =
        COLUMNS.iter().enumerate().map(|(place, column)| format!("c{place} {}", column.kind)).collect();
    let mut sql = format!("CREATE TABLE every_type (id integer PRIMARY KEY, {});", kinds.join(", "));
    for row in 0..rows() {
        let values: Vec<&str> =
            COLUMNS.iter().map(|column| column.values.get(row).map_or("NULL", |(value, _)| value)).collect();
        sql.push_str(&format!("INSERT INTO every_type VALUES ({row}, {});", values.join(", ")));
    }
    sql
}

/// One row more than the most values that a column has.
fn rows() -> usize {
    COLUMNS.iter().map(|column| column.values.len()).max().unwrap() + 1
}

#[tokio::test]
async fn every_type_of_postgresql_keeps_its_values() {
    let server = Server::start();
    let source = Source::new().await;
    source.execute(TYPES).await;
    source.execute(&every_type()).await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Types", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "every_type"}])).await;
    let run = job.run("FULL").await.succeeded();
    assert_eq!(run.count("every_type", "rowsRead"), rows() as u64);

    let mut faults = Vec::new();
    let kinds = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'every_type' \
                 AND column_name LIKE 'c%' ORDER BY column_index";
    let kinds = pool.query(Some(&connection), kinds).await;
    assert_eq!(kinds.len(), COLUMNS.len());
    for (column, kind) in COLUMNS.iter().zip(&kinds) {
        if kind[1] != column.warehouse {
            faults.push(format!("{} became {} and not {}", column.kind, kind[1], column.warehouse));
        }
    }
    let texts: Vec<String> = (0..COLUMNS.len()).map(|place| format!("CAST(c{place} AS VARCHAR)")).collect();
    let sql = format!("SELECT {} FROM every_type ORDER BY id", texts.join(", "));
    let found = pool.query(Some(&connection), &sql).await;
    assert_eq!(found.len(), rows());
    for (place, column) in COLUMNS.iter().enumerate() {
        for (row, cells) in found.iter().enumerate() {
            let expected = column.values.get(row).map_or(Value::Null, |(_, text)| json!(text));
            if cells[place] != expected {
                faults.push(format!("{} {expected} became {}", column.kind, cells[place]));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // The change date is there, and is the same for the whole table.
    let dates = "SELECT count(DISTINCT _CELONIS_CHANGE_DATE) FROM every_type";
    assert_eq!(pool.value(Some(&connection), dates).await, "1");
}

#[tokio::test]
async fn values_reach_a_client_without_rounding() {
    let server = Server::start();
    let source = Source::new().await;
    source
        .execute(
            "CREATE TABLE v (a bigint, b numeric(38,10), c date, d timestamp, e double precision, f integer,
                 g boolean, h text);
             INSERT INTO v VALUES (9007199254740993, 1234567890123456789012345678.0123456789, '2024-02-29',
                 '2024-02-29 12:34:56.123456', 'NaN', -7, true, NULL);",
        )
        .await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Values", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "v"}])).await;
    job.run("FULL").await.succeeded();
    let found = pool.query(Some(&connection), "SELECT a, b, c, d, e, f, g, h FROM v").await;
    let expected = json!([
        "9007199254740993",
        "1234567890123456789012345678.0123456789",
        "2024-02-29",
        "2024-02-29T12:34:56.123456",
        "NaN",
        -7,
        true,
        null,
    ]);
    assert_eq!(json!(found), json!([expected]));
}

/// Tables of which one value, or the columns, cannot be kept: the name, how it is made, what is
/// added later, and what the message must name besides the table.
const REFUSED: &[(&str, &str, &str, &[&str])] = &[
    (
        "not_a_number",
        "CREATE TABLE not_a_number (id integer PRIMARY KEY, amount numeric(10,2)); INSERT INTO not_a_number VALUES (1, 1.5)",
        "INSERT INTO not_a_number VALUES (2, 'NaN')",
        &["amount", "NaN"],
    ),
    (
        "far_away",
        "CREATE TABLE far_away (id integer PRIMARY KEY, due_at timestamp); INSERT INTO far_away VALUES (1, '2024-01-01')",
        "INSERT INTO far_away VALUES (2, '294276-12-31 23:59:59')",
        &["due_at", "294276"],
    ),
    (
        "for_ever",
        "CREATE TABLE for_ever (id integer PRIMARY KEY, lasted interval); INSERT INTO for_ever VALUES (1, '1 day')",
        "INSERT INTO for_ever VALUES (2, '9000000 hours')",
        &["lasted", "32400000000000000"],
    ),
    (
        "twins",
        "CREATE TABLE twins (id integer PRIMARY KEY, name text); INSERT INTO twins VALUES (1, 'a')",
        "ALTER TABLE twins ADD COLUMN \"NAME\" text",
        &["name", "NAME"],
    ),
    (
        "dated",
        "CREATE TABLE dated (id integer PRIMARY KEY, name text); INSERT INTO dated VALUES (1, 'a')",
        "ALTER TABLE dated ADD COLUMN _celonis_change_date timestamp",
        &["_celonis_change_date"],
    ),
];

async fn extract_refused(job: &Job) {
    let names = REFUSED.iter().map(|(name, ..)| *name).chain(["good"]);
    let tables: Vec<Value> = names.map(|name| json!({"tableName": name})).collect();
    job.extraction(&json!(tables)).await;
}

#[tokio::test]
async fn a_value_that_cannot_be_kept_fails_its_table_alone_and_is_named() {
    let server = Server::start();
    let source = Source::new().await;
    source.execute("CREATE TABLE good (id integer PRIMARY KEY); INSERT INTO good VALUES (1)").await;
    for (_, create, ..) in REFUSED {
        source.execute(create).await;
    }
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Types", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    extract_refused(&job).await;
    let first = job.run("FULL").await.succeeded();

    for (_, _, break_it, _) in REFUSED {
        source.execute(break_it).await;
    }
    source.execute("INSERT INTO good VALUES (2)").await;
    let failed = job.run("FULL").await.ended("FAIL");
    let summary = failed.0["tasks"][0]["message"].as_str().unwrap();
    for (name, _, _, told) in REFUSED {
        let step = failed.step(name);
        assert_eq!(step["status"], "FAIL", "{step}");
        let message = step["message"].as_str().unwrap();
        for part in *told {
            assert!(message.contains(part), "{name}: {message:?} does not name {part}");
        }
        assert!(summary.contains(name), "{summary}");
        // What was there before is there still.
        let rows = pool.query(Some(&connection), &format!("SELECT id FROM {name}")).await;
        assert_eq!(json!(rows), json!([[1]]), "{name}");
    }
    assert_eq!(failed.step("good")["status"], "SUCCESS");
    assert_eq!(pool.value(Some(&connection), "SELECT count(*) FROM good").await, "2");

    // And the checkpoint is the old one.
    source.execute("DELETE FROM not_a_number WHERE id = 2; INSERT INTO not_a_number VALUES (3, 3)").await;
    let again = job.run("DELTA").await;
    let before = &again.receipt("not_a_number")["checkpointBefore"];
    assert_eq!(before, &first.receipt("not_a_number")["checkpointAfter"]);
    assert_eq!(pool.value(Some(&connection), "SELECT sum(id)::INTEGER FROM not_a_number").await, 4);
}
