//! Samples, and what they say together: a table of medians with the ratios of each pair of runs, and the targets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::meter::Values;
use crate::targets::TARGETS;

/// One measured run.
pub(crate) struct Sample {
    pub(crate) case: &'static str,
    pub(crate) who: String,
    pub(crate) round: u32,
    pub(crate) values: Values,
    /// What is wrong with what was loaded; empty when nothing is.
    pub(crate) wrong: Vec<String>,
}

/// The middle one; of an even number the mean of the two in the middle.
pub(crate) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers.len() % 2 {
        1 => numbers.get(half).copied(),
        _ => Some(f64::midpoint(*numbers.get(half.checked_sub(1)?)?, *numbers.get(half)?)),
    }
}

/// A value of somebody's runs of a case, by round.
pub(crate) fn of_rounds(samples: &[Sample], case: &str, who: &str, value: &str) -> BTreeMap<u32, f64> {
    let fits = samples.iter().filter(|sample| sample.case == case && sample.who == who);
    fits.filter_map(|sample| Some((sample.round, *sample.values.get(value)?))).collect()
}

/// The median of the ratios of the rounds that both ran.
pub(crate) fn ratio(ours: &BTreeMap<u32, f64>, theirs: &BTreeMap<u32, f64>) -> Option<f64> {
    median(ours.iter().filter_map(|(round, value)| Some(value / theirs.get(round)?)).collect())
}

/// Everything as text, for a terminal and for a page.
pub(crate) fn text(samples: &[Sample], notes: &[String]) -> String {
    let mut lines = vec![
        "| case | who | runs | medians | our time / theirs | correct |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for sample in samples {
        if !groups.contains(&(sample.case, &sample.who)) {
            groups.push((sample.case, &sample.who));
        }
    }
    for (case, who) in groups {
        let runs: Vec<&Sample> =
            samples.iter().filter(|sample| sample.case == case && sample.who == who).collect();
        let mut medians = Vec::new();
        for name in runs[0].values.keys() {
            let numbers = runs.iter().filter_map(|run| run.values.get(name).copied()).collect();
            if let Some(number) = median(numbers) {
                medians.push(format!("{name} {number:.3}"));
            }
        }
        let against = match who {
            "forebay" => None,
            peer => ratio(
                &of_rounds(samples, case, "forebay", "wall_s"),
                &of_rounds(samples, case, peer, "wall_s"),
            ),
        };
        let against = against.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let wrong: Vec<&str> = runs.iter().flat_map(|run| &run.wrong).map(String::as_str).collect();
        let correct = if wrong.is_empty() { "yes".to_owned() } else { format!("NO: {}", wrong.join("; ")) };
        let (count, medians) = (runs.len(), medians.join(", "));
        lines.push(format!("| {case} | {who} | {count} | {medians} | {against} | {correct} |"));
    }
    lines.extend(
        ["", "| target | must reach | aim | measured | |", "|---|---|---|---|---|"].map(str::to_owned),
    );
    lines.extend(TARGETS.iter().map(|target| target.line(samples)));
    lines.extend(notes.iter().map(|note| format!("\nnote: {note}")));
    lines.join("\n")
}

/// Everything as JSON, each run by itself.
pub(crate) fn json(samples: &[Sample], notes: &[String], facts: &Value) -> Value {
    let targets: Vec<Value> = TARGETS.iter().map(|target| target.json(samples)).collect();
    let samples: Vec<Value> = samples
        .iter()
        .map(|one| json!({"case": one.case, "who": one.who, "round": one.round, "values": one.values, "wrong": one.wrong}))
        .collect();
    json!({"facts": facts, "targets": targets, "samples": samples, "notes": notes})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![3.0, 1.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
