//! Quirks of the existing clients, each by its number in the notes on the wire contract.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::{Model, new_model, new_table, text};
use crate::client::Answer;
use crate::pool::Pool;
use crate::server::Server;

#[tokio::test]
async fn q10_and_q11_answers_have_what_was_made_or_changed_whole() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let client = pool.client.clone();
    let mut body = new_model("DM");
    body["description"] = json!("about");
    let made = client.post(&pool.path("/data-models"), &body).await.ok();
    for field in body.as_object().unwrap().keys() {
        assert!(made.get(field).is_some(), "{field} of {made}");
    }
    assert_eq!((&made["poolId"], &made["description"]), (&json!(pool.id), &json!("about")));
    let model = Model { pool, id: text(&made["id"]) };
    // The object as it was got, with one field changed and one more that the client adds.
    let first = model.add_table("TAB1", Some("TT")).await;
    let second = model.add_table("TAB2", None).await;
    let path = model.tables_path(&format!("/{first}"));
    let mut table = client.get(&path).await.ok();
    assert_eq!(
        (&table["name"], &table["alias"], &table["aliasOrName"], &table["columns"]),
        (&json!("TAB1"), &json!("TT"), &json!("TT"), &json!([]))
    );
    table["alias"] = json!("T1");
    table["dataPoolId"] = json!(model.pool.id);
    let changed = client.put(&path, &table).await.ok();
    assert_eq!(
        (&changed["alias"], &changed["aliasOrName"], &changed["dataModelId"]),
        (&json!("T1"), &json!("T1"), &json!(model.id))
    );
    assert_eq!(client.get(&path).await.ok(), changed);
    // Null leaves it; an empty alias takes it away.
    assert_eq!(client.put(&path, &new_table("TAB1", None)).await.ok(), changed);
    assert_eq!(client.put(&path, &json!({"alias": ""})).await.ok()["aliasOrName"], "TAB1");

    let keys = model.path("/foreign-keys");
    let key = json!({
        "id": null, "dataModelId": null, "sourceTableId": first, "targetTableId": second,
        "columns": [{"id": null, "sourceColumnName": "A", "targetColumnName": "A"}],
    });
    let mut key = client.post(&keys, &key).await.ok();
    assert_eq!(key["dataModelId"], json!(model.id));
    let path = format!("{keys}/{}", text(&key["id"]));
    assert_eq!(client.get(&path).await.ok(), key);
    key["columns"][0]["targetColumnName"] = json!("B");
    key["dataPoolId"] = json!(model.pool.id);
    let changed = client.put(&path, &key).await.ok();
    assert_eq!(changed["columns"][0]["targetColumnName"], "B");
    assert_eq!(client.get(&keys).await.ok(), json!([changed]));
    let nulls = json!({"id": null, "dataModelId": null, "sourceTableId": null, "targetTableId": null, "columns": null});
    assert_eq!(client.put(&path, &nulls).await.ok(), changed);
    client.delete(&path).await.refused(204);
    client.get(&path).await.refused(404);

    // Two tables of one name, and a table that is none, change nothing.
    let twice = json!([new_table("TAB3", None), new_table("tab2", None)]);
    let refused = client.post(&model.tables_path(""), &twice).await.refused(400);
    assert!(refused["detail"].as_str().unwrap().contains("alias"), "{refused}");
    assert_eq!(client.get(&model.tables_path("")).await.ok().as_array().unwrap().len(), 2);
    let stranger = json!({"sourceTableId": first, "targetTableId": "00000000-0000-4000-8000-000000000000",
        "columns": [{"sourceColumnName": "A", "targetColumnName": "A"}]});
    client.post(&keys, &stranger).await.refused(404);
    client
        .post(&keys, &json!({"sourceTableId": first, "targetTableId": second, "columns": []}))
        .await
        .refused(400);
    assert_eq!(client.get(&keys).await.ok(), json!([]));
}

#[tokio::test]
async fn q21_a_process_configuration_is_made_and_changed_by_the_same_call() {
    let server = Server::start();
    let (model, cases, activities) = Model::with_tables(&server).await;
    let client = model.client().clone();
    let path = model.path("/process-configurations");
    let said = json!({"id": null, "activityTableId": activities, "caseTableId": null, "caseIdColumn": "case_id",
        "activityColumn": "activity", "timestampColumn": "at", "sortingColumn": null});
    let made = client.put(&path, &said).await.ok();
    assert_eq!(made["defaultConfiguration"], true, "{made}");
    // By the activity table, where no id is given: what is null stays.
    let said =
        json!({"id": null, "activityTableId": activities, "caseTableId": cases, "sortingColumn": "at"});
    let changed = client.put(&path, &said).await.ok();
    assert_eq!((&changed["id"], &changed["caseIdColumn"]), (&made["id"], &json!("case_id")));
    assert_eq!((&changed["caseTableId"], &changed["sortingColumn"]), (&json!(cases), &json!("at")));
    // By its id.
    let mut echoed = changed.clone();
    echoed["userColumn"] = json!("who");
    let changed = client.put(&path, &echoed).await.ok();
    assert_eq!((&changed["id"], &changed["userColumn"]), (&made["id"], &json!("who")));
    assert_eq!(client.get(&path).await.ok(), json!([changed]));
    let of_table = |table: &str| format!("{path}/activityTable/{table}");
    assert_eq!(client.get(&of_table(&activities)).await.ok(), changed);
    client.get(&of_table(&cases)).await.refused(404);
    // Another one that becomes the default.
    let second = json!({"activityTableId": cases, "defaultConfiguration": true});
    let second = client.put(&path, &second).await.ok();
    let defaults: Vec<Value> = client.get(&path).await.ok().as_array().unwrap().clone();
    let defaults: Vec<&Value> = defaults.iter().map(|process| &process["defaultConfiguration"]).collect();
    assert_eq!(defaults, [&json!(false), &json!(true)]);
    assert_eq!(client.get(&model.path("")).await.ok()["eventLogCount"], 2);
    for (said, status) in [
        (json!({"caseIdColumn": "x"}), 400),
        (json!({"activityTableId": "00000000-0000-4000-8000-000000000000"}), 404),
        (json!({"id": "00000000-0000-4000-8000-000000000000", "activityTableId": cases}), 404),
        (json!({"id": second["id"], "activityTableId": activities}), 400),
    ] {
        client.put(&path, &said).await.refused(status);
    }
    client.delete(&format!("{path}/{}", text(&second["id"]))).await.refused(204);
    // A table takes its configuration and its relations along.
    client.delete(&model.tables_path(&format!("/{activities}"))).await.refused(204);
    assert_eq!(client.get(&path).await.ok(), json!([]));
    assert_eq!(client.get(&model.path("/foreign-keys")).await.ok(), json!([]));
    client.get(&model.tables_path(&format!("/{activities}"))).await.refused(404);
}

#[tokio::test]
async fn q22_a_put_of_a_model_deletes_nothing_whatever_is_in_its_lists() {
    let server = Server::start();
    let (model, _, activities) = Model::with_tables(&server).await;
    let client = model.client().clone();
    client.put(&model.path("/process-configurations"), &json!({"activityTableId": activities})).await.ok();
    let before = client.get(&model.path("")).await.ok();
    let parts = |model: &Value| {
        (model["tables"].clone(), model["foreignKeys"].clone(), model["processConfigurations"].clone())
    };
    for lists in [json!(null), json!([])] {
        let mut body = before.clone();
        body["name"] = json!("Renamed");
        for list in ["tables", "foreignKeys", "processConfigurations"] {
            body[list] = lists.clone();
        }
        let changed = client.put(&model.path(""), &body).await.ok();
        assert_eq!(parts(&changed), parts(&before), "{changed}");
        assert_eq!((&changed["name"], &changed["poolId"]), (&json!("Renamed"), &json!(model.pool.id)));
    }
    // Calendars are kept whole, and null leaves them.
    let mut body = before.clone();
    body["dataModelCalendarType"] = json!("CUSTOM");
    body["factoryCalendar"] = json!({"tableName": "TFACS", "dataSourceId": null, "dataModelId": null});
    body["customCalendar"] = json!({"dataModelId": null, "entries": [
        {"id": null, "day": "MONDAY", "workingDay": true, "startTime": 480, "endTime": 1020},
        {"id": "own", "day": "SUNDAY", "workingDay": false, "startTime": null, "endTime": null},
    ]});
    let changed = client.put(&model.path(""), &body).await.ok();
    assert_eq!(changed["dataModelCalendarType"], "CUSTOM");
    let factory = json!({"tableName": "TFACS", "dataSourceId": null, "dataModelId": model.id});
    assert_eq!(changed["factoryCalendar"], factory);
    let entries = &changed["customCalendar"]["entries"];
    assert!(entries[0]["id"].is_string(), "{entries}");
    assert_eq!((&entries[0]["startTime"], &entries[1]["id"]), (&json!(480), &json!("own")));
    let again = client.put(&model.path(""), &new_model("Again")).await.ok();
    assert_eq!(again["customCalendar"], changed["customCalendar"]);
    assert_eq!(again["factoryCalendar"], changed["factoryCalendar"]);
    assert_eq!(again["description"], changed["description"]);
    assert!(again["changedDate"].as_i64() >= before["changedDate"].as_i64());
    assert_eq!(client.get(&model.path("")).await.ok(), again);
    client.put(&model.path(""), &json!({"dataModelCalendarType": "LUNAR"})).await.refused(400);
    let missing = json!({"factoryCalendar": {"tableName": "T", "dataSourceId": "00000000-0000-4000-8000-000000000000"}});
    client.put(&model.path(""), &missing).await.refused(404);
}

#[tokio::test]
async fn q32_a_reload_takes_any_body_and_any_content_type() {
    let server = Server::start();
    let (model, ..) = Model::with_tables(&server).await;
    let json_type = Some("application/json");
    for (path, content_type, body) in [
        (model.path("/reload?forceComplete=true"), None, Vec::new()),
        (model.path("/reload"), json_type, json!({"forceComplete": true}).to_string().into_bytes()),
        (model.path("/reload/?forceComplete=True"), json_type, b"{not json".to_vec()),
        (model.documented("/load?fullReload=true"), Some("text/plain"), b"[]".to_vec()),
        (model.documented("/load"), json_type, Vec::new()),
    ] {
        model.client().raw(Method::POST, &path, content_type, body).await.ok();
        assert_eq!(model.loaded().await["loadStatus"], "SUCCESS", "{path}");
    }
    // A GET may announce a body that it does not have.
    let path = model.path("/load-history/load-info-sync");
    let request = model.client().request(Method::GET, &path).header(CONTENT_TYPE, "application/json");
    Answer::of(request).await.ok();
    model.client().post(&model.path("/reload?forceComplete=perhaps"), &Value::Null).await.refused(400);
}

#[tokio::test]
async fn the_own_calls_and_those_of_the_contract_show_the_same_models() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let relation = json!({"source": "a", "target": "B", "columns": [{"source": "id", "target": "a_id"}]});
    let made = pool
        .model(&json!({
            "name": "Own", "tables": [{"name": "a", "primaryKey": ["id"]}, {"name": "b", "alias": "B"}],
            "foreignKeys": [relation],
        }))
        .await;
    let model = Model { pool: pool.clone(), id: text(&made["id"]) };
    let shown = model.client().get(&model.path("")).await.ok();
    assert_eq!(shown["foreignKeys"][0]["id"], made["foreignKeys"][0]["id"]);
    assert_eq!(shown["tables"][0]["primaryKeys"], json!(["id"]));
    model.add_table("c", None).await;
    let own = pool.client.get(&pool.own(&format!("/data-models/{}", model.id))).await.ok();
    assert_eq!(own["tables"].as_array().unwrap().len(), 3);
    pool.client.delete(&model.path("")).await.refused(204);
    pool.client.get(&pool.own(&format!("/data-models/{}", model.id))).await.refused(404);
}
