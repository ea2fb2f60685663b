//! What a first pass over a CSV file finds: its columns, what their cells can be, and its digest.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use forebay_core::name::Identifier;
use forebay_core::source::SourceError;

use super::guess::{Guess, Kind};
use super::records::Record;
use super::{Opened, not_utf8};
use crate::files::file::{FileDigest, Halt, Part, Stamp};

/// How long a file must have rested for its stamp to tell its state: file systems count time in
/// steps, and two writes in one step leave the same stamp.
const REST: Duration = Duration::from_secs(2);

const SAME: &str = "the files of a table must have the same columns";

/// What one file holds.
#[derive(Debug)]
pub(in super::super) struct Profile {
    pub(in super::super) names: Vec<Identifier>,
    guesses: Vec<Guess>,
    /// The line of the first cell that is not UTF-8, by column.
    broken: Vec<Option<u64>>,
    pub(in super::super) digest: FileDigest,
}

impl Profile {
    fn take(part: &Part, halt: &Halt) -> Result<Self, SourceError> {
        let mut opened = Opened::new(part, halt)?;
        let mut guesses = vec![Guess::new(); opened.names.len()];
        let mut broken = vec![None; opened.names.len()];
        let mut record = Record::default();
        while opened.read(part, &mut record)? {
            for (place, guess) in guesses.iter_mut().enumerate() {
                let cell = record.cell(place).0;
                if cell.is_empty() {
                    continue;
                }
                match std::str::from_utf8(cell) {
                    Ok(cell) => guess.see(cell),
                    Err(_) => broken[place] = broken[place].or(Some(record.line)),
                }
            }
        }
        let names = opened.names.clone();
        let digest = opened.digest();
        part.unchanged()?;
        Ok(Self { names, guesses, broken, digest })
    }

    /// The error of a column that holds a cell that is not UTF-8.
    pub(in super::super) fn check(&self, part: &Part, column: &Identifier) -> Result<(), SourceError> {
        let place = self.names.iter().position(|name| name == column);
        match place.and_then(|place| self.broken[place]) {
            Some(line) => Err(not_utf8(part, column, line)),
            None => Ok(()),
        }
    }
}

/// The profiles taken by one source, so that listing the tables and reading them share a pass.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Profiles(Arc<Mutex<HashMap<PathBuf, Taken>>>);

/// A profile, and the state of the file in which it was taken.
type Taken = (Stamp, Arc<Profile>);

impl Profiles {
    pub(in super::super) fn of(&self, part: &Part, halt: &Halt) -> Result<Arc<Profile>, SourceError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&part.path).cloned();
        if let Some((stamp, profile)) = known
            && stamp == part.stamp
        {
            return Ok(profile);
        }
        let began = SystemTime::now();
        let profile = Arc::new(Profile::take(part, halt)?);
        if part.stamp.rested(began, REST) {
            let kept = (part.stamp, Arc::clone(&profile));
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part.path.clone(), kept);
        }
        Ok(profile)
    }
}

/// The columns of a table: those of its first file, with types that hold the cells of all files and
/// of the `earlier` load.
///
/// # Errors
/// `Invalid` when a file does not have the same columns, naming both.
pub(in super::super) fn unite(
    files: &[(&Part, Arc<Profile>)],
    earlier: &HashMap<String, Kind>,
) -> Result<Vec<(Identifier, Kind)>, SourceError> {
    let Some((first_part, first)) = files.first() else { return Ok(Vec::new()) };
    for (part, profile) in files {
        let missing = |name: &&Identifier| !profile.names.contains(name);
        if let Some(name) = first.names.iter().find(missing) {
            return Err(
                part.invalid(format!("has no column \"{name}\", which {} has; {SAME}", first_part.shown))
            );
        }
        let added = |name: &&Identifier| !first.names.contains(name);
        if let Some(name) = profile.names.iter().find(added) {
            return Err(
                part.invalid(format!("has a column \"{name}\", which {} has not; {SAME}", first_part.shown))
            );
        }
    }
    let mut columns = Vec::with_capacity(first.names.len());
    for name in &first.names {
        let mut guess = Guess::new();
        for (_, profile) in files {
            if let Some(place) = profile.names.iter().position(|other| other == name) {
                guess = guess.and(&profile.guesses[place]);
            }
        }
        if let Some(kind) = earlier.get(name.as_str()) {
            guess = guess.and(&Guess::of(*kind));
        }
        columns.push((name.clone(), guess.kind()));
    }
    Ok(columns)
}
