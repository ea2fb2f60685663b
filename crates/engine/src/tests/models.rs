//! Data models: what is changed stays whole, and a reload is an execution of its own.

use forebay_core::access::{Permission, Scope};
use forebay_core::error::Error;
use forebay_core::event::{Event, Loss};
use forebay_core::execution::{ExtractionMode, LogLevel, Status};
use forebay_core::id::{DataJobId, DataModelId, ForeignKeyId, ModelTableId, TaskId};
use forebay_core::job::{ModelLoad, TableChoice};
use forebay_core::model::calendar::FactoryCalendar;
use forebay_core::model::load::{KEY_WARNING, LoadKind, LoadStatus};
use forebay_core::model::{DataModel, ForeignKey};
use forebay_core::spec::{ModelLoadSpec, Work};

use super::house::{House, identifier, is_conflict, is_invalid, is_not_found, model_table, name};
use super::plane::Act;
use crate::{ModelReload, ModelSettings, ModelTableChange, NewDataModel, ProcessChange};

/// A model of orders in the connection's schema and items in the global one, with a relation.
pub(super) async fn model(house: &House) -> DataModel {
    let tables = vec![model_table("orders", Some(house.connection)), model_table("items", None)];
    let key = ForeignKey {
        id: ForeignKeyId::random(),
        source: tables[0].id,
        target: tables[1].id,
        columns: vec![(identifier("id"), identifier("order_id"))],
    };
    let new = NewDataModel::of(name("Sales"), tables, vec![key]);
    house.engine.create_data_model(&house.admin, house.pool, new).await.unwrap().model
}

async fn reload(house: &House, model: DataModelId, what: ModelReload) -> forebay_core::id::ExecutionId {
    let load = house.engine.reload_data_model(&house.admin, house.pool, model, what).await.unwrap();
    assert_eq!(load.status, LoadStatus::Running);
    load.execution_id
}

async fn history(house: &House, model: DataModelId) -> Vec<(LoadKind, LoadStatus, Option<String>)> {
    let history = house.engine.model_load_history(&house.admin, house.pool, model).await.unwrap();
    history.loads.into_iter().map(|load| (load.kind, load.status, load.message)).collect()
}

#[tokio::test]
async fn a_reload_runs_the_model_as_it_was_and_is_told_by_its_kind() {
    let house = House::new().await;
    let model = model(&house).await;
    let (orders, items) = (model.tables[0].id, model.tables[1].id);
    for (what, kind, mode, only) in [
        (ModelReload::Complete, LoadKind::Complete, ExtractionMode::Full, None),
        (ModelReload::FromCache, LoadKind::FromCache, ExtractionMode::Delta, None),
        (ModelReload::Partial(vec![items]), LoadKind::Partial, ExtractionMode::Full, Some(vec![items])),
    ] {
        let id = reload(&house, model.id, what).await;
        // What is changed later does not reach it.
        let change = ModelTableChange { table: Some(identifier("later")), ..ModelTableChange::default() };
        let (admin, pool) = (&house.admin, house.pool);
        house.engine.update_model_table(admin, pool, model.id, orders, change).await.unwrap();
        assert_eq!(history(&house, model.id).await[0], (kind, LoadStatus::Running, None));
        let dispatcher = house.dispatch();
        house.ended(id).await;
        dispatcher.stop().await;
        let spec = house.plane.ran().pop().unwrap();
        assert_eq!((spec.job_id, spec.mode), (DataJobId::from(model.id), mode));
        let [task] = spec.tasks.as_slice() else { panic!("{spec:?}") };
        let Work::DataModelLoad(ModelLoadSpec { data_model_id, tables, foreign_keys, only: part, .. }) =
            &task.work
        else {
            panic!("{task:?}")
        };
        assert_eq!((*data_model_id, part), (model.id, &only));
        assert_eq!((tables.as_slice(), foreign_keys), (model.tables.as_slice(), &model.foreign_keys));
        let change = ModelTableChange { table: Some(identifier("orders")), ..ModelTableChange::default() };
        house.engine.update_model_table(admin, pool, model.id, orders, change).await.unwrap();
        house.clock.turn(10);
    }
    let kinds: Vec<_> = history(&house, model.id).await.into_iter().map(|load| load.0).collect();
    assert_eq!(kinds, [LoadKind::Partial, LoadKind::FromCache, LoadKind::Complete]);
}

#[tokio::test]
async fn one_reload_of_a_model_at_a_time_and_the_model_stays_while_it_is_live() {
    let house = House::new().await;
    let model = model(&house).await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let live = reload(&house, model.id, ModelReload::Complete).await;
    for what in [ModelReload::Complete, ModelReload::Partial(vec![model.tables[0].id])] {
        let second = engine.reload_data_model(admin, pool, model.id, what).await;
        assert!(matches!(second, Err(Error::ExecutionIsLive { execution, .. }) if execution == live));
    }
    let deleted = engine.delete_data_model(admin, pool, model.id).await;
    assert!(matches!(deleted, Err(Error::ExecutionIsLive { execution, .. }) if execution == live));
    // Another model is another matter.
    let other = NewDataModel::of(name("Other"), vec![model_table("orders", None)], vec![]);
    let other = engine.create_data_model(admin, pool, other).await.unwrap().model;
    reload(&house, other.id, ModelReload::Complete).await;
    // No call for data jobs sees it.
    is_not_found(engine.data_job(admin, pool, model.id.into()).await);
    is_not_found(engine.cancel_data_job(admin, pool, model.id.into()).await);
    assert!(engine.data_jobs(admin, pool).await.unwrap().is_empty());
    engine.cancel_execution(admin, live).await.unwrap();
    assert_eq!(history(&house, model.id).await[0].1, LoadStatus::Canceled);
    engine.delete_data_model(admin, pool, model.id).await.unwrap();
    is_not_found(engine.execution(admin, live).await);
}

#[tokio::test]
async fn what_a_load_warns_of_is_told_with_it() {
    let house = House::new().await;
    let model = model(&house).await;
    let id = reload(&house, model.id, ModelReload::Complete).await;
    let (_, tasks) = house.engine.execution(&house.admin, id).await.unwrap();
    let task = tasks[0].task_id;
    let warning = |text: &str| Event::Log {
        task: Some(task),
        level: LogLevel::Warning,
        code: KEY_WARNING.to_owned(),
        text: text.to_owned(),
    };
    let events = vec![
        Event::TaskStarted { task },
        warning("items: 2 rows have no row in orders"),
        Event::TaskFinished { task, status: Status::Success, message: Some("2 tables".to_owned()) },
    ];
    house.plane.tell_and_act(model.id.into(), events, Act::Succeed);
    let dispatcher = house.dispatch();
    house.ended(id).await;
    let told = |text: &str| Some(text.to_owned());
    let expected = (LoadKind::Complete, LoadStatus::Warning, told("items: 2 rows have no row in orders"));
    assert_eq!(history(&house, model.id).await, [expected]);
    let seen = house.engine.data_model(&house.admin, house.pool, model.id).await.unwrap();
    assert!(seen.is_loaded && seen.may_edit);

    house.plane.act(model.id.into(), Act::Fail("no such table"));
    house.clock.turn(10);
    let failing = reload(&house, model.id, ModelReload::Complete).await;
    house.ended(failing).await;
    dispatcher.stop().await;
    let newest = &history(&house, model.id).await[0];
    assert_eq!(*newest, (LoadKind::Complete, LoadStatus::Error, told("no such table")));
    let last = house.engine.model_load_history(&house.admin, house.pool, model.id).await.unwrap();
    assert_eq!(last.last_published.unwrap().execution_id, id);
}

#[tokio::test]
async fn a_reload_whose_worker_goes_away_goes_on_and_is_running_all_the_time() {
    let house = House::new().await;
    let model = model(&house).await;
    let lost = Loss::Interrupted { reason: "the worker was stopped".to_owned() };
    house.plane.act(model.id.into(), Act::LoseAtGate(lost));
    let id = reload(&house, model.id, ModelReload::Complete).await;
    let dispatcher = house.dispatch();
    house.plane.begun(1).await;
    house.plane.act(model.id.into(), Act::UntilGate);
    house.plane.open_gate(1);
    house.plane.begun(2).await;
    assert_eq!(history(&house, model.id).await[0].1, LoadStatus::Running);
    house.plane.open_gate(1);
    let ended = house.ended(id).await;
    dispatcher.stop().await;
    assert_eq!((ended.status, ended.interruptions), (Status::Success, 1));
    let claims = house.plane.claims();
    assert!(claims[0].job == DataJobId::from(model.id) && claims[0].number < claims[1].number, "{claims:?}");
}

#[tokio::test]
async fn an_editor_may_reload_and_whoever_may_not_edit_any_more_may_not() {
    let house = House::new().await;
    let model = model(&house).await;
    let editor = house.member(Scope::Pool(house.pool), &[Permission::View, Permission::Edit]).await;
    let start = async || {
        let what = ModelReload::Complete;
        house.engine.reload_data_model(&editor, house.pool, model.id, what).await.unwrap().execution_id
    };
    let first = start().await;
    let dispatcher = house.dispatch();
    assert_eq!(house.ended(first).await.status, Status::Success);
    dispatcher.stop().await;
    let canceled = start().await;
    house.engine.cancel_execution(&editor, canceled).await.unwrap();
    house.clock.turn(10);
    let second = start().await;
    house.revoke(&editor, Scope::Pool(house.pool)).await;
    let dispatcher = house.dispatch();
    let refused = house.ended(second).await;
    dispatcher.stop().await;
    assert_eq!(refused.status, Status::Fail);
    let message = refused.message.unwrap();
    assert!(message.contains("may not load data models of this pool any more"), "{message}");
    assert_eq!(house.plane.ran().len(), 1);
}

#[tokio::test]
async fn a_reload_names_tables_of_its_model() {
    let house = House::new().await;
    let model = model(&house).await;
    let reload = async |model, tables| {
        let what = ModelReload::Partial(tables);
        house.engine.reload_data_model(&house.admin, house.pool, model, what).await
    };
    let unknown = ModelTableId::random();
    is_invalid(reload(model.id, vec![model.tables[0].id, unknown]).await, "body", &unknown.to_string());
    is_invalid(reload(model.id, Vec::new()).await, "body", "names no table");
    is_not_found(reload(DataModelId::random(), vec![unknown]).await);
    assert!(history(&house, model.id).await.is_empty());
    let (other, _) = house.other_pool().await;
    let result = house.engine.reload_data_model(&house.admin, other, model.id, ModelReload::Complete).await;
    is_not_found(result);
}

#[tokio::test]
async fn what_a_data_job_loads_of_a_model_is_in_its_history() {
    let house = House::new().await;
    let model = model(&house).await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.empty_job("a").await;
    let load = ModelLoad { data_model_id: model.id, tables: TableChoice::Only(vec![model.tables[0].id]) };
    let task = engine.create_model_load(admin, pool, job.id, load).await.unwrap().id;
    let finished = |task: TaskId| {
        let message = Some("1 table".to_owned());
        vec![Event::TaskStarted { task }, Event::TaskFinished { task, status: Status::Success, message }]
    };
    house.plane.tell_and_act(job.id, finished(task), Act::Succeed);
    let execution = house.start(job.id).await;
    assert!(history(&house, model.id).await.is_empty(), "it counts from when it begins");
    let dispatcher = house.dispatch();
    house.ended(execution.id).await;
    dispatcher.stop().await;
    let expected = (LoadKind::Partial, LoadStatus::Success, Some("1 table".to_owned()));
    assert_eq!(history(&house, model.id).await, [expected]);
}

#[tokio::test]
async fn a_table_takes_its_relations_and_its_process_along() {
    let house = House::new().await;
    let model = model(&house).await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let (orders, items) = (model.tables[0].id, model.tables[1].id);
    let put = async |said| engine.put_process_configuration(admin, pool, model.id, said).await;
    let of = |table| ProcessChange { activity_table: Some(table), ..ProcessChange::default() };
    let first = put(ProcessChange { case_table: Some(items), ..of(orders) }).await.unwrap();
    let second = put(of(items)).await.unwrap();
    assert!(first.is_default && !second.is_default);
    is_invalid(
        put(ProcessChange { id: Some(second.id), ..of(orders) }).await,
        "activityTableId",
        "another process configuration",
    );
    is_not_found(put(of(ModelTableId::random())).await);
    engine.delete_model_table(admin, pool, model.id, items).await.unwrap();
    let left = engine.data_model(admin, pool, model.id).await.unwrap().model;
    assert!(left.foreign_keys.is_empty());
    let [process] = left.processes.as_slice() else { panic!("{left:?}") };
    assert_eq!((process.id, process.case_table), (first.id, None));
    is_not_found(engine.delete_model_table(admin, pool, model.id, items).await);
}

#[tokio::test]
async fn what_would_not_be_whole_changes_nothing() {
    let house = House::new().await;
    let model = model(&house).await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let (_, stranger) = house.other_pool().await;
    let tables = [model_table("new", None), model_table("ITEMS", None)];
    is_invalid(engine.create_model_tables(admin, pool, model.id, &tables).await, "tables", "twice");
    let tables = [model_table("new", Some(stranger))];
    is_not_found(engine.create_model_tables(admin, pool, model.id, &tables).await);
    let change = ModelTableChange { alias: Some(Some(identifier("Orders"))), ..ModelTableChange::default() };
    let result = engine.update_model_table(admin, pool, model.id, model.tables[1].id, change).await;
    is_invalid(result, "tables", "twice");
    let key = model.foreign_keys[0].id;
    let lost = |key: &mut ForeignKey| key.source = ModelTableId::random();
    is_not_found(engine.update_foreign_key(admin, pool, model.id, key, lost).await);
    let empty = |key: &mut ForeignKey| key.columns.clear();
    is_invalid(engine.update_foreign_key(admin, pool, model.id, key, empty).await, "foreignKeys", "pair");
    let many: Vec<_> = (0..1_001).map(|number| model_table(&format!("t{number}"), None)).collect();
    is_invalid(engine.create_model_tables(admin, pool, model.id, &many).await, "tables", "1000");
    let factory = FactoryCalendar { connection_id: Some(stranger), table: identifier("TFACS") };
    let settings = ModelSettings { factory_calendar: Some(Some(factory)), ..ModelSettings::default() };
    is_not_found(engine.update_data_model(admin, pool, model.id, None, settings).await);
    assert_eq!(engine.data_model(admin, pool, model.id).await.unwrap().model, model);
}

#[tokio::test]
async fn a_connection_that_a_calendar_is_read_from_stays() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let new = NewDataModel::of(name("Sales"), vec![], vec![]);
    let model = engine.create_data_model(admin, pool, new).await.unwrap().model;
    let factory = FactoryCalendar { connection_id: Some(house.connection), table: identifier("TFACS") };
    let settings = ModelSettings { factory_calendar: Some(Some(factory)), ..ModelSettings::default() };
    engine.update_data_model(admin, pool, model.id, None, settings).await.unwrap();
    is_conflict(engine.delete_data_connection(admin, pool, house.connection).await, "factory calendar");
    let global = FactoryCalendar { connection_id: None, table: identifier("TFACS") };
    let settings = ModelSettings { factory_calendar: Some(Some(global.clone())), ..ModelSettings::default() };
    engine.update_data_model(admin, pool, model.id, None, settings).await.unwrap();
    engine.delete_data_connection(admin, pool, house.connection).await.unwrap();
    // What is not spoken of stays, and what is taken away goes.
    for (factory_calendar, expected) in [(None, Some(global)), (Some(None), None)] {
        let settings = ModelSettings { factory_calendar, ..ModelSettings::default() };
        let changed = engine.update_data_model(admin, pool, model.id, None, settings).await.unwrap();
        assert_eq!(changed.model.calendar.factory, expected);
    }
}
