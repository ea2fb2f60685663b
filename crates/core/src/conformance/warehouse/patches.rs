//! What every warehouse must do with the rows of data pushes.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};

use super::{Bench, Look, Row, batch, checkpoint, columns, expect_error, expect_report, identifier};
use crate::Timestamp;
use crate::execution::Claim;
use crate::id::DataJobId;
use crate::name::Identifier;
use crate::source::Checkpoint;
use crate::stop::Stop;
use crate::warehouse::{
    Absent, Key, KeyRepeats, LoadReport, LoadSpec, Onto, Patch, Warehouse, WarehouseError, WriteMode,
};

/// Runs all checks of patches, on tables of the schema that are missing at first.
///
/// # Panics
/// When the warehouse does not do what it must, saying what.
pub async fn patches(warehouse: &dyn Warehouse, look: &dyn Look, schema: &Identifier) {
    let bench = Bench::new(warehouse, look, schema).await;
    rows_come_and_go_by_key_in_the_order_in_which_they_came(&bench).await;
    the_last_row_by_the_order_stays_unless_all_do(&bench).await;
    columns_that_do_not_come_keep_their_values_or_become_null(&bench).await;
    new_columns_are_added(&bench).await;
    what_replaces_puts_other_rows_in_the_place_of_all(&bench).await;
    rows_without_a_key_are_added(&bench).await;
    a_patch_is_remembered_with_its_rows(&bench).await;
    a_checkpoint_stays_where_its_rows_do(&bench).await;
}

fn patch(key: Option<&str>) -> Patch {
    Patch {
        onto: Onto::Table,
        key: key.and_then(|key| Key::new(vec![identifier(key)])),
        order: None,
        repeats: KeyRepeats::LastWins,
        removal: None,
        absent: Absent::Unchanged,
    }
}

/// Rows with a flag that says which of them remove their key.
fn flagged(rows: &[(i64, Option<&'static str>, i64, bool)]) -> RecordBatch {
    let plain: Vec<Row> = rows.iter().map(|row| (Some(row.0), row.1, row.2)).collect();
    let plain = batch(&plain);
    let flags: ArrayRef = Arc::new(BooleanArray::from(rows.iter().map(|row| row.3).collect::<Vec<_>>()));
    let mut fields: Vec<Field> = columns().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.push(Field::new("gone", DataType::Boolean, true));
    let arrays = plain.columns().iter().cloned().chain([flags]).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("the columns are the schema's")
}

impl Bench<'_> {
    /// Patches a table by a job of its own, a batch for each row.
    async fn patch(&self, name: &str, patch: Patch, rows: &RecordBatch) -> LoadReport {
        let claim = Claim { job: DataJobId::random(), number: 1 };
        self.warehouse.take_over(claim).await.expect("a first claim takes its job over");
        self.try_patch(claim, name, patch, rows).await.expect("a patch is committed")
    }

    async fn try_patch(
        &self,
        claim: Claim,
        name: &str,
        patch: Patch,
        rows: &RecordBatch,
    ) -> Result<LoadReport, WarehouseError> {
        let load = LoadSpec {
            claim,
            table: self.table(name),
            columns: rows.schema(),
            mode: WriteMode::Patch(patch),
            changed_at: Timestamp::from_millis(1_700_000_000_000),
        };
        let mut load = self.warehouse.begin_load(load).await?;
        for row in 0..rows.num_rows() {
            load.append(rows.slice(row, 1)).await?;
        }
        let none = Checkpoint { cursor: None, position: String::new() };
        load.commit(rows.num_rows() as u64, &none, &Stop::never()).await
    }
}

async fn rows_come_and_go_by_key_in_the_order_in_which_they_came(bench: &Bench<'_>) {
    let name = "patched";
    let removing = || Patch { removal: Some(identifier("gone")), ..patch(Some("id")) };
    let first = flagged(&[(1, Some("a"), 1, false), (2, Some("b"), 1, false), (3, Some("c"), 1, false)]);
    let report = bench.patch(name, removing(), &first).await;
    expect_report(&report, [3, 3, 0, 0, 0, 3]);
    let second = flagged(&[
        (2, Some("B"), 2, false),
        // One that the table has goes, and so does one that came before.
        (1, None, 0, true),
        (4, Some("d"), 2, false),
        (4, None, 0, true),
        // One that comes after it stays.
        (3, None, 0, true),
        (3, Some("C"), 2, false),
        // Nothing has this key.
        (9, None, 0, true),
    ]);
    let report = bench.patch(name, removing(), &second).await;
    expect_report(&report, [7, 1, 1, 2, 3, 2]);
    bench.expect_rows(name, &[(Some(2), Some("B"), 2), (Some(3), Some("C"), 2)]).await;
}

async fn the_last_row_by_the_order_stays_unless_all_do(bench: &Bench<'_>) {
    let name = "patched_in_order";
    let rows = [(Some(1), Some("newest"), 9), (Some(1), Some("older"), 3), (Some(2), Some("x"), 1)];
    let ordered = Patch { order: Some(identifier("version")), ..patch(Some("id")) };
    let report = bench.patch(name, ordered, &batch(&rows)).await;
    expect_report(&report, [3, 2, 0, 0, 0, 2]);
    bench.expect_rows(name, &[rows[0], rows[2]]).await;
    let all = Patch { repeats: KeyRepeats::AllStay, ..patch(Some("id")) };
    let report = bench.patch(name, all, &batch(&rows[..2])).await;
    expect_report(&report, [2, 1, 1, 0, 2, 3]);
    bench.expect_rows(name, &rows).await;
}

async fn columns_that_do_not_come_keep_their_values_or_become_null(bench: &Bench<'_>) {
    let name = "patched_in_part";
    let rows = [(Some(1), Some("a"), 1), (Some(2), Some("b"), 1)];
    bench.patch(name, patch(Some("id")), &batch(&rows)).await;
    let part = |version: i64| {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 3]));
        let versions: ArrayRef = Arc::new(Int64Array::from(vec![version, version]));
        RecordBatch::try_from_iter([("id", ids), ("version", versions)]).expect("two columns")
    };
    let report = bench.patch(name, patch(Some("id")), &part(2)).await;
    expect_report(&report, [2, 1, 1, 0, 2, 3]);
    bench.expect_rows(name, &[(Some(1), Some("a"), 2), rows[1], (Some(3), None, 2)]).await;
    let nullifying = Patch { absent: Absent::Null, ..patch(Some("id")) };
    bench.patch(name, nullifying, &part(3)).await;
    bench.expect_rows(name, &[(Some(1), None, 3), rows[1], (Some(3), None, 3)]).await;
}

async fn new_columns_are_added(bench: &Bench<'_>) {
    let name = "patched_and_grown";
    let rows = [(Some(1), Some("a"), 1)];
    bench.patch(name, patch(Some("id")), &batch(&rows)).await;
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let more: ArrayRef = Arc::new(StringArray::from(vec!["more"]));
    let wider = RecordBatch::try_from_iter([("id", ids), ("more", more)]).expect("two columns");
    let report = bench.patch(name, patch(Some("id")), &wider).await;
    expect_report(&report, [1, 0, 1, 0, 1, 1]);
    bench.expect_rows(name, &rows).await;
    let found = bench.warehouse.columns(&bench.table(name)).await.expect("columns can be asked for");
    let names: Vec<String> =
        found.into_iter().flatten().map(|column| column.name.to_string().to_lowercase()).collect();
    assert!(names.contains(&"more".to_owned()), "{names:?}");
    let missing = bench.warehouse.columns(&bench.table("never_made")).await;
    assert_eq!(missing.expect("columns can be asked for"), None);
}

async fn what_replaces_puts_other_rows_in_the_place_of_all(bench: &Bench<'_>) {
    let name = "patched_anew";
    bench.patch(name, patch(None), &batch(&[(Some(1), Some("a"), 1), (Some(2), Some("b"), 1)])).await;
    let rows = [(Some(3), Some("c"), 2), (Some(3), Some("d"), 2)];
    let plain = Patch { onto: Onto::Nothing, ..patch(None) };
    let report = bench.patch(name, plain, &batch(&rows)).await;
    expect_report(&report, [2, 2, 0, 2, 2, 2]);
    bench.expect_rows(name, &rows).await;
    let by_key = Patch { onto: Onto::Nothing, ..patch(Some("id")) };
    let report = bench.patch(name, by_key, &batch(&rows)).await;
    expect_report(&report, [2, 1, 0, 2, 2, 1]);
    bench.expect_rows(name, &rows[1..]).await;
}

async fn rows_without_a_key_are_added(bench: &Bench<'_>) {
    let name = "patched_behind";
    let rows = [(Some(1), Some("a"), 1), (Some(1), Some("a"), 1)];
    let report = bench.patch(name, patch(None), &batch(&rows)).await;
    expect_report(&report, [2, 2, 0, 0, 0, 2]);
    let report = bench.patch(name, patch(None), &batch(&rows[..1])).await;
    expect_report(&report, [1, 1, 0, 0, 2, 3]);
    bench.expect_rows(name, &[rows[0], rows[1], rows[0]]).await;
    let removing = Patch { removal: Some(identifier("gone")), ..patch(None) };
    let claim = Claim { job: DataJobId::random(), number: 1 };
    bench.warehouse.take_over(claim).await.expect("a first claim takes its job over");
    let rows = flagged(&[(1, None, 0, true)]);
    expect_error(bench.try_patch(claim, name, removing, &rows).await, "a removal without a key");
}

async fn a_patch_is_remembered_with_its_rows(bench: &Bench<'_>) {
    let (name, other) = ("patched_once", bench.table("patched_never"));
    let claim = Claim { job: DataJobId::random(), number: 1 };
    bench.warehouse.take_over(claim).await.expect("a first claim takes its job over");
    let patched = async || bench.warehouse.patched(claim.job, &bench.table(name)).await;
    assert_eq!(patched().await.expect("it can be asked for"), None);
    let rows = [(Some(1), Some("a"), 1)];
    let report =
        bench.try_patch(claim, name, patch(None), &batch(&rows)).await.expect("a patch is committed");
    let told = patched().await.expect("it can be asked for").expect("a patch is remembered");
    assert_eq!(told, LoadReport { changes: Vec::new(), ..report });
    assert_eq!(bench.warehouse.patched(claim.job, &other).await.expect("it can be asked for"), None);
    let stranger = DataJobId::random();
    let of_another = bench.warehouse.patched(stranger, &bench.table(name)).await;
    assert_eq!(of_another.expect("it can be asked for"), None);
}

async fn a_checkpoint_stays_where_its_rows_do(bench: &Bench<'_>) {
    let name = "patched_beside_a_checkpoint";
    let rows = [(Some(1), Some("a"), 1)];
    bench.load(name, WriteMode::Replace, &rows, &checkpoint("1")).await;
    bench.patch(name, patch(Some("id")), &batch(&[(Some(2), None, 2)])).await;
    assert_eq!(bench.checkpoint(name).await, Some(checkpoint("1")));
    bench.patch(name, Patch { onto: Onto::Nothing, ..patch(None) }, &batch(&rows)).await;
    assert_eq!(bench.checkpoint(name).await, None);
}
