//! The flows of the wire contract: create, append, upsert, delete, and what failed.

use serde_json::{Value, json};

use super::{Push, failure, form, new_push, push, rows, table};
use crate::client::Answer;
use crate::pool::Pool;
use crate::server::Server;
use reqwest::Method;

#[tokio::test]
async fn q07_a_table_is_created_from_a_frame_as_pycelonis_does_it() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    assert_eq!(server.admin().get(&pool.path("/tables")).await.ok(), json!([]));
    let push = Push::create(&pool, &json!({})).await;
    push.upsert(&rows(&[(1, "a"), (2, "b")])).await;
    push.upsert(&rows(&[(3, "c")])).await;
    assert_eq!(push.show().await["status"], "NEW");
    let chunks = server.admin().get(&format!("{}/chunks", push.path)).await.ok();
    assert_eq!(chunks.as_array().unwrap().len(), 2);
    for chunk in chunks.as_array().unwrap() {
        assert_eq!(chunk["type"], "UPSERT");
        assert_eq!(chunk["checksum"].as_str().unwrap().len(), 64);
        assert!(push.path.ends_with(chunk["pushJobId"].as_str().unwrap()));
        assert!(chunk["creationDate"].is_i64());
    }
    let ended = push.run().await;
    Push::done(&ended);
    assert!(
        ended["logs"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line.as_str().unwrap().starts_with("TAB1: 3 rows"))
    );
    push.delete().await;
    // It is looked for at once, by its name and where it lies.
    let tables = server.admin().get(&pool.path("/tables")).await.ok();
    let found = &tables.as_array().unwrap()[0];
    assert_eq!((&found["name"], &found["dataSourceId"]), (&json!("TAB1"), &Value::Null));
    assert_eq!((&found["schemaName"], &found["type"]), (&json!(pool.id), &json!("TABLE")));
    let names: Vec<&str> =
        found["columns"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["A", "B", "_CELONIS_CHANGE_DATE"]);
    assert_eq!(
        table(&pool, "TAB1").await,
        [[json!(1), json!("a")], [json!(2), json!("b")], [json!(3), json!("c")]]
    );
}

#[tokio::test]
async fn q26_a_push_goes_to_the_schema_of_its_connection_and_keeps_the_case() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let file = json!({"path": server.files()});
    std::fs::write(server.files().join("x.csv"), "a\n1\n").unwrap();
    let connection = pool.connection("C", "FILES", &file).await;
    let fields = json!({"connectionId": connection, "targetName": "Orders of today"});
    Push::done(&push(&pool, &fields, &[rows(&[(1, "a")])]).await);
    let tables = server.admin().get(&pool.path("/tables")).await.ok();
    assert_eq!(tables[0]["name"], "Orders of today");
    assert_eq!(tables[0]["dataSourceId"], json!(connection));
    assert_eq!(tables[0]["schemaName"], json!(format!("{}_{connection}", pool.id)));
    let query = format!("/columns?tableName=Orders%20of%20today&schemaName={connection}");
    let columns = server.admin().get(&pool.path(&query)).await.ok();
    assert_eq!((&columns[0]["name"], &columns[0]["type"]), (&json!("A"), &json!("INTEGER")));
    // The schema can be named instead.
    let schema =
        json!({"targetSchema": format!("{}_{connection}", pool.id), "targetName": "Orders of today"});
    let appended =
        json!({"type": "DELTA", "targetSchema": schema["targetSchema"], "targetName": "orders OF today"});
    Push::done(&push(&pool, &appended, &[rows(&[(2, "b")])]).await);
    let count = pool.value(Some(&connection), "SELECT count(*) FROM \"Orders of today\"").await;
    assert_eq!(count, json!("2"));
}

#[tokio::test]
async fn rows_are_appended_upserted_and_deleted() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    Push::done(&push(&pool, &json!({}), &[rows(&[(1, "a"), (2, "b")])]).await);
    Push::done(&push(&pool, &json!({"type": "DELTA"}), &[rows(&[(2, "b")])]).await);
    assert_eq!(table(&pool, "TAB1").await.len(), 3, "an append adds rows");
    let upsert = json!({"type": "DELTA", "keys": ["A"], "tableSchema": {"tableName": "TAB1", "columns": [
        {"columnName": "A", "columnType": "INTEGER", "fieldLength": null, "decimals": null, "pkField": null},
    ]}});
    Push::done(&push(&pool, &upsert, &[rows(&[(2, "old"), (3, "c")]), rows(&[(2, "B")])]).await);
    let expected = [[json!(1), json!("a")], [json!(2), json!("B")], [json!(3), json!("c")]];
    assert_eq!(table(&pool, "TAB1").await, expected);

    let push = Push::create(&pool, &json!({"type": "DELTA", "keys": ["A"]})).await;
    push.send("deleted", &super::parquet_of(&rows(&[(1, ""), (9, "")]))).await;
    push.upsert(&rows(&[(4, "d")])).await;
    Push::done(&push.run().await);
    let chunks = server.admin().get(&format!("{}/chunks", push.path)).await.ok();
    assert_eq!((&chunks[0]["type"], &chunks[1]["type"]), (&json!("DELETE"), &json!("UPSERT")));
    push.delete().await;
    let expected = [[json!(2), json!("B")], [json!(3), json!("c")], [json!(4), json!("d")]];
    assert_eq!(table(&pool, "TAB1").await, expected);
}

#[tokio::test]
async fn the_order_of_a_key_s_rows_can_be_a_column_s() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let push = Push::create(&pool, &json!({"type": "DELTA", "keys": ["A"]})).await;
    push.upsert(&rows(&[(1, "2"), (1, "3"), (1, "1")])).await;
    server.admin().post(&format!("{}?duplicateRemovalColumn=B", push.path), &Value::Null).await.ok();
    Push::done(&push.end().await);
    assert_eq!(table(&pool, "TAB1").await, [[json!(1), json!("3")]]);
    let all = json!({"type": "DELTA", "keys": ["A"], "allowDuplicate": true});
    Push::done(&super::push(&pool, &all, &[rows(&[(1, "x"), (1, "y")])]).await);
    assert_eq!(table(&pool, "TAB1").await, [[json!(1), json!("x")], [json!(1), json!("y")]]);
}

#[tokio::test]
async fn q28_a_failure_tells_the_cause_and_the_push_can_be_deleted_all_the_same() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    Push::done(&push(&pool, &json!({}), &[rows(&[(1, "a")])]).await);
    let broken = Push::create(&pool, &json!({"type": "DELTA", "keys": ["NOPE"]})).await;
    broken.upsert(&rows(&[(2, "b")])).await;
    let log = failure(&broken.run().await);
    assert!(log.contains("the keys name NOPE, which file 1 of 1 does not have"), "{log}");
    broken.delete().await;
    let schema = json!({"type": "REPLACE", "tableSchema": {"columns": [{"columnName": "B", "columnType": "INTEGER"}]}});
    let log = failure(&push(&pool, &schema, &[rows(&[(1, "7"), (2, "seven")])]).await);
    assert!(log.contains("column B (file 1 of 1, row 2): `seven` is no whole number"), "{log}");
    assert_eq!(table(&pool, "TAB1").await, [[json!(1), json!("a")]], "what failed shows nothing");
}

#[tokio::test]
async fn q24_whatever_becomes_of_a_push_its_end_touches_no_rows() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let first = Push::create(&pool, &json!({})).await;
    first.upsert(&rows(&[(1, "a")])).await;
    Push::done(&first.run().await);
    first.delete().await;
    first.client.get(&first.path).await.refused(404);
    // One that was never executed, and one that may still be running.
    let second = Push::create(&pool, &json!({})).await;
    second.upsert(&rows(&[(9, "never")])).await;
    second.delete().await;
    assert_eq!(table(&pool, "TAB1").await, [[json!(1), json!("a")]]);
    let third = Push::create(&pool, &json!({"targetName": "TAB2"})).await;
    third.upsert(&rows(&[(2, "b")])).await;
    third.execute().await;
    third.delete().await;
    assert_eq!(table(&pool, "TAB1").await, [[json!(1), json!("a")]]);
}

#[tokio::test]
async fn q25_settings_are_told_as_they_were_given_and_bad_ones_name_their_field() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let path = format!("/data-ingestion/api/v1/data-push/{}/jobs/", pool.id);
    let given = json!({
        "type": "DELTA", "fileType": "CSV", "upsertStrategy": "UPSERT_WITH_NULLIFICATION",
        "fallbackVarcharLength": 255, "postExecutionQuery": "SELECT 1", "allowDuplicate": false,
        "foreignKeys": "text", "keys": ["A"], "mirrorTargetNames": ["M"], "changeDate": 1_700_000_000_000_i64,
        "tableSchema": {"tableName": "TAB1", "columns": [{
            "columnName": "A", "columnType": "FLOAT", "fieldLength": null, "decimals": 2, "pkField": true,
        }]},
        "csvParsingOptions": {
            "escapeSequence": "\\", "quoteSequence": "'", "separatorSequence": ";", "lineEnding": "\n",
            "charSet": "UTF-8", "decimalSeparator": ",", "thousandSeparator": ".", "dateFormat": "dd.MM.yyyy",
            "additionalColumnOptions": [{
                "columnName": "A", "dateFormat": null, "thousandsSeparator": "'", "decimalSeparator": ".",
            }],
        },
    });
    let made = server.admin().post(&path, &new_push(&pool.id, &given)).await.ok();
    for (name, value) in given.as_object().unwrap() {
        assert_eq!(made[name], *value, "{name}");
    }
    assert!(made["id"].is_string(), "{made}");
    assert_eq!((&made["dataPoolId"], &made["status"]), (&json!(pool.id), &json!("NEW")));
    let listed = server.admin().get(&path).await.ok();
    assert_eq!(listed, json!([made]));
    let refused = async |fields: Value, field: &str| {
        let answer = server.admin().post(&path, &new_push(&pool.id, &fields)).await;
        let body = answer.refused(400);
        assert!(body["detail"].as_str().unwrap().starts_with(field), "{answer}");
    };
    refused(json!({"targetName": null}), "targetName: is missing").await;
    refused(json!({"targetName": "a\u{1}b"}), "targetName: must not have control").await;
    refused(json!({"type": null}), "type: is missing").await;
    refused(json!({"type": "MERGE"}), "type: ").await;
    refused(json!({"changeDate": i64::MAX}), "changeDate: must lie in the years").await;
    refused(json!({"targetName": "_forebay_x"}), "targetName: must not begin with").await;
    refused(json!({"fallbackVarcharLength": 0}), "fallbackVarcharLength: must be from 1").await;
    refused(json!({"keys": ["A", "a"]}), "keys: a comes twice").await;
    refused(json!({"keys": [""]}), "keys[0]: must not be empty").await;
    refused(json!({"connectionId": "C"}), "connectionId: ").await;
    refused(json!({"targetSchema": "public"}), "targetSchema: `public` is no schema").await;
    let columns = json!({"columns": [{"columnName": "A", "columnType": "TEXT"}]});
    refused(json!({"tableSchema": columns}), "tableSchema.columns[0].columnType: ").await;
}

#[tokio::test]
async fn the_path_of_older_clients_and_double_slashes_lead_to_the_same() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let old = format!("/integration/api/v1/data-push/{}/jobs", pool.id);
    let made = server.admin().post(&format!("{old}/"), &new_push(&pool.id, &json!({}))).await.ok();
    let id = made["id"].as_str().unwrap();
    let (content_type, body) = form(&super::parquet_of(&rows(&[(1, "a")])));
    let path = format!("{old}//{id}/chunks/upserted");
    server.admin().raw(Method::POST, &path, Some(&content_type), body).await.ok();
    server.admin().post(&format!("{old}//{id}"), &Value::Null).await.ok();
    let push = Push { client: server.admin(), path: format!("{old}//{id}") };
    Push::done(&push.end().await);
    push.delete().await;
    server.admin().get(&format!("{old}/{id}")).await.refused(404);
    server.admin().get(&format!("{old}/None")).await.refused(404);
    server.admin().post(&format!("{old}/None"), &Value::Null).await.refused(404);
}

#[tokio::test]
async fn a_push_is_executed_once_and_takes_no_files_afterwards() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let push = Push::create(&pool, &json!({})).await;
    let refused = push.try_execute().await.refused(409);
    assert!(refused["detail"].as_str().unwrap().contains("has no files"), "{refused}");
    push.upsert(&rows(&[(1, "a")])).await;
    push.execute().await;
    push.try_execute().await.refused(409);
    push.try_send("upserted", b"late").await.refused(409);
    Push::done(&push.end().await);
    push.try_execute().await.refused(409);
    // What is no form with a file is refused with the field.
    let other = Push::create(&pool, &json!({})).await;
    let path = format!("{}/chunks/upserted", other.path);
    let plain: Answer = server.admin().raw(Method::POST, &path, Some("text/plain"), b"x".to_vec()).await;
    assert!(plain.refused(400)["detail"].as_str().unwrap().starts_with("Content-Type: must be"), "{plain}");
    let empty = other.try_send("upserted", b"").await;
    assert!(empty.refused(400)["detail"].as_str().unwrap().starts_with("file: is empty"), "{empty}");
}

#[tokio::test]
async fn more_submissions_than_the_settings_allow_are_told_when_to_come_again() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let limits = json!({"dataPushesPerHour": 2});
    server.admin().put("/forebay/api/v1/settings", &limits).await.ok();
    for left in ["1", "0"] {
        let push = Push::create(&pool, &json!({})).await;
        push.upsert(&rows(&[(1, "a")])).await;
        let answer = push.try_execute().await;
        answer.ok();
        assert_eq!(answer.headers["x-ratelimit-limit"], "2");
        assert_eq!(answer.headers["x-ratelimit-remaining"], left);
        Push::done(&push.end().await);
    }
    let push = Push::create(&pool, &json!({})).await;
    push.upsert(&rows(&[(1, "a")])).await;
    let answer = push.try_execute().await;
    assert_eq!(answer.refused(429)["errorCode"], "LIMIT_RATE_EXCEEDED");
    assert_eq!(answer.headers["x-ratelimit-remaining"], "0");
    let reset: u64 = answer.headers["x-ratelimit-reset"].to_str().unwrap().parse().unwrap();
    assert!((1..=3600).contains(&reset), "{reset}");
    assert_eq!(push.show().await["status"], "NEW");
}

#[tokio::test]
async fn sql_runs_after_the_rows_and_mirrors_get_the_same() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let fields = json!({
        "mirrorTargetNames": ["TAB2"], "changeDate": 1_000, "postExecutionQuery":
            "CREATE OR REPLACE TABLE summed AS SELECT sum(\"A\")::BIGINT AS \"A\", 's' AS \"B\" FROM TAB1",
    });
    Push::done(&push(&pool, &fields, &[rows(&[(1, "a"), (2, "b")])]).await);
    assert_eq!(table(&pool, "summed").await, [[json!(3), json!("s")]]);
    assert_eq!(table(&pool, "TAB2").await, table(&pool, "TAB1").await);
    let stamped = "SELECT DISTINCT epoch_ms(_CELONIS_CHANGE_DATE) FROM TAB1";
    assert_eq!(pool.value(None, stamped).await, json!("1000"));
    // It is a user's SQL like every other.
    let fields = json!({"postExecutionQuery": "SELECT * FROM read_text('/etc/passwd')"});
    let log = failure(&push(&pool, &fields, &[rows(&[(1, "a")])]).await);
    assert!(!log.contains("root:"), "{log}");
    // Whoever may only push may not have it run.
    let pusher = server.member(&pool.id, &["DATA_PUSH"]).await;
    let path = format!("/data-ingestion/api/v1/data-push/{}/jobs/", pool.id);
    pusher.post(&path, &new_push(&pool.id, &json!({"postExecutionQuery": "SELECT 1"}))).await.refused(403);
    pusher.post(&path, &new_push(&pool.id, &json!({}))).await.ok();
}
