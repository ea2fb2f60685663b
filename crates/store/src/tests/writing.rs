//! Changes that share a transaction: each for itself, and confirmed together.

use futures::future::join_all;

use super::*;

/// Holds the writer, so that what is asked for meanwhile waits and shares the next transaction.
async fn together<T>(store: &Store, changes: Vec<impl Future<Output = T>>) -> Vec<T> {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let holder = {
        let store = store.clone();
        tokio::spawn(async move {
            let holding = store.transact_much(move |_| {
                begun.send(()).unwrap();
                // An error says that the sender is gone, which is the sign as well.
                held.recv().unwrap_err();
                Ok(())
            });
            // It shares the fate of the others.
            drop(holding.await);
        })
    };
    has_begun.await.unwrap();
    let mut changes = std::pin::pin!(join_all(changes));
    // Each has asked for its turn when all were polled once.
    assert!(futures::poll!(&mut changes).is_pending());
    drop(hold);
    let done = changes.await;
    holder.await.unwrap();
    done
}

#[tokio::test]
async fn a_change_that_fails_is_undone_alone() {
    let store = Store::temporary().await.unwrap();
    let pools: Vec<DataPool> = (0..5).map(|_| new_pool()).collect();
    let taken = &pools[2];
    let changes = pools.iter().chain([taken]).map(|pool| store.create_data_pool(pool)).collect();
    let done = together(&store, changes).await;
    assert!(done[..5].iter().all(Result::is_ok), "{done:?}");
    assert!(matches!(&done[5], Err(Error::Conflict { .. })), "{done:?}");
    let half = store.transact(|transaction| {
        crate::db::query("delete from data_pools").execute(transaction).map_err(db::error)?;
        Err::<(), _>(Error::conflict("changed my mind"))
    });
    is_conflict(half.await, "changed my mind");
    assert_eq!(store.data_pools().await.unwrap().len(), 5);
}

#[tokio::test]
async fn changes_of_one_transaction_see_each_other_and_no_reader_sees_them_before_they_are_confirmed() {
    let (store, job) = store_with_job().await;
    let execution = new_execution(&job, 10);
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let writing = {
        let (store, pool) = (store.clone(), job.pool_id);
        tokio::spawn(async move {
            let change = store.transact_much(move |transaction| {
                db::query("update data_pools set name = 'Sales' where id = $1")
                    .bind(pool.to_string())
                    .execute(transaction)
                    .map_err(db::error)?;
                begun.send(()).unwrap();
                held.recv().unwrap_err();
                Ok(())
            });
            change.await.unwrap();
        })
    };
    has_begun.await.unwrap();
    assert_eq!(store.data_pool(job.pool_id).await.unwrap().name, name("Purchasing"));
    drop(hold);
    writing.await.unwrap();
    assert_eq!(store.data_pool(job.pool_id).await.unwrap().name, name("Sales"));
    // Of many starts in one transaction one wins, and the others are told of it.
    let starts = (0..5).map(|_| store.start_execution(&execution, &[], SPEC, Some("key"))).collect();
    let started = together(&store, starts).await;
    assert!(started.iter().all(|one| one.as_ref().is_ok_and(|one| one.id == execution.id)), "{started:?}");
}

#[tokio::test]
async fn a_change_whose_author_panics_is_undone_and_the_next_ones_go_on() {
    let store = Store::temporary().await.unwrap();
    let panicking = {
        let store = store.clone();
        tokio::spawn(async move {
            let change = store.transact(|transaction| -> Result<(), Error> {
                db::query("insert into data_pools (id, name, created_at, created_by_type, created_by_id) values ('x', 'x', 1, 'USER', 'x')")
                    .execute(transaction)
                    .map_err(db::error)?;
                panic!("on purpose")
            });
            drop(change.await);
        })
    };
    assert!(panicking.await.unwrap_err().is_panic());
    store.create_data_pool(&new_pool()).await.unwrap();
    assert_eq!(store.data_pools().await.unwrap().len(), 1);
}

#[tokio::test]
async fn when_the_disk_takes_no_more_all_of_a_transaction_are_told_so_and_nothing_of_it_is_there() {
    let store = Store::temporary().await.unwrap();
    let limit = async |pages: i64| {
        let sql = format!("pragma max_page_count = {pages}");
        store.transact(|connection| connection.execute_batch(&sql).map_err(db::error)).await.unwrap();
    };
    // Less than there are: the file may not grow at all.
    limit(1).await;
    let long = "x".repeat(3_000);
    let pools: Vec<DataPool> =
        (0..50).map(|_| DataPool { description: Some(long.clone()), ..new_pool() }).collect();
    let done = together(&store, pools.iter().map(|pool| store.create_data_pool(pool)).collect()).await;
    assert!(done.iter().any(|one| matches!(one, Err(Error::InsufficientStorage { .. }))), "{done:?}");
    let kept = done.iter().filter(|one| one.is_ok()).count();
    assert_eq!(
        store.data_pools().await.unwrap().len(),
        kept,
        "what was acknowledged is there, and nothing else"
    );
    limit(1 << 20).await;
    store.create_data_pool(&new_pool()).await.unwrap();
    assert_eq!(store.data_pools().await.unwrap().len(), kept + 1);
}
