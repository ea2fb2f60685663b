//! The keys that sign: a change that nobody notices, and one that all must.

use forebay_core::error::Error;
use forebay_core::stop::Stop;

use super::*;
use crate::tests::house::is_conflict;

const HOUR: i64 = 60 * 60 * 1000;

/// The key that a token names, as others read it.
fn key_id(answer: &TokenAnswer) -> String {
    let header = answer.access_token.expose().split('.').next().unwrap();
    let header: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn published(house: &House) -> Vec<String> {
    let keys = house.engine.public_signing_keys().await.unwrap();
    assert!(keys.iter().all(|key| key.x.len() == 32 && key.y.len() == 32));
    keys.into_iter().map(|key| key.id.to_string()).collect()
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_an_old_one_until_nothing_needs_it() {
    let house = House::new().await;
    let (client, secret) = program(&house, "studio", &[]).await;
    let month = crate::OauthClientChange {
        access_token_seconds: Some(Some(2_592_000)),
        ..crate::OauthClientChange::default()
    };
    house.engine.update_oauth_client(&house.admin, &client.id, month).await.unwrap();
    let first = published(&house).await;
    assert_eq!(first.len(), 1);
    let old = credentials(&house, &client, &secret, None).await.unwrap();
    assert_eq!(key_id(&old), first[0]);

    let next = house.engine.rotate_signing_keys(&house.admin).await.unwrap().id.to_string();
    assert_eq!(published(&house).await.len(), 2);
    is_conflict(house.engine.rotate_signing_keys(&house.admin).await, "is made already");
    assert_eq!(key_id(&credentials(&house, &client, &secret, None).await.unwrap()), first[0]);
    house.clock.turn(HOUR);
    let new = credentials(&house, &client, &secret, None).await.unwrap();
    assert_eq!(key_id(&new), next);
    caller(&house, &old).await.unwrap();
    caller(&house, &new).await.unwrap();

    let (_stop, stopped) = Stop::new();
    house.clock.turn(29 * 24 * HOUR);
    house.engine.tidy_up(&stopped).await.unwrap();
    caller(&house, &old).await.unwrap();
    house.clock.turn(2 * 24 * HOUR);
    house.engine.tidy_up(&stopped).await.unwrap();
    assert_eq!(published(&house).await, [next.as_str()]);
    assert!(matches!(caller(&house, &old).await, Err(Error::Unauthenticated)));

    // Long after, the next one comes by itself.
    house.clock.turn(90 * 24 * HOUR);
    house.engine.tidy_up(&stopped).await.unwrap();
    house.engine.tidy_up(&stopped).await.unwrap();
    assert_eq!(published(&house).await.len(), 2);
    assert_eq!(key_id(&credentials(&house, &client, &secret, None).await.unwrap()), next);
}

#[tokio::test]
async fn a_key_that_is_known_to_others_is_deleted_with_all_it_signed() {
    let house = House::new().await;
    let (client, secret) = program(&house, "studio", &[]).await;
    let answer = credentials(&house, &client, &secret, None).await.unwrap();
    let known = house.engine.signing_keys(&house.admin).await.unwrap()[0].id;
    house.engine.delete_signing_key(&house.admin, known).await.unwrap();
    assert!(matches!(caller(&house, &answer).await, Err(Error::Unauthenticated)));
    let again = credentials(&house, &client, &secret, None).await.unwrap();
    caller(&house, &again).await.unwrap();
    assert_ne!(key_id(&again), known.to_string());
}

#[tokio::test]
async fn a_token_of_another_installation_is_refused() {
    let (here, there) = (House::new().await, House::new().await);
    let (client, secret) = program(&there, "studio", &[]).await;
    let foreign = credentials(&there, &client, &secret, None).await.unwrap();
    caller(&there, &foreign).await.unwrap();
    assert!(matches!(caller(&here, &foreign).await, Err(Error::Unauthenticated)));
}
