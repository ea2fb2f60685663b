//! Settings of data connections, and paths out of the allowed folders.

use serde_json::{Value, json};

use super::Expected::Field;
use super::{Bad, worlds};
use crate::server::Server;

#[tokio::test]
async fn a_connection_with_bad_settings_is_refused() {
    let server = Server::start();
    let (world, other) = worlds(&server).await;
    let admin = server.admin();
    std::os::unix::fs::symlink("/etc", server.files().join("way-out")).unwrap();
    std::fs::write(server.files().join("inside.csv"), "a\n1\n").unwrap();
    let mut bad = Bad::new(&admin, &world, &other).await;
    let path = world.pool.own("/connections");
    let postgres = |settings: Value| json!({"name": "x", "type": "POSTGRESQL", "configuration": settings});
    bad.post(&path, json!({"name": "x"}), Field("type")).await;
    bad.post(&path, json!({"name": "x", "type": "ORACLE", "configuration": {}}), Field("type")).await;
    bad.post(&path, json!({"name": "x", "type": 1, "configuration": {}}), Field("type")).await;
    bad.post(&path, postgres(json!("host=h")), Field("configuration")).await;
    bad.post(&path, postgres(json!({"user": "u", "database": "d"})), Field("configuration.host")).await;
    bad.post(&path, postgres(json!({"host": "", "user": "u"})), Field("configuration.host")).await;
    bad.post(&path, postgres(json!({"host": "a\u{0}b", "user": "u"})), Field("configuration.host")).await;
    bad.post(&path, postgres(json!({"host": "h", "user": 5})), Field("configuration.user")).await;
    bad.post(&path, postgres(json!({"host": "h"})), Field("configuration.user")).await;
    bad.post(&path, postgres(json!({"host": "h", "user": "u", "port": 70000})), Field("configuration.port"))
        .await;
    bad.post(&path, postgres(json!({"host": "h", "user": "u", "port": "5432"})), Field("configuration.port"))
        .await;
    let loose = postgres(json!({"host": "h", "user": "u", "sslMode": "prefer"}));
    bad.post(&path, loose, Field("configuration.sslMode")).await;
    let weak = json!({"name": "x", "type": "SQLITE", "configuration": {"path": "x"}, "anonymizationAlgorithm": "MD5"});
    bad.post(&path, weak, Field("anonymizationAlgorithm")).await;

    // Files: outside the allowed folders, by whatever way, and not there at all, with one answer.
    let files = server.files();
    let inside = |rest: &str| files.join(rest).to_string_lossy().into_owned();
    for kind in ["SQLITE", "FILES"] {
        let file = |path: Value| json!({"name": "x", "type": kind, "configuration": {"path": path}});
        bad.post(&path, file(Value::Null), Field("configuration.path")).await;
        bad.post(&path, file(json!(7)), Field("configuration.path")).await;
        let mut answers = Vec::new();
        for outside in [
            "/etc/passwd",
            "/",
            "..",
            "",
            "a\u{0}b",
            "~/x",
            "file:///etc/passwd",
            &inside("way-out/passwd"),
            &inside("../server.log"),
            &inside("../data/metadata.db"),
            &inside("not-there.db"),
        ] {
            let body = file(json!(outside));
            let answer = admin.post(&path, &body).await;
            bad.check(&answer, &body, Field("configuration.path")).await;
            if !outside.is_empty() && !outside.contains('\0') {
                answers.push(answer.json()["detail"].clone());
            }
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "the answers tell what is there: {answers:?}");
    }

    // A stored password is not sent to another host.
    let body =
        postgres(json!({"host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "password": "secret"}));
    let made = admin.post(&path, &body).await;
    assert!(!made.text().contains("secret"), "{made}");
    let one = format!("{path}/{}", made.ok()["id"].as_str().unwrap());
    bad.before = bad.all().await;
    for change in [json!({"host": "example.invalid"}), json!({"port": 2}), json!({"user": "other"})] {
        bad.put(&one, json!({"configuration": change}), Field("configuration.password")).await;
    }
    let kept = admin.get(&one).await;
    assert!(!kept.text().contains("secret"), "{kept}");
    bad.told();
}
