//! A server that the benchmark starts: it ends with the benchmark, however that ends.
//!
//! A shell stands in between. It waits on a pipe that the benchmark holds, and ends the server when the pipe closes.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context, Result};

/// `$1` is the signal that ends the server in good order, the rest its command.
const WATCHER: &str = r#"trap '' HUP INT TERM
signal=$1
shift
"$@" </dev/null &
server=$!
echo "$server"
exec >&-
read -r _
kill -s "$signal" "$server" 2>/dev/null
wait "$server"
"#;

/// A running server.
pub(crate) struct Guarded {
    watcher: Child,
    /// Its process.
    pub(crate) pid: u32,
    lines: Receiver<String>,
}

impl Guarded {
    /// Starts a server whose messages go to `log`; `signal` will end it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn start(command: &Command, signal: &str, log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log).context("the server's log")?;
        let mut watcher = Command::new("sh");
        watcher.args(["-c", WATCHER, "watcher", signal]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => watcher.env(name, value),
                None => watcher.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            watcher.current_dir(folder);
        }
        // A group of its own: an interrupt of the terminal reaches the benchmark alone.
        watcher.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut watcher = watcher.spawn().context("a shell to watch a server")?;
        let output = watcher.stdout.take().context("the watcher's output")?;
        let (sender, lines) = mpsc::channel();
        // Reads to the end of the server, which a full pipe would stop.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        let mut guarded = Self { watcher, pid: 0, lines };
        guarded.pid = guarded.line(Duration::from_secs(30))?.parse().context("the server's process id")?;
        Ok(guarded)
    }

    /// The next line of its output.
    ///
    /// # Errors
    ///
    /// When none comes within `patience`, or the server has ended.
    pub(crate) fn line(&self, patience: Duration) -> Result<String> {
        self.lines.recv_timeout(patience).context("a server said nothing where it should; see its log")
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_gone(&self) -> bool {
        !Path::new("/proc").join(self.pid.to_string()).exists()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        // Nothing is left to do when there is nobody to wait for.
        drop(self.watcher.wait());
    }
}
