//! A push that is cut off: all of it is there or nothing, and it goes on by itself.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Push, push, rows, table};
use crate::pool::Pool;
use crate::server::Server;

/// The most that anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until somebody holds at a named point.
async fn held(server: &Server, point: &str) {
    let begun = Instant::now();
    while !server.log_text().contains(point) {
        assert!(begun.elapsed() < PATIENCE, "nobody came by {point}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Kills the server while its push holds at a point, and gives what became of the push after a restart.
async fn killed_at(point: &str, fields: serde_json::Value) -> (Server, Pool, serde_json::Value) {
    let mut server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    Push::done(&push(&pool, &json!({}), &[rows(&[(1, "a")])]).await);
    server.kill();
    server.set_variable("FOREBAY_FAULT", Some(&format!("{point}=hold")));
    server.restart();
    let cut = Push::create(&pool, &fields).await;
    cut.upsert(&rows(&[(2, "b"), (3, "c")])).await;
    cut.upsert(&rows(&[(4, "d")])).await;
    cut.execute().await;
    held(&server, point).await;
    server.kill();
    server.set_variable("FOREBAY_FAULT", None);
    server.restart();
    let ended = cut.end().await;
    (server, pool, ended)
}

#[tokio::test]
async fn rows_are_added_once_wherever_the_server_is_killed() {
    for point in ["load.first_batch_staged", "load.before_commit", "show.before_commit", "show.after_commit"]
    {
        let (server, pool, ended) = killed_at(point, json!({"type": "DELTA"})).await;
        assert_eq!(ended["status"], "DONE", "{point}: {ended:#}");
        let expected = json!([[1, "a"], [2, "b"], [3, "c"], [4, "d"]]);
        assert_eq!(json!(table(&pool, "TAB1").await), expected, "{point}");
        let left = server.data().join("pools").join(&pool.id).join("pushes");
        let mut left: Vec<_> = std::fs::read_dir(left).into_iter().flatten().flatten().collect();
        let begun = Instant::now();
        // The files go once the end is recorded.
        while !left.is_empty() && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            left.retain(|entry| entry.path().exists());
        }
        assert!(left.is_empty(), "{point}: {left:?}");
    }
}

#[tokio::test]
async fn a_replaced_table_is_the_old_one_or_the_new_one() {
    for point in ["show.before_commit", "show.after_commit"] {
        let (_server, pool, ended) = killed_at(point, json!({"type": "REPLACE"})).await;
        assert_eq!(ended["status"], "DONE", "{point}: {ended:#}");
        assert_eq!(json!(table(&pool, "TAB1").await), json!([[2, "b"], [3, "c"], [4, "d"]]), "{point}");
    }
}

#[tokio::test]
async fn a_file_that_was_acknowledged_is_there_after_a_kill() {
    let mut server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let push = Push::create(&pool, &json!({})).await;
    push.upsert(&rows(&[(1, "a")])).await;
    server.kill();
    server.restart();
    assert_eq!(push.show().await["status"], "NEW");
    push.upsert(&rows(&[(2, "b")])).await;
    Push::done(&push.run().await);
    assert_eq!(json!(table(&pool, "TAB1").await), json!([[1, "a"], [2, "b"]]));
}
