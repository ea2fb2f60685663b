//! The ways to a token.

use forebay_core::error::{Error, Needed};
use forebay_core::oauth::{Action, Authority, scopes_text};

use super::*;
use crate::Refusal;
use crate::tests::house::is_conflict;

#[tokio::test]
async fn a_client_acts_by_itself_within_its_grants_and_its_scopes() {
    let house = House::new().await;
    let job = house.job("a").await;
    let scopes = "integration.data-pools integration.data-pools:execute";
    let (client, secret) = program(&house, scopes, &[Permission::View, Permission::Manage]).await;
    let answer = credentials(&house, &client, &secret, Some("integration.data-pools:execute")).await.unwrap();
    assert_eq!(answer.expires_in_seconds, 900);
    assert_eq!(scopes_text(&answer.scopes), "integration.data-pools:execute");
    assert!(answer.refresh_token.is_none());
    let narrow = caller(&house, &answer).await.unwrap();
    assert_eq!(narrow.subject, Subject::Application(client.id.as_str().parse().unwrap()));
    house.engine.start_execution(&narrow, house.pool, job.id, super::super::house::full()).await.unwrap();
    let refused = house.engine.delete_data_pool(&narrow, house.pool).await;
    assert!(matches!(refused, Err(Error::Forbidden(Needed::Scope(Action::Manage)))), "{refused:?}");

    // The wide scope adds no right.
    let answer = credentials(&house, &client, &secret, None).await.unwrap();
    let wide = caller(&house, &answer).await.unwrap();
    assert_eq!(wide.authority, Authority::Scoped(answer.scopes));
    let refused = house.engine.update_data_pool(&wide, house.pool, None, None).await;
    assert!(matches!(refused, Err(Error::Forbidden(Needed::One(Permission::Edit)))), "{refused:?}");
    let (other, _) = house.other_pool().await;
    assert!(matches!(house.engine.data_pool(&wide, other).await, Err(Error::NotFound { .. })));

    assert_eq!(code_of(credentials(&house, &client, &secret, Some("studio")).await), "invalid_scope");
    let wrong = Secret::new("wrong");
    assert_eq!(code_of(credentials(&house, &client, &wrong, None).await), "invalid_client");
    let grant = TokenGrant::ClientCredentials { scope: None };
    let nobody = proof(&ClientId::random(), Some(&secret));
    assert_eq!(code_of(house.engine.oauth_token(&nobody, grant.clone(), &visit()).await), "invalid_client");
    let bare = proof(&client.id, None);
    assert_eq!(code_of(house.engine.oauth_token(&bare, grant.clone(), &visit()).await), "invalid_client");
    let public = proof(&"content-cli".parse().unwrap(), None);
    assert_eq!(code_of(house.engine.oauth_token(&public, grant, &visit()).await), "unauthorized_client");
}

#[tokio::test]
async fn an_administrator_s_token_is_cut_down_too() {
    let house = House::new().await;
    let every = scopes_text(&all().into());
    let (_, answer) = allowed(&house, &house.admin.clone(), &every).await;
    let token = caller(&house, &answer).await.unwrap();
    assert_eq!(token.subject, house.admin.subject);
    house.engine.data_pools(&token).await.unwrap();
    house.engine.grants(&token, None).await.unwrap();
    house.engine.create_data_pool(&token, name("Made"), None).await.unwrap();
    let scope = Needed::Scope(Action::Administer);
    let check = |result: Result<()>| {
        assert!(matches!(&result, Err(Error::Forbidden(needed)) if *needed == scope), "{result:?}");
    };
    let engine = &house.engine;
    check(engine.users(&token).await.map(drop));
    check(engine.settings(&token).await.map(drop));
    check(engine.figures(&token).await.map(drop));
    check(engine.backups(&token).await.map(drop));
    check(engine.oauth_clients(&token).await.map(drop));
    check(engine.consents(&token).await.map(drop));
    // A token must not turn into what has no end.
    check(engine.keys(&token).await.map(drop));
    check(engine.create_key(&token, None, name("k")).await.map(drop));

    let (_, answer) = allowed(&house, &house.admin.clone(), "integration.data-pools").await;
    let token = caller(&house, &answer).await.unwrap();
    let refused = house.engine.grants(&token, None).await;
    assert!(matches!(refused, Err(Error::Forbidden(Needed::Scope(Action::ReadPermissions)))), "{refused:?}");
}

#[tokio::test]
async fn a_code_is_given_for_an_exact_redirect_a_challenge_and_a_key() {
    let house = House::new().await;
    let (client, _) = house.engine.create_oauth_client(&house.admin, new("studio", false)).await.unwrap();
    let good = asking(&client, "studio");
    let engine = &house.engine;
    assert_eq!(engine.asked_by_client(&good).await.unwrap().scopes, BTreeSet::from([OauthScope::Studio]));
    let told = async |request: AuthorizationRequest| match engine.asked_by_client(&request).await {
        Err(Refusal::Told(error)) => error.code(),
        other => panic!("{other:?}"),
    };
    for uri in
        ["https://app.example.org/back/", "https://app.example.org/back?x", "https://evil.example.org/"]
    {
        let request = AuthorizationRequest { redirect_uri: Some(uri.to_owned()), ..good.clone() };
        assert_eq!(told(request).await, "invalid_request", "{uri}");
    }
    assert_eq!(told(AuthorizationRequest { redirect_uri: None, ..good.clone() }).await, "invalid_request");
    assert_eq!(told(AuthorizationRequest { client_id: None, ..good.clone() }).await, "invalid_request");
    let sent = async |request: AuthorizationRequest| match engine.asked_by_client(&request).await {
        Err(Refusal::Sent(uri, error)) => {
            assert_eq!(uri.as_str(), HOME);
            error.code()
        }
        other => panic!("{other:?}"),
    };
    let token = AuthorizationRequest { response_type: Some("token".to_owned()), ..good.clone() };
    assert_eq!(sent(token).await, "unsupported_response_type");
    assert_eq!(sent(AuthorizationRequest { code_challenge: None, ..good.clone() }).await, "invalid_request");
    let plain = AuthorizationRequest { code_challenge_method: Some("plain".to_owned()), ..good.clone() };
    assert_eq!(sent(plain).await, "invalid_request");
    let wide = AuthorizationRequest { scope: Some("integration.data-pools".to_owned()), ..good.clone() };
    assert_eq!(sent(wide).await, "invalid_scope");
    let refused = engine.allow_client(&good, &Secret::new("wrong"), &visit()).await;
    assert!(matches!(refused, Err(Refusal::Told(OauthError::NotSignedIn))), "{refused:?}");
}

#[tokio::test]
async fn a_stolen_code_is_worth_nothing_and_ends_what_it_was_exchanged_for() {
    let house = House::new().await;
    let user = house.member(Scope::Pool(house.pool), &[Permission::View]).await;
    let key = key_of(&house, &user).await;
    let (client, _) = house.engine.create_oauth_client(&house.admin, new("studio", false)).await.unwrap();
    let (other, _) = house.engine.create_oauth_client(&house.admin, new("studio", false)).await.unwrap();
    let code =
        async || house.engine.allow_client(&asking(&client, "studio"), &key, &visit()).await.unwrap().1;
    let exchange = async |client: &OauthClient, grant: TokenGrant| {
        house.engine.oauth_token(&proof(&client.id, None), grant, &visit()).await
    };
    // Once is good, twice is theft.
    let stolen = code().await;
    let answer = exchange(&client, code_grant(&stolen)).await.unwrap();
    caller(&house, &answer).await.unwrap();
    assert_eq!(code_of(exchange(&client, code_grant(&stolen)).await), "invalid_grant");
    assert!(matches!(caller(&house, &answer).await, Err(Error::Unauthenticated)));
    let refresh = answer.refresh_token.unwrap();
    assert_eq!(code_of(refreshed(&house, &client, &refresh, None).await), "invalid_grant");

    // Whoever has the code and not what proves it spoils it.
    for spoilt in [
        |code: Secret| TokenGrant::Code {
            code,
            redirect_uri: Some(HOME.to_owned()),
            verifier: Some(Secret::new("x".repeat(43))),
        },
        |code: Secret| TokenGrant::Code { code, redirect_uri: Some(HOME.to_owned()), verifier: None },
        |code: Secret| TokenGrant::Code { code, redirect_uri: None, verifier: Some(Secret::new(VERIFIER)) },
    ] {
        let code = code().await;
        assert_eq!(code_of(exchange(&client, spoilt(code.clone())).await), "invalid_grant");
        assert_eq!(code_of(exchange(&client, code_grant(&code)).await), "invalid_grant");
    }
    let code_for_another = code().await;
    assert_eq!(code_of(exchange(&other, code_grant(&code_for_another)).await), "invalid_grant");
    let late = code().await;
    house.clock.turn(60_000);
    assert_eq!(code_of(exchange(&client, code_grant(&late)).await), "invalid_grant");
}

#[tokio::test]
async fn a_device_waits_for_its_user() {
    let house = House::new().await;
    let user = house.member(Scope::Pool(house.pool), &[Permission::View]).await;
    let key = key_of(&house, &user).await;
    let client: ClientId = "content-cli".parse().unwrap();
    let scopes = Some("studio integration.data-pools");
    let begin = async || house.engine.begin_device_login(&proof(&client, None), scopes, &visit()).await;
    let poll = async |code: &Secret| {
        let grant = TokenGrant::DeviceCode { code: code.clone() };
        house.engine.oauth_token(&proof(&client, None), grant, &visit()).await
    };
    let decide = async |typed: &str, is_allowed: bool| {
        house.engine.decide_device_login(typed, &key, is_allowed, &visit()).await
    };
    let device = begin().await.unwrap();
    assert_eq!(code_of(poll(&device.device_code).await), "authorization_pending");
    assert_eq!(code_of(poll(&device.device_code).await), "slow_down");
    let asked = house.engine.asked_by_device(&device.user_code, &visit()).await.unwrap().unwrap();
    assert_eq!((asked.client.as_str(), asked.scopes.len()), ("content-cli", 2));
    decide(&device.user_code.to_lowercase(), true).await.unwrap();
    assert_eq!(code_of(decide(&device.user_code, false).await), "expired_token");
    // The pause grew by five seconds.
    house.clock.turn(5_000);
    assert_eq!(code_of(poll(&device.device_code).await), "slow_down");
    house.clock.turn(15_000);
    let answer = poll(&device.device_code).await.unwrap();
    assert_eq!(caller(&house, &answer).await.unwrap().subject, user.subject);
    assert!(answer.refresh_token.is_some());
    house.clock.turn(20_000);
    assert_eq!(code_of(poll(&device.device_code).await), "invalid_grant");

    let refused = begin().await.unwrap();
    decide(&refused.user_code, false).await.unwrap();
    assert_eq!(code_of(poll(&refused.device_code).await), "access_denied");
    let late = begin().await.unwrap();
    house.clock.turn(600_000);
    assert_eq!(code_of(poll(&late.device_code).await), "expired_token");
    assert_eq!(code_of(decide(&late.user_code, true).await), "expired_token");

    let wrong = begin().await.unwrap();
    let signed = house.engine.decide_device_login(&wrong.user_code, &Secret::new("x"), true, &visit()).await;
    assert_eq!(code_of(signed), "access_denied");
    assert_eq!(code_of(poll(&wrong.device_code).await), "authorization_pending");
    let (program, secret) = program(&house, "studio", &[]).await;
    let with_secret = proof(&program.id, Some(&secret));
    let begun = house.engine.begin_device_login(&with_secret, None, &visit()).await;
    assert_eq!(code_of(begun), "unauthorized_client");
}

#[tokio::test]
async fn guesses_are_held_up_and_right_answers_are_not() {
    let house = House::new().await;
    let (client, secret) = program(&house, "studio", &[]).await;
    // As a command line asks that tries every set of scopes.
    for _ in 0..50 {
        assert_eq!(
            code_of(credentials(&house, &client, &secret, Some("package-manager")).await),
            "invalid_scope"
        );
    }
    let wrong = Secret::new("wrong");
    for _ in 0..10 {
        assert_eq!(code_of(credentials(&house, &client, &wrong, None).await), "invalid_client");
    }
    let held = credentials(&house, &client, &wrong, None).await;
    assert!(matches!(held, Err(OauthError::Throttled(wait)) if wait.as_secs() == 1), "{held:?}");
    // A guess that is right is held up like the others, from there; nobody else is.
    let held = credentials(&house, &client, &secret, None).await;
    assert!(matches!(held, Err(OauthError::Throttled(_))), "{held:?}");
    let elsewhere = Visit { peer: Some("192.0.2.2".parse().unwrap()), ..visit() };
    let grant = TokenGrant::ClientCredentials { scope: None };
    house.engine.oauth_token(&proof(&client.id, Some(&secret)), grant, &elsewhere).await.unwrap();
    house.clock.turn(1_000);
    credentials(&house, &client, &secret, None).await.unwrap();

    for _ in 0..10 {
        let found = house.engine.asked_by_device("BCDF-GHJK", &visit()).await.unwrap();
        assert!(found.is_none());
    }
    let held = house.engine.asked_by_device("BCDF-GHJK", &visit()).await;
    assert!(matches!(held, Err(OauthError::Throttled(_))), "{held:?}");
    let key = Secret::new("wrong");
    for _ in 0..10 {
        let refused = house.engine.decide_device_login("x", &key, true, &visit()).await;
        assert!(matches!(refused, Err(OauthError::NotSignedIn)), "{refused:?}");
    }
    let held = house.engine.decide_device_login("x", &key, true, &visit()).await;
    assert!(matches!(held, Err(OauthError::Throttled(_))), "{held:?}");
}

#[tokio::test]
async fn a_client_has_two_secrets_at_a_time() {
    let house = House::new().await;
    let (client, first) = program(&house, "studio", &[]).await;
    let second = house.engine.create_client_secret(&house.admin, &client.id).await.unwrap();
    credentials(&house, &client, &first, None).await.unwrap();
    credentials(&house, &client, &second.secret, None).await.unwrap();
    is_conflict(
        house.engine.create_client_secret(&house.admin, &client.id).await.map(drop),
        "2 secrets already",
    );
    let (_, secrets) = house.engine.oauth_client(&house.admin, &client.id).await.unwrap();
    assert!(secrets.iter().all(|secret| secret.last_used_at.is_some()), "{secrets:?}");
    let oldest = secrets.iter().find(|secret| secret.id != second.kept.id).unwrap().id;
    house.engine.delete_client_secret(&house.admin, &client.id, oldest).await.unwrap();
    assert_eq!(code_of(credentials(&house, &client, &first, None).await), "invalid_client");
    credentials(&house, &client, &second.secret, None).await.unwrap();
    let public = "content-cli".parse().unwrap();
    is_conflict(house.engine.create_client_secret(&house.admin, &public).await.map(drop), "no secret");
}
