//! Statements of a transformation that are asked outside of a run.

use forebay_core::parameter::{DynamicOperation, DynamicValue, ParameterOrigin, ParameterType};
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::{NamedSchema, ParameterSpec, ScriptQuery};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Rows, WarehouseError, WarehouseErrorKind};

use super::house::{House, constant, identifier};

fn asked(house: &House, parameters: Vec<ParameterSpec>, sql: &str) -> ScriptQuery {
    ScriptQuery {
        sql: sql.to_owned(),
        pool_id: house.pool,
        connection_id: Some(house.connection),
        parameters,
        schemas: vec![NamedSchema { connection_id: house.connection, name: "ERP".to_owned() }],
        limit: 7,
    }
}

async fn ask(house: &House, parameters: Vec<ParameterSpec>, sql: &str) -> Result<Rows, WarehouseError> {
    crate::query(&asked(house, parameters, sql), &house.warehouse, &Stop::never()).await
}

#[tokio::test]
async fn a_statement_is_answered_as_it_would_run() {
    let house = House::new();
    house.warehouse.answer("max(", &["2024-01-31"]);
    house.warehouse.answer("SELECT '", &["found"]);
    let newest = ParameterSpec {
        origin: ParameterOrigin::Dynamic(DynamicValue {
            operation: DynamicOperation::FindMax,
            connection_id: None,
            table: identifier("orders"),
            column: identifier("updated"),
        }),
        ..constant("newest", ParameterType::Date, &[])
    };
    let parameters = vec![newest, constant("state", ParameterType::String, &["open"])];
    let sql = "-- of today\nSELECT '<%=newest%>', '<%=state%>' FROM <%=DATASOURCE:ERP%>.orders;\n";
    let rows = ask(&house, parameters, sql).await.unwrap();
    assert_eq!(rows.batches[0].num_rows(), 1);
    let query = house.warehouse.queries().pop().unwrap();
    let schema = connection_schema(house.pool, house.connection);
    assert_eq!(query.sql, format!("SELECT '2024-01-31', 'open' FROM \"{schema}\".orders"));
    assert_eq!((query.schemas, query.limit), (vec![schema, global_schema(house.pool)], 7));
    assert!(house.warehouse.scripts().is_empty(), "nothing is executed");
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_place() {
    let house = House::new();
    for (sql, part) in [
        ("SELECT 1\n  + <%=nobody%>", "line 2, column 5: `<%=nobody%>` is no parameter"),
        ("SELECT 1;\n\nSELECT 2", "these are 2 statements, which begin on the lines 1, 3"),
        ("-- nothing\n;", "there is no statement"),
        ("SELECT 'x", "cannot be read from line 1"),
    ] {
        let error = ask(&house, Vec::new(), sql).await.unwrap_err();
        assert_eq!(error.kind, WarehouseErrorKind::Invalid, "{sql:?}");
        assert!(error.message.contains(part), "{sql:?}: {}", error.message);
    }
    assert!(house.warehouse.queries().is_empty());
}
