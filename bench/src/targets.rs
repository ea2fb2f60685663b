//! What each case must reach, and what lies beyond: values, or their ratios to those of a peer or of another case.

use serde_json::{Value, json};

use crate::report::{Sample, median, of_rounds, ratio};

/// What a case must reach.
pub(crate) struct Target {
    case: &'static str,
    value: &'static str,
    against: Against,
    bound: Bound,
    /// What must be reached.
    limit: f64,
    /// What is aimed at beyond, if anything is.
    aim: Option<f64>,
}

/// What a value is compared with.
enum Against {
    Nothing,
    /// The same value of this peer in the same round.
    Peer(&'static str),
    /// The median of the same value of this case.
    Case(&'static str),
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost,
    AtLeast,
}

use self::Against::{Case, Nothing, Peer};
use self::Bound::{AtLeast, AtMost};

const fn target(
    case: &'static str,
    value: &'static str,
    against: Against,
    bound: Bound,
    limit: f64,
    aim: Option<f64>,
) -> Target {
    Target { case, value, against, bound, limit, aim }
}

/// They are meant for scale 1 on two cores with the source on the same machine.
pub(crate) const TARGETS: [Target; 27] = [
    target("F1", "wall_s", Peer("scanner"), AtMost, 0.9, Some(0.7)),
    target("F1", "wall_s", Peer("adbc"), AtMost, 0.5, None),
    target("F1", "peak_rss_mb", Nothing, AtMost, 450.0, Some(256.0)),
    target("F1L", "peak_rss_mb", Nothing, AtMost, 450.0, Some(256.0)),
    target("F2", "wall_s", Peer("scanner"), AtMost, 0.9, Some(0.8)),
    target("F2", "peak_rss_mb", Nothing, AtMost, 450.0, Some(256.0)),
    target("F3", "wall_s", Peer("connectorx"), AtMost, 0.55, Some(0.45)),
    target("F3", "peak_rss_mb", Nothing, AtMost, 450.0, Some(256.0)),
    target("D3", "wall_s", Nothing, AtMost, 0.05, Some(0.015)),
    target("D2", "wall_s", Nothing, AtMost, 0.15, Some(0.05)),
    target("D1", "wall_s", Nothing, AtMost, 0.5, Some(0.25)),
    target("D1L", "wall_s", Case("D1"), AtMost, 2.0, Some(1.2)),
    target("T1000", "table_ms", Nothing, AtMost, 10.0, Some(3.0)),
    target("EMPTY", "p50_ms", Nothing, AtMost, 15.0, None),
    target("EMPTY", "p99_ms", Nothing, AtMost, 50.0, None),
    target("EMPTY", "jobs_per_s", Nothing, AtLeast, 200.0, Some(1000.0)),
    target("STATUS", "reads_per_s", Nothing, AtLeast, 5000.0, Some(20_000.0)),
    target("STATUS", "p99_ms", Nothing, AtMost, 30.0, None),
    target("STATUS", "history_p99_ms", Nothing, AtMost, 1000.0, None),
    target("STATUS", "pool_history_p99_ms", Nothing, AtMost, 1000.0, None),
    target("LISTS", "pools_p99_ms", Nothing, AtMost, 50.0, None),
    target("LISTS", "jobs_p99_ms", Nothing, AtMost, 50.0, None),
    target("LISTS", "status_p99_ms", Nothing, AtMost, 50.0, None),
    target("LISTS", "executions_p99_ms", Nothing, AtMost, 50.0, None),
    target("IDLE", "rss_mb", Nothing, AtMost, 80.0, Some(40.0)),
    target("IDLE", "stored_rss_mb", Nothing, AtMost, 80.0, Some(40.0)),
    target("IDLE", "start_s", Nothing, AtMost, 1.0, Some(0.2)),
];

impl Target {
    /// What is compared.
    fn named(&self) -> String {
        match self.against {
            Nothing => format!("{} {}", self.case, self.value),
            Peer(peer) => format!("{} {} / {peer}", self.case, self.value),
            Case(case) => format!("{} {} / {case}", self.case, self.value),
        }
    }

    /// The median of a value or of the ratios of the rounds that both ran, or the ratio of two medians.
    fn measured(&self, samples: &[Sample]) -> Option<f64> {
        let ours = of_rounds(samples, self.case, "forebay", self.value);
        match self.against {
            Nothing => median(ours.into_values().collect()),
            Peer(peer) => ratio(&ours, &of_rounds(samples, self.case, peer, self.value)),
            Case(case) => {
                let other = of_rounds(samples, case, "forebay", self.value);
                Some(median(ours.into_values().collect())? / median(other.into_values().collect())?)
            }
        }
    }

    /// Whether the limit was kept; the better of limit and aim is said.
    fn verdict(&self, measured: Option<f64>) -> &'static str {
        let Some(measured) = measured else { return "not measured" };
        let keeps = |bound: f64| match self.bound {
            AtMost => measured <= bound,
            AtLeast => measured >= bound,
        };
        match (keeps(self.limit), self.aim.is_some_and(keeps)) {
            (true, true) => "met, and the aim",
            (true, false) => "met",
            (false, _) => "not met",
        }
    }

    /// The target as a line of a table.
    pub(crate) fn line(&self, samples: &[Sample]) -> String {
        let sign = match self.bound {
            AtMost => "≤",
            AtLeast => "≥",
        };
        let measured = self.measured(samples);
        let number = measured.map(|number| format!("{number:.3}")).unwrap_or_default();
        let aim = self.aim.map(|aim| format!("{sign} {aim}")).unwrap_or_default();
        let (named, limit, verdict) = (self.named(), self.limit, self.verdict(measured));
        format!("| {named} | {sign} {limit} | {aim} | {number} | {verdict} |")
    }

    /// The target for programs.
    pub(crate) fn json(&self, samples: &[Sample]) -> Value {
        let measured = self.measured(samples);
        let bound = match self.bound {
            AtMost => "at most",
            AtLeast => "at least",
        };
        json!({
            "target": self.named(), "bound": bound, "limit": self.limit, "aim": self.aim, "measured": measured,
            "verdict": self.verdict(measured),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Values;

    fn sample(case: &'static str, who: &str, round: u32, wall: f64) -> Sample {
        Sample {
            case,
            who: who.to_owned(),
            round,
            values: Values::from([("wall_s", wall)]),
            wrong: Vec::new(),
        }
    }

    #[test]
    fn a_ratio_to_a_peer_is_the_median_of_the_rounds_that_both_ran() {
        let samples = [
            sample("F1", "forebay", 0, 1.0),
            sample("F1", "scanner", 0, 2.0),
            sample("F1", "forebay", 1, 9.0),
        ];
        let target = target("F1", "wall_s", Peer("scanner"), AtMost, 0.9, Some(0.7));
        assert_eq!(target.measured(&samples), Some(0.5));
        assert_eq!(
            target.line(&samples),
            "| F1 wall_s / scanner | ≤ 0.9 | ≤ 0.7 | 0.500 | met, and the aim |"
        );
    }

    #[test]
    fn a_ratio_to_another_case_is_that_of_the_medians() {
        let samples = [sample("D1", "forebay", 0, 1.0), sample("D1L", "forebay", 4, 3.0)];
        let target = target("D1L", "wall_s", Case("D1"), AtMost, 2.0, Some(1.2));
        assert_eq!(target.measured(&samples), Some(3.0));
        assert_eq!(target.json(&samples)["verdict"], "not met");
        assert_eq!(target.json(&samples[..1])["verdict"], "not measured");
    }

    #[test]
    fn more_is_better_where_a_target_says_at_least() {
        let target = target("STATUS", "reads_per_s", Nothing, AtLeast, 5000.0, Some(20_000.0));
        assert_eq!(target.verdict(Some(4999.0)), "not met");
        assert_eq!(target.verdict(Some(6000.0)), "met");
    }
}
