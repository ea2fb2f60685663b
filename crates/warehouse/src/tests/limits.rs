//! What the engine may use, who may open a file, and how it comes back.

use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Query, Warehouse, WarehouseErrorKind, WriteMode};

use super::{Pool, batch, checkpoint, identifier, limits, merge, open, schema, spec, table};
use crate::{DuckDb, Limits};

#[tokio::test]
async fn the_engine_keeps_to_its_limits() {
    let pool = Pool::new();
    let read = |setting: &str| format!("SELECT current_setting('{setting}')::VARCHAR");
    assert_eq!(pool.own(&read("threads")).await, ["2"]);
    assert_eq!(pool.own(&read("memory_limit")).await, ["512.0 MiB"]);
    assert_eq!(pool.own(&read("max_temp_directory_size")).await, ["1.0 GiB"]);
    let temp = pool.own(&read("temp_directory")).await;
    assert!(temp[0].starts_with(pool.dir.path().to_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_has_little_memory_while_rows_flow_and_all_of_it_for_whoever_asks() {
    let pool = Pool::new();
    let limit = "SELECT current_setting('memory_limit')::VARCHAR";
    let rows = batch(vec![("k", Arc::new(Int64Array::from_iter_values(0..130_000)) as ArrayRef)]);
    let mut load = pool.warehouse.begin_load(spec("t", WriteMode::Replace, rows.schema())).await.unwrap();
    load.append(rows.clone()).await.unwrap();
    assert_eq!(pool.own(limit).await, ["56.0 MiB"]);
    let asking = pool.warehouse.test_session().await.instance().unwrap().memory.ask().unwrap();
    assert_eq!(pool.own(limit).await, ["512.0 MiB"]);
    let mut other = pool.warehouse.begin_load(spec("u", WriteMode::Replace, rows.schema())).await.unwrap();
    other.append(rows.clone()).await.unwrap();
    assert_eq!(pool.own(limit).await, ["512.0 MiB"], "somebody asks");
    drop((asking, other));
    load.commit(130_000, &checkpoint("x"), &Stop::never()).await.unwrap();
    assert_eq!(pool.text("SELECT count(*) FROM t").await, ["130000"]);
    assert_eq!(pool.own(limit).await, ["512.0 MiB"]);
}

/// A row group of long texts is larger than the memory that rows have while they flow.
#[tokio::test(flavor = "multi_thread")]
async fn long_texts_flow_with_little_memory() {
    let pool = Pool::new();
    let text = |row: usize| format!("{row:08}").repeat(8192);
    let rows = |from: usize| {
        let texts = StringArray::from_iter_values((from..from + 256).map(text));
        batch(vec![("text", Arc::new(texts) as ArrayRef)])
    };
    let mut load = pool.warehouse.begin_load(spec("t", WriteMode::Replace, rows(0).schema())).await.unwrap();
    for from in (0..4096).step_by(256) {
        load.append(rows(from)).await.unwrap();
    }
    load.commit(4096, &checkpoint("x"), &Stop::never()).await.unwrap();
    let found = "SELECT count(DISTINCT text) || ' ' || sum(length(text)) FROM t";
    assert_eq!(pool.text(found).await, ["4096 268435456"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_too_long_for_memory_is_refused_before_it_ends_the_process() {
    let pool = Pool::new();
    let rows = |length: usize| {
        let texts =
            StringArray::from_iter_values(["x".repeat(length), "short".to_owned(), "y".repeat(length)]);
        batch(vec![("text", Arc::new(texts) as ArrayRef)])
    };
    let longest = 64 << 20;
    let new = || pool.warehouse.begin_load(spec("t", WriteMode::Replace, rows(1).schema()));
    let mut load = new().await.unwrap();
    load.append(rows(longest)).await.unwrap();
    load.commit(3, &checkpoint("x"), &Stop::never()).await.unwrap();
    let error = new().await.unwrap().append(rows(longest + 1)).await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Invalid);
    let expected = "t.text: a value of 67108865 bytes is too long, 67108864 bytes fit into the pool's memory";
    assert!(error.message.starts_with(expected), "{error}");
    assert_eq!(pool.text("SELECT count(*) FROM t").await, ["3"]);
}

#[tokio::test]
async fn too_little_memory_is_said_and_survived() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { threads: 1, memory_bytes: 24 * 1024 * 1024, ..limits() };
    let warehouse = DuckDb::open(dir.path(), &identifier("global"), limits).unwrap();
    let pool = Pool { warehouse, dir };
    // One value that cannot be moved out of memory.
    let error =
        pool.query("SELECT length(string_agg(repeat('x', 1000000), '')) FROM range(200)").await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("out of memory: the limit of the engine is 24 MiB"), "{error}");
    assert_eq!(pool.text("SELECT 1").await, ["1"]);
}

#[test]
fn a_folder_for_temporary_files_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("temp"), "in the way").unwrap();
    let error = open(dir.path()).err().expect("it cannot be opened");
    assert_eq!(error.kind, WarehouseErrorKind::Unavailable);
    assert!(error.message.contains("temp in the pool's folder, cannot be written"), "{error}");
    std::fs::remove_file(dir.path().join("temp")).unwrap();
    assert!(open(dir.path()).is_ok(), "it heals without a restart");
}

#[tokio::test]
async fn an_answer_that_is_too_large_for_memory_is_cut() {
    let pool = Pool::new();
    let sql = "SELECT repeat('x', 100000) FROM range(20000)".to_owned();
    let query = Query { sql, schemas: vec![schema()], limit: 1_000_000 };
    let mut session = pool.warehouse.test_session().await;
    let rows = session
        .run(&Stop::never(), move |connection, halt| crate::query::run(connection, halt, &query, 300_000_000))
        .await
        .unwrap();
    assert!(rows.truncated);
    let bytes: usize = rows.batches.iter().map(|batch| batch.get_array_memory_size()).sum();
    assert!(bytes <= 300_000_000 && bytes > 0, "{bytes}");
}

/// Set in the child process of the test below.
const POOL: &str = "FOREBAY_TEST_LOCKED_POOL";

#[tokio::test]
async fn a_second_open_is_refused_in_one_process_and_in_two() {
    if let Ok(dir) = std::env::var(POOL) {
        let error = open(std::path::Path::new(&dir)).err().expect("the file is locked");
        println!("refused: {:?}: {error}", error.kind);
        return;
    }
    let pool = Pool::new();
    let error = open(pool.dir.path()).err().unwrap();
    assert_eq!(error.kind, WarehouseErrorKind::Unavailable);
    assert!(error.message.contains("already open in this process"), "{error}");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "tests::limits::a_second_open_is_refused_in_one_process_and_in_two"])
        .env(POOL, pool.dir.path())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(said.contains("refused: Unavailable: the pool's file is in use by another process"), "{said}");
    assert!(!said.contains("pool.duckdb"), "{said}");
    let pool = pool.reopen();
    assert_eq!(pool.text("SELECT 1").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_stopped_is_opened_again_when_nothing_runs_on_it() {
    let pool = Pool::new();
    let rows = batch(vec![("k", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    pool.load("t", WriteMode::Replace, &rows).await.unwrap();
    let load = pool.warehouse.begin_load(spec("t", merge(&["k"]), rows.schema())).await.unwrap();
    pool.warehouse.test_stop_engine().await;
    let error = pool.query("SELECT 1").await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Unavailable);
    drop(load);
    // The dropped load is rolled back on another thread.
    let mut tries = 0;
    while pool.query("SELECT k FROM t").await.is_err() {
        tries += 1;
        assert!(tries < 6000, "the engine is not opened again");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(pool.text("SELECT k FROM t").await, ["1"]);
    assert_eq!(pool.warehouse.checkpoint(&table("t")).await.unwrap(), Some(checkpoint("x")));
    assert!(
        pool.query("SELECT * FROM read_text('/etc/hostname')").await.is_err(),
        "it is confined as before"
    );
}

#[tokio::test]
async fn what_a_stopped_server_left_is_removed() {
    let pool = Pool::new();
    pool.own("CREATE SCHEMA connection").await;
    pool.own("CREATE TABLE connection._forebay_staging_1 AS SELECT 1 AS a").await;
    pool.own("CREATE TABLE _forebay._forebay_staging_2 AS SELECT 1 AS a").await;
    std::fs::write(pool.dir.path().join("temp/duckdb_temp_storage-0.tmp"), "x").unwrap();
    let pool = pool.reopen();
    assert_eq!(
        pool.own("SELECT table_name FROM duckdb_tables() ORDER BY 1").await,
        ["checkpoints", "claims", "patches"]
    );
    assert_eq!(std::fs::read_dir(pool.dir.path().join("temp")).unwrap().count(), 0);
}

#[tokio::test]
async fn odd_names_are_names() {
    let pool = Pool::new();
    let rows = batch(vec![
        ("a \"b\"; DROP TABLE t; --", Arc::new(StringArray::from(vec!["x"])) as ArrayRef),
        ("select", Arc::new(StringArray::from(vec!["y"]))),
        ("ünï.cödé", Arc::new(StringArray::from(vec!["z"]))),
    ]);
    let name = "it's a \"table\"; --.x";
    for mode in [WriteMode::Replace, merge(&["a \"b\"; DROP TABLE t; --", "select"]), WriteMode::Append] {
        pool.load(name, mode, &rows).await.unwrap();
    }
    let listed = pool.warehouse.tables().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].table, table(name));
    assert_eq!(listed[0].columns[2].name, identifier("ünï.cödé"));
    assert_eq!(pool.warehouse.checkpoint(&table(name)).await.unwrap(), Some(checkpoint("x")));
}

#[tokio::test]
async fn a_view_whose_table_is_gone_does_not_hide_the_other_tables() {
    let pool = Pool::new();
    pool.execute(&["CREATE TABLE t AS SELECT 1 AS a", "CREATE VIEW v AS SELECT a FROM t"]).await.unwrap();
    pool.execute(&["CREATE TABLE u AS SELECT 1 AS a", "DROP TABLE t"]).await.unwrap();
    let listed = pool.warehouse.tables().await.unwrap();
    let names: Vec<_> = listed.iter().map(|table| table.table.name.to_string()).collect();
    assert_eq!(names, ["u", "v"]);
}
