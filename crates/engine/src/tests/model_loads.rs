//! What loads a data model in a job, and how each model of a pool was loaded last.

use forebay_core::id::{DataModelId, ModelTableId};
use forebay_core::job::{ModelLoad, TableChoice, TaskKind};
use forebay_core::model::load::LoadStatus;

use super::house::{House, is_invalid, is_not_found, name};
use super::models::model;
use super::plane::Act;
use crate::{ModelReload, NewDataModel};

#[tokio::test]
async fn a_task_loads_what_it_is_set_to_of_a_model() {
    let house = House::new().await;
    let model = model(&house).await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.empty_job("a").await;
    let whole = ModelLoad { data_model_id: model.id, tables: TableChoice::All };
    let task = engine.create_model_load(admin, pool, job.id, whole).await.unwrap();
    let part = ModelLoad { data_model_id: model.id, tables: TableChoice::Only(vec![model.tables[1].id]) };
    let id = task.id.to_string();
    let changed = engine.set_model_load(admin, pool, job.id, &id, part.clone()).await.unwrap();
    assert_eq!((changed.id, &changed.kind), (task.id, &TaskKind::DataModelLoad(part.clone())));
    assert_eq!(engine.model_load_tasks(admin, pool).await.unwrap(), [changed]);
    let stranger = TableChoice::Only(vec![ModelTableId::random()]);
    let stranger = ModelLoad { data_model_id: model.id, tables: stranger };
    is_invalid(engine.set_model_load(admin, pool, job.id, &id, stranger).await, "tables", "is no table of");
    let nothing = ModelLoad { data_model_id: DataModelId::random(), tables: TableChoice::All };
    is_not_found(engine.set_model_load(admin, pool, job.id, &id, nothing).await);
    let script = house.task(&job, "Transform", TaskKind::Transformation(None)).await.id.to_string();
    is_not_found(engine.set_model_load(admin, pool, job.id, &script, part).await);
}

#[tokio::test]
async fn the_newest_load_of_each_model_of_a_pool_is_told() {
    let house = House::new().await;
    let loaded = model(&house).await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let new = NewDataModel::of(name("Never loaded"), vec![], vec![]);
    engine.create_data_model(admin, pool, new).await.unwrap();
    assert!(engine.newest_model_loads(admin, pool).await.unwrap().is_empty());
    let dispatcher = house.dispatch();
    for act in [Act::Fail("no room"), Act::Succeed] {
        house.plane.act(loaded.id.into(), act);
        let load = engine.reload_data_model(admin, pool, loaded.id, ModelReload::Complete).await.unwrap();
        house.ended(load.execution_id).await;
        house.clock.turn(10);
    }
    dispatcher.stop().await;
    let newest = engine.newest_model_loads(admin, pool).await.unwrap();
    let last = engine.last_model_load(admin, pool, loaded.id).await.unwrap().unwrap();
    assert_eq!((newest.len(), &newest[&loaded.id]), (1, &last));
    assert_eq!(last.status, LoadStatus::Warning, "the one that ended well, of whose task nothing was told");
}
