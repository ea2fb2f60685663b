//! Parquet, CSV and Excel, with rows, without, and with more than one file has.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};

use super::*;

#[tokio::test]
async fn q27_zero_rows_are_a_file_that_can_be_read() {
    let server = Server::start();
    let model = loaded_model(&server).await;
    let queries = ["FILTER \"Cases\".\"id\" > 99;", "TABLE(\"Cases\".\"id\" AS \"id\", \"Cases\".\"name\");"];
    let (names, rows) = parquet(&model.file(&queries, "PARQUET").await.bytes);
    assert_eq!((names.as_slice(), rows.len()), (["id".to_owned(), "name".to_owned()].as_slice(), 0));
    assert_eq!(model.file(&queries, "CSV").await.text(), "\"id\",\"name\"\n");
    let excel = model.file(&queries, "EXCEL").await;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(excel.bytes)).unwrap();
    assert_eq!(book.worksheet_range_at(0).unwrap().unwrap().rows().count(), 1);
}

#[tokio::test]
async fn groups_are_the_same_in_csv_and_excel() {
    let server = Server::start();
    let model = loaded_model(&server).await;
    let query = "TABLE(\"Cases\".\"name\" AS \"case\", COUNT(\"activities\".\"activity\") AS \"n\", MIN(\"activities\".\"happened\") AS \"first\") \
                 ORDER BY \"n\" DESC;";
    let csv = model.file(&[query], "CSV").await;
    assert_eq!(csv.content_type(), "text/csv; charset=utf-8");
    let expected = "\"case\",\"n\",\"first\"\n\"a\",2,2024-01-01 10:00:00\n\"b\",1,2024-01-03 10:00:00\n";
    assert_eq!(csv.text(), expected);
    let excel = model.file(&[query], "EXCEL").await;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(excel.bytes)).unwrap();
    let range = book.worksheet_range_at(0).unwrap().unwrap();
    let rows: Vec<&[Data]> = range.rows().collect();
    assert_eq!(rows[1][..2], [Data::String("a".to_owned()), Data::Float(2.0)]);
    let Data::DateTime(first) = &rows[2][2] else { panic!("{rows:?}") };
    // Days since 1899-12-30, with ten of 24 hours.
    assert!((first.as_f64() - (45_294.0 + 10.0 / 24.0)).abs() < 1e-6, "{first:?}");
}

#[tokio::test]
async fn many_rows_come_in_several_files_that_hold_each_once() {
    let server = Server::start();
    let model = loaded_model(&server).await;
    let job = model.pool.job(None).await;
    job.transformation("CREATE OR REPLACE TABLE cases AS SELECT range AS id, 'x' AS name FROM range(600000)")
        .await;
    job.run("FULL").await.succeeded();
    model.reload().await.ok();
    model.loaded().await;
    let query = "TABLE(\"Cases\".\"id\" AS \"id\") ORDER BY \"id\";";
    let status = model.export(&[query], "CSV").await;
    assert_eq!(status["exportChunks"], 3, "{status}");
    let path = |rest: &str| v1(&model.id, &format!("/{}{rest}", status["id"].as_str().unwrap()));
    let mut next = 0;
    for number in 0..3 {
        let chunk = model.client().get(&path(&format!("/{number}/result"))).await;
        chunk.refused(200);
        let text = chunk.text();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("\"id\""));
        for line in lines {
            assert_eq!(line, next.to_string());
            next += 1;
        }
    }
    assert_eq!(next, 600_000);
    let refused = model.client().get(&path("/result")).await.refused(409);
    assert!(refused["detail"].as_str().unwrap().contains("3 chunks"), "{refused}");
}
