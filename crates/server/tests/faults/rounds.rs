//! The rounds of one fault: how many there are to be, how many held, and how long recovery took.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::random::Random;

/// What became of the rounds so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) begun: usize,
    pub(crate) held: usize,
    /// The longest time to an orderly state.
    pub(crate) worst: Duration,
    /// Why rounds did not hold.
    pub(crate) failures: Vec<String>,
    /// Figures and conditions worth a line below the table.
    pub(crate) notes: Vec<String>,
    /// Why nothing could be staged on this machine.
    pub(crate) not_staged: Option<String>,
}

/// Hands out the rounds of one fault.
#[derive(Clone)]
pub(crate) struct Rounds(Arc<Shared>);

struct Shared {
    fault: &'static str,
    wanted: usize,
    seed: u64,
    inside: bool,
    tally: Mutex<Tally>,
}

/// A round that has begun and counts as held once it says so.
pub(crate) struct Round {
    rounds: Rounds,
    /// From 0.
    pub(crate) number: usize,
    pub(crate) random: Random,
}

impl Rounds {
    pub(crate) fn new(fault: &'static str, wanted: usize, arguments: &Arguments) -> Self {
        let Arguments { seed, inside, .. } = *arguments;
        Self(Arc::new(Shared { fault, wanted, seed, inside, tally: Mutex::default() }))
    }

    /// Whether this process is the inner one of a fault that needs a network of its own.
    pub(crate) fn is_inside(&self) -> bool {
        self.0.inside
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next round; `None` when there were enough.
    pub(crate) fn next(&self) -> Option<Round> {
        let number = {
            let mut tally = self.lock();
            if tally.begun >= self.0.wanted || tally.not_staged.is_some() {
                return None;
            }
            tally.begun += 1;
            tally.begun - 1
        };
        let random = Random::of(self.0.seed, self.0.fault, number);
        Some(Round { rounds: self.clone(), number, random })
    }

    /// A figure or condition worth a line below the table.
    pub(crate) fn note(&self, text: impl Into<String>) {
        let text = text.into();
        let mut tally = self.lock();
        if !tally.notes.contains(&text) {
            tally.notes.push(text);
        }
    }

    /// This machine lacks what the fault needs. The round that found that out does not count.
    pub(crate) fn cannot_be_staged(&self, reason: impl Into<String>) {
        let mut tally = self.lock();
        tally.begun = tally.held;
        tally.not_staged = Some(reason.into());
    }

    /// A round ended otherwise than by holding.
    pub(crate) fn failed(&self, reason: String) {
        self.lock().failures.push(reason);
    }

    pub(crate) fn is_over(&self) -> bool {
        let tally = self.lock();
        tally.begun >= self.0.wanted || tally.not_staged.is_some()
    }

    pub(crate) fn wanted(&self) -> usize {
        self.0.wanted
    }

    pub(crate) fn seed(&self) -> u64 {
        self.0.seed
    }

    pub(crate) fn tally(&self) -> Tally {
        self.lock().clone()
    }
}

impl Round {
    /// The round held; `recovery` is how long it took until everything was in order again.
    pub(crate) fn held(self, recovery: Duration) {
        let told = {
            let mut tally = self.rounds.lock();
            tally.held += 1;
            tally.worst = tally.worst.max(recovery);
            tally.held
        };
        let shared = &self.rounds.0;
        if shared.wanted <= 30 || told.is_multiple_of(10) {
            println!("{}: {told} of {} rounds held", shared.fault, shared.wanted);
        }
    }
}
