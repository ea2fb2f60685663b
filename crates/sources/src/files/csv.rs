//! CSV files: UTF-8 with a header row. A first pass over the whole file finds the columns' types and
//! the file's digest, a second one reads the rows, and proves by the digest that it read the same.

mod collect;
mod guess;
mod profile;
mod records;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use forebay_core::name::Identifier;
use forebay_core::source::{SourceError, SourceErrorKind};

use super::file::{Digested, FileDigest, Halt, Part};
use super::table::Sink;
use crate::stream::{BATCH_BYTES, BATCH_ROWS};
use collect::Collector;
pub(super) use guess::Kind;
pub(super) use profile::{Profile, Profiles, unite};
use records::{Broken, Record, Records};

/// How much is read from the system at a time, and the most a header may have for its delimiter to
/// be found.
const BUFFER: usize = 256 << 10;
/// What may stand between cells, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A file whose header was read.
struct Opened {
    records: Records<BufReader<Digested<File>>>,
    names: Vec<Identifier>,
}

impl Opened {
    fn new(part: &Part, halt: &Halt) -> Result<Self, SourceError> {
        let mut input = BufReader::with_capacity(BUFFER, Digested::new(part.open()?, halt.clone()));
        let start = input.fill_buf().map_err(|error| part.failed(error))?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(part.invalid("is UTF-16; save it as UTF-8"));
        }
        let mark = if start.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
        let delimiter = delimiter(&start[mark..]);
        input.consume(mark);
        let mut records = Records::new(input, delimiter);
        let mut header = Record::default();
        if !records.read(&mut header).map_err(|broken| explained(part, broken))? {
            return Err(part.invalid("is empty; its first row must name the columns"));
        }
        let names = names(part, &header)?;
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
            if record.len() > 1 || record.cell(0) != (&[], false) {
                return Err(part.invalid(format!(
                    "line {}: the row has {} and the header has {}; mend the row (a delimiter inside a cell needs \
                     quotes around the cell)",
                    record.line,
                    cells(record.len()),
                    cells(self.names.len())
                )));
            }
        }
    }

    fn digest(self) -> FileDigest {
        self.records.into_inner().into_inner().digest()
    }
}

fn cells(count: usize) -> String {
    if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") }
}

fn explained(part: &Part, broken: Broken) -> SourceError {
    match broken {
        Broken::System(error) => part.failed(error),
        broken => part.invalid(broken),
    }
}

/// The delimiter that stands most often in the header, outside of quotes.
fn delimiter(start: &[u8]) -> u8 {
    let mut counts = [0usize; DELIMITERS.len()];
    let mut quoted = false;
    for &byte in start {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some(place) = DELIMITERS.iter().position(|&delimiter| delimiter == byte) {
                    counts[place] += 1;
                }
            }
        }
    }
    let most = counts.iter().max().copied().unwrap_or_default();
    counts.iter().position(|&count| count == most).map_or(b',', |place| DELIMITERS[place])
}

fn names(part: &Part, header: &Record) -> Result<Vec<Identifier>, SourceError> {
    let mut names: Vec<Identifier> = Vec::with_capacity(header.len());
    for place in 0..header.len() {
        let shown = place + 1;
        let name = std::str::from_utf8(header.cell(place).0).map_err(|_| {
            part.invalid(format!("column {shown} of the header is not UTF-8; save the file as UTF-8"))
        })?;
        let name = Identifier::parse(&format!("column {shown} of the header"), name)
            .map_err(|error| part.invalid(format!("{error}; the first row must name every column")))?;
        if names.contains(&name) {
            return Err(part.invalid(format!("the header names column \"{name}\" twice; rename one of them")));
        }
        names.push(name);
    }
    Ok(names)
}

/// A column to read: its name and type.
pub(super) type Wanted = (Identifier, Kind);

/// Reads the wanted columns of a file in batches of the schema. `profile` is what the first pass saw.
pub(super) fn read(
    part: &Part,
    profile: &Profile,
    wanted: &[Wanted],
    schema: &SchemaRef,
    halt: &Halt,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, SourceError> {
    let mut opened = Opened::new(part, halt)?;
    if opened.names != profile.names {
        return Err(part.changed());
    }
    let mut columns = Vec::with_capacity(wanted.len());
    for (name, kind) in wanted {
        let place = opened.names.iter().position(|other| other == name).ok_or_else(|| part.changed())?;
        columns.push((place, Collector::new(*kind)));
    }
    let mut record = Record::default();
    let (mut rows, mut bytes) = (0, 0);
    loop {
        let more = opened.read(part, &mut record)?;
        if (!more && rows > 0) || rows == BATCH_ROWS || bytes >= BATCH_BYTES {
            let arrays = columns.iter_mut().map(|(_, collector)| collector.finish()).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
                .map_err(|error| part.invalid(&error).caused_by(error))?;
            if sink(batch)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            (rows, bytes) = (0, 0);
        }
        if !more {
            break;
        }
        for ((place, collector), (name, _)) in columns.iter_mut().zip(wanted) {
            let (cell, quoted) = record.cell(*place);
            let text = std::str::from_utf8(cell).map_err(|_| not_utf8(part, name, record.line))?;
            // The first pass saw that every cell fits: one that does not was not there then.
            bytes += collector.push(text, quoted).ok_or_else(|| part.changed())?;
        }
        rows += 1;
    }
    if opened.digest() != profile.digest {
        return Err(part.changed());
    }
    part.unchanged()?;
    Ok(ControlFlow::Continue(()))
}

/// A value of a CSV file that cannot be kept.
fn not_utf8(part: &Part, name: &Identifier, line: u64) -> SourceError {
    SourceError::new(
        SourceErrorKind::Value,
        format!(
            "file {}, line {line}, column \"{name}\": the cell is not UTF-8; save the file as UTF-8, or leave the \
             column out",
            part.shown
        ),
    )
}
