//! Rows of cells after RFC 4180, strictly: it is known which cells were quoted, and a quote that is
//! never closed is an error instead of a cell that swallows the rest of the file.

use std::io::{self, BufRead};

/// The most bytes of one row: a quote that is not closed must not fill the memory.
const RECORD_LIMIT: usize = 64 << 20;

/// One row. Kept between reads, so that its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
    cells: Vec<Cell>,
    /// The line on which the row begins, from 1.
    pub(super) line: u64,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    end: usize,
    quoted: bool,
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// A cell's bytes, and whether it was quoted.
    pub(super) fn cell(&self, place: usize) -> (&[u8], bool) {
        let start = if place == 0 { 0 } else { self.cells[place - 1].end };
        let Cell { end, quoted } = self.cells[place];
        (&self.bytes[start..end], quoted)
    }

    fn end_cell(&mut self, quoted: bool) {
        self.cells.push(Cell { end: self.bytes.len(), quoted });
    }
}

/// Why a row cannot be read.
#[derive(Debug)]
pub(super) enum Broken {
    System(io::Error),
    /// The quoted cell that begins on this line is not closed.
    OpenQuote(u64),
    /// Something other than a delimiter or the line's end follows a quoted cell.
    AfterQuote(u64),
    /// The row that begins on this line has more than [`RECORD_LIMIT`] bytes.
    TooLong(u64),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System(error) => write!(formatter, "{error}"),
            Self::OpenQuote(line) => write!(formatter, "line {line}: a quote is opened and never closed"),
            Self::AfterQuote(line) => write!(
                formatter,
                "line {line}: text follows a closing quote; write a quote inside a quoted cell twice"
            ),
            Self::TooLong(line) => write!(
                formatter,
                "line {line}: the row is longer than {} MiB; a quote may not be closed",
                RECORD_LIMIT >> 20
            ),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// After a quote inside a quoted cell: its end, or the first of two.
    QuoteSeen,
}

/// Reads rows from bytes. A row ends with a line feed, a carriage return or both.
pub(super) struct Records<R> {
    input: R,
    delimiter: u8,
    /// Lines that have begun.
    line: u64,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R, delimiter: u8) -> Self {
        Self { input, delimiter, line: 1, after_return: false }
    }

    pub(super) fn into_inner(self) -> R {
        self.input
    }

    /// Reads the next row; `false` at the end. An empty line is a row of one empty cell.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, Broken> {
        record.bytes.clear();
        record.cells.clear();
        record.line = self.line;
        let mut state = State::CellStart;
        let mut quote_line = self.line;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Broken::System(error)),
            };
            if chunk.is_empty() {
                return match state {
                    State::Quoted => Err(Broken::OpenQuote(quote_line)),
                    State::CellStart if record.cells.is_empty() => Ok(false),
                    state => {
                        record.end_cell(state == State::QuoteSeen);
                        Ok(true)
                    }
                };
            }
            let mut used = 0;
            let mut ended = false;
            if self.after_return {
                self.after_return = false;
                used = usize::from(chunk[0] == b'\n');
            }
            while used < chunk.len() && !ended {
                let rest = &chunk[used..];
                let byte = rest[0];
                match state {
                    State::Quoted => {
                        let end = rest.iter().position(|&byte| byte == b'"').unwrap_or(rest.len());
                        record.bytes.extend_from_slice(&rest[..end]);
                        self.line += lines(&rest[..end]);
                        used += end;
                        if end < rest.len() {
                            used += 1;
                            state = State::QuoteSeen;
                        }
                    }
                    State::CellStart if byte == b'"' => {
                        quote_line = self.line;
                        used += 1;
                        state = State::Quoted;
                    }
                    State::QuoteSeen if byte == b'"' => {
                        record.bytes.push(b'"');
                        used += 1;
                        state = State::Quoted;
                    }
                    _ => {
                        let ends = |&byte: &u8| byte == self.delimiter || byte == b'\n' || byte == b'\r';
                        let end = rest.iter().position(ends).unwrap_or(rest.len());
                        if end > 0 && state == State::QuoteSeen {
                            return Err(Broken::AfterQuote(self.line));
                        }
                        record.bytes.extend_from_slice(&rest[..end]);
                        used += end;
                        if end < rest.len() {
                            used += 1;
                            record.end_cell(state == State::QuoteSeen);
                            if rest[end] != self.delimiter {
                                self.line += 1;
                                self.after_return = rest[end] == b'\r';
                                ended = true;
                            }
                            state = State::CellStart;
                        } else {
                            state = State::Plain;
                        }
                    }
                }
            }
            self.input.consume(used);
            if record.bytes.len() > RECORD_LIMIT {
                return Err(Broken::TooLong(record.line));
            }
            if ended {
                return Ok(true);
            }
        }
    }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Rows as text with `|` between cells and quotes around those that were quoted.
    fn read(text: &str, buffer: usize) -> Result<Vec<(u64, String)>, String> {
        let mut records = Records::new(BufReader::with_capacity(buffer, text.as_bytes()), b',');
        let (mut record, mut rows) = (Record::default(), Vec::new());
        while records.read(&mut record).map_err(|broken| broken.to_string())? {
            let cells: Vec<String> = (0..record.len())
                .map(|place| match record.cell(place) {
                    (cell, true) => format!("\"{}\"", String::from_utf8_lossy(cell)),
                    (cell, false) => String::from_utf8_lossy(cell).into_owned(),
                })
                .collect();
            rows.push((record.line, cells.join("|")));
        }
        Ok(rows)
    }

    #[track_caller]
    fn check(text: &str, expected: Result<&[(u64, &str)], &str>) {
        for buffer in [1, 2, 3, 7, 1024] {
            match (read(text, buffer), expected) {
                (Ok(rows), Ok(expected)) => {
                    let rows: Vec<(u64, &str)> =
                        rows.iter().map(|(line, row)| (*line, row.as_str())).collect();
                    assert_eq!(rows, expected, "{text:?} with a buffer of {buffer}");
                }
                (Err(error), Err(part)) => assert!(error.contains(part), "{text:?}: {error}"),
                (found, _) => panic!("{text:?} with a buffer of {buffer} gave {found:?}"),
            }
        }
    }

    #[test]
    fn rows_and_cells_are_told_apart() {
        check("", Ok(&[]));
        check("a,b\n1,2\n", Ok(&[(1, "a|b"), (2, "1|2")]));
        check("a,b\r\n1,2", Ok(&[(1, "a|b"), (2, "1|2")]));
        check("a\rb\r", Ok(&[(1, "a"), (2, "b")]));
        check(",\n", Ok(&[(1, "|")]));
        check("a,", Ok(&[(1, "a|")]));
        check("a\n\nb", Ok(&[(1, "a"), (2, ""), (3, "b")]));
        check("a\r\n\r\nb", Ok(&[(1, "a"), (2, ""), (3, "b")]));
    }

    #[test]
    fn quoted_cells_hold_anything() {
        check("\"a,\"\"b\"\"\n\",\"\",\nx", Ok(&[(1, "\"a,\"b\"\n\"|\"\"|"), (3, "x")]));
        check("a\"b,c\"\n", Ok(&[(1, "a\"b|c\"")]));
        check("\"a\"\r\n\"\"", Ok(&[(1, "\"a\""), (2, "\"\"")]));
    }

    #[test]
    fn broken_quotes_are_told_with_their_line() {
        check("a\n\"b\nc,d\n", Err("line 2: a quote is opened"));
        check("a,b\n\"x\"y,1\n", Err("line 2: text follows"));
        check("\"", Err("line 1: a quote is opened"));
    }
}
