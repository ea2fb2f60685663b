//! One file of a table: opened only if it is the regular file that was listed, read with its digest
//! taken, and checked for changes afterwards.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forebay_core::source::{SourceError, SourceErrorKind};
use sha2::{Digest, Sha256};

use crate::choice::invalid;

/// What a file's contents hash to.
pub(super) type FileDigest = [u8; 32];

/// A file as it was when the folder was listed.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Absolute, without symbolic links.
    pub(super) path: PathBuf,
    /// The path below the connection's folder, for messages.
    pub(super) shown: String,
    pub(super) stamp: Stamp,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    pub(super) size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// Whether the file was last written at least `rest` before `now`.
    pub(super) fn rested(&self, now: SystemTime, rest: Duration) -> bool {
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(self.modified.0), u32::try_from(self.modified.1))
        else {
            return false;
        };
        let modified = UNIX_EPOCH.checked_add(Duration::new(seconds, nanos));
        modified.and_then(|modified| now.duration_since(modified).ok()).is_some_and(|since| since >= rest)
    }
}

impl Part {
    /// Opens the file that was listed, and no other that took its place since.
    pub(super) fn open(&self) -> Result<File, SourceError> {
        // Before the open, which would wait at a pipe.
        self.unchanged()?;
        let file = File::open(&self.path).map_err(|error| self.failed(error))?;
        let opened = file.metadata().map_err(|error| self.failed(error))?;
        // A folder above it that became a symbolic link meanwhile shows in the resolved path.
        let resolved = fs::canonicalize(&self.path).map_err(|error| self.failed(error))?;
        if Stamp::of(&opened) != self.stamp || resolved != self.path {
            return Err(self.changed());
        }
        Ok(file)
    }

    /// Whether the path still leads to the file in the state that was listed.
    pub(super) fn unchanged(&self) -> Result<(), SourceError> {
        let found = fs::symlink_metadata(&self.path).map_err(|error| self.failed(error))?;
        if found.is_file() && Stamp::of(&found) == self.stamp { Ok(()) } else { Err(self.changed()) }
    }

    /// The digest of the whole file.
    pub(super) fn digest(&self, halt: &Halt) -> Result<FileDigest, SourceError> {
        let mut digested = Digested::new(self.open()?, halt.clone());
        io::copy(&mut digested, &mut io::sink()).map_err(|error| self.failed(error))?;
        Ok(digested.digest())
    }

    pub(super) fn changed(&self) -> SourceError {
        SourceError::new(
            SourceErrorKind::Unreachable,
            format!("file {}: it changed while it was read; run again", self.shown),
        )
    }

    /// What work that was asked to end says.
    pub(super) fn stopped(&self) -> SourceError {
        let message = format!("file {}: reading it was stopped: the snapshot was closed", self.shown);
        SourceError::new(SourceErrorKind::Unreachable, message)
    }

    /// An error of the system in the words of the seam.
    pub(super) fn failed(&self, error: io::Error) -> SourceError {
        if error.get_ref().is_some_and(|inner| inner.is::<Halted>()) {
            return self.stopped();
        }
        let (kind, reason) = match error.kind() {
            io::ErrorKind::NotFound => (SourceErrorKind::Unreachable, "it is gone; run again".to_owned()),
            io::ErrorKind::PermissionDenied => (
                SourceErrorKind::Denied,
                "it may not be read; give the server's user the right to read it".to_owned(),
            ),
            _ => (SourceErrorKind::Unreachable, format!("it cannot be read: {error}")),
        };
        SourceError::new(kind, format!("file {}: {reason}", self.shown)).caused_by(error)
    }

    /// What is wrong with the file itself, for the user to mend.
    pub(super) fn invalid(&self, reason: impl std::fmt::Display) -> SourceError {
        invalid(format!("file {}: {reason}", self.shown))
    }
}

/// Whether blocking work should end: nobody waits for it, or its snapshot was closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Halt {
    pub(super) closed: Arc<AtomicBool>,
    pub(super) dropped: Arc<AtomicBool>,
}

impl Halt {
    pub(super) fn is_asked(&self) -> bool {
        self.closed.load(Ordering::Relaxed) || self.dropped.load(Ordering::Relaxed)
    }
}

/// What a read that was asked to end fails with.
#[derive(Debug)]
struct Halted;

impl std::fmt::Display for Halted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the work was stopped")
    }
}

impl std::error::Error for Halted {}

/// Takes the digest of what is read through it, and ends when it is asked to.
pub(super) struct Digested<R> {
    inner: R,
    hasher: Sha256,
    halt: Halt,
}

impl<R: Read> Digested<R> {
    pub(super) fn new(inner: R, halt: Halt) -> Self {
        Self { inner, hasher: Sha256::new(), halt }
    }

    /// The digest of what was read so far.
    pub(super) fn digest(self) -> FileDigest {
        self.hasher.finalize().into()
    }
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.halt.is_asked() {
            return Err(io::Error::other(Halted));
        }
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
