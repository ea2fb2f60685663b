//! The tables of a pool: what they are, when they were loaded, and the way to their rows.

use super::connection::between;
use super::{Browser, HOME};
use crate::pool::Pool;
use crate::server::Server;
use crate::world::World;

/// The row of a table.
#[track_caller]
fn row(page: &str, table: &str) -> String {
    between(page, &format!("<th scope=\"row\">{table}</th>"), "</tr>").replace("&#38;", "&")
}

/// The cells of a table's row.
#[track_caller]
fn cells(page: &str, table: &str) -> Vec<String> {
    row(page, table)
        .split("<td>")
        .skip(1)
        .map(|cell| cell.split("</td>").next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_tables_of_a_pool_are_listed_with_their_rows_their_last_load_and_a_query() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let views = world.pool.job(None).await;
    views.transformation("CREATE VIEW seen AS SELECT a FROM made").await;
    views.run("FULL").await.succeeded();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let home = format!("{HOME}/{}", world.pool.id);
    let place = format!("{home}/tables");
    assert!(browser.get(&home).await.page(200).contains(&format!("<a href=\"{place}\">Tables</a>")));

    let page = browser.get(&place).await.page(200);
    assert!(page.contains(&format!("/integration/api/pools/{}/tables", world.pool.id)), "{page}");
    let one = cells(&page, "one");
    assert_eq!(one[..4], ["Used", "table", "3", "2"], "{one:?}");
    let (execution, job) = (world.execution.as_ref().unwrap(), &world.job.id);
    assert!(one[4].contains(&format!("<a href=\"{home}/executions/{execution}\">20")), "{one:?}");
    assert!(
        one[4].contains(&format!("by <a href=\"{home}/data-configuration/data-jobs?jobId={job}\">Load</a>"))
    );
    let made = cells(&page, "made");
    assert_eq!(made[..4], ["global", "table", "1", "1"], "{made:?}");
    assert!(made[4].contains("not known"), "{made:?}");
    assert_eq!(cells(&page, "seen")[..4], ["global", "view", "1", ""]);
    let place_of = |table: &str| page.find(&format!("<th scope=\"row\">{table}</th>"));
    assert!(place_of("made") < place_of("seen") && place_of("seen") < place_of("one"), "{page}");

    // The query stands ready in the SQL of the job that loads the table, and answers as it stands.
    let query = between(&one[5], "/data-configuration", "\">").to_owned();
    assert!(query.contains(&format!("statement?jobId={job}&other=SELECT")), "{query}");
    let ready = browser.get(&format!("{home}{query}")).await.page(200);
    let sql = between(&ready, "SELECT * FROM", "</textarea>").replace("&#34;", "\"");
    let connection = sql.split('"').nth(1).unwrap().strip_prefix(&format!("{}_", world.pool.id)).unwrap();
    assert_eq!(sql, format!("SELECT * FROM \"{}_{connection}\".\"one\" LIMIT 100", world.pool.id));
    let run = format!("{home}/data-configuration/data-jobs/run-statement?jobId={job}");
    let fields = [("name", "Transform"), ("other", sql.as_str()), ("run", "OTHER")];
    let answer = browser.post(&run, &fields).await.page(200);
    assert!(answer.contains("<td>b</td>"), "{answer}");
}

#[tokio::test]
async fn tables_are_searched_and_shown_page_by_page() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let many = world.pool.job(None).await;
    let script: Vec<String> =
        (0..60).map(|n| format!("CREATE TABLE many_{n:02} AS SELECT {n} AS a;")).collect();
    many.transformation(&script.join("\n")).await;
    many.run("FULL").await.succeeded();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let place = format!("{HOME}/{}/tables", world.pool.id);
    let first = browser.get(&place).await.page(200);
    assert!(first.contains("62 tables") && first.contains(&format!("{place}?page=1")), "{first}");
    assert_eq!(first.matches("<th scope=\"row\">").count(), 50);
    let second = browser.get(&format!("{place}?page=1")).await.page(200);
    assert_eq!(second.matches("<th scope=\"row\">").count(), 12);
    // What a connection has comes last.
    assert!(second.contains("<th scope=\"row\">one</th>") && !first.contains("<th scope=\"row\">one</th>"));
    let found = browser.get(&format!("{place}?q=MANY_07")).await.page(200);
    assert!(
        found.contains("1 table.") && found.contains(">many_07<") && !found.contains(">many_08<"),
        "{found}"
    );
    let of_connection = browser.get(&format!("{place}?q=used")).await.page(200);
    assert!(of_connection.contains(">one<") && !of_connection.contains(">made<"), "{of_connection}");
    let nothing = browser.get(&format!("{place}?q=%3Cb%3E")).await.page(200);
    assert!(nothing.contains("No table has") && !nothing.contains("<b>"), "{nothing}");
    let past = browser.get(&format!("{place}?page=9")).await.page(200);
    assert!(past.contains("There are none on this page."), "{past}");
}

#[tokio::test]
async fn who_may_not_see_the_tables_of_a_pool_does_not_get_there() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let home = format!("{HOME}/{}", world.pool.id);
    let place = format!("{home}/tables");
    let viewer = server.member(&world.pool.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, viewer.key()).await;
    assert!(browser.get(&place).await.page(200).contains("<th scope=\"row\">one</th>"));
    let starter = server.member(&world.pool.id, &["EXECUTE"]).await;
    let mut browser = Browser::signed_in(&server, starter.key()).await;
    assert!(!browser.get(&home).await.page(200).contains(&place));
    let refused = browser.get(&place).await.page(403);
    assert!(refused.contains("the permission VIEW") && !refused.contains("one</th>"), "{refused}");
    let stranger = server.member(&Pool::create(&server.admin()).await.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, stranger.key()).await;
    browser.get(&place).await.page(404);
}

#[tokio::test]
async fn a_pool_without_tables_and_one_that_cannot_be_read_say_so() {
    let server = Server::start();
    let (empty, broken) = (Pool::create(&server.admin()).await, Pool::create(&server.admin()).await);
    let folder = server.data().join("pools").join(&broken.id);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("pool.duckdb"), "no pool at all ".repeat(1_000)).unwrap();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let page = browser.get(&format!("{HOME}/{}/tables", empty.id)).await.page(200);
    assert!(page.contains("There is none yet") && !page.contains("cannot be listed"), "{page}");
    let page = browser.get(&format!("{HOME}/{}/tables", broken.id)).await.page(200);
    assert!(
        page.contains("The tables of this pool cannot be listed: ") && page.contains("is damaged"),
        "{page}"
    );
    assert!(!page.contains("There is none yet"), "{page}");
}
