//! What a worker writes to its standard error: its log, passed on to the server's, and at the end its
//! last words, which can say why it ended.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStderr;
use tokio::task::JoinHandle;

/// What the allocators of Rust and C++ say when the system gives them nothing.
const NO_MEMORY: [&str; 3] = ["memory allocation of ", "std::bad_alloc", "Cannot allocate memory"];
/// The most of one line that is passed on at a time.
const LONGEST_LINE: usize = 64 * 1024;

pub(super) struct LastWords {
    no_memory: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

impl LastWords {
    pub(super) fn of(output: ChildStderr) -> Self {
        let no_memory = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&no_memory);
        let reader = tokio::spawn(async move {
            let mut output = BufReader::with_capacity(LONGEST_LINE, output);
            loop {
                let taken = match output.fill_buf().await {
                    Ok([]) | Err(_) => break,
                    Ok(bytes) => {
                        let end =
                            bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
                        let line = &bytes[..end];
                        let text = String::from_utf8_lossy(line);
                        if NO_MEMORY.iter().any(|words| text.contains(words)) {
                            seen.store(true, Ordering::Relaxed);
                        }
                        // A server whose own log is closed goes on without one.
                        drop(std::io::stderr().lock().write_all(line));
                        end
                    }
                };
                output.consume(taken);
            }
        });
        Self { no_memory, reader }
    }

    /// Whether the worker, which has ended, said that it got no memory.
    pub(super) async fn no_memory(self) -> bool {
        // The pipe ends with the process.
        drop(self.reader.await);
        self.no_memory.load(Ordering::Relaxed)
    }
}
