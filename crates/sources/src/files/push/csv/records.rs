//! Rows of cells, for marks of any length.

use std::io::{self, Read};

use super::super::charset::{Text, Unreadable};
use super::{Dialect, LineEnd};

/// The most bytes of one row: a quote that is not closed must not fill the memory.
const RECORD_LIMIT: usize = 64 << 20;

/// One row. Kept between reads, so that its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Record {
    text: String,
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

    /// A cell's text; `None` when there is nothing in it, not even quotes.
    pub(super) fn cell(&self, place: usize) -> Option<&str> {
        let start = if place == 0 { 0 } else { self.cells[place - 1].end };
        let Cell { end, quoted } = self.cells[place];
        (quoted || end > start).then(|| &self.text[start..end])
    }

    fn end_cell(&mut self, state: State) {
        self.cells.push(Cell { end: self.text.len(), quoted: state == State::QuoteSeen });
    }
}

/// Why a row cannot be read.
#[derive(Debug)]
pub(super) enum Broken {
    System(io::Error),
    /// Near this line.
    Charset(u64, &'static str),
    /// The quoted cell that begins on this line is not closed.
    OpenQuote(u64),
    /// Something other than a separator or the line's end follows a quoted cell.
    AfterQuote(u64),
    /// The row that begins on this line has more than [`RECORD_LIMIT`] bytes.
    TooLong(u64),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System(error) => write!(formatter, "{error}"),
            Self::Charset(line, charset) => write!(
                formatter,
                "not far behind line {line} there is something that is no {charset}; say the file's charset in csvParsingOptions.charSet"
            ),
            Self::OpenQuote(line) => write!(formatter, "line {line}: a quote is opened and never closed"),
            Self::AfterQuote(line) => write!(
                formatter,
                "line {line}: text follows a closing quote; write a quote inside a quoted cell twice, or say in csvParsingOptions how it is escaped"
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

/// What stands at a place.
enum Mark {
    Separator,
    Quote,
    /// An escape and the mark behind it, with the bytes of both.
    Escaped(usize, usize),
    LineEnd(usize),
    Text,
}

/// Reads rows.
pub(super) struct Records<'a, R> {
    text: Text<R>,
    dialect: &'a Dialect,
    /// Whether a byte may begin a mark.
    begins: Vec<bool>,
    /// How far a mark can be from its first byte on, with an escape before it.
    longest: usize,
    /// Lines that have begun.
    line: u64,
}

impl<'a, R: Read> Records<'a, R> {
    pub(super) fn new(input: R, dialect: &'a Dialect) -> Self {
        let ends: &[&[u8]] = match &dialect.line_end {
            LineEnd::Any | LineEnd::LineFeed => &[b"\r\n", b"\n"],
            LineEnd::Exactly(end) => &[end],
        };
        let marks = [Some(&dialect.separator), dialect.quote.as_ref(), dialect.escape.as_ref()];
        let marks = marks.into_iter().flatten().map(Vec::as_slice).chain(ends.iter().copied());
        let (mut begins, mut longest) = (vec![false; 256], 0);
        for mark in marks {
            begins[usize::from(mark[0])] = true;
            longest = longest.max(mark.len());
        }
        let text = Text::new(input, dialect.charset);
        Self { text, dialect, begins, longest: 2 * longest, line: 1 }
    }

    /// Reads the next row; `false` at the end. An empty line is a row of one empty cell.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, Broken> {
        record.text.clear();
        record.cells.clear();
        record.line = self.line;
        let mut state = State::CellStart;
        let mut quote_line = self.line;
        loop {
            if record.text.len() > RECORD_LIMIT {
                return Err(Broken::TooLong(record.line));
            }
            let (line, charset) = (self.line, self.dialect.charset.name());
            let ahead = self.text.ahead(self.longest).map_err(|unreadable| match unreadable {
                Unreadable::System(error) => Broken::System(error),
                Unreadable::Malformed => Broken::Charset(line, charset),
            })?;
            if ahead.is_empty() {
                return match state {
                    State::Quoted => Err(Broken::OpenQuote(quote_line)),
                    State::CellStart if record.cells.is_empty() => Ok(false),
                    state => {
                        record.end_cell(state);
                        Ok(true)
                    }
                };
            }
            let mark = mark(self.dialect, ahead.as_bytes(), state);
            let taken = match (mark, state) {
                (Mark::Quote, State::CellStart) => {
                    (state, quote_line) = (State::Quoted, self.line);
                    self.dialect.quote.as_ref().map_or(0, Vec::len)
                }
                (Mark::Quote, State::Quoted) => {
                    state = State::QuoteSeen;
                    self.dialect.quote.as_ref().map_or(0, Vec::len)
                }
                (Mark::Quote, State::QuoteSeen) => {
                    let length = self.dialect.quote.as_ref().map_or(0, Vec::len);
                    record.text.push_str(&ahead[..length]);
                    state = State::Quoted;
                    length
                }
                (Mark::Escaped(before, length), _) if state != State::QuoteSeen => {
                    record.text.push_str(&ahead[before..before + length]);
                    self.line += lines(&ahead[before..before + length]);
                    if state == State::CellStart {
                        state = State::Plain;
                    }
                    before + length
                }
                (Mark::Separator, State::CellStart | State::Plain | State::QuoteSeen) => {
                    record.end_cell(state);
                    state = State::CellStart;
                    self.dialect.separator.len()
                }
                (Mark::LineEnd(length), State::CellStart | State::Plain | State::QuoteSeen) => {
                    record.end_cell(state);
                    self.line += 1;
                    self.text.take(length);
                    return Ok(true);
                }
                (_, State::QuoteSeen) => return Err(Broken::AfterQuote(self.line)),
                // Text, or a mark that means nothing here.
                (_, State::CellStart | State::Plain | State::Quoted) => {
                    let first = ahead.chars().next().map_or(1, char::len_utf8);
                    let rest = &ahead.as_bytes()[first..];
                    let plain = rest.iter().position(|byte| self.begins[usize::from(*byte)]);
                    let mut length = first + plain.unwrap_or(rest.len());
                    // A mark's first byte may stand inside of a character.
                    while !ahead.is_char_boundary(length) {
                        length -= 1;
                    }
                    record.text.push_str(&ahead[..length]);
                    self.line += if state == State::Quoted { lines(&ahead[..length]) } else { 0 };
                    if state == State::CellStart {
                        state = State::Plain;
                    }
                    length
                }
            };
            self.text.take(taken);
        }
    }
}

/// What stands at the beginning of a text.
fn mark(dialect: &Dialect, text: &[u8], state: State) -> Mark {
    let line_end = |text: &[u8]| match &dialect.line_end {
        LineEnd::Any if text.starts_with(b"\r\n") => Some(2),
        LineEnd::Any if text.starts_with(b"\n") || text.starts_with(b"\r") => Some(1),
        LineEnd::LineFeed if text.starts_with(b"\r\n") => Some(2),
        LineEnd::LineFeed if text.starts_with(b"\n") => Some(1),
        LineEnd::Exactly(end) if text.starts_with(end) => Some(end.len()),
        LineEnd::Any | LineEnd::LineFeed | LineEnd::Exactly(_) => None,
    };
    if let Some(escape) = &dialect.escape
        && let Some(after) = text.strip_prefix(escape.as_slice())
    {
        let marks = [Some(escape), dialect.quote.as_ref(), Some(&dialect.separator)];
        let meant = marks.into_iter().flatten().find(|mark| after.starts_with(mark)).map(Vec::len);
        if let Some(length) = meant.or_else(|| line_end(after)) {
            return Mark::Escaped(escape.len(), length);
        }
    }
    if dialect.quote.as_ref().is_some_and(|quote| text.starts_with(quote)) && state != State::Plain {
        return Mark::Quote;
    }
    if text.starts_with(&dialect.separator) {
        return Mark::Separator;
    }
    line_end(text).map_or(Mark::Text, Mark::LineEnd)
}

fn lines(text: &str) -> u64 {
    text.bytes().filter(|&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use forebay_core::push::CsvOptions;

    use super::*;

    /// Gives few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    /// Rows with `|` between cells, and `-` for NULL.
    fn read(text: &str, options: &CsvOptions, at_a_time: usize) -> Result<Vec<(u64, String)>, String> {
        let dialect = Dialect::new(options)?;
        let mut records = Records::new(Slow(text.as_bytes(), at_a_time), &dialect);
        let (mut record, mut rows) = (Record::default(), Vec::new());
        while records.read(&mut record).map_err(|broken| broken.to_string())? {
            let cells: Vec<&str> = (0..record.len()).map(|at| record.cell(at).unwrap_or("-")).collect();
            rows.push((record.line, cells.join("|")));
        }
        Ok(rows)
    }

    #[track_caller]
    fn check(options: &CsvOptions, text: &str, expected: Result<&[(u64, &str)], &str>) {
        for at_a_time in [1, 2, 5, 4096] {
            match (read(text, options, at_a_time), expected) {
                (Ok(rows), Ok(expected)) => {
                    let rows: Vec<(u64, &str)> = rows.iter().map(|row| (row.0, row.1.as_str())).collect();
                    assert_eq!(rows, expected, "{text:?}, {at_a_time} at a time");
                }
                (Err(error), Err(part)) => assert!(error.contains(part), "{text:?}: {error}"),
                (found, _) => panic!("{text:?} gave {found:?}"),
            }
        }
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_is_not_said_is_what_spreadsheets_write() {
        let options = CsvOptions::default();
        check(&options, "", Ok(&[]));
        check(
            &options,
            "a,b\n1,\r\n\"\",\"x,\"\"y\"\"\nz\"\n",
            Ok(&[(1, "a|b"), (2, "1|-"), (3, "|x,\"y\"\nz")]),
        );
        check(&options, "a\rb", Ok(&[(1, "a"), (2, "b")]));
        check(&options, "a,ü€\n\n", Ok(&[(1, "a|ü€"), (2, "-")]));
        check(&options, "a\n\"b\nc", Err("line 2: a quote is opened"));
        check(&options, "\"a\"b", Err("line 1: text follows"));
    }

    #[test]
    fn marks_may_be_other_ones_and_longer() {
        let options = CsvOptions {
            separator: some("||"),
            quote: some("'"),
            escape: some("\\"),
            line_ending: some("\r\n"),
            ..CsvOptions::default()
        };
        check(
            &options,
            "a||'b\\'||'||c|d\\||e\r\n'x''y'||\n||C:\\temp\\\\\r\n",
            Ok(&[(1, "a|b'|||c|d||e"), (2, "x'y|\n|C:\\temp\\")]),
        );
        let tabs = CsvOptions { separator: some("\\t"), quote: some(""), ..CsvOptions::default() };
        check(&tabs, "a\tb\n\"1\t2\n", Ok(&[(1, "a|b"), (2, "\"1|2")]));
        let feeds = CsvOptions { line_ending: some("\n"), ..CsvOptions::default() };
        check(&feeds, "a\rb,c\r\nd,e\n", Ok(&[(1, "a\rb|c"), (2, "d|e")]));
    }

    #[test]
    fn a_mark_that_cannot_be_is_told_by_its_name() {
        let check = |options: CsvOptions, expected: &str| {
            let error = Dialect::new(&options).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        };
        check(
            CsvOptions { separator: some("123456789"), ..CsvOptions::default() },
            "csvParsingOptions.separatorSequence: must have at most 8",
        );
        check(
            CsvOptions { quote: some(","), ..CsvOptions::default() },
            "csvParsingOptions.quoteSequence: must not be the separator",
        );
        check(CsvOptions { charset: some("x"), ..CsvOptions::default() }, "csvParsingOptions.charSet: `x`");
    }

    #[test]
    fn a_row_without_an_end_does_not_fill_the_memory() {
        let dialect = Dialect::new(&CsvOptions::default()).unwrap();
        let mut records = Records::new(io::repeat(b'a').take(1 << 30), &dialect);
        let error = records.read(&mut Record::default()).unwrap_err().to_string();
        assert!(error.contains("longer than 64 MiB"), "{error}");
    }
}
