//! What is listed, and what a wrong path or a broken file says.

use std::fs;

use forebay_core::source::SourceErrorKind;

use super::{Database, open};
use crate::reading::{assert_error, identifier, read, request, try_read};

#[tokio::test]
async fn tables_and_views_are_listed_with_their_keys() {
    let database = Database::with(
        "CREATE TABLE \"odd \"\"name\" (b TEXT, a INTEGER, \"c d\" DECIMAL(5,1), PRIMARY KEY (a, b)); \
         CREATE TABLE plain (x, y INTEGER GENERATED ALWAYS AS (x + 1)); \
         CREATE VIEW seen AS SELECT a, b FROM \"odd \"\"name\"; \
         CREATE VIEW broken AS SELECT * FROM gone; \
         INSERT INTO \"odd \"\"name\" VALUES ('t', 1, 2.5); INSERT INTO plain VALUES (1), (2); ANALYZE",
    )
    .await;
    let tables = database.source().discover().await.unwrap();
    let names: Vec<&str> = tables.iter().map(|table| table.table.name.as_str()).collect();
    assert_eq!(names, ["odd \"name", "plain", "seen"], "a view of what is gone hides nothing");
    assert_eq!(tables[0].key, [identifier("a"), identifier("b")]);
    let columns: Vec<String> =
        tables[0].columns.iter().map(|column| format!("{} {}", column.name, column.type_name)).collect();
    assert_eq!(columns, ["b TEXT", "a INTEGER", "c d DECIMAL(5,1)"]);
    assert!(tables[1].key.is_empty());
    assert_eq!(tables[0].rows, Some(1), "as the last ANALYZE saw");
    assert_eq!(read(&*database.source(), &request("odd \"name")).await.lines(), ["t|1|2.5"]);
    assert_eq!(read(&*database.source(), &request("plain")).await.lines(), ["1|2", "2|3"]);
    assert_eq!(read(&*database.source(), &request("seen")).await.lines(), ["1|t"]);
    let mut elsewhere = request("plain");
    elsewhere.table.schema = Some(identifier("other"));
    assert_error(try_read(&*database.source(), &elsewhere).await, &["no schemas"]);
}

#[tokio::test]
async fn what_is_no_database_says_what_to_mend() {
    let database = Database::with("CREATE TABLE t (a)").await;
    let folder = database.dir.path();
    fs::write(folder.join("text.db"), "this is text and not a database at all, however long it is written")
        .unwrap();
    let check = async |name: &str, parts: &[&str]| {
        let error = assert_error(open(&folder.join(name)).check().await, parts);
        assert_eq!(error.kind, SourceErrorKind::Invalid);
        assert!(!folder.join("nowhere.db").exists(), "a check makes no file");
    };
    check("nowhere.db", &["nowhere.db", "does not exist"]).await;
    check(".", &["is not a file"]).await;
    check("text.db", &["not a SQLite database"]).await;
}

#[tokio::test]
async fn nothing_is_written_to_the_database() {
    let database = Database::with("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)").await;
    let mut sly = request("t");
    sly.filters = vec!["a = 1; DELETE FROM t".to_owned()];
    assert_error(try_read(&*database.source(), &sly).await, &["filter of table \"t\""]);
    assert_eq!(read(&*database.source(), &request("t")).await.lines(), ["1"]);
}
