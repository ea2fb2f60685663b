//! Connections as a command line reads and writes them that knows no types: one property at a time, as text, in the
//! whole object.

use serde_json::{Value, json};

use crate::client::Client;
use crate::pool::Pool;
use crate::server::Server;

const SECRET: &str = "hunter2-of-the-test";

/// A pool with a connection to a database that nobody serves.
async fn connected(server: &Server) -> (Pool, String) {
    let pool = Pool::create(&server.admin()).await;
    let configuration = json!({
        "host": "127.0.0.1", "port": 1, "database": "erp", "user": "reader", "password": SECRET,
        "sslMode": "disable",
    });
    let connection = pool.connection("ERP", "POSTGRESQL", &configuration).await;
    (pool, connection)
}

/// Sets one property to a text, as `set connection` does; the status of the answer.
async fn set(client: &Client, path: &str, property: &str, value: &str) -> u16 {
    let mut object = client.get(path).await.ok();
    let pointer = format!("/{}", property.replace('.', "/"));
    *object.pointer_mut(&pointer).unwrap_or_else(|| panic!("no {property}")) = json!(value);
    client.put(path, &object).await.status
}

#[tokio::test]
async fn every_property_can_be_written_as_text_in_the_whole_object() {
    let server = Server::start();
    let admin = server.admin();
    let (pool, connection) = connected(&server).await;
    let source = admin.get(&pool.path(&format!("/data-sources/{connection}"))).await.ok();
    let path = format!("/integration/api/datasource/{}/{connection}", source["type"].as_str().unwrap());
    let before = admin.get(&path).await;
    assert!(!before.text().contains(SECRET), "{before}");
    let before = before.ok();
    assert_eq!(before["configuration"]["port"], 1);
    assert!(before["configuration"]["password"].is_string(), "{before}");
    // As it was read it changes nothing, and the answer is the whole object.
    assert_eq!(admin.put(&path, &before).await.ok(), before);

    for (property, value, expected) in [
        ("name", "CRM", json!("CRM")),
        ("configuration.database", "crm", json!("crm")),
        ("configuration.sslMode", "require", json!("require")),
        ("anonymizationAlgorithm", "SHA_512", json!("SHA_512")),
    ] {
        assert_eq!(set(&admin, &path, property, value).await, 200, "{property}");
        let after = admin.get(&path).await.ok();
        assert_eq!(after.pointer(&format!("/{}", property.replace('.', "/"))), Some(&expected), "{after}");
        assert_eq!(after["configured"], true, "{property} leaves the password");
    }
    for (property, value, field) in [
        ("configuration.port", "port", "configuration.port"),
        ("configuration.port", "70000", "configuration.port"),
        ("configuration.sslMode", "maybe", "configuration.sslMode"),
        ("type", "MYSQL", "type"),
        ("id", "00000000-0000-4000-8000-000000000000", "id"),
        ("configured", "false", "configured"),
        ("name", "", "name"),
    ] {
        let before = admin.get(&path).await.ok();
        let mut object = before.clone();
        *object.pointer_mut(&format!("/{}", property.replace('.', "/"))).unwrap() = json!(value);
        let refused = admin.put(&path, &object).await.refused(400);
        assert_eq!(refused["errors"][0]["attribute"], field, "{refused}");
        assert_eq!(admin.get(&path).await.ok(), before);
    }
    let object = json!({"configuration": {"host": {"deep": 1}}});
    let refused = admin.put(&path, &object).await.refused(400);
    assert_eq!(refused["errors"][0]["attribute"], "configuration.host", "{refused}");
    // Another type names nothing.
    admin.get(&path.replace("POSTGRESQL", "MYSQL")).await.refused(404);
    admin.put(&path.replace("POSTGRESQL", "MYSQL"), &before).await.refused(404);
    admin.get(&path.replace("POSTGRESQL", "none")).await.refused(404);
}

#[tokio::test]
async fn a_password_is_never_sent_to_another_host_by_a_change_that_does_not_have_it() {
    let server = Server::start();
    let admin = server.admin();
    let (pool, connection) = connected(&server).await;
    let path = format!("/integration/api/datasource/POSTGRESQL/{connection}");
    let test = pool.own(&format!("/connections/{connection}/test"));
    // The other port comes as a text. The password stays behind, and nothing is sent anywhere.
    assert_eq!(set(&admin, &path, "configuration.port", "2").await, 200);
    let moved = admin.get(&path).await.ok();
    assert_eq!((&moved["configuration"]["port"], &moved["configured"]), (&json!(2), &json!(false)));
    assert_eq!(moved["configuration"]["password"], Value::Null);
    let told = admin.post(&test, &Value::Null).await.ok();
    assert_eq!((&told["successful"], &told["step"]), (&json!(false), &json!("Login")), "{told}");
    assert!(told["message"].as_str().unwrap().contains("set its password again"), "{told}");
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "orders"}])).await;
    let refused = admin.post(&job.execute_path("FULL"), &Value::Null).await.refused(400);
    assert!(refused["detail"].as_str().unwrap().contains("`ERP` has no password"), "{refused}");
    let search = pool.path(&format!("/data-sources/{connection}/search-tables"));
    let found = admin.get(&search).await.ok();
    assert_eq!((&found["lookupSuccessful"], &found["availableTables"]), (&json!(false), &json!([])));

    // The mask is no password, and once there is one the connection is used again.
    assert_eq!(set(&admin, &path, "configuration.password", "********").await, 200);
    assert_eq!(admin.get(&path).await.ok()["configured"], false);
    assert_eq!(set(&admin, &path, "configuration.password", "another").await, 200);
    let set_again = admin.get(&path).await.ok();
    assert_eq!((&set_again["configured"], &set_again["configuration"]["port"]), (&json!(true), &json!(2)));
    let told = admin.post(&test, &Value::Null).await.ok();
    assert_eq!(told["step"], "Connect", "{told}");
    // Both at once are one change.
    let both = json!({"configuration": {"user": "writer", "password": "third"}});
    assert_eq!(admin.put(&path, &both).await.ok()["configured"], true);
}

#[tokio::test]
async fn a_source_is_asked_once_in_some_seconds_and_anew_when_the_connection_is_another_one() {
    let server = Server::start();
    let admin = server.admin();
    let pool = Pool::create(&admin).await;
    for name in ["a.db", "b.db"] {
        crate::world::sqlite(&server.files().join(name)).await;
    }
    let file = |name: &str| json!({"path": server.files().join(name)});
    let connection = pool.connection("C", "SQLITE", &file("a.db")).await;
    let search = async |client: &Client, rest: &str| {
        let path = pool.path(&format!("/data-sources/{connection}/search-tables{rest}"));
        let found = client.get(&path).await.ok();
        let names = found["availableTables"].as_array().unwrap().iter().map(|table| table["name"].clone());
        (found["lookupSuccessful"].clone(), names.collect::<Vec<_>>(), found["message"].clone())
    };
    let (successful, tables, _) = search(&admin, "?extractionId=None&searchString=O%25e").await;
    assert_eq!((successful, tables), (json!(true), vec![json!("one")]));
    // The file is gone, and what was found stays for a while.
    let kept = std::fs::read(server.files().join("a.db")).unwrap();
    std::fs::write(server.files().join("a.db"), "no database").unwrap();
    assert_eq!(search(&admin, "?searchString=two").await.1, [json!("two")]);
    // Another file is another source at once.
    let own = pool.own(&format!("/connections/{connection}"));
    std::fs::remove_file(server.files().join("b.db")).unwrap();
    std::fs::write(server.files().join("b.db"), "no database").unwrap();
    admin.put(&own, &json!({"configuration": file("b.db")})).await.ok();
    let (successful, tables, message) = search(&admin, "").await;
    assert_eq!((successful, tables), (json!(false), Vec::new()));
    assert!(message.as_str().is_some_and(|message| !message.is_empty()), "{message}");
    // Who may not edit the connection is not told what is where.
    let viewer = server.member(&pool.id, &["VIEW"]).await;
    let (_, _, told) = search(&viewer, "").await;
    assert!(told.as_str().unwrap().contains("whoever may edit"), "{told}");
    std::fs::write(server.files().join("b.db"), kept).unwrap();
    assert_eq!(search(&viewer, "").await.1, [json!("one"), json!("two")]);
}
