//! The command line: what it prints, as JSON and for people, and what it ends with.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::gate::ENDLESS;
use crate::pool::{Pool, finished};
use crate::server::{Server, forebay, serve};
use crate::world::sqlite;

/// A client command of the administrator.
fn client(server: &Server, arguments: &[&str]) -> Command {
    let mut command = forebay();
    command.env("FOREBAY_URL", server.url()).env("FOREBAY_TOKEN", server.admin_key()).args(arguments);
    command
}

#[track_caller]
fn ended(command: &mut Command, code: i32) -> Output {
    let output = command.output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{command:?}\n{out}\n{errors}");
    output
}

/// What a command printed, without the line end.
#[track_caller]
fn said(server: &Server, arguments: &[&str]) -> String {
    let output = ended(&mut client(server, arguments), 0);
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// What a command printed with `--json`.
#[track_caller]
fn told(server: &Server, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let text = said(server, &all);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error} in {text}"))
}

/// What a command that failed said.
#[track_caller]
fn complained(command: &mut Command, code: i32) -> String {
    String::from_utf8(ended(command, code).stderr).unwrap()
}

#[test]
fn init_makes_a_data_folder_once_and_shows_its_key_once() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    let init = |json: bool| {
        let mut command = forebay();
        command.arg("init").arg("--data-dir").arg(&data);
        if json {
            command.arg("--json");
        }
        command
    };
    let made = ended(&mut init(true), 0);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let key = made["adminApiKey"].as_str().unwrap();
    assert!(key.len() > 40 && made["adminUserId"].is_string(), "{made}");
    let again = complained(&mut init(true), 1);
    assert!(again.contains("in use already") && !again.contains(key), "{again}");
    complained(&mut init(false), 1);
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let server = Server::start();
    let refused = complained(&mut serve(&server.data()), 1);
    assert!(refused.contains("another forebay already uses"), "{refused}");
    assert!(refused.contains("(process "), "{refused}");
    let mut init = forebay();
    let refused = complained(init.arg("init").arg("--data-dir").arg(server.data()), 1);
    assert!(refused.contains("another forebay already uses"), "{refused}");
    // The first one is not disturbed.
    server.admin().get("/health").await.ok();
}

#[test]
fn wrong_usage_ends_with_2() {
    let none = "00000000-0000-4000-8000-000000000000";
    for arguments in [
        vec![],
        vec!["nothing"],
        vec!["serve", "--no-such-option"],
        vec!["pool"],
        vec!["pool", "delete", "not-an-id"],
        vec!["job", "execute", none],
        vec!["job", "execute", none, "--mode", "SOME"],
        vec!["connection", "create", none, "--name", "x", "--type", "FILES", "--config", "not json"],
    ] {
        let mut command = forebay();
        ended(command.env("FOREBAY_TOKEN", "x").args(&arguments), 2);
    }
    // A client command without a key.
    let missing = complained(forebay().args(["pool", "list"]), 2);
    assert!(missing.contains("FOREBAY_TOKEN"), "{missing}");
}

#[tokio::test]
async fn pools_connections_jobs_executions_and_keys_are_at_hand() {
    let server = Server::start();
    let file = server.files().join("small.db");
    sqlite(&file).await;
    let pool = said(&server, &["pool", "create", "Order to cash"]);
    let pools = told(&server, &["pool", "list"]);
    assert_eq!((&pools[0]["id"], &pools[0]["name"]), (&json!(pool), &json!("Order to cash")));
    let shown = said(&server, &["pool", "list"]);
    assert!(shown.contains(&pool) && shown.contains("Order to cash"), "{shown}");

    let config = json!({"path": file}).to_string();
    let create = ["connection", "create", &pool, "--name", "ERP", "--type", "SQLITE", "--config", &config];
    let connection = told(&server, &create)["id"].as_str().unwrap().to_owned();
    assert_eq!(told(&server, &["connection", "list", &pool])[0]["name"], "ERP");
    assert_eq!(told(&server, &["connection", "test", &pool, &connection])["successful"], true);

    let admin = server.admin();
    let seen = Pool { client: admin.clone(), id: pool.clone() };
    let job = seen.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "one"}])).await;
    let task = job.transformation("CREATE OR REPLACE TABLE made AS SELECT * FROM one").await;
    assert_eq!(told(&server, &["job", "list", &pool])[0]["id"], json!(job.id));
    let run = told(&server, &["job", "execute", &job.id, "--mode", "FULL", "--wait"]);
    assert_eq!((&run["status"], &run["mode"]), (&json!("SUCCESS"), &json!("FULL")));
    let execution = run["id"].as_str().unwrap();
    let receipts = said(&server, &["execution", "show", execution]);
    assert!(receipts.contains("one") && receipts.contains("FULL SUCCESS"), "{receipts}");
    let logs = told(&server, &["execution", "logs", execution]);
    let codes: Vec<&Value> =
        logs.as_array().unwrap().iter().map(|line| &line["logTranslationCode"]).collect();
    assert!(codes.contains(&&json!("TABLE_LOADED")), "{codes:?}");
    assert!(said(&server, &["execution", "logs", execution]).contains("INFO"));

    let policies = told(&server, &["job", "retry", &job.id, "--task", &task, "--attempts", "4"]);
    assert_eq!((policies.as_array().unwrap().len(), &policies[0]["attempts"]), (1, &json!(4)));
    let policies = told(&server, &["job", "retry", &job.id]);
    assert_eq!((&policies[0]["attempts"], &policies[1]["attempts"]), (&json!(3), &json!(4)));
    let refused = complained(&mut client(&server, &["job", "retry", &job.id, "--attempts", "0"]), 1);
    assert!(refused.contains("attempts: must be from 1"), "{refused}");

    // One that fails ends with 1 and says why.
    job.set_statement(&task, "SELECT boom").await;
    let failed = ended(&mut client(&server, &["job", "execute", &job.id, "--mode", "DELTA", "--wait"]), 1);
    let text = String::from_utf8(failed.stdout).unwrap();
    assert!(text.contains("boom") && text.contains("DELTA FAIL"), "{text}");

    // One that is cancelled.
    job.set_statement(&task, ENDLESS).await;
    let started = said(&server, &["job", "execute", &job.id, "--mode", "full", "--pool", &pool]);
    let refused = complained(&mut client(&server, &["job", "execute", &job.id, "--mode", "FULL"]), 1);
    assert!(refused.contains(&started), "{refused}");
    said(&server, &["execution", "cancel", &started]);
    finished(&admin, &started).await.ended("CANCEL");

    let key = told(&server, &["key", "create", "--name", "CI"]);
    let mut list = forebay();
    list.env("FOREBAY_URL", server.url())
        .env("FOREBAY_TOKEN", key["key"].as_str().unwrap())
        .args(["pool", "list"]);
    ended(&mut list, 0);
    let keys = told(&server, &["key", "list"]);
    assert_eq!(keys.as_array().unwrap().len(), 2);
    assert!(!keys.to_string().contains(key["key"].as_str().unwrap()));
    said(&server, &["key", "delete", key["id"].as_str().unwrap()]);
    let refused = complained(&mut list, 1);
    assert!(refused.contains("401"), "{refused}");
    said(&server, &["pool", "delete", &pool]);
    assert_eq!(told(&server, &["pool", "list"]), json!([]));
}

#[tokio::test]
async fn schedules_are_made_looked_at_run_and_switched() {
    let server = Server::start();
    let pool = said(&server, &["pool", "create", "Scheduled"]);
    let job = said(&server, &["job", "create", &pool, "Load"]);
    let create = [
        "schedule",
        "create",
        &pool,
        "Nightly",
        "--job",
        &job,
        "--mode",
        "delta",
        "--monthly",
        "last",
        "--at",
        "02:30",
        "--time-zone",
        "Europe/Berlin",
        "--overlap",
        "QUEUE",
        "--disabled",
    ];
    let schedule = said(&server, &create);
    let shown = told(&server, &["schedule", "show", &pool, &schedule]);
    assert_eq!((&shown["mode"], &shown["pattern"]["lastDay"]), (&json!("DELTA"), &json!(true)));
    let follows =
        ["schedule", "create", &pool, "After", "--job", &job, "--mode", "FULL", "--after", &schedule];
    let follower = told(&server, &follows)["id"].as_str().unwrap().to_owned();
    assert!(said(&server, &["schedule", "enable", &pool, &schedule]).starts_with("enabled (next: "));
    let list = said(&server, &["schedule", "list", &pool]);
    assert!(list.contains(&schedule) && list.contains("T02:30:00+0"), "{list}");
    assert_eq!(said(&server, &["schedule", "disable", &pool, &schedule]), "disabled");

    let preview = said(&server, &["schedule", "preview", &pool, &schedule]);
    assert_eq!(preview.lines().count(), 21, "{preview}");
    let crossing =
        ["schedule", "preview", &pool, "--cron", "0 30 2 ? 3 SUNL 2099", "--time-zone", "Europe/Berlin"];
    let crossing = said(&server, &crossing);
    assert!(crossing.contains("2099-03-29T03:00:00+02:00  the clocks are set forward over"), "{crossing}");
    let wrong =
        complained(&mut client(&server, &["schedule", "preview", &pool, "--cron", "0 0 24 * * ?"]), 1);
    assert!(wrong.contains("field 3 (hours)"), "{wrong}");
    for arguments in [
        vec!["schedule", "preview", &pool],
        vec!["schedule", "preview", &pool, "--cron", "x", "--daily", "02:30"],
        vec!["schedule", "preview", &pool, "--weekly", "MON"],
        vec!["schedule", "create", &pool, "x", "--job", &job, "--mode", "FULL"],
        vec!["schedule", "create", &pool, "x", "--mode", "FULL", "--daily", "02:30"],
    ] {
        ended(&mut client(&server, &arguments), 2);
    }

    let run = said(&server, &["schedule", "run", &pool, &schedule]);
    let history = ["schedule", "history", &pool, &schedule];
    let begun = std::time::Instant::now();
    while told(&server, &history)[0]["status"] != "SUCCESS" {
        assert!(begun.elapsed().as_secs() < 60, "{}", said(&server, &history));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(told(&server, &history)[0]["id"], json!(run));
    assert!(said(&server, &history).contains("1/1"), "{}", said(&server, &history));
    said(&server, &["schedule", "cancel", &pool, &schedule]);
    let refused = complained(&mut client(&server, &["schedule", "delete", &pool, &schedule]), 1);
    assert!(refused.contains("After"), "{refused}");
    said(&server, &["schedule", "delete", &pool, &follower]);
    said(&server, &["schedule", "delete", &pool, &schedule]);
    assert_eq!(told(&server, &["schedule", "list", &pool]), json!([]));
}

#[tokio::test]
async fn groups_are_made_filled_and_granted() {
    let server = Server::start();
    let pool = said(&server, &["pool", "create", "Order to cash"]);
    let user = said(&server, &["user", "create", "Ada"]);
    let group = said(&server, &["group", "create", "Sales"]);
    let taken = complained(&mut client(&server, &["group", "create", "Sales"]), 1);
    assert!(taken.contains("there already is a group named `Sales`"), "{taken}");
    assert_eq!(said(&server, &["group", "rename", &group, "Accounts"]), "Accounts");
    assert_eq!(said(&server, &["group", "add", &group, &user]), "added");
    let groups = told(&server, &["group", "list"]);
    assert_eq!((&groups[0]["name"], &groups[0]["memberCount"]), (&json!("Accounts"), &json!(1)));
    assert!(said(&server, &["group", "members", &group]).contains("Ada"));
    let set = ["grant", "set", "--group", &group, "--pool", &pool, "--permission", "VIEW"];
    assert!(said(&server, &set).starts_with(&format!("GROUP {group}, pool {pool}: VIEW")));
    for wrong in [
        vec!["grant", "set", "--pool", &pool, "--permission", "VIEW"],
        vec!["grant", "set", "--group", &group, "--user", &user, "--permission", "VIEW"],
        vec!["group", "add", &group],
    ] {
        ended(&mut client(&server, &wrong), 2);
    }
    assert_eq!(said(&server, &["group", "remove", &group, &user]), "removed");
    let gone = complained(&mut client(&server, &["group", "remove", &group, &user]), 1);
    assert!(gone.contains("was not found"), "{gone}");
    said(&server, &["group", "delete", &group]);
    assert_eq!(told(&server, &["grant", "list"]), json!([]));
    assert_eq!(told(&server, &["group", "list"]), json!([]));
}

#[tokio::test]
async fn oauth_clients_are_made_changed_and_deleted() {
    let server = Server::start();
    let create = ["oauth-client", "create", "CI", "--scope", "integration.data-pools:execute"];
    let made = told(&server, &create);
    let client_id = made["id"].as_str().unwrap();
    assert!(made["clientSecret"].as_str().unwrap().len() > 40, "{made}");
    let list = said(&server, &["oauth-client", "list"]);
    assert!(list.contains(client_id) && list.contains("content-cli"), "{list}");
    let second = said(&server, &["oauth-client", "rotate", client_id]);
    assert_ne!(second, made["clientSecret"].as_str().unwrap());
    let shown = told(&server, &["oauth-client", "show", client_id]);
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 2);
    let refused = complained(&mut client(&server, &["oauth-client", "rotate", client_id]), 1);
    assert!(refused.contains("2 secrets already"), "{refused}");
    let first = made["secrets"][0]["id"].as_str().unwrap();
    said(&server, &["oauth-client", "delete-secret", client_id, first]);
    let set = ["oauth-client", "set", client_id, "--name", "Nightly", "--access-token-seconds", "3600"];
    said(&server, &set);
    let shown = told(&server, &["oauth-client", "show", client_id]);
    assert_eq!((&shown["name"], &shown["accessTokenSeconds"]), (&json!("Nightly"), &json!(3600)));
    said(&server, &["oauth-client", "end-tokens", client_id]);
    let public = said(&server, &["oauth-client", "create", "App", "--scope", "studio", "--public"]);
    assert!(public.starts_with("client_id: ") && !public.contains("client_secret"), "{public}");
    said(&server, &["oauth-client", "delete", client_id]);
    assert_eq!(told(&server, &["consent", "list"]), json!([]));
    let keys = told(&server, &["signing-key", "list"]);
    assert_eq!(keys.as_array().unwrap().len(), 1);
    let next = said(&server, &["signing-key", "rotate"]);
    said(&server, &["signing-key", "delete", &next]);
    ended(&mut client(&server, &["oauth-client", "create", "x", "--scope", "nothing"]), 2);
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let mut command = forebay();
    command.env("FOREBAY_URL", "http://127.0.0.1:1").env("FOREBAY_TOKEN", "x").args(["pool", "list"]);
    let said = complained(&mut command, 1);
    assert!(said.contains("http://127.0.0.1:1"), "{said}");
}

#[test]
fn the_demo_runs_full_and_delta_and_ends_when_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = forebay();
    // Where it keeps its data, so that what is left shows.
    command.env("TMPDIR", dir.path()).args(["demo", "--exit"]);
    let output = ended(&mut command, 0);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in
        ["FULL SUCCESS in", "DELTA SUCCESS in", "curl -X POST", "import requests", "execute?mode=DELTA"]
    {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    // Two tables of receipts, with every table of the sample.
    for table in ["customers", "products", "orders", "order_items", "deliveries", "invoices"] {
        let rows =
            text.lines().filter(|line| line.contains(&format!(": {table} ")) && line.contains("SUCCESS"));
        assert!(rows.count() >= 2, "{table} in\n{text}");
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
