//! What clients know and Forebay does not do, and the smaller lists.

use reqwest::Method;
use serde_json::{Value, json};

use crate::pool::Pool;
use crate::server::Server;
use crate::world::World;

#[tokio::test]
async fn there_are_no_replications_and_none_can_be_made() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let base = format!("/realtime-integration/api/pools/{}", world.pool.id);
    let replications = format!("{base}/replications");
    assert_eq!(admin.get(&replications).await.ok(), json!([]));
    let of_connection = format!("{replications}?dataSourceId={}", world.connection);
    assert_eq!(admin.get(&of_connection).await.ok(), json!([]));
    admin.get(&format!("{replications}?dataSourceId=None")).await.refused(404);
    let source = format!("{base}/data-sources/{}", world.connection);
    assert_eq!(admin.get(&format!("{source}/initialization-scripts")).await.ok(), json!([]));
    let found = admin.get(&format!("{source}/search-tables?searchString=ONE")).await.ok();
    assert_eq!(
        (&found["lookupSuccessful"], &found["availableTables"][0]["name"]),
        (&json!(true), &json!("one"))
    );
    let variables = admin.get(&format!("{base}/variables/")).await.ok();
    assert_eq!(variables, admin.get(&world.pool.path("/variables/")).await.ok());
    assert_eq!(variables.as_array().unwrap().len(), 1);

    let one = format!("{replications}/00000000-0000-4000-8000-000000000000");
    let configuration = format!("{replications}/configurations/00000000-0000-4000-8000-000000000000");
    let commands = [
        (Method::POST, replications.clone(), json!([{"tableName": "one"}])),
        (Method::DELETE, of_connection, Value::Null),
        (Method::GET, configuration.clone(), Value::Null),
        (Method::PUT, configuration, json!({})),
        (Method::POST, format!("{replications}/initialize"), json!({"replicationIds": []})),
        (Method::POST, format!("{replications}/start"), Value::Null),
        (Method::POST, format!("{replications}/stop"), Value::Null),
        (Method::POST, format!("{replications}/stop-and-cancel"), Value::Null),
        (Method::GET, one.clone(), Value::Null),
        (Method::DELETE, one.clone(), Value::Null),
        (Method::POST, format!("{one}/start"), Value::Null),
        (Method::POST, format!("{one}/stop"), Value::Null),
    ];
    for (method, path, body) in commands {
        let refused = admin.send(method, &path, &body).await.refused(501);
        assert!(refused["detail"].as_str().unwrap().contains("mode DELTA"), "{path}: {refused}");
    }
    for path in ["/pql-language/api/lsp/publishDiagnostics/batch", "/pql-language/api/lsp/parseTree"] {
        let refused = admin.post(path, &json!({"any": "body"})).await.refused(501);
        assert_eq!(refused["errorCode"], "GENERAL_NOT_SUPPORTED", "{refused}");
    }
    // That something is not built is no fault that an administrator should look at.
    assert!(!server.log_text().contains("a request failed"), "{}", server.log_text());
}

#[tokio::test]
async fn jobs_at_a_glance_have_their_state_and_their_transformations() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let admin = server.admin();
    let overviews = admin.get(&world.pool.path("/overviews/data-jobs")).await.ok();
    let of = |id: &str| {
        let mut found = overviews.as_array().unwrap().iter();
        found.find(|job| job["id"] == id).unwrap_or_else(|| panic!("no {id} in {overviews}")).clone()
    };
    let ran = of(&world.job.id);
    assert_eq!((&ran["executionStatus"], &ran["numberOfTransformations"]), (&json!("SUCCESS"), &json!(1)));
    assert!(ran["lastExecutionDate"].is_i64(), "{ran}");
    let others = overviews.as_array().unwrap().iter().filter(|job| job["id"] != json!(world.job.id));
    for other in others {
        assert_eq!((&other["executionStatus"], &other["numberOfTransformations"]), (&Value::Null, &json!(0)));
    }
    let page = admin.get("/integration/api/pools/paged").await.ok();
    assert_eq!(page["content"][0]["status"], "SUCCESS", "{page}");
    assert!(page["content"][0]["lastExecutionStartDate"].is_i64(), "{page}");
}

#[tokio::test]
async fn what_is_granted_is_exported_with_names() {
    let server = Server::start();
    let admin = server.admin();
    let path = "/api/authorization/external/permissions";
    let nothing = admin.get(path).await;
    assert_eq!((nothing.status, nothing.bytes.len()), (204, 0), "{nothing}");
    let pool = Pool::create(&admin).await;
    server.member(&pool.id, &["VIEW", "EXECUTE"]).await;
    server.application(&pool.id, &["DATA_PUSH"]).await;
    let everywhere = admin.post("/forebay/api/v1/users", &json!({"name": "Everywhere"})).await.ok();
    let subject = json!({"type": "USER", "id": everywhere["id"]});
    admin.put("/forebay/api/v1/grants", &json!({"subject": subject, "permissions": ["EDIT"]})).await.ok();
    let exported = admin.get(path).await.ok();
    let entries = exported["permissions"].as_array().unwrap();
    assert_eq!(entries.len(), 3, "{exported}");
    let of = |name: &str| entries.iter().find(|entry| entry["subjectName"] == name).unwrap();
    let member = of("Member VIEW EXECUTE");
    assert_eq!(member["actions"], json!(["VIEW", "EXECUTE"]));
    assert_eq!((&member["objectId"], &member["objectType"]), (&json!(pool.id), &json!("DATA_POOL")));
    assert_eq!((&member["subjectType"], &member["role"]), (&json!("USER"), &json!("MEMBER")));
    assert_eq!((&member["service"], &member["groups"]), (&json!("event-collection"), &json!([])));
    assert_eq!(of("Application DATA_PUSH")["subjectType"], "APPLICATION");
    let all = of("Everywhere");
    assert_eq!(
        (&all["objectId"], &all["objectName"], &all["subjectId"]),
        (&Value::Null, &Value::Null, &everywhere["id"])
    );
}
