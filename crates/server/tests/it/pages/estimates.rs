//! How many rows a source says that its tables have: where they are listed, and before a job is executed.

use serde_json::json;

use super::{Browser, HOME};
use crate::server::Server;
use crate::world::{World, analyze};

#[tokio::test]
async fn what_is_to_be_executed_is_shown_at_once_and_the_source_is_asked_afterwards() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    analyze(&server).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let jobs = format!("{HOME}/{}/data-configuration/data-jobs", world.pool.id);
    let (dialog, address) = (
        format!("{jobs}/execute?jobId={}", world.job.id),
        format!("{jobs}/estimates?jobId={}", world.job.id),
    );
    let page = browser.get(&dialog).await.page(200);
    let field = format!("table:{}:{}", world.extraction, world.table);
    assert!(page.contains(&format!("<td data-rows=\"{field}\">—</td>")), "{page}");
    assert!(page.contains(&format!("data-estimates=\"{address}\"")), "{page}");
    let answer = browser.get(&address).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let told = answer.ok();
    assert_eq!((&told["rows"][&field], told["rows"].as_object().unwrap().len()), (&json!("2"), 1), "{told}");
    assert!(told["said"].as_str().unwrap().contains("those of its statistics"), "{told}");

    let tables = format!("{HOME}/{}/data-connections/{}/tables", world.pool.id, world.connection);
    let listed = browser.get(&tables).await.page(200);
    assert!(listed.contains("one</a> <span class=\"quiet\">about 2 rows</span>"), "{listed}");
    assert!(listed.contains("two</a></li>"), "{listed}");

    // Whoever may start the job and not see what it does is not told what it reads.
    let starter = server.member(&world.pool.id, &["EXECUTE"]).await;
    let mut browser = Browser::signed_in(&server, starter.key()).await;
    assert!(!browser.get(&dialog).await.page(200).contains("data-estimates"));
    browser.get(&address).await.page(403);
    let stranger = server.member(&World::new(&server, false).await.pool.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, stranger.key()).await;
    browser.get(&address).await.page(404);
}

#[tokio::test]
async fn a_source_that_cannot_be_reached_holds_up_no_page() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let pool = &world.pool;
    let settings = json!({"host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "password": "p", "sslMode": "disable"});
    let nobody = pool.connection("Nobody", "POSTGRESQL", &settings).await;
    let job = pool.job(Some(&nobody)).await;
    job.extraction(&json!([{"tableName": "orders"}])).await;
    let jobs = format!("{HOME}/{}/data-configuration/data-jobs", pool.id);
    let address = format!("{jobs}/estimates?jobId={}", job.id);
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let page = browser.get(&format!("{jobs}/execute?jobId={}", job.id)).await.page(200);
    assert!(page.contains(">—</td>") && page.contains(&address), "{page}");
    let told = browser.get(&address).await.ok();
    assert_eq!(told["rows"], json!({}));
    let said = told["said"].as_str().unwrap();
    assert!(said.starts_with("The source does not say how many rows there are: Connect"), "{said}");
    // A job that extracts nothing has nobody to ask.
    let idle = pool.job(Some(&nobody)).await;
    let page = browser.get(&format!("{jobs}/execute?jobId={}", idle.id)).await.page(200);
    assert!(!page.contains("data-estimates"), "{page}");
}
