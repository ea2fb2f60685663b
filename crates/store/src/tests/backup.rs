//! A copy of the metadata, taken while it is in use.

use super::*;

#[tokio::test]
async fn a_copy_opens_by_itself_with_its_secrets() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(dir.path()).await.unwrap();
    let pool = new_pool();
    store.create_data_pool(&pool).await.unwrap();
    let connection = new_connection(pool.id, "ERP");
    store.create_data_connection(&connection).await.unwrap();
    store.backup(copy.path()).await.unwrap();
    store.delete_data_connection(pool.id, connection.id).await.unwrap();

    let copied = Store::open(copy.path()).await.unwrap();
    assert_eq!(copied.data_connections(pool.id).await.unwrap(), [connection]);
    // One folder takes one copy.
    is_unavailable(copied.backup(copy.path()).await.map(|()| copied), "cannot be written");
}

#[tokio::test]
async fn what_succeeded_since_a_moment_is_listed_for_its_pool() {
    let (store, job) = store_with_job().await;
    let execution = new_execution(&job, 1);
    store.start_execution(&execution, &[], "{}", None).await.unwrap();
    let (before, then, after) = (at(99), at(100), at(101));
    assert!(store.succeeded_since(job.pool_id, before).await.unwrap().is_empty());
    store.finish_execution(execution.id, Status::Success, None, then).await.unwrap();
    let listed = store.succeeded_since(job.pool_id, then).await.unwrap();
    assert_eq!(listed.iter().map(|listed| listed.id).collect::<Vec<_>>(), [execution.id]);
    assert!(store.succeeded_since(job.pool_id, after).await.unwrap().is_empty());
    assert!(store.succeeded_since(DataPoolId::random(), before).await.unwrap().is_empty());
}
