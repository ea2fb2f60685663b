//! Requests that are made from the OpenAPI document, right and wrong ones, by Schemathesis: whatever is sent, the
//! server answers with what the document says. `scripts/schemathesis` installs the program.
//!
//! A run of the tests sends what covers every bound of every field once, some 11,000 requests. With
//! `FOREBAY_TEST_EXAMPLES=100` so many more are made up for each operation, also with ids that do not exist, and
//! what was made is asked for and deleted again.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use reqwest::Method;
use tokio::process::Command;

use crate::permissions::{Operation, operations};
use crate::server::Server;
use crate::world::World;

/// How the checks are set. What the document calls 501 is none of the server's errors, and a rule that the document
/// cannot say may refuse what it allows. What it does not allow is refused: where the contract wants something to be
/// tolerated, the document says so.
const CHECKS: &str = r#"
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 501]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 409, 413, 415, 422, 429, 501, 507]
"#;

/// The program, where `scripts/schemathesis` puts it.
fn program() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder in `target`");
    target.join("schemathesis/bin/st")
}

/// A configuration in which operations meet what is there: the ids of `world`.
async fn with_ids(world: &World, operations: &[Operation]) -> String {
    let mut text = CHECKS.to_owned();
    for operation in operations {
        // What is deleted would be missing for all that follow.
        let has_ids = operation.path.contains('{');
        if operation.method == Method::DELETE || !has_ids {
            continue;
        }
        let path = world.path(&operation.path, &world.pool.client).await;
        let path = path.split('?').next().unwrap_or_default();
        let ids = operation.path.split('/').zip(path.split('/'));
        let ids = ids.filter_map(|(name, id)| Some((name.strip_prefix('{')?.strip_suffix('}')?, id)));
        let ids: Vec<String> = ids.map(|(name, id)| format!("\"path.{name}\" = \"{id}\"")).collect();
        let name = format!("{} {}", operation.method, operation.path);
        write!(text, "\n[[operations]]\ninclude-name = \"{name}\"\nparameters = {{ {} }}\n", ids.join(", "))
            .expect("a text takes everything");
    }
    text
}

async fn run(server: &Server, configuration: &str, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schemathesis.toml");
    std::fs::write(&file, configuration).unwrap();
    let mut command = Command::new(program());
    command.arg("--config-file").arg(&file).arg("run").arg(format!("{}/openapi.json", server.url()));
    // All checks are on unless the configuration says otherwise.
    command.args(["--workers", "1", "--request-timeout", "60", "--continue-on-failure"]);
    command.args(["--seed", "1", "--generation-database", "none"]);
    command.arg("--header").arg(format!("Authorization: Bearer {}", server.admin_key()));
    command.args(more).env("NO_COLOR", "1").stdin(Stdio::null()).kill_on_drop(true);
    let output = command.current_dir(folder.path()).output().await;
    let output = output.expect("Schemathesis: run scripts/schemathesis, which installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn whatever_is_sent_the_answer_is_one_of_the_document() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let operations = operations(&server).await;
    let with_ids = with_ids(&world, &operations).await;
    let keep = ["--exclude-method", "DELETE"];
    match std::env::var("FOREBAY_TEST_EXAMPLES") {
        Err(_) => run(&server, &with_ids, &[&keep[..], &["--phases", "examples,coverage"]].concat()).await,
        Ok(many) => {
            run(&server, &with_ids, &[&keep[..], &["--max-examples", &many]].concat()).await;
            run(&server, CHECKS, &["--max-examples", &many]).await;
        }
    }
    let log = server.log_text();
    let broken: Vec<&str> = log.lines().filter(|line| line.contains("panicked")).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
