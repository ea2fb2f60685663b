//! Deltas of files, and files that change while they are read.

use std::fs;
use std::time::{Duration, SystemTime};

use forebay_core::source::{Extent, Repeats, SourceErrorKind, TableReader};
use futures::StreamExt;

use super::Place;
use crate::reading::{
    assert_error, bounds, collect, delta, identifier, only, read, read_in, request, try_read,
};

const ROWS: &str =
    "id,changed,day\n1,2024-01-01 10:00:00,2024-01-01\n2,2024-01-02 10:00:00,2024-01-02\n3,,\n";

#[tokio::test]
async fn unchanged_is_claimed_by_contents_and_not_by_times() {
    let place = Place::with("t.csv", ROWS);
    let full = read(&*place.source(), &request("t")).await;
    let mut again = request("t");
    again.delta = delta(&full.checkpoint, Repeats::Harmless);
    assert!(try_read(&*place.source(), &again).await.unwrap().is_none());

    // The same bytes at another time are the same table.
    let modified = SystemTime::now() - Duration::from_secs(3600);
    place.write("t.csv", ROWS);
    fs::File::open(place.path("t.csv")).unwrap().set_modified(modified).unwrap();
    assert!(try_read(&*place.source(), &again).await.unwrap().is_none());

    // Other bytes of the same length at the same time are not.
    place.write("t.csv", ROWS.replace("1,2024-01-01", "9,2024-01-01"));
    fs::File::open(place.path("t.csv")).unwrap().set_modified(modified).unwrap();
    let changed = try_read(&*place.source(), &again).await.unwrap().expect("the table has changed");
    assert_eq!(changed.extent, Extent::Whole);
    assert_eq!(changed.rows.len(), 3);
    assert!(changed.notes.iter().any(|note| note.contains("the whole table is read")), "{:?}", changed.notes);
}

#[tokio::test]
async fn unchanged_files_are_read_again_for_other_columns_or_bounds() {
    let place = Place::with("t.csv", ROWS);
    let mut again = request("t");
    again.date_bounds = bounds("changed", None, Some("2024-01-01 12:00:00"));
    let full = read(&*place.source(), &again).await;
    assert_eq!(full.rows.len(), 1);
    again.delta = delta(&full.checkpoint, Repeats::Harmless);
    assert!(try_read(&*place.source(), &again).await.unwrap().is_none());
    // As a bound that moves with a parameter does.
    again.date_bounds = bounds("changed", None, Some("2024-01-02 12:00:00"));
    assert_eq!(read(&*place.source(), &again).await.rows.len(), 2);
    again.date_bounds = bounds("changed", None, Some("2024-01-01 12:00:00"));
    again.columns = only(&["id", "changed"]);
    assert_eq!(read(&*place.source(), &again).await.lines(), ["1|2024-01-01T10:00:00"]);
}

#[tokio::test]
async fn a_file_that_is_added_or_renamed_is_a_change() {
    let place = Place::with("t/1.csv", ROWS);
    let full = read(&*place.source(), &request("t")).await;
    let mut again = request("t");
    again.delta = delta(&full.checkpoint, Repeats::Harmless);
    assert!(try_read(&*place.source(), &again).await.unwrap().is_none());
    fs::rename(place.path("t/1.csv"), place.path("t/2.csv")).unwrap();
    assert!(try_read(&*place.source(), &again).await.unwrap().is_some());
    place.write("t/1.csv", ROWS);
    assert_eq!(try_read(&*place.source(), &again).await.unwrap().unwrap().rows.len(), 6);
}

#[tokio::test]
async fn types_only_widen_from_one_delta_to_the_next() {
    let place = Place::with("t.csv", "id,amount,note\n1,12345.67,x\n");
    let full = read(&*place.source(), &request("t")).await;
    assert_eq!(full.types(), ["id Int64", "amount Decimal128(7, 2)", "note Utf8"]);
    // Alone, these rows would say other types.
    place.write("t.csv", "id,amount,note\n,1.234,5\n");
    let mut again = request("t");
    again.delta = delta(&full.checkpoint, Repeats::Harmless);
    let next = read(&*place.source(), &again).await;
    assert_eq!(next.types(), ["id Int64", "amount Decimal128(8, 3)", "note Utf8"]);
    assert_eq!(next.lines(), ["~|1.234|5"]);
    again.delta = None;
    assert_eq!(
        read(&*place.source(), &again).await.types(),
        ["id Utf8", "amount Decimal128(4, 3)", "note Int64"]
    );
}

#[tokio::test]
async fn bounds_compare_by_the_type_of_their_column() {
    let place = Place::with(
        "t.csv",
        "id,day,moment,amount,text,flag\n\
         1,2024-01-01,2024-01-01 00:00:00.000001,9.5,a,true\n\
         2,2024-01-02,2024-01-02 00:00:00,10.0,b,true\n\
         3,2024-01-03,2024-01-03 23:59:59.999999,11.5,c,true\n\
         4,,,,,\n",
    );
    let check = async |column: &str, from: Option<&str>, until: Option<&str>, expected: &[&str]| {
        let mut bounded = request("t");
        bounded.columns = crate::reading::only(&["id"]);
        bounded.date_bounds = bounds(column, from, until);
        assert_eq!(read(&*place.source(), &bounded).await.lines(), expected, "{column} {from:?} {until:?}");
    };
    check("day", Some("2024-01-02"), None, &["2", "3"]).await;
    check("day", Some("2024-01-01 00:00:01"), Some("2024-01-02 12:00:00"), &["2"]).await;
    check("moment", None, Some("2024-01-01"), &[]).await;
    check("moment", Some("2024-01-01T01:00:00.000001+01:00"), Some("2024-01-02"), &["1", "2"]).await;
    check("moment", Some("2024-01-03 23:59:59.999999"), None, &["3"]).await;
    check("amount", Some("10"), None, &["2", "3"]).await;
    check("text", Some("b"), Some("b"), &["2"]).await;
    let refuse = async |column: &str, from: &str, parts: &[&str]| {
        let mut bounded = request("t");
        bounded.date_bounds = bounds(column, Some(from), None);
        assert_error(try_read(&*place.source(), &bounded).await, parts);
    };
    refuse("day", "yesterday", &["creation date", "'yesterday'", "\"day\"", "2024-01-31"]).await;
    refuse("amount", "ten", &["creation date", "'ten'", "\"amount\""]).await;
    refuse("flag", "true", &["creation date", "\"flag\"", "BOOLEAN"]).await;
}

#[tokio::test]
async fn every_ordered_type_can_be_a_cursor() {
    let place = Place::with(
        "t.csv",
        "id,number,amount,float,day,text\n1,-5,0.5,1e-3,2024-01-01,a\n2,7,10.25,2.5,2024-02-01,b\n3,,,,,\n",
    );
    for (column, newest) in
        [("number", "7"), ("amount", "10.25"), ("float", "2.5"), ("day", "2024-02-01"), ("text", "b")]
    {
        let mut full = request("t");
        full.cursor = Some(identifier(column));
        let full = read(&*place.source(), &full).await;
        assert_eq!(full.checkpoint.cursor.as_ref().unwrap().value, newest, "{column}");
        let mut since = full.checkpoint.clone();
        // Another position, as if the files had changed.
        since.position = String::new();
        let mut again = request("t");
        again.cursor = Some(identifier(column));
        again.delta = delta(&since, Repeats::Harmless);
        let found = read(&*place.source(), &again).await;
        assert_eq!(found.extent, Extent::Changes);
        assert_eq!(found.rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["2", "3"], "{column}");
        again.delta = delta(&since, Repeats::Avoid);
        assert!(read(&*place.source(), &again).await.rows.is_empty(), "{column}");
        if column != "day" {
            again.delta = delta(&since, Repeats::Harmless);
            again.delta.as_mut().unwrap().offset_seconds = 60;
            assert_error(try_read(&*place.source(), &again).await, &["change date", column, "offset"]);
        }
    }
}

#[tokio::test]
async fn filters_are_refused_with_the_remedy() {
    let place = Place::with("t.csv", ROWS);
    let full = read(&*place.source(), &request("t")).await;
    let mut filtered = request("t");
    filtered.filters = vec!["id = 1".to_owned()];
    assert_error(try_read(&*place.source(), &filtered).await, &["filter of table \"t\"", "transformation"]);
    let mut filtered = request("t");
    filtered.delta = delta(&full.checkpoint, Repeats::Harmless);
    filtered.delta.as_mut().unwrap().filter = Some("id = 1".to_owned());
    assert_error(try_read(&*place.source(), &filtered).await, &["delta filter of table \"t\""]);
}

#[tokio::test]
async fn a_file_that_changes_after_the_snapshot_fails_its_table_alone() {
    let place = Place::with("t.csv", ROWS);
    place.write("other.csv", ROWS);
    let snapshot = place.source().snapshot().await.unwrap();
    place.write("t.csv", format!("{ROWS}4,,\n"));
    let error = assert_error(read_in(&*snapshot, &request("t")).await, &["t.csv", "changed", "run again"]);
    assert_eq!(error.kind, SourceErrorKind::Unreachable);
    assert_eq!(read_in(&*snapshot, &request("other")).await.unwrap().unwrap().rows.len(), 3);
}

#[tokio::test]
async fn a_file_that_changes_between_its_two_passes_fails_in_the_middle() {
    for appended in ["4,2024-01-03 10:00:00,2024-01-03\n", "4,not a date,2024-01-03\n"] {
        let place = Place::with("t.csv", ROWS);
        let snapshot = place.source().snapshot().await.unwrap();
        let TableReader::Rows(table) = snapshot.read(&request("t")).await.unwrap() else {
            panic!("it is new")
        };
        place.write("t.csv", format!("{ROWS}{appended}"));
        assert_error(collect(table).await, &["t.csv", "changed while it was read"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_dropped_lets_its_file_go() {
    let mut text = "id\n".to_owned();
    for id in 0..400_000 {
        text.push_str(&format!("{id}\n"));
    }
    let place = Place::with("t.csv", text);
    let snapshot = place.source().snapshot().await.unwrap();
    let TableReader::Rows(mut table) = snapshot.read(&request("t")).await.unwrap() else {
        panic!("it is new")
    };
    assert!(table.batches.next().await.unwrap().is_ok());
    assert!(holds_open(&place));
    drop(table);
    // The thread that reads sees it at its next batch.
    for _ in 0..1000 {
        if !holds_open(&place) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the file is still open");
}

/// Whether this process has the file open.
fn holds_open(place: &Place) -> bool {
    let path = fs::canonicalize(place.path("t.csv")).unwrap();
    let open = fs::read_dir("/proc/self/fd").unwrap();
    open.filter_map(Result::ok).any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path))
}
