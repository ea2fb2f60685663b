//! The pages of a data connection: its test step by step, its tables and a look at one, where it is used, and what an
//! extraction would ask of it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Browser, HOME};
use crate::pool::Pool;
use crate::server::Server;
use crate::source::Source;
use crate::world::World;

/// The id of the connection that the world's job reads.
async fn used(world: &World) -> String {
    let listed = world.pool.client.get(&world.pool.path("/data-sources")).await.ok();
    let found = listed.as_array().unwrap().iter().find(|connection| connection["name"] == "Used").unwrap();
    found["id"].as_str().unwrap().to_owned()
}

/// What stands between two texts.
#[track_caller]
pub(super) fn between<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
    let at = page.find(begin).unwrap_or_else(|| panic!("no {begin} in {page}"));
    page[at..].split(end).next().unwrap()
}

#[tokio::test]
async fn a_table_is_found_and_its_first_rows_are_looked_at() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let connection = format!("{HOME}/{}/data-connections/{}", world.pool.id, world.connection);
    let tables = format!("{connection}/tables");
    assert!(browser.get(&connection).await.page(200).contains(&tables));
    let list = browser.get(&tables).await.page(200);
    assert!(list.contains("tables?table=one") && list.contains("tables?table=two"), "{list}");
    let found = browser.get(&format!("{tables}?q=%25wo")).await.page(200);
    let found = found.replace("&#38;", "&");
    assert!(!found.contains("table=one") && found.contains("q=%25wo&table=two"), "{found}");

    let page = browser.get(&format!("{tables}?table=one")).await.page(200);
    assert!(page.contains("The table has 2 rows; all were looked at."), "{page}");
    assert!(page.contains("The source has a primary key: id."), "{page}");
    let columns = between(&page, "aria-label=\"Columns of one\"", "</table>");
    assert!(columns.contains("<th scope=\"row\">name</th><td>TEXT</td><td>none</td><td>2</td>"), "{columns}");
    let rows = between(&page, "aria-label=\"Rows of one\"", "</table>");
    assert!(rows.contains("<td>1</td><td>a</td>") && rows.contains("<td>2</td><td>b</td>"), "{rows}");
    let api = format!(
        "/forebay/api/v1/pools/{}/connections/{}/table-preview?table=one",
        world.pool.id, world.connection
    );
    assert!(page.contains(&api), "{page}");
    let empty = browser.get(&format!("{tables}?table=two")).await.page(200);
    assert!(empty.contains("The table has no rows."), "{empty}");
    let missing = browser.get(&format!("{tables}?table=nothing")).await.page(400);
    assert!(missing.contains("nothing") && missing.contains("tables?table=one"), "{missing}");

    // The same by the API.
    let told = world.pool.client.get(&api).await.ok();
    assert_eq!(told["rows"], json!([["1", "a"], ["2", "b"]]), "{told}");
    assert_eq!((&told["rowsLookedAt"], &told["hasMore"]), (&json!(2), &json!(false)));
    assert_eq!((&told["primaryKey"], &told["keyCandidates"]), (&json!(["id"]), &json!([])));
    let name = json!({"name": "name", "type": "TEXT", "nulls": 0, "nullShare": 0.0, "distinct": 2});
    assert_eq!(told["columns"][1], name);
    let path = world.pool.own(&format!("/connections/{}/table-preview", world.connection));
    world.pool.client.get(&path).await.refused(400);

    // Who may not edit sees which tables there are, and no rows.
    let viewer = server.member(&world.pool.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, viewer.key()).await;
    let list = browser.get(&tables).await.page(200);
    assert!(list.contains(">one<") && !list.contains("tables?table=one"), "{list}");
    let refused = browser.get(&format!("{tables}?table=one")).await.page(403);
    assert!(!refused.contains("<td>a</td>") && refused.contains("EDIT"), "{refused}");
}

#[tokio::test]
async fn long_values_are_cut_and_keys_are_guessed_among_the_rows_that_were_looked_at() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let lines: Vec<String> =
        (0..150).map(|row| format!("{},{},{}", row / 10, row % 10, "x".repeat(300))).collect();
    std::fs::write(server.files().join("parts.csv"), format!("part,place,text\n{}\n", lines.join("\n")))
        .unwrap();
    let files = pool.connection("Files", "FILES", &json!({"path": server.files().join("parts.csv")})).await;
    let path = pool.own(&format!("/connections/{files}/table-preview?table=parts"));
    let told = pool.client.get(&path).await.ok();
    assert_eq!((&told["rowsLookedAt"], &told["hasMore"]), (&json!(100), &json!(true)), "{told}");
    assert_eq!((&told["primaryKey"], &told["keyCandidates"]), (&json!([]), &json!([["part", "place"]])));
    assert_eq!(told["valuesCut"], json!(100));
    let text = told["rows"][0][2].as_str().unwrap();
    assert_eq!(text, format!("{}…", "x".repeat(200)));

    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let tables = format!("{HOME}/{}/data-connections/{files}/tables?table=parts", pool.id);
    let page = browser.get(&tables).await.page(200);
    for part in ["The first 100 rows were looked at", "part with place", "100 long values are shown cut."] {
        assert!(page.contains(part), "no {part} in {page}");
    }
}

#[tokio::test]
async fn a_test_shows_each_step_and_where_it_ended() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let pool = &world.pool;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let mut test = async |connection: &str| {
        let place = format!("{HOME}/{}/data-connections/{connection}", pool.id);
        browser.get(&place).await.page(200);
        let page = browser.post(&format!("{place}/test"), &[]).await.page(200);
        let steps = between(&page, "<ol class=\"steps\">", "</ol>");
        let steps: Vec<String> = steps
            .split("<li>")
            .skip(1)
            .map(|step| {
                let state = step.split('>').nth(1).unwrap().split('<').next().unwrap();
                let name = step.split("</span> ").nth(1).unwrap().split(" <span").next().unwrap();
                format!("{name}: {state}")
            })
            .collect();
        (page, steps)
    };
    let (page, steps) = test(&world.connection).await;
    assert!(page.contains("It works: 2 tables are offered."), "{page}");
    assert_eq!(steps, ["Open: ok", "Tables: ok"]);

    let settings = |host: &str, ssl_mode: &str| json!({"host": host, "port": 1, "database": "d", "user": "u", "password": "hidden", "sslMode": ssl_mode});
    let nobody = pool.connection("Nobody", "POSTGRESQL", &settings("127.0.0.1", "require")).await;
    let (page, steps) = test(&nobody).await;
    let expected = [
        "Name lookup: ok",
        "Connect: failed",
        "TLS: not reached",
        "Login: not reached",
        "Database: not reached",
        "Session settings: not reached",
        "Tables: not reached",
    ];
    assert_eq!(steps, expected);
    assert!(page.contains("Check host and port") && !page.contains("hidden</"), "{page}");
    let unknown = pool.connection("Unknown", "MYSQL", &settings("no-such-host.invalid", "disable")).await;
    let (_, steps) = test(&unknown).await;
    assert_eq!(steps[..2], ["Name lookup: failed", "Connect: not reached"]);
    let told = pool.client.post(&pool.own(&format!("/connections/{unknown}/test")), &Value::Null).await.ok();
    assert_eq!((&told["step"], &told["steps"][1]["state"]), (&json!("Name lookup"), &json!("NOT_REACHED")));
}

#[tokio::test]
async fn a_connection_shows_where_it_is_used() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let place = |connection: &str| format!("{HOME}/{}/data-connections/{connection}", world.pool.id);
    let spare = browser.get(&place(&world.connection)).await.page(200);
    assert!(spare.contains("Nothing uses it."), "{spare}");
    let page = browser.get(&place(&used(&world).await)).await.page(200);
    let uses = between(&page, "id=\"uses\"", "</section>");
    for part in [
        format!("data-jobs?jobId={}", world.job.id),
        "extracts 1 table<".to_owned(),
        format!("statement?jobId={}&amp;taskId={}", world.job.id, world.transformation),
    ] {
        assert!(uses.replace("&#38;", "&amp;").contains(&part), "no {part} in {uses}");
    }
    assert!(!uses.contains("Schedules that run these jobs"), "{uses}");
    let yearly = json!({
        "name": "Each year", "jobs": [world.job.id], "mode": "FULL",
        "pattern": {"type": "CRON", "expression": "0 0 0 1 1 ?"},
    });
    world.pool.client.post(&world.pool.own("/schedules"), &yearly).await.ok();
    let page = browser.get(&place(&used(&world).await)).await.page(200);
    assert!(between(&page, "Schedules that run these jobs", "</ul>").contains("Each year"), "{page}");
}

#[tokio::test]
async fn a_table_of_an_extraction_shows_what_its_source_would_be_sent() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = &world.pool.client;
    let tables = world.job.path(&format!("/extractions/{}/tables", world.extraction));
    let changed = json!([{
        "id": world.table, "tableName": "one", "filterDefinition": "name <> '?'", "changeDateColumn": "id",
    }]);
    admin.put(&tables, &changed).await.ok();
    world.job.run("FULL").await.succeeded();

    let path = world.pool.own(&format!(
        "/jobs/{}/extractions/{}/tables/{}/statements",
        world.job.id, world.extraction, world.table
    ));
    let told = admin.get(&path).await.ok();
    let full = "SELECT \"id\", \"name\", rowid FROM main.\"one\" WHERE (name <> '?')";
    assert_eq!((&told["full"]["kind"], &told["full"]["sql"]), (&json!("SQL"), &json!(full)), "{told}");
    assert_eq!(told["full"]["values"], json!([]));
    let delta = told["delta"]["sql"].as_str().unwrap();
    assert!(delta.starts_with(full) && delta.contains("rowid > ?"), "{delta}");
    assert_eq!(told["delta"]["values"], json!(["2", "2"]), "{told}");

    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let place = format!("{HOME}/{}/data-configuration/data-jobs", world.pool.id);
    let address = format!(
        "{place}/table-extraction?jobId={}&taskId={}&tableId={}",
        world.job.id, world.extraction, world.table
    );
    let page = browser.get(&address).await.page(200);
    assert!(page.contains("Show what the source would be sent") && !page.contains("rowid"), "{page}");
    let page = browser.get(&format!("{address}&sql=on")).await.page(200);
    assert!(page.contains("FULL, as it would be sent now") && page.contains("rowid &#62; ?"), "{page}");
    let execute = browser.get(&format!("{place}/execute?jobId={}", world.job.id)).await.page(200);
    assert!(execute.contains("sql=on#asked"), "{execute}");

    // What is wrong with the settings is said without an execution.
    let wrong =
        json!([{"id": world.table, "tableName": "one", "filterDefinition": "nothing = <%=nowhere%>"}]);
    admin.put(&tables, &wrong).await.ok();
    let told = admin.get(&path).await.ok();
    assert_eq!(told["full"]["kind"], "REFUSED", "{told}");
    assert!(told["full"]["reason"].as_str().unwrap().contains("nowhere"), "{told}");
    let viewer = server.member(&world.pool.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, viewer.key()).await;
    let refused = browser.get(&format!("{address}&sql=on")).await.page(403);
    assert!(!refused.contains("as it would be sent now"), "{refused}");
}

#[tokio::test]
async fn a_look_at_a_table_without_end_ends_at_its_source() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let source = Source::new().await;
    source
        .execute(
            "CREATE VIEW endless AS SELECT generate_series(1, 1000000000) AS id, NULL::text AS gap, \
             repeat('x', 500) AS filler",
        )
        .await;
    let connection = pool.connection("Endless", "POSTGRESQL", &source.configuration()).await;
    let path = format!("/connections/{connection}/table-preview?schema=public&table=endless");
    let told = pool.client.get(&pool.own(&path)).await.ok();
    assert_eq!((&told["rowsLookedAt"], &told["hasMore"]), (&json!(100), &json!(true)), "{told}");
    let gap = json!({"name": "gap", "type": "text", "nulls": 100, "nullShare": 1.0, "distinct": 0});
    assert_eq!((&told["columns"][1], &told["keyCandidates"]), (&gap, &json!([["id"]])));
    let running = "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active' \
        AND datname = current_database() AND pid <> pg_backend_pid()";
    let begun = Instant::now();
    while source.value(running).await != "0" {
        assert!(begun.elapsed() < Duration::from_secs(60), "the statement goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
