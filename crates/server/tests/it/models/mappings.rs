//! Name mappings: sheets as people send them, and files that nobody should.

use std::io::{Cursor, Write};

use reqwest::Method;
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::Model;
use crate::client::Answer;
use crate::server::Server;

/// Sends a file as clients do: as the part `file` of a form, under a file name and a media type.
async fn upload(model: &Model, name: &str, media_type: &str, file: &[u8]) -> Answer {
    let head = format!(
        "--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n"
    );
    let body = [head.as_bytes(), file, b"\r\n--limit--\r\n"].concat();
    let content_type = Some("multipart/form-data; boundary=limit");
    model.client().raw(Method::POST, &model.path("/name-mapping/file"), content_type, body).await
}

fn workbook(sheets: &[(&str, &[&[&str]])]) -> Vec<u8> {
    let mut book = Workbook::new();
    for (name, rows) in sheets {
        let sheet = book.add_worksheet();
        sheet.set_name(*name).unwrap();
        for (row, texts) in (0..).zip(*rows) {
            for (column, text) in (0..).zip(*texts) {
                sheet.write_string(row, column, *text).unwrap();
            }
        }
    }
    book.save_to_buffer().unwrap()
}

async fn list(model: &Model) -> Value {
    model.client().get(&model.path("/name-mapping")).await.ok()
}

#[tokio::test]
async fn q30_a_spreadsheet_is_taken_whatever_its_part_says_and_listed_and_deleted() {
    let server = Server::start();
    let (model, ..) = Model::with_tables(&server).await;
    assert_eq!(list(&model).await, json!([]));
    let file = workbook(&[
        (
            "Table name mapping",
            &[
                &["TABLE_NAME", "LANGUAGE_KEY", "TRANSLATION", "DESCRIPTION"],
                &["cases", "EN", "Orders", "all of them"],
                &["cases", "DE", "Bestellungen", ""],
                &["activities", "EN", "", ""],
            ],
        ),
        (
            "Column name mapping",
            &[
                &["TABLE_NAME", "COLUMN_NAME", "LANGUAGE_KEY", "TRANSLATION"],
                &["cases", "id", "EN", "Order number"],
            ],
        ),
        ("Notes", &[&["nothing to see here"]]),
    ]);
    let spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let report = upload(&model, "names.xlsx", spreadsheet, &file).await.ok();
    let expected = json!({
        "nbOfTablesInDataModel": 2, "nbOfTableMappings": 2, "nbOfColumnMappings": 1,
        "nameMappingsAggregated": [
            {"count": 1, "type": "TABLE", "language": "DE"}, {"count": 1, "type": "TABLE", "language": "EN"},
            {"count": 1, "type": "COLUMN", "language": "EN"},
        ],
    });
    assert_eq!(report, expected);
    let mappings = list(&model).await;
    let expected = json!([
        {"identifier": "cases", "translation": "Orders", "language": "EN", "description": "all of them",
         "mappingType": "TABLE"},
        {"identifier": "cases", "translation": "Bestellungen", "language": "DE", "description": null,
         "mappingType": "TABLE"},
        {"identifier": "cases.id", "translation": "Order number", "language": "EN", "description": null,
         "mappingType": "COLUMN"},
    ]);
    assert_eq!(mappings, expected);
    // The same under any name, and CSV too: what is there already is replaced.
    upload(&model, "x.bin", "application/octet-stream", &file).await.ok();
    assert_eq!(list(&model).await, expected);
    let csv = "TABLE_NAME;LANGUAGE_KEY;TRANSLATION\r\ncases;EN;\"Purchase; orders\"\r\n=1+1;EN;<b>x</b>\r\n";
    let report = upload(&model, "names.xlsx", spreadsheet, csv.as_bytes()).await.ok();
    assert_eq!(report["nbOfTableMappings"], 2);
    let mappings = list(&model).await;
    assert_eq!(mappings[0]["translation"], "Purchase; orders");
    assert_eq!(mappings.as_array().unwrap().len(), 4);
    // What the list says can be sent back as CSV.
    model.client().delete(&model.path("/name-mapping")).await.refused(204);
    assert_eq!(list(&model).await, json!([]));
    let csv = "identifier,translation,language,description,mappingType\ncases,Orders,EN,,TABLE\n";
    upload(&model, "a.csv", "text/csv", csv.as_bytes()).await.ok();
    assert_eq!(list(&model).await[0]["mappingType"], "TABLE");
}

#[tokio::test]
async fn a_hostile_file_is_refused_with_a_reason_and_changes_nothing() {
    let server = Server::start();
    let (model, ..) = Model::with_tables(&server).await;
    let csv = "TABLE_NAME,TRANSLATION\ncases,Orders\n";
    upload(&model, "a.csv", "text/csv", csv.as_bytes()).await.ok();
    let before = list(&model).await;
    let mut bomb = ZipWriter::new(Cursor::new(Vec::new()));
    for part in ["[Content_Types].xml", "xl/workbook.xml", "xl/sharedStrings.xml"] {
        bomb.start_file(part, SimpleFileOptions::default()).unwrap();
        for _ in 0..300 {
            bomb.write_all(&[b' '; 1024 * 1024]).unwrap();
        }
    }
    let bomb = bomb.finish().unwrap().into_inner();
    assert!(bomb.len() < 4 * 1024 * 1024, "{}", bomb.len());
    let many =
        format!("TABLE_NAME,TRANSLATION\n{}", (0..200_001).map(|n| format!("t{n},x\n")).collect::<String>());
    let half = workbook(&[("S", &[&["TABLE_NAME", "TRANSLATION"], &["cases", "x"]])]);
    for (file, part) in [
        (bomb.as_slice(), "unpacks to more than 64 MiB"),
        (&half[..half.len() / 2], "broken"),
        (b"PK\x03\x04", "broken"),
        (&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1], ".xls file"),
        (b"\xFF\xFE\x00", "UTF-8"),
        (b"", "no column TRANSLATION"),
        (b"TABLE_NAME,TRANSLATION\n,x\n", "row 2"),
        (many.as_bytes(), "200000"),
    ] {
        let refused = upload(&model, "../../etc/passwd", "text/csv", file).await.refused(400);
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.starts_with("file: ") && detail.contains(part), "{detail}");
        assert_eq!(list(&model).await, before);
    }
    let path = model.path("/name-mapping/file");
    let no_form = model.client().post(&path, &json!({"file": "a"})).await.refused(400);
    assert!(no_form["detail"].as_str().unwrap().contains("multipart/form-data"), "{no_form}");
    let huge = vec![b'x'; 17 * 1024 * 1024];
    upload(&model, "a.csv", "text/csv", &huge).await.refused(413);
    assert_eq!(model.client().get("/health").await.ok()["status"], "UP");
}
