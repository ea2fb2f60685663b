//! One version from the beginning to the end, and nothing left behind.

use std::sync::Arc;
use std::time::Duration;

use super::*;

/// What lies in the folders that exports use.
fn left(shop: &Shop) -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["exports", "temp"] {
        let Ok(entries) = fs::read_dir(shop.pool.dir.path().join(folder)) else { continue };
        names.extend(entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
    }
    names.retain(|name| !name.starts_with("duckdb_temp"));
    names
}

#[tokio::test]
async fn queries_are_checked_without_writing() {
    let shop = Shop::open().await;
    let check =
        async |query: &str| shop.pool.warehouse.export(shop.request(&[query], None), &Stop::never()).await;
    assert_eq!(check("TABLE(\"Orders\".\"id\")").await.unwrap(), None);
    let error = check("TABLE(\"Orders\".\n\"nothing\")").await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Invalid);
    assert!(error.message.starts_with("line 1, column 7: the table \"Orders\" has no column"), "{error}");
    let error = check("TABLE(SHORTENED(1))").await.unwrap_err();
    assert!(error.message.starts_with("line 1, column 7: there is no function SHORTENED"), "{error}");
    assert_eq!(left(&shop), [""; 0]);
}

#[tokio::test]
async fn a_model_that_was_never_loaded_says_so() {
    let mut shop = Shop::open().await;
    shop.model.model = DataModelId::random();
    assert_eq!(shop.refused("TABLE(1)").await, "the data model was never loaded; load it first");
}

#[tokio::test]
async fn a_version_without_its_relations_can_be_asked_table_by_table() {
    let shop = Shop::open().await;
    let model = shop.pool.dir.path().join("models").join(shop.model.model.to_string());
    let manifest = model.join(fs::read_to_string(model.join("current")).unwrap()).join("manifest.json");
    let mut told: serde_json::Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    told.as_object_mut().unwrap().remove("foreignKeys").unwrap();
    fs::write(&manifest, told.to_string()).unwrap();
    shop.is_answered("TABLE(COUNT(\"Orders\".\"id\"))", &["5"]).await;
    let message = shop.refused("TABLE(\"Orders\".\"id\", \"Lines\".\"n\")").await;
    assert!(message.contains("no common table") && message.contains("load it again"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn loads_meanwhile_tear_no_export() {
    let shop = Arc::new(Shop::open().await);
    // Each version has as many customers as each of them has of orders.
    let fill = |number: u64| {
        [
            format!(
                "CREATE OR REPLACE TABLE customers AS SELECT {number}::BIGINT AS id, 'x' AS name, true AS vip"
            ),
            format!(
                "CREATE OR REPLACE TABLE orders AS SELECT {number}::INTEGER AS id, '{number}' AS customer, \
                     DATE '2024-01-01' AS day, TIMESTAMP '2024-01-01' AS at, {number}::DECIMAL(10,2) AS amount"
            ),
        ]
    };
    let loads = tokio::spawn({
        let shop = Arc::clone(&shop);
        async move {
            for number in 0..30 {
                let sql = fill(number);
                shop.pool.execute(&[sql[0].as_str(), sql[1].as_str()]).await.unwrap();
                shop.publish().await;
            }
        }
    });
    let mut seen = 0;
    while !loads.is_finished() {
        let query = "TABLE(\"Orders\".\"id\", \"Customers\".\"id\" AS c, \"Orders\".\"amount\")";
        let lines = shop.answer(query).await.unwrap();
        if let [line] = lines.as_slice() {
            let parts: Vec<&str> = line.split(',').collect();
            assert!(parts[0] == parts[1] && parts[2] == format!("{}.0", parts[0]), "{line}");
            seen += 1;
        }
    }
    loads.await.unwrap();
    assert!(seen > 0, "no export was made while it was loaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_export_leaves_nothing_and_so_does_a_killed_worker() {
    let shop = Shop::open().await;
    shop.pool
        .execute(&["CREATE OR REPLACE TABLE alone AS SELECT range::DOUBLE AS f, md5(range::VARCHAR) AS t FROM range(3000000)"])
        .await
        .unwrap();
    shop.publish().await;
    let (handle, stop) = Stop::new();
    let files = ExportFiles { format: ExportFormat::Csv, most_bytes: 1024 * MIB };
    let request = shop.request(&["TABLE(\"Alone\".\"f\", \"Alone\".\"t\") ORDER BY \"t\""], Some(files));
    {
        let exporting = shop.pool.warehouse.export(request, &stop);
        tokio::pin!(exporting);
        tokio::select! {
            done = &mut exporting => panic!("{done:?} before it was stopped"),
            () = tokio::time::sleep(Duration::from_millis(30)) => {}
        }
        handle.request();
        assert_eq!(exporting.await.unwrap_err().kind, WarehouseErrorKind::Canceled);
    }
    assert_eq!(left(&shop), [""; 0]);
    let dir = shop.pool.dir.path();
    fs::create_dir_all(dir.join("exports/x")).unwrap();
    fs::write(dir.join("exports/x/0.csv"), "half").unwrap();
    fs::create_dir(dir.join("temp/export-x")).unwrap();
    fs::write(dir.join("temp/export-x/a.parquet"), "PAR1").unwrap();
    let Shop { pool, model } = shop;
    let shop = Shop { pool: pool.reopen(), model };
    assert_eq!(left(&shop), [""; 0]);
    shop.is_answered("TABLE(COUNT(\"Alone\".\"f\"))", &["3000000"]).await;
}
