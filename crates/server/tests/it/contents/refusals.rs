//! Documents that nobody should have written.

use serde_json::{Value, json};

use super::*;

/// A document with one thing changed in it.
fn with(document: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = document.clone();
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    let parent = changed.pointer_mut(parent).unwrap_or_else(|| panic!("no {pointer}"));
    match parent {
        Value::Array(list) => list[last.parse::<usize>().unwrap()] = value,
        other => other[last] = value,
    }
    changed
}

#[tokio::test]
async fn what_is_wrong_in_a_document_is_named_by_its_path_and_nothing_is_made() {
    let server = Server::start();
    let admin = server.admin();
    let full = Full::new(&server).await;
    let document = full.export().await;
    let stranger = "00000000-0000-4000-8000-000000000000";
    let source = document["dataSources"][0]["id"].clone();
    let job = document["dataJobs"][0]["id"].clone();
    let cases = [
        ("/format", json!("celonis"), "format"),
        ("/format", Value::Null, "format"),
        ("/version", json!(2), "version"),
        ("/version", Value::Null, "version"),
        ("/dataPool", Value::Null, "dataPool"),
        ("/dataPool/name", json!("x".repeat(101)), "dataPool.name"),
        ("/dataSources", json!({}), "dataSources"),
        ("/dataSources/1/id", Value::Null, "dataSources[1].id"),
        ("/dataSources/1/id", json!("../../etc"), "dataSources[1].id"),
        ("/dataSources/1/id", source.clone(), "dataSources[1].id"),
        ("/dataSources/1/name", document["dataSources"][0]["name"].clone(), "dataSources[1].name"),
        ("/dataSources/1/type", json!("ORACLE"), "dataSources[1].type"),
        ("/dataSources/1/configuration/host", json!("a\u{0}b"), "dataSources[1].configuration.host"),
        ("/dataSources/1/configuration/port", json!("x"), "dataSources[1].configuration.port"),
        ("/poolVariables/0/placeholder", json!("a%>b"), "poolVariables[0].placeholder"),
        (
            "/poolVariables/0/placeholder",
            document["poolVariables"][1]["placeholder"].clone(),
            "poolVariables[1].placeholder",
        ),
        ("/poolVariables/0/dynamicDataSourceId", json!(stranger), "poolVariables[0].dynamicDataSourceId"),
        ("/poolVariables/0/dynamicDataSourceId", json!("x"), "poolVariables[0]"),
        ("/dataModels/0/tables/0/dataSourceId", json!(stranger), "dataModels[0].tables[0].dataSourceId"),
        ("/dataModels/0/tables/1/alias", json!("ONE"), "dataModels[0].tables"),
        (
            "/dataModels/0/tables/1/id",
            document["dataModels"][0]["tables"][0]["id"].clone(),
            "dataModels[0].tables[1].id",
        ),
        (
            "/dataModels/0/foreignKeys/0/sourceTableId",
            json!(stranger),
            "dataModels[0].foreignKeys[0].sourceTableId",
        ),
        ("/dataModels/0/foreignKeys/0/columns", json!([]), "dataModels[0].foreignKeys"),
        (
            "/dataModels/0/foreignKeys/0/columns/0/sourceColumnName",
            Value::Null,
            "dataModels[0].foreignKeys[0].columns[0].sourceColumnName",
        ),
        (
            "/dataModels/0/processConfigurations/0/activityTableId",
            json!(stranger),
            "dataModels[0].processConfigurations[0].activityTableId",
        ),
        (
            "/dataModels/0/factoryCalendar/dataSourceId",
            json!(stranger),
            "dataModels[0].factoryCalendar.dataSourceId",
        ),
        (
            "/dataModels/0/nameMappings",
            json!([{"identifier": "a"}]),
            "dataModels[0].nameMappings[0].mappingType",
        ),
        ("/dataJobs/1/id", job, "dataJobs[1].id"),
        ("/dataJobs/0/dataSourceId", json!(stranger), "dataJobs[0].dataSourceId"),
        ("/dataJobs/0/dataSourceId", Value::Null, "dataJobs[0].tasks[0].taskType"),
        ("/dataJobs/0/tasks/0/taskType", json!("DELETE"), "dataJobs[0].tasks[0].taskType"),
        ("/dataJobs/0/tasks/0/name", Value::Null, "dataJobs[0].tasks[0].name"),
        (
            "/dataJobs/0/tasks/0/retryPolicy/attempts",
            json!(1000),
            "dataJobs[0].tasks[0].retryPolicy.attempts",
        ),
        ("/dataJobs/0/tasks/0/tables/0/tableName", json!(""), "dataJobs[0].tasks[0].tables[0].tableName"),
        ("/dataJobs/0/tasks/0/tables/0/joins", json!([{}]), "dataJobs[0].tasks[0].tables[0].joins"),
        (
            "/dataJobs/0/tasks/0/tables/0/renameTargetTable",
            json!(false),
            "dataJobs[0].tasks[0].tables.targetTableName",
        ),
        (
            "/dataJobs/0/tasks/1/variables/0/settings/poolVariableId",
            json!(stranger),
            "dataJobs[0].tasks[1].variables[0].settings.poolVariableId",
        ),
        ("/dataJobs/0/tasks/2/dataModelId", json!(stranger), "dataJobs[0].tasks[2].dataModelId"),
        ("/dataJobs/0/tasks/2/modelTables/0", json!(stranger), "dataJobs[0].tasks[2].modelTables[0]"),
        ("/schedules/0/jobs/0", json!(stranger), "schedules[0].jobs[0]"),
        ("/schedules/0/jobs", json!([]), "schedules[0].jobs"),
        (
            "/schedules/0/afterScheduleId",
            document["schedules"][0]["id"].clone(),
            "schedules[0].afterScheduleId",
        ),
        ("/schedules/1/jitterSeconds", json!(1_000_000), "schedules[1].jitterSeconds"),
        ("/schedules/1/timeZone", json!("Mars"), "schedules[1].timeZone"),
    ];
    let mut faults = Vec::new();
    let before = export(&admin, &full.pool.id).await;
    for (pointer, value, field) in cases {
        let wrong = with(&document, pointer, value);
        let batch = json!({"dataPoolImportRequests": [{"targetPoolId": full.pool.id, "dataPool": wrong}]});
        for (path, body, prefix) in [
            ("/integration/api/pool-import", &wrong, ""),
            ("/integration/api/pool/batch-import", &batch, "dataPoolImportRequests[0].dataPool."),
        ] {
            // In a batch the pool has its name already.
            if !prefix.is_empty() && (pointer == "/dataPool" || pointer.starts_with("/dataPool/")) {
                continue;
            }
            let answer = admin.post(path, body).await;
            let told = answer.json();
            let expected = format!("{prefix}{field}");
            let attribute = told["errors"][0]["attribute"].as_str().unwrap_or_default().to_owned();
            if answer.status != 400 || attribute != expected {
                faults.push(format!("{pointer} at {path} should name {expected}: {answer}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let pools = admin.get("/integration/api/pools").await.ok();
    assert_eq!(pools.as_array().unwrap().len(), 1, "something was made");
    assert_eq!(export(&admin, &full.pool.id).await, before, "something was changed");
}

#[tokio::test]
async fn requests_around_documents_are_checked_too() {
    let server = Server::start();
    let admin = server.admin();
    let full = Full::new(&server).await;
    let document = full.export().await;
    let path = "/integration/api/pool/batch-import";
    let pool = full.pool.id.as_str();
    let source = document["dataSources"][0]["id"].as_str().unwrap();
    let stranger = "00000000-0000-4000-8000-000000000000";
    let one = json!({"targetPoolId": pool, "dataPool": document});
    for (body, field) in [
        (json!({}), "dataPoolImportRequests"),
        (json!({"targetTeamDomain": "other", "dataPoolImportRequests": []}), "targetTeamDomain"),
        (
            json!({"dataPoolImportRequests": [{"dataPool": document}]}),
            "dataPoolImportRequests[0].targetPoolId",
        ),
        (json!({"dataPoolImportRequests": [{"targetPoolId": pool}]}), "dataPoolImportRequests[0].dataPool"),
        (json!({"dataPoolImportRequests": [one, one]}), "dataPoolImportRequests[1].targetPoolId"),
        (
            json!({"dataPoolImportRequests": [
                {"targetPoolId": pool, "dataPool": document, "dataSourceMappings": {stranger: source}},
            ]}),
            "dataPoolImportRequests[0].dataSourceMappings.00000000-0000-4000-8000-000000000000",
        ),
        (
            json!({"dataPoolImportRequests": [
                {"targetPoolId": pool, "dataPool": document, "dataSourceMappings": {source: "x"}},
            ]}),
            "dataPoolImportRequests[0].dataSourceMappings.",
        ),
    ] {
        let refused = admin.post(path, &body).await.refused(400);
        let attribute = refused["errors"][0]["attribute"].as_str().unwrap();
        assert!(attribute.starts_with(field), "{field}: {refused}");
    }
    let unknown = json!({"dataPoolImportRequests": [{"targetPoolId": stranger, "dataPool": document}]});
    admin.post(path, &unknown).await.refused(404);
    // Bodies that are no documents at all.
    let import = "/integration/api/pool-import";
    for body in ["", "{", "[]", "null", "3"] {
        let answer = admin.raw(reqwest::Method::POST, import, None, body.as_bytes().to_vec()).await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
    }
    // More things than anybody has, in a body that is not too large.
    let mut many = document.clone();
    let job = json!({"id": "", "name": "J", "tasks": []});
    many["dataJobs"] = (0..20_001_u64)
        .map(|number| {
            let mut job = job.clone();
            job["id"] = json!(format!("00000000-0000-4000-8000-{number:012x}"));
            job
        })
        .collect();
    many["schedules"] = json!([]);
    many["poolVariables"] = json!([]);
    let refused = admin.post(import, &many).await.refused(400);
    assert!(refused["detail"].as_str().unwrap().contains("20000 are the most"), "{refused}");
    let large = format!("{{\"format\": \"{}\"}}", "x".repeat(65 * 1024 * 1024));
    let refused = admin.raw(reqwest::Method::POST, import, None, large.into_bytes()).await;
    assert_eq!(refused.status, 413, "{}", refused.status);
}
