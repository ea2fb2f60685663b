//! Secrets at rest.

use super::*;

#[tokio::test]
async fn secrets_are_not_in_the_files_as_plain_text() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let pool = new_pool();
    let connection = new_connection(pool.id, "ERP");
    let job = new_job(pool.id, None);
    store.create_data_pool(&pool).await.unwrap();
    store.create_data_connection(&connection).await.unwrap();
    store.create_data_job(&job).await.unwrap();
    store.start_execution(&new_execution(&job, 10), &[], SPEC, None).await.unwrap();
    let check = |dir: &Path| {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("Purchasing"), "the files are those of the database");
        for secret in ["plain-hunter2", "salt-of-mine", "spec-hunter2", "db.example.org"] {
            assert!(!holds(secret), "{secret}");
        }
    };
    check(dir.path());
    store.close().await;
    check(dir.path());
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.data_connection(pool.id, connection.id).await.unwrap(), connection);
    assert_eq!(claim_next(&store, 11).await.unwrap().spec.as_deref(), Some(SPEC));
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path()).await.unwrap().close().await;
    let key = dir.path().join("secret.key");
    let bytes = std::fs::read(&key).unwrap();
    assert_eq!(bytes.len(), 32);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    std::fs::write(&key, [7; 32]).unwrap();
    is_unavailable(Store::open(dir.path()).await, "not the one");
    std::fs::write(&key, [7; 31]).unwrap();
    is_unavailable(Store::open(dir.path()).await, "32 bytes");
    std::fs::remove_file(&key).unwrap();
    is_unavailable(Store::open(dir.path()).await, "missing");
    std::fs::write(&key, bytes).unwrap();
    Store::open(dir.path()).await.unwrap();
    is_unavailable(Store::open(&dir.path().join("nowhere")).await, "cannot be");
}

#[tokio::test]
async fn a_sealed_value_opens_only_in_its_own_row() {
    let (store, pool) = store_with_pool().await;
    let connections = [new_connection(pool.id, "a"), new_connection(pool.id, "b")];
    for connection in &connections {
        store.create_data_connection(connection).await.unwrap();
    }
    crate::db::query(
        "update data_connections
         set sealed_config = (select sealed_config from data_connections where name = 'b') where name = 'a'",
    )
    .execute_on(store.write())
    .await
    .unwrap();
    let result = store.data_connection(pool.id, connections[0].id).await;
    assert!(matches!(result, Err(Error::Internal { .. })), "{result:?}");
}
