//! What an extraction would ask for, found out without reading anything.

use forebay_core::connection::ConnectionConfig;
use forebay_core::execution::ExtractionMode;
use forebay_core::explanation::{Asked, TableExplanation};
use forebay_core::extraction::TableExtraction;
use forebay_core::parameter::ParameterType;
use forebay_core::source::{PushedFiles, Source, SourceError, SourceErrorKind};
use forebay_core::spec::{DataPushSpec, TaskSpec};

use super::house::{House, constant, identifiers, orders, table, with_cursor};
use super::source::Rows;

async fn explained(house: &House, task: TaskSpec) -> Result<TableExplanation, SourceError> {
    let source = house.source.clone();
    let open = move |_: &ConnectionConfig, _: usize| -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(source.clone()))
    };
    let open_push =
        |_: &DataPushSpec| -> Result<Box<dyn PushedFiles>, SourceError> { panic!("no push is looked at") };
    let spec = house.spec(ExtractionMode::Full, vec![task]);
    crate::explain(&spec, &(open, open_push), &house.warehouse).await
}

fn statement(asked: &Asked) -> (&str, Vec<&str>) {
    let Asked::Statement { sql, values, .. } = asked else { panic!("{asked:?}") };
    (sql, values.iter().map(String::as_str).collect())
}

/// A house whose table `orders` was loaded up to 7.
async fn loaded(settings: &TableExtraction) -> House {
    let house = House::new();
    let rows = Rows::whole(orders(&[(1, "open", 7)])).key(&["id"]).cursor("updated", "7");
    house.source.rows("orders", rows);
    house.full(std::slice::from_ref(settings)).await;
    house
}

#[tokio::test]
async fn a_table_is_explained_with_its_parameters_and_from_its_checkpoint_on() {
    let settings = TableExtraction {
        filter: Some("status = '<%=state%>'".to_owned()),
        manual_key: identifiers(&["id"]),
        ..with_cursor("orders")
    };
    let house = loaded(&TableExtraction { filter: None, ..settings.clone() }).await;
    let (reads, loads) = (house.source.reads().len(), house.warehouse.loads().len());
    let task = TaskSpec {
        parameters: vec![constant("state", ParameterType::String, &["open"])],
        ..house.extraction(&[settings])
    };
    let explanation = explained(&house, task).await.unwrap();
    let (full, values) = statement(&explanation.full.asked);
    assert_eq!(full, "SELECT * FROM orders WHERE status = 'open'");
    assert!(values.is_empty(), "a FULL goes on from nothing: {values:?}");
    assert_eq!(statement(&explanation.delta.asked).1, ["7"]);
    assert_eq!(explanation.delta.notes, ["since 7"]);
    // The same request that a run would make, and nothing was loaded.
    let asked = house.source.reads().split_off(reads);
    assert!(asked[0].delta.is_none());
    assert_eq!(asked[1].delta.as_ref().unwrap().offset_seconds, 60);
    assert_eq!(house.warehouse.loads().len(), loads);
}

#[tokio::test]
async fn the_delta_of_a_table_that_was_never_loaded_says_so() {
    let house = House::new();
    let explanation = explained(&house, house.extraction(&[with_cursor("orders")])).await.unwrap();
    assert_eq!(explanation.full.asked, explanation.delta.asked);
    assert_eq!(explanation.delta.notes, ["orders: was not loaded before, so the whole table is read"]);
    assert!(explanation.full.notes.is_empty());
}

#[tokio::test]
async fn no_value_of_a_pseudonymised_column_is_told() {
    let mut settings = with_cursor("orders");
    settings.manual_key = identifiers(&["id"]);
    settings.pseudonymised = identifiers(&["updated"]);
    let house = loaded(&settings).await;
    let explanation = explained(&house, house.extraction(&[settings])).await.unwrap();
    assert_eq!(statement(&explanation.delta.asked).1, ["(pseudonymised)"]);
    assert_eq!(explanation.delta.notes, ["since (pseudonymised)"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_mode_is_its_answer_and_a_missing_source_is_none() {
    let house = House::new();
    let settings = TableExtraction { filter: Some("id > <%=nowhere%>".to_owned()), ..table("orders") };
    let explanation = explained(&house, house.extraction(std::slice::from_ref(&settings))).await.unwrap();
    let Asked::Refused(reason) = &explanation.full.asked else { panic!("{explanation:?}") };
    assert!(reason.contains("nowhere"), "{reason}");
    assert_eq!(explanation.full.asked, explanation.delta.asked);

    house.source.refuse_snapshots("the source is away");
    let error = explained(&house, house.extraction(&[settings])).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (SourceErrorKind::Unreachable, "the source is away"));
}
