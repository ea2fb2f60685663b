//! The checker: what was acknowledged against what is there. It decides on values alone and reaches nothing, so
//! that `planted` can show that it finds what it is for.

use std::collections::BTreeMap;
use std::fmt;

use crate::journal::Entry;

/// Rows as text, and how often each is there.
pub(crate) type Rows = BTreeMap<String, u64>;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Rows that should be there and are not.
    Lost { rows: u64, such_as: String },
    /// Rows that are there too often.
    Doubled { rows: u64, such_as: String },
    /// Rows that no generation of the source ever had.
    Foreign { rows: u64, such_as: String },
    /// Rows of several generations beside each other.
    Mixed { generations: Vec<String> },
    /// A start that was acknowledged, and of which nothing is known any more.
    Forgotten { execution: String },
    /// An execution without an end, where everything should have ended.
    Unfinished { execution: String, status: String },
    /// An end that became another state.
    Changed { execution: String, from: String, to: String },
    /// Something that should have been cleaned up.
    LeftOver(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { rows, such_as } => write!(formatter, "{rows} rows are lost, such as {such_as}"),
            Self::Doubled { rows, such_as } => {
                write!(formatter, "{rows} rows are doubled, such as {such_as}")
            }
            Self::Foreign { rows, such_as } => {
                write!(formatter, "{rows} rows are of no generation of the source, such as {such_as}")
            }
            Self::Mixed { generations } => {
                write!(formatter, "rows of several generations are mixed: {}", generations.join(", "))
            }
            Self::Forgotten { execution } => {
                write!(formatter, "the execution {execution} was acknowledged and is forgotten")
            }
            Self::Unfinished { execution, status } => {
                write!(formatter, "the execution {execution} did not end: it is {status}")
            }
            Self::Changed { execution, from, to } => {
                write!(formatter, "the execution {execution} had ended as {from} and is {to} now")
            }
            Self::LeftOver(what) => write!(formatter, "left over: {what}"),
        }
    }
}

/// Counts lines.
pub(crate) fn rows(lines: impl IntoIterator<Item = String>) -> Rows {
    let mut rows = Rows::new();
    for line in lines {
        *rows.entry(line).or_default() += 1;
    }
    rows
}

/// Which of the generations a table holds exactly. Generations are named for the findings.
///
/// # Errors
/// What is wrong with the rows, when they are those of none.
pub(crate) fn one_of(generations: &[(String, &Rows)], found: &Rows) -> Result<usize, Vec<Finding>> {
    if let Some(place) = generations.iter().position(|(_, rows)| *rows == found) {
        return Ok(place);
    }
    let mut findings = Vec::new();
    let in_others = |place: usize, row: &str| {
        let mut others = generations.iter().enumerate().filter(|(other, _)| *other != place);
        others.any(|(_, (_, rows))| rows.contains_key(row))
    };
    // A generation shows by a row that only it has.
    let shown: Vec<usize> = (0..generations.len())
        .filter(|place| {
            generations[*place].1.keys().any(|row| found.contains_key(row) && !in_others(*place, row))
        })
        .collect();
    if shown.len() > 1 {
        let generations = shown.iter().map(|place| generations[*place].0.clone()).collect();
        findings.push(Finding::Mixed { generations });
    }
    let common = |rows: &Rows| -> u64 {
        rows.iter().map(|(row, count)| (*count).min(found.get(row).copied().unwrap_or(0))).sum()
    };
    let Some((_, nearest)) = generations.iter().max_by_key(|(_, rows)| common(rows)) else {
        return Err(findings);
    };
    let (mut lost, mut doubled, mut foreign) = (Count::default(), Count::default(), Count::default());
    for (row, expected) in *nearest {
        let held = found.get(row).copied().unwrap_or(0);
        lost.add(row, expected.saturating_sub(held));
        doubled.add(row, held.saturating_sub(*expected));
    }
    for (row, count) in found {
        if !generations.iter().any(|(_, rows)| rows.contains_key(row)) {
            foreign.add(row, *count);
        }
    }
    // What another generation has in its place was said above.
    if shown.len() < 2 {
        findings.extend(lost.told().map(|(rows, such_as)| Finding::Lost { rows, such_as }));
    }
    findings.extend(doubled.told().map(|(rows, such_as)| Finding::Doubled { rows, such_as }));
    findings.extend(foreign.told().map(|(rows, such_as)| Finding::Foreign { rows, such_as }));
    Err(findings)
}

#[derive(Default)]
struct Count {
    rows: u64,
    such_as: Option<String>,
}

impl Count {
    fn add(&mut self, row: &str, count: u64) {
        if count > 0 {
            self.rows += count;
            self.such_as.get_or_insert_with(|| row.to_owned());
        }
    }

    fn told(self) -> Option<(u64, String)> {
        Some((self.rows, self.such_as?))
    }
}

pub(crate) fn is_end(status: &str) -> bool {
    matches!(status, "SUCCESS" | "FAIL" | "CANCEL" | "SKIPPED")
}

/// Compares what the journal acknowledged of executions with what each is now; `None` is one that is not known.
/// Whoever asks has waited for every end.
pub(crate) fn states(journal: &[Entry], now: &BTreeMap<String, Option<String>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (execution, status) in now {
        match status.as_deref() {
            None => findings.push(Finding::Forgotten { execution: execution.clone() }),
            Some(status) if !is_end(status) => {
                findings.push(Finding::Unfinished { execution: execution.clone(), status: status.to_owned() })
            }
            Some(_) => {}
        }
    }
    // The end that was seen first, and every state that was seen after it.
    let mut ends: BTreeMap<&str, &str> = BTreeMap::new();
    for entry in journal {
        match entry {
            Entry::Started { execution } => {
                if !now.contains_key(execution) {
                    findings.push(Finding::Forgotten { execution: execution.clone() });
                }
            }
            Entry::Seen { execution, status } => match ends.get(execution.as_str()) {
                Some(end) if end != status => findings.push(changed(execution, end, status)),
                Some(_) => {}
                None if is_end(status) => drop(ends.insert(execution, status)),
                None => {}
            },
            Entry::Shown { .. } => {}
        }
    }
    for (execution, end) in ends {
        if let Some(Some(status)) = now.get(execution)
            && status != end
        {
            findings.push(changed(execution, end, status));
        }
    }
    findings
}

fn changed(execution: &str, from: &str, to: &str) -> Finding {
    Finding::Changed { execution: execution.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

/// What may be left behind, as it was found. Everything empty is as it should be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leftovers {
    pub(crate) staging_tables: Vec<String>,
    /// Versions of models that were never shown.
    pub(crate) unfinished_models: Vec<String>,
    /// Files that an engine had moved out of memory.
    pub(crate) temporary_files: Vec<String>,
    /// Logs of the engine that were put aside as damaged.
    pub(crate) damaged_logs: Vec<String>,
    /// Processes that nobody waits for, and more workers of a pool than one.
    pub(crate) processes: Vec<String>,
    /// Statements and sessions at the source.
    pub(crate) source_sessions: Vec<String>,
}

pub(crate) fn leftovers(found: &Leftovers) -> Vec<Finding> {
    let Leftovers {
        staging_tables,
        unfinished_models,
        temporary_files,
        damaged_logs,
        processes,
        source_sessions,
    } = found;
    let kinds = [
        ("staging table", staging_tables),
        ("unfinished model version", unfinished_models),
        ("temporary file", temporary_files),
        ("damaged log", damaged_logs),
        ("process", processes),
        ("session at the source", source_sessions),
    ];
    kinds
        .iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| Finding::LeftOver(format!("{kind} {name}"))))
        .collect()
}

/// Ends the round unless nothing was found.
#[track_caller]
pub(crate) fn nothing(told: &str, findings: &[Finding]) {
    if !findings.is_empty() {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        panic!("{told}: {}", lines.join("; "));
    }
}
