//! The fault suite: stages what goes wrong on real machines, and looks afterwards whether anything was lost,
//! doubled, mixed, left over or told wrongly.
//!
//! `cargo test -p forebay --test faults` stages every fault at least once; `-- --rounds 200` is the long run,
//! `--only F01,F02` a part of it, and `--seed N` repeats the choices of another run. A table is printed, and the
//! exit code says whether every round held. What is promised, and the figures of the last long run, are in
//! `docs/reliability.md`. No test harness of Rust's: it counts tests, and this counts rounds.
#![expect(clippy::unwrap_used, reason = "what a fault did not expect ends its round, in what is shared too")]

mod arguments;
mod backups;
mod cancels;
mod catalogue;
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
#[path = "../it/client.rs"]
mod client;
mod cursors;
mod disks;
mod flood;
mod folders;
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
#[path = "../it/gate.rs"]
mod gate;
mod generated;
mod isolated;
mod journal;
mod kills;
mod metadata;
mod oracle;
mod planted;
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
#[path = "../it/pool.rs"]
mod pool;
#[path = "../../../sources/tests/it/postgres_server.rs"]
mod postgres_server;
mod processes;
mod proxy;
mod published;
mod random;
mod restarts;
mod rounds;
mod schedules;
#[path = "../it/server.rs"]
mod server;
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
#[path = "../it/source.rs"]
mod source;
mod sources;
mod stage;
mod starts;
mod table;
mod upgrades;
mod workers;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;

use crate::arguments::Arguments;
use crate::catalogue::{Fault, Running, Staging, faults};
use crate::rounds::Rounds;

/// A fault whose rounds do not hold is staged anew; after this many there is nothing more to learn.
const MOST_FAILURES: usize = 3;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("faults: {wrong}");
            return ExitCode::FAILURE;
        }
    };
    let faults: Vec<Fault> = faults().into_iter().filter(|fault| arguments.wants(fault.id)).collect();
    if arguments.list {
        for fault in &faults {
            println!("{}: test", fault.id);
        }
        return ExitCode::SUCCESS;
    }
    println!("seed {}", arguments.seed);
    let begun = Instant::now();
    let rounds: Vec<Option<Rounds>> = faults.iter().map(|fault| rounds(fault, &arguments)).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    stage_all(runtime.expect("a runtime").handle(), &faults, &rounds, arguments.at_a_time);
    let tallies: Vec<_> = rounds.iter().map(|rounds| rounds.as_ref().map(Rounds::tally)).collect();
    table::print(&faults, &tallies, arguments.seed);
    println!("\n{:.0} seconds in all", begun.elapsed().as_secs_f64());
    if table::all_held(&tallies) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The rounds that a fault is to go through; `None` when it cannot be staged.
fn rounds(fault: &Fault, arguments: &Arguments) -> Option<Rounds> {
    match fault.staging {
        Staging::NotStaged(_) => None,
        Staging::Staged { short, long, .. } => {
            let wanted = arguments.rounds.map_or(short, |rounds| rounds.min(long).max(short));
            Some(Rounds::new(fault.id, wanted, arguments))
        }
    }
}

/// A fault whose turn is to come.
struct Turn {
    id: &'static str,
    run: fn(Rounds) -> Running,
    rounds: Rounds,
    waits: bool,
}

/// Stages the faults, several at a time, those that mostly wait first.
fn stage_all(runtime: &Handle, faults: &[Fault], rounds: &[Option<Rounds>], at_a_time: usize) {
    let mut turns = Vec::new();
    for (fault, rounds) in faults.iter().zip(rounds) {
        if let (Staging::Staged { run, waits, .. }, Some(rounds)) = (&fault.staging, rounds) {
            turns.push(Turn { id: fault.id, run: *run, rounds: rounds.clone(), waits: *waits });
        }
    }
    turns.sort_by_key(|turn| !turn.waits);
    let turns = Arc::new(Mutex::new(VecDeque::from(turns)));
    let mut lanes = Vec::new();
    for _ in 0..at_a_time {
        let (turns, runtime) = (Arc::clone(&turns), runtime.clone());
        lanes.push(std::thread::spawn(move || {
            loop {
                let next = turns.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(turn) = next else { return };
                stage(&runtime, &turn);
            }
        }));
    }
    for lane in lanes {
        lane.join().expect("a lane only waits for its faults");
    }
}

/// Stages one fault until all of its rounds are over. What does not hold ends a stage by a panic, which is told.
fn stage(runtime: &Handle, turn: &Turn) {
    let Turn { id, run, rounds, .. } = turn;
    let run = *run;
    let begun = Instant::now();
    let mut failures = 0;
    while !rounds.is_over() && failures < MOST_FAILURES {
        let (handle, own) = (runtime.clone(), rounds.clone());
        let thread = std::thread::Builder::new().name((*id).to_owned());
        let thread = thread.spawn(move || handle.block_on(run(own))).expect("a thread");
        if let Err(panic) = thread.join() {
            failures += 1;
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            rounds.failed(text.unwrap_or_else(|| "a panic without a text".to_owned()));
        }
    }
    let tally = rounds.tally();
    let told = match &tally.not_staged {
        Some(why) => format!("cannot be staged here: {why}"),
        None => format!("{} of {} rounds held", tally.held, tally.begun),
    };
    println!("{id}: {told}, {:.0} s", begun.elapsed().as_secs_f64());
}
