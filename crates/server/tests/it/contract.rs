//! Quirks of the existing clients, each by its number in the notes on the wire contract: requests as
//! those clients send them, with every field and explicit nulls, and what they need in the answer.

mod connect;
mod connections;
mod objects;
mod others;
mod runs;
mod updates;

use serde_json::{Value, json};

/// A data pool as pycelonis creates it.
pub(crate) fn new_pool(name: &str) -> Value {
    json!({
        "permissions": null, "id": null, "name": name, "description": null, "timeStamp": null,
        "configurationStatus": null, "locked": null, "contentId": null, "contentVersion": null, "tags": null,
        "originalId": null, "monitoringTarget": null, "customMonitoringTarget": null,
        "customMonitoringTargetActive": null, "exported": null, "monitoringMessageColumnsMigrated": null,
        "creatorUserId": null, "objectId": null,
    })
}

pub(crate) fn new_job(pool: &str, connection: Option<&str>) -> Value {
    json!({
        "id": null, "name": "J", "dataPoolId": pool, "dataSourceId": connection, "timeStamp": null, "status": null,
        "currentExecutionId": null, "dagBasedExecutionEnabled": null, "latestExecutionItemId": null,
    })
}

/// A table extraction as pycelonis creates it: everything null but what the user gave.
pub(crate) fn new_table(task: &Value, job: &str, name: &str) -> Value {
    let mut table = json!({
        "id": null, "taskId": task["taskId"], "jobId": job, "tableName": name, "schemaName": null,
        "connectorSpecificConfiguration": [], "calculatedColumns": [],
    });
    for field in NULLS {
        table[*field] = Value::Null;
    }
    table
}

const NULLS: &[&str] = &[
    "tableExecutionItemId",
    "renameTargetTable",
    "targetTableName",
    "columns",
    "joins",
    "dependentTables",
    "useManualPKs",
    "filterDefinition",
    "deltaFilterDefinition",
    "creationDateColumn",
    "creationDateValueStart",
    "creationDateValueEnd",
    "creationDateParameterStart",
    "creationDateParameterEnd",
    "creationDateValueToday",
    "changeDateColumn",
    "changeDateOffset",
    "changeDateOffsetType",
    "tableExtractionType",
    "parentTable",
    "dependsOn",
    "columnValueTable",
    "columnValueColumn",
    "columnValueTargetColumn",
    "columnValuesAtATime",
    "joinType",
    "disabled",
    "endDateDisabled",
    "disableChangeLog",
    "dataPushDeleteStrategy",
    "customizeColumnSelection",
    "mirrorTableNames",
    "parent",
    "selectedColumns",
];

/// The body of pycelonis' execute.
pub(crate) fn configuration(pool: &str, job: &str) -> Value {
    json!({
        "id": null, "executionId": null, "poolId": pool, "jobId": job, "mode": "DELTA",
        "executeOnlySubsetOfTransformations": false, "transformations": [],
        "executeOnlySubsetOfExtractions": false, "extractions": [],
        "dataSourceId": null, "loadOnlySubsetOfDataModels": false, "dataModels": [],
    })
}
