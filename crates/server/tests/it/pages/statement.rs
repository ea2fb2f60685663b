//! The page of a transformation's SQL: saved, run, paged and sent as a file.

use serde_json::{Value, json};

use super::{Browser, HOME};
use crate::client::{Answer, Client};
use crate::server::Server;
use crate::world::World;

/// An address of the transformation below the pages of jobs.
fn place(world: &World, page: &str) -> String {
    let (pool, job, task) = (&world.pool.id, &world.job.id, &world.transformation);
    format!("{HOME}/{pool}/data-configuration/data-jobs/{page}?jobId={job}&taskId={task}")
}

/// Runs one statement in the second field.
async fn run(browser: &mut Browser, world: &World, sql: &str) -> Answer {
    let fields = [("name", "Transform"), ("statement", "SELECT 1"), ("other", sql), ("run", "OTHER")];
    browser.post(&place(world, "run-statement"), &fields).await
}

/// The texts of the cells of a page, in order.
fn cells(page: &str) -> Vec<String> {
    let of_cell = |cell: &str| {
        let text = cell.split("</td>").next().unwrap();
        text.replace("<span class=\"quiet\">", "").replace("</span>", "")
    };
    page.split("<table class=\"numbers answer\">")
        .nth(1)
        .map(|table| table.split("</table>").next().unwrap().split("<td>").skip(1).map(of_cell).collect())
        .unwrap_or_default()
}

async fn placeholder(admin: &Client, path: &str) -> String {
    let found = admin.get(path).await.ok();
    found[0]["placeholder"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_statement_is_run_with_the_parameters_and_the_schema_of_its_job_and_changes_nothing() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, true).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let page = browser.get(&place(&world, "statement")).await.page(200);
    assert!(page.contains("CREATE OR REPLACE TABLE") && page.contains(">Save</button>"), "{page}");
    assert!(page.contains("/ui/editor.js?") && !page.contains("Result</h2>"), "{page}");
    // What is found by its name alone comes first, and the page names parameters and columns.
    let (one, made) = (page.find("<code>one</code>").unwrap(), page.find("<code>made</code>").unwrap());
    assert!(one < made && page.contains("Used, the connection of this job"), "{page}");
    let of_task = format!("/tasks/{}/variables", world.transformation);
    let own = placeholder(&admin, &world.pool.path(&of_task)).await;
    let of_pool = placeholder(&admin, &world.pool.path("/variables")).await;
    assert!(page.contains(&format!("{own}%&gt;</code>")) && page.contains(&of_pool), "{page}");

    let sql = format!(
        "SELECT o.id, o.name, m.a, <%={own}%> + 1 AS n, NULL AS nothing, '<b>' AS t\r\nFROM one o, \
         <%=DATASOURCE:Used%>.one u, made m WHERE u.id = o.id ORDER BY 1;\r\n"
    );
    let page = run(&mut browser, &world, &sql).await.page(200);
    let found = cells(&page);
    assert_eq!(found[..5], ["1", "a", "1", "2", "NULL"], "{page}");
    assert!(found.len() == 12 && found[5].contains('b') && !found[5].contains('<'), "{found:?}");
    assert!(
        page.contains("Rows 1 to 2, in ") && page.contains("id <span class=\"quiet\">BIGINT</span>"),
        "{page}"
    );
    // What was written stays on the page, saved or not.
    assert!(page.contains("\nSELECT 1</textarea>") && page.contains("DATASOURCE:Used%"), "{page}");

    for (sql, part) in [
        ("DROP TABLE made", "save it there and execute the job"),
        ("INSERT INTO made VALUES (2)", "save it there and execute the job"),
        ("WITH x AS (SELECT 2) INSERT INTO made FROM x", "save it there and execute the job"),
        ("SELECT 1;\nSELECT 2", "these are 2 statements, which begin on the lines 1, 2"),
        ("-- nothing", "there is no statement"),
        ("SELECT <%=nobody%>", "is no parameter of this task or its data pool"),
        ("SELECT * FROM read_text('/etc/passwd')", "SQL reads no files"),
    ] {
        let page = run(&mut browser, &world, sql).await.page(400);
        assert!(page.contains(part), "{sql}: {page}");
        assert!(cells(&page).is_empty() && page.contains("\nSELECT 1</textarea>"), "{sql}: {page}");
    }
    assert_eq!(world.pool.value(None, "SELECT count(*)::INT FROM made").await, json!(1));
    let path = world.job.path(&format!("/transformations/{}/statement", world.transformation));
    let saved = admin.get(&path).await;
    assert!(saved.text().contains("CREATE OR REPLACE TABLE"));
}

#[tokio::test]
async fn what_is_wrong_is_said_at_its_line_in_the_whole_text() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    browser.get(&place(&world, "statement")).await.page(200);
    // As the editor sends what is selected: where it stands in the text.
    let part = "\r\n\r\n  SELECT nobody\r\n  FROM one";
    for (name, text, run, line) in [
        ("part", part, "PART", Some(3)),
        ("statement", "-- first\r\nSELECT id\r\nFORM one", "ALL", Some(3)),
        ("statement", "SELECT 1,\r\n  <%=nobody%>", "ALL", Some(2)),
        ("statement", "SELECT\r\n 'open", "ALL", Some(2)),
        // It is not in the text that the editor shows.
        ("other", "SELECT nobody", "OTHER", None),
    ] {
        let fields = [("name", "Transform"), (name, text), ("run", run)];
        let page = browser.post(&place(&world, "run-statement"), &fields).await.page(400);
        let found = page.split("data-line=\"").nth(1).and_then(|rest| rest.split('"').next());
        assert_eq!(found, line.map(|line: u32| line.to_string()).as_deref(), "{text}: {page}");
    }
    let fields = [("name", "Transform"), ("part", part), ("run", "PART")];
    let page = browser.post(&place(&world, "run-statement"), &fields).await.page(400);
    assert!(
        page.contains("LINE 3: SELECT nobody\n               ^"),
        "the mark stands below its word: {page}"
    );
    let fields = [("name", "Transform"), ("statement", "SELECT 1"), ("run", "SOME")];
    browser.post(&place(&world, "run-statement"), &fields).await.page(400);
}

#[tokio::test]
async fn the_page_says_whether_what_it_shows_is_saved() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let statement = place(&world, "statement");
    let page = browser.get(&statement).await.page(200);
    assert!(page.contains("data-saved=\"true\""), "{page}");
    // Neither a run nor a name that is refused saves what was written.
    let page = run(&mut browser, &world, "SELECT 1").await.page(200);
    assert!(page.contains("data-saved=\"false\""), "{page}");
    let page = browser.post(&statement, &[("name", ""), ("statement", "SELECT 1")]).await.page(400);
    assert!(page.contains("data-saved=\"false\""), "{page}");
    let fields = [("name", "Transform"), ("statement", "SELECT 1")];
    assert_eq!(browser.post(&statement, &fields).await.status, 303);
    let page = run(&mut browser, &world, "SELECT 2").await.page(200);
    assert!(page.contains("data-saved=\"true\""), "{page}");

    let viewer = server.member(&world.pool.id, &["VIEW"]).await;
    let mut viewer = Browser::signed_in(&server, viewer.key()).await;
    let page = viewer.get(&statement).await.page(200);
    assert!(!page.contains("data-saved"), "who cannot save loses nothing: {page}");
}

#[tokio::test]
async fn rows_are_shown_page_by_page_and_sent_as_a_file() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    browser.get(&place(&world, "statement")).await.page(200);
    let sql = "SELECT range AS n, 'a \"b\"' AS t FROM range(1100) ORDER BY 1";
    let page = run(&mut browser, &world, sql).await.page(200);
    assert!(page.contains("of more than 1\u{202f}000") && page.contains(">Rows after<"), "{page}");
    assert!(!page.contains(">Rows before<"), "{page}");
    let turn = async |browser: &mut Browser, number: &str| {
        let fields = [("name", "T"), ("statement", "SELECT 1"), ("ran", sql), ("page", number)];
        browser.post(&place(&world, "run-statement"), &fields).await
    };
    let page = turn(&mut browser, "11").await.page(200);
    assert_eq!((cells(&page).len(), cells(&page)[0].as_str()), (200, "1000"), "{page}");
    assert!(
        page.contains("Rows 1\u{202f}001 to 1\u{202f}100, in ") && page.contains(", of 1\u{202f}100."),
        "{page}"
    );
    assert!(page.contains(">Rows before<") && !page.contains(">Rows after<"), "{page}");
    let page = turn(&mut browser, "12").await.page(200);
    assert!(page.contains("No rows on this page, of 1\u{202f}100"), "{page}");
    for beyond in ["0", "10001", "next"] {
        turn(&mut browser, beyond).await.page(400);
    }

    let fields = [("name", "T"), ("ran", sql)];
    let file = browser.post(&place(&world, "rows.csv"), &fields).await;
    assert_eq!(
        (file.status, file.content_type()),
        (200, "text/csv; charset=utf-8; header=present"),
        "{file}"
    );
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"rows.csv\"");
    assert_eq!(file.headers["x-content-type-options"], "nosniff");
    let text = file.text();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!((lines.len(), lines[0], lines[1100]), (1102, "n,t", "1099,\"a \"\"b\"\"\""));
    let many = [("name", "T"), ("ran", "SELECT range AS n FROM range(100001)")];
    let file = browser.post(&place(&world, "rows.csv"), &many).await;
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"first-100000-rows.csv\"");
    let wrong = [("name", "T"), ("ran", "DROP TABLE made")];
    let page = browser.post(&place(&world, "rows.csv"), &wrong).await.page(400);
    assert!(page.contains("save it there and execute the job"), "{page}");
}

#[tokio::test]
async fn whoever_may_see_the_pool_may_run_and_not_save_and_nobody_else_may() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let viewer = server.member(&world.pool.id, &["VIEW"]).await;
    let mut viewer = Browser::signed_in(&server, viewer.key()).await;
    let page = viewer.get(&place(&world, "statement")).await.page(200);
    assert!(!page.contains(">Save</button>") && page.contains(">Run</button>"), "{page}");
    let page = run(&mut viewer, &world, "SELECT count(*) AS n FROM one").await.page(200);
    assert_eq!(cells(&page), ["2"]);
    let fields = [("name", "Transform"), ("statement", "SELECT 1")];
    viewer.post(&place(&world, "statement"), &fields).await.page(403);

    let runner = server.member(&world.pool.id, &["EXECUTE"]).await;
    let mut runner = Browser::signed_in(&server, runner.key()).await;
    runner.get("/account").await.page(200);
    run(&mut runner, &world, "SELECT 1").await.page(403);
    runner.get(&place(&world, "names")).await.page(403);
    let stranger = server.member(&world.pool.id, &[]).await;
    let mut stranger = Browser::signed_in(&server, stranger.key()).await;
    stranger.get("/account").await.page(200);
    run(&mut stranger, &world, "SELECT 1").await.page(404);
    stranger.post(&place(&world, "rows.csv"), &[("ran", "SELECT 1")]).await.page(404);
    stranger.get(&place(&world, "names")).await.page(404);
}

#[tokio::test]
async fn a_new_transformation_is_tried_before_it_is_made() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, true).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let of_job = |page: &str| {
        let (pool, job) = (&world.pool.id, &world.job.id);
        format!("{HOME}/{pool}/data-configuration/data-jobs/{page}?jobId={job}")
    };
    let page = browser.get(&of_job("statement")).await.page(200);
    assert!(page.contains("New transformation"), "{page}");
    let of_pool = placeholder(&admin, &world.pool.path("/variables")).await;
    let sql = format!("SELECT <%={of_pool}%> AS n");
    let fields = [("name", "Tried"), ("statement", sql.as_str()), ("run", "ALL")];
    let page = browser.post(&of_job("run-statement"), &fields).await.page(200);
    assert_eq!(cells(&page), ["1"]);
    let saved = browser.post(&of_job("statement"), &fields[..2]).await;
    assert_eq!(saved.status, 303, "{saved}");
    let tasks = admin.get(&world.job.path("/tasks/")).await.ok();
    assert!(tasks.as_array().unwrap().iter().any(|task| task["name"] == json!("Tried")), "{tasks}");
}

#[tokio::test]
async fn the_editor_is_told_what_can_be_named() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let answer = browser.get(&place(&world, "names")).await;
    assert_eq!((answer.status, answer.content_type()), (200, "application/json"), "{answer}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let told = answer.json();
    let table = |name: &str| {
        let tables = told["tables"].as_array().unwrap();
        tables.iter().find(|table| table["name"] == json!(name)).unwrap_or_else(|| panic!("{told}")).clone()
    };
    assert_eq!((&table("one")["prefix"], &table("one")["connection"]), (&json!(""), &json!("Used")));
    assert_eq!(table("one")["columns"][0], json!(["id", "BIGINT"]));
    assert_eq!((&table("made")["prefix"], &table("made")["connection"]), (&json!(""), &Value::Null));
    let places = told["places"].as_array().unwrap();
    assert!(places.iter().any(|place| place[0] == json!("<%=DATASOURCE:Spare%>")), "{told}");

    let page = browser.get(&place(&world, "statement")).await.page(200);
    let begins = "src=\"/ui/editor.js";
    let at = page.find(begins).unwrap() + "src=\"".len();
    let script = browser.get(page[at..].split('"').next().unwrap()).await;
    assert_eq!((script.status, script.content_type()), (200, "text/javascript; charset=utf-8"));
    assert_eq!(script.headers["cache-control"], "max-age=31536000, immutable");
    // Its styles must not need what the policy of the pages forbids.
    assert!(script.text().contains("adoptedStyleSheets") && script.text().contains("MIT License"));
}
