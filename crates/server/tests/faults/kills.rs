//! F01 to F04: SIGKILL of the server at every named point of a run, and at random moments.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::journal::Entry;
use crate::oracle::{self, Rows};
use crate::pool::Run;
use crate::rounds::{Round, Rounds};
use crate::stage::{RECOVERED_WITHIN, Stage, ended, eventually, lines, logged, try_start};

const ROWS: u64 = 20_000;

/// Where a FULL is killed; between them at random.
pub(crate) const FULL_POINTS: [&str; 10] = [
    "claim.before_commit",
    "claim.after_commit",
    "extraction.before_snapshot",
    "extraction.after_snapshot",
    "load.first_batch_staged",
    "load.before_commit",
    "show.before_commit",
    "show.after_commit",
    "events.before_commit",
    "finish.before_commit",
];
/// Either side of the one commit of rows and checkpoint.
pub(crate) const DELTA_POINTS: [&str; 4] =
    ["show.before_commit", "show.after_commit", "load.before_commit", "finish.before_commit"];
/// Before the second statement, before the commit, and after it.
pub(crate) const SCRIPT_POINTS: [&str; 3] =
    ["statement.before@2", "transaction.before_commit", "finish.before_commit"];
pub(crate) const MODEL_POINTS: [&str; 3] =
    ["model.before_shown", "model.after_shown", "finish.before_commit"];

/// When a run is killed.
#[derive(Clone, Debug)]
enum Moment {
    At(&'static str),
    After(Duration),
}

/// Every point in turn, then a random moment of an undisturbed run's time.
fn moment(points: &[&'static str], round: &mut Round, whole: Duration) -> Moment {
    match points.get(round.number % (points.len() + 1)) {
        Some(point) => Moment::At(point),
        None => Moment::After(round.random.part_of(whole)),
    }
}

/// Starts the job, kills the server at the moment, starts it again, and gives the execution.
async fn killed(stage: &mut Stage, mode: &str, moment: &Moment) -> String {
    let key = uuid::Uuid::new_v4().to_string();
    let known = match moment {
        Moment::At(point) => {
            stage.restart(Some(&format!("{point}=hold")));
            let from = stage.server.log_text().len();
            let known = try_start(&stage.job, mode, &key).await;
            let name = point.split('@').next().unwrap_or(point);
            logged(&stage.server, from, &format!("fault point {name}: ")).await;
            if let ("statement.before@2", Some(execution)) = (*point, &known) {
                eventually("the log of the first statement", RECOVERED_WITHIN, async || {
                    statements_told(stage, execution).await == 1
                })
                .await;
            }
            known
        }
        Moment::After(time) => {
            let known = try_start(&stage.job, mode, &key).await;
            tokio::time::sleep(*time).await;
            known
        }
    };
    if let Some(execution) = &known {
        stage.journal.append(Entry::Started { execution: execution.clone() });
    }
    stage.restart(None);
    // One that was not answered is asked for again, with the same key.
    let execution = try_start(&stage.job, mode, &key).await.expect("the server answers");
    if let Some(known) = known {
        assert_eq!(known, execution, "the same key gives the same execution");
    }
    stage.journal.append(Entry::Started { execution: execution.clone() });
    execution
}

/// It went on by itself, and the kill used up no attempt.
#[track_caller]
fn went_on(run: &Run, told: &str) {
    assert!(run.status() == "SUCCESS" && run.0["attempt"] == 1, "{told}: {:#}", run.0);
}

async fn extraction(rounds: Rounds, mode: &str, points: &[&'static str]) {
    let mut stage = Stage::new(&[], ROWS).await;
    stage.run("FULL", "at first").await;
    stage.data.change_some().await;
    let begun = Instant::now();
    stage.run(mode, "undisturbed").await;
    let whole = begun.elapsed();
    while let Some(mut round) = rounds.next() {
        let moment = moment(points, &mut round, whole);
        let told = format!("{mode} killed {moment:?} in round {}", round.number);
        let before: Rows = stage.data.expected();
        let before_name = stage.data.told();
        match mode {
            "FULL" => stage.data.change_all().await,
            _ => stage.data.change_some().await,
        }
        let after: Rows = stage.data.expected();
        let execution = killed(&mut stage, mode, &moment).await;
        let begun = Instant::now();
        let allowed = [(before_name, &before), (stage.data.told(), &after)];
        let run = stage.watched(&execution, &allowed, RECOVERED_WITHIN, &told).await;
        let recovery = begun.elapsed();
        went_on(&run, &told);
        stage.exact(&told).await;
        stage.in_order(&told).await;
        stage.checkpoint_agrees(&told).await;
        stage.in_order(&told).await;
        round.held(recovery);
    }
}

pub(crate) async fn full(rounds: Rounds) {
    extraction(rounds, "FULL", &FULL_POINTS).await;
}

pub(crate) async fn delta(rounds: Rounds) {
    extraction(rounds, "DELTA", &DELTA_POINTS).await;
}

/// F03: two tables that one script writes are always of the same run.
pub(crate) async fn transformation(rounds: Rounds) {
    let mut stage = Stage::new(&[], 1).await;
    let job = stage.pool.job(None).await;
    let task = job.transformation("SELECT 1").await;
    stage.job = job;
    let script = |number: usize| {
        format!(
            "CREATE OR REPLACE TABLE first AS SELECT {number} AS run, range AS n FROM range(50000);
             CREATE OR REPLACE TABLE second AS SELECT run, count(*) AS rows FROM first GROUP BY run;
             DELETE FROM first WHERE n >= 40000;
             INSERT INTO first SELECT {number}, range FROM range(1000)"
        )
    };
    let sql = "SELECT concat_ws('|', (SELECT concat_ws('|', min(run), max(run), count(*)) FROM first), \
               (SELECT concat_ws('|', min(run), max(run), sum(rows)) FROM second))";
    let line = |number: usize| format!("{number}|{number}|41000|{number}|{number}|50000");
    let mut runs = 0;
    stage.job.set_statement(&task, &script(runs)).await;
    let begun = Instant::now();
    stage.run("FULL", "at first").await;
    let whole = begun.elapsed();
    while let Some(mut round) = rounds.next() {
        let moment = moment(&SCRIPT_POINTS, &mut round, whole);
        let told = format!("a transformation killed {moment:?} in round {}", round.number);
        runs += 1;
        stage.job.set_statement(&task, &script(runs)).await;
        let execution = killed(&mut stage, "FULL", &moment).await;
        let begun = Instant::now();
        let allowed = [line(runs - 1), line(runs)];
        let run = loop {
            let held = lines(&stage.pool, None, sql).await;
            assert!(
                allowed.contains(&held[0]),
                "{told}: the tables hold {held:?}, and not one of {allowed:?}"
            );
            let run = stage.watched(&execution, &[], RECOVERED_WITHIN, &told);
            if let Ok(run) = tokio::time::timeout(Duration::from_millis(50), run).await {
                break run;
            }
            assert!(begun.elapsed() < RECOVERED_WITHIN, "{told}: no end");
        };
        let recovery = begun.elapsed();
        went_on(&run, &told);
        if moment_is(&moment, "statement.before@2") {
            let told_times = statements_told(&stage, &execution).await;
            assert_eq!(told_times, 2, "{told}: how often the log tells of the first statement");
        }
        assert_eq!(lines(&stage.pool, None, sql).await, [line(runs)], "{told}");
        stage.in_order(&told).await;
        round.held(recovery);
    }
}

fn moment_is(moment: &Moment, point: &str) -> bool {
    matches!(moment, Moment::At(at) if *at == point)
}

/// How often the log says that the first statement is done.
async fn statements_told(stage: &Stage, execution: &str) -> usize {
    let path = format!("/forebay/api/v1/executions/{execution}/logs?limit=1000");
    let log = stage.pool.client.get(&path).await.ok();
    let lines = log["logMessages"].as_array().into_iter().flatten();
    lines.filter(|line| line.to_string().contains("statement 1 (line 1): ")).count()
}

/// F04: readers of a model's files find one complete version, the old one or the new one.
pub(crate) async fn model(rounds: Rounds) {
    let mut stage = Stage::new(&[], 5_000).await;
    let table = json!({"name": "things", "connectionId": stage.connection, "primaryKey": ["id"]});
    let model = stage.pool.model(&json!({"name": "Things", "tables": [table]})).await;
    stage.run("FULL", "at first").await;
    let extract = stage.job.clone();
    let load = stage.pool.job(None).await;
    load.load(&model).await;
    stage.job = load.clone();
    let begun = Instant::now();
    stage.run("FULL", "at first").await;
    let whole = begun.elapsed();
    let folder = stage.pool_folder().join("models").join(model["id"].as_str().expect("a model's id"));
    let published = || crate::published::lines(&folder);
    while let Some(mut round) = rounds.next() {
        let moment = moment(&MODEL_POINTS, &mut round, whole);
        let told = format!("a model load killed {moment:?} in round {}", round.number);
        let before = stage.data.expected();
        stage.data.change_all().await;
        let after = stage.data.expected();
        stage.job = extract.clone();
        stage.run("FULL", &told).await;
        stage.job = load.clone();
        let allowed = [("old".to_owned(), &before), ("new".to_owned(), &after)];
        let check = |told: &str| match oracle::one_of(&allowed, &published()) {
            Ok(place) => place,
            Err(findings) => {
                oracle::nothing(told, &findings);
                unreachable!("{told}: rows of no version, without a finding")
            }
        };
        check(&told);
        let execution = killed(&mut stage, "FULL", &moment).await;
        check(&told);
        let begun = Instant::now();
        let run = ended(&stage.pool.client, &execution, RECOVERED_WITHIN, &told).await;
        let recovery = begun.elapsed();
        went_on(&run, &told);
        check(&told);
        eventually(&format!("{told}: the new version"), Duration::from_secs(5), async || check(&told) == 1)
            .await;
        stage.in_order(&told).await;
        round.held(recovery);
    }
}
