//! Everything that ends a token does so at once.

use forebay_core::error::Error;
use forebay_core::oauth::Authority;
use forebay_core::stop::Stop;

use super::*;
use crate::OauthClientChange;

async fn is_refused(house: &House, answer: &TokenAnswer) -> bool {
    match caller(house, answer).await {
        Ok(_) => false,
        Err(Error::Unauthenticated) => true,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_token_holds_as_long_as_the_client_or_the_server_says() {
    let house = House::new().await;
    let (client, secret) = program(&house, "studio", &[]).await;
    let answer = credentials(&house, &client, &secret, None).await.unwrap();
    house.clock.turn(898_000);
    assert!(!is_refused(&house, &answer).await);
    house.clock.turn(2_000);
    assert!(is_refused(&house, &answer).await);

    let setting = forebay_core::settings::Setting::AccessTokenSeconds;
    house.engine.change_settings(&house.admin, &[(setting, Some(60))]).await.unwrap();
    assert_eq!(credentials(&house, &client, &secret, None).await.unwrap().expires_in_seconds, 60);
    let change =
        OauthClientChange { access_token_seconds: Some(Some(86_400)), ..OauthClientChange::default() };
    house.engine.update_oauth_client(&house.admin, &client.id, change).await.unwrap();
    let long = credentials(&house, &client, &secret, None).await.unwrap();
    assert_eq!(long.expires_in_seconds, 86_400);
    house.clock.turn(86_000_000);
    assert!(!is_refused(&house, &long).await);
    let change = OauthClientChange { access_token_seconds: Some(Some(0)), ..OauthClientChange::default() };
    let refused = house.engine.update_oauth_client(&house.admin, &client.id, change).await;
    assert!(
        matches!(&refused, Err(Error::Invalid { field, .. }) if field == "accessTokenSeconds"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_client_s_token_ends_with_its_secret_its_client_or_its_application() {
    let house = House::new().await;
    let engine = &house.engine;
    let (client, secret) = program(&house, "studio", &[]).await;
    let by_first = credentials(&house, &client, &secret, None).await.unwrap();
    let second = engine.create_client_secret(&house.admin, &client.id).await.unwrap();
    let by_second = credentials(&house, &client, &second.secret, None).await.unwrap();
    engine.delete_client_secret(&house.admin, &client.id, second.kept.id).await.unwrap();
    assert!(is_refused(&house, &by_second).await);
    assert!(!is_refused(&house, &by_first).await);

    engine.end_tokens_of_client(&house.admin, &client.id).await.unwrap();
    assert!(is_refused(&house, &by_first).await);
    let again = credentials(&house, &client, &secret, None).await.unwrap();
    assert!(!is_refused(&house, &again).await);
    engine.delete_oauth_client(&house.admin, &client.id).await.unwrap();
    assert!(is_refused(&house, &again).await);
    assert!(engine.applications(&house.admin).await.unwrap().is_empty());

    let (client, secret) = program(&house, "studio", &[]).await;
    let answer = credentials(&house, &client, &secret, None).await.unwrap();
    engine.delete_application(&house.admin, client.id.as_str().parse().unwrap()).await.unwrap();
    assert!(is_refused(&house, &answer).await);
    assert_eq!(code_of(credentials(&house, &client, &secret, None).await), "invalid_client");
}

#[tokio::test]
async fn a_user_s_token_ends_with_the_user_or_the_consent() {
    let house = House::new().await;
    let user = house.member(Scope::Pool(house.pool), &[Permission::View]).await;
    let stranger = house.member(Scope::Pool(house.pool), &[]).await;
    let (_, first) = allowed(&house, &user, "integration.data-pools").await;
    let (_, second) = allowed(&house, &user, "integration.data-pools").await;
    let consents = house.engine.consents(&user).await.unwrap();
    assert_eq!(consents.len(), 2);
    assert!(house.engine.consents(&stranger).await.unwrap().is_empty());
    let refused = house.engine.end_consent(&stranger, consents[0].id).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    house.clock.turn(1_000);
    house.engine.end_consent(&user, consents[0].id).await.unwrap();
    let ended = [is_refused(&house, &first).await, is_refused(&house, &second).await];
    assert!(ended == [true, false] || ended == [false, true], "{ended:?}");
    house.delete(&user).await;
    assert!(is_refused(&house, &first).await && is_refused(&house, &second).await);
}

#[tokio::test]
async fn a_refresh_token_is_used_once_and_theft_ends_the_family() {
    let house = House::new().await;
    let user = house.member(Scope::Pool(house.pool), &[Permission::View]).await;
    let scopes = "studio integration.data-pools";
    let (client, first) = allowed(&house, &user, scopes).await;
    let token = first.refresh_token.clone().unwrap();
    // A wish that cannot be met costs nothing.
    assert_eq!(code_of(refreshed(&house, &client, &token, Some("package-manager")).await), "invalid_scope");
    let narrow = refreshed(&house, &client, &token, Some("studio")).await.unwrap();
    assert_eq!(
        caller(&house, &narrow).await.unwrap().authority,
        Authority::Scoped([OauthScope::Studio].into())
    );
    let next = narrow.refresh_token.clone().unwrap();
    let wide = refreshed(&house, &client, &next, None).await.unwrap();
    assert_eq!(wide.scopes.len(), 2, "what was allowed is not lost by asking for less once");

    let (other, _) = house.engine.create_oauth_client(&house.admin, new("studio", false)).await.unwrap();
    let newest = wide.refresh_token.clone().unwrap();
    assert_eq!(code_of(refreshed(&house, &other, &newest, None).await), "invalid_grant");
    assert!(!is_refused(&house, &wide).await);
    // The thief and the owner both come with it: all is ended.
    assert_eq!(code_of(refreshed(&house, &client, &token, None).await), "invalid_grant");
    assert!(is_refused(&house, &wide).await && is_refused(&house, &first).await);
    assert_eq!(code_of(refreshed(&house, &client, &newest, None).await), "invalid_grant");
    assert!(house.engine.consents(&user).await.unwrap().is_empty());

    let (client, answer) = allowed(&house, &user, scopes).await;
    house.clock.turn(30 * 24 * 60 * 60 * 1000);
    let token = answer.refresh_token.unwrap();
    assert_eq!(code_of(refreshed(&house, &client, &token, None).await), "invalid_grant");
    let (_stop, stopped) = Stop::new();
    house.engine.tidy_up(&stopped).await.unwrap();
    assert!(house.engine.consents(&house.admin).await.unwrap().is_empty(), "what has ended is dropped");
}

#[tokio::test]
async fn a_client_takes_its_own_tokens_back() {
    let house = House::new().await;
    let (client, secret) = program(&house, "studio", &[]).await;
    let (other, other_secret) = program(&house, "studio", &[]).await;
    let answer = credentials(&house, &client, &secret, None).await.unwrap();
    let kept = credentials(&house, &client, &secret, None).await.unwrap();
    let revoke = async |proof: ClientProof, token: &Secret| {
        house.engine.revoke_oauth_token(&proof, token, &visit()).await
    };
    let by_other = proof(&other.id, Some(&other_secret));
    revoke(by_other, &answer.access_token).await.unwrap();
    assert!(!is_refused(&house, &answer).await, "another client's token is left alone");
    let by_client = || proof(&client.id, Some(&secret));
    revoke(by_client(), &answer.access_token).await.unwrap();
    assert!(is_refused(&house, &answer).await);
    assert!(!is_refused(&house, &kept).await);
    revoke(by_client(), &Secret::new("nothing")).await.unwrap();
    assert_eq!(code_of(revoke(proof(&client.id, None), &kept.access_token).await), "invalid_client");

    let user = house.member(Scope::Pool(house.pool), &[]).await;
    let (public, answer) = allowed(&house, &user, "studio").await;
    let renewed = refreshed(&house, &public, &answer.refresh_token.unwrap(), None).await.unwrap();
    revoke(proof(&public.id, None), &renewed.refresh_token.clone().unwrap()).await.unwrap();
    assert!(is_refused(&house, &renewed).await);
}

#[tokio::test]
async fn a_scope_that_the_client_loses_counts_no_more() {
    let house = House::new().await;
    let scopes = "studio integration.data-pools";
    let (client, secret) = program(&house, scopes, &[Permission::View]).await;
    let answer = credentials(&house, &client, &secret, None).await.unwrap();
    house.engine.data_pool(&caller(&house, &answer).await.unwrap(), house.pool).await.unwrap();
    let change =
        OauthClientChange { scopes: Some([OauthScope::Studio].into()), ..OauthClientChange::default() };
    house.engine.update_oauth_client(&house.admin, &client.id, change).await.unwrap();
    let now = caller(&house, &answer).await.unwrap();
    assert!(matches!(house.engine.data_pool(&now, house.pool).await, Err(Error::Forbidden(_))));
}
