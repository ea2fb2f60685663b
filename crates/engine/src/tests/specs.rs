//! The frozen spec: what was set when the job was started is what runs.

use forebay_core::extraction::TableExtraction;
use forebay_core::id::{ModelTableId, TableExtractionId, TaskId};
use forebay_core::job::{Activation, DataJob, ModelLoad, TableChoice, Task, TaskKind};
use forebay_core::spec::{ExecutionSpec, ExtractionSpec, ModelLoadSpec, Work};

use super::deletions::parameter;
use super::house::{House, full, is_invalid, model_table, name, postgres, table};
use crate::{NewDataModel, Selection, StartExecution, TaskSelection};

/// Runs what is queued and gives the last spec that ran.
async fn ran(house: &House, job: &DataJob) -> ExecutionSpec {
    let dispatcher = house.dispatch();
    let live = house.engine.data_job(&house.admin, house.pool, job.id).await.unwrap().1.unwrap();
    house.ended(live.id).await;
    dispatcher.stop().await;
    house.plane.ran().pop().unwrap()
}

fn scripts(spec: &ExecutionSpec) -> Vec<&str> {
    let mut scripts = Vec::new();
    for task in &spec.tasks {
        if let Work::Transformation { statement } = &task.work {
            scripts.push(statement.as_str());
        }
    }
    scripts
}

/// A job with an extraction of two tables, a transformation and a model load.
async fn whole_job(house: &House) -> (DataJob, [Task; 3], [TableExtraction; 2], [ModelTableId; 2]) {
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.empty_job("a").await;
    let tables = [table("orders"), table("items")];
    let extraction = house.task(&job, "Extract", TaskKind::Extraction(tables.to_vec())).await;
    let script = TaskKind::Transformation(Some("SELECT 1".to_owned()));
    let transformation = house.task(&job, "Transform", script).await;
    let shown = vec![model_table("orders", Some(house.connection)), model_table("items", None)];
    let ids = [shown[0].id, shown[1].id];
    let model =
        engine.create_data_model(admin, pool, NewDataModel::of(name("Sales"), shown, vec![])).await.unwrap();
    let load = ModelLoad { data_model_id: model.model.id, tables: TableChoice::All };
    let load = engine.create_model_load(admin, pool, job.id, load).await.unwrap();
    (job, [extraction, transformation, load], tables, ids)
}

#[tokio::test]
async fn later_changes_do_not_reach_an_execution_that_is_queued() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let (job, [extraction, transformation, _], tables, _) = whole_job(&house).await;
    let of_pool = engine.create_parameter(admin, parameter(pool, None, "x")).await.unwrap();
    house.start(job.id).await;

    let id = transformation.id.to_string();
    engine.set_statement(admin, pool, job.id, &id, "SELECT 2".to_owned()).await.unwrap();
    let disabled = TableExtraction { activation: Activation::Disabled, ..tables[0].clone() };
    engine.put_table_extractions(admin, pool, job.id, &extraction.id.to_string(), &[disabled]).await.unwrap();
    engine.update_data_connection(admin, pool, house.connection, postgres("changed")).await.unwrap();
    let changed = forebay_core::parameter::Parameter { values: vec!["later".to_owned()], ..of_pool };
    engine.update_parameter(admin, changed).await.unwrap();

    let spec = ran(&house, &job).await;
    assert_eq!(scripts(&spec), ["SELECT 1"]);
    let Work::Extraction(ExtractionSpec { config, tables: frozen, parallel, .. }) = &spec.tasks[0].work
    else {
        panic!("{spec:?}")
    };
    assert_eq!((frozen.as_slice(), *parallel), (tables.as_slice(), 3));
    assert_eq!(*config, postgres("hunter2").config);
    assert_eq!(spec.tasks[0].parameters[0].values, ["stored"]);
    assert_eq!(spec.schemas[0].name, "ERP");

    house.start(job.id).await;
    assert_eq!(scripts(&ran(&house, &job).await), ["SELECT 2"]);
}

#[tokio::test]
async fn disabled_tasks_and_tables_are_left_out() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let (job, [extraction, transformation, load], tables, _) = whole_job(&house).await;
    let disabled = Activation::Disabled;
    engine.set_task_activation(admin, pool, job.id, &transformation.id.to_string(), disabled).await.unwrap();
    let off = TableExtraction { activation: disabled, ..tables[0].clone() };
    engine.put_table_extractions(admin, pool, job.id, &extraction.id.to_string(), &[off]).await.unwrap();
    house.start(job.id).await;
    let spec = ran(&house, &job).await;
    let ids: Vec<TaskId> = spec.tasks.iter().map(|task| task.id).collect();
    assert_eq!(ids, [extraction.id, load.id]);
    let Work::Extraction(frozen) = &spec.tasks[0].work else { panic!("{spec:?}") };
    assert_eq!(frozen.tables, tables[1..]);
}

#[tokio::test]
async fn a_tasks_parameters_stand_before_the_pools_and_may_take_their_values() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let (job, [extraction, ..], ..) = whole_job(&house).await;
    let of_pool = engine.create_parameter(admin, parameter(pool, None, "x")).await.unwrap();
    let mut hidden = parameter(pool, None, "y");
    hidden.values = vec!["hidden".to_owned()];
    engine.create_parameter(admin, hidden).await.unwrap();
    let mut own = parameter(pool, Some(extraction.id), "y");
    own.values = Vec::new();
    engine.create_parameter(admin, own).await.unwrap();
    let mut linked = parameter(pool, Some(extraction.id), "z");
    linked.values = vec!["own".to_owned()];
    linked.pool_parameter_id = Some(of_pool.id);
    engine.create_parameter(admin, linked).await.unwrap();
    house.start(job.id).await;
    let spec = ran(&house, &job).await;
    let values: Vec<(&str, &str)> = spec.tasks[0]
        .parameters
        .iter()
        .map(|parameter| (parameter.placeholder.as_str(), parameter.values[0].as_str()))
        .collect();
    assert_eq!(values, [("y", "default"), ("z", "stored"), ("x", "stored")]);
    assert_eq!(spec.tasks[1].parameters.len(), 2);
}

#[tokio::test]
async fn a_selection_runs_the_chosen_part_and_nothing_else() {
    let house = House::new().await;
    let (job, [extraction, _, load], tables, shown) = whole_job(&house).await;
    let selection = Selection {
        transformations: Some(Vec::new()),
        extractions: Some(vec![TaskSelection { task: extraction.id, only: Some(vec![tables[1].id]) }]),
        loads: Some(vec![TaskSelection { task: load.id, only: Some(vec![shown[0]]) }]),
    };
    let start = StartExecution { selection, ..full() };
    house.engine.start_execution(&house.admin, house.pool, job.id, start).await.unwrap();
    let spec = ran(&house, &job).await;
    assert_eq!(spec.tasks.len(), 2);
    let Work::Extraction(frozen) = &spec.tasks[0].work else { panic!("{spec:?}") };
    assert_eq!(frozen.tables, tables[1..]);
    let Work::DataModelLoad(ModelLoadSpec { tables, only, .. }) = &spec.tasks[1].work else {
        panic!("{spec:?}")
    };
    assert_eq!((tables.len(), only.as_deref()), (2, Some(&shown[..1])));
}

#[tokio::test]
async fn a_selection_that_names_what_is_not_there_is_refused_by_name() {
    let house = House::new().await;
    let (job, [extraction, transformation, load], ..) = whole_job(&house).await;
    let start = async |selection| {
        let start = StartExecution { selection, ..full() };
        house.engine.start_execution(&house.admin, house.pool, job.id, start).await
    };
    let all = Selection::default;
    let stranger = TaskId::random();
    let wrong = Selection { transformations: Some(vec![extraction.id]), ..all() };
    is_invalid(start(wrong).await, "transformations", &extraction.id.to_string());
    let part = TaskSelection { task: stranger, only: None };
    is_invalid(
        start(Selection { extractions: Some(vec![part]), ..all() }).await,
        "extractions",
        &stranger.to_string(),
    );
    let part = TaskSelection { task: transformation.id, only: None };
    let wrong = Selection { loads: Some(vec![part]), ..all() };
    is_invalid(start(wrong).await, "dataModels", &transformation.id.to_string());
    let unknown = TableExtractionId::random();
    let part = TaskSelection { task: extraction.id, only: Some(vec![unknown]) };
    is_invalid(
        start(Selection { extractions: Some(vec![part]), ..all() }).await,
        "extractions.tables",
        &unknown.to_string(),
    );
    let unknown = ModelTableId::random();
    let part = TaskSelection { task: load.id, only: Some(vec![unknown]) };
    is_invalid(
        start(Selection { loads: Some(vec![part]), ..all() }).await,
        "dataModels.tables",
        &unknown.to_string(),
    );
    assert!(house.engine.executions(&house.admin, house.pool, job.id, 10, 0).await.unwrap().0.is_empty());
}
