//! Samples, and what they say together: a table of medians, ratios of each pair of runs, and the targets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::meter::Values;

/// One measured run.
pub(crate) struct Sample {
    pub(crate) case: &'static str,
    pub(crate) who: String,
    pub(crate) round: u32,
    pub(crate) values: Values,
    /// What is wrong with what was loaded; empty when nothing is.
    pub(crate) wrong: Vec<String>,
}

/// What a case must reach: a value, or its ratio to the same value of a peer in the same round.
struct Target {
    case: &'static str,
    value: &'static str,
    against: Option<&'static str>,
    bound: Bound,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

const fn target(
    case: &'static str,
    value: &'static str,
    against: Option<&'static str>,
    bound: Bound,
) -> Target {
    Target { case, value, against, bound }
}

const TARGETS: [Target; 13] = [
    target("F1", "wall_s", Some("scanner"), Bound::AtMost(0.9)),
    target("F1", "wall_s", Some("adbc"), Bound::AtMost(0.5)),
    target("F1", "peak_rss_mb", None, Bound::AtMost(450.0)),
    target("F2", "wall_s", Some("scanner"), Bound::AtMost(0.9)),
    target("F2", "peak_rss_mb", None, Bound::AtMost(450.0)),
    target("D3", "wall_s", None, Bound::AtMost(0.05)),
    target("D2", "wall_s", None, Bound::AtMost(0.15)),
    target("D1", "wall_s", None, Bound::AtMost(0.5)),
    target("T1000", "table_ms", None, Bound::AtMost(10.0)),
    target("EMPTY", "p50_ms", None, Bound::AtMost(15.0)),
    target("EMPTY", "p99_ms", None, Bound::AtMost(50.0)),
    target("EMPTY", "jobs_per_s", None, Bound::AtLeast(200.0)),
    target("IDLE", "rss_mb", None, Bound::AtMost(80.0)),
];

/// The middle one; of an even number the mean of the two in the middle.
pub(crate) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers.len() % 2 {
        1 => numbers.get(half).copied(),
        _ => Some(f64::midpoint(*numbers.get(half.checked_sub(1)?)?, *numbers.get(half)?)),
    }
}

/// Everything as text, for a terminal and for a page.
pub(crate) fn text(samples: &[Sample], notes: &[String]) -> String {
    let mut groups: BTreeMap<(&str, &str), Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        groups.entry((sample.case, &sample.who)).or_default().push(sample);
    }
    let mut lines =
        vec!["| case | who | runs | medians | correct |".to_owned(), "|---|---|---|---|---|".to_owned()];
    for ((case, who), runs) in &groups {
        let mut medians = Vec::new();
        for name in runs[0].values.keys() {
            let numbers = runs.iter().filter_map(|run| run.values.get(name).copied()).collect();
            if let Some(number) = median(numbers) {
                medians.push(format!("{name} {number:.3}"));
            }
        }
        let wrong: Vec<&str> = runs.iter().flat_map(|run| &run.wrong).map(String::as_str).collect();
        let correct = if wrong.is_empty() { "yes".to_owned() } else { format!("NO: {}", wrong.join("; ")) };
        lines.push(format!("| {case} | {who} | {} | {} | {correct} |", runs.len(), medians.join(", ")));
    }
    lines.extend(["".to_owned(), "| target | measured | |".to_owned(), "|---|---|---|".to_owned()]);
    for target in &TARGETS {
        let (sign, limit) = match target.bound {
            Bound::AtMost(limit) => ("≤", limit),
            Bound::AtLeast(limit) => ("≥", limit),
        };
        let against = target.against.map(|peer| format!(" / {peer}")).unwrap_or_default();
        let (measured, verdict) = match measured(samples, target) {
            None => ("not measured".to_owned(), ""),
            Some(number) => {
                let met = match target.bound {
                    Bound::AtMost(limit) => number <= limit,
                    Bound::AtLeast(limit) => number >= limit,
                };
                (format!("{number:.3}"), if met { "met" } else { "not met" })
            }
        };
        lines.push(format!(
            "| {} {}{against} {sign} {limit} | {measured} | {verdict} |",
            target.case, target.value
        ));
    }
    for note in notes {
        lines.push(format!("\nnote: {note}"));
    }
    lines.join("\n")
}

/// The median of a value, or of the ratios of the rounds that both ran.
fn measured(samples: &[Sample], target: &Target) -> Option<f64> {
    let of = |who: &str| -> BTreeMap<u32, f64> {
        let fits = samples.iter().filter(|sample| sample.case == target.case && sample.who == who);
        fits.filter_map(|sample| Some((sample.round, *sample.values.get(target.value)?))).collect()
    };
    let ours = of("forebay");
    let Some(peer) = target.against else { return median(ours.into_values().collect()) };
    let theirs = of(peer);
    median(ours.iter().filter_map(|(round, value)| Some(value / theirs.get(round)?)).collect())
}

/// Everything as JSON, each run by itself.
pub(crate) fn json(samples: &[Sample], notes: &[String], facts: &Value) -> Value {
    let samples: Vec<Value> = samples
        .iter()
        .map(|one| json!({"case": one.case, "who": one.who, "round": one.round, "values": one.values, "wrong": one.wrong}))
        .collect();
    json!({"facts": facts, "samples": samples, "notes": notes})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_that_both_ran() {
        let sample = |who: &str, round, wall| Sample {
            case: "F1",
            who: who.to_owned(),
            round,
            values: Values::from([("wall_s", wall)]),
            wrong: Vec::new(),
        };
        let samples = [sample("forebay", 0, 1.0), sample("scanner", 0, 2.0), sample("forebay", 1, 9.0)];
        assert_eq!(measured(&samples, &TARGETS[0]), Some(0.5));
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
