//! F05 and F46: old metadata under a new version, an upgrade that is killed, and metadata of a newer version.

use std::time::{Duration, Instant};

use crate::metadata;
use crate::pool::Pool;
use crate::rounds::Rounds;
use crate::server::{Server, serve};
use crate::stage::{lines, logged, names};

/// So many that the upgrade takes a while.
const PAST: u64 = 20_000;
/// Around the migrations; between them at random.
pub(crate) const POINTS: [&str; 2] = ["migration.before", "migration.after"];

/// A server with past executions and a job, whose metadata is as the first version would have left it.
async fn of_the_first_version() -> (Server, Pool, String) {
    let mut server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    job.transformation("CREATE OR REPLACE TABLE made AS SELECT 7 AS a").await;
    let run = job.run("FULL").await.succeeded();
    assert!(server.terminate().success(), "an orderly end");
    metadata::add_past_executions(&server.data(), &pool.id, &job.id, PAST).await;
    metadata::take_back_to_the_first_version(&server.data()).await;
    (server, pool, run.id())
}

/// Whether everything that was set up is there, and works.
async fn all_is_there(server: &Server, pool: &Pool, execution: &str, told: &str) {
    let path = format!("/forebay/api/v1/executions/{execution}");
    let run = pool.client.get(&path).await.ok();
    assert_eq!(run["status"], "SUCCESS", "{told}: {run}");
    let jobs = pool.client.get(&pool.path("/jobs")).await.ok();
    assert_eq!(jobs.as_array().map(Vec::len), Some(1), "{told}: {jobs}");
    assert_eq!(lines(pool, None, "SELECT a FROM made").await, ["7"], "{told}");
    // A start that goes on with an upgrade may have made one of a version between, too.
    let copy = server.data().join("metadata.db.before-upgrade-from-0001");
    assert!(copy.exists(), "{told}: no copy of the metadata as it was in {:?}", names(&server.data()));
    let mut copy = metadata::open(&copy).await;
    let count = metadata::texts(&mut copy, "select cast(count(*) as text) from executions").await;
    assert_eq!(count, [(PAST + 1).to_string()], "{told}: executions in the copy");
}

/// F05: the upgrade is killed; the next start does the rest, and the copy from before is whole.
pub(crate) async fn killed(rounds: Rounds) {
    while let Some(mut round) = rounds.next() {
        let (mut server, pool, execution) = of_the_first_version().await;
        let told = match POINTS.get(round.number % (POINTS.len() + 1)) {
            Some(point) => {
                server.set_variable("FOREBAY_FAULT", Some(&format!("{point}=kill")));
                let from = server.log_text().len();
                assert!(!server.try_restart(), "{point}: the start was not killed");
                logged(&server, from, &format!("fault point {point}: ")).await;
                server.set_variable("FOREBAY_FAULT", None);
                (*point).to_owned()
            }
            None => {
                let after = Duration::from_millis(round.random.below(400));
                server.begin();
                tokio::time::sleep(after).await;
                server.kill();
                format!("killed after {after:?}")
            }
        };
        let begun = Instant::now();
        server.restart();
        let recovery = begun.elapsed();
        all_is_there(&server, &pool, &execution, &told).await;
        round.held(recovery);
    }
}

/// F46: a new version takes old data over, and an old version leaves new data alone.
pub(crate) async fn versions(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        let (mut server, pool, execution) = of_the_first_version().await;
        let begun = Instant::now();
        server.restart();
        let recovery = begun.elapsed();
        all_is_there(&server, &pool, &execution, "after an upgrade").await;
        assert!(server.terminate().success(), "an orderly end");

        let data = server.data();
        let mut file = metadata::open(&metadata::file(&data)).await;
        let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                     values (9999, 'of a later version', 1, x'00', 1)";
        metadata::execute(&mut file, newer).await;
        sqlx::Connection::close(file).await.unwrap();
        let before = std::fs::read(metadata::file(&data)).unwrap();
        let refused = serve(&data).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "an older version took newer data: {said}");
        assert!(said.contains("newer version"), "the refusal says why: {said}");
        assert_eq!(std::fs::read(metadata::file(&data)).unwrap(), before, "nothing was changed");
        round.held(recovery);
    }
}
