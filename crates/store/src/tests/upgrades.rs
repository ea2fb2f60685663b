//! Opening what another version wrote.

use super::*;
use crate::db::migrate;

const DATABASE: &str = "metadata.db";

fn plain(dir: &tempfile::TempDir) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap()
}

/// The names in a folder that begin like the database's copies.
fn copies(dir: &tempfile::TempDir) -> Vec<String> {
    let names = std::fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("metadata.db.before-upgrade"));
    names.sort();
    names
}

/// A database as an earlier version left it, with one pool and a key.
fn database_of(version: i64, dir: &tempfile::TempDir) -> DataPool {
    std::fs::write(dir.path().join("secret.key"), [7; 32]).unwrap();
    std::fs::File::create(dir.path().join(DATABASE)).unwrap();
    let old = plain(dir);
    migrate::run_to(&old, version).unwrap();
    let pool = new_pool();
    old.execute(
        "insert into data_pools (id, name, created_at, created_by_type, created_by_id) values ($1, $2, $3, 'USER', $4)",
        (pool.id.to_string(), pool.name.as_str(), pool.created_at.as_millis(), UserId::random().to_string()),
    )
    .unwrap();
    pool
}

#[tokio::test]
async fn a_database_of_any_earlier_version_is_upgraded_and_a_copy_is_kept() {
    // Every step is a transaction of its own, so these are also the states that a killed upgrade leaves.
    for version in 1..migrate::newest() {
        let dir = tempfile::tempdir().unwrap();
        let pool = database_of(version, &dir);
        let store = Store::open(dir.path()).await.unwrap();
        assert_eq!(store.data_pool(pool.id).await.unwrap().name, pool.name);
        store.close().await;
        assert_eq!(copies(&dir), [format!("metadata.db.before-upgrade-from-{version:04}")]);
        // The copy is the database as it was: put back, it is upgraded again.
        let again = tempfile::tempdir().unwrap();
        std::fs::copy(dir.path().join(&copies(&dir)[0]), again.path().join(DATABASE)).unwrap();
        std::fs::copy(dir.path().join("secret.key"), again.path().join("secret.key")).unwrap();
        let old = plain(&again);
        assert_eq!(migrate::applied(&old).unwrap(), Some(version));
        drop(old);
        let store = Store::open(again.path()).await.unwrap();
        assert_eq!(store.data_pool(pool.id).await.unwrap().name, pool.name);
        store.close().await;
    }
}

#[tokio::test]
async fn nothing_is_copied_when_nothing_is_upgraded() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        Store::open(dir.path()).await.unwrap().close().await;
    }
    assert!(copies(&dir).is_empty());
}

#[tokio::test]
async fn half_a_copy_of_a_killed_upgrade_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    database_of(1, &dir);
    std::fs::write(dir.path().join("metadata.db.before-upgrade-from-0001.half"), "half").unwrap();
    Store::open(dir.path()).await.unwrap().close().await;
    assert_eq!(copies(&dir), ["metadata.db.before-upgrade-from-0001"]);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path()).await.unwrap().close().await;
    let newer = plain(&dir);
    newer
        .execute(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             values (9999, 'of tomorrow', true, x'00', 0)",
            (),
        )
        .unwrap();
    drop(newer);
    let before = std::fs::read(dir.path().join(DATABASE)).unwrap();
    is_unavailable(Store::open(dir.path()).await, "newer version of Forebay wrote");
    is_unavailable(Store::open(dir.path()).await, "9999");
    assert_eq!(std::fs::read(dir.path().join(DATABASE)).unwrap(), before);
    assert!(copies(&dir).is_empty());
}
