//! What an administrator sets, and what a full disk answers.

use forebay_core::settings::Setting;

use super::*;

#[tokio::test]
async fn settings_are_kept_by_name_and_all_of_a_change_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.settings().await.unwrap().set_by_hand().count(), 0);
    let change = [(Setting::LogsKeptDays, Some(7)), (Setting::DiskMinimumFreeMib, Some(100))];
    store.change_settings(&change).await.unwrap();
    let wrong = [(Setting::LogsKeptDays, Some(8)), (Setting::LogMessageBytes, Some(1))];
    match store.change_settings(&wrong).await {
        Err(Error::Invalid { field, .. }) => assert_eq!(field, "logMessageBytes"),
        other => panic!("{other:?}"),
    }
    store.change_settings(&[(Setting::DiskMinimumFreeMib, None)]).await.unwrap();
    store.close().await;
    let store = Store::open(dir.path()).await.unwrap();
    let kept: Vec<_> = store.settings().await.unwrap().set_by_hand().collect();
    assert_eq!(kept, [(Setting::LogsKeptDays, 7)]);
}

#[tokio::test]
async fn on_a_full_disk_writes_say_so_and_reads_go_on_and_it_heals() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let pool = new_pool();
    store.create_data_pool(&pool).await.unwrap();
    // The engine's own limit of a file gives the error that a full disk gives.
    let limit = async |pages: i64| {
        let sql = format!("pragma max_page_count = {pages}");
        let set = store.transact(|connection| connection.execute_batch(&sql).map_err(db::error));
        set.await.unwrap();
    };
    limit(1).await;
    let mut refused = 0;
    for _ in 0..1_000 {
        match store.create_data_pool(&new_pool()).await {
            Ok(()) => {}
            Err(Error::InsufficientStorage { what }) => {
                assert!(what.contains("free space"), "{what}");
                refused += 1;
                break;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 1, "the file grew beyond its limit");
    assert_eq!(store.data_pool(pool.id).await.unwrap(), pool);
    limit(1_000_000).await;
    store.create_data_pool(&new_pool()).await.unwrap();
}
