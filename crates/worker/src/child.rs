//! A worker as a child process of the server: the connection it was born with, and its end with the
//! server's. What a worker on another machine would do instead is to dial.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_process};

/// Takes the connection that the server gave this process as its standard input, which is empty from
/// then on.
///
/// # Errors
/// When standard input is no socket: nobody but the server starts workers.
pub fn inherited_connection() -> io::Result<UnixStream> {
    let connection = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    connection.peer_addr().map_err(|error| {
        io::Error::new(error.kind(), "a worker is started by `forebay serve`, not by hand")
    })?;
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Ok(connection)
}

/// How long this process may still take to close its files once the server asked it to end.
const LAST_WORK: Duration = Duration::from_secs(30);

/// What ties this process to the server's.
#[derive(Clone, Debug, Default)]
pub struct Tether(Arc<AtomicBool>);

impl Tether {
    /// Ends this process as soon as the connection's other end is closed, from a thread of its own: a
    /// runtime that hangs, in foreign code for example, must not outlive the server. What was not
    /// committed is not visible, so the end may be a hard one.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn new(connection: &UnixStream) -> io::Result<Self> {
        let (connection, tether) = (connection.try_clone()?, Self::default());
        let loose = Arc::clone(&tether.0);
        let watch = move || {
            wait_for_hang_up(&connection);
            if loose.load(Ordering::Acquire) {
                std::thread::sleep(LAST_WORK);
            }
            // Neither destructors nor exit handlers: they could wait for what hangs.
            if kill_process(getpid(), Signal::KILL).is_err() {
                std::process::abort();
            }
        };
        std::thread::Builder::new().name("end with server".to_owned()).spawn(watch)?;
        Ok(tether)
    }

    /// The server asked for the end: from here on the end of the connection means nothing for a while.
    pub(crate) fn loosen(&self) {
        self.0.store(true, Ordering::Release);
    }
}

fn wait_for_hang_up(connection: &UnixStream) {
    loop {
        let mut sockets = [PollFd::new(connection, PollFlags::RDHUP)];
        let polled = poll(&mut sockets, None);
        let hung_up = sockets[0].revents().intersects(PollFlags::HUP | PollFlags::RDHUP | PollFlags::ERR);
        match polled {
            Ok(_) if hung_up => return,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Memory of this process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

/// What the system says of this process's memory; zeros where it says nothing.
pub(crate) fn memory() -> Memory {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    parse_memory(&status)
}

fn parse_memory(status: &str) -> Memory {
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    let bytes = |name| kib(name).unwrap_or(0) * 1024;
    Memory { now: bytes("VmRSS:"), peak: bytes("VmHWM:") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_what_the_system_says() {
        let status = "Name:\tforebay\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(parse_memory(status), Memory { now: 1024 * 1024, peak: 2048 * 1024 });
        assert_eq!(parse_memory(""), Memory::default());
        assert_eq!(parse_memory("VmRSS: much\n"), Memory::default());
    }
}
