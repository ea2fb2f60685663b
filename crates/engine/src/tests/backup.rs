//! Backups and what comes back of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_core::access::{Permission, Scope};
use forebay_core::error::Needed;
use forebay_core::execution::Status;
use forebay_core::{Error, Timestamp};
use forebay_store::Store;

use super::house::{House, is_conflict, is_invalid};
use crate::{Backup, BackupName, BackupState, restore};

const NOW: Timestamp = Timestamp::from_millis(9_000);

impl House {
    /// Makes a backup, and waits until it is whole or has failed.
    async fn backed_up(&self, name: &str) -> Backup {
        let made = self.engine.create_backup(&self.admin, Some(named(name))).await.unwrap();
        assert_eq!(made.state, BackupState::Running);
        for _ in 0..1_000 {
            let backup = self.engine.backup(&self.admin, &named(name)).await.unwrap();
            if backup.state != BackupState::Running {
                return backup;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the backup does not end");
    }
}

fn named(name: &str) -> BackupName {
    BackupName::parse(name).unwrap()
}

/// The folder that a backup comes back to: nothing is there yet.
fn target(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("data")
}

fn is_unavailable<T: std::fmt::Debug>(result: Result<T, Error>, part: &str) {
    assert!(matches!(&result, Err(Error::Unavailable { what }) if what.contains(part)), "{result:?}");
}

fn is_forbidden<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(&result, Err(Error::Forbidden(Needed::Administrator))), "{result:?}");
}

fn put(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_backup_comes_back_as_a_data_folder() {
    let metadata = tempfile::tempdir().unwrap();
    let house = House::in_folder(metadata.path()).await;
    let job = house.job("Nightly load").await;
    let backup = house.backed_up("monday").await;
    assert!(matches!(backup.state, BackupState::Done { bytes, .. } if bytes > 0), "{backup:?}");

    let dir = tempfile::tempdir().unwrap();
    let restored = restore(&backup.path, &target(&dir), NOW).await.unwrap();
    assert_eq!((restored.pools, restored.ended.len(), restored.missing.len()), (1, 0, 0));
    let pool = target(&dir).join("pools").join(house.pool.to_string()).join("pool.duckdb");
    assert_eq!(std::fs::read_to_string(pool).unwrap(), house.pool.to_string());
    let store = Store::open(&target(&dir)).await.unwrap();
    assert_eq!(store.data_job(house.pool, job.id).await.unwrap(), job);
    // Its secrets open: the key came with it.
    assert_eq!(store.data_connections(house.pool).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_under_way_does_not_start_again_by_itself() {
    let metadata = tempfile::tempdir().unwrap();
    let house = House::in_folder(metadata.path()).await;
    let job = house.job("Nightly load").await;
    let execution = house.start(job.id).await;
    let backup = house.backed_up("busy").await;
    let dir = tempfile::tempdir().unwrap();
    let restored = restore(&backup.path, &target(&dir), NOW).await.unwrap();
    assert_eq!(restored.ended.iter().map(|ended| ended.id).collect::<Vec<_>>(), [execution.id]);
    let store = Store::open(&target(&dir)).await.unwrap();
    let ended = store.execution(execution.id).await.unwrap();
    assert_eq!(ended.status, Status::Fail);
    assert!(ended.message.unwrap().contains("start the job again"));
}

#[tokio::test]
async fn what_ended_after_its_pool_was_copied_is_listed() {
    let metadata = tempfile::tempdir().unwrap();
    let house = House::in_folder(metadata.path()).await;
    let job = house.job("Nightly load").await;
    let dispatcher = house.dispatch();
    let execution = house.start(job.id).await;
    house.ended(execution.id).await;
    dispatcher.stop().await;
    // The clock stands still: the execution ended in the very moment of the copy, so it may be missing.
    let backup = house.backed_up("late").await;
    let dir = tempfile::tempdir().unwrap();
    let restored = restore(&backup.path, &target(&dir), NOW).await.unwrap();
    assert_eq!(restored.missing.iter().map(|missing| missing.id).collect::<Vec<_>>(), [execution.id]);
}

#[tokio::test]
async fn a_damaged_backup_and_a_folder_in_use_are_refused_and_nothing_is_made() {
    let metadata = tempfile::tempdir().unwrap();
    let house = House::in_folder(metadata.path()).await;
    let backup = house.backed_up("monday").await;
    let dir = tempfile::tempdir().unwrap();
    is_unavailable(restore(dir.path(), &target(&dir), NOW).await, "no backup.json");
    std::fs::create_dir(target(&dir)).unwrap();
    put(&target(&dir).join("mine"), "mine");
    is_unavailable(restore(&backup.path, &target(&dir), NOW).await, "not empty");
    std::fs::remove_dir_all(target(&dir)).unwrap();

    let pool = format!("pools/{}/pool.duckdb", house.pool);
    put(&backup.path.join(&pool), "somebody else was here");
    is_unavailable(restore(&backup.path, &target(&dir), NOW).await, &pool);
    assert!(!target(&dir).exists());

    let manifest = std::fs::read_to_string(backup.path.join("backup.json")).unwrap();
    put(&backup.path.join("backup.json"), &manifest.replace("pools/", "../"));
    is_unavailable(restore(&backup.path, &target(&dir), NOW).await, "leaves the folder");
    put(&backup.path.join("backup.json"), &manifest.replace("\"format\": 1", "\"format\": 2"));
    is_unavailable(restore(&backup.path, &target(&dir), NOW).await, "format 2");
    assert!(!target(&dir).exists());
}

#[tokio::test]
async fn names_are_folders_and_are_taken_once_by_administrators() {
    let metadata = tempfile::tempdir().unwrap();
    let house = House::in_folder(metadata.path()).await;
    let admin = &house.admin;
    for name in ["", ".hidden", "a/b", "..", "ä", &"x".repeat(101)] {
        is_invalid(BackupName::parse(name), "name", "letters");
    }
    house.backed_up("monday").await;
    is_conflict(house.engine.create_backup(admin, Some(named("monday"))).await, "monday");
    let member = house.member(Scope::Pool(house.pool), &[Permission::View, Permission::Manage]).await;
    is_forbidden(house.engine.create_backup(&member, None).await);
    is_forbidden(house.engine.backups(&member).await);
    assert_eq!(house.engine.backups(admin).await.unwrap().len(), 1);
    let unnamed = house.engine.create_backup(admin, None).await.unwrap();
    assert_eq!(unnamed.name.as_str(), "1970-01-01T00-00-01Z");
}
