//! Damaged files of a pool, as its users are told of them.

use std::path::PathBuf;

use forebay_core::Timestamp;
use forebay_core::access::{Permission, Scope};
use forebay_core::plane::Damage;

use super::house::{House, is_not_found};

#[tokio::test]
async fn executions_that_ended_after_the_last_good_moment_are_listed() {
    let house = House::new().await;
    let job = house.job("Nightly load").await;
    let dispatcher = house.dispatch();
    let before = house.start(job.id).await;
    house.ended(before.id).await;
    house.clock.turn(5_000);
    let after = house.start(job.id).await;
    house.ended(after.id).await;
    dispatcher.stop().await;

    assert!(house.engine.damages(&house.admin, house.pool).await.unwrap().is_empty());
    let last_good = Timestamp::from_millis(2_000);
    let damage = Damage { quarantined: vec![PathBuf::from("pool.duckdb.wal.damaged-1")], last_good };
    house.plane.damages.lock().unwrap().push(damage.clone());
    let told = house.engine.damages(&house.admin, house.pool).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, damage);
    assert_eq!(told[0].1.iter().map(|affected| affected.id).collect::<Vec<_>>(), [after.id]);

    let stranger = house.member(Scope::Pool(house.other_pool().await.0), &[Permission::View]).await;
    is_not_found(house.engine.damages(&stranger, house.pool).await);
}
