//! Schedules over HTTP: one that fires each second runs a real job, and what is wrong is refused by name.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::pool::{Pool, show};
use crate::server::Server;
use crate::world::sqlite;

/// The most that a firing may take to be over.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks for the history until it is as wanted.
async fn history(pool: &Pool, schedule: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let answer = pool.client.get(&pool.own(&format!("/schedules/{schedule}/runs"))).await.ok();
        let runs = answer["runs"].as_array().unwrap();
        if wanted(runs) {
            return runs.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "waited for the runs of a schedule: {runs:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_schedule_runs_a_real_job_each_second_and_goes_on_after_a_restart() {
    let mut server = Server::start();
    let file = server.files().join("scheduled.db");
    sqlite(&file).await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Small", "SQLITE", &json!({"path": file})).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "one"}])).await;
    let body = json!({
        "name": "Each second", "jobs": [job.id], "mode": "FULL", "overlap": "SKIP",
        "pattern": {"type": "CRON", "expression": "* * * * * ?"}, "timeZone": "Europe/Berlin",
    });
    let made = pool.client.post(&pool.own("/schedules"), &body).await;
    assert_eq!(made.status, 201, "{made}");
    let schedule = made.json()["id"].as_str().unwrap().to_owned();
    let succeeded = |runs: &[Value]| runs.iter().filter(|run| run["status"] == "SUCCESS").count();
    let runs = history(&pool, &schedule, |runs| succeeded(runs) >= 2).await;
    let run = runs.iter().find(|run| run["status"] == "SUCCESS").unwrap();
    assert_eq!((&run["outcome"], run["occurrenceAt"].as_i64().unwrap() % 1000), (&json!("FIRED"), 0));
    assert_eq!(pool.value(Some(&connection), "SELECT count(*) FROM one").await, json!("2"));

    // The wire contract names the schedule on every level.
    let execution = run["jobs"][0]["executionId"].as_str().unwrap();
    show(&pool.client, execution).await.succeeded();
    let items = pool.client.get(&pool.path(&format!("/logs/{}/executions", job.id))).await.ok();
    for item in items["executionItems"].as_array().unwrap() {
        assert_eq!(
            (&item["schedulingId"], &item["schedulingName"]),
            (&json!(schedule), &json!("Each second"))
        );
    }
    let path = format!("/logs/executions?executionId={execution}&type=TASK&id={}", job.id);
    assert_eq!(pool.client.get(&pool.path(&path)).await.ok()[0]["schedulingId"], json!(schedule));

    // A job that somebody starts has none.
    pool.client.post(&pool.own(&format!("/schedules/{schedule}/disable")), &Value::Null).await.ok();
    history(&pool, &schedule, |runs| runs.iter().all(|run| run["finishedAt"].is_i64())).await;
    let own = job.run("FULL").await.succeeded();
    let items = pool.client.get(&pool.path(&format!("/logs/{}/executions", job.id))).await.ok();
    assert_eq!(items["executionItems"][0]["executionId"], json!(own.id()));
    assert_eq!(items["executionItems"][0]["schedulingId"], Value::Null);

    // Killed and started again, an enabled schedule goes on, and no occurrence comes twice.
    pool.client.post(&pool.own(&format!("/schedules/{schedule}/enable")), &Value::Null).await.ok();
    let before = history(&pool, &schedule, |_| true).await.len();
    server.kill();
    server.restart();
    let runs = history(&pool, &schedule, |runs| {
        runs.len() > before && runs[0]["status"] == "SUCCESS" && runs[0]["outcome"] == "FIRED"
    })
    .await;
    let mut occurrences: Vec<i64> = runs.iter().filter_map(|run| run["occurrenceAt"].as_i64()).collect();
    occurrences.sort_unstable();
    assert!(occurrences.windows(2).all(|pair| pair[0] < pair[1]), "{occurrences:?}");
    pool.client.delete(&pool.own(&format!("/schedules/{schedule}"))).await.refused(204);
}

#[tokio::test]
async fn a_schedule_is_made_changed_looked_ahead_and_run_by_hand() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    job.transformation(&format!("CREATE OR REPLACE TABLE \"{}\".made AS SELECT 1 AS a", pool.id)).await;
    let client = &pool.client;
    let body = json!({
        "name": "Weekly", "jobs": [job.id], "mode": "DELTA", "enabled": false, "jitterSeconds": 30,
        "pattern": {"type": "WEEKLY", "days": ["SUN", "WED"], "at": "02:30"}, "timeZone": "europe/berlin",
        "onFailure": "CONTINUE", "overlap": "QUEUE", "misfire": "ALL",
    });
    let made = client.post(&pool.own("/schedules"), &body).await.json();
    assert_eq!(
        (&made["timeZone"], &made["nextAt"], &made["pattern"]["days"]),
        (&json!("Europe/Berlin"), &Value::Null, &json!(["WED", "SUN"]))
    );
    let path = pool.own(&format!("/schedules/{}", made["id"].as_str().unwrap()));
    assert_eq!(client.get(&path).await.ok(), made);
    assert_eq!(client.get(&pool.own("/schedules")).await.ok(), json!([made]));
    // Null leaves what there is.
    let changed = client.put(&path, &json!({"name": "Renamed", "enabled": true})).await.ok();
    assert_eq!((&changed["pattern"], &changed["overlap"]), (&made["pattern"], &json!("QUEUE")));
    assert!(
        changed["nextDueAt"].as_i64() >= changed["nextAt"].as_i64() && changed["nextAt"].is_i64(),
        "{changed}"
    );
    let firings = client.get(&format!("{path}/preview")).await.ok();
    assert_eq!(firings.as_array().unwrap().len(), 20);
    assert_eq!(firings[0]["at"], changed["nextAt"]);

    let run = client.post(&format!("{path}/run"), &Value::Null).await;
    assert_eq!(run.status, 202, "{run}");
    let id = made["id"].as_str().unwrap();
    let runs = history(&pool, id, |runs| runs.iter().any(|run| run["status"] == "SUCCESS")).await;
    assert_eq!((&runs[0]["id"], &runs[0]["occurrenceAt"]), (&run.json()["id"], &Value::Null));
    assert_eq!(pool.value(None, &format!("SELECT a FROM \"{}\".made", pool.id)).await, json!(1));
    client.post(&format!("{path}/cancel"), &Value::Null).await.refused(204);

    let in_use = client.delete(&job.path("")).await;
    in_use.refused(409);
    assert!(in_use.text().contains("Renamed"), "{in_use}");
    let after = json!({"name": "After", "jobs": [job.id], "mode": "FULL", "afterScheduleId": id});
    let after = client.post(&pool.own("/schedules"), &after).await.json();
    assert_eq!((&after["pattern"], &after["afterScheduleId"]), (&Value::Null, &json!(id)));
    client.delete(&path).await.refused(409);
    let circle = client.put(&path, &json!({"afterScheduleId": after["id"]})).await;
    circle.refused(400);
    assert!(circle.text().contains("`Renamed` runs after `After` runs after `Renamed`"), "{circle}");
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_named() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    let good = json!({
        "name": "Good", "jobs": [job.id], "mode": "FULL", "pattern": {"type": "DAILY", "at": "02:30"},
    });
    let check = async |change: Value, status: u16, part: &str| {
        let mut body = good.clone();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = pool.client.send(Method::POST, &pool.own("/schedules"), &body).await;
        answer.refused(status);
        assert!(answer.text().contains(part), "{change} should be refused with {part:?}; {answer}");
    };
    let cron = |text: &str| json!({"pattern": {"type": "CRON", "expression": text}});
    check(json!({"name": null}), 400, "name: is missing").await;
    check(json!({"mode": null}), 400, "mode: is missing").await;
    check(json!({"mode": "SOME"}), 400, "mode: unknown variant").await;
    check(json!({"jobs": null}), 400, "jobs: is missing").await;
    check(json!({"jobs": []}), 400, "jobs: must be 1 to 100").await;
    check(json!({"jobs": ["00000000-0000-4000-8000-000000000000"]}), 404, "data job").await;
    check(json!({"pattern": null}), 400, "pattern: is missing").await;
    check(json!({"pattern": {}}), 400, "pattern.type: is missing").await;
    check(json!({"pattern": {"type": "SOMETIMES"}}), 400, "pattern.type: unknown variant").await;
    check(cron("0 0 24 * * ?"), 400, "pattern: field 3 (hours): `24` is not").await;
    check(cron("0 0 0 32 * ?"), 400, "pattern: field 4 (day of month): `32` is not").await;
    check(cron("* * * * *"), 400, "pattern: has 5 fields").await;
    check(cron("0 0 0 30 2 ?"), 400, "pattern: names no moment").await;
    check(json!({"pattern": {"type": "CRON"}}), 400, "pattern.expression: is missing").await;
    check(
        json!({"pattern": {"type": "INTERVAL", "every": 0, "unit": "HOURS"}}),
        400,
        "pattern.every: must be",
    )
    .await;
    check(json!({"pattern": {"type": "INTERVAL", "every": 5}}), 400, "pattern.unit: is missing").await;
    check(json!({"pattern": {"type": "DAILY", "at": "2:30"}}), 400, "pattern.at: must be a time").await;
    check(json!({"pattern": {"type": "WEEKLY", "at": "02:30"}}), 400, "pattern.days: is missing").await;
    check(json!({"pattern": {"type": "MONTHLY", "day": 32, "at": "02:30"}}), 400, "pattern.day: must be")
        .await;
    check(json!({"pattern": {"type": "MONTHLY", "at": "02:30"}}), 400, "pattern.day: is missing").await;
    check(json!({"timeZone": "Mars/Olympus"}), 400, "timeZone: `Mars/Olympus` is no IANA").await;
    check(json!({"jitterSeconds": 86_401}), 400, "jitterSeconds: must be at most").await;
    check(json!({"jitterSeconds": -1}), 400, "jitterSeconds").await;
    check(
        json!({"afterScheduleId": "00000000-0000-4000-8000-000000000000"}),
        400,
        "afterScheduleId: cannot stand",
    )
    .await;
    check(json!({"pattern": null, "afterScheduleId": "None"}), 404, "schedule `None`").await;
    assert_eq!(pool.client.get(&pool.own("/schedules")).await.ok(), json!([]));
}
