//! The three formats, and how rows are cut into files.

use std::fs::File;
use std::path::Path;

use calamine::{Data, Reader, Xlsx, open_workbook};
use forebay_core::export::CHUNK_ROWS;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::tests::lines;

const ALL: &str = "TABLE(\"Customers\".\"id\", \"Customers\".\"name\" AS \"the \"\"name\"\"\", \
                   \"Customers\".\"id\" / 2 AS half, ADD_DAYS({d '1900-02-28'}, \"Customers\".\"id\") AS day) ORDER BY id";

/// Names of the columns, types and rows of a Parquet file.
fn parquet(path: &Path) -> (Vec<String>, Vec<String>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let fields = reader.schema().fields().iter();
    let fields = fields.map(|field| format!("{}: {}", field.name(), field.data_type())).collect();
    (fields, reader.build().unwrap().flat_map(|batch| lines(&batch.unwrap())).collect())
}

fn sheet(path: &Path) -> Vec<Vec<Data>> {
    let mut book: Xlsx<_> = open_workbook(path).unwrap();
    let range = book.worksheet_range_at(0).unwrap().unwrap();
    range.rows().map(<[Data]>::to_vec).collect()
}

#[tokio::test]
async fn parquet_has_the_types_of_the_language_with_and_without_rows() {
    let shop = Shop::open().await;
    let exported = shop.export(&[ALL], ExportFormat::Parquet).await.unwrap();
    let (fields, rows) = parquet(&exported.folder.join("0.parquet"));
    assert_eq!(fields, ["id: Int64", "the \"name\": Utf8", "half: Float64", "day: Timestamp(µs)"]);
    assert_eq!(rows[0], "1|Ada|0.5|1900-03-01T00:00:00");
    assert_eq!(rows[2], "3|NULL|1.5|1900-03-03T00:00:00");
    let bytes = exported.folder.join("0.parquet").metadata().unwrap().len();
    assert_eq!(exported.chunks, [ExportChunk { rows: 4, bytes }]);
    let none = format!("FILTER 1 = 2; {ALL}");
    let exported = shop.export(&[&none], ExportFormat::Parquet).await.unwrap();
    assert_eq!(parquet(&exported.folder.join("0.parquet")), (fields, Vec::new()));
    assert_eq!((exported.chunks.len(), exported.chunks[0].rows), (1, 0));
}

#[tokio::test]
async fn csv_tells_an_empty_text_from_none_and_quotes_what_would_break_it() {
    let shop = Shop::open().await;
    let query = "TABLE('a,\"b\"\nc' AS \"x,\"\"y\"\"\", '' AS e, NULL AS n, 1.5 AS f, '=1+1' AS s)";
    let exported = shop.export(&[query], ExportFormat::Csv).await.unwrap();
    let text = std::fs::read_to_string(exported.folder.join("0.csv")).unwrap();
    assert_eq!(text, "\"x,\"\"y\"\"\",\"e\",\"n\",\"f\",\"s\"\n\"a,\"\"b\"\"\nc\",\"\",,1.5,\"=1+1\"\n");
    let none = format!("FILTER 1 = 2; {ALL}");
    let exported = shop.export(&[&none], ExportFormat::Csv).await.unwrap();
    let text = std::fs::read_to_string(exported.folder.join("0.csv")).unwrap();
    assert_eq!(text, "\"id\",\"the \"\"name\"\"\",\"half\",\"day\"\n");
}

#[tokio::test]
async fn excel_has_numbers_dates_and_texts_as_such() {
    let shop = Shop::open().await;
    let exported = shop.export(&[ALL], ExportFormat::Excel).await.unwrap();
    let rows = sheet(&exported.folder.join("0.xlsx"));
    let text = |text: &str| Data::String(text.to_owned());
    assert_eq!(rows[0], [text("id"), text("the \"name\""), text("half"), text("day")]);
    assert_eq!(rows[1][..3], [Data::Float(1.0), text("Ada"), Data::Float(0.5)]);
    let Data::DateTime(day) = &rows[1][3] else { panic!("{:?}", rows[1]) };
    assert!((day.as_f64() - 61.0).abs() < 1e-9, "1900-03-01 is day 61: {day:?}");
    assert_eq!(rows[3][1], Data::Empty);
    assert_eq!(exported.chunks[0].rows, 4);
    // No value becomes another one, and no text a formula.
    let query = "TABLE(9007199254740993 AS big, {d '1899-12-31'} AS old, '=1+1' AS formula)";
    let exported = shop.export(&[query], ExportFormat::Excel).await.unwrap();
    let rows = sheet(&exported.folder.join("0.xlsx"));
    assert_eq!(rows[1], [text("9007199254740993"), text("1899-12-31 00:00:00"), text("=1+1")]);
    let none = format!("FILTER 1 = 2; {ALL}");
    let exported = shop.export(&[&none], ExportFormat::Excel).await.unwrap();
    assert_eq!(sheet(&exported.folder.join("0.xlsx")).len(), 1);
    assert_eq!(std::fs::read_dir(&exported.folder).unwrap().count(), 1, "nothing temporary is left");
}

#[tokio::test]
async fn what_does_not_fit_into_a_sheet_is_told() {
    let shop = Shop::open().await;
    shop.pool
        .execute(&[
            "CREATE OR REPLACE TABLE alone AS SELECT range::DOUBLE AS f, repeat('x', 40000) AS t FROM range(1)",
            "CREATE OR REPLACE TABLE customers AS SELECT range AS id, 'x' AS name, true AS vip FROM range(1048576)",
        ])
        .await
        .unwrap();
    shop.publish().await;
    let refused = async |query: &str| shop.export(&[query], ExportFormat::Excel).await.unwrap_err().message;
    let message = refused("TABLE(\"Alone\".\"t\")").await;
    assert!(
        message.starts_with("an Excel cell has room for 32767 characters, and the column \"t\""),
        "{message}"
    );
    let message = refused("TABLE(\"Customers\".\"id\")").await;
    assert!(message.starts_with("an Excel sheet has room for 1048575 rows"), "{message}");
    let exported =
        shop.export(&["TABLE(\"Customers\".\"vip\") LIMIT 1048575"], ExportFormat::Excel).await.unwrap();
    assert_eq!(exported.chunks[0].rows, 1_048_575);
}

#[tokio::test]
async fn many_rows_are_cut_into_files_of_one_size() {
    let shop = Shop::open().await;
    let rows = 2 * CHUNK_ROWS + 5;
    let sql =
        format!("CREATE OR REPLACE TABLE alone AS SELECT range::DOUBLE AS f, 'x' AS t FROM range({rows})");
    shop.pool.execute(&[&sql]).await.unwrap();
    shop.publish().await;
    let query = "TABLE(ROUND(\"Alone\".\"f\") AS n, \"Alone\".\"t\") ORDER BY n";
    let exported = shop.export(&[query], ExportFormat::Parquet).await.unwrap();
    let counts: Vec<u64> = exported.chunks.iter().map(|chunk| chunk.rows).collect();
    assert_eq!(counts, [CHUNK_ROWS as u64, CHUNK_ROWS as u64, 5]);
    let mut next = 0;
    for number in 0..3 {
        let (_, rows) = parquet(&exported.folder.join(ExportFormat::Parquet.file_name(number)));
        for row in rows {
            assert_eq!(row, format!("{next}|x"));
            next += 1;
        }
    }
    assert_eq!(next, rows);
    let exported = shop.export(&[query], ExportFormat::Csv).await.unwrap();
    assert_eq!(exported.chunks.len(), 3);
    // As many rows as a file has make no empty one.
    let query = format!("{query} LIMIT {CHUNK_ROWS}");
    assert_eq!(shop.export(&[&query], ExportFormat::Csv).await.unwrap().chunks.len(), 1);
}

#[tokio::test]
async fn an_export_that_would_be_too_large_ends_and_leaves_nothing() {
    let shop = Shop::open().await;
    shop.pool
        .execute(&["CREATE OR REPLACE TABLE alone AS SELECT range::DOUBLE AS f, repeat('x', 100) || range AS t FROM range(100000)"])
        .await
        .unwrap();
    shop.publish().await;
    for format in [ExportFormat::Csv, ExportFormat::Parquet, ExportFormat::Excel] {
        let files = ExportFiles { format, most_bytes: MIB / 4 };
        let request = shop.request(&["TABLE(\"Alone\".\"f\", \"Alone\".\"t\")"], Some(files));
        let error = shop.pool.warehouse.export(request, &Stop::never()).await.unwrap_err();
        assert!(error.message.starts_with("the export is larger than 0 MiB"), "{format:?}: {error}");
    }
    assert_eq!(fs::read_dir(shop.pool.dir.path().join("exports")).unwrap().count(), 0);
}
