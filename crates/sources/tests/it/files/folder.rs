//! Which files and folders are tables, and which are refused.

use std::fs;
use std::os::unix::fs::symlink;

use forebay_core::source::SourceErrorKind;

use super::{Place, open};
use crate::reading::{assert_error, read, request, try_read};

async fn tables(place: &Place) -> Vec<String> {
    place.source().discover().await.unwrap().into_iter().map(|table| table.table.to_string()).collect()
}

#[tokio::test]
async fn each_file_and_each_folder_of_files_is_a_table() {
    let place = Place::new();
    place.write("one.csv", "a\n1\n");
    place.write("two.CSV", "a\n1\n");
    place.write("many/b.csv", "a,b\n3,4\n");
    place.write("many/a.csv", "b,a\n2,1\n");
    place.write("many/deeper/c.csv", "x\n1\n");
    place.write("many/readme.txt", "not a table");
    place.write("nothing/readme.txt", "not a table");
    place.write(".hidden.csv", "a\n1\n");
    place.write("notes.txt", "not a table");
    assert_eq!(tables(&place).await, ["many", "one", "two"]);
    place.source().check().await.unwrap();
    let found = read(&*place.source(), &request("many")).await;
    assert_eq!(found.types(), ["b Int64", "a Int64"], "the columns of the first file, united by name");
    assert_eq!(found.lines(), ["2|1", "4|3"], "the files in the order of their names");
}

#[tokio::test]
async fn one_file_is_a_connection_too() {
    let place = Place::new();
    place.write("orders.csv", "a\n1\n");
    place.write("other.csv", "a\n2\n");
    let source = open(&place.path("orders.csv"));
    source.check().await.unwrap();
    let tables = source.discover().await.unwrap();
    assert_eq!(tables.len(), 1);
    assert_eq!(read(&*source, &request("orders")).await.lines(), ["1"]);
    assert_error(try_read(&*source, &request("other")).await, &["other", "the tables are \"orders\""]);
}

#[tokio::test]
async fn a_path_that_is_no_source_says_what_to_mend() {
    let place = Place::with("notes.txt", "text");
    fs::create_dir(place.path("empty")).unwrap();
    let check = async |name: &str, parts: &[&str]| {
        let error = assert_error(open(&place.path(name)).check().await, parts);
        assert_eq!(error.kind, SourceErrorKind::Invalid);
    };
    check("nowhere", &["nowhere", "does not exist"]).await;
    check("notes.txt/below", &["does not exist"]).await;
    check("notes.txt", &["neither a folder nor"]).await;
    check("empty", &["holds no .csv or .parquet files"]).await;
}

#[tokio::test]
async fn names_that_say_two_things_are_refused() {
    let place = Place::new();
    place.write("a.csv", "x\n1\n");
    place.write_parquet("a.parquet", &super::batch(&[]));
    place.write("mixed/1.csv", "x\n1\n");
    place.write_parquet("mixed/2.parquet", &super::batch(&[]));
    place.write("good.csv", "x\n1\n");
    assert_eq!(tables(&place).await, ["good"]);
    let source = place.source();
    assert_error(try_read(&*source, &request("a")).await, &["\"a\"", "rename"]);
    assert_error(
        try_read(&*source, &request("mixed")).await,
        &["mixed/1.csv", "mixed/2.parquet", "files of one format"],
    );
    let mut elsewhere = request("good");
    elsewhere.table.schema = Some(crate::reading::identifier("main"));
    assert_error(try_read(&*source, &elsewhere).await, &["no schemas"]);
}

#[tokio::test]
async fn files_of_a_table_must_have_the_same_columns() {
    let place = Place::new();
    place.write("t/1.csv", "a,b\n1,2\n");
    place.write("t/2.csv", "a\n1\n");
    assert_error(try_read(&*place.source(), &request("t")).await, &["t/2.csv", "\"b\"", "t/1.csv"]);
    place.write("t/2.csv", "a,b,c\n1,2,3\n");
    assert_error(try_read(&*place.source(), &request("t")).await, &["t/2.csv", "\"c\"", "t/1.csv"]);
    place.write("t/2.csv", "b,a\nx,1.5\n");
    let found = read(&*place.source(), &request("t")).await;
    assert_eq!(found.types(), ["a Decimal128(2, 1)", "b Utf8"], "types hold the cells of all files");
    assert_eq!(found.lines(), ["1.0|2", "1.5|x"]);
}

#[tokio::test]
async fn links_are_not_followed() {
    let outside = Place::with("secret.csv", "a\n1\n");
    let place = Place::with("good.csv", "a\n1\n");
    symlink(outside.path("secret.csv"), place.path("file.csv")).unwrap();
    symlink(outside.dir.path(), place.path("folder")).unwrap();
    fs::create_dir(place.path("sub")).unwrap();
    symlink(outside.path("secret.csv"), place.path("sub/part.csv")).unwrap();
    assert_eq!(tables(&place).await, ["good"]);
    for table in ["file", "folder", "sub"] {
        assert_error(try_read(&*place.source(), &request(table)).await, &["symbolic link", "not followed"]);
    }
    assert_error(try_read(&*place.source(), &request("../secret")).await, &["../secret"]);
}

#[tokio::test]
async fn a_file_that_becomes_a_link_under_a_snapshot_is_not_read() {
    let outside = Place::with("t.csv", "a\n1\n");
    let place = Place::with("sub/t.csv", "a\n1\n");
    let snapshot = place.source().snapshot().await.unwrap();
    fs::rename(place.path("sub"), place.path("moved")).unwrap();
    symlink(outside.dir.path(), place.path("sub")).unwrap();
    let read = crate::reading::read_in(&*snapshot, &request("sub")).await;
    assert_error(read, &["sub/t.csv", "changed while it was read"]);
}

#[tokio::test]
async fn only_regular_files_are_opened() {
    let place = Place::with("good.csv", "a\n1\n");
    let socket = std::os::unix::net::UnixListener::bind(place.path("socket.csv")).unwrap();
    assert_error(try_read(&*place.source(), &request("socket")).await, &["socket.csv", "not a regular file"]);
    drop(socket);
}
