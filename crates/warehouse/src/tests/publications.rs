//! Published models as their readers find them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, TimeUnit};
use forebay_core::id::{DataModelId, ForeignKeyId, ModelTableId};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    Publication, PublicationReport, PublishedTable, Refresh, Warehouse, WarehouseErrorKind,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Pool, claim, identifier, lines, table};

fn model(name: &str) -> Publication {
    let tables = vec![PublishedTable {
        id: ModelTableId::random(),
        table: table(name),
        alias: identifier(name),
        primary_key: Vec::new(),
        refresh: Refresh::Anew,
    }];
    Publication {
        claim: claim(),
        model: DataModelId::random(),
        tables,
        foreign_keys: Vec::new(),
        versions_kept: 2,
    }
}

impl Pool {
    fn model_dir(&self, model: &Publication) -> PathBuf {
        self.dir.path().join("models").join(model.model.to_string())
    }

    async fn publish(&self, model: &Publication) -> PublicationReport {
        self.warehouse.publish(model.clone(), &Stop::never()).await.unwrap()
    }

    /// The first table of the current version.
    fn published(&self, model: &Publication) -> RecordBatch {
        let dir = self.model_dir(model);
        let version = fs::read_to_string(dir.join("current")).unwrap();
        let file = File::open(dir.join(version).join(format!("{}.parquet", model.tables[0].id))).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let schema = Arc::clone(reader.schema());
        let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        concat_batches(&schema, &batches).unwrap()
    }
}

#[tokio::test]
async fn every_type_is_published_as_one_that_readers_know() {
    let pool = Pool::new();
    pool.execute(&[
        "CREATE TYPE mood AS ENUM ('good', 'bad')",
        "CREATE TABLE t AS SELECT true AS bool, 1::TINYINT AS tiny, 2::BIGINT AS big, 18446744073709551615::UBIGINT AS ubig, \
         (10::HUGEINT ** 20)::HUGEINT AS huge, 1.5::FLOAT AS single, 2.5::DOUBLE AS double, 1.23::DECIMAL(10,2) AS dec, \
         'x' AS text, '\\x00'::BLOB AS bytes, DATE '2024-02-29' AS day, TIME '12:34:56.789' AS moment, \
         TIMESTAMP '2024-02-29 12:00:00.000001' AS stamp, TIMESTAMPTZ '2024-02-29 12:00:00+02' AS zoned, \
         INTERVAL '1 month 2 days' AS span, '00000000-0000-0000-0000-000000000001'::UUID AS id, 'good'::mood AS mood, \
         [1, 2] AS list, {'a': 1} AS struct, MAP {'k': 1} AS map, '101'::BIT AS bits, NULL AS nothing, \
         '{\"a\": 1}'::JSON AS json",
    ])
    .await
    .unwrap();
    let model = model("t");
    assert_eq!(pool.publish(&model).await.rows, [1]);
    let found = pool.published(&model);
    let kind = |name: &str| found.schema().field_with_name(name).unwrap().data_type().clone();
    for (name, expected) in [
        ("bool", DataType::Boolean),
        ("tiny", DataType::Int8),
        ("big", DataType::Int64),
        ("ubig", DataType::UInt64),
        ("huge", DataType::Decimal128(38, 0)),
        ("single", DataType::Float32),
        ("double", DataType::Float64),
        ("dec", DataType::Decimal128(10, 2)),
        ("text", DataType::Utf8),
        ("bytes", DataType::Binary),
        ("day", DataType::Date32),
        ("moment", DataType::Time64(TimeUnit::Microsecond)),
        ("stamp", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("zoned", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("span", DataType::Utf8),
        ("id", DataType::Utf8),
        ("mood", DataType::Utf8),
        ("list", DataType::Utf8),
        ("json", DataType::Utf8),
    ] {
        assert_eq!(kind(name), expected, "{name}");
    }
    let line = lines(&found).remove(0);
    for value in ["100000000000000000000", "1.23", "2024-02-29T10:00:00", "1 month 2 days", "good", "[1, 2]"]
    {
        assert!(line.contains(value), "{value}: {line}");
    }
}

#[tokio::test]
async fn many_rows_are_published_and_views_too() {
    let pool = Pool::new();
    pool.execute(&[
        "CREATE TABLE t AS SELECT range AS a, repeat('x', 20) AS b FROM range(700000)",
        "CREATE VIEW v AS SELECT a FROM t WHERE a % 2 = 0",
    ])
    .await
    .unwrap();
    for (name, rows) in [("t", 700_000), ("v", 350_000)] {
        let model = model(name);
        assert_eq!(pool.publish(&model).await.rows, [rows]);
        assert_eq!(pool.published(&model).num_rows() as u64, rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tables_are_of_one_moment() {
    let pool = Pool::new();
    pool.execute(&["CREATE TABLE a AS SELECT 0 AS n", "CREATE TABLE b AS SELECT 0 AS n"]).await.unwrap();
    let mut model = model("a");
    model.tables.push(PublishedTable {
        id: ModelTableId::random(),
        table: table("b"),
        ..model.tables[0].clone()
    });
    let changes = async {
        for _ in 0..40 {
            pool.execute(&["UPDATE a SET n = n + 1", "UPDATE b SET n = n + 1"]).await.unwrap();
        }
    };
    let publications = async {
        for _ in 0..20 {
            pool.publish(&model).await;
            let first = lines(&pool.published(&model));
            let mut second = model.clone();
            second.tables.swap(0, 1);
            assert_eq!(first, lines(&pool.published(&second)));
        }
    };
    futures::join!(changes, publications);
}

#[tokio::test]
async fn a_crash_between_any_two_steps_is_mended() {
    let pool = Pool::new();
    pool.execute(&["CREATE TABLE t AS SELECT 1 AS a"]).await.unwrap();
    let model = model("t");
    pool.publish(&model).await;
    let dir = pool.model_dir(&model);
    // Killed while it wrote, after the rename, and after the next name was written.
    fs::create_dir(dir.join(".unfinished-2")).unwrap();
    fs::write(dir.join(".unfinished-2/half.parquet"), "PAR1").unwrap();
    fs::create_dir(dir.join("2")).unwrap();
    fs::write(dir.join("2/half.parquet"), "PAR1").unwrap();
    fs::write(dir.join("current.next"), "2").unwrap();
    let pool = pool.reopen();
    assert!(!dir.join(".unfinished-2").exists());
    assert_eq!(lines(&pool.published(&model)), ["1"], "readers still have the old version");
    pool.execute(&["UPDATE t SET a = 2"]).await.unwrap();
    pool.publish(&model).await;
    assert_eq!(lines(&pool.published(&model)), ["2"]);
    assert_eq!(fs::read_to_string(dir.join("current")).unwrap(), "3", "a number is not used twice");
    // A folder that is in the way is no obstacle either.
    fs::create_dir(dir.join(".unfinished-4")).unwrap();
    pool.publish(&model).await;
    assert_eq!(fs::read_to_string(dir.join("current")).unwrap(), "4");
    let mut left: Vec<_> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["3", "4", "current"]);
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_named_and_changes_nothing() {
    let pool = Pool::new();
    pool.execute(&["CREATE TABLE t AS SELECT 'x' AS a", "CREATE VIEW v AS SELECT a::INTEGER AS a FROM t"])
        .await
        .unwrap();
    let broken = model("v");
    let error = pool.warehouse.publish(broken.clone(), &Stop::never()).await.unwrap_err();
    assert!(error.message.starts_with("v: Conversion Error"), "{error}");
    assert_eq!(fs::read_dir(pool.model_dir(&broken)).unwrap().count(), 0);
}

#[tokio::test]
async fn relations_of_columns_of_unlike_types_are_compared_as_text() {
    let pool = Pool::new();
    pool.execute(&[
        "CREATE TABLE heads AS SELECT 1 AS id",
        "CREATE TABLE lines AS SELECT * FROM (VALUES ('1'), ('x')) v(head)",
    ])
    .await
    .unwrap();
    let mut model = model("heads");
    let lines = PublishedTable {
        id: ModelTableId::random(),
        table: table("lines"),
        alias: identifier("lines"),
        ..model.tables[0].clone()
    };
    model.foreign_keys.push(forebay_core::model::ForeignKey {
        id: ForeignKeyId::random(),
        source: model.tables[0].id,
        target: lines.id,
        columns: vec![(identifier("id"), identifier("head"))],
    });
    model.tables.push(lines);
    assert_eq!(pool.publish(&model).await.warnings, ["lines: 1 rows have no row in heads"]);
}

#[tokio::test]
async fn as_many_versions_are_kept_as_are_asked_for() {
    let pool = Pool::new();
    pool.execute(&["CREATE TABLE v AS SELECT 1 AS a"]).await.unwrap();
    let mut model = model("v");
    let kept = |model: &Publication| {
        let names = fs::read_dir(pool.model_dir(model)).unwrap();
        let mut kept: Vec<u64> =
            names.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).collect();
        kept.sort_unstable();
        kept
    };
    model.versions_kept = 3;
    for _ in 0..5 {
        pool.publish(&model).await;
    }
    assert_eq!(kept(&model), [3, 4, 5]);
    model.versions_kept = 1;
    pool.publish(&model).await;
    assert_eq!(kept(&model), [6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_waits_for_another_one_of_its_model_listens_to_its_stop() {
    let pool = Pool::new();
    pool.execute(&[
        "CREATE VIEW endless AS SELECT max(hash(a.range, b.range)) AS x FROM range(1000000) a, range(1000000) b",
    ])
    .await
    .unwrap();
    let model = model("endless");
    let publish = |stop: Stop| {
        let (warehouse, model) = (Arc::clone(&pool.warehouse), model.clone());
        tokio::spawn(async move { warehouse.publish(model, &stop).await })
    };
    let (first_handle, first_stop) = Stop::new();
    let first = publish(first_stop);
    let begun = std::time::Instant::now();
    while !pool.model_dir(&model).join(".unfinished-1").exists() {
        assert!(begun.elapsed().as_secs() < 30, "the first publication does not begin");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let (second_handle, second_stop) = Stop::new();
    let second = publish(second_stop);
    second_handle.request();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(5), second).await;
    let error = ended.expect("the second one does not wait for the first").unwrap().unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Canceled);
    assert!(!first.is_finished());
    first_handle.request();
    assert_eq!(first.await.unwrap().unwrap_err().kind, WarehouseErrorKind::Canceled);
}
