//! Checks of the source itself and of whole reads.

use futures::StreamExt;

use super::{BATCH_ROWS, Moment, Row, SourceFixture, identifier, opened, read, refused, row, whole};
use crate::extraction::ColumnChoice;
use crate::source::{DateBounds, Extent, SourceErrorKind};

/// The check passes where the system is there, and fails where it is not.
pub async fn a_source_is_checked(fixture: &dyn SourceFixture) {
    fixture.create("checked", &[row(1, "a", 1)]).await;
    if let Err(error) = fixture.source().check().await {
        panic!("a source that is there passes its check: {error}");
    }
    let missing = fixture.missing();
    let error = missing.check().await.expect_err("a source that is not there fails its check");
    assert!(!error.message.is_empty(), "the error says what is wrong");
    assert!(missing.discover().await.is_err(), "a source that is not there lists no tables");
    assert!(missing.snapshot().await.is_err(), "a source that is not there has no snapshot");
}

/// Every table is listed with its columns in order.
pub async fn tables_are_discovered(fixture: &dyn SourceFixture) {
    fixture.create("discovered_one", &[row(1, "a", 1)]).await;
    fixture.create("discovered_two", &[row(1, "a", 1)]).await;
    let tables = match fixture.source().discover().await {
        Ok(tables) => tables,
        Err(error) => panic!("the tables are listed: {error}"),
    };
    for name in ["discovered_one", "discovered_two"] {
        let wanted = fixture.table(name);
        let found: Vec<_> = tables.iter().filter(|table| table.table.name == wanted.name).collect();
        assert_eq!(found.len(), 1, "{name} is listed once");
        let columns: Vec<&str> = found[0].columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(columns, ["id", "name", "changed"], "the columns of {name}");
        assert!(
            found[0].columns.iter().all(|column| !column.type_name.is_empty()),
            "every column has a type"
        );
        assert!(
            found[0].key.is_empty() || found[0].key == [identifier("id")],
            "the key is `id` or unknown, and not {:?}",
            found[0].key
        );
        let key = fixture.source().key(&wanted).await;
        assert_eq!(key.ok().as_ref(), Some(&found[0].key), "the key of {name} asked for by itself");
    }
}

/// All rows arrive with their values, NULL and the empty text told apart.
pub async fn a_full_read_brings_every_row(fixture: &dyn SourceFixture) {
    let rows = [
        row(1, "one", 0),
        row(2, "", 1),
        Row { id: 3, name: None, changed: Some(Moment(2)) },
        Row { id: 4, name: Some("a, \"b\"\n'c'; ü €".to_owned()), changed: None },
        Row { id: i64::MAX, name: None, changed: None },
        row(i64::MIN, " padded ", 31 * 24 * 60 - 1),
    ];
    fixture.create("full", &rows).await;
    let mut expected = rows.to_vec();
    expected.sort();
    let read = read(fixture, &whole(fixture, "full")).await;
    assert_eq!(read.rows, expected);
    assert_eq!(read.extent, Extent::Whole);
}

/// An empty table has columns and no rows.
pub async fn an_empty_table_is_read(fixture: &dyn SourceFixture) {
    fixture.create("empty", &[]).await;
    let snapshot = match fixture.source().snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => panic!("a snapshot is opened: {error}"),
    };
    let mut table = opened(&*snapshot, &whole(fixture, "empty")).await;
    let names: Vec<&str> = table.schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["id", "name", "changed"]);
    while let Some(batch) = table.batches.next().await {
        assert_eq!(batch.map_or_else(|error| panic!("{error}"), |batch| batch.num_rows()), 0);
    }
}

/// A table with more rows than a batch may have comes in several batches, and whole.
pub async fn batches_are_bounded(fixture: &dyn SourceFixture) {
    let count = i64::try_from(BATCH_ROWS).expect("it is small") + 1000;
    let rows: Vec<Row> = (0..count).map(|id| row(id, "many", 5)).collect();
    fixture.create("many", &rows).await;
    let read = read(fixture, &whole(fixture, "many")).await;
    assert_eq!(read.rows.len(), rows.len());
    assert!(read.rows == rows, "every row is there once");
}

/// Only the chosen columns come, in the order of the choice.
pub async fn columns_are_chosen(fixture: &dyn SourceFixture) {
    fixture.create("chosen", &[row(1, "a", 1), row(2, "b", 2)]).await;
    let mut request = whole(fixture, "chosen");
    request.columns = ColumnChoice::Only(vec![identifier("changed"), identifier("id")]);
    // The cursor and the bounds look at columns that need not be among them.
    request.cursor = Some(identifier("name"));
    let bounds = DateBounds { column: identifier("changed"), from: Some(Moment(2).text()), until: None };
    request.date_bounds = Some(bounds);
    let snapshot = match fixture.source().snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => panic!("a snapshot is opened: {error}"),
    };
    let mut table = opened(&*snapshot, &request).await;
    let names: Vec<&str> = table.schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["changed", "id"]);
    let mut rows = 0;
    while let Some(batch) = table.batches.next().await {
        let batch = batch.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(batch.num_columns(), 2);
        rows += batch.num_rows();
    }
    assert_eq!(rows, 1);
}

/// A table or column that is not there is named in the error.
pub async fn what_is_unknown_is_named(fixture: &dyn SourceFixture) {
    fixture.create("known", &[row(1, "a", 1)]).await;
    let error = refused(fixture, &whole(fixture, "no_such_table")).await;
    assert!(error.message.contains("no_such_table"), "{error}");
    assert_eq!(error.kind, SourceErrorKind::Invalid);
    let nowhere = identifier("no_such_column");
    let mut requests = vec![whole(fixture, "known"); 3];
    requests[0].columns = ColumnChoice::Only(vec![identifier("id"), nowhere.clone()]);
    requests[1].cursor = Some(nowhere.clone());
    requests[2].date_bounds =
        Some(DateBounds { column: nowhere, from: Some("2024-01-01".to_owned()), until: None });
    for request in &requests {
        let error = refused(fixture, request).await;
        assert!(error.message.contains("no_such_column"), "{error}");
        assert!(error.message.contains("known"), "{error}");
        assert_eq!(error.kind, SourceErrorKind::Invalid);
    }
    let mut request = whole(fixture, "known");
    request.columns = ColumnChoice::Only(Vec::new());
    assert_eq!(refused(fixture, &request).await.kind, SourceErrorKind::Invalid, "no columns are a mistake");
}

/// Filters hold all together, or are refused by a source that has no SQL. More than one expression is
/// always refused.
pub async fn filters_select_or_are_refused(fixture: &dyn SourceFixture) {
    fixture.create("filtered", &[row(1, "a", 1), row(2, "b", 2), row(3, "a", 3)]).await;
    let source = fixture.source();
    let snapshot = match source.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => panic!("a snapshot is opened: {error}"),
    };
    let mut request = whole(fixture, "filtered");
    request.filters = vec!["id > 1 OR id = 0".to_owned(), "name = 'a'".to_owned()];
    match snapshot.read(&request).await {
        Err(error) => {
            assert_eq!(error.kind, SourceErrorKind::Invalid);
            assert!(error.message.contains("filter"), "the error names the field: {error}");
        }
        Ok(_) => assert_eq!(read(fixture, &request).await.ids(), [3]),
    }
    for broken in ["id =", "id = 1; SELECT 1", "", "id = 1) OR (1 = 1", "no_such_column = 1"] {
        request.filters = vec![broken.to_owned()];
        let error = refused(fixture, &request).await;
        assert_eq!(error.kind, SourceErrorKind::Invalid, "{broken:?}: {error}");
        assert!(error.message.contains("filter"), "{broken:?}: {error}");
    }
}

/// Rows on a bound of the creation date are in; rows without a date are out.
pub async fn date_bounds_are_inclusive(fixture: &dyn SourceFixture) {
    let undated = Row { id: 9, name: None, changed: None };
    let rows = [row(1, "a", 1), row(2, "b", 2), row(3, "c", 3), row(4, "d", 4), undated];
    fixture.create("bounded", &rows).await;
    let check = async |from: Option<u32>, until: Option<u32>, expected: &[i64]| {
        let mut request = whole(fixture, "bounded");
        request.date_bounds = Some(DateBounds {
            column: identifier("changed"),
            from: from.map(|minute| Moment(minute).text()),
            until: until.map(|minute| Moment(minute).text()),
        });
        assert_eq!(read(fixture, &request).await.ids(), expected, "from {from:?} until {until:?}");
    };
    check(Some(2), Some(3), &[2, 3]).await;
    check(Some(2), None, &[2, 3, 4]).await;
    check(None, Some(2), &[1, 2]).await;
    check(Some(3), Some(2), &[]).await;
    let mut request = whole(fixture, "bounded");
    request.date_bounds =
        Some(DateBounds { column: identifier("changed"), from: Some("soon".to_owned()), until: None });
    assert_eq!(refused(fixture, &request).await.kind, SourceErrorKind::Invalid, "a bound must be a date");
}
