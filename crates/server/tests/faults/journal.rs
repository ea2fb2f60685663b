//! What the API acknowledged: append-only, in memory and in a file, so that it outlives whatever is killed. The
//! file stays when a round does not hold.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// One thing that was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A start that was answered with this execution.
    Started { execution: String },
    /// An execution was shown in this state.
    Seen { execution: String, status: String },
    /// A table was shown with this many rows, of this generation.
    Shown { table: String, generation: String, rows: u64 },
}

pub(crate) struct Journal {
    pages: Mutex<Pages>,
}

struct Pages {
    entries: Vec<Entry>,
    file: Option<NamedTempFile>,
}

impl Entry {
    fn json(&self) -> Value {
        match self {
            Self::Started { execution } => json!({"started": execution}),
            Self::Seen { execution, status } => json!({"seen": execution, "status": status}),
            Self::Shown { table, generation, rows } => {
                json!({"shown": table, "generation": generation, "rows": rows})
            }
        }
    }
}

impl Journal {
    pub(crate) fn new() -> Self {
        let file = tempfile::Builder::new().prefix("forebay-faults-").suffix(".jsonl").tempfile();
        let file = Some(file.expect("a temporary file"));
        Self { pages: Mutex::new(Pages { entries: Vec::new(), file }) }
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an entry; what was the newest entry of its kind already is not written again.
    pub(crate) fn append(&self, entry: Entry) {
        let mut pages = self.lock();
        let of_same = |known: &&Entry| match (&entry, known) {
            (Entry::Seen { execution, .. }, Entry::Seen { execution: other, .. }) => execution == other,
            (Entry::Shown { table, .. }, Entry::Shown { table: other, .. }) => table == other,
            _ => false,
        };
        if pages.entries.iter().rev().find(of_same) == Some(&entry) {
            return;
        }
        if let Some(file) = &mut pages.file {
            writeln!(file, "{}", entry.json()).expect("the journal is written");
        }
        pages.entries.push(entry);
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(Ok((_, path))) = self.lock().file.take().map(NamedTempFile::keep)
        {
            eprintln!("the journal of what was acknowledged is kept in {}", path.display());
        }
    }
}
