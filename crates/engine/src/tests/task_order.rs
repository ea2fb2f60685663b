//! Tasks change places, are copied, and tell how their tables were loaded last.

use forebay_core::event::Event;
use forebay_core::execution::{ExtractionMode, Receipt, Status};
use forebay_core::id::{DataJobId, ModelTableId};
use forebay_core::job::{Activation, TaskKind};
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::warehouse::WarehouseTable;

use super::deletions::parameter;
use super::house::{House, identifier, is_not_found, model_table, name, table};
use super::plane::Act;
use crate::{NewDataModel, TaskMove};

async fn names(house: &House, job: DataJobId) -> Vec<String> {
    let tasks = house.engine.tasks(&house.admin, house.pool, job).await.unwrap();
    tasks.into_iter().map(|task| task.name.to_string()).collect()
}

#[tokio::test]
async fn a_task_moves_by_one_place_or_to_a_place_and_not_past_the_ends() {
    let house = House::new().await;
    let job = house.empty_job("a").await;
    let first = house.task(&job, "1", TaskKind::Transformation(None)).await.id.to_string();
    house.task(&job, "2", TaskKind::Transformation(None)).await;
    house.task(&job, "3", TaskKind::Transformation(None)).await;
    for (to, expected) in [
        (TaskMove::Up, ["1", "2", "3"]),
        (TaskMove::Down, ["2", "1", "3"]),
        (TaskMove::Down, ["2", "3", "1"]),
        (TaskMove::Down, ["2", "3", "1"]),
        (TaskMove::Up, ["2", "1", "3"]),
        (TaskMove::To(2), ["2", "3", "1"]),
        (TaskMove::To(0), ["1", "2", "3"]),
        (TaskMove::To(0), ["1", "2", "3"]),
        (TaskMove::To(1), ["2", "1", "3"]),
        (TaskMove::To(u32::MAX), ["2", "3", "1"]),
    ] {
        house.engine.move_task(&house.admin, house.pool, job.id, &first, to).await.unwrap();
        assert_eq!(names(&house, job.id).await, expected, "{to:?}");
    }
    let other = house.empty_job("b").await;
    is_not_found(house.engine.move_task(&house.admin, house.pool, other.id, &first, TaskMove::Up).await);
}

#[tokio::test]
async fn a_copy_stands_behind_its_task_with_ids_of_its_own_and_does_nothing_yet() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.empty_job("a").await;
    let source = house.task(&job, &"x".repeat(100), TaskKind::Extraction(vec![table("orders")])).await;
    house.task(&job, "Last", TaskKind::Transformation(None)).await;
    engine.create_parameter(admin, parameter(pool, Some(source.id), "since")).await.unwrap();
    let copy = engine.duplicate_task(admin, pool, job.id, &source.id.to_string()).await.unwrap();
    assert_eq!((copy.position, copy.activation), (1, Activation::Disabled));
    let expected = ["x".repeat(100), format!("{} (copy)", "x".repeat(93)), "Last".to_owned()];
    assert_eq!(names(&house, job.id).await, expected);
    assert!(copy.id != source.id && copy.template_id != source.template_id);
    let (TaskKind::Extraction(before), TaskKind::Extraction(after)) = (&source.kind, &copy.kind) else {
        panic!("{copy:?}")
    };
    assert_eq!(before[0].table, after[0].table);
    assert_ne!(before[0].id, after[0].id);
    let seen = engine.parameters_for_task(admin, pool, job.id, &copy.id.to_string()).await.unwrap();
    assert_eq!(
        (seen[0].placeholder.as_str(), seen[0].values.as_slice()),
        ("since", &["stored".to_owned()][..])
    );
    assert_eq!(engine.parameters(admin, pool, Some(source.id)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_last_load_of_a_table_is_the_newest_that_succeeded() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.empty_job("a").await;
    let tables = vec![table("orders"), table("items")];
    let (orders, items) = (tables[0].id, tables[1].id);
    let task = house.task(&job, "Extract", TaskKind::Extraction(tables)).await.id;
    assert!(engine.last_loads(admin, pool, job.id).await.unwrap().is_empty());
    let dispatcher = house.dispatch();
    let run = async |steps: &[(&str, Status, u64)]| {
        let mut events = vec![Event::TaskStarted { task }];
        for (step, (name, status, rows)) in (0_u32..).zip(steps) {
            events.push(Event::StepStarted { task, step, name: (*name).to_owned() });
            let receipt = Some(Receipt { rows_read: *rows, ..Receipt::default() });
            events.push(Event::StepFinished { task, step, status: *status, message: None, receipt });
        }
        events.push(Event::TaskFinished { task, status: Status::Success, message: None });
        house.plane.tell_and_act(job.id, events, Act::Succeed);
        let id = house.start(job.id).await.id;
        house.ended(id).await;
        house.clock.turn(10);
        id
    };
    let first = run(&[("orders", Status::Success, 1), ("items", Status::Success, 2)]).await;
    let second = run(&[("orders", Status::Success, 3), ("items", Status::Fail, 4)]).await;
    dispatcher.stop().await;
    let mut told: Vec<_> = engine.last_loads(admin, pool, job.id).await.unwrap();
    told.sort_by_key(|load| load.receipt.rows_read);
    let told: Vec<_> =
        told.iter().map(|load| (load.table, load.execution, load.mode, load.receipt.rows_read)).collect();
    let full = ExtractionMode::Full;
    assert_eq!(told, [(items, first, full, 2), (orders, second, full, 3)]);

    // The same by the table of the pool, whichever job loaded it last.
    let of_connection = |name: &str| WarehouseTable {
        schema: connection_schema(pool, house.connection),
        name: identifier(name),
    };
    let elsewhere = WarehouseTable { schema: global_schema(pool), name: identifier("orders") };
    let loads = async |tables: &[WarehouseTable]| {
        let loads = engine.table_loads(admin, pool, tables).await.unwrap();
        loads.into_iter().map(|(table, job, load)| (table, job.id, load.execution)).collect::<Vec<_>>()
    };
    let found = loads(&[of_connection("Orders"), of_connection("unknown"), elsewhere]).await;
    assert_eq!(found, [(of_connection("Orders"), job.id, second)]);
    assert!(loads(&[]).await.is_empty());
}

#[tokio::test]
async fn a_process_configuration_loses_what_is_taken_away() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let tables = vec![model_table("events", None)];
    let events = tables[0].id;
    let new = NewDataModel::of(name("Sales"), tables, vec![]);
    let model = engine.create_data_model(admin, pool, new).await.unwrap().model.id;
    let sorted = engine.change_process_configuration(admin, pool, model, events, |process| {
        process.columns.sorting = Some(identifier("place"));
    });
    let sorted = sorted.await.unwrap();
    assert!(sorted.is_default && sorted.columns.sorting.is_some());
    let plain = engine.change_process_configuration(admin, pool, model, events, |process| {
        process.columns.sorting = None;
    });
    let plain = plain.await.unwrap();
    assert_eq!((plain.id, plain.columns.sorting), (sorted.id, None));
    let stranger = ModelTableId::random();
    is_not_found(engine.change_process_configuration(admin, pool, model, stranger, |_| ()).await);
}
