//! Reads the engine's log of commits (its WAL) as far as is needed to say whether it is whole.
//!
//! The engine itself is not strict enough. It takes an entry that does not fit into the file for the torn
//! end of a commit that nobody was told of, and cuts the log there without a word. Where a single bit of a
//! length was flipped in the middle, that would lose every commit after it. Here the end is torn only when
//! no commit ends behind it. What a log says is not looked at: that is the engine's.
//!
//! The log begins with a header. Then come entries: length and checksum, eight bytes each with the lowest
//! first, and the entry's bytes. The last entry of every commit is always the same.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// What a log is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// Missing, whole, or torn in a commit that was never acknowledged: the engine reads it right.
    Whole,
    /// Commits after this many bytes cannot be read. So far it is whole, and ends with a commit; 0: the
    /// header already is damaged, or the first commit.
    Damaged { whole: u64 },
}

/// The header of a log of this kind: the bytes before the database's identifier.
const HEADER: [u8; 8] = [100, 0, 98, 101, 0, VERSION, 102, 0];
/// The version that has lengths and checksums.
const VERSION: u8 = 2;
/// The bytes of the entry that ends a commit.
const COMMIT: [u8; 5] = [100, 0, 100, 0xff, 0xff];
/// Length and checksum.
const FRAME: u64 = 16;
/// How many of the bytes of a commit's end may differ for it to be taken for a damaged one.
const ALIKE: usize = 4;

/// Looks at a log.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn look(path: &Path) -> io::Result<Log> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Log::Whole),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let mut log = BufReader::with_capacity(1 << 20, file);
    let mut at = match header(&mut log)? {
        Header::Whole { length } => length,
        // Too short for a commit.
        Header::Torn => return Ok(Log::Whole),
        // Of another version, which the engine judges.
        Header::Foreign => return Ok(Log::Whole),
        Header::Damaged => return Ok(Log::Damaged { whole: 0 }),
    };
    // Where the last commit ends.
    let mut whole = 0;
    while at < length {
        let Some(entry) = entry(&mut log, length - at)? else {
            // Nothing is torn that ends like a commit.
            let damaged = commit_ends_behind(&mut log, at, length)?;
            return Ok(if damaged { Log::Damaged { whole } } else { Log::Whole });
        };
        at += FRAME + entry.length;
        match entry.kind {
            Kind::Commit => whole = at,
            Kind::Other => {}
            // The bytes are there and are not what was written.
            Kind::Changed => return Ok(Log::Damaged { whole }),
        }
    }
    Ok(Log::Whole)
}

enum Header {
    Whole { length: u64 },
    Torn,
    Foreign,
    Damaged,
}

fn header(log: &mut impl Read) -> io::Result<Header> {
    let mut bytes = Vec::new();
    log.by_ref().take(HEADER.len() as u64).read_to_end(&mut bytes)?;
    if bytes.len() < HEADER.len() {
        return Ok(if HEADER.starts_with(&bytes) { Header::Torn } else { Header::Damaged });
    }
    if bytes != HEADER {
        let other_version = bytes[..5] == HEADER[..5] && bytes[6..] == HEADER[6..] && bytes[5] > VERSION;
        return Ok(if other_version { Header::Foreign } else { Header::Damaged });
    }
    // The identifier: a length and as many numbers. Then the checkpoint that the log goes on from.
    let mut length = HEADER.len() as u64;
    let Some(count) = number(log, &mut length)? else { return Ok(Header::Torn) };
    if count != 16 {
        return Ok(Header::Damaged);
    }
    for _ in 0..count {
        match number(log, &mut length)? {
            None => return Ok(Header::Torn),
            Some(value) if value > u64::from(u8::MAX) => return Ok(Header::Damaged),
            Some(_) => {}
        }
    }
    let mut field = [0; 2];
    if !filled(log.read_exact(&mut field))? {
        return Ok(Header::Torn);
    }
    length += 2;
    if field == [103, 0] {
        if number(log, &mut length)?.is_none() || !filled(log.read_exact(&mut field))? {
            return Ok(Header::Torn);
        }
        length += 2;
    }
    Ok(if field == [0xff, 0xff] { Header::Whole { length } } else { Header::Damaged })
}

/// A number of the header, seven bits a byte; `None` at the end of the file.
fn number(log: &mut impl Read, length: &mut u64) -> io::Result<Option<u64>> {
    let mut value = 0;
    for place in 0..10 {
        let mut byte = [0];
        if !filled(log.read_exact(&mut byte))? {
            return Ok(None);
        }
        *length += 1;
        value |= u64::from(byte[0] & 0x7f) << (7 * place);
        if byte[0] & 0x80 == 0 {
            return Ok(Some(value));
        }
    }
    Ok(Some(u64::MAX))
}

struct Entry {
    length: u64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Commit,
    Other,
    /// The checksum is of other bytes.
    Changed,
}

/// The next entry; `None` when what is left holds none.
fn entry(log: &mut impl Read, left: u64) -> io::Result<Option<Entry>> {
    let mut frame = [0; FRAME as usize];
    if left < FRAME || !filled(log.read_exact(&mut frame))? {
        return Ok(None);
    }
    let (length, stored) = frame.split_at(8);
    let (length, stored) = (little(length), little(stored));
    if length == 0 || length > left - FRAME {
        return Ok(None);
    }
    let mut sum = Checksum::default();
    let mut is_commit = false;
    let mut rest = length;
    let mut chunk = [0; 1 << 16];
    while rest > 0 {
        // Whole words, until the last chunk.
        let take = rest.min(chunk.len() as u64) as usize;
        let bytes = &mut chunk[..take];
        if !filled(log.read_exact(bytes))? {
            return Ok(None);
        }
        is_commit = length == COMMIT.len() as u64 && *bytes == COMMIT;
        sum.add(bytes);
        rest -= take as u64;
    }
    let kind = match (sum.0 == stored, is_commit) {
        (false, _) => Kind::Changed,
        (true, true) => Kind::Commit,
        (true, false) => Kind::Other,
    };
    Ok(Some(Entry { length, kind }))
}

/// Whether a read filled its buffer; the end of the file is no error.
fn filled(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The engine's checksum of an entry, word by word.
struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(5381)
    }
}

impl Checksum {
    /// Takes the next bytes: whole words, unless they are the last.
    fn add(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in words.by_ref() {
            self.0 ^= little(word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        let rest = words.remainder();
        if rest.is_empty() {
            return;
        }
        const M: u64 = 0xc6a4_a793_5bd1_e995;
        let mut hash = 0xe17a_1465 ^ (rest.len() as u64).wrapping_mul(M);
        hash = (hash ^ little(rest)).wrapping_mul(M);
        hash ^= hash >> 47;
        hash = hash.wrapping_mul(M);
        hash ^= hash >> 47;
        self.0 ^= hash;
    }
}

/// The end of a commit, as it stands in the file.
fn commit_end() -> [u8; FRAME as usize + COMMIT.len()] {
    let mut sum = Checksum::default();
    sum.add(&COMMIT);
    let mut end = [0; FRAME as usize + COMMIT.len()];
    end[..8].copy_from_slice(&(COMMIT.len() as u64).to_le_bytes());
    end[8..16].copy_from_slice(&sum.0.to_le_bytes());
    end[16..].copy_from_slice(&COMMIT);
    end
}

/// Whether a commit ends after a place. The last bytes of the file are also a commit's end when a few of
/// them are other bytes: they may be what is damaged.
fn commit_ends_behind(log: &mut BufReader<File>, at: u64, length: u64) -> io::Result<bool> {
    let end = commit_end();
    log.seek(SeekFrom::Start(at))?;
    let mut window: Vec<u8> = Vec::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = log.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        window.extend_from_slice(&chunk[..read]);
        if window.windows(end.len()).any(|bytes| bytes == end) {
            return Ok(true);
        }
        window.drain(..window.len().saturating_sub(end.len()));
    }
    if length - at < end.len() as u64 {
        return Ok(false);
    }
    let last = &window[window.len().saturating_sub(end.len())..];
    let differ = last.iter().zip(&end).filter(|(one, other)| one != other).count();
    Ok(last.len() == end.len() && differ <= ALIKE)
}
