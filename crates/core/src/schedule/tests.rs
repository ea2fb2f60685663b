//! Every moment is written as UTC, `2026-03-29T01:00:00Z`, and every list of firings as local times.

mod clocks;
mod expressions;
mod plans;

use super::*;
use crate::id::UserId;

fn utc(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(at.as_millisecond())
}

fn zone(name: &str) -> Zone {
    Zone::parse("timeZone", name).unwrap()
}

fn cron(expression: &str) -> Pattern {
    Pattern::Cron { expression: CronExpression::parse(expression).unwrap() }
}

fn time(text: &str) -> TimeOfDay {
    TimeOfDay::parse("at", text).unwrap()
}

/// The first firings of a pattern after a moment, as local times.
fn firings(pattern: Pattern, zone_name: &str, after: &str, count: usize) -> Vec<String> {
    let table = Timetable { pattern, time_zone: zone(zone_name) };
    let moments: Vec<Timestamp> =
        table.occurrences_after(utc(after)).take(count).map(|found| found.at).collect();
    moments.iter().map(|at| table.time_zone.local(*at)).collect()
}

fn every(count: u32, unit: Unit, start: &str) -> Pattern {
    Pattern::Every { interval: Interval::new("every", count, unit).unwrap(), start_at: utc(start) }
}

fn schedule(pattern: Pattern, zone_name: &str) -> Schedule {
    Schedule {
        id: "6f2c1a52-6d53-4f0e-9a39-0f6f0c8d3b11".parse().unwrap(),
        pool_id: DataPoolId::random(),
        settings: ScheduleSettings {
            name: Name::parse("name", "Nightly").unwrap(),
            activation: Activation::Enabled,
            trigger: Trigger::Time(Timetable { pattern, time_zone: zone(zone_name) }),
            mode: ExtractionMode::Delta,
            priority: Priority::Normal,
            jobs: vec![DataJobId::random()],
            on_failure: OnFailure::Stop,
            overlap: Overlap::Skip,
            misfire: Misfire::None,
            jitter_seconds: 0,
        },
        saved_by: Subject::User(UserId::random()),
        saved_at: utc("2026-01-01T00:00:00Z"),
        created_at: utc("2026-01-01T00:00:00Z"),
        next: None,
    }
}
