//! A published data model as its readers see it: the files of the version that `current` names.

use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::oracle::{Rows, rows};

/// The rows of the one table `things` of a model, as `Generated::LINE` has them.
pub(crate) fn lines(model: &Path) -> Rows {
    let current = std::fs::read_to_string(model.join("current")).expect("a current version");
    let version = model.join(current.trim());
    let manifest = std::fs::read(version.join("manifest.json")).expect("the version's manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("a manifest in JSON");
    let table = &manifest["tables"][0];
    let file =
        File::open(version.join(table["file"].as_str().expect("a file's name"))).expect("the table's file");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file").build();
    let mut found = Vec::new();
    for batch in reader.expect("a reader") {
        let batch = batch.expect("a whole file");
        let column = |name: &str| batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
        let ids = column("id").as_primitive::<Int64Type>();
        let generations = column("generation").as_primitive::<Int32Type>();
        let payloads = column("payload").as_string::<i32>();
        for row in 0..batch.num_rows() {
            assert!(!ids.is_null(row), "a key");
            found.push(format!("{}|{}|{}", ids.value(row), generations.value(row), payloads.value(row)));
        }
    }
    assert_eq!(table["rows"], found.len(), "the manifest counts the rows");
    rows(found)
}
