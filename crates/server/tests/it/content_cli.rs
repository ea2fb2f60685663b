//! The command line of the existing product against a server: its own program, pinned, with every command that it has
//! for pools and connections, and with each kind of credentials that needs no browser. `scripts/content-cli` installs
//! it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;
use crate::pool::Pool;
use crate::server::Server;

/// The most that one command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command line with a home of its own.
struct Cli {
    home: TempDir,
    url: String,
    /// Without it, what was set up as a profile is used.
    token: Option<String>,
}

/// What a command did.
struct Said {
    succeeded: bool,
    text: String,
}

impl Said {
    #[track_caller]
    fn ok(self) -> String {
        assert!(self.succeeded, "{}", self.text);
        self.text
    }

    #[track_caller]
    fn failed(self) -> String {
        assert!(!self.succeeded, "{}", self.text);
        self.text
    }
}

impl Cli {
    fn new(server: &Server) -> Self {
        let home = tempfile::Builder::new().prefix("forebay-test-").tempdir().unwrap();
        Self { home, url: server.url(), token: None }
    }

    fn with_token(server: &Server, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::new(server) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/content-cli");
        let node = installed.join("node");
        assert!(node.exists(), "the command line is not here; run scripts/content-cli once");
        let mut command = Command::new(node.canonicalize().unwrap());
        command.arg(installed.join("node_modules/@celonis/content-cli/content-cli.js")).args(arguments);
        command.current_dir(self.home.path()).env_clear().env("HOME", self.home.path()).env("NO_COLOR", "1");
        if let Some(token) = &self.token {
            command.env("CELONIS_URL", &self.url).env("CELONIS_API_TOKEN", token);
        }
        command
    }

    /// Runs a command and answers each question that it asks, in order.
    fn run(&self, arguments: &[&str], answers: &[(&str, &str)]) -> Said {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let text = Arc::new(Mutex::new(Vec::new()));
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        let readers = outputs.map(|mut output| {
            let text = Arc::clone(&text);
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = output.read(&mut bytes) {
                    text.lock().unwrap().extend_from_slice(&bytes[..count]);
                }
            })
        });
        let so_far = || String::from_utf8_lossy(&text.lock().unwrap()).into_owned();
        let begun = Instant::now();
        let mut input = child.stdin.take();
        let mut answers = answers.iter();
        let mut next = answers.next();
        let status = loop {
            if let Some((question, answer)) = next
                && so_far().contains(question)
            {
                writeln!(input.as_mut().unwrap(), "{answer}").unwrap();
                next = answers.next();
            }
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{arguments:?} does not end: {}", so_far());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        drop(input);
        for reader in readers {
            reader.join().unwrap();
        }
        Said { succeeded: status.success(), text: so_far() }
    }

    fn say(&self, arguments: &[&str]) -> Said {
        self.run(arguments, &[])
    }

    /// Makes a profile, answering what is asked for.
    fn profile(&self, name: &str, kind: &str, answers: &[(&str, &str)]) -> Said {
        let first = [("Name of the profile", name), ("Your team", self.url.as_str()), ("Profile type", kind)];
        self.run(&["profile", "create"], &[&first, answers].concat())
    }

    fn read(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.home.path().join(name)).unwrap()).unwrap()
    }

    fn write(&self, name: &str, content: &Value) {
        std::fs::write(self.home.path().join(name), content.to_string()).unwrap();
    }

    /// The files in the folder where the commands run, whose names are like this.
    fn files(&self, like: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.home.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file() && like(path.file_name().unwrap().to_str().unwrap())).collect()
    }
}

/// A pool with a connection, a job and a model.
async fn pool(client: &Client, server: &Server) -> (Pool, String) {
    let path = server.files().join("world.db");
    crate::world::sqlite(&path).await;
    let pool = Pool::create(client).await;
    let configuration = json!({
        "host": "127.0.0.1", "port": 1, "database": "erp", "user": "reader", "password": "hunter2",
        "sslMode": "disable",
    });
    let connection = pool.connection("ERP", "POSTGRESQL", &configuration).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "orders"}])).await;
    job.transformation("SELECT 'ü' AS \"a\"").await;
    pool.model(&json!({"name": "Orders", "tables": [{"name": "orders", "connectionId": connection}]})).await;
    (pool, connection)
}

async fn names(client: &Client) -> Vec<String> {
    let pools = client.get("/integration/api/pools").await.ok();
    let mut names: Vec<String> =
        pools.as_array().unwrap().iter().map(|pool| pool["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn content_cli_lists_pulls_pushes_updates_and_imports_pools() {
    let server = Server::start();
    let admin = server.admin();
    let (pool, connection) = pool(&admin, &server).await;
    let name = admin.get(&pool.path("")).await.ok()["name"].as_str().unwrap().to_owned();
    let cli = Cli::with_token(&server, server.admin_key());

    let listed = cli.say(&["list", "data-pools"]).ok();
    assert!(listed.contains(&format!("Pool Id: {} - Pool Name: {name}", pool.id)), "{listed}");
    cli.say(&["list", "data-pools", "--json"]).ok();
    let written = cli.files(|name| name.len() == "00000000-0000-0000-0000-000000000000.json".len());
    let pools: Value = serde_json::from_slice(&std::fs::read(&written[0]).unwrap()).unwrap();
    assert_eq!((written.len(), &pools[0]["id"]), (1, &json!(pool.id)), "{pools}");
    assert_eq!(pools[0]["dataSources"][0]["name"], "ERP");

    // Pulled, changed and put back; and pushed as a new one.
    cli.say(&["pull", "data-pool", "--id", &pool.id]).ok();
    let file = format!("data-pool_{}.json", pool.id);
    let mut pulled = cli.read(&file);
    assert_eq!(pulled["dataPool"]["id"], json!(pool.id));
    pulled["dataPool"]["name"] = json!("Renamed");
    cli.write(&file, &pulled);
    let updated = cli.say(&["update", "data-pool", "--id", &pool.id, "-f", &file]).ok();
    assert!(updated.contains("Data Pool was updated successfully"), "{updated}");
    assert_eq!(names(&admin).await, ["Renamed"]);
    let pushed = cli.say(&["push", "data-pool", "-f", &file]).ok();
    assert_eq!(names(&admin).await, ["Renamed", "Renamed"]);
    let made = pushed.split("New ID: ").nth(1).unwrap_or_else(|| panic!("{pushed}"))[..36].to_owned();
    let copy = admin.get(&format!("/integration/api/pools/{made}/export")).await.ok();
    assert_eq!(copy["dataJobs"][0]["tasks"].as_array().unwrap().len(), 2, "{copy}");
    assert_eq!(copy["dataSources"][0]["configuration"], pulled["dataSources"][0]["configuration"]);
    // All of the folder at once, each in a request of its own at the same time.
    cli.write("data-pool_second.json", &pulled);
    cli.say(&["push", "data-pools"]).ok();
    assert_eq!(names(&admin).await.len(), 4);

    let shown = cli.say(&["export", "data-pool", "--id", &pool.id]).ok();
    assert!(shown.contains("Exported Data Pool") && shown.contains("forebay-data-pool"), "{shown}");
    cli.say(&["export", "data-pool", "--id", &pool.id, "--outputToJsonFile"]).ok();
    let written = cli.files(|name| name.contains("_data_pool_"));
    let exported: Value = serde_json::from_slice(&std::fs::read(&written[0]).unwrap()).unwrap();
    let target = Pool::create(&admin).await;
    let other = target.connection("Other", "SQLITE", &json!({"path": server.files().join("world.db")})).await;
    let request = json!({
        "targetTeamDomain": "forebay",
        "dataPoolImportRequests": [{
            "targetPoolId": target.id, "dataSourceMappings": {&connection: other}, "dataPool": exported,
        }],
    });
    cli.write("request.json", &request);
    let report = cli.say(&["import", "data-pools", "-f", "request.json"]).ok();
    assert!(report.contains("dataModelIdMappings"), "{report}");
    cli.say(&["import", "data-pools", "-f", "request.json", "--outputToJsonFile"]).ok();
    let written = cli.files(|name| name.starts_with("batch_import_report_"));
    let report: Value = serde_json::from_slice(&std::fs::read(&written[0]).unwrap()).unwrap();
    let old = exported["dataModels"][0]["id"].as_str().unwrap();
    let model = report["dataModelIdMappings"][old].as_str().unwrap();
    admin.get(&target.path(&format!("/data-models/{model}"))).await.ok();
    let jobs = admin.get(&target.path("/jobs")).await.ok();
    assert_eq!((jobs.as_array().unwrap().len(), &jobs[0]["dataSourceId"]), (1, &json!(other)), "{jobs}");
}

#[tokio::test]
async fn content_cli_reads_and_sets_properties_of_connections() {
    let server = Server::start();
    let admin = server.admin();
    let (pool, connection) = pool(&admin, &server).await;
    let cli = Cli::with_token(&server, server.admin_key());
    let listed = cli.say(&["list", "connection", "--dataPoolId", &pool.id]).ok();
    let line = format!("Connection ID: {connection} - Name: ERP - Type: POSTGRESQL");
    assert!(listed.contains(&line), "{listed}");
    let which = ["--dataPoolId", pool.id.as_str(), "--connectionId", connection.as_str()];
    let shown = cli.say(&[&["get", "connection"], &which[..]].concat()).ok();
    for line in [
        "configuration.host : string := 127.0.0.1",
        "configuration.port : number := 1",
        "name : string := ERP",
    ] {
        assert!(shown.contains(line), "no {line} in {shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
    let set = |property: &str, value: &str| {
        let said = ["--property", property, "--value", value];
        cli.say(&[&["set", "connection"], &which[..], &said].concat())
    };
    let said = set("configuration.database", "crm").ok();
    assert!(said.contains("Property configuration.database updated"), "{said}");
    let path = pool.own(&format!("/connections/{connection}"));
    let now = admin.get(&path).await.ok();
    assert_eq!((&now["configuration"]["database"], &now["credentials"]), (&json!("crm"), &json!("GIVEN")));
    set("configuration.port", "5433").ok();
    let now = admin.get(&path).await.ok();
    assert_eq!((&now["configuration"]["port"], &now["credentials"]), (&json!(5433), &json!("MISSING")));
    set("configuration.password", "hunter3").ok();
    assert_eq!(admin.get(&path).await.ok()["credentials"], "GIVEN");
    // What the object does not have is refused by the command line itself.
    let said = set("configuration.color", "blue");
    assert!(said.text.contains("Property configuration.color not found on connection"), "{}", said.text);
    let said = set("configuration.port", "many").failed();
    assert!(said.contains("configuration.port"), "{said}");
}

#[tokio::test]
async fn content_cli_shows_what_was_refused_and_ends_with_an_error() {
    let server = Server::start();
    let admin = server.admin();
    let (pool, _) = pool(&admin, &server).await;
    let cli = Cli::with_token(&server, server.admin_key());
    let said = cli.say(&["export", "data-pool", "--id", "None"]).failed();
    assert!(said.contains("data pool `None` was not found"), "{said}");
    cli.write("data-pool_other.json", &json!({"dataPool": {"name": "Of another server"}, "other": []}));
    let said = cli.say(&["push", "data-pool", "-f", "data-pool_other.json"]).failed();
    assert!(said.contains("only exports of a Forebay server can be taken in"), "{said}");
    assert_eq!(names(&admin).await.len(), 1);
    let said = Cli::with_token(&server, "bm9uZQ==").say(&["list", "data-pools"]).failed();
    assert!(said.contains("Unauthorized"), "{said}");
    let viewer = server.member(&pool.id, &["VIEW"]).await;
    let cli = Cli::with_token(&server, viewer.key());
    cli.say(&["pull", "data-pool", "--id", &pool.id]).ok();
    let file = format!("data-pool_{}.json", pool.id);
    let said = cli.say(&["update", "data-pool", "--id", &pool.id, "-f", &file]).failed();
    assert!(said.contains("the permission EDIT"), "{said}");
}

#[tokio::test]
async fn content_cli_finds_out_what_kind_of_key_it_has() {
    let server = Server::start();
    let admin = server.admin();
    let (pool, _) = pool(&admin, &server).await;
    let application = json!({"name": "Nightly"});
    let application = admin.post("/forebay/api/v1/applications", &application).await.ok();
    let subject = json!({"type": "APPLICATION", "id": application["id"]});
    admin.put(&pool.own("/grants"), &json!({"subject": subject, "permissions": ["VIEW"]})).await.ok();
    let key = admin.post("/forebay/api/v1/keys", &json!({"name": "k", "owner": subject})).await.ok();
    let cli = Cli::new(&server);
    for (profile, key, kind) in
        [("user", server.admin_key(), "Bearer"), ("program", key["key"].as_str().unwrap(), "AppKey")]
    {
        let said = cli.profile(profile, "3", &[("Your api token", key)]).ok();
        assert!(said.contains("Profile created successfully"), "{said}");
        let kept = cli.read(&format!(".celonis-content-cli-profiles/{profile}.json"));
        assert_eq!(kept["authenticationType"], kind, "{profile}");
        let listed = cli.say(&["list", "data-pools", "-p", profile]).ok();
        assert!(listed.contains(&pool.id), "{listed}");
    }
    let said = cli.profile("none", "3", &[("Your api token", "bm9uZQ==")]);
    assert!(said.text.contains("The provided team or api key is wrong"), "{}", said.text);
}

#[tokio::test]
async fn content_cli_gets_tokens_with_a_client_of_oauth() {
    let server = Server::start();
    let admin = server.admin();
    let (pool, _) = pool(&admin, &server).await;
    let clients = "/forebay/api/v1/oauth/clients";
    let body = json!({"name": "CI", "scopes": ["integration.data-pools"]});
    let made = admin.post(clients, &body).await;
    assert_eq!(made.status, 201, "{made}");
    let made = made.json();
    let subject = json!({"type": "APPLICATION", "id": made["id"]});
    admin.put(&pool.own("/grants"), &json!({"subject": subject, "permissions": ["VIEW"]})).await.ok();
    let cli = Cli::new(&server);
    let answers = [
        ("Your client id", made["id"].as_str().unwrap()),
        ("Your client secret", made["clientSecret"].as_str().unwrap()),
    ];
    // It asks for all scopes, then for fewer, until the client has those it asks for.
    let said = cli.profile("oauth", "2", &answers).ok();
    assert!(said.contains("Profile created successfully"), "{said}");
    let kept = cli.read(".celonis-content-cli-profiles/oauth.json");
    assert_eq!(kept["scopes"], json!(["integration.data-pools"]), "{kept}");
    let listed = cli.say(&["list", "data-pools", "-p", "oauth"]).ok();
    assert!(listed.contains(&pool.id), "{listed}");
    cli.say(&["pull", "data-pool", "--id", &pool.id, "-p", "oauth"]).ok();
    // Once its token has run out it gets another one by itself.
    let mut expired = kept.clone();
    expired["expiresAt"] = json!(1);
    cli.write(".celonis-content-cli-profiles/oauth.json", &expired);
    let listed = cli.say(&["list", "data-pools", "-p", "oauth"]).ok();
    assert!(listed.contains(&pool.id), "{listed}");

    let wrong = [answers[0], ("Your client secret", "wrong")];
    let said = cli.profile("wrong", "2", &wrong);
    assert!(said.text.contains("The OAuth client configuration is incorrect"), "{}", said.text);
}
