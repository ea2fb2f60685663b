//! Schedules: what may be saved, what fires when the clock is turned, and how runs go through their jobs.

mod chains;
mod firings;
mod overlaps;
mod saves;

use std::time::Duration;

use forebay_core::Timestamp;
use forebay_core::execution::{ExtractionMode, Priority, Status};
use forebay_core::id::{DataJobId, ScheduleId};
use forebay_core::job::Activation;
use forebay_core::schedule::{
    CronExpression, FiringOutcome, Misfire, OnFailure, Overlap, Pattern, Schedule, ScheduleRun,
    ScheduleSettings, Timetable, Trigger, Zone,
};

use super::house::{House, name};

/// 2026-01-01 at 00:00 UTC.
const START: i64 = 1_767_225_600_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

fn cron(expression: &str) -> Trigger {
    let pattern = Pattern::Cron { expression: CronExpression::parse(expression).unwrap() };
    Trigger::Time(Timetable { pattern, time_zone: Zone::parse("timeZone", "UTC").unwrap() })
}

/// An hourly schedule of jobs.
fn hourly(jobs: &[DataJobId]) -> ScheduleSettings {
    ScheduleSettings {
        name: name("Hourly"),
        activation: Activation::Enabled,
        trigger: cron("0 0 * * * ?"),
        mode: ExtractionMode::Delta,
        priority: Priority::High,
        jobs: jobs.to_vec(),
        on_failure: OnFailure::Stop,
        overlap: Overlap::Skip,
        misfire: Misfire::None,
        jitter_seconds: 0,
    }
}

/// A house where it is 2026-01-01, 00:00 UTC.
async fn house() -> House {
    let house = House::new().await;
    house.clock.turn(START - 1_000);
    house
}

impl House {
    async fn save(&self, save: ScheduleSettings) -> Schedule {
        self.engine.create_schedule(&self.admin, self.pool, save).await.unwrap()
    }

    async fn saved(&self, id: ScheduleId) -> Schedule {
        self.engine.schedule(&self.admin, self.pool, id).await.unwrap()
    }

    /// The firings of a schedule, the oldest first.
    async fn runs(&self, id: ScheduleId) -> Vec<ScheduleRun> {
        let (mut runs, total) =
            self.engine.schedule_runs(&self.admin, self.pool, id, 1_000, 0).await.unwrap();
        assert_eq!(runs.len(), usize::try_from(total).unwrap());
        runs.reverse();
        runs
    }

    /// What became of the firings of a schedule, the oldest first.
    async fn told(&self, id: ScheduleId) -> Vec<(FiringOutcome, Status)> {
        self.runs(id).await.into_iter().map(|run| (run.outcome, run.status)).collect()
    }

    /// Turns the clock on and looks at what is due.
    async fn later(&self, millis: i64) {
        self.clock.turn(millis);
        self.engine.look().await;
    }

    /// Looks until a schedule's runs are as wanted.
    async fn until_runs(&self, id: ScheduleId, wanted: impl Fn(&[ScheduleRun]) -> bool) -> Vec<ScheduleRun> {
        let mut changes = self.engine.changes();
        let waiting = async {
            loop {
                self.engine.look().await;
                let runs = self.runs(id).await;
                if wanted(&runs) {
                    return runs;
                }
                // News that came before the look is no harm, and neither is none.
                drop(tokio::time::timeout(Duration::from_millis(100), changes.recv()).await);
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the runs get there")
    }

    /// Looks until no run of a schedule is on.
    async fn all_ended(&self, id: ScheduleId) -> Vec<ScheduleRun> {
        self.until_runs(id, |runs| runs.iter().all(|run| run.status.is_finished())).await
    }
}

fn statuses(run: &ScheduleRun) -> Vec<Status> {
    run.jobs.iter().map(|job| job.status).collect()
}
