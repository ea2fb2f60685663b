//! A copy that is made while loads run is a pool of one moment.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, Int64Array};
use forebay_core::conformance::warehouse::Versions;
use forebay_core::id::{DataModelId, ModelTableId};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    Publication, PublishedTable, Refresh, Warehouse, WarehouseErrorKind, WriteMode,
};

use super::conformance::Folder;
use super::{Pool, batch, checkpoint, claim, identifier, merge, open, spec, table};

const ROWS: i64 = 30_000;

/// Writes its number into every row it touches, and into the checkpoint.
async fn rounds(warehouse: Arc<crate::DuckDb>, ended: Arc<AtomicBool>) {
    for round in 1_i64.. {
        if ended.load(Ordering::SeqCst) {
            return;
        }
        let mode = if round % 3 == 1 { WriteMode::Replace } else { merge(&["id"]) };
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ROWS).map(|_| round)));
        let rows = batch(vec![("id", keys), ("round", numbers)]);
        let mut load = warehouse.begin_load(spec("t", mode, rows.schema())).await.unwrap();
        for part in 0..3 {
            load.append(rows.slice(part * ROWS as usize / 3, ROWS as usize / 3)).await.unwrap();
        }
        load.commit(ROWS as u64, &checkpoint(&round.to_string()), &Stop::never()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_under_load_is_a_pool_of_one_moment() {
    let pool = Pool::new();
    let rows = batch(vec![("id", Arc::new(Int64Array::from_iter_values(0..5)) as ArrayRef)]);
    pool.load("published", WriteMode::Replace, &rows).await.unwrap();
    let model = Publication {
        claim: claim(),
        model: DataModelId::random(),
        tables: vec![PublishedTable {
            id: ModelTableId::random(),
            table: table("published"),
            alias: identifier("Published"),
            primary_key: Vec::new(),
            refresh: Refresh::Anew,
        }],
        foreign_keys: Vec::new(),
        versions_kept: 2,
    };
    pool.warehouse.publish(model.clone(), &Stop::never()).await.unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let loading = tokio::spawn(rounds(Arc::clone(&pool.warehouse), Arc::clone(&ended)));
    let mut last = 0;
    for number in 0..6 {
        // Each copy is of another round.
        let mut tries = 0;
        while pool
            .warehouse
            .checkpoint(&table("t"))
            .await
            .unwrap()
            .is_none_or(|found| found.position.parse::<i64>().unwrap() <= last + i64::from(number % 2))
        {
            tries += 1;
            assert!(tries < 6000, "the loads do not go on");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let copy = tempfile::tempdir_in(pool.dir.path()).unwrap();
        pool.warehouse.backup(copy.path(), &Stop::never()).await.unwrap();
        assert!(!copy.path().join("pool.duckdb.wal").exists(), "the log is in the file");
        let folder = Folder(copy.path().join("models"));
        assert_eq!(folder.current(model.model).await.unwrap()[0].1.len(), 5);
        let warehouse = open(copy.path()).unwrap();
        assert_eq!(crate::damages(copy.path()).unwrap(), []);
        let copied = Pool { warehouse, dir: copy };
        let point = copied.warehouse.checkpoint(&table("t")).await.unwrap().unwrap();
        let found = copied.text("SELECT min(round), max(round), count(*), count(DISTINCT id) FROM t").await;
        assert_eq!(found, [format!("{0}|{0}|{ROWS}|{ROWS}", point.position)]);
        let claims = copied.own("SELECT number FROM _forebay.claims").await;
        assert_eq!(claims, ["1"]);
        let left = copied.own("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%staging%'").await;
        assert_eq!(left, ["0"], "staging tables are left");
        last = point.position.parse().unwrap();
    }
    ended.store(true, Ordering::SeqCst);
    loading.await.unwrap();
    assert_eq!(pool.text("SELECT count(*) FROM t").await, [ROWS.to_string()]);
}

#[tokio::test]
async fn a_copy_leaves_the_pools_lock_and_its_rows_alone() {
    let pool = Pool::new();
    pool.execute(&["CREATE TABLE t AS SELECT range AS a FROM range(1000)"]).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    pool.warehouse.backup(&copy.path().join("made"), &Stop::never()).await.unwrap();
    // Read by the kernel, since a lock of the own process stands in nobody's way.
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let inode =
        std::os::unix::fs::MetadataExt::ino(&fs::metadata(pool.dir.path().join("pool.duckdb")).unwrap());
    if !locks.is_empty() {
        let held = locks.lines().any(|line| line.contains("POSIX") && line.contains(&format!(":{inode} ")));
        assert!(held, "the engine's lock is gone:\n{locks}");
    }
    pool.execute(&["INSERT INTO t SELECT 1000"]).await.unwrap();
    let pool = pool.reopen();
    assert_eq!(pool.text("SELECT count(*) FROM t").await, ["1001"]);
    let copied = open(&copy.path().join("made")).unwrap();
    let copied = Pool { warehouse: copied, dir: copy };
    assert_eq!(copied.text("SELECT count(*) FROM t").await, ["1000"]);
}

#[tokio::test]
async fn a_copy_is_made_into_an_empty_folder_only_and_ends_when_asked_to() {
    let pool = Pool::new();
    let copy = tempfile::tempdir().unwrap();
    fs::write(copy.path().join("precious"), "x").unwrap();
    let error = pool.warehouse.backup(copy.path(), &Stop::never()).await.unwrap_err();
    assert!(error.message.contains("not empty"), "{error}");
    assert_eq!(fs::read_to_string(copy.path().join("precious")).unwrap(), "x");
    let (handle, stop) = Stop::new();
    handle.request();
    let error = pool.warehouse.backup(&copy.path().join("new"), &stop).await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Canceled);
}
