//! F45: a backup under load, restored on an empty machine, and an older one after a newer.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::generated::Generated;
use crate::oracle::{self, rows};
use crate::pool::{Job, Pool};
use crate::rounds::Rounds;
use crate::server::Server;
use crate::stage::{RECOVERED_WITHIN, Stage, ended, lines, try_start};

/// Makes a backup and gives its folder.
async fn back_up(stage: &Stage, name: &str) -> String {
    let admin = stage.server.admin();
    let begun = admin.post("/forebay/api/v1/backups", &json!({"name": name})).await;
    assert_eq!(begun.status, 202, "{begun}");
    let since = Instant::now();
    loop {
        let backup = admin.get(&format!("/forebay/api/v1/backups/{name}")).await.ok();
        if backup["state"] != "RUNNING" {
            assert_eq!(backup["state"], "DONE", "{backup}");
            return backup["path"].as_str().unwrap().to_owned();
        }
        assert!(since.elapsed() < RECOVERED_WITHIN, "{backup}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn under_load(rounds: Rounds) {
    let mut stage = Stage::new(&[], 10_000).await;
    stage.run("FULL", "at first").await;
    while let Some(round) = rounds.next() {
        let older_name = format!("older-{}", round.number);
        let older = back_up(&stage, &older_name).await;
        // Change after change is loaded while the backup is made.
        let (job, client) = (stage.job.clone(), stage.pool.client.clone());
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let loading = tokio::spawn(async move {
            let mut loads = 0;
            while !*stopped.borrow() || loads == 0 {
                let key = uuid::Uuid::new_v4().to_string();
                let execution = try_start(&job, "DELTA", &key).await.expect("the server answers");
                ended(&client, &execution, RECOVERED_WITHIN, "a load beside a backup").await;
                loads += 1;
            }
        });
        for _ in 0..3 {
            stage.data.change_some().await;
        }
        let newer = back_up(&stage, &format!("newer-{}", round.number)).await;
        stage.data.change_some().await;
        stop.send_replace(true);
        loading.await.unwrap();
        let mut worst = Duration::ZERO;
        for folder in [&newer, &older] {
            let begun = Instant::now();
            let restored = Server::restored(folder, stage.server.admin_key());
            let pool = Pool { client: restored.admin(), id: stage.pool.id.clone() };
            let job = Job { pool: pool.clone(), id: stage.job.id.clone() };
            worst = worst.max(begun.elapsed());
            job.run("DELTA").await.succeeded();
            let sql = format!("SELECT {} FROM things", Generated::LINE);
            let held = rows(lines(&pool, Some(&stage.connection), &sql).await);
            let expected = stage.data.expected();
            if let Err(findings) = oracle::one_of(&[(stage.data.told(), &expected)], &held) {
                oracle::nothing(&format!("restored from {folder}, after a DELTA"), &findings);
            }
        }
        stage.run("DELTA", "beside the restored").await;
        stage.exact("the one that was copied").await;
        stage.in_order("the one that was copied").await;
        round.held(worst);
    }
}
