//! F40 to F42: schedules over changes of the clock, over a time when the server was down, and over their own runs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gate::{Gate, waiting};
use crate::metadata;
use crate::pool::{Job, Pool};
use crate::rounds::Rounds;
use crate::server::Server;
use crate::stage::{LOOK_AGAIN, RECOVERED_WITHIN, Stage, eventually};

const HOUR: i64 = 3_600_000;

/// The next firings of a pattern: the moment, and what clocks show then.
async fn preview(pool: &Pool, expression: &str) -> Vec<(i64, String)> {
    let body = json!({"pattern": {"type": "CRON", "expression": expression}, "timeZone": "Europe/Berlin"});
    let firings = pool.client.post(&pool.own("/schedules/preview"), &body).await.ok();
    let firings = firings.as_array().cloned().unwrap_or_default();
    let text = |firing: &Value| firing["localTime"].as_str().unwrap_or_default().to_owned();
    firings.iter().map(|firing| (firing["at"].as_i64().unwrap_or_default(), text(firing))).collect()
}

/// F40: what can be staged without setting the machine's clock: each day has one firing over both changes of
/// daylight saving time, and a leap day has one where there is one.
pub(crate) async fn clocks(rounds: Rounds) {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    while let Some(round) = rounds.next() {
        let begun = Instant::now();
        // The last week of March and of October, at the hour that is left out or comes twice.
        for expression in ["0 30 2 25-31 3 ?", "0 30 2 25-31 10 ?"] {
            let firings = preview(&pool, expression).await;
            assert!(firings.len() >= 14, "{expression}: {firings:?}");
            let days: Vec<&str> = firings.iter().map(|(_, local)| &local[..10]).collect();
            let mut once = days.clone();
            once.dedup();
            assert_eq!(days, once, "{expression}: a day fires twice");
            for pair in firings.windows(2) {
                let apart = pair[1].0 - pair[0].0;
                assert!(apart >= 23 * HOUR, "{expression}: {pair:?}");
                let same_month = pair[0].1[..7] == pair[1].1[..7];
                assert!(!same_month || apart <= 25 * HOUR, "{expression}: a day is left out in {pair:?}");
            }
        }
        for (_, local) in preview(&pool, "0 0 12 29 2 ?").await {
            let year: u32 = local[..4].parse().expect("a year");
            assert!(year.is_multiple_of(4) && local[5..10] == *"02-29", "a leap day on {local}");
        }
        round.held(begun.elapsed());
    }
    rounds.note("clocks that jump are staged in the engine's tests, with a clock that they turn");
}

async fn create(job: &Job, expression: &str, settings: Value) -> String {
    let mut body = json!({
        "name": format!("Every {expression} {settings}").chars().filter(|letter| !"{}\"".contains(*letter)).collect::<String>(),
        "jobs": [job.id], "mode": "FULL", "pattern": {"type": "CRON", "expression": expression},
    });
    for (name, value) in settings.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let made = job.pool.client.post(&job.pool.own("/schedules"), &body).await.ok();
    made["id"].as_str().unwrap_or_else(|| panic!("no id in {made}")).to_owned()
}

/// What became of a schedule's firings.
async fn runs(pool: &Pool, schedule: &str) -> Vec<Value> {
    let path = pool.own(&format!("/schedules/{schedule}/runs?limit=500"));
    pool.client.get(&path).await.ok()["runs"].as_array().cloned().unwrap_or_default()
}

fn counted(runs: &[Value], field: &str) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for run in runs {
        *counted.entry(run[field].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    counted
}

fn is_live(run: &Value) -> bool {
    matches!(run["status"].as_str(), Some("QUEUED" | "RUNNING"))
}

/// F41: a schedule of every hour finds, at the start, that a day went by.
pub(crate) async fn down(rounds: Rounds) {
    const TICKS: usize = 24;
    while let Some(round) = rounds.next() {
        let mut server = Server::start();
        let pool = Pool::create(&server.admin()).await;
        let mut schedules = Vec::new();
        for misfire in ["NONE", "LATEST", "ALL"] {
            let job = pool.job(None).await;
            job.transformation("SELECT 1").await;
            let settings = json!({"misfire": misfire, "overlap": "QUEUE"});
            schedules.push((misfire, create(&job, "0 0 * * * ?", settings).await));
        }
        if round.number.is_multiple_of(2) {
            server.kill()
        } else {
            assert!(server.terminate().success(), "an orderly end");
        }
        let mut file = metadata::open(&metadata::file(&server.data())).await;
        let day = TICKS as i64 * HOUR;
        let back = format!(
            "update schedules set next_occurrence = next_occurrence - {day}, next_due = next_due - {day}"
        );
        metadata::execute(&mut file, &back).await;
        sqlx::Connection::close(file).await.unwrap();
        let begun = Instant::now();
        server.restart();
        for (misfire, schedule) in &schedules {
            eventually(&format!("{misfire}: what became of {TICKS} ticks"), RECOVERED_WITHIN, async || {
                let runs = runs(&pool, schedule).await;
                runs.len() >= TICKS && !runs.iter().any(is_live)
            })
            .await;
            // Once more after a restart: nothing fires again.
            let told = runs(&pool, schedule).await;
            let mut moments: Vec<i64> = told.iter().filter_map(|run| run["occurrenceAt"].as_i64()).collect();
            moments.sort_unstable();
            let apart: Vec<i64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(
                apart.iter().all(|apart| *apart == HOUR),
                "{misfire}: each tick once, and none left out: {moments:?}"
            );
            let outcomes = counted(&told, "outcome");
            let of = |outcome: &str| outcomes.get(outcome).copied().unwrap_or_default();
            // A tick of the last minute is no misfire, and then the latest of the others is not wanted.
            let caught = of("CAUGHT_UP") + of("FIRED");
            let expected = match *misfire {
                "NONE" => of("FIRED"),
                "LATEST" => of("FIRED").max(1),
                _ => told.len(),
            };
            assert_eq!(caught, expected, "{misfire}: {outcomes:?}");
            assert_eq!(of("MISSED"), told.len() - caught, "{misfire}: {outcomes:?}");
            let succeeded = counted(&told, "status").get("SUCCESS").copied().unwrap_or_default();
            assert_eq!(succeeded, caught, "{misfire}: what was caught up ran once");
        }
        let recovery = begun.elapsed();
        let before: Vec<usize> = {
            let mut counts = Vec::new();
            for (_, schedule) in &schedules {
                counts.push(runs(&pool, schedule).await.len());
            }
            counts
        };
        server.kill();
        server.restart();
        tokio::time::sleep(Duration::from_secs(1)).await;
        for ((misfire, schedule), before) in schedules.iter().zip(before) {
            assert!(
                runs(&pool, schedule).await.len() <= before + 1,
                "{misfire}: a tick fired again after a restart"
            );
        }
        round.held(recovery);
    }
}

/// F42: a schedule fires every two seconds while its run waits for its source.
pub(crate) async fn overlap(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        let mut worst = Duration::ZERO;
        let mut stage = Stage::gated(&[], 500).await;
        for policy in ["SKIP", "QUEUE", "REPLACE"] {
            stage.data.change_all().await;
            let gate = Gate::close(&stage.data.source).await;
            let schedule =
                create(&stage.job, "0/2 * * * * ?", json!({"overlap": policy, "misfire": "NONE"})).await;
            waiting(&stage.data.source, |count| count == 1).await;
            // Several ticks go by, and never do two read for one table.
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(7) {
                waiting(&stage.data.source, |count| {
                    assert!(count <= 1, "{policy}: {count} reads of one table");
                    true
                })
                .await;
                let live = runs(&stage.pool, &schedule).await;
                let running = live.iter().filter(|run| run["status"] == "RUNNING").count();
                assert!(running <= 1, "{policy}: {running} runs of one schedule are on");
                tokio::time::sleep(LOOK_AGAIN * 4).await;
            }
            let told = runs(&stage.pool, &schedule).await;
            let (outcomes, statuses) = (counted(&told, "outcome"), counted(&told, "status"));
            let at_least = |counted: &BTreeMap<String, usize>, what: &str, count: usize| {
                let found = counted.get(what).copied().unwrap_or_default();
                assert!(
                    found >= count,
                    "{policy}: {found} of {what}, not {count}: {outcomes:?} {statuses:?}"
                );
            };
            match policy {
                "SKIP" => at_least(&outcomes, "SKIPPED", 2),
                "QUEUE" => at_least(&statuses, "QUEUED", 2),
                _ => at_least(&statuses, "CANCEL", 1),
            }
            let begun = Instant::now();
            gate.open().await;
            eventually(&format!("{policy}: a run that succeeds"), RECOVERED_WITHIN, async || {
                runs(&stage.pool, &schedule).await.iter().any(|run| run["status"] == "SUCCESS")
            })
            .await;
            let disable = stage.pool.own(&format!("/schedules/{schedule}/disable"));
            stage.pool.client.post(&disable, &Value::Null).await.ok();
            eventually(&format!("{policy}: the end of all runs"), RECOVERED_WITHIN, async || {
                !runs(&stage.pool, &schedule).await.iter().any(is_live)
            })
            .await;
            worst = worst.max(begun.elapsed());
            stage.exact(policy).await;
            let delete = stage.pool.own(&format!("/schedules/{schedule}"));
            assert_eq!(stage.pool.client.delete(&delete).await.status, 204, "{policy}");
        }
        stage.in_order("after overlaps").await;
        round.held(worst);
    }
}
