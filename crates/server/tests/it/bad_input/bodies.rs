//! Bodies that are no good JSON, bad names, and ids that name nothing.

use reqwest::Method;
use serde_json::{Value, json};

use super::Expected::{Field, Status};
use super::{Bad, NOBODY, worlds};
use crate::server::Server;

#[tokio::test]
async fn a_body_that_is_no_good_json_is_refused() {
    let server = Server::start();
    let (world, other) = worlds(&server).await;
    let admin = server.admin();
    let mut bad = Bad::new(&admin, &world, &other).await;
    let (pools, post) = ("/integration/api/pools", Method::POST);
    for body in [
        "",
        "{",
        "{\"name\": \"x\"",
        "[]",
        "[\"x\", null]",
        "\"x\"",
        "null",
        "{'name': 'x'}",
        "{\"name\": \"x\"} x",
        "\0",
    ] {
        let answer = admin.raw(post.clone(), pools, Some("application/json"), body.into()).await;
        bad.check(&answer, &json!(body), Status(400)).await;
    }
    let deep = format!("{{\"name\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    bad.raw(post.clone(), pools, deep.into_bytes(), Field("name")).await;
    let deep = format!(
        "{{\"deep\": {}1{}, \"name\": \"x\", \"tables\": 1}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    bad.raw(post.clone(), &world.pool.own("/data-models"), deep.into_bytes(), Status(400)).await;
    // Just over the limit: of more, a server that has stopped reading could not tell why.
    let mut huge = b"{\"name\": \"x\", \"description\": \"".to_vec();
    huge.resize(16 * 1024 * 1024 + 1, b'x');
    bad.raw(post.clone(), pools, huge, Status(413)).await;
    let statement = world.job.path(&format!("/transformations/{}/statement", world.transformation));
    bad.raw(Method::PUT, &statement, vec![b'S', 0xff, 0xfe], Field("body")).await;
    bad.raw(Method::PATCH, pools, Vec::new(), Status(405)).await;
    bad.told();
}

#[tokio::test]
async fn a_list_is_no_object_and_an_object_no_word() {
    let server = Server::start();
    let (world, other) = worlds(&server).await;
    let admin = server.admin();
    let mut bad = Bad::new(&admin, &world, &other).await;
    let variable = |settings: Value| json!({"name": "x", "placeholder": "x", "type": "PUBLIC_CONSTANT", "settings": settings});
    let me = admin.get("/api/cloud").await.ok()["id"].clone();
    for (path, field, body) in [
        (world.job.path("/execute"), "mode", json!({"mode": {"FULL": null}})),
        (world.pool.path("/variables/"), "settings", variable(json!([null]))),
        (world.pool.path("/variables/"), "type", json!({"name": "x", "type": {"PUBLIC_CONSTANT": null}})),
        (world.pool.own("/data-models"), "tables[0]", json!({"name": "x", "tables": [["one"]]})),
        ("/forebay/api/v1/keys".to_owned(), "owner", json!({"name": "x", "owner": ["USER", me]})),
    ] {
        bad.post(&path, body, Field(field)).await;
    }
    bad.put(&world.pool.path(""), json!(["P", null]), Field("body")).await;
    bad.told();
}

#[tokio::test]
async fn a_bad_name_is_refused_wherever_there_is_one() {
    let server = Server::start();
    let (world, other) = worlds(&server).await;
    let admin = server.admin();
    let mut bad = Bad::new(&admin, &world, &other).await;
    let long = "x".repeat(101);
    let names = [
        json!(""),
        json!(5),
        json!(["x"]),
        json!({}),
        json!(" x"),
        json!("a\u{0}b"),
        json!("a\nb"),
        json!(long),
    ];
    let task = json!({"taskType": "TRANSFORMATION"});
    let places = [
        ("/integration/api/pools".to_owned(), json!({})),
        (world.pool.path("/jobs"), json!({})),
        (world.job.path("/tasks/"), task),
        (world.pool.own("/data-models"), json!({"tables": []})),
        (world.pool.path("/variables/"), json!({"placeholder": "p", "type": "PUBLIC_CONSTANT"})),
        (
            world.pool.own("/connections"),
            json!({"type": "POSTGRESQL", "configuration": {"host": "h", "user": "u"}}),
        ),
        ("/forebay/api/v1/users".to_owned(), json!({})),
        ("/forebay/api/v1/applications".to_owned(), json!({})),
        ("/forebay/api/v1/groups".to_owned(), json!({})),
        ("/forebay/api/v1/keys".to_owned(), json!({})),
    ];
    for (path, rest) in &places {
        bad.post(path, rest.clone(), Field("name")).await;
        for name in &names {
            let mut body = rest.clone();
            body["name"] = name.clone();
            bad.post(path, body, Field("name")).await;
        }
    }
    for path in [world.pool.path(""), world.job.path("")] {
        bad.put(&path, json!({"name": ""}), Field("name")).await;
        bad.put(&path, json!({"name": [1]}), Field("name")).await;
    }
    bad.told();
}

#[tokio::test]
async fn an_id_that_names_nothing_is_not_found() {
    let server = Server::start();
    let (world, other) = worlds(&server).await;
    let admin = server.admin();
    let mut bad = Bad::new(&admin, &world, &other).await;
    for id in [
        "None",
        "null",
        "1",
        NOBODY,
        "..%2f..",
        "%00",
        "'%20OR%201=1%20--",
        "%F0%9F%A6%80",
        &"x".repeat(3000),
    ] {
        bad.get(&format!("/integration/api/pools/{id}"), Status(404)).await;
        bad.get(&world.pool.path(&format!("/jobs/{id}")), Status(404)).await;
        bad.get(&world.job.path(&format!("/extractions/{id}/expanded")), Status(404)).await;
        bad.get(&world.pool.path(&format!("/data-sources/{id}")), Status(404)).await;
        bad.get(&world.pool.path(&format!("/variables/{id}")), Status(404)).await;
        bad.get(&format!("/forebay/api/v1/executions/{id}"), Status(404)).await;
        bad.get(&format!("/forebay/api/v1/executions/{id}/events"), Status(404)).await;
        let path =
            format!("/integration/api/v2/data-pools/{}/data-jobs/{id}/execute?mode=FULL", world.pool.id);
        bad.post(&path, Value::Null, Status(404)).await;
    }
    // Ids of another pool, or of nobody, in a body.
    for (connection, model) in
        [(other.connection.as_str(), other.model.as_str()), ("None", "None"), (NOBODY, NOBODY)]
    {
        bad.post(&world.pool.path("/jobs"), json!({"name": "x", "dataSourceId": connection}), Status(404))
            .await;
        let body = json!({"dataModelId": model, "jobId": world.job.id});
        bad.post(&world.job.path("/loads"), body, Status(404)).await;
        let body = json!({"sql": "SELECT 1", "connectionId": connection});
        bad.post(&world.pool.own("/query"), body, Status(404)).await;
        let body = json!({"name": "x", "tables": [{"name": "one", "connectionId": connection}]});
        bad.post(&world.pool.own("/data-models"), body, Status(404)).await;
        let dynamic = json!({
            "name": "x", "placeholder": "x", "type": "DYNAMIC", "dynamicVariableOpType": "FIND_MAX",
            "dynamicTable": "one", "dynamicColumn": "id", "dynamicDataSourceId": connection,
        });
        bad.post(&world.pool.path("/variables/"), dynamic, Status(404)).await;
    }
    let linked = json!({
        "name": "x", "placeholder": "x", "type": "PUBLIC_CONSTANT", "settings": {"poolVariableId": other.pool_variable},
    });
    let path = world.pool.path(&format!("/tasks/{}/variables/", world.transformation));
    bad.post(&path, linked, Status(404)).await;
    let tables = world.job.path(&format!("/extractions/{}/tables/", world.extraction));
    bad.put(&tables, json!([{"id": other.table, "tableName": "two"}]), Status(404)).await;
    for kind in ["USER", "APPLICATION", "GROUP"] {
        let subject = json!({"type": kind, "id": NOBODY});
        let body = json!({"subject": subject, "permissions": ["VIEW"]});
        bad.put(&world.pool.own("/grants"), body.clone(), Status(404)).await;
        bad.put("/forebay/api/v1/grants", body, Status(404)).await;
    }
    bad.get("/integration/api/nothing", Status(404)).await;
    bad.get("/no/such/path", Status(404)).await;
    bad.told();
}
