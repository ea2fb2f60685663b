//! CSV files of a data push: a header row, and cells as text. How they are written is the client's to say.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::DataType;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use encoding_rs::Encoding;
use forebay_core::name::Identifier;
use forebay_core::push::CsvOptions;
use forebay_core::source::SourceError;

use super::super::file::{Digested, Halt, Part};
use super::super::table::{Column, Sink};
use super::charset::charset;
use super::schema;
use crate::stream::{BATCH_BYTES, BATCH_ROWS};
use records::{Broken, Record, Records};

mod records;

/// The most characters of a mark between cells, around them or between lines.
const LONGEST_MARK: usize = 8;

/// How a CSV file is written.
#[derive(Debug)]
pub(super) struct Dialect {
    charset: &'static Encoding,
    separator: Vec<u8>,
    /// `None`: no cell is quoted.
    quote: Option<Vec<u8>>,
    /// Before a mark that is meant as text; beside a quote that is doubled.
    escape: Option<Vec<u8>>,
    line_end: LineEnd,
}

#[derive(Debug)]
enum LineEnd {
    /// A line feed, a carriage return or both.
    Any,
    /// A line feed, or a carriage return before one.
    LineFeed,
    Exactly(Vec<u8>),
}

impl Dialect {
    /// # Errors
    /// A sentence that names the option.
    pub(super) fn new(options: &CsvOptions) -> Result<Self, String> {
        let separator = mark("separatorSequence", options.separator.as_deref())?;
        let quote = match options.quote.as_deref() {
            // Said to be none.
            Some("") => None,
            quote => Some(mark("quoteSequence", quote)?.unwrap_or_else(|| b"\"".to_vec())),
        };
        let escape = mark("escapeSequence", options.escape.as_deref())?;
        let line_end = match mark("lineEnding", options.line_ending.as_deref())? {
            None => LineEnd::Any,
            Some(end) if end == b"\n" => LineEnd::LineFeed,
            Some(end) => LineEnd::Exactly(end),
        };
        let separator = separator.unwrap_or_else(|| b",".to_vec());
        if quote.as_ref() == Some(&separator) {
            return Err("csvParsingOptions.quoteSequence: must not be the separator".to_owned());
        }
        if escape.as_ref() == Some(&separator) {
            return Err("csvParsingOptions.escapeSequence: must not be the separator".to_owned());
        }
        // A quote that escapes itself is one that is doubled.
        let escape = escape.filter(|escape| quote.as_ref() != Some(escape));
        Ok(Self { charset: charset(options.charset.as_deref())?, separator, quote, escape, line_end })
    }
}

/// A mark as bytes; `None` when it is not said. Programs that write JSON by hand write `\t` as two characters.
fn mark(field: &str, text: Option<&str>) -> Result<Option<Vec<u8>>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > LONGEST_MARK {
        return Err(format!("csvParsingOptions.{field}: must have at most {LONGEST_MARK} characters"));
    }
    let text = text.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t");
    Ok(Some(text.into_bytes()))
}

/// A file whose header was read.
struct Opened<'a> {
    records: Records<'a, Digested<File>>,
    names: Vec<Identifier>,
}

impl<'a> Opened<'a> {
    fn new(part: &Part, dialect: &'a Dialect, halt: &Halt) -> Result<Self, SourceError> {
        let input = Digested::new(part.open()?, halt.clone());
        let mut records = Records::new(input, dialect);
        let mut header = Record::default();
        if !records.read(&mut header).map_err(|broken| explained(part, broken))? {
            return Err(part.invalid("is empty; its first row must name the columns"));
        }
        let mut names: Vec<Identifier> = Vec::with_capacity(header.len());
        for place in 0..header.len() {
            let what = format!("column {} of the header", place + 1);
            let name = Identifier::parse(&what, header.cell(place).unwrap_or_default().trim())
                .map_err(|error| part.invalid(format!("{error}; the first row must name every column")))?;
            if names.contains(&name) {
                let text = format!("the header names column \"{name}\" twice; rename one of them");
                return Err(part.invalid(text));
            }
            names.push(name);
        }
        Ok(Self { records, names })
    }

    /// Reads the next row; `false` at the end.
    fn read(&mut self, part: &Part, record: &mut Record) -> Result<bool, SourceError> {
        loop {
            if !self.records.read(record).map_err(|broken| explained(part, broken))? {
                return Ok(false);
            }
            if record.len() == self.names.len() {
                return Ok(true);
            }
            // An empty line means nothing where a row has several cells.
            if record.len() > 1 || record.cell(0).is_some() {
                return Err(part.invalid(format!(
                    "line {}: the row has {} cells and the header has {}; mend the row, or say in csvParsingOptions what stands between cells and around them",
                    record.line,
                    record.len(),
                    self.names.len()
                )));
            }
        }
    }
}

fn explained(part: &Part, broken: Broken) -> SourceError {
    match broken {
        Broken::System(error) => part.failed(error),
        broken => part.invalid(broken),
    }
}

/// The columns that the header names.
pub(super) fn columns(part: &Part, dialect: &Dialect, halt: &Halt) -> Result<Vec<Column>, SourceError> {
    let opened = Opened::new(part, dialect, halt)?;
    Ok(texts(opened.names))
}

fn texts(names: Vec<Identifier>) -> Vec<Column> {
    let column =
        |name| Column { name, data_type: Some(DataType::Utf8), type_name: DataType::Utf8.to_string() };
    names.into_iter().map(column).collect()
}

/// Reads the rows of a file in batches of texts. A cell with nothing in it is NULL, unless it is quoted.
pub(super) fn read(
    part: &Part,
    dialect: &Dialect,
    halt: &Halt,
    sink: &mut Sink<'_>,
) -> Result<(), SourceError> {
    let mut opened = Opened::new(part, dialect, halt)?;
    let schema = schema(&texts(opened.names.clone()));
    let mut builders: Vec<StringBuilder> = opened.names.iter().map(|_| StringBuilder::new()).collect();
    let mut record = Record::default();
    let (mut rows, mut bytes) = (0, 0);
    loop {
        let more = opened.read(part, &mut record)?;
        if (!more && rows > 0) || rows == BATCH_ROWS || bytes >= BATCH_BYTES {
            let arrays = builders.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
                .map_err(|error| part.invalid(&error).caused_by(error))?;
            if sink(batch)?.is_break() {
                return Ok(());
            }
            (rows, bytes) = (0, 0);
        }
        if !more {
            return part.unchanged();
        }
        for (place, builder) in builders.iter_mut().enumerate() {
            let cell = record.cell(place);
            bytes += cell.map_or(0, str::len) + 4;
            builder.append_option(cell);
        }
        rows += 1;
    }
}
