//! Data model loads: one consistent snapshot of the model's tables.

use forebay_core::event::Outcome;
use forebay_core::execution::{ExtractionMode, Status};
use forebay_core::id::{DataModelId, ForeignKeyId, ModelTableId};
use forebay_core::model::{ForeignKey, ModelTable};
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::{ModelLoadSpec, TaskSpec, Work};
use forebay_core::warehouse::Refresh;

use super::house::{House, identifier, identifiers};
use super::warehouse::Trouble;

/// A model of orders in the connection's schema and customers in the global one.
fn model(house: &House) -> ModelLoadSpec {
    let orders = ModelTable {
        id: ModelTableId::random(),
        connection_id: Some(house.connection),
        table: identifier("orders"),
        alias: Some(identifier("Cases")),
        primary_key: identifiers(&["id"]),
    };
    let customers = ModelTable {
        id: ModelTableId::random(),
        connection_id: None,
        table: identifier("customers"),
        alias: None,
        primary_key: Vec::new(),
    };
    let key = ForeignKey {
        id: ForeignKeyId::random(),
        source: customers.id,
        target: orders.id,
        columns: vec![(identifier("id"), identifier("customer"))],
    };
    ModelLoadSpec {
        data_model_id: DataModelId::random(),
        tables: vec![orders, customers],
        foreign_keys: vec![key],
        only: None,
        versions_kept: 3,
    }
}

fn load(house: &House, spec: &ModelLoadSpec) -> TaskSpec {
    house.task("Load", Work::DataModelLoad(spec.clone()))
}

#[tokio::test]
async fn a_load_publishes_every_table_under_its_alias() {
    let house = House::new();
    let spec = model(&house);
    let told = house.run(ExtractionMode::Full, vec![load(&house, &spec)]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let [published] = house.warehouse.published().try_into().unwrap();
    assert_eq!((published.model, &published.foreign_keys), (spec.data_model_id, &spec.foreign_keys));
    let [orders, customers] = published.tables.try_into().unwrap();
    assert_eq!(orders.table.schema, connection_schema(house.pool, house.connection));
    assert_eq!((orders.alias.as_str(), orders.primary_key), ("Cases", identifiers(&["id"])));
    assert_eq!(customers.table.schema, global_schema(house.pool));
    assert_eq!((customers.alias.as_str(), customers.refresh), ("customers", Refresh::Anew));
    let steps: Vec<String> = told.events.steps().into_iter().map(|step| step.0).collect();
    assert_eq!(steps, ["Cases", "customers"]);
    assert_eq!(told.events.tasks(), [(Status::Success, "2 tables, 3 rows".to_owned())]);
}

#[tokio::test]
async fn a_partial_load_keeps_the_other_tables() {
    let house = House::new();
    let mut spec = model(&house);
    spec.only = Some(vec![spec.tables[1].id]);
    // What was never published cannot be kept.
    let told = house.run(ExtractionMode::Full, vec![load(&house, &spec)]).await;
    let ends: Vec<Status> = told.events.steps().into_iter().map(|step| step.1).collect();
    assert_eq!(ends, [Status::Success, Status::Success]);
    let told = house.run(ExtractionMode::Full, vec![load(&house, &spec)]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let refreshed: Vec<Refresh> =
        house.warehouse.published()[1].tables.iter().map(|table| table.refresh).collect();
    assert_eq!(refreshed, [Refresh::Keep, Refresh::Anew]);
    let ends: Vec<Status> = told.events.steps().into_iter().map(|step| step.1).collect();
    assert_eq!(ends, [Status::Skipped, Status::Success]);
}

#[tokio::test]
async fn broken_keys_are_warnings() {
    let house = House::new();
    house.warehouse.warn("Cases: 2 rows have no customer");
    let spec = model(&house);
    let told = house.run(ExtractionMode::Full, vec![load(&house, &spec)]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(told.events.logged("MODEL_KEY_WARNING"), ["Cases: 2 rows have no customer"]);
    assert_eq!(told.events.alarms(), ["MODEL_KEY_WARNING"]);
}

#[tokio::test]
async fn a_publication_that_fails_or_is_canceled_ends_every_step() {
    let house = House::new();
    let spec = model(&house);
    house.warehouse.trouble(Trouble::Fails("publish"));
    let told = house.run(ExtractionMode::Full, vec![load(&house, &spec)]).await;
    assert_eq!(told.outcome, Outcome::Failed("task Load: no such thing".to_owned()));
    assert!(told.events.steps().iter().all(|step| step.1 == Status::Fail));

    house.warehouse.trouble(Trouble::Hangs("publish"));
    let told = house
        .run_and(ExtractionMode::Full, vec![load(&house, &spec)], async |_, stop| {
            house.warehouse.hangs().await;
            stop.request();
        })
        .await;
    assert_eq!(told.outcome, Outcome::Canceled);
    assert!(told.events.steps().iter().all(|step| step.1 == Status::Cancel));
    assert!(house.warehouse.published().is_empty());
}

#[tokio::test]
async fn a_model_without_tables_is_skipped() {
    let house = House::new();
    let spec = ModelLoadSpec { tables: Vec::new(), foreign_keys: Vec::new(), ..model(&house) };
    let told = house.run(ExtractionMode::Full, vec![load(&house, &spec)]).await;
    assert_eq!(told.events.tasks(), [(Status::Skipped, "the data model has no tables".to_owned())]);
    assert!(house.warehouse.published().is_empty());
}
