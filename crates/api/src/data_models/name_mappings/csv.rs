//! Name mappings of CSV: UTF-8, with commas, semicolons or tabs between.

use forebay_core::error::{Error, Result};
use forebay_core::model::name_mapping::NameMapping;

use super::rows::{COLUMNS, MappingReader};

pub(super) fn read(file: &[u8], mut reader: MappingReader) -> Result<Vec<NameMapping>> {
    let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
    let text = std::str::from_utf8(file).map_err(|error| {
        let reason = "is neither a spreadsheet (.xlsx) nor text in UTF-8: the bytes from";
        Error::invalid("file", format!("{reason} {} on are no characters", error.valid_up_to()))
    })?;
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let unreadable = |error: csv::Error| Error::invalid("file", format!("is no CSV: {error}"));
    let (mut number, mut counted) = (1, 0);
    while records.read_record(&mut record).map_err(unreadable)? {
        // The reader's own number stays behind where lines end with CR and LF.
        let before = record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(0));
        let begin = text.len() - text[before..].trim_start_matches(['\r', '\n']).len();
        number += text[counted..begin].matches('\n').count() as u64;
        counted = begin;
        let cells: Vec<(u32, String)> = (0..COLUMNS).zip(record.iter().map(str::to_owned)).collect();
        reader.row(number, &cells)?;
    }
    reader.end()
}

/// What stands between the headings.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: u8| first.bytes().filter(|byte| *byte == delimiter).count();
    // Of the same number the last one wins, and a file of one column is as good with any.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{reader, shown};
    use super::*;

    #[test]
    fn delimiters_are_seen_and_quotes_kept_together() {
        let expected = ["TABLE EKKO EN Orders, all", "COLUMN EKKO.A DE Ä"];
        for delimiter in [",", ";", "\t"] {
            let line = |cells: [&str; 4]| cells.join(delimiter);
            let file = [
                line(["TABLE_NAME", "COLUMN_NAME", "LANGUAGE_KEY", "TRANSLATION"]),
                line(["EKKO", "", "EN", "\"Orders, all\""]),
                line(["EKKO", "A", "DE", "Ä"]),
            ];
            let file = format!("\u{feff}{}\r\n", file.join("\r\n"));
            assert_eq!(shown(&read(file.as_bytes(), reader()).unwrap()), expected, "{delimiter:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_said_so() {
        let error = read(b"TABLE_NAME,TRANSLATION\nEKKO,\xE4", reader()).unwrap_err().to_string();
        assert!(error.contains("no characters") && error.contains("28"), "{error}");
        for file in ["TABLE_NAME;TRANSLATION\n;x", "TABLE_NAME;TRANSLATION\r\n;x\r\n"] {
            let error = read(file.as_bytes(), reader()).unwrap_err().to_string();
            assert!(error.starts_with("file: row 2: there is a translation"), "{error}");
        }
        let file = "TABLE_NAME;TRANSLATION\r\nEKKO;\"two\r\nlines\"\r\n\r\n;x\r\n";
        let error = read(file.as_bytes(), reader()).unwrap_err().to_string();
        assert!(error.starts_with("file: row 5: there is a translation"), "{error}");
        assert!(read(b"", reader()).is_err());
    }
}
