//! F12, F13, F37 and F38: workers that abort, run out of memory, fall silent or die.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::gate::{ENDLESS, Gate, waiting};
use crate::pool::{Job, Pool, until};
use crate::processes;
use crate::rounds::Rounds;
use crate::server::Server;
use crate::stage::{RECOVERED_WITHIN, Stage, ended, eventually, lines, names};

/// A pool whose worker is busy and must not notice anything.
struct Bystander {
    job: Job,
    execution: String,
    folder: PathBuf,
    worker: u32,
}

impl Bystander {
    async fn new(server: &Server) -> Self {
        let pool = Pool::create(&server.admin()).await;
        let job = pool.job(None).await;
        job.transformation(ENDLESS).await;
        let execution = job.start("FULL").await;
        until(&pool.client, &execution, "running", |run| run.status() == "RUNNING").await;
        let folder = server.data().join("pools").join(&pool.id);
        let worker = processes::worker_of(&folder).await;
        Self { job, execution, folder, worker }
    }

    /// It still runs, in the same worker, and the API answers.
    async fn is_untouched(&self, told: &str) {
        let run = crate::pool::show(&self.job.pool.client, &self.execution).await;
        assert_eq!(run.status(), "RUNNING", "{told}: another pool's execution");
        assert_eq!(processes::workers(&self.folder), [self.worker], "{told}: another pool's worker");
    }

    async fn ends(self) {
        let cancel = format!("/forebay/api/v1/executions/{}/cancel", self.execution);
        self.job.pool.client.post(&cancel, &Value::Null).await.ok();
        ended(&self.job.pool.client, &self.execution, RECOVERED_WITHIN, "a bystander").await.ended("CANCEL");
    }
}

/// F12: the engine of one pool aborts in every attempt. The execution fails with that reason, and nobody else
/// notices.
pub(crate) async fn abort(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        let mut stage = Stage::new(&[], 1_000).await;
        stage.run("FULL", "at first").await;
        stage.restart(Some("load.first_batch_staged=abort"));
        let bystander = Bystander::new(&stage.server).await;
        let begun = Instant::now();
        let execution = stage.start("FULL").await;
        let run =
            stage.watched(&execution, &[], RECOVERED_WITHIN, "an engine that aborts").await.ended("FAIL");
        let recovery = begun.elapsed();
        let why = run.0["message"].as_str().unwrap_or_default().to_owned();
        assert!(why.contains("abort") && why.contains("twice"), "the reason is told: {why}");
        let deaths = stage.server.log_text().matches("fault point load.first_batch_staged: Abort").count();
        assert_eq!(deaths, 2, "how often the execution was tried");
        bystander.is_untouched("an engine that aborts").await;
        stage.exact("after an engine that aborts").await;
        bystander.ends().await;
        stage.restart(None);
        stage.run("FULL", "after an engine that aborts").await;
        stage.in_order("after an engine that aborts").await;
        round.held(recovery);
    }
}

/// F13: a script needs more memory than there is, and a worker is killed as the system does it.
pub(crate) async fn memory(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        let stage = Stage::gated(&["--memory-mib", "128"], 1_000).await;
        let bystander = Bystander::new(&stage.server).await;
        let hungry = Pool::create(&stage.server.admin()).await.job(None).await;
        hungry
            .transformation(
                "CREATE TABLE big AS SELECT list(range) AS l FROM range(60000000) GROUP BY range % 2",
            )
            .await;
        let run = hungry.run("FULL").await.ended("FAIL");
        let why = run.0["message"].as_str().unwrap_or_default().to_lowercase();
        assert!(why.contains("memory") && why.contains("128"), "the message names the limit: {why}");
        bystander.is_untouched("a script that needs too much memory").await;
        assert_eq!(lines(&hungry.pool, None, "SELECT 7").await, ["7"], "the pool is as usable as before");

        let gate = Gate::close(&stage.data.source).await;
        let execution = stage.start("FULL").await;
        waiting(&stage.data.source, |count| count == 1).await;
        let worker = processes::worker_of(&stage.pool_folder()).await;
        let begun = Instant::now();
        processes::signal(worker, "KILL");
        eventually("the source's statement to end", RECOVERED_WITHIN, async || !processes::is_alive(worker))
            .await;
        gate.open().await;
        let run = stage.watched(&execution, &[], RECOVERED_WITHIN, "a worker killed from outside").await;
        let recovery = begun.elapsed();
        run.succeeded();
        stage.exact("after a worker was killed").await;
        bystander.is_untouched("a worker killed from outside").await;
        bystander.ends().await;
        stage.in_order("after a worker was killed").await;
        round.held(recovery);
    }
}

/// F37: a worker is stopped in the middle of a load and wakes up after others took over.
pub(crate) async fn silent(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        let mut stage = Stage::gated(&["--worker-silence-seconds", "5"], 5_000).await;
        stage.run("FULL", "at first").await;
        stage.data.change_all().await;
        let gate = Gate::close(&stage.data.source).await;
        let execution = stage.start("FULL").await;
        waiting(&stage.data.source, |count| count == 1).await;
        let worker = processes::worker_of(&stage.pool_folder()).await;
        processes::signal(worker, "STOP");
        let begun = Instant::now();
        gate.open().await;
        let told = "a worker that fell silent";
        let run = stage.watched(&execution, &[], RECOVERED_WITHIN * 2, told).await;
        let recovery = begun.elapsed();
        run.succeeded();
        stage.exact(told).await;
        // Wakes up, if anything is left of it, and must not change a thing.
        processes::signal(worker, "CONT");
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.exact(told).await;
        eventually("the silent worker to be gone", RECOVERED_WITHIN, async || !processes::is_alive(worker))
            .await;
        stage.in_order(told).await;
        stage.checkpoint_agrees(told).await;
        round.held(recovery);
    }
}

/// F38: the worker that holds the only place dies; the next job starts.
pub(crate) async fn only_slot(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        let stage = Stage::gated(&["--running-limit", "1"], 1_000).await;
        let gate = Gate::close(&stage.data.source).await;
        let first = stage.start("FULL").await;
        waiting(&stage.data.source, |count| count == 1).await;
        let next = Pool::create(&stage.server.admin()).await.job(None).await;
        next.transformation("CREATE OR REPLACE TABLE made AS SELECT 7 AS a").await;
        let second = next.start("FULL").await;
        let worker = processes::worker_of(&stage.pool_folder()).await;
        let begun = Instant::now();
        processes::signal(worker, "KILL");
        ended(&next.pool.client, &second, RECOVERED_WITHIN, "the next job").await.succeeded();
        let recovery = begun.elapsed();
        gate.open().await;
        stage.watched(&first, &[], RECOVERED_WITHIN, "the first job").await.succeeded();
        stage.exact("after the only worker died").await;
        stage.in_order("after the only worker died").await;
        assert!(names(&stage.pool_folder()).iter().all(|name| !name.contains("damaged")));
        round.held(recovery);
    }
}
