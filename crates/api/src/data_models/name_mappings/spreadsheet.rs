//! Name mappings of a spreadsheet (.xlsx), which is an archive of XML. Nobody knows who made it: before a library
//! reads it, it is looked at whether it unpacks to more than there is memory for, and cells are read one at a time,
//! so that no number in it says how much memory is taken.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use calamine::{DataRef, DataType, Reader, Xlsx};
use forebay_core::error::{Error, Result};
use forebay_core::model::name_mapping::NameMapping;
use zip::ZipArchive;

use super::rows::{COLUMNS, MappingReader, TEXT_LIMIT};

/// The most bytes a file may unpack to, the most parts of its archive, and the most texts in its table of texts.
const UNPACKED_LIMIT: u64 = 64 * 1024 * 1024;
const PART_LIMIT: usize = 1_000;
const SHARED_LIMIT: usize = 1_000_000;
/// The table of texts says how many it has, and the library makes room for them: more digits are a lie.
const COUNT_DIGITS: usize = 7;

/// Whether the file begins like an archive, or like what other spreadsheets are.
pub(super) fn is_one(file: &[u8]) -> bool {
    file.starts_with(b"PK") || is_old(file)
}

/// How .xls files begin, and .xlsx files with a password.
fn is_old(file: &[u8]) -> bool {
    file.starts_with(&[0xD0, 0xCF, 0x11, 0xE0])
}

pub(super) fn read(file: &[u8], mut reader: MappingReader) -> Result<Vec<NameMapping>> {
    if is_old(file) {
        return Err(Error::invalid(
            "file",
            "is an .xls file or has a password; save it as .xlsx without one, or as CSV",
        ));
    }
    look_into(file)?;
    let unreadable = |_| {
        Error::invalid("file", "cannot be read as a spreadsheet (.xlsx); save it anew, or as CSV in UTF-8")
    };
    let mut book = Xlsx::new(Cursor::new(file)).map_err(unreadable)?;
    for sheet in book.sheet_names() {
        // Not every sheet has cells: a chart may be one, too.
        let Ok(mut cells) = book.worksheet_cells_reader(&sheet) else { continue };
        reader.begin_sheet(&sheet);
        let mut row: (u32, BTreeMap<u32, String>) = (0, BTreeMap::new());
        while let Some(cell) = cells.next_cell().map_err(unreadable)? {
            let (number, column) = cell.get_position();
            if number != row.0 {
                end_row(&mut reader, &mut row)?;
                row.0 = number;
            }
            if column < COLUMNS
                && let Some(text) = text(cell.get_value())
            {
                row.1.insert(column, text);
            }
        }
        end_row(&mut reader, &mut row)?;
    }
    reader.end()
}

fn end_row(reader: &mut MappingReader, row: &mut (u32, BTreeMap<u32, String>)) -> Result<()> {
    let cells: Vec<(u32, String)> = std::mem::take(&mut row.1).into_iter().collect();
    if cells.is_empty() { Ok(()) } else { reader.row(u64::from(row.0) + 1, &cells) }
}

/// A cell's text, as long as one may be and a little more: a long one may be meant by very many cells.
fn text(value: &DataRef<'_>) -> Option<String> {
    let most = 4 * (TEXT_LIMIT + 1);
    match value {
        DataRef::SharedString(text) if text.len() > most => {
            Some(text[..text.floor_char_boundary(most)].to_owned())
        }
        other => other.as_string(),
    }
}

/// Refuses an archive that would take too much, by unpacking it once, part by part.
fn look_into(file: &[u8]) -> Result<()> {
    let broken = |_| Error::invalid("file", "is a broken .xlsx file; save it anew");
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(broken)?;
    if archive.len() > PART_LIMIT {
        let reason = format!("has more than {PART_LIMIT} parts, which no spreadsheet of name mappings needs");
        return Err(Error::invalid("file", reason));
    }
    let mut left = UNPACKED_LIMIT;
    let mut shared = 0;
    let mut bytes = Vec::new();
    for place in 0..archive.len() {
        let part = archive.by_index(place).map_err(broken)?;
        bytes.clear();
        // What the archive says of a part's size is no promise.
        let unpacked = part.take(left + 1).read_to_end(&mut bytes);
        let unpacked =
            unpacked.map_err(|_| Error::invalid("file", "is a broken .xlsx file; save it anew"))?;
        left = left.checked_sub(unpacked as u64).ok_or_else(|| {
            let limit = UNPACKED_LIMIT / 1024 / 1024;
            Error::invalid("file", format!("unpacks to more than {limit} MiB; send it in parts, or as CSV"))
        })?;
        if is_encoded(&bytes) {
            return Err(Error::invalid(
                "file",
                "has parts that are not UTF-8; save it anew, or as CSV in UTF-8",
            ));
        }
        if claims_too_much(&bytes) {
            return Err(Error::invalid("file", "counts its texts wrongly; save it anew, or as CSV in UTF-8"));
        }
        shared += bytes.windows(3).filter(|letters| *letters == b"<si" || *letters == b":si").count();
        if shared > SHARED_LIMIT {
            let reason = format!("has more than {SHARED_LIMIT} texts; send it in parts, or as CSV");
            return Err(Error::invalid("file", reason));
        }
    }
    Ok(())
}

/// Whether a part is, or says that it is, of another encoding than the one in which it is looked at here.
fn is_encoded(part: &[u8]) -> bool {
    const BEGIN: &[u8] = b"<?xml";
    const WIDE: [&[u8]; 4] = [&[0xFE, 0xFF], &[0xFF, 0xFE], &[0, b'<'], &[b'<', 0]];
    if WIDE.iter().any(|begin| part.starts_with(begin)) {
        return true;
    }
    // Nothing keeps a library from believing one that stands elsewhere than at the beginning.
    part.windows(BEGIN.len()).enumerate().filter(|(_, letters)| *letters == BEGIN).any(|(place, _)| {
        let rest = &part[place..part.len().min(place + 1024)];
        let Some(end) = rest.iter().position(|byte| *byte == b'>') else { return true };
        let declaration = String::from_utf8_lossy(&rest[..end]).to_lowercase();
        let Some((_, encoding)) = declaration.split_once("encoding") else { return false };
        let name = encoding.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        !["utf-8", "utf8", "us-ascii"].iter().any(|known| name.starts_with(known))
    })
}

/// Whether a part counts more texts than any file has.
fn claims_too_much(part: &[u8]) -> bool {
    const NAME: &[u8] = b"uniqueCount";
    part.windows(NAME.len()).enumerate().filter(|(_, letters)| *letters == NAME).any(|(place, _)| {
        let after = &part[place + NAME.len()..];
        let value = after.iter().skip_while(|byte| !byte.is_ascii_digit() && **byte != b'>');
        value.take_while(|byte| byte.is_ascii_digit()).count() > COUNT_DIGITS
    })
}

#[cfg(test)]
mod tests;
