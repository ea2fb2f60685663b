//! What every warehouse must do with rows.

use super::{Bench, Look, batch, checkpoint, expect_error, expect_report, identifier, merge};
use crate::name::Identifier;
use crate::stop::Stop;
use crate::warehouse::{Warehouse, WarehouseErrorKind, WriteMode};

/// Runs all checks of loads, on tables of the schema that are missing at first.
///
/// # Panics
/// When the warehouse does not do what it must, saying what.
pub async fn loads(warehouse: &dyn Warehouse, look: &dyn Look, schema: &Identifier) {
    let bench = Bench::new(warehouse, look, schema).await;
    a_replace_puts_new_rows_in_the_place_of_all_old_ones(&bench).await;
    an_append_adds_rows(&bench).await;
    a_merge_updates_and_inserts_by_key(&bench).await;
    the_last_row_of_a_key_wins(&bench).await;
    a_key_that_the_table_has_twice_is_once_afterwards(&bench).await;
    null_is_a_key_like_any_other(&bench).await;
    a_missing_table_is_made_by_every_mode(&bench).await;
    a_load_of_no_rows_empties_a_replaced_table_only(&bench).await;
    a_load_that_is_dropped_leaves_everything_as_it_was(&bench).await;
    nothing_is_seen_before_the_commit(&bench).await;
    a_wrong_number_of_rows_is_refused(&bench).await;
    a_stop_leaves_everything_as_it_was(&bench).await;
    loads_run_side_by_side(&bench).await;
    super::fence::loads(&bench).await;
}

async fn a_replace_puts_new_rows_in_the_place_of_all_old_ones(bench: &Bench<'_>) {
    let name = "replaced";
    bench.expect_missing(name).await;
    let first = [(Some(1), Some("a"), 1), (Some(2), None, 1)];
    let report = bench.load(name, WriteMode::Replace, &first, &checkpoint("1")).await;
    expect_report(&report, [2, 2, 0, 0, 0, 2]);
    bench.expect_rows(name, &first).await;
    assert_eq!(bench.checkpoint(name).await, Some(checkpoint("1")));

    let second = [(Some(3), Some("c"), 2)];
    let report = bench.load(name, WriteMode::Replace, &second, &checkpoint("2")).await;
    expect_report(&report, [1, 1, 0, 2, 2, 1]);
    bench.expect_rows(name, &second).await;
    assert_eq!(bench.checkpoint(name).await, Some(checkpoint("2")));
}

async fn an_append_adds_rows(bench: &Bench<'_>) {
    let name = "appended";
    let rows = [(Some(1), Some("a"), 1), (Some(1), Some("a"), 1), (Some(2), Some("b"), 2)];
    bench.load(name, WriteMode::Replace, &rows[..1], &checkpoint("1")).await;
    let report = bench.load(name, WriteMode::Append, &rows[1..], &checkpoint("2")).await;
    expect_report(&report, [2, 2, 0, 0, 1, 3]);
    bench.expect_rows(name, &rows).await;
    assert_eq!(bench.checkpoint(name).await, Some(checkpoint("2")));
}

async fn a_merge_updates_and_inserts_by_key(bench: &Bench<'_>) {
    let name = "merged";
    let first = [(Some(1), Some("a"), 1), (Some(2), Some("b"), 1), (Some(3), Some("c"), 1)];
    bench.load(name, WriteMode::Replace, &first, &checkpoint("1")).await;
    let delta = [(Some(2), Some("B"), 2), (Some(4), Some("d"), 2)];
    let report = bench.load(name, merge("id", Some("version")), &delta, &checkpoint("2")).await;
    expect_report(&report, [2, 1, 1, 0, 3, 4]);
    bench.expect_rows(name, &[first[0], delta[0], first[2], delta[1]]).await;
    assert_eq!(bench.checkpoint(name).await, Some(checkpoint("2")));
}

async fn the_last_row_of_a_key_wins(bench: &Bench<'_>) {
    let name = "repeated";
    bench.load(name, WriteMode::Replace, &[(Some(1), Some("old"), 0)], &checkpoint("0")).await;
    let delta = [
        (Some(1), Some("newest"), 9),
        (Some(1), Some("older"), 3),
        (Some(2), Some("first"), 5),
        (Some(2), Some("second"), 5),
    ];
    let report = bench.load(name, merge("id", Some("version")), &delta, &checkpoint("9")).await;
    expect_report(&report, [4, 1, 1, 0, 1, 2]);
    bench.expect_rows(name, &[delta[0], delta[3]]).await;
    let report = bench.load(name, merge("id", None), &delta, &checkpoint("9")).await;
    expect_report(&report, [4, 0, 2, 0, 2, 2]);
    bench.expect_rows(name, &[delta[1], delta[3]]).await;
}

async fn a_key_that_the_table_has_twice_is_once_afterwards(bench: &Bench<'_>) {
    let name = "twice";
    let first = [(Some(1), Some("a"), 1), (Some(1), Some("b"), 1), (Some(2), Some("c"), 1)];
    bench.load(name, WriteMode::Replace, &first, &checkpoint("1")).await;
    let delta = [(Some(1), Some("x"), 2)];
    let report = bench.load(name, merge("id", None), &delta, &checkpoint("2")).await;
    expect_report(&report, [1, 0, 1, 1, 3, 2]);
    bench.expect_rows(name, &[delta[0], first[2]]).await;
}

async fn null_is_a_key_like_any_other(bench: &Bench<'_>) {
    let name = "null_key";
    let first = [(None, Some("a"), 1), (Some(0), Some("b"), 1)];
    bench.load(name, WriteMode::Replace, &first, &checkpoint("1")).await;
    let delta = [(None, Some("x"), 2), (None, Some("y"), 3)];
    let report = bench.load(name, merge("id", Some("version")), &delta, &checkpoint("3")).await;
    expect_report(&report, [2, 0, 1, 0, 2, 2]);
    bench.expect_rows(name, &[delta[1], first[1]]).await;
}

async fn a_missing_table_is_made_by_every_mode(bench: &Bench<'_>) {
    let rows = [(Some(1), Some("a"), 1), (Some(1), Some("b"), 2)];
    let report = bench.load("made_by_append", WriteMode::Append, &rows, &checkpoint("2")).await;
    expect_report(&report, [2, 2, 0, 0, 0, 2]);
    bench.expect_rows("made_by_append", &rows).await;
    let report = bench.load("made_by_merge", merge("id", None), &rows, &checkpoint("2")).await;
    expect_report(&report, [2, 1, 0, 0, 0, 1]);
    bench.expect_rows("made_by_merge", &rows[1..]).await;
    assert_eq!(bench.checkpoint("made_by_merge").await, Some(checkpoint("2")));
}

async fn a_load_of_no_rows_empties_a_replaced_table_only(bench: &Bench<'_>) {
    let name = "emptied";
    let rows = [(Some(1), Some("a"), 1)];
    bench.load(name, WriteMode::Replace, &rows, &checkpoint("1")).await;
    for (number, mode) in [WriteMode::Append, merge("id", None)].into_iter().enumerate() {
        let point = checkpoint(&format!("none {number}"));
        let report = bench.load(name, mode, &[], &point).await;
        expect_report(&report, [0, 0, 0, 0, 1, 1]);
        bench.expect_rows(name, &rows).await;
        assert_eq!(bench.checkpoint(name).await, Some(point));
    }
    let report = bench.load(name, WriteMode::Replace, &[], &checkpoint("2")).await;
    expect_report(&report, [0, 0, 0, 1, 1, 0]);
    bench.expect_rows(name, &[]).await;
}

async fn a_load_that_is_dropped_leaves_everything_as_it_was(bench: &Bench<'_>) {
    let name = "dropped";
    let mut load = bench.begin(name, WriteMode::Replace).await;
    load.append(batch(&[(Some(1), None, 1)])).await.expect("rows are staged");
    drop(load);
    bench.expect_missing(name).await;
    let rows = [(Some(1), Some("a"), 1)];
    bench.load(name, WriteMode::Replace, &rows, &checkpoint("1")).await;
    for mode in [WriteMode::Replace, WriteMode::Append, merge("id", None)] {
        let mut load = bench.begin(name, mode).await;
        load.append(batch(&[(Some(1), None, 2)])).await.expect("rows are staged");
        drop(load);
        bench.expect_rows(name, &rows).await;
        assert_eq!(bench.checkpoint(name).await, Some(checkpoint("1")));
    }
}

async fn nothing_is_seen_before_the_commit(bench: &Bench<'_>) {
    let name = "unseen";
    let rows = [(Some(1), Some("a"), 1)];
    bench.load(name, WriteMode::Replace, &rows, &checkpoint("1")).await;
    let new = [(Some(2), Some("b"), 2)];
    let mut load = bench.begin(name, WriteMode::Replace).await;
    bench.expect_rows(name, &rows).await;
    load.append(batch(&new)).await.expect("rows are staged");
    bench.expect_rows(name, &rows).await;
    assert_eq!(bench.checkpoint(name).await, Some(checkpoint("1")));
    load.commit(1, &checkpoint("2"), &Stop::never()).await.expect("a load is committed");
    bench.expect_rows(name, &new).await;
}

async fn a_wrong_number_of_rows_is_refused(bench: &Bench<'_>) {
    let name = "miscounted";
    let rows = [(Some(1), Some("a"), 1)];
    bench.load(name, WriteMode::Replace, &rows, &checkpoint("1")).await;
    for mode in [WriteMode::Replace, WriteMode::Append, merge("id", None)] {
        let mut load = bench.begin(name, mode).await;
        load.append(batch(&[(Some(2), None, 2)])).await.expect("rows are staged");
        let done = load.commit(2, &checkpoint("2"), &Stop::never()).await;
        let error = expect_error(done, "committing one row where two were read");
        assert_eq!(error.kind, WarehouseErrorKind::Internal);
        bench.expect_rows(name, &rows).await;
        assert_eq!(bench.checkpoint(name).await, Some(checkpoint("1")));
    }
}

async fn a_stop_leaves_everything_as_it_was(bench: &Bench<'_>) {
    let name = "stopped";
    let rows = [(Some(1), Some("a"), 1)];
    bench.load(name, WriteMode::Replace, &rows, &checkpoint("1")).await;
    let (handle, stop) = Stop::new();
    let mut load = bench.begin(name, merge("id", None)).await;
    load.append(batch(&[(Some(1), None, 2)])).await.expect("rows are staged");
    handle.request();
    let error = expect_error(load.commit(1, &checkpoint("2"), &stop).await, "a commit after the stop");
    assert_eq!(error.kind, WarehouseErrorKind::Canceled);
    bench.expect_rows(name, &rows).await;
    assert_eq!(bench.checkpoint(name).await, Some(checkpoint("1")));
}

async fn loads_run_side_by_side(bench: &Bench<'_>) {
    let names = ["side_a", "side_b", "side_c"];
    let rows: Vec<_> = (0..50).map(|id| (Some(id), Some("x"), 1)).collect();
    let loads = names.map(|name| async {
        bench.load(name, WriteMode::Replace, &rows, &checkpoint("1")).await;
        bench.load(name, merge("id", None), &rows, &checkpoint("2")).await
    });
    for report in futures::future::join_all(loads).await {
        expect_report(&report, [50, 0, 50, 0, 50, 50]);
    }
    for name in names {
        bench.expect_rows(name, &rows).await;
        assert_eq!(bench.checkpoint(name).await, Some(checkpoint("2")));
    }
    // Two loads of one table: both are kept, one after the other.
    let (one, other) = (identifier("side_a"), identifier("side_a"));
    let appends = [one, other].map(|name| async move {
        bench.load(name.as_str(), WriteMode::Append, &[(Some(99), None, 9)], &checkpoint("9")).await
    });
    futures::future::join_all(appends).await;
    let found = bench.look.rows(&bench.table("side_a")).await.unwrap_or_default();
    assert_eq!(found.len(), 52, "both appends to one table are kept");
}
