//! OAuth: what is kept, and what is kept of it in the clear.

use forebay_core::id::{AccessTokenId, ConsentId, OauthSecretId, SigningKeyId};
use forebay_core::oauth::{ClientId, ClientKind, ClientSecret, OauthClient, OauthScope, RedirectUri};

use super::*;
use crate::{
    Code, Consent, DeviceRequest, DeviceState, Exchanged, RefreshToken, Refreshed, SigningKey, TokenMarks,
};

fn new_client(kind: Option<ApplicationId>) -> OauthClient {
    OauthClient {
        id: kind.map_or_else(ClientId::random, ClientId::of),
        name: name("Program"),
        kind: kind.map_or(ClientKind::Public, ClientKind::Confidential),
        scopes: BTreeSet::from(OauthScope::ALL),
        redirect_uris: vec![RedirectUri::parse("x", "https://app.example.org/back").unwrap()],
        access_token_seconds: Some(60),
        created_at: at(1),
    }
}

fn new_secret(client: &OauthClient) -> ClientSecret {
    let (id, client_id) = (OauthSecretId::random(), client.id.clone());
    ClientSecret { id, client_id, created_at: at(1), last_used_at: None }
}

async fn store_with_user() -> (Store, User, OauthClient) {
    let store = Store::temporary().await.unwrap();
    let (user, client) = (new_user(Role::Member), new_client(None));
    store.create_user(&user).await.unwrap();
    store.create_oauth_client(&client).await.unwrap();
    (store, user, client)
}

fn new_consent(client: &OauthClient, user: &User) -> Consent {
    Consent {
        id: ConsentId::random(),
        client_id: client.id.clone(),
        user_id: user.id,
        scopes: BTreeSet::from([OauthScope::Studio]),
        created_at: at(1),
    }
}

fn token(hash: u8) -> RefreshToken {
    RefreshToken { hash: [hash; 32], expires_at: at(1_000) }
}

fn new_code(client: &OauthClient, user: &User) -> Code {
    Code {
        client_id: client.id.clone(),
        user_id: user.id,
        scopes: BTreeSet::from([OauthScope::Studio]),
        redirect_uri: "https://app.example.org/back".to_owned(),
        code_challenge: "digest".to_owned(),
        expires_at: at(100),
        consent_id: None,
    }
}

#[tokio::test]
async fn a_client_with_a_secret_is_an_application_and_both_end_together() {
    let store = Store::temporary().await.unwrap();
    let application = ApplicationId::random();
    let client = new_client(Some(application));
    store.create_oauth_client(&client).await.unwrap();
    assert_eq!(store.oauth_client(&client.id).await.unwrap(), client);
    assert_eq!(store.application(application).await.unwrap().name, client.name);
    is_conflict(store.create_oauth_client(&client).await, "already is an OAuth client");
    let renamed = OauthClient { name: name("Other"), access_token_seconds: None, ..client.clone() };
    store.update_oauth_client(&renamed).await.unwrap();
    assert_eq!(store.oauth_client(&client.id).await.unwrap(), renamed);
    assert_eq!(store.application(application).await.unwrap().name, renamed.name);
    store.delete_oauth_client(&client.id).await.unwrap();
    assert!(store.applications().await.unwrap().is_empty());
    is_not_found(store.update_oauth_client(&renamed).await);
    is_not_found(store.delete_oauth_client(&client.id).await);

    store.create_oauth_client(&client).await.unwrap();
    store.delete_application(application).await.unwrap();
    let left = store.oauth_clients().await.unwrap();
    let left: Vec<&str> = left.iter().map(|client| client.id.as_str()).collect();
    assert_eq!(left, ["content-cli"]);
}

#[tokio::test]
async fn secrets_are_found_by_their_hash_and_counted() {
    let store = Store::temporary().await.unwrap();
    let client = new_client(Some(ApplicationId::random()));
    store.create_oauth_client(&client).await.unwrap();
    let (first, second) = (new_secret(&client), new_secret(&client));
    store.create_client_secret(&first, &[1; 32], 2).await.unwrap();
    store.create_client_secret(&second, &[2; 32], 2).await.unwrap();
    is_conflict(store.create_client_secret(&new_secret(&client), &[3; 32], 2).await, "2 secrets already");
    is_not_found(store.create_client_secret(&new_secret(&new_client(None)), &[3; 32], 2).await);
    let found =
        async |id: &ClientId, hash: u8| store.client_secret_by_hash(id, &[hash; 32], at(5)).await.unwrap();
    assert_eq!(found(&client.id, 1).await, Some(first.id));
    assert_eq!(found(&client.id, 3).await, None);
    assert_eq!(found(&"content-cli".parse().unwrap(), 1).await, None);
    let secrets = store.client_secrets(Some(&client.id)).await.unwrap();
    let used: Vec<_> = secrets.iter().filter(|secret| secret.last_used_at == Some(at(5))).collect();
    assert_eq!(used.iter().map(|secret| secret.id).collect::<Vec<_>>(), [first.id]);
    store.delete_client_secret(&client.id, first.id).await.unwrap();
    is_not_found(store.delete_client_secret(&client.id, first.id).await);
    is_not_found(store.delete_client_secret(&"content-cli".parse().unwrap(), second.id).await);
    assert_eq!(found(&client.id, 1).await, None);
}

#[tokio::test]
async fn a_code_is_exchanged_once() {
    let (store, user, client) = store_with_user().await;
    store.add_code(&[7; 32], &new_code(&client, &user)).await.unwrap();
    let consent = new_consent(&client, &user);
    assert_eq!(store.exchange_code(&[7; 32], &consent, token(1)).await.unwrap(), Exchanged::Now);
    let again = new_consent(&client, &user);
    assert_eq!(store.exchange_code(&[7; 32], &again, token(2)).await.unwrap(), Exchanged::Before);
    assert_eq!(store.code(&[7; 32]).await.unwrap().unwrap().consent_id, Some(consent.id));
    assert_eq!(store.consents(Some(user.id)).await.unwrap(), [consent]);
    store.end_code(&[7; 32]).await.unwrap();
    assert_eq!(store.code(&[7; 32]).await.unwrap(), None);
    assert!(store.consents(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_refresh_token_is_renewed_once_and_ends_its_family_when_it_comes_again() {
    let (store, user, client) = store_with_user().await;
    let consent = new_consent(&client, &user);
    store.add_code(&[7; 32], &new_code(&client, &user)).await.unwrap();
    store.exchange_code(&[7; 32], &consent, token(1)).await.unwrap();
    let refresh = async |client: &ClientId, old: u8, new: u8, now: i64| {
        store.refresh(client, &[old; 32], token(new), at(now)).await.unwrap()
    };
    assert_eq!(refresh(&client.id, 9, 2, 5).await, Refreshed::Refused);
    assert_eq!(refresh(&"content-cli".parse().unwrap(), 1, 2, 5).await, Refreshed::Refused);
    assert_eq!(refresh(&client.id, 1, 2, 1_000).await, Refreshed::Refused);
    assert_eq!(refresh(&client.id, 1, 2, 5).await, Refreshed::Renewed(consent.clone()));
    assert_eq!(refresh(&client.id, 1, 3, 6).await, Refreshed::Reused(consent));
    assert_eq!(refresh(&client.id, 2, 3, 7).await, Refreshed::Refused);
    assert_eq!(number(&store, "select count(*) from oauth_refresh_tokens"), 0);
}

#[tokio::test]
async fn a_device_is_decided_about_once_and_exchanged_once() {
    let (store, user, client) = store_with_user().await;
    let request = DeviceRequest {
        user_code: "BCDF-GHJK".to_owned(),
        client_id: client.id.clone(),
        scopes: BTreeSet::from([OauthScope::Studio]),
        state: DeviceState::Pending,
        interval_seconds: 5,
        asked_at: None,
        expires_at: at(100),
    };
    store.add_device_request(&[1; 32], &request).await.unwrap();
    is_conflict(store.add_device_request(&[2; 32], &request).await, "");
    assert_eq!(store.pending_device_request("BCDF-GHJK", at(99)).await.unwrap(), Some(request));
    assert_eq!(store.pending_device_request("BCDF-GHJK", at(100)).await.unwrap(), None);
    let consent = new_consent(&client, &user);
    assert_eq!(store.exchange_device_request(&[1; 32], &consent, token(1)).await.unwrap(), Exchanged::Before);
    assert_eq!(store.decide_device_request("BCDF-GHJK", Some(user.id), at(9)).await.unwrap(), Exchanged::Now);
    assert_eq!(store.decide_device_request("BCDF-GHJK", None, at(9)).await.unwrap(), Exchanged::Before);
    store.slow_device_down(&[1; 32], 5).await.unwrap();
    assert_eq!(store.ask_for_device_request(&[1; 32], at(10)).await.unwrap().unwrap().asked_at, None);
    let asked = store.ask_for_device_request(&[1; 32], at(11)).await.unwrap().unwrap();
    assert_eq!((asked.asked_at, asked.interval_seconds), (Some(at(10)), 10));
    assert_eq!(asked.state, DeviceState::Allowed(user.id));
    assert_eq!(store.exchange_device_request(&[1; 32], &consent, token(1)).await.unwrap(), Exchanged::Now);
    assert_eq!(store.exchange_device_request(&[1; 32], &consent, token(2)).await.unwrap(), Exchanged::Before);
}

#[tokio::test]
async fn a_token_has_a_holder_as_long_as_all_it_stands_on_is_there() {
    let (store, user, public) = store_with_user().await;
    let application = ApplicationId::random();
    let client = new_client(Some(application));
    store.create_oauth_client(&client).await.unwrap();
    let secret = new_secret(&client);
    store.create_client_secret(&secret, &[1; 32], 2).await.unwrap();
    let consent = new_consent(&public, &user);
    store.add_code(&[7; 32], &new_code(&public, &user)).await.unwrap();
    store.exchange_code(&[7; 32], &consent, token(1)).await.unwrap();
    let id = AccessTokenId::random();
    let by_secret = TokenMarks::Secret(secret.id);
    let by_consent = TokenMarks::Consent(consent.id);
    let holder = async |client: &OauthClient, subject, marks: &TokenMarks| {
        store.token_holder(id, &client.id, subject, marks).await.unwrap()
    };
    let (program, person) = (Subject::Application(application), Subject::User(user.id));
    let found = holder(&client, program, &by_secret).await.unwrap();
    assert_eq!((found.role, found.generation, found.scopes), (Role::Member, 1, client.scopes.clone()));
    assert_eq!(holder(&public, person, &by_consent).await.unwrap().name, user.name);
    assert_eq!(holder(&public, program, &by_secret).await, None);
    assert_eq!(holder(&client, person, &by_consent).await, None);
    assert_eq!(holder(&client, program, &by_consent).await, None);
    store.end_tokens_of_client(&client.id).await.unwrap();
    assert_eq!(holder(&client, program, &by_secret).await.unwrap().generation, 2);
    assert_eq!(store.token_generation(&client.id).await.unwrap(), Some(2));
    store.revoke_access_token(id, at(50)).await.unwrap();
    assert_eq!(holder(&client, program, &by_secret).await, None);
    assert_eq!(holder(&public, person, &by_consent).await, None);

    // Two codes' lives later nothing is left but the consent, which lives as long as its newest token.
    assert_eq!(store.drop_ended_oauth(at(100)).await.unwrap(), 2);
    assert_eq!(store.drop_ended_oauth(at(999)).await.unwrap(), 0);
    assert_eq!(store.drop_ended_oauth(at(1_000)).await.unwrap(), 2);
}

#[tokio::test]
async fn a_signing_key_lies_sealed_and_opens_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let key = SigningKey {
        id: SigningKeyId::random(),
        public_key: vec![4; 65],
        created_at: at(1),
        signs_from: at(2),
    };
    store.add_signing_key(&key, b"the private half").await.unwrap();
    store.close().await;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(16).any(|window| window == b"the private half"));
    }
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.signing_keys().await.unwrap(), vec![key.clone()]);
    assert_eq!(store.signing_key(key.id).await.unwrap(), Some(key.clone()));
    assert_eq!(store.private_signing_key(key.id).await.unwrap(), b"the private half");
    store.delete_signing_key(key.id).await.unwrap();
    is_not_found(store.delete_signing_key(key.id).await);
    is_not_found(store.private_signing_key(key.id).await);
}
