//! All of a pool at once.

use forebay_core::contents::{JobContents, PoolContents, TaskContents};

use super::*;
use crate::ContentsChange;

/// A connection, a parameter and a job with a task that has one, too.
fn contents(pool: DataPoolId) -> PoolContents {
    let connection = new_connection(pool, "ERP");
    let job = new_job(pool, Some(connection.id));
    let task = new_task(&job, "Extract", 0, TaskKind::Transformation(Some("select 1".to_owned())));
    let shared = new_parameter(pool, None, "shared");
    let own = Parameter { pool_parameter_id: Some(shared.id), ..new_parameter(pool, Some(task.id), "own") };
    PoolContents {
        connections: vec![connection],
        parameters: vec![shared],
        models: Vec::new(),
        jobs: vec![JobContents { job, tasks: vec![TaskContents { task, parameters: vec![own] }] }],
        schedules: Vec::new(),
    }
}

fn change(new_pool: Option<DataPool>, contents: PoolContents) -> ContentsChange {
    ContentsChange { new_pool, contents }
}

#[tokio::test]
async fn what_is_written_is_read_again() {
    let store = Store::temporary().await.unwrap();
    let pool = new_pool();
    let mut written = contents(pool.id);
    written.connections[0].credentials = Credentials::Missing;
    store.change_contents(vec![change(Some(pool.clone()), written.clone())]).await.unwrap();
    assert_eq!(store.data_pool(pool.id).await.unwrap(), pool);
    assert_eq!(store.pool_contents(pool.id).await.unwrap(), written);
    let connection = written.connections[0].id;
    assert_eq!(store.find_data_connection(connection).await.unwrap(), written.connections[0]);
    is_not_found(store.find_data_connection(DataConnectionId::random()).await);
}

#[tokio::test]
async fn of_several_changes_either_all_are_made_or_none() {
    let (store, pool) = store_with_pool().await;
    store.create_data_connection(&new_connection(pool.id, "ERP")).await.unwrap();
    let other = new_pool();
    let changes = vec![change(Some(other.clone()), contents(other.id)), change(None, contents(pool.id))];
    is_conflict(store.change_contents(changes).await, "there already is a data connection `ERP`");
    is_not_found(store.data_pool(other.id).await);
    assert!(store.data_jobs(pool.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_has_an_id_that_is_there_is_written_over_and_its_executions_stay() {
    let (store, pool) = store_with_pool().await;
    let first = contents(pool.id);
    store.change_contents(vec![change(None, first.clone())]).await.unwrap();
    let job = first.jobs[0].job.clone();
    let execution = new_execution(&job, 9);
    store.start_execution(&execution, &[], "{}", None).await.unwrap();

    let mut second = first.clone();
    second.connections.clear();
    second.parameters[0].values = vec!["c".to_owned()];
    second.jobs[0].job.name = name("Renamed");
    let task = new_task(&job, "Another", 0, TaskKind::Transformation(None));
    second.jobs[0].tasks = vec![TaskContents { task, parameters: Vec::new() }];
    store.change_contents(vec![change(None, second.clone())]).await.unwrap();
    let kept = store.pool_contents(pool.id).await.unwrap();
    assert_eq!((kept.connections, kept.parameters), (first.connections, second.parameters));
    assert_eq!(kept.jobs, second.jobs);
    assert_eq!(store.latest_execution(job.id).await.unwrap().map(|found| found.id), Some(execution.id));
}
