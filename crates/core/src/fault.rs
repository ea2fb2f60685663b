//! Named places at which a test may end or hold the process, so that what must survive a kill is killed exactly
//! there. The fault suite of the server is the one user of it.
//!
//! In a build with debug assertions the variable `FOREBAY_FAULT` names one point and what happens at it:
//! `load.before_commit=kill`, or `load.before_commit@3=hold` for the third time that the process comes by. It is
//! read once. In other builds [`point`] is empty. Reading that variable, a line on standard error and the end of
//! the own process are the only I/O of this crate.

/// Every point that is placed, in the order of a run. The suite comes by all of them.
pub const POINTS: [&str; 16] = [
    "migration.before",
    "migration.after",
    "claim.before_commit",
    "claim.after_commit",
    "extraction.before_snapshot",
    "extraction.after_snapshot",
    "load.first_batch_staged",
    "load.before_commit",
    "show.before_commit",
    "show.after_commit",
    "statement.before",
    "transaction.before_commit",
    "model.before_shown",
    "model.after_shown",
    "events.before_commit",
    "finish.before_commit",
];

/// Comes by a point: nothing happens, unless `FOREBAY_FAULT` names it.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    staged::point(name);
}

/// Nothing: faults are staged in debug builds only.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn point(_: &'static str) {}

#[cfg(debug_assertions)]
mod staged {
    use std::io::Write;
    use std::process::Command;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    const VARIABLE: &str = "FOREBAY_FAULT";

    /// What happens at a point.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Action {
        /// SIGKILL of the own process.
        Kill,
        /// SIGABRT, as after a failed assertion of the engine.
        Abort,
        /// The thread waits there for ever: whoever watches ends the process, or sees that it is ended.
        Hold,
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Fault {
        pub(super) point: String,
        /// From 1: which coming by is meant.
        pub(super) turn: u64,
        pub(super) action: Action,
    }

    pub(super) fn parse(text: &str) -> Option<Fault> {
        let (place, action) = text.split_once('=')?;
        let action = match action {
            "kill" => Action::Kill,
            "abort" => Action::Abort,
            "hold" => Action::Hold,
            _ => return None,
        };
        let (point, turn) = match place.split_once('@') {
            Some((point, turn)) => (point, turn.parse().ok().filter(|turn| *turn > 0)?),
            None => (place, 1),
        };
        super::POINTS.contains(&point).then(|| Fault { point: point.to_owned(), turn, action })
    }

    pub(super) fn point(name: &'static str) {
        static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
        static TURNS: AtomicU64 = AtomicU64::new(0);
        let fault = FAULT.get_or_init(|| {
            let text = std::env::var(VARIABLE).ok()?;
            let fault = parse(&text);
            if fault.is_none() {
                eprintln!("{VARIABLE}: `{text}` is not POINT=ACTION, and nothing is staged");
            }
            fault
        });
        let Some(fault) = fault.as_ref().filter(|fault| fault.point == name) else { return };
        if TURNS.fetch_add(1, Ordering::Relaxed) + 1 != fault.turn {
            return;
        }
        // In one piece: others write there too, and the suite looks for it.
        let told = format!("fault point {name}: {:?} in process {}\n", fault.action, std::process::id());
        drop(std::io::stderr().write_all(told.as_bytes()));
        match fault.action {
            Action::Kill => {
                // The signal comes from outside, because a process can send none without unsafe code.
                let id = std::process::id().to_string();
                drop(Command::new("kill").args(["-KILL", &id]).status());
                std::process::abort();
            }
            Action::Abort => std::process::abort(),
            Action::Hold => loop {
                std::thread::park();
            },
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::staged::{Action, Fault, parse};
    use super::{POINTS, point};

    #[test]
    fn a_fault_names_a_point_and_what_happens_there() {
        let fault = |turn, action| Some(Fault { point: "load.before_commit".to_owned(), turn, action });
        assert_eq!(parse("load.before_commit=kill"), fault(1, Action::Kill));
        assert_eq!(parse("load.before_commit@3=abort"), fault(3, Action::Abort));
        assert_eq!(parse("load.before_commit@1=hold"), fault(1, Action::Hold));
    }

    #[test]
    fn what_is_no_fault_stages_nothing() {
        for text in [
            "",
            "load.before_commit",
            "load.before_commit=stumble",
            "nowhere=kill",
            "show.after_commit@0=kill",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn without_the_variable_a_process_comes_by_every_point() {
        for name in POINTS {
            point(name);
        }
    }
}
