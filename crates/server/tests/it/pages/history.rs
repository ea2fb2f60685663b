//! The history of pools, and all that the page of an execution tells.

use super::{Browser, HOME};
use crate::pool::{Pool, finished};
use crate::server::Server;
use crate::world::World;

/// A page with its addresses as a browser reads them.
fn read(page: &str) -> String {
    page.replace("&#38;", "&").replace("&amp;", "&").replace("&#x27;", "'").replace("&#39;", "'")
}

/// What stands in a page between two texts.
#[track_caller]
fn between<'page>(page: &'page str, begins: &str, ends: &str) -> &'page str {
    let rest = page.split_once(begins).unwrap_or_else(|| panic!("no `{begins}` in {page}")).1;
    rest.split_once(ends).unwrap_or_else(|| panic!("no `{ends}` after `{begins}`")).0
}

#[tokio::test]
async fn the_history_tells_what_was_executed_by_job_and_day() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let other = Pool::create(&server.admin()).await;
    let failing = other.job(None).await;
    failing.transformation("SELECT * FROM nothing_of_the_kind").await;
    let failed = failing.run("DELTA").await.ended("FAIL").id();
    let succeeded = world.execution.clone().unwrap();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;

    let of_pool = format!("{HOME}/{}/history", world.pool.id);
    let page = read(&browser.get(&of_pool).await.page(200));
    assert!(page.contains("1 execution of data jobs"), "{page}");
    assert!(
        page.contains(": 1 succeeded\"") && page.contains(&succeeded) && !page.contains(&failed),
        "{page}"
    );
    assert!(page.contains("Duration of the last 1 executions that succeeded"), "{page}");
    let lines = format!("/integration/api/pools/{0}/logs/{1}/executions", world.pool.id, world.job.id);
    assert!(page.contains(&lines), "{page}");
    // A cell leads to the executions of its day.
    let day = between(&page, &format!("{of_pool}?jobId={}", world.job.id), "\"").to_owned();
    let of_day = browser.get(&format!("{of_pool}?jobId={}{}", world.job.id, day)).await.page(200);
    assert!(
        day.starts_with("&from=") && day.ends_with("#executions") && of_day.contains(&succeeded),
        "{of_day}"
    );

    let all = read(&browser.get("/history").await.page(200));
    assert!(all.contains("2 executions of data jobs") && all.contains(": 1 failed\""), "{all}");
    let by_state = browser.get("/history?state=FAIL").await.page(200);
    assert!(by_state.contains(&failed) && !by_state.contains(&succeeded), "{by_state}");
    let by_mode = browser.get("/history?mode=FULL").await.page(200);
    assert!(by_mode.contains(&succeeded) && !by_mode.contains(&failed), "{by_mode}");
    let long_ago = browser.get("/history?from=2020-01-01&to=2020-01-31").await.page(200);
    assert!(long_ago.contains("No job was executed that fits"), "{long_ago}");
    let beyond = browser.get("/history?page=9&jobs=9").await.page(200);
    assert!(!beyond.contains(&failed), "{beyond}");

    // Whoever may watch one pool sees that one alone.
    let member = server.member(&world.pool.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, member.key()).await;
    let theirs = browser.get("/history").await.page(200);
    assert!(theirs.contains(&succeeded) && !theirs.contains(&failed), "{theirs}");
    browser.get(&of_pool).await.page(200);
    browser.get(&format!("{HOME}/{}/history", other.id)).await.page(404);
    browser.get(&format!("/history?jobId={}", failing.id)).await.page(404);
}

#[tokio::test]
async fn what_cannot_be_asked_of_the_history_is_said_at_its_field() {
    let server = Server::start();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    for (query, field, text) in [
        ("from=yesterday", "from", "is no day; write it as 2026-11-30"),
        ("from=2026-02-02&to=2026-02-01", "from", "is after the last day, 2026-02-01"),
        ("from=2025-01-01&to=2026-01-01", "from", "is more than 92 days before"),
        ("to=2026-02-30", "to", "is no day"),
        ("state=BROKEN", "state", "is no state"),
        ("mode=SOME", "mode", "must be FULL or DELTA"),
        ("jobId=None", "jobId", "is no id"),
    ] {
        let page = browser.get(&format!("/history?{query}")).await.page(400);
        let told = between(&page, &format!("id=\"{field}-fault\">"), "</p>");
        assert!(told.contains(text), "{query}: {told}");
        assert!(page.contains(&format!("aria-describedby=\"{field}-fault\"")), "{page}");
    }
    let page = browser.get("/history?from=yesterday&state=FAIL").await.page(400);
    assert!(page.contains("value=\"yesterday\"") && page.contains("value=\"FAIL\" selected"), "{page}");
    let mut anonymous = Browser::new(&server);
    let away = anonymous.get("/history?state=FAIL").await;
    assert_eq!((away.status, away.place()), (303, "/sign-in?next=%2Fhistory%3Fstate%3DFAIL"), "{away}");
}

#[tokio::test]
async fn an_execution_stands_beside_the_one_before_it() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let first = world.execution.clone().unwrap();
    let second = world.job.run("FULL").await.succeeded().id();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let home = format!("{HOME}/{}/executions", world.pool.id);
    let alone = browser.get(&format!("{home}/{first}")).await.page(200);
    assert!(!alone.contains("Rows then") && alone.contains("<svg class=\"chart\""), "{alone}");
    let page = browser.get(&format!("{home}/{second}")).await.page(200);
    let comparison = between(&page, "id=\"comparison\"", "</section>");
    assert!(comparison.contains(&first) && comparison.contains("Rows then"), "{comparison}");
    let row = between(comparison, ">one</th>", "</tr>");
    assert!(row.starts_with("<td>2</td><td>2</td>"), "{row}");
    // Nothing failed, so nothing is offered to be run again.
    assert!(!page.contains("Run failed parts again"), "{page}");
    let refused = browser.post(&format!("{home}/{second}/again"), &[]).await.page(409);
    assert!(refused.contains("nothing of the execution failed"), "{refused}");
}

#[tokio::test]
async fn what_failed_is_run_again_and_nothing_else() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    job.transformation("CREATE TABLE kept AS SELECT 1 AS n").await;
    let broken = job.transformation("CREATE TABLE made AS SELECT * FROM nothing_of_the_kind").await;
    let failed = job.run("FULL").await.ended("FAIL").id();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let address = format!("{HOME}/{}/executions/{failed}", pool.id);
    let page = browser.get(&address).await.page(200);
    assert!(page.contains("Run failed parts again") && page.contains(&broken), "{page}");
    job.set_statement(&broken, "CREATE TABLE made AS SELECT 2 AS n").await;
    let begun = browser.post(&format!("{address}/again"), &[]).await;
    assert_eq!(begun.status, 303, "{begun}");
    let again = begun.place().rsplit('/').next().unwrap().to_owned();
    let run = finished(&pool.client, &again).await.succeeded();
    assert_eq!(run.0["tasks"].as_array().unwrap().len(), 1, "{:#}", run.0);
    assert_eq!(pool.value(None, "SELECT n FROM made").await, 2);
    // Whoever may only look is offered nothing.
    let member = server.member(&pool.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, member.key()).await;
    assert!(!browser.get(&address).await.page(200).contains("Run failed parts again"));
    browser.get(HOME).await.page(200);
    browser.post(&format!("{address}/again"), &[]).await.page(403);
}

#[tokio::test]
async fn the_log_is_filtered_searched_linked_and_downloaded() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let id = world.execution.clone().unwrap();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let address = format!("{HOME}/{}/executions/{id}", world.pool.id);
    let whole = browser.get(&address).await.page(200);
    assert!(whole.contains("FULL extraction of 1 table"), "{whole}");
    let found =
        browser.get(&format!("{address}?q=full+EXTRACTION&task={}", world.extraction)).await.page(200);
    let log = between(&found, "id=\"log\"", "</section>");
    assert!(log.contains("1 message,") && log.contains("value=\"full EXTRACTION\""), "{log}");
    let elsewhere = format!("{address}?q=full+EXTRACTION&task={}", world.transformation);
    assert!(browser.get(&elsewhere).await.page(200).contains("No messages."));
    let errors = browser.get(&format!("{address}?levels=errors")).await.page(200);
    assert!(errors.contains("No messages.") && errors.contains("value=\"errors\" selected"), "{errors}");
    for (query, text) in [("levels=loud", "must be one of all, info"), ("task=None", "is no id")] {
        let page = browser.get(&format!("{address}?{query}")).await.page(400);
        assert!(page.contains(text) && page.contains(">succeeded</span>"), "{page}");
    }
    // Each line has an address of its own.
    let line = between(log, "<li id=\"line-", "\"").to_owned();
    assert!(log.contains(&format!("?line={line}#line-{line}")), "{log}");
    let linked = browser.get(&format!("{address}?line={line}")).await.page(200);
    assert!(between(&linked, &format!("id=\"line-{line}\" class=\""), "\"").contains("asked"), "{linked}");

    let file = browser.get(&format!("{address}/log.txt")).await;
    assert_eq!((file.status, file.content_type()), (200, "text/plain; charset=utf-8"), "{file}");
    let name = file.headers["content-disposition"].to_str().unwrap();
    assert_eq!(name, format!("attachment; filename=\"execution-{id}.log.txt\""));
    let text = file.text();
    let times: Vec<&str> =
        text.lines().filter(|line| !line.starts_with(' ')).map(|line| &line[..24]).collect();
    assert!(times.len() > 1 && times.is_sorted(), "{text}");
    assert!(text.contains("Z INFO [extraction] FULL extraction of 1 table\n"), "{text}");
    let part = browser.get(&format!("{address}/log.txt?q=full+extraction")).await.text();
    assert_eq!(part.lines().count(), 1, "{part}");
    browser.get(&format!("{address}/log.txt?levels=loud")).await.page(400);
    let other = World::new(&server, false).await;
    browser.get(&format!("{HOME}/{}/executions/{id}/log.txt", other.pool.id)).await.page(404);
    let stranger = server.member(&other.pool.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, stranger.key()).await;
    browser.get(&format!("{address}/log.txt")).await.page(404);
}
