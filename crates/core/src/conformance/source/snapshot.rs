//! Checks of snapshots, of several readers, and of readers that end early.

use futures::StreamExt;
use futures::future::join;

use super::{BATCH_ROWS, Row, SourceFixture, collected, opened, read, row, whole};
use crate::source::{Snapshot, SourceErrorKind, TableReader};

async fn begun(fixture: &dyn SourceFixture) -> Box<dyn Snapshot> {
    match fixture.source().snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => panic!("a snapshot is opened: {error}"),
    }
}

/// What is committed after a snapshot is not in it, in no table. A source that cannot keep the moment
/// says so instead of mixing two.
pub async fn a_snapshot_shows_one_moment(fixture: &dyn SourceFixture) {
    let tables = ["moment_one", "moment_two"];
    for table in tables {
        fixture.create(table, &[row(1, "before", 1)]).await;
    }
    let snapshot = begun(fixture).await;
    for table in tables {
        fixture.insert(table, &[row(2, "after", 2)]).await;
    }
    for table in tables {
        let read = match snapshot.read(&whole(fixture, table)).await {
            Ok(TableReader::Rows(rows)) => collected(rows).await,
            Ok(TableReader::Unchanged) => panic!("a full read of {table} gave `Unchanged`"),
            Err(error) => Err(error),
        };
        match read {
            Ok(read) => assert_eq!(read.rows, [row(1, "before", 1)], "{table} shows a later moment"),
            Err(error) => assert_eq!(error.kind, SourceErrorKind::Unreachable, "{table}: {error}"),
        }
    }
    drop(snapshot);
    for table in tables {
        assert_eq!(read(fixture, &whole(fixture, table)).await.ids(), [1, 2], "a new snapshot of {table}");
    }
}

/// Two tables of one snapshot are read side by side.
pub async fn two_tables_are_read_at_once(fixture: &dyn SourceFixture) {
    let one: Vec<Row> = (0..3000).map(|id| row(id, "one", 1)).collect();
    let two: Vec<Row> = (0..2000).map(|id| row(id, "two", 2)).collect();
    fixture.create("side_one", &one).await;
    fixture.create("side_two", &two).await;
    let snapshot = begun(fixture).await;
    let (first, second) = (whole(fixture, "side_one"), whole(fixture, "side_two"));
    let (first, second) = join(async { collected(opened(&*snapshot, &first).await).await }, async {
        collected(opened(&*snapshot, &second).await).await
    })
    .await;
    assert!(first.is_ok_and(|read| read.rows == one), "the first table");
    assert!(second.is_ok_and(|read| read.rows == two), "the second table");
}

/// A table of several batches.
async fn long(fixture: &dyn SourceFixture, table: &str) -> usize {
    let count = 3 * BATCH_ROWS + 5;
    let rows: Vec<Row> =
        (0..count).map(|id| row(i64::try_from(id).expect("it is small"), "long", 1)).collect();
    fixture.create(table, &rows).await;
    count
}

/// A reader that is dropped before its end, or before its first batch, hinders nobody.
pub async fn a_dropped_reader_leaves_the_source_usable(fixture: &dyn SourceFixture) {
    long(fixture, "dropped").await;
    fixture.create("dropped_next", &[row(1, "a", 1)]).await;
    let snapshot = begun(fixture).await;
    drop(opened(&*snapshot, &whole(fixture, "dropped")).await);
    let mut table = opened(&*snapshot, &whole(fixture, "dropped")).await;
    assert!(table.batches.next().await.is_some_and(|batch| batch.is_ok()), "there is a first batch");
    drop(table);
    let next = collected(opened(&*snapshot, &whole(fixture, "dropped_next")).await).await;
    assert!(next.is_ok_and(|read| read.ids() == [1]), "the same snapshot reads another table");
    drop(snapshot);
    fixture.insert("dropped", &[row(-1, "later", 2)]).await;
    assert!(read(fixture, &whole(fixture, "dropped")).await.ids().contains(&-1), "a new snapshot reads on");
}

/// When a snapshot is closed under a reader, the reader ends with an error or has all rows: it never
/// looks like a table that is shorter.
pub async fn a_closed_snapshot_never_gives_a_short_table(fixture: &dyn SourceFixture) {
    let count = long(fixture, "closed").await;
    let snapshot = begun(fixture).await;
    let mut table = opened(&*snapshot, &whole(fixture, "closed")).await;
    let mut rows = match table.batches.next().await {
        Some(Ok(batch)) => batch.num_rows(),
        _ => panic!("there is a first batch"),
    };
    drop(snapshot);
    while let Some(batch) = table.batches.next().await {
        match batch {
            Ok(batch) => rows += batch.num_rows(),
            Err(_) => return,
        }
    }
    assert_eq!(rows, count, "the table ended early without an error");
}
