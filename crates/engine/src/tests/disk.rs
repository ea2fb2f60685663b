//! A disk that fills up and is emptied, and who notices.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use forebay_core::access::{Grant, Permission, Scope};
use forebay_core::error::Error;
use forebay_core::execution::Status;
use forebay_core::queue::WaitReason;
use forebay_core::settings::Setting;

use super::house::{House, is_invalid, is_not_found};
use crate::{Disk, Space};

const MIB: u64 = 1024 * 1024;

/// A disk that the test fills.
pub(super) struct TestDisk {
    free: AtomicU64,
    takes_writes: AtomicBool,
}

impl Default for TestDisk {
    fn default() -> Self {
        Self { free: AtomicU64::new(50 * 1024 * MIB), takes_writes: AtomicBool::new(true) }
    }
}

impl TestDisk {
    fn set_free_mib(&self, mib: u64) {
        self.free.store(mib * MIB, Ordering::SeqCst);
    }
}

impl Disk for TestDisk {
    fn space(&self) -> io::Result<Space> {
        Ok(Space { free: self.free.load(Ordering::SeqCst), total: 100 * 1024 * MIB })
    }

    fn try_to_write(&self) -> io::Result<()> {
        match self.takes_writes.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem)),
        }
    }
}

#[tokio::test]
async fn a_full_disk_refuses_new_executions_and_lets_everything_else_go_on() {
    let house = House::new().await;
    let (first, second) = (house.job("First").await, house.job("Second").await);
    house.disk.set_free_mib(900);
    house.engine.look_at_disk().await;
    let refused =
        house.engine.start_execution(&house.admin, house.pool, first.id, super::house::full()).await;
    match refused {
        Err(Error::InsufficientStorage { what }) => {
            for part in ["900 MiB free", "at least 1024 MiB", "free space on it", "diskMinimumFreeMib"] {
                assert!(what.contains(part), "{part}: {what}");
            }
        }
        other => panic!("{other:?}"),
    }
    house.engine.data_pools(&house.admin).await.unwrap();
    house.disk.set_free_mib(2_000);
    house.engine.look_at_disk().await;
    house.start(second.id).await;
}

#[tokio::test]
async fn what_is_queued_waits_for_the_disk_and_begins_when_there_is_room() {
    let house = House::new().await;
    let job = house.job("Nightly").await;
    let execution = house.start(job.id).await;
    house.disk.set_free_mib(10);
    house.engine.look_at_disk().await;
    let dispatcher = house.dispatch();
    // A look at the queue that finds the disk full: it claims nothing.
    while house.engine.checks().await[1].problem.is_some() {
        tokio::task::yield_now().await;
    }
    house.engine.0.wake.notify_one();
    tokio::task::yield_now().await;
    let waiting = house.execution(execution.id).await;
    assert_eq!(waiting.status, Status::Queued);
    assert_eq!(house.engine.waits_for(&waiting).await.unwrap().unwrap().reason, WaitReason::Disk);
    assert!(house.plane.ran().is_empty());
    house.disk.set_free_mib(5_000);
    house.engine.look_at_disk().await;
    assert_eq!(house.ended(execution.id).await.status, Status::Success);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_lower_minimum_is_a_remedy_that_works_at_once() {
    let house = House::new().await;
    let job = house.job("Nightly").await;
    house.disk.set_free_mib(500);
    house.engine.look_at_disk().await;
    assert!(house.engine.disk().unwrap().is_low());
    let change = [(Setting::DiskMinimumFreeMib, Some(200))];
    house.engine.change_settings(&house.admin, &change).await.unwrap();
    let state = house.engine.disk().unwrap();
    assert!(!state.is_low() && state.is_alarming());
    house.start(job.id).await;
}

#[tokio::test]
async fn the_server_is_ready_when_the_metadata_the_queue_and_the_disk_are() {
    let house = House::new().await;
    let problems = async || {
        let checks = house.engine.checks().await;
        checks.iter().filter(|check| check.problem.is_some()).map(|check| check.name).collect::<Vec<_>>()
    };
    assert_eq!(problems().await, ["dispatcher", "disk"]);
    let dispatcher = house.dispatch();
    house.engine.look_at_disk().await;
    while problems().await.contains(&"dispatcher") {
        tokio::task::yield_now().await;
    }
    assert!(problems().await.is_empty());
    // Little room is no reason to send people elsewhere: everything but a new execution works.
    house.disk.set_free_mib(1);
    house.engine.look_at_disk().await;
    assert!(problems().await.is_empty());
    house.disk.takes_writes.store(false, Ordering::SeqCst);
    house.engine.look_at_disk().await;
    assert_eq!(problems().await, ["disk"]);
    house.disk.takes_writes.store(true, Ordering::SeqCst);
    house.engine.look_at_disk().await;
    dispatcher.stop().await;
    assert_eq!(problems().await, ["dispatcher"]);
    house.store.close().await;
    assert!(problems().await.contains(&"metadata"));
}

#[tokio::test]
async fn only_administrators_see_and_set() {
    let house = House::new().await;
    let all_but_figures: Vec<Permission> =
        Permission::ALL.into_iter().filter(|permission| *permission != Permission::Metrics).collect();
    let member = house.member(Scope::Service, &all_but_figures).await;
    let forbidden =
        |answer: Option<Error>| assert!(matches!(answer, Some(Error::Forbidden(_))), "{answer:?}");
    forbidden(house.engine.settings(&member).await.err());
    forbidden(house.engine.pool_sizes(&member).await.err());
    forbidden(house.engine.figures(&member).await.err());
    forbidden(house.engine.change_settings(&member, &[(Setting::LogsKeptDays, None)]).await.err());
    is_invalid(
        house.engine.change_settings(&house.admin, &[(Setting::LogsKeptDays, Some(0))]).await,
        "logsKeptDays",
        "from 1 to",
    );
}

#[tokio::test]
async fn who_may_read_the_figures_sees_nothing_else() {
    let house = House::new().await;
    let scraper = house.member(Scope::Service, &[Permission::Metrics]).await;
    house.engine.figures(&scraper).await.unwrap();
    assert!(house.engine.data_pools(&scraper).await.unwrap().is_empty());
    super::house::is_not_found(house.engine.data_pool(&scraper, house.pool).await);
    let on_a_pool = Grant {
        grantee: scraper.subject.into(),
        scope: Scope::Pool(house.pool),
        permissions: [Permission::Metrics].into(),
    };
    is_invalid(house.engine.set_grant(&house.admin, &on_a_pool).await, "permissions", "for all pools");
}

#[tokio::test]
async fn the_size_of_a_pool_is_that_of_all_its_files() {
    let house = House::new().await;
    let (other, _) = house.other_pool().await;
    let folder = house.plane.pools_dir().join(other.to_string());
    std::fs::create_dir_all(folder.join("models")).unwrap();
    std::fs::write(folder.join("pool.duckdb"), [0; 3_000]).unwrap();
    std::fs::write(folder.join("models").join("1.duckdb"), [0; 500]).unwrap();
    let sizes = house.engine.pool_sizes(&house.admin).await.unwrap();
    let sizes: Vec<_> = sizes.iter().map(|size| (size.pool.id, size.bytes)).collect();
    // One that has nothing yet has no folder either.
    assert_eq!(sizes, [(other, 3_500), (house.pool, 0)]);
    let viewer = house.member(Scope::Pool(other), &[Permission::View]).await;
    assert_eq!(house.engine.pool_size(&viewer, other).await.unwrap(), 3_500);
    is_not_found(house.engine.pool_size(&viewer, house.pool).await);
}
