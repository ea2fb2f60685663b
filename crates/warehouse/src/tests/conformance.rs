//! DuckDB does what every warehouse must do.

use std::fs::{self, File};
use std::path::PathBuf;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use forebay_core::conformance::warehouse::{BySql, Versions, loads, patches, publishing, statements};
use forebay_core::id::DataModelId;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Pool, schema};

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_loaded_as_every_warehouse_must() {
    let pool = Pool::new();
    loads(&*pool.warehouse, &BySql(&*pool.warehouse), &schema()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_rows_are_patched_as_every_warehouse_must() {
    let pool = Pool::new();
    patches(&*pool.warehouse, &BySql(&*pool.warehouse), &schema()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_is_executed_as_every_warehouse_must() {
    let pool = Pool::new();
    statements(&*pool.warehouse, &schema()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_published_as_every_warehouse_must() {
    let pool = Pool::new();
    let folder = Folder(pool.dir.path().join("models"));
    publishing(&*pool.warehouse, &folder, &schema()).await;
}

/// Reads published models as their readers do.
pub(super) struct Folder(pub(super) PathBuf);

#[async_trait]
impl Versions for Folder {
    async fn current(&self, model: DataModelId) -> Option<Vec<(String, Vec<Option<i64>>)>> {
        let model = self.0.join(model.to_string());
        let version = model.join(fs::read_to_string(model.join("current")).ok()?);
        let manifest = fs::read_to_string(version.join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let tables = manifest["tables"].as_array().unwrap().iter().map(|table| {
            let file = File::open(version.join(table["file"].as_str().unwrap())).unwrap();
            let mut ids = Vec::new();
            for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
                let batch = batch.unwrap();
                let column = batch.column_by_name("id").unwrap().as_primitive::<Int64Type>();
                ids.extend((0..column.len()).map(|row| column.is_valid(row).then(|| column.value(row))));
            }
            ids.sort();
            assert_eq!(table["rows"].as_u64(), Some(ids.len() as u64));
            (table["alias"].as_str().unwrap().to_owned(), ids)
        });
        Some(tables.collect())
    }
}
