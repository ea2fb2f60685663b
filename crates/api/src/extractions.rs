//! Tables of an extraction. The extraction may be named by its own id or its template's.

mod request;
pub(crate) mod statements;
mod transport;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::extraction::TableExtraction;
use forebay_core::id::{DataJobId, DataPoolId, TableExtractionId};
use forebay_core::job::{Task, TaskKind};
use forebay_engine::Engine;

pub use self::request::TableExtractionRequest;
pub use self::transport::in_units;
pub(crate) use self::transport::{ExtractionWithTablesTransport, TableExtractionTransport};
use super::auth::Auth;
use super::body::Body;
use super::path::{Path, TaskKey};
use super::problem::Reply;
use super::tasks::TaskInstanceTransport;

const TAG: &str = "Extraction tables";

fn tables(task: &Task) -> Result<&[TableExtraction]> {
    match &task.kind {
        TaskKind::Extraction(tables) => Ok(tables),
        TaskKind::Transformation(_) | TaskKind::DataModelLoad(_) => {
            Err(Error::not_found(Kind::Task, task.id))
        }
    }
}

fn one(task: &Task, id: TableExtractionId) -> Result<&TableExtraction> {
    let table = tables(task)?.iter().find(|table| table.id == id);
    table.ok_or_else(|| Error::not_found(Kind::TableExtraction, id))
}

/// An extraction with its tables.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = ExtractionWithTablesTransport)))]
pub(crate) async fn extraction(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
) -> Reply<Json<ExtractionWithTablesTransport>> {
    let task = engine.task(&caller, pool, job, &task.0).await?;
    let tables = tables(&task)?.iter().map(|table| TableExtractionTransport::new(&task, table)).collect();
    Ok(Json(ExtractionWithTablesTransport {
        task: TaskInstanceTransport::from(&task),
        extraction_configuration_value_transport: None,
        tables,
        metadata_tables: Vec::new(),
        extraction_configuration: None,
    }))
}

/// Adds tables to an extraction. The answer has just those, in the order asked for.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = Vec<TableExtractionRequest>,
    responses((status = 200, body = Vec<TableExtractionTransport>))
)]
pub(crate) async fn create_table_extractions(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
    Body(body): Body<Vec<TableExtractionRequest>>,
) -> Reply<Json<Vec<TableExtractionTransport>>> {
    let made = body.into_iter().map(|table| table.into_table(None)).collect::<Result<Vec<_>>>()?;
    let task = engine.put_table_extractions(&caller, pool, job, &task.0, &made).await?;
    Ok(Json(made.iter().map(|table| TableExtractionTransport::new(&task, table)).collect()))
}

/// Changes tables of an extraction. The answer has just those, in the order asked for.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = Vec<TableExtractionRequest>,
    responses((status = 200, body = Vec<TableExtractionTransport>))
)]
pub(crate) async fn put_table_extractions(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
    Body(body): Body<Vec<TableExtractionRequest>>,
) -> Reply<Json<Vec<TableExtractionTransport>>> {
    let found = engine.task(&caller, pool, job, &task.0).await?;
    let mut changed = Vec::new();
    for table in body {
        let id = table.id.as_deref().ok_or_else(|| Error::invalid("id", "is missing"))?;
        let kept = one(&found, id.parse()?)?;
        changed.push(table.into_table(Some(kept))?);
    }
    let found = engine.put_table_extractions(&caller, pool, job, &task.0, &changed).await?;
    Ok(Json(changed.iter().map(|table| TableExtractionTransport::new(&found, table)).collect()))
}

/// A table of an extraction.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = TableExtractionTransport)))]
pub(crate) async fn table_extraction(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task, table)): Path<(DataPoolId, DataJobId, TaskKey, TableExtractionId)>,
) -> Reply<Json<TableExtractionTransport>> {
    let task = engine.task(&caller, pool, job, &task.0).await?;
    Ok(Json(TableExtractionTransport::new(&task, one(&task, table)?)))
}

/// Takes a table out of an extraction. What was extracted stays in the pool.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_table_extraction(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task, table)): Path<(DataPoolId, DataJobId, TaskKey, TableExtractionId)>,
) -> Reply<StatusCode> {
    engine.delete_table_extraction(&caller, pool, job, &task.0, table).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use forebay_core::Timestamp;
    use forebay_core::id::{TaskId, TaskTemplateId};
    use forebay_core::job::Activation;
    use forebay_core::name::Name;
    use forebay_core::retry::RetryPolicy;
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value, kept: Option<&TableExtraction>) -> Result<TableExtraction> {
        serde_json::from_value::<TableExtractionRequest>(body).unwrap().into_table(kept)
    }

    fn shown(table: &TableExtraction) -> Value {
        let task = Task {
            id: TaskId::random(),
            template_id: TaskTemplateId::random(),
            pool_id: DataPoolId::random(),
            job_id: DataJobId::random(),
            name: Name::parse("name", "Extract").unwrap(),
            description: None,
            activation: Activation::Enabled,
            position: 0,
            kind: TaskKind::Extraction(Vec::new()),
            retry: RetryPolicy::default(),
            created_at: Timestamp::from_millis(0),
        };
        json!(TableExtractionTransport::new(&task, table))
    }

    fn full() -> Value {
        json!({
            "tableName": "VBAK", "schemaName": "sap", "renameTargetTable": true, "targetTableName": "orders",
            "columns": [
                {"columnName": "VBELN", "primaryKey": true, "anonymized": false},
                {"columnName": "ERNAM", "primaryKey": false, "anonymized": true},
            ],
            "useManualPKs": true, "filterDefinition": "MANDT = '100'", "deltaFilterDefinition": "true",
            "creationDateColumn": "ERDAT", "creationDateParameterStart": "since",
            "creationDateValueEnd": "2030-01-01", "changeDateColumn": "AEDAT", "changeDateOffset": 90,
            "changeDateOffsetType": "MINUTES", "disabled": true,
            "connectorSpecificConfiguration": [{"key": "MAX_STRING_LENGTH", "value": "80"}],
        })
    }

    #[test]
    fn what_was_answered_can_be_sent_back_and_changes_nothing() {
        let table = read(full(), None).unwrap();
        let shown = shown(&table);
        assert_eq!(shown["creationDateParameterStart"], json!("since"));
        assert_eq!(
            (&shown["changeDateOffset"], &shown["changeDateOffsetType"]),
            (&json!(90), &json!("MINUTES"))
        );
        assert_eq!(read(shown, Some(&table)).unwrap(), table);
    }

    #[test]
    fn null_names_lists_and_switches_are_left_and_null_filters_are_taken_away() {
        let table = read(full(), None).unwrap();
        let changed =
            read(json!({"tableName": null, "columns": null, "disabled": null}), Some(&table)).unwrap();
        assert_eq!((&changed.columns, &changed.manual_key), (&table.columns, &table.manual_key));
        assert_eq!(changed.pseudonymised, table.pseudonymised);
        assert_eq!((changed.activation, changed.max_string_length), (Activation::Disabled, Some(80)));
        assert_eq!((&changed.table, &changed.target), (&table.table, &table.target));
        assert_eq!((changed.filter, changed.change_date, changed.creation_date), (None, None, None));
    }

    #[test]
    fn today_as_the_upper_bound_is_shown_as_today() {
        let body = json!({
            "tableName": "t", "creationDateColumn": "c", "creationDateValueStart": "2024-01-01",
            "creationDateValueToday": true,
        });
        let shown = shown(&read(body, None).unwrap());
        assert_eq!(shown["creationDateValueToday"], json!(true));
        assert_eq!(
            (&shown["creationDateValueEnd"], &shown["creationDateParameterEnd"]),
            (&Value::Null, &Value::Null)
        );
        let message = read(json!({"tableName": "t", "creationDateValueToday": true}), None).unwrap_err();
        assert!(message.to_string().starts_with("creationDateColumn: is missing"), "{message}");
    }

    #[test]
    fn settings_that_are_not_honoured_are_refused_by_name() {
        let check = |field: &str, value: Value| {
            let message = read(json!({"tableName": "t", field: value}), None).unwrap_err().to_string();
            assert!(message.contains("not supported"), "{message}");
        };
        check("joins", json!([{"parentTable": "x"}]));
        check("calculatedColumns", json!([{"name": "x"}]));
        check("joinType", json!("JOIN"));
        check("dataPushDeleteStrategy", json!("DELETE"));
        check("connectorSpecificConfiguration", json!([{"key": "METADATA_SOURCE", "value": "x"}]));
        check("columns", json!([{"columnName": "c", "preferredType": "INT"}]));
        let taken = json!({"tableName": "t", "joins": [], "joinType": "NONE", "unknown": {"deep": 1}});
        assert!(read(taken, None).is_ok());
    }
}
