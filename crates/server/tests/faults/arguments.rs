//! What the program was asked for. It is run by `cargo test` beside others, so it takes what their harness takes
//! and leaves aside what means nothing here.

use crate::random::Random;

/// What to run, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    /// The most rounds of each fault; `None` for the short run.
    pub(crate) rounds: Option<usize>,
    /// The ids of the faults to run; empty for all.
    pub(crate) only: Vec<String>,
    pub(crate) seed: u64,
    /// How many faults are staged at a time.
    pub(crate) at_a_time: usize,
    /// Names the faults and runs none.
    pub(crate) list: bool,
    /// Run as the inner process of a fault that needs a network of its own.
    pub(crate) inside: bool,
}

impl Arguments {
    /// # Errors
    /// A sentence about the argument that is wrong.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self {
            rounds: None,
            only: Vec::new(),
            seed: Random::fresh_seed(),
            at_a_time: 4,
            list: false,
            inside: false,
        };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let (name, mut value) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
                _ => (word.clone(), None),
            };
            let mut number = |words: &mut dyn Iterator<Item = String>| -> Result<u64, String> {
                let text = value.take().or_else(|| words.next()).unwrap_or_default();
                text.parse().map_err(|_| format!("{name}: `{text}` is not a number"))
            };
            match name.as_str() {
                "--rounds" => {
                    arguments.rounds = Some(usize::try_from(number(&mut words)?).unwrap_or(1).max(1))
                }
                "--seed" => arguments.seed = number(&mut words)?,
                "--at-a-time" => {
                    arguments.at_a_time = usize::try_from(number(&mut words)?).unwrap_or(1).max(1);
                }
                "--only" => {
                    let text = value.take().or_else(|| words.next()).unwrap_or_default();
                    arguments.only.extend(text.split(',').map(|id| id.trim().to_uppercase()));
                }
                "--list" => arguments.list = true,
                "--inside" => arguments.inside = true,
                // Of the usual harness, with a value.
                "--test-threads" | "--format" | "--color" | "--logfile" | "--skip" | "--shuffle-seed"
                | "-Z" => {
                    if value.is_none() {
                        words.next();
                    }
                }
                // Of the usual harness.
                other if other.starts_with('-') => {}
                // A filter by name, which `cargo test -- name` gives to every test program.
                filter => arguments.only.push(filter.to_uppercase()),
            }
        }
        Ok(arguments)
    }

    /// Whether a fault is to be run.
    pub(crate) fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == id)
    }
}
