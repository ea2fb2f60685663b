//! How a worker came to its end, in words for people, and what that means for what ran in it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use forebay_core::event::Loss;

use crate::child::Memory;

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const MIB: u64 = 1024 * 1024;

/// The end of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nobody needed it any more.
    Asked,
    /// It ended by itself. The reason is a sentence.
    Died(String),
    /// The server ended it, or nobody can say who is to blame. The reason is a sentence.
    Interrupted(String),
}

impl End {
    /// What it means for an execution that was running.
    pub(super) fn loss(&self) -> Loss {
        match self {
            Self::Asked => Loss::Interrupted { reason: "the pool's worker was ended".to_owned() },
            Self::Died(reason) => Loss::Died { reason: reason.clone() },
            Self::Interrupted(reason) => Loss::Interrupted { reason: reason.clone() },
        }
    }

    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Asked => "the pool's worker was ended",
            Self::Died(reason) | Self::Interrupted(reason) => reason,
        }
    }
}

/// What is known of a worker that ended by itself.
pub(super) struct Death {
    /// `None` when the system did not say.
    pub(super) status: Option<ExitStatus>,
    /// What it held when it was last asked.
    pub(super) memory: Memory,
    /// The most it may hold.
    pub(super) limit: Option<u64>,
    /// Whether its last words say that it got no memory.
    pub(super) no_memory: bool,
}

impl Death {
    /// Why it ended, as a sentence without a full stop.
    pub(super) fn reason(&self) -> String {
        let signal = self.status.and_then(|status| status.signal());
        if self.no_memory {
            return format!(
                "the pool's worker ran out of memory ({}); load less at a time, or give workers more memory",
                self.held()
            );
        }
        match signal {
            Some(SIGKILL) => format!(
                "the pool's worker was ended by signal 9, most likely by the system because memory ran short ({})",
                self.held()
            ),
            Some(SIGABRT) => {
                format!("the pool's worker aborted (signal 6) after an error of its own ({})", self.held())
            }
            Some(signal) => format!("the pool's worker was ended by signal {signal} ({})", self.held()),
            None => match self.status.and_then(|status| status.code()) {
                Some(code) => format!("the pool's worker ended by itself with exit code {code}"),
                None => "the pool's worker ended by itself".to_owned(),
            },
        }
    }

    fn held(&self) -> String {
        let held = match self.memory.peak {
            0 => "it was not seen to hold much".to_owned(),
            peak => format!("it was seen to hold up to {} MiB", peak / MIB),
        };
        match self.limit {
            Some(limit) => format!("{held}; it may hold {} MiB", limit / MIB),
            None => held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_is_told_by_its_signal_and_its_memory() {
        let check = |status: i32, no_memory, expected: &[&str]| {
            let memory = Memory { now: MIB, peak: 300 * MIB };
            let status = Some(ExitStatus::from_raw(status));
            let reason = Death { status, memory, limit: Some(512 * MIB), no_memory }.reason();
            for words in expected {
                assert!(reason.contains(words), "{reason} should have {words:?}");
            }
        };
        check(9, false, &["signal 9", "memory", "300 MiB", "512 MiB"]);
        check(6, false, &["aborted (signal 6)", "300 MiB"]);
        check(6, true, &["out of memory", "512 MiB"]);
        check(11, false, &["signal 11"]);
        check(2 << 8, false, &["exit code 2"]);
    }
}
