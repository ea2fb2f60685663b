//! Bytes of any charset as text.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

/// How much is read from the system at a time.
const BUFFER: usize = 64 << 10;

/// Finds a charset by its name, as the web, Java and Python write it.
///
/// # Errors
/// A sentence that names the option.
pub(super) fn charset(name: Option<&str>) -> Result<&'static Encoding, String> {
    let Some(name) = name else { return Ok(UTF_8) };
    let plain = name.trim().replace('_', "-");
    Encoding::for_label(plain.as_bytes()).ok_or_else(|| {
        format!("csvParsingOptions.charSet: `{name}` is no charset that is known; use UTF-8, UTF-16LE, windows-1252, ISO-8859-15 or another name of the WHATWG's list")
    })
}

/// Why text cannot be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    System(io::Error),
    /// Bytes that the charset does not have.
    Malformed,
}

/// Text that is decoded piece by piece. A mark of the byte order is left out, and counts before the charset.
pub(super) struct Text<R> {
    input: R,
    decoder: Decoder,
    bytes: Vec<u8>,
    /// The bytes that are not decoded yet lie from here on.
    from: usize,
    text: String,
    /// The text that was not taken yet begins here.
    at: usize,
    ended: bool,
}

impl<R: Read> Text<R> {
    pub(super) fn new(input: R, charset: &'static Encoding) -> Self {
        let decoder = charset.new_decoder();
        Self { input, decoder, bytes: Vec::new(), from: 0, text: String::new(), at: 0, ended: false }
    }

    /// What was read and not taken: at least so many bytes, unless the input ends before.
    pub(super) fn ahead(&mut self, least: usize) -> Result<&str, Unreadable> {
        while self.text.len() - self.at < least && !self.ended {
            self.fill()?;
        }
        Ok(&self.text[self.at..])
    }

    /// Takes bytes of what [`Text::ahead`] gave, up to where a character ends.
    pub(super) fn take(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn fill(&mut self) -> Result<(), Unreadable> {
        self.text.drain(..self.at);
        self.at = 0;
        self.bytes.drain(..self.from);
        self.from = 0;
        let known = self.bytes.len();
        self.bytes.resize(known + BUFFER, 0);
        let read = loop {
            match self.input.read(&mut self.bytes[known..]) {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Unreadable::System(error)),
            }
        };
        self.bytes.truncate(known + read);
        let last = read == 0;
        let most = self.decoder.max_utf8_buffer_length_without_replacement(self.bytes.len());
        self.text.reserve(most.unwrap_or(4 * self.bytes.len() + 16));
        let (result, used) =
            self.decoder.decode_to_string_without_replacement(&self.bytes, &mut self.text, last);
        self.from = used;
        match result {
            DecoderResult::InputEmpty => self.ended = last,
            // There is room for all of it; if there was not, the rest is decoded next.
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => return Err(Unreadable::Malformed),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], name: Option<&str>) -> Result<String, ()> {
        let mut text = Text::new(bytes, charset(name).unwrap());
        let mut read = String::new();
        loop {
            let ahead = text.ahead(1).map_err(drop)?.to_owned();
            if ahead.is_empty() {
                return Ok(read);
            }
            read.push_str(&ahead);
            text.take(ahead.len());
        }
    }

    #[test]
    fn charsets_are_known_by_many_names() {
        assert_eq!(read("Jürgen €".as_bytes(), None).unwrap(), "Jürgen €");
        assert_eq!(read(b"J\xfcrgen \x80", Some("Cp1252")).unwrap(), "Jürgen €");
        assert_eq!(read(b"J\xfcrgen \xa4", Some("ISO_8859-15")).unwrap(), "Jürgen €");
        let utf16: Vec<u8> = "Jürgen".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked: Vec<u8> = [0xfe, 0xff].into_iter().chain(utf16).collect();
        assert_eq!(read(&marked, Some("utf-16")).unwrap(), "Jürgen");
        assert_eq!(read(b"\xef\xbb\xbfa", None).unwrap(), "a");
        let error = charset(Some("klingon")).unwrap_err();
        assert!(error.starts_with("csvParsingOptions.charSet: `klingon`"), "{error}");
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error() {
        assert!(read(b"a\xff", None).is_err());
        assert!(read(b"a\xe2\x82", Some("UTF-8")).is_err());
    }

    #[test]
    fn a_character_across_two_reads_is_one() {
        let long = "€".repeat(50_000);
        assert_eq!(read(long.as_bytes(), None).unwrap(), long);
    }
}
