//! F39: an execution that floods its log, a line without end, and a server with very many runs to show.

use std::time::{Duration, Instant};

use crate::metadata;
use crate::pool::Pool;
use crate::rounds::Rounds;
use crate::server::Server;
use crate::starts::ready;

pub(crate) async fn flood(rounds: Rounds) {
    const STATEMENTS: usize = 15_000;
    const LONG: usize = 50_000_000;
    const PAST: u64 = 100_000;
    const SHOWN_WITHIN: Duration = Duration::from_secs(1);
    while let Some(round) = rounds.next() {
        let mut server = Server::start();
        let pool = Pool::create(&server.admin()).await;
        let job = pool.job(None).await;
        let task = job.transformation(&"SELECT 1;\n".repeat(STATEMENTS)).await;
        let run = job.run("FULL").await.succeeded();
        let path = format!("/forebay/api/v1/executions/{}/logs?limit=1", run.id());
        let log = pool.client.get(&path).await.ok();
        let total = log["total"].as_u64().expect("how many there are");
        assert!(total < STATEMENTS as u64, "the log of {STATEMENTS} statements holds {total} messages");
        let newest = format!("/forebay/api/v1/executions/{}/logs?limit=100", run.id());
        let newest = pool.client.get(&newest).await.ok().to_string();
        assert!(newest.contains("dropped"), "the log says that messages were dropped");

        job.set_statement(&task, &format!("SELECT error(repeat('x', {LONG}))")).await;
        let run = job.run("FULL").await.ended("FAIL");
        let bytes = pool.client.get(&format!("/forebay/api/v1/executions/{}/logs?limit=100", run.id())).await;
        bytes.ok();
        assert!(bytes.bytes.len() < 2_000_000, "a line of {LONG} letters became {} bytes", bytes.bytes.len());
        assert!(run.0.to_string().len() < 2_000_000, "and its message {} bytes", run.0.to_string().len());

        server.kill();
        metadata::add_past_executions(&server.data(), &pool.id, &job.id, PAST).await;
        server.restart();
        ready(&server).await;
        let mut worst = Duration::ZERO;
        for path in [
            "/logs/status".to_owned(),
            format!("/logs/{}/executions", job.id),
            format!("/logs/executions?executionId={}", run.id()),
        ] {
            let asked = Instant::now();
            let answer = pool.client.get(&pool.path(&path)).await;
            worst = worst.max(asked.elapsed());
            answer.ok();
        }
        assert!(worst < SHOWN_WITHIN, "with {PAST} runs a page took {worst:?}");
        rounds.note(format!(
            "with {PAST} past executions the slowest page took {:.0} ms",
            worst.as_secs_f64() * 1000.0
        ));
        round.held(worst);
    }
}
