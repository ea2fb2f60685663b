//! `<%=…%>` in scripts and filters.

use forebay_core::event::Outcome;
use forebay_core::execution::ExtractionMode;
use forebay_core::extraction::{DateFilter, TableExtraction};
use forebay_core::id::DataConnectionId;
use forebay_core::parameter::{DynamicOperation, DynamicValue, ParameterOrigin, ParameterType};
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::{NamedSchema, ParameterSpec, TaskSpec};

use super::house::{House, Told, constant, identifier, orders, table};
use super::source::Rows;
use super::warehouse::Trouble;

fn dynamic(
    placeholder: &str,
    data_type: ParameterType,
    operation: DynamicOperation,
    fallback: &[&str],
) -> ParameterSpec {
    let origin = ParameterOrigin::Dynamic(DynamicValue {
        operation,
        connection_id: None,
        table: identifier("orders"),
        column: identifier("updated"),
    });
    ParameterSpec { origin, ..constant(placeholder, data_type, fallback) }
}

async fn transform(house: &House, parameters: Vec<ParameterSpec>, script: &str) -> Told {
    let task = TaskSpec { parameters, ..house.transformation(script) };
    house.run(ExtractionMode::Full, vec![task]).await
}

fn reason(told: &Told) -> &str {
    let Outcome::Failed(reason) = &told.outcome else { panic!("{:?}", told.outcome) };
    reason
}

#[tokio::test]
async fn placeholders_stand_for_their_values_with_and_without_spaces() {
    let house = House::new();
    let parameters = vec![
        constant("limit", ParameterType::Int, &["7"]),
        constant("states", ParameterType::ListString, &["open", "it's"]),
        constant("name", ParameterType::String, &["Smith"]),
    ];
    let script = "SELECT <%=limit%>, <%= limit %>; SELECT 'Mr <%=name%>' WHERE s IN (<%=states%>)";
    let told = transform(&house, parameters, script).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(
        house.warehouse.scripts(),
        [["SELECT 7, 7", "SELECT 'Mr Smith' WHERE s IN ('open', 'it''s')"]]
    );
}

#[tokio::test]
async fn a_datasource_stands_for_the_schema_of_a_connection() {
    let house = House::new();
    let schema = connection_schema(house.pool, house.connection);
    let script =
        "SELECT * FROM <%=DATASOURCE:ERP%>.orders, <%= datasource: erp %>.items, \"<%=DATASOURCE:ERP%>\".o";
    let told = transform(&house, Vec::new(), script).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let expected = format!("SELECT * FROM \"{schema}\".orders, \"{schema}\".items, \"{schema}\".o");
    assert_eq!(house.warehouse.scripts(), [[expected]]);
    let told = transform(&house, Vec::new(), "SELECT * FROM <%=DATASOURCE:CRM%>.x").await;
    assert!(reason(&told).contains("line 1, column 15: `<%=DATASOURCE:CRM%>` names no data connection"));
}

#[tokio::test]
async fn a_datasource_that_could_be_several_is_refused_unless_its_case_says_which() {
    let house = House::new();
    let other = DataConnectionId::random();
    for (script, expected) in
        [("SELECT 1 FROM <%=DATASOURCE:erp%>.t", Some(other)), ("SELECT 1 FROM <%=DATASOURCE:Erp%>.t", None)]
    {
        let mut spec = house.spec(ExtractionMode::Full, vec![house.transformation(script)]);
        spec.schemas.push(NamedSchema { connection_id: other, name: "erp".to_owned() });
        let told = house.run_spec(spec).await;
        match expected {
            Some(connection) => {
                let schema = connection_schema(house.pool, connection);
                assert_eq!(house.warehouse.scripts()[0], [format!("SELECT 1 FROM \"{schema}\".t")]);
            }
            None => assert!(reason(&told).contains("could be several"), "{}", reason(&told)),
        }
    }
}

#[tokio::test]
async fn an_unknown_placeholder_fails_the_task_with_its_line_and_column() {
    let house = House::new();
    for (script, part) in [
        ("SELECT 1;\n  SELECT <%=nobody%>", "line 2, column 10: `<%=nobody%>` is no parameter"),
        ("SELECT 'ä <%=nobody%>'", "line 1, column 11: `<%=nobody%>`"),
        ("SELECT <%=nobody", "line 1, column 8: `<%=` has no `%>` on its line"),
        ("SELECT <%=no\nbody%>", "has no `%>` on its line"),
    ] {
        let told = transform(&house, Vec::new(), script).await;
        assert!(reason(&told).contains(part), "{script:?}: {}", reason(&told));
    }
    assert!(house.warehouse.scripts().is_empty());
}

#[tokio::test]
async fn an_unknown_placeholder_in_a_comment_harms_nobody() {
    let house = House::new();
    let told = transform(&house, Vec::new(), "-- was <%=gone%>\nSELECT 1 /* <%=gone%> */ + 1").await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.warehouse.scripts(), [["SELECT 1 /* <%=gone%> */ + 1"]]);
}

#[tokio::test]
async fn a_tasks_own_parameter_stands_before_the_pools() {
    let house = House::new();
    let parameters =
        vec![constant("x", ParameterType::Int, &["1"]), constant("x", ParameterType::Int, &["2"])];
    transform(&house, parameters, "SELECT <%=x%>").await;
    assert_eq!(house.warehouse.scripts(), [["SELECT 1"]]);
}

#[tokio::test]
async fn a_parameter_without_a_value_fails_only_where_it_is_used() {
    let house = House::new();
    let parameters = || vec![constant("x", ParameterType::String, &[])];
    assert_eq!(transform(&house, parameters(), "SELECT 1").await.outcome, Outcome::Succeeded);
    let told = transform(&house, parameters(), "SELECT <%=x%>").await;
    assert!(reason(&told).contains("parameter x has no value"), "{}", reason(&told));
}

#[tokio::test]
async fn dynamic_parameters_take_their_values_from_the_pools_rows() {
    let house = House::new();
    house.warehouse.answer("max(", &["2024-01-31"]);
    house.warehouse.answer("min(", &["3"]);
    house.warehouse.answer("DISTINCT", &["a", "it's"]);
    let parameters = vec![
        dynamic("newest", ParameterType::Date, DynamicOperation::FindMax, &[]),
        dynamic("oldest", ParameterType::Int, DynamicOperation::FindMin, &[]),
        dynamic("all", ParameterType::ListString, DynamicOperation::List, &[]),
        dynamic("unused", ParameterType::Int, DynamicOperation::FindMax, &[]),
    ];
    let script = "SELECT '<%=newest%>', <%=newest%>, <%=oldest%>, [<%=all%>], <%=oldest%>";
    let told = transform(&house, parameters, script).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let expected = "SELECT '2024-01-31', '2024-01-31', 3, ['a', 'it''s'], 3";
    assert_eq!(house.warehouse.scripts(), [[expected]]);
    // Each is asked for once, and only when it is used.
    let queries: Vec<String> = house.warehouse.queries().into_iter().map(|query| query.sql).collect();
    assert_eq!(queries.len(), 3, "{queries:?}");
    let from = format!("FROM \"{}\".\"orders\"", global_schema(house.pool));
    assert!(queries.iter().all(|sql| sql.contains(&from) && sql.contains("\"updated\"")), "{queries:?}");
}

#[tokio::test]
async fn a_dynamic_parameter_falls_back_to_its_stored_values() {
    let house = House::new();
    // No answer is laid out: the table is missing.
    let newest = || dynamic("newest", ParameterType::Date, DynamicOperation::FindMax, &["1970-01-01"]);
    let told = transform(&house, vec![newest()], "SELECT '<%=newest%>'").await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(told.events.logged("PARAMETER_STORED_VALUES").len(), 1);
    // The table has no rows, so the greatest value is NULL.
    house.warehouse.answer("max(", &[]);
    transform(&house, vec![newest()], "SELECT '<%=newest%>'").await;
    assert_eq!(house.warehouse.scripts(), [["SELECT '1970-01-01'"], ["SELECT '1970-01-01'"]]);
}

#[tokio::test]
async fn a_dynamic_list_that_is_too_long_fails_where_it_is_used() {
    let house = House::new();
    let values: Vec<String> = (0..10_001).map(|value| value.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    house.warehouse.answer("DISTINCT", &values);
    let list = dynamic("all", ParameterType::ListInt, DynamicOperation::List, &[]);
    let told = transform(&house, vec![list], "SELECT <%=all%>").await;
    assert!(reason(&told).contains("more than 10000 different values"), "{}", reason(&told));
}

#[tokio::test]
async fn a_cancel_while_a_dynamic_parameter_is_asked_for_ends_canceled() {
    let house = House::new();
    house.warehouse.trouble(Trouble::Hangs("max("));
    let parameters = vec![dynamic("x", ParameterType::Int, DynamicOperation::FindMax, &[])];
    let task = TaskSpec { parameters, ..house.transformation("SELECT <%=x%>") };
    let told = house
        .run_and(ExtractionMode::Full, vec![task], async |_, stop| {
            house.warehouse.hangs().await;
            stop.request();
        })
        .await;
    assert_eq!(told.outcome, Outcome::Canceled);
    assert!(house.warehouse.scripts().is_empty());
}

#[tokio::test]
async fn filters_and_bounds_of_a_table_take_parameters() {
    let house = House::new();
    house.warehouse.answer("max(", &["20"]);
    house.source.rows("orders", Rows::whole(orders(&[])));
    let filtered = TableExtraction {
        filter: Some("status = '<%=state%>' AND updated > <%=newest%>".to_owned()),
        creation_date: Some(DateFilter {
            column: identifier("created"),
            from: Some("<%=start%>".to_owned()),
            until: Some("  ".to_owned()),
        }),
        ..table("orders")
    };
    let parameters = vec![
        constant("state", ParameterType::String, &["open"]),
        constant("start", ParameterType::ListString, &["2023-01-01"]),
        dynamic("newest", ParameterType::Int, DynamicOperation::FindMax, &[]),
    ];
    let task = TaskSpec { parameters, ..house.extraction(&[filtered]) };
    let told = house.run(ExtractionMode::Full, vec![task]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let read = &house.source.reads()[0];
    assert_eq!(read.filters, ["status = 'open' AND updated > 20"]);
    let bounds = read.date_bounds.as_ref().unwrap();
    assert_eq!((bounds.from.as_deref(), bounds.until.as_deref()), (Some("2023-01-01"), None));
}

#[tokio::test]
async fn an_unknown_placeholder_in_a_filter_fails_its_table_and_says_where() {
    let house = House::new();
    let filtered = TableExtraction { filter: Some("id > <%=last%>".to_owned()), ..table("orders") };
    house.source.rows("items", Rows::whole(orders(&[])));
    let told = house.full(&[filtered, table("items")]).await;
    assert!(reason(&told).contains("orders: the filter, line 1, column 6: `<%=last%>`"), "{}", reason(&told));
    assert!(house.warehouse.table(&house.target("items")).is_some());
}
