//! Settings of tasks, tables, parameters and models.

use serde_json::{Value, json};

use super::Expected::{Field, Status};
use super::{Bad, worlds};
use crate::server::Server;

#[tokio::test]
async fn bad_settings_of_tasks_and_tables_are_refused() {
    let server = Server::start();
    let (world, other) = worlds(&server).await;
    let admin = server.admin();
    let global = world.pool.job(None).await;
    let mut bad = Bad::new(&admin, &world, &other).await;
    let tasks = world.job.path("/tasks/");
    bad.post(&tasks, json!({"name": "x"}), Field("taskType")).await;
    for kind in ["SOMETHING", "transformation", "DATA_MODEL_LOAD"] {
        bad.post(&tasks, json!({"name": "x", "taskType": kind}), Field("taskType")).await;
    }
    let kind = json!({"name": "x", "taskType": "EXTRACTION"});
    bad.post(&global.path("/tasks/"), kind, Field("taskType")).await;
    let order = json!({"name": "x", "taskType": "TRANSFORMATION", "executionOrder": "first"});
    bad.post(&tasks, order, Field("executionOrder")).await;

    let tables = world.job.path(&format!("/extractions/{}/tables/", world.extraction));
    bad.post(&tables, json!({"tableName": "two"}), Status(400)).await;
    bad.post(&tables, json!([3]), Status(400)).await;
    for (field, table) in [
        ("tableName", json!({})),
        ("tableName", json!({"tableName": "a\u{0}b"})),
        ("tableName", json!({"tableName": "x".repeat(256)})),
        ("targetTableName", json!({"tableName": "one"})),
        ("targetTableName", json!({"tableName": "two", "renameTargetTable": true, "targetTableName": "ONE"})),
        ("schemaName", json!({"tableName": "two", "schemaName": "a\nb"})),
        ("joins", json!({"tableName": "two", "joins": [{"parentTable": "one"}]})),
        ("calculatedColumns", json!({"tableName": "two", "calculatedColumns": [{"name": "x"}]})),
        (
            "changeDateOffsetType",
            json!({"tableName": "two", "changeDateColumn": "c", "changeDateOffsetType": "WEEKS"}),
        ),
        ("changeDateOffset", json!({"tableName": "two", "changeDateColumn": "c", "changeDateOffset": -1})),
        ("useManualPKs", json!({"tableName": "two", "useManualPKs": true})),
        (
            "connectorSpecificConfiguration.MAX_STRING_LENGTH",
            json!({"tableName": "two", "connectorSpecificConfiguration": [{"key": "MAX_STRING_LENGTH", "value": 0}]}),
        ),
        (
            "connectorSpecificConfiguration.CLIENT",
            json!({"tableName": "two", "connectorSpecificConfiguration": [{"key": "CLIENT", "value": "x"}]}),
        ),
    ] {
        bad.post(&tables, json!([table]), Field(field)).await;
    }
    let twins = json!([
        {"tableName": "two", "renameTargetTable": true, "targetTableName": "same"}, {"tableName": "same"},
    ]);
    bad.post(&tables, twins, Field("targetTableName")).await;
    bad.put(&tables, json!([{"tableName": "one"}]), Field("id")).await;

    let variables = world.pool.path("/variables/");
    let variable = |more: Value| {
        let mut body =
            json!({"name": "x", "placeholder": "x", "type": "PUBLIC_CONSTANT", "dataType": "STRING"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (field, more) in [
        ("placeholder", json!({"placeholder": null})),
        ("placeholder", json!({"placeholder": ""})),
        ("placeholder", json!({"placeholder": "a%>b"})),
        ("placeholder", json!({"placeholder": "'; DROP TABLE x; --"})),
        ("placeholder", json!({"placeholder": "x".repeat(101)})),
        ("type", json!({"type": "SECRET"})),
        ("dataType", json!({"dataType": "BLOB"})),
        ("dynamicVariableOpType", json!({"type": "DYNAMIC", "dynamicTable": "t", "dynamicColumn": "c"})),
        ("dynamicTable", json!({"type": "DYNAMIC", "dynamicVariableOpType": "LIST", "dynamicColumn": "c"})),
        ("dynamicColumn", json!({"type": "DYNAMIC", "dynamicVariableOpType": "LIST", "dynamicTable": "t"})),
    ] {
        bad.post(&variables, variable(more), Field(field)).await;
    }
    let mut taken = admin.get(&format!("{variables}{}", world.pool_variable)).await.ok();
    taken["id"] = Value::Null;
    bad.post(&variables, taken, Status(409)).await;

    let models = world.pool.own("/data-models");
    let one = json!({"name": "made"});
    for body in [
        json!({"name": "x", "tables": {}}),
        json!({"name": "x", "tables": [{}]}),
        json!({"name": "x", "tables": [{"name": ""}]}),
        json!({"name": "x", "tables": [one, one]}),
        json!({"name": "x", "tables": [one], "foreignKeys": [{"source": "made", "target": "nothing", "columns": []}]}),
        json!({"name": "x", "tables": [one], "foreignKeys": [{"source": "made", "target": "made", "columns": []}]}),
    ] {
        bad.post(&models, body, Status(400)).await;
    }
    bad.told();
}
