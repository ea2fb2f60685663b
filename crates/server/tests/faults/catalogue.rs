//! Every fault of the list, in its order: what it is called, how it is staged, or why it cannot be.

use std::future::Future;
use std::pin::Pin;

use crate::rounds::Rounds;
use crate::{
    backups, cancels, cursors, disks, flood, folders, kills, planted, restarts, schedules, sources, starts,
    upgrades, workers,
};

/// What a fault does in its rounds.
pub(crate) type Running = Pin<Box<dyn Future<Output = ()>>>;

pub(crate) struct Fault {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) staging: Staging,
}

pub(crate) enum Staging {
    Staged {
        run: fn(Rounds) -> Running,
        /// Rounds of the short run: every way to stage the fault comes up once.
        short: usize,
        /// The most rounds of a long run. What waits for minutes is not worth two hundred.
        long: usize,
        /// Whether it mostly waits: begun first, so that the others need not wait for it.
        waits: bool,
    },
    /// Why it cannot be staged on a plain machine, and what stands for it.
    NotStaged(&'static str),
}

const ALL: usize = usize::MAX;

const fn staged(
    id: &'static str,
    title: &'static str,
    short: usize,
    long: usize,
    run: fn(Rounds) -> Running,
) -> Fault {
    Fault { id, title, staging: Staging::Staged { run, short, long, waits: false } }
}

/// One that mostly waits.
const fn waiting(
    id: &'static str,
    title: &'static str,
    short: usize,
    long: usize,
    run: fn(Rounds) -> Running,
) -> Fault {
    Fault { id, title, staging: Staging::Staged { run, short, long, waits: true } }
}

const fn not_staged(id: &'static str, title: &'static str, why: &'static str) -> Fault {
    Fault { id, title, staging: Staging::NotStaged(why) }
}

/// A row of the list; `$run` is an async function of its rounds.
macro_rules! fault {
    ($kind:ident $id:literal, $title:literal, $short:expr, $long:expr, $run:path) => {
        $kind($id, $title, $short, $long, |rounds| Box::pin($run(rounds)))
    };
}

#[rustfmt::skip]
pub(crate) fn faults() -> Vec<Fault> {
    vec![
        fault!(staged "CHECKER", "the checker finds what is planted", planted::ROUNDS, planted::ROUNDS, planted::checker),
        fault!(staged "F01", "kill -9 of the server in a FULL", kills::FULL_POINTS.len() + 1, ALL, kills::full),
        fault!(staged "F02", "kill -9 around the commit of a DELTA", kills::DELTA_POINTS.len() + 1, ALL, kills::delta),
        fault!(staged "F03", "kill -9 in a transformation", kills::SCRIPT_POINTS.len() + 1, ALL, kills::transformation),
        fault!(staged "F04", "kill -9 in a data model load", kills::MODEL_POINTS.len() + 1, ALL, kills::model),
        fault!(staged "F05", "kill -9 in an upgrade of the metadata", upgrades::POINTS.len() + 1, ALL, upgrades::killed),
        not_staged("F06", "power cut", "needs a disk that forgets what was not flushed"),
        fault!(staged "F07", "kill -9 again and again with 50 queued jobs", 1, 10, restarts::kills),
        fault!(staged "F08", "SIGTERM with 10 running jobs", 1, 50, restarts::stop),
        fault!(staged "F09", "disk full in a load", 1, 20, disks::of_the_pools),
        fault!(staged "F10", "disk full under the metadata", 1, 20, disks::of_the_metadata),
        fault!(staged "F11", "damaged log of a pool's engine", folders::WAYS, 60, folders::damaged_log),
        fault!(staged "F12", "the engine of one pool aborts", 1, 50, workers::abort),
        fault!(staged "F13", "out of memory, and a worker killed for it", 1, 50, workers::memory),
        fault!(staged "F14", "temporary folder in the way or left full", 1, 20, folders::temporary_folder),
        fault!(staged "F15", "a second server on the same data", 1, 50, folders::second_server),
        not_staged("F16", "fsync returns EIO", "needs a disk that fails when it is told to"),
        fault!(staged "F17", "source restarts in the middle of a read", 1, 50, sources::restart),
        fault!(waiting "F18", "connection to the source is a black hole", 1, 3, sources::black_hole),
        fault!(waiting "F19", "very slow but live source", 1, 3, sources::slow),
        fault!(staged "F20", "rows that commit late, 8 writers", 2, 50, cursors::late),
        fault!(staged "F21", "ties of the change date, by day too", 1, 20, cursors::ties),
        fault!(staged "F22", "change dates of other precision", 1, 20, cursors::precision),
        fault!(staged "F23", "change dates missing, out of order, ambiguous", 1, 20, cursors::odd_dates),
        fault!(staged "F24", "rows that move while they are read, no key", 1, 50, cursors::moving),
        fault!(staged "F34", "100 cancels in every state", 1, 5, cancels::every_state),
        fault!(staged "F35", "cancel races the end, 15 times", 2, 50, cancels::race),
        fault!(staged "F36", "100 clients start with one key", 2, 50, starts::repeated),
        fault!(staged "F37", "SIGSTOP of a worker, then SIGCONT", 1, 20, workers::silent),
        fault!(staged "F38", "a worker dies with the only place", 1, 50, workers::only_slot),
        fault!(staged "F39", "log flood, and 100,000 past executions shown", 1, 3, flood::flood),
        fault!(staged "F40", "changes of daylight saving time, leap days", 1, 1, schedules::clocks),
        fault!(staged "F41", "server down over 24 ticks of schedules", 2, 20, schedules::down),
        fault!(staged "F42", "a schedule fires while its run is on", 1, 10, schedules::overlap),
        fault!(staged "F43", "job, password and rights change while it waits", 1, 20, starts::edited),
        not_staged("F44", "webhook or mail target down", "Forebay sends neither yet"),
        fault!(staged "F45", "backup under load, newer and older restored", 1, 20, backups::under_load),
        fault!(staged "F46", "old data under a new version, new under an old", 1, 20, upgrades::versions),
        fault!(staged "F47", "10,000 queued jobs over a restart", 1, 3, starts::long_queue),
    ]
}
