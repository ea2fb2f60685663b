//! What is live or in use cannot be deleted, and what is deleted leaves nothing behind.

use forebay_core::error::Error;
use forebay_core::id::{DataPoolId, ParameterId, TaskId};
use forebay_core::job::{ModelLoad, TableChoice, TaskKind};
use forebay_core::parameter::{
    DynamicOperation, DynamicValue, Parameter, ParameterOrigin, ParameterType, Visibility,
};

use super::house::{House, identifier, is_conflict, is_not_found, model_table, name};
use crate::NewDataModel;

pub(super) fn parameter(pool: DataPoolId, task: Option<TaskId>, placeholder: &str) -> Parameter {
    Parameter {
        id: ParameterId::random(),
        pool_id: pool,
        task_id: task,
        name: name("Start"),
        placeholder: placeholder.to_owned(),
        description: None,
        visibility: Visibility::Public,
        data_type: ParameterType::String,
        origin: ParameterOrigin::Constant,
        values: vec!["stored".to_owned()],
        default_values: vec!["default".to_owned()],
        pool_parameter_id: None,
    }
}

#[tokio::test]
async fn a_pool_and_a_job_with_a_live_execution_stay() {
    let house = House::new().await;
    let job = house.job("a").await;
    let live = house.start(job.id).await;
    let result = house.engine.delete_data_job(&house.admin, house.pool, job.id).await;
    assert!(matches!(result, Err(Error::ExecutionIsLive { execution, .. }) if execution == live.id));
    // The clock was turned back: the live execution is not the one that was queued last.
    house.engine.cancel_execution(&house.admin, live.id).await.unwrap();
    house.clock.turn(-500);
    let live = house.start(job.id).await;
    is_conflict(house.engine.delete_data_pool(&house.admin, house.pool).await, "is still queued");
    assert!(house.plane.removed().is_empty());
    house.engine.cancel_execution(&house.admin, live.id).await.unwrap();
    house.engine.delete_data_job(&house.admin, house.pool, job.id).await.unwrap();
    house.engine.delete_data_pool(&house.admin, house.pool).await.unwrap();
    assert_eq!(house.plane.removed(), [house.pool]);
    is_not_found(house.engine.data_pool(&house.admin, house.pool).await);
}

#[tokio::test]
async fn rows_of_a_deleted_pool_that_could_not_be_removed_are_removed_at_the_next_start() {
    let house = House::new().await;
    let (other, _) = house.other_pool().await;
    house.plane.refuse_to_remove(true);
    house.engine.delete_data_pool(&house.admin, house.pool).await.unwrap();
    assert_eq!(house.store.removed_data_pools().await.unwrap(), [house.pool]);
    is_not_found(house.engine.data_pool(&house.admin, house.pool).await);

    house.plane.refuse_to_remove(false);
    let house = house.restarted();
    house.dispatch().stop().await;
    assert_eq!(house.plane.removed(), [house.pool]);
    assert!(house.store.removed_data_pools().await.unwrap().is_empty());
    house.restarted().dispatch().stop().await;
    assert_eq!(house.plane.removed(), [house.pool]);
    house.engine.data_pool(&house.admin, other).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_used_stays() {
    let house = House::new().await;
    let delete =
        async || house.engine.delete_data_connection(&house.admin, house.pool, house.connection).await;
    let job = house.job("Nightly").await;
    is_conflict(delete().await, "`Nightly`");
    house.engine.delete_data_job(&house.admin, house.pool, job.id).await.unwrap();

    let tables = vec![model_table("orders", Some(house.connection))];
    let model = house
        .engine
        .create_data_model(&house.admin, house.pool, NewDataModel::of(name("Sales"), tables, vec![]))
        .await;
    is_conflict(delete().await, "`Sales`");
    house.engine.delete_data_model(&house.admin, house.pool, model.unwrap().model.id).await.unwrap();

    let mut newest = parameter(house.pool, None, "newest");
    newest.origin = ParameterOrigin::Dynamic(DynamicValue {
        operation: DynamicOperation::FindMax,
        connection_id: Some(house.connection),
        table: identifier("orders"),
        column: identifier("updated"),
    });
    let newest = house.engine.create_parameter(&house.admin, newest).await.unwrap();
    is_conflict(delete().await, "`newest`");
    house.engine.delete_parameter(&house.admin, house.pool, None, newest.id).await.unwrap();
    delete().await.unwrap();
}

#[tokio::test]
async fn a_model_that_a_task_loads_stays() {
    let house = House::new().await;
    let job = house.empty_job("a").await;
    let tables = vec![model_table("orders", None)];
    let model = house
        .engine
        .create_data_model(&house.admin, house.pool, NewDataModel::of(name("Sales"), tables, vec![]))
        .await;
    let model = model.unwrap().model.id;
    let load = ModelLoad { data_model_id: model, tables: TableChoice::All };
    let task = house.engine.create_model_load(&house.admin, house.pool, job.id, load).await.unwrap();
    let delete = async || house.engine.delete_data_model(&house.admin, house.pool, model).await;
    is_conflict(delete().await, "`Sales`");
    house.engine.delete_task(&house.admin, house.pool, job.id, &task.id.to_string()).await.unwrap();
    delete().await.unwrap();
    is_not_found(delete().await);
}

#[tokio::test]
async fn a_pool_parameter_that_a_task_uses_stays() {
    let house = House::new().await;
    let job = house.empty_job("a").await;
    let task = house.task(&job, "Transform", TaskKind::Transformation(None)).await;
    let of_pool =
        house.engine.create_parameter(&house.admin, parameter(house.pool, None, "x")).await.unwrap();
    let mut of_task = parameter(house.pool, Some(task.id), "y");
    of_task.pool_parameter_id = Some(of_pool.id);
    let of_task = house.engine.create_parameter(&house.admin, of_task).await.unwrap();
    let delete = async || house.engine.delete_parameter(&house.admin, house.pool, None, of_pool.id).await;
    is_conflict(delete().await, "`y`");
    let of = Some(task.id);
    // Under the wrong owner it is not there.
    is_not_found(house.engine.delete_parameter(&house.admin, house.pool, None, of_task.id).await);
    house.engine.delete_parameter(&house.admin, house.pool, of, of_task.id).await.unwrap();
    delete().await.unwrap();
}
