//! Changes of jobs, tasks, models and parameters: what they refer to is checked, and of two at once
//! neither is lost.

use forebay_core::extraction::TableExtraction;
use forebay_core::id::{DataModelId, ForeignKeyId, ModelTableId, ParameterId};
use forebay_core::job::{Activation, ModelLoad, TableChoice, TaskKind};
use forebay_core::model::{ForeignKey, ModelTable};
use forebay_core::parameter::{DynamicOperation, DynamicValue, ParameterOrigin};

use super::deletions::parameter;
use super::house::{
    House, identifier, is_conflict, is_invalid, is_not_found, model_table, name, postgres, table,
};
use crate::NewDataModel;

#[tokio::test]
async fn of_two_changes_of_an_extraction_at_once_neither_is_lost() {
    let house = House::new().await;
    let job = house.empty_job("a").await;
    let task = house.task(&job, "Extract", TaskKind::Extraction(Vec::new())).await;
    let mut changes = tokio::task::JoinSet::new();
    for number in 0..12 {
        let (engine, admin, pool, job) = (house.engine.clone(), house.admin.clone(), house.pool, job.id);
        changes.spawn(async move {
            let tables = [table(&format!("t{number}"))];
            engine.put_table_extractions(&admin, pool, job, &task.id.to_string(), &tables).await.unwrap();
        });
    }
    changes.join_all().await;
    let task =
        house.engine.task(&house.admin, house.pool, job.id, &task.template_id.to_string()).await.unwrap();
    let TaskKind::Extraction(tables) = task.kind else { panic!("the task changed its kind") };
    assert_eq!(tables.len(), 12);
}

#[tokio::test]
async fn two_enabled_tables_with_one_target_are_refused() {
    let house = House::new().await;
    let job = house.empty_job("a").await;
    let task = house.task(&job, "Extract", TaskKind::Extraction(Vec::new())).await.id.to_string();
    let put = async |tables: &[TableExtraction]| {
        house.engine.put_table_extractions(&house.admin, house.pool, job.id, &task, tables).await
    };
    put(&[table("orders")]).await.unwrap();
    let twin = TableExtraction { target: Some(identifier("ORDERS")), ..table("archive") };
    is_invalid(put(std::slice::from_ref(&twin)).await, "targetTableName", "orders and archive");
    let disabled = TableExtraction { activation: Activation::Disabled, ..twin.clone() };
    put(&[disabled]).await.unwrap();
    // To enable it is the same as to add it.
    is_invalid(put(&[twin]).await, "targetTableName", "orders and archive");
}

#[tokio::test]
async fn what_belongs_to_another_kind_of_task_is_not_found() {
    let house = House::new().await;
    let job = house.empty_job("a").await;
    let (pool, admin) = (house.pool, &house.admin);
    let script = house.task(&job, "Transform", TaskKind::Transformation(None)).await.id.to_string();
    let extraction = house.task(&job, "Extract", TaskKind::Extraction(vec![table("t")])).await.id.to_string();
    is_not_found(house.engine.put_table_extractions(admin, pool, job.id, &script, &[table("x")]).await);
    is_not_found(house.engine.set_statement(admin, pool, job.id, &extraction, String::new()).await);
    let stranger = table("t").id;
    is_not_found(house.engine.delete_table_extraction(admin, pool, job.id, &extraction, stranger).await);
    let other = house.empty_job("b").await;
    is_not_found(house.engine.task(admin, pool, other.id, &script).await);
    is_not_found(house.engine.task(admin, pool, job.id, "None").await);
}

#[tokio::test]
async fn ids_of_another_pool_are_not_found() {
    let house = House::new().await;
    let (other, connection) = house.other_pool().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.job("a").await;
    let task = engine.tasks(admin, pool, job.id).await.unwrap()[0].clone();
    is_not_found(engine.create_data_job(admin, pool, name("x"), Some(connection)).await);
    is_not_found(engine.data_job(admin, other, job.id).await);
    is_not_found(engine.start_execution(admin, other, job.id, super::house::full()).await);
    is_not_found(engine.query(admin, pool, Some(connection), "SELECT 1".to_owned(), 1).await);
    let tables = vec![model_table("orders", Some(connection))];
    is_not_found(engine.create_data_model(admin, pool, NewDataModel::of(name("x"), tables, vec![])).await);
    let model = engine
        .create_data_model(admin, other, NewDataModel::of(name("x"), vec![model_table("o", None)], vec![]))
        .await;
    let load = ModelLoad { data_model_id: model.unwrap().model.id, tables: TableChoice::All };
    is_not_found(engine.create_model_load(admin, pool, job.id, load).await);
    let linked = engine.create_parameter(admin, parameter(other, None, "x")).await.unwrap();
    let mut of_task = parameter(pool, Some(task.id), "y");
    of_task.pool_parameter_id = Some(linked.id);
    is_not_found(engine.create_parameter(admin, of_task).await);
    is_not_found(engine.create_parameter(admin, parameter(other, Some(task.id), "z")).await);
    let mut dynamic = parameter(pool, None, "d");
    dynamic.origin = ParameterOrigin::Dynamic(DynamicValue {
        operation: DynamicOperation::FindMax,
        connection_id: Some(connection),
        table: identifier("orders"),
        column: identifier("updated"),
    });
    is_not_found(engine.create_parameter(admin, dynamic).await);
}

#[tokio::test]
async fn a_load_names_tables_of_its_model() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.empty_job("a").await;
    let orders = model_table("orders", None);
    let model = engine
        .create_data_model(admin, pool, NewDataModel::of(name("Sales"), vec![orders.clone()], vec![]))
        .await
        .unwrap();
    let load = async |tables| {
        let load = ModelLoad { data_model_id: model.model.id, tables: TableChoice::Only(tables) };
        engine.create_model_load(admin, pool, job.id, load).await
    };
    let unknown = ModelTableId::random();
    is_invalid(load(vec![orders.id, unknown]).await, "tables", &unknown.to_string());
    load(vec![orders.id]).await.unwrap();
    let missing = ModelLoad { data_model_id: DataModelId::random(), tables: TableChoice::All };
    is_not_found(engine.create_model_load(admin, pool, job.id, missing).await);
}

#[tokio::test]
async fn a_model_is_whole_before_it_is_kept() {
    let house = House::new().await;
    let create = async |tables: Vec<ModelTable>, keys| {
        house
            .engine
            .create_data_model(&house.admin, house.pool, NewDataModel::of(name("Sales"), tables, keys))
            .await
    };
    let alias = ModelTable { alias: Some(identifier("ORDERS")), ..model_table("archive", None) };
    is_invalid(create(vec![model_table("orders", None), alias], vec![]).await, "tables", "twice");
    let (orders, stranger) = (model_table("orders", None), ModelTableId::random());
    let columns = vec![(identifier("id"), identifier("order_id"))];
    let key = ForeignKey { id: ForeignKeyId::random(), source: orders.id, target: stranger, columns };
    is_invalid(create(vec![orders.clone()], vec![key]).await, "foreignKeys", "tables of the model");
    let key =
        ForeignKey { id: ForeignKeyId::random(), source: orders.id, target: orders.id, columns: vec![] };
    is_invalid(create(vec![orders], vec![key]).await, "foreignKeys", "pair of columns");
    assert!(house.engine.data_models(&house.admin, house.pool).await.unwrap().is_empty());
}

#[tokio::test]
async fn placeholders_are_plain_and_unique_in_their_scope() {
    let house = House::new().await;
    let create = async |text: &str| {
        house.engine.create_parameter(&house.admin, parameter(house.pool, None, text)).await
    };
    create("start date").await.unwrap();
    is_conflict(create("start date").await, "`start date`");
    create(&"ü".repeat(100)).await.unwrap();
    for bad in ["", " a", "a%>b", "DATASOURCE:x", "FOREBAY:TODAY", &"x".repeat(101)] {
        is_invalid(create(bad).await, "placeholder", "letters");
    }
}

#[tokio::test]
async fn only_a_parameter_of_a_task_takes_its_values_from_one_of_the_pool() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.job("a").await;
    let task = engine.tasks(admin, pool, job.id).await.unwrap()[0].id;
    let of_pool = engine.create_parameter(admin, parameter(pool, None, "x")).await.unwrap();
    let mut second = parameter(pool, None, "y");
    second.pool_parameter_id = Some(of_pool.id);
    is_invalid(engine.create_parameter(admin, second).await, "settings.poolVariableId", "of a task");
    let of_task = engine.create_parameter(admin, parameter(pool, Some(task), "z")).await.unwrap();
    let mut third = parameter(pool, Some(task), "w");
    third.pool_parameter_id = Some(of_task.id);
    is_invalid(engine.create_parameter(admin, third.clone()).await, "settings.poolVariableId", "of the pool");
    third.pool_parameter_id = Some(ParameterId::random());
    is_not_found(engine.create_parameter(admin, third).await);
}

#[tokio::test]
async fn the_name_of_a_connection_is_taken_once() {
    let house = House::new().await;
    is_conflict(house.engine.create_data_connection(&house.admin, house.pool, postgres("x")).await, "`ERP`");
}

#[tokio::test]
async fn an_extraction_needs_a_job_with_a_connection() {
    let house = House::new().await;
    let job = house.engine.create_data_job(&house.admin, house.pool, name("global"), None).await.unwrap();
    let new = crate::NewTask {
        name: name("Extract"),
        description: None,
        kind: TaskKind::Extraction(Vec::new()),
        position: None,
    };
    is_invalid(house.engine.create_task(&house.admin, house.pool, job.id, new).await, "taskType", "global");
}
