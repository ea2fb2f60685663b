//! Spreadsheets as people make them, and as nobody should.

use std::io::Write;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::super::rows::tests::{reader, shown};
use super::*;

const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>"#;
const RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK: &str = r#"<?xml version="1.0" encoding="UTF-8"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Tables" sheetId="1" r:id="rId1"/><sheet name="Columns" sheetId="2" r:id="rId2"/></sheets></workbook>"#;
const BOOK_RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet2.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;

/// An archive of parts, compressed.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in parts {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A sheet of rows: each cell is a text of its own.
fn sheet(rows: &[&[&str]]) -> String {
    let mut xml = String::from(
        r#"<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#,
    );
    for (number, row) in (1..).zip(rows) {
        xml += &format!("<row r=\"{number}\">");
        for (letter, text) in ('A'..).zip(*row) {
            xml += &format!("<c r=\"{letter}{number}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
        }
        xml += "</row>";
    }
    xml + "</sheetData></worksheet>"
}

fn book(first: &str, second: &str, texts: &str) -> Vec<u8> {
    archive(&[
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", RELATIONS.as_bytes()),
        ("xl/workbook.xml", BOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", BOOK_RELATIONS.as_bytes()),
        ("xl/worksheets/sheet1.xml", first.as_bytes()),
        ("xl/worksheets/sheet2.xml", second.as_bytes()),
        ("xl/sharedStrings.xml", texts.as_bytes()),
    ])
}

fn texts(count: &str, texts: &[&str]) -> String {
    let items: String = texts.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" uniqueCount=\"{count}\">{items}</sst>"
    )
}

#[track_caller]
fn refused(file: &[u8], part: &str) {
    let error = read(file, reader()).unwrap_err().to_string();
    assert!(error.starts_with("file: ") && error.contains(part), "{error}");
}

#[test]
fn every_sheet_of_a_template_is_read_with_texts_of_either_kind() {
    let first = sheet(&[&["TABLE_NAME", "LANGUAGE_KEY", "TRANSLATION"], &["EKKO", "EN", "Order &amp; more"]]);
    // As spreadsheet programs write it: texts in a table of their own, numbers as they are.
    let second = r#"<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row><row r="9"><c r="A9" t="s"><v>3</v></c><c r="B9" t="s"><v>4</v></c><c r="C9"><v>7</v></c><c r="XFD9" t="s"><v>4</v></c></row></sheetData></worksheet>"#;
    let texts = texts("5", &["TABLE_NAME", "COLUMN_NAME", "TRANSLATION", "EKKO", "EBELN"]);
    let file = book(&first, second, &texts);
    assert!(is_one(&file));
    let mappings = read(&file, reader()).unwrap();
    assert_eq!(shown(&mappings), ["TABLE EKKO EN Order & more", "COLUMN EKKO.EBELN  7"]);
}

#[test]
fn a_row_is_named_with_its_sheet() {
    let first = sheet(&[&["TABLE_NAME", "TRANSLATION"], &["EKKO", "a"], &["", "b"]]);
    refused(&book(&first, &sheet(&[]), &texts("0", &[])), "row 3 of sheet `Tables`");
}

#[test]
fn what_is_no_spreadsheet_of_mappings_is_said_so() {
    refused(&book(&sheet(&[&["a"]]), &sheet(&[]), &texts("0", &[])), "has no column TRANSLATION");
    refused(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1], "is an .xls file or has a password");
    refused(b"PK\x03\x04 and nothing more", "broken .xlsx");
    let whole = book(&sheet(&[&["a"]]), &sheet(&[]), &texts("0", &[]));
    refused(&whole[..whole.len() / 2], "broken .xlsx");
    refused(&archive(&[("readme.txt", b"hello")]), "cannot be read as a spreadsheet");
    refused(&book("<worksheet><sheetData><row><c><v>", "<x>", &texts("0", &[])), "");
}

#[test]
fn a_file_that_unpacks_to_too_much_is_refused_before_it_is_read() {
    // Some 70 KB that unpack to 70 MB.
    let bomb = vec![b' '; 70 * 1024 * 1024];
    let file = archive(&[("[Content_Types].xml", TYPES.as_bytes()), ("xl/workbook.xml", &bomb)]);
    assert!(file.len() < 200_000, "{}", file.len());
    refused(&file, "unpacks to more than 64 MiB");
    let parts: Vec<(String, &[u8])> = (0..1_001).map(|number| (format!("{number}"), &b"x"[..])).collect();
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    refused(&archive(&parts), "more than 1000 parts");
    refused(&book(&sheet(&[]), &sheet(&[]), &"<si/>".repeat(1_000_001)), "more than 1000000 texts");
}

#[test]
fn numbers_in_a_file_take_no_memory() {
    let first = sheet(&[&["TABLE_NAME", "TRANSLATION"], &["EKKO", "a"]]);
    for count in ["99999999999999", "0018446744073709551615", "+123456789012"] {
        refused(&book(&first, &sheet(&[]), &texts(count, &["x"])), "counts its texts wrongly");
    }
    // A number that is hidden by an encoding is not looked for there.
    let hidden = texts("5", &["x"]).replace("UTF-8", "ISO-2022-JP");
    refused(&book(&first, &sheet(&[]), &hidden), "not UTF-8");
    refused(&book(&first, &sheet(&[]), &format!("  {hidden}")), "not UTF-8");
    let wide: Vec<u8> = texts("5", &[]).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let file = archive(&[("xl/sharedStrings.xml", &[&[0xFF, 0xFE], wide.as_slice()].concat())]);
    refused(&file, "not UTF-8");
    refused(&archive(&[("xl/sharedStrings.xml", &wide)]), "not UTF-8");
    // One text that a hundred thousand cells mean.
    let long = "x".repeat(1_000_000);
    let cells: String = (2..100_002)
        .map(|row| format!("<row r=\"{row}\"><c r=\"C{row}\" t=\"s\"><v>0</v></c></row>"))
        .collect();
    let wide =
        sheet(&[&["TABLE_NAME", "TRANSLATION"]]).replace("</sheetData>", &format!("{cells}</sheetData>"));
    let begun = std::time::Instant::now();
    let mappings = read(&book(&wide, &sheet(&[]), &texts("1", &[&long])), reader()).unwrap();
    assert!(mappings.is_empty());
    assert!(begun.elapsed().as_secs() < 20, "it took {:?}", begun.elapsed());
}
