//! Data pushes: files into a table, by every rule of what becomes of their columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, new_null_array,
};
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use forebay_core::event::Outcome;
use forebay_core::execution::{ExtractionMode, Status};
use forebay_core::id::{PushChunkId, PushJobId};
use forebay_core::pool::global_schema;
use forebay_core::push::{
    ChunkKind, ColumnKind, CsvColumnOptions, CsvOptions, FileFormat, PushColumn, PushKind, PushSchema,
    PushSettings, UpsertStrategy,
};
use forebay_core::source::{PushedFiles, SourceError};
use forebay_core::spec::{ChunkSpec, DataPushSpec, ExecutionSpec, Work};
use forebay_core::warehouse::WarehouseTable;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::house::{House, Told, batch, identifier, identifiers};
use super::warehouse::Trouble;

/// Files that are batches already.
#[derive(Clone, Default)]
pub(super) struct FakePush(pub(super) Vec<RecordBatch>);

#[async_trait]
impl PushedFiles for FakePush {
    async fn columns(&self, chunk: usize) -> Result<SchemaRef, SourceError> {
        Ok(self.0[chunk].schema())
    }

    async fn rows(
        &self,
        chunk: usize,
    ) -> Result<BoxStream<'static, Result<RecordBatch, SourceError>>, SourceError> {
        // A batch for each row: where a row stands is counted across them.
        let rows = &self.0[chunk];
        let slices: Vec<_> = (0..rows.num_rows()).map(|row| Ok(rows.slice(row, 1))).collect();
        Ok(stream::iter(slices).boxed())
    }
}

fn whole(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn settings(kind: PushKind, keys: &[&str]) -> PushSettings {
    PushSettings { keys: identifiers(keys), ..PushSettings::new(identifier("T"), kind) }
}

fn column(name: &str, kind: ColumnKind, length: Option<u32>) -> PushColumn {
    PushColumn { name: identifier(name), kind, length, decimals: None, is_key: None }
}

fn with_schema(settings: PushSettings, columns: Vec<PushColumn>) -> PushSettings {
    PushSettings { table_schema: Some(PushSchema { table_name: None, columns }), ..settings }
}

impl House {
    fn push_spec(&self, settings: PushSettings, kinds: &[ChunkKind]) -> ExecutionSpec {
        let mode = settings.kind.mode();
        let push = DataPushSpec {
            push_id: PushJobId::random(),
            text_length: settings.text_length.unwrap_or(80),
            settings,
            chunks: kinds.iter().map(|kind| ChunkSpec { id: PushChunkId::random(), kind: *kind }).collect(),
            order: None,
            done: Vec::new(),
        };
        self.spec(mode, vec![self.task("Push", Work::DataPush(Box::new(push)))])
    }

    /// Pushes files whose rows come.
    async fn push(&mut self, settings: PushSettings, files: Vec<RecordBatch>) -> Told {
        let kinds = vec![ChunkKind::Upsert; files.len()];
        self.push_kinds(settings, files.into_iter().zip(kinds).collect()).await
    }

    async fn push_kinds(&mut self, settings: PushSettings, files: Vec<(RecordBatch, ChunkKind)>) -> Told {
        let kinds: Vec<ChunkKind> = files.iter().map(|file| file.1).collect();
        self.pushed = FakePush(files.into_iter().map(|file| file.0).collect());
        self.run_spec(self.push_spec(settings, &kinds)).await
    }

    fn pushed_table(&self, name: &str) -> WarehouseTable {
        WarehouseTable { schema: global_schema(self.pool), name: identifier(name) }
    }

    /// Columns with their types, then the rows.
    fn shown(&self, name: &str) -> (Vec<String>, Vec<String>) {
        let table = self.warehouse.table(&self.pushed_table(name)).expect("the table is there");
        let end = table.columns.len() - 1;
        let columns = table.columns.iter().zip(&table.types).take(end);
        (columns.map(|(name, kind)| format!("{name} {kind}")).collect(), table.shown())
    }
}

fn failure(told: &Told) -> &str {
    match &told.outcome {
        Outcome::Failed(reason) => reason,
        other => panic!("{other:?} should be a failure"),
    }
}

#[tokio::test]
async fn the_files_of_a_push_become_one_table() {
    let mut house = House::new();
    let first = batch(&[("a", whole(&[1, 2])), ("b", texts(&["x", "y"]))]);
    let empty = new_null_array(&DataType::Null, 1);
    let second = batch(&[("A", Arc::new(Int32Array::from(vec![3]))), ("b", empty), ("c", floats(&[0.5]))]);
    let told = house.push(settings(PushKind::Replace, &[]), vec![first, second]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let (columns, rows) = house.shown("T");
    assert_eq!(columns, ["a BIGINT", "b VARCHAR", "c DOUBLE"]);
    assert_eq!(rows, ["1 x -", "2 y -", "3 - 0.5"]);
    let receipt = told.events.receipt();
    assert_eq!((receipt.rows_read, receipt.rows_inserted, receipt.rows_after), (3, 3, 3));
    assert_eq!(told.events.steps(), [("T".to_owned(), Status::Success, "3 rows".to_owned())]);
}

#[tokio::test]
async fn files_that_do_not_go_together_are_refused_with_the_column() {
    let mut house = House::new();
    let (first, second) = (batch(&[("a", whole(&[1]))]), batch(&[("a", texts(&["x"]))]));
    let told = house.push(settings(PushKind::Replace, &[]), vec![first, second]).await;
    assert!(
        failure(&told).contains("column a is Int64 in file 1 and Utf8 in file 2 of 2"),
        "{}",
        failure(&told)
    );
    let twice = batch(&[("a", whole(&[1])), ("A", whole(&[1]))]);
    let told = house.push(settings(PushKind::Replace, &[]), vec![twice]).await;
    assert!(failure(&told).contains("a and A differ only in case"), "{}", failure(&told));
}

#[tokio::test]
async fn texts_are_cut_to_their_length_counted_and_keys_are_not() {
    let mut house = House::new();
    let (long, longer) = ("x".repeat(90), "ä".repeat(100));
    let rows = || batch(&[("k", texts(&[&long])), ("a", texts(&[&longer])), ("b", texts(&["abcdef"]))]);
    let columns = vec![column("b", ColumnKind::String, Some(3))];
    let push = with_schema(settings(PushKind::Delta, &["k"]), columns);
    let told = house.push(push, vec![rows()]).await;
    let (_, found) = house.shown("T");
    assert_eq!(found, [format!("{long} {} abc", "ä".repeat(80))]);
    let cuts = told.events.logged("VALUES_CUT");
    assert!(cuts[0].starts_with("T: texts were cut: 1 in a (to 80 characters), 1 in b (to 3"), "{cuts:?}");

    let wide = PushSettings { text_length: Some(200), ..settings(PushKind::Replace, &[]) };
    let told = house.push(wide, vec![rows()]).await;
    assert!(told.events.logged("VALUES_CUT").is_empty());
    assert_eq!(house.shown("T").1, [format!("{long} {longer} abcdef")]);
}

#[tokio::test]
async fn a_schema_says_the_types_and_a_value_that_does_not_fit_is_named() {
    let mut house = House::new();
    let columns = || {
        vec![
            column("a", ColumnKind::Float, None),
            column("b", ColumnKind::Integer, None),
            column("c", ColumnKind::Date, None),
        ]
    };
    let rows = batch(&[("a", whole(&[1])), ("b", floats(&[2.0]))]);
    let push = with_schema(settings(PushKind::Replace, &[]), columns());
    let told = house.push(push.clone(), vec![rows]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    // What only the schema has is there all the same.
    assert_eq!(house.shown("T").0, ["a DOUBLE", "b BIGINT", "c DATE"]);
    let rows = batch(&[("a", whole(&[1, 2, 3])), ("b", floats(&[2.0, 4.0, 4.5]))]);
    let told = house.push(push, vec![rows.slice(0, 1), rows]).await;
    let expected = "T: column b (file 2 of 2, row 3): `4.5` does not fit; the column's type is Int64";
    assert!(failure(&told).contains(expected), "{}", failure(&told));
    assert_eq!(house.shown("T").1.len(), 1, "a push that fails shows nothing");
}

#[tokio::test]
async fn a_delta_takes_the_types_of_its_table() {
    let mut house = House::new();
    let first = batch(&[("id", whole(&[1])), ("n", whole(&[10])), ("t", texts(&["a"]))]);
    house.push(settings(PushKind::Replace, &[]), vec![first]).await;
    // As frames are where a value is missing, or where nothing was ever said.
    let empty = new_null_array(&DataType::Null, 2);
    let rows = batch(&[("id", floats(&[1.0, 2.0])), ("n", floats(&[11.0, 12.0])), ("t", empty)]);
    let told = house.push(settings(PushKind::Delta, &["id"]), vec![rows]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let (columns, rows) = house.shown("T");
    assert_eq!(columns, ["id BIGINT", "n BIGINT", "t VARCHAR"]);
    assert_eq!(rows, ["1 11 -", "2 12 -"]);
    let told = house
        .push(settings(PushKind::Delta, &["id"]), vec![batch(&[("id", whole(&[1])), ("n", floats(&[0.5]))])])
        .await;
    assert!(
        failure(&told).contains("column n (file 1 of 1, row 1): `0.5` does not fit"),
        "{}",
        failure(&told)
    );
}

#[tokio::test]
async fn rows_are_deleted_by_key_and_a_later_file_wins() {
    let mut house = House::new();
    let rows = |ids: &[i64], names: &[&str]| batch(&[("id", whole(ids)), ("name", texts(names))]);
    house.push(settings(PushKind::Replace, &[]), vec![rows(&[1, 2, 3], &["a", "b", "c"])]).await;
    let files = vec![
        (rows(&[2, 4], &["B", "d"]), ChunkKind::Upsert),
        (batch(&[("id", whole(&[1, 4]))]), ChunkKind::Delete),
        (rows(&[2], &["BB"]), ChunkKind::Upsert),
    ];
    let told = house.push_kinds(settings(PushKind::Delta, &["id"]), files).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.shown("T").1, ["3 c", "2 BB"]);
    let receipt = told.events.receipt();
    assert_eq!((receipt.rows_read, receipt.rows_updated, receipt.rows_deleted), (5, 1, 1));

    let files = vec![(batch(&[("id", whole(&[3]))]), ChunkKind::Delete)];
    let told = house.push_kinds(settings(PushKind::Delta, &[]), files).await;
    assert!(failure(&told).contains("the push has none; make it with keys"), "{}", failure(&told));
    let files = vec![(batch(&[("name", texts(&["c"]))]), ChunkKind::Delete)];
    let told = house.push_kinds(settings(PushKind::Delta, &["id"]), files).await;
    assert!(failure(&told).contains("the keys name id, which file 1 of 1"), "{}", failure(&told));
}

#[tokio::test]
async fn a_column_can_say_which_rows_go() {
    let mut house = House::new();
    let rows = batch(&[("id", whole(&[1, 2])), ("gone", Arc::new(BooleanArray::from(vec![false, false])))]);
    let push =
        || PushSettings { deletion_column: Some(identifier("gone")), ..settings(PushKind::Delta, &["id"]) };
    house.push(push(), vec![rows]).await;
    assert_eq!(house.shown("T"), (vec!["id BIGINT".to_owned()], vec!["1".to_owned(), "2".to_owned()]));
    let rows = batch(&[("id", whole(&[1, 3])), ("gone", Arc::new(BooleanArray::from(vec![true, false])))]);
    house.push(push(), vec![rows]).await;
    assert_eq!(house.shown("T").1, ["2", "3"]);
}

#[tokio::test]
async fn columns_that_the_files_lack_follow_the_strategy() {
    let mut house = House::new();
    let whole_row = batch(&[("id", whole(&[1])), ("a", whole(&[10])), ("b", whole(&[20]))]);
    house.push(settings(PushKind::Replace, &[]), vec![whole_row]).await;
    let part = || batch(&[("id", whole(&[1])), ("a", whole(&[11]))]);
    house.push(settings(PushKind::Delta, &["id"]), vec![part()]).await;
    assert_eq!(house.shown("T").1, ["1 11 20"]);
    // A file that lacks a column would nullify it in some rows and not in others.
    let odd = batch(&[("id", whole(&[1])), ("b", whole(&[21]))]);
    let told = house.push(settings(PushKind::Delta, &["id"]), vec![part(), odd.clone()]).await;
    assert!(failure(&told).contains("file 1 has a column a and file 2 has not"), "{}", failure(&told));
    let nullifying = PushSettings {
        upsert_strategy: Some(UpsertStrategy::UpsertWithNullification),
        ..settings(PushKind::Delta, &["id"])
    };
    house.push(nullifying, vec![part(), odd]).await;
    assert_eq!(house.shown("T").1, ["1 - 21"]);
}

#[tokio::test]
async fn the_cells_of_csv_files_are_read_as_the_schema_and_the_options_say() {
    let mut house = House::new();
    let own = CsvColumnOptions {
        name: identifier("day"),
        decimal_separator: None,
        thousands_separator: None,
        date_format: Some("dd.MM.yyyy".to_owned()),
    };
    let options = CsvOptions {
        decimal_separator: Some(",".to_owned()),
        thousands_separator: Some(".".to_owned()),
        columns: vec![own],
        ..CsvOptions::default()
    };
    let columns = vec![column("amount", ColumnKind::Float, None), column("day", ColumnKind::Date, None)];
    let push = with_schema(settings(PushKind::Replace, &[]), columns);
    let push = PushSettings { format: FileFormat::Csv(Box::new(options)), ..push };
    let rows =
        batch(&[("amount", texts(&["1.234,5"])), ("day", texts(&["29.02.2024"])), ("note", texts(&["007"]))]);
    let told = house.push(push.clone(), vec![rows]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let (columns, rows) = house.shown("T");
    assert_eq!(columns, ["amount DOUBLE", "day DATE", "note VARCHAR"]);
    assert_eq!(rows, ["1234.5 2024-02-29 007"]);
    let rows = batch(&[("amount", texts(&["1"])), ("day", texts(&["30.02.2024"]))]);
    let told = house.push(push, vec![rows]).await;
    let expected = "column day (file 1 of 1, row 1): `30.02.2024` is no date";
    assert!(failure(&told).contains(expected), "{}", failure(&told));
}

#[tokio::test]
async fn a_table_that_is_loaded_is_not_loaded_again() {
    let mut house = House::new();
    house.pushed = FakePush(vec![batch(&[("a", whole(&[1]))])]);
    let push = PushSettings { mirrors: identifiers(&["M"]), ..settings(PushKind::Delta, &[]) };
    let spec = house.push_spec(push, &[ChunkKind::Upsert]);
    // The second table fails, after the first one is there.
    house.warehouse.trouble(Trouble::Fails("M"));
    let told = house.run_spec(spec.clone()).await;
    assert!(failure(&told).contains("no such thing"), "{}", failure(&told));
    assert_eq!(house.shown("T").1, ["1"]);
    // Whoever goes on with it knows nothing of the first table but what the warehouse tells.
    house.warehouse.trouble(Trouble::Busy("M", 0));
    let told = house.run_spec(spec).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(told.events.logged("TABLE_LOADED_BEFORE"), ["T: was loaded before the interruption"]);
    assert_eq!((house.shown("T").1, house.shown("M").1), (vec!["1".to_owned()], vec!["1".to_owned()]));
}

#[tokio::test]
async fn the_pool_s_own_column_is_left_out_and_an_order_must_be_there() {
    let mut house = House::new();
    let dated = batch(&[("a", whole(&[1])), ("_celonis_change_date", whole(&[1]))]);
    let told = house.push(settings(PushKind::Replace, &[]), vec![dated.clone()]).await;
    assert_eq!(house.shown("T").0, ["a BIGINT"]);
    assert!(told.events.logged("TABLE_NOTE")[0].contains("is left out"));
    house.pushed = FakePush(vec![dated]);
    let mut spec = house.push_spec(settings(PushKind::Delta, &["a"]), &[ChunkKind::Upsert]);
    let Work::DataPush(push) = &mut spec.tasks[0].work else { panic!("a push") };
    push.order = Some(identifier("version"));
    let told = house.run_spec(spec).await;
    assert!(failure(&told).contains("by version, which the files do not have"), "{}", failure(&told));
    assert_eq!(settings(PushKind::Replace, &[]).kind.mode(), ExtractionMode::Full);
}
