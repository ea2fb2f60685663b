//! What is made and listed: extractions, statements, columns, variables, connections.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::Server;
use crate::world::World;

#[tokio::test]
async fn q04_a_template_id_is_taken_where_the_extraction_id_belongs() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let tasks = admin.get(&world.job.path("/tasks/")).await.ok();
    let task =
        tasks.as_array().unwrap().iter().find(|task| task["id"] == json!(world.extraction)).unwrap().clone();
    let template = task["taskId"].as_str().unwrap();
    assert_ne!(template, world.extraction);
    let table = |task: &str| world.job.path(&format!("/extractions/{task}/tables/{}", world.table));
    let by_task = admin.get(&table(&world.extraction)).await.ok();
    assert_eq!(admin.get(&table(template)).await.ok(), by_task);
    assert_eq!(by_task["taskId"], template);
    admin.get(&world.job.path(&format!("/extractions/{template}/expanded"))).await.ok();
    admin.get(&table(&world.transformation)).await.refused(404);
    let tables = world.job.path(&format!("/extractions/{template}/tables/"));
    let put = admin.put(&tables, &json!([by_task])).await.ok();
    assert_eq!(put, json!([by_task]));
    let made = admin.post(&tables, &json!([{"tableName": "two"}])).await.ok();
    admin.delete(&format!("{tables}{}", made[0]["id"].as_str().unwrap())).await.ok();
}

#[tokio::test]
async fn q05_a_statement_is_raw_text_without_a_content_type() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let path = world.job.path(&format!("/transformations/{}/statement", world.transformation));
    for sql in ["SELECT 'ü' AS \"a\";\n-- {\"not\": json}\n", "", "\"SELECT 1\"", "null"] {
        let put = admin.raw(Method::PUT, &path, None, sql.as_bytes().to_vec()).await;
        let task = put.ok();
        assert_eq!(
            (&task["id"], &task["taskType"]),
            (&json!(world.transformation), &json!("TRANSFORMATION"))
        );
        assert_eq!(task["statement"], sql);
        let statement = admin.get(&path).await.ok();
        assert_eq!(statement, json!({"statement": sql, "legalNote": null}));
    }
    // Before it was ever set, it is null.
    let body = json!({"taskType": "TRANSFORMATION", "name": "T", "description": null, "taskId": null,
        "jobId": world.job.id, "executionOrder": null});
    let task = admin.post(&world.job.path("/tasks/"), &body).await.ok();
    let path = world.job.path(&format!("/transformations/{}/statement", task["id"].as_str().unwrap()));
    assert_eq!(admin.get(&path).await.ok()["statement"], Value::Null);
}

#[tokio::test]
async fn q08_the_schema_name_of_columns_is_the_connection_id() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let admin = server.admin();
    let tables = admin.get(&world.pool.path("/tables")).await.ok();
    let table =
        |name: &str| tables.as_array().unwrap().iter().find(|table| table["name"] == name).unwrap().clone();
    let (global, own) = (table("made"), table("one"));
    assert_eq!(global["dataSourceId"], Value::Null, "{global}");
    assert_eq!(global["schemaName"], json!(world.pool.id));
    let connection = own["dataSourceId"].as_str().unwrap();
    assert_eq!(own["schemaName"], json!(format!("{}_{connection}", world.pool.id)));

    let columns = |query: String| {
        let (admin, path) = (admin.clone(), world.pool.path(&format!("/columns?{query}")));
        async move { admin.get(&path).await }
    };
    let by_id = columns(format!("tableName=one&schemaName={connection}")).await.ok();
    let names: Vec<&Value> = by_id.as_array().unwrap().iter().map(|column| &column["name"]).collect();
    assert_eq!(names, ["id", "name", "_CELONIS_CHANGE_DATE"]);
    for column in by_id.as_array().unwrap() {
        assert!(
            ["STRING", "DATE", "FLOAT", "INTEGER"].contains(&column["type"].as_str().unwrap()),
            "{column}"
        );
    }
    let by_name = columns(format!("tableName=one&schemaName={}_{connection}", world.pool.id)).await.ok();
    assert_eq!(by_name, by_id);
    assert_eq!(columns("tableName=made".to_owned()).await.ok().as_array().unwrap().len(), 1);
    columns("tableName=one".to_owned()).await.refused(404);
}

#[tokio::test]
async fn q12_a_task_variable_names_its_task_in_its_first_value() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let tasks = admin.get(&world.job.path("/tasks/")).await.ok();
    let task =
        tasks.as_array().unwrap().iter().find(|task| task["id"] == json!(world.transformation)).unwrap();
    let path = world.pool.path(&format!("/tasks/{}/variables/", world.transformation));
    let body = json!({
        "id": null, "poolId": world.pool.id, "taskId": task["taskId"], "name": "n", "placeholder": "ph",
        "description": null, "type": "PUBLIC_CONSTANT", "dynamicVariableOpType": null, "dataType": "STRING",
        "dynamicTable": null, "dynamicColumn": null, "dynamicDataSourceId": null, "parameterType": null,
        "defaultValues": null, "defaultSettings": null, "values": [{"value": null, "taskInstanceId": null}],
        "settings": {"poolVariableId": null},
    });
    let made = admin.post(&path, &body).await.ok();
    assert_eq!(made["values"], json!([{"value": null, "taskInstanceId": world.transformation}]), "{made}");
    assert_eq!(made["taskId"], task["taskId"]);
    // The client builds the path of an update from it, and sends the whole object.
    let mut changed = made.clone();
    changed["values"][0]["value"] = json!("42");
    let one = format!("{path}{}", made["id"].as_str().unwrap());
    let answer = admin.put(&one, &changed).await.ok();
    assert_eq!(answer, changed);
    let listed = admin.get(&path).await.ok();
    assert!(listed.as_array().unwrap().contains(&changed), "{listed}");
    assert!(listed.as_array().unwrap().iter().all(|entry| entry["values"][0]["taskInstanceId"].is_string()));
    admin.delete(&one).await.ok();
}

#[tokio::test]
async fn q19_a_connection_has_its_pool_and_its_metadata_are_no_object() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let sources = admin.get(&world.pool.path("/data-sources/?excludeUnconfigured=False")).await.ok();
    for source in sources.as_array().unwrap() {
        assert_eq!(source["poolId"], json!(world.pool.id));
        assert!(source["id"].is_string() && source["type"].is_string(), "{source}");
        assert!(source["metadata"].is_null() || source["metadata"].is_string(), "{source}");
        assert!(source["configuration"].is_array(), "{source}");
    }
    assert_eq!(sources.as_array().unwrap().len(), 2);
    let overviews = admin.get(&world.pool.path("/overviews/data-sources")).await.ok();
    assert_eq!(overviews, sources);
}

#[tokio::test]
async fn q20_a_search_without_hits_has_an_empty_list() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let search = |connection: &str, text: &str| {
        let query = if text.is_empty() { String::new() } else { format!("?searchString={text}") };
        let path = world.pool.path(&format!("/data-sources/{connection}/search-tables{query}"));
        let admin = admin.clone();
        async move { admin.get(&path).await.ok() }
    };
    let found = search(&world.connection, "").await;
    let names: Vec<&Value> =
        found["availableTables"].as_array().unwrap().iter().map(|table| &table["name"]).collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(found["availableTables"][0]["dataSourceId"], json!(world.connection));
    let found = search(&world.connection, "O%25").await;
    assert_eq!(found["availableTables"].as_array().unwrap().len(), 1, "{found}");
    let none = search(&world.connection, "nothing").await;
    assert_eq!((&none["availableTables"], &none["lookupSuccessful"]), (&json!([]), &json!(true)));
    // A source that does not answer is no failed request either.
    let nobody = json!({"host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "sslMode": "disable"});
    let down = world.pool.connection("Down", "POSTGRESQL", &nobody).await;
    let none = search(&down, "").await;
    assert_eq!((&none["availableTables"], &none["lookupSuccessful"]), (&json!([]), &json!(false)));
    assert!(none["message"].as_str().unwrap().contains("127.0.0.1:1"), "{none}");
}
