//! Parquet files of pandas and pyarrow themselves, as they write them when nothing else is said. `scripts/pandas`
//! installs both; `python/frames.py` writes the files.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Push, failure};
use crate::pool::Pool;
use crate::server::Server;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/python/frames.py");

/// The files, in a folder of their own.
fn written() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder in `target`");
    let output = Command::new(target.join("pandas/bin/python")).arg(PROGRAM).arg(folder.path()).output();
    let output = output.expect("pandas: run scripts/pandas, which installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// Pushes one of the files, and deletes the push as clients do.
async fn push(pool: &Pool, files: &TempDir, name: &str, fields: &Value) -> Value {
    let file = std::fs::read(files.path().join(format!("{name}.parquet"))).unwrap();
    let push = Push::create(pool, fields).await;
    push.send("upserted", &file).await;
    let ended = push.run().await;
    push.delete().await;
    ended
}

/// The names of the table's columns, but for the change date.
async fn columns(pool: &Pool) -> Vec<String> {
    let listed = pool.client.get(&pool.path("/columns?tableName=TAB1")).await.ok();
    let names = listed.as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap().to_owned());
    let mut names: Vec<String> = names.collect();
    assert_eq!(names.pop().as_deref(), Some("_CELONIS_CHANGE_DATE"));
    names
}

/// The table's columns are these, and in each row they are of these types and have these values; `None` is NULL.
async fn has(pool: &Pool, expected: &[(&str, &str, &[Option<&str>])]) {
    let names: Vec<&str> = expected.iter().map(|(name, ..)| *name).collect();
    assert_eq!(columns(pool).await, names);
    for (name, data_type, values) in expected {
        let text =
            if *data_type == "BLOB" { format!("hex(\"{name}\")") } else { format!("\"{name}\"::VARCHAR") };
        let order = expected[0].0;
        let rows = format!("SELECT typeof(\"{name}\"), {text} FROM TAB1 ORDER BY \"{order}\"");
        let wanted: Vec<Value> = values.iter().map(|value| json!([data_type, value])).collect();
        assert_eq!(json!(pool.query(None, &rows).await), json!(wanted), "{name}");
    }
}

#[tokio::test]
async fn a_frame_is_kept_as_it_is_whatever_its_columns_are() {
    let (server, files) = (Server::start(), written());
    let pool = Pool::create(&server.admin()).await;
    Push::done(&push(&pool, &files, "frame", &json!({})).await);
    // The index of a new frame is no column.
    has(
        &pool,
        &[
            ("id", "BIGINT", &[Some("1"), Some("2")]),
            ("text", "VARCHAR", &[Some("ä"), None]),
            ("category", "VARCHAR", &[Some("x"), None]),
            ("grade", "BIGINT", &[Some("10"), Some("20")]),
            ("flag", "BOOLEAN", &[Some("true"), None]),
            ("whole", "BIGINT", &[Some("7"), None]),
            ("amount", "DOUBLE", &[Some("0.1"), None]),
            ("moment", "TIMESTAMP", &[Some("2024-02-29 12:34:56.123456"), None]),
            ("zoned", "TIMESTAMP", &[Some("2024-07-01 10:00:00"), None]),
            ("day", "DATE", &[Some("2024-02-29"), None]),
            ("clock", "TIME", &[Some("12:34:56.000001"), None]),
            ("price", "DECIMAL(5,2)", &[Some("-123.45"), None]),
            ("span", "BIGINT", &[Some("86400000000000"), None]),
            ("raw", "BLOB", &[Some("00FF"), None]),
            ("tags", "VARCHAR", &[Some("[\"a\",\"b\"]"), None]),
            ("nothing", "VARCHAR", &[None, None]),
        ],
    )
    .await;
}

#[tokio::test]
async fn timestamps_of_96_bits_are_those_of_the_frame() {
    let (server, files) = (Server::start(), written());
    let pool = Pool::create(&server.admin()).await;
    let merge = json!({"type": "DELTA", "keys": ["id"]});
    // The second time into the table that is there.
    for fields in [json!({}), merge] {
        Push::done(&push(&pool, &files, "int96", &fields).await);
        has(
            &pool,
            &[
                ("id", "BIGINT", &[Some("1"), Some("2")]),
                ("moment", "TIMESTAMP", &[Some("2024-02-29 12:34:56.123456"), None]),
                ("zoned", "TIMESTAMP", &[Some("2024-07-01 10:00:00"), None]),
                ("nothing", "VARCHAR", &[None, None]),
            ],
        )
        .await;
    }
    // What a frame can hold and a table cannot.
    let log = failure(&push(&pool, &files, "nanoseconds", &json!({})).await);
    assert!(log.contains("column \"moment\" (file 1 of 1, row 2)"), "{log}");
    assert!(log.contains("is finer than microseconds"), "{log}");
    assert_eq!(pool.value(None, "SELECT count(*) FROM TAB1").await, json!("2"), "what failed shows nothing");
}

#[tokio::test]
async fn an_index_that_a_frame_keeps_is_a_column_of_its_own_name() {
    let (server, files) = (Server::start(), written());
    let pool = Pool::create(&server.admin()).await;
    let index = "__index_level_0__";
    Push::done(&push(&pool, &files, "names", &json!({})).await);
    let ids: [Option<&str>; 2] = [Some("1"), Some("2")];
    has(&pool, &[("id", "BIGINT", &ids), (index, "VARCHAR", &[Some("x"), Some("y")])]).await;
    Push::done(&push(&pool, &files, "chosen", &json!({})).await);
    let ids: [Option<&str>; 2] = [Some("1"), Some("3")];
    has(&pool, &[("id", "BIGINT", &ids), (index, "BIGINT", &[Some("0"), Some("2")])]).await;
}

#[tokio::test]
async fn a_frame_without_rows_makes_a_table_without_rows() {
    let (server, files) = (Server::start(), written());
    let pool = Pool::create(&server.admin()).await;
    Push::done(&push(&pool, &files, "empty", &json!({})).await);
    assert_eq!(columns(&pool).await, ["id", "text"]);
    assert_eq!(pool.value(None, "SELECT count(*) FROM TAB1").await, json!("0"));
}

#[tokio::test]
async fn every_type_of_arrow_is_kept_as_the_documentation_has_it() {
    let (server, files) = (Server::start(), written());
    let pool = Pool::create(&server.admin()).await;
    Push::done(&push(&pool, &files, "pyarrow", &json!({})).await);
    has(
        &pool,
        &[
            ("int8", "TINYINT", &[Some("-8")]),
            ("int16", "SMALLINT", &[Some("-16")]),
            ("uint8", "UTINYINT", &[Some("8")]),
            ("uint16", "USMALLINT", &[Some("16")]),
            ("uint32", "UINTEGER", &[Some("4294967295")]),
            ("uint64", "UBIGINT", &[Some("18446744073709551615")]),
            ("half", "FLOAT", &[Some("0.5")]),
            ("float", "FLOAT", &[Some("0.5")]),
            ("dictionary", "VARCHAR", &[Some("x")]),
            ("large", "VARCHAR", &[Some("y")]),
            ("fixed", "BLOB", &[Some("0102")]),
            ("seconds", "TIMESTAMP", &[Some("2024-02-29 12:00:00")]),
            ("millis", "TIMESTAMP", &[Some("2024-02-29 12:00:00")]),
            ("nanos", "TIMESTAMP", &[Some("2024-02-29 12:00:00")]),
            ("date64", "DATE", &[Some("2024-02-29")]),
            ("time32", "TIME", &[Some("12:00:00")]),
            ("time64", "TIME", &[Some("12:00:00")]),
            ("wide", "DECIMAL(38,2)", &[Some("1.25")]),
            ("list", "VARCHAR", &[Some("[1,null]")]),
            ("struct", "VARCHAR", &[Some("{\"a\":1,\"b\":\"x\"}")]),
            ("null", "VARCHAR", &[None]),
        ],
    )
    .await;
}
