//! Which user somebody gets whom the issuer has named, and who is not let in.

use forebay_core::access::{Role, Subject};
use forebay_core::error::Error;
use forebay_core::id::UserId;
use forebay_core::secret::Secret;

use super::super::house::{is_invalid, name};
use super::super::oauth::visit;
use super::*;
use crate::{NewSession, SignInError};

async fn user(house: &House, email: &str) -> UserId {
    let made = house.engine.create_user(&house.admin, name("Ada"), Some(email.to_owned()), Role::Member);
    made.await.unwrap().id
}

async fn signed_in(house: &House, engine: &Engine, changes: Value) -> Result<UserId, OidcError> {
    let identity = identity(house, engine, changes);
    engine.sign_in_by_identity(&identity).await.map(|session| session.user)
}

#[tokio::test]
async fn a_person_is_found_by_the_verified_address_once_and_by_issuer_and_subject_ever_after() {
    let house = House::new().await;
    house.clock.turn(HOUR);
    let engine = house.with_oidc(rules());
    let refused = signed_in(&house, &engine, json!({})).await;
    assert!(
        matches!(&refused, Err(OidcError::UnknownUser(email)) if email == "ada@example.org"),
        "{refused:?}"
    );
    let ada = user(&house, "Ada@Example.org").await;
    for said in
        [json!({"email_verified": false}), json!({"email_verified": null}), json!({"email_verified": "no"})]
    {
        let refused = signed_in(&house, &engine, said).await;
        assert!(matches!(refused, Err(OidcError::Unverified { .. })), "{refused:?}");
    }
    for said in [
        json!({"email": null}),
        json!({"email": "ada"}),
        json!({"email": "@example.org"}),
        json!({"email": 7}),
    ] {
        let refused = signed_in(&house, &engine, said).await;
        assert!(matches!(refused, Err(OidcError::NoEmail(_))), "{refused:?}");
    }
    assert_eq!(signed_in(&house, &engine, json!({"email_verified": "true"})).await.unwrap(), ada);
    // From now on the address does not matter, whatever becomes of it.
    for said in [
        json!({}),
        json!({"email": "new@example.org"}),
        json!({"email": null}),
        json!({"email_verified": false}),
    ] {
        assert_eq!(signed_in(&house, &engine, said).await.unwrap(), ada);
    }
    // Whoever gets the address after Ada does not get her user.
    let refused = signed_in(&house, &engine, json!({"sub": "eve"})).await;
    assert!(matches!(refused, Err(OidcError::OtherAccount(_))), "{refused:?}");
    assert_eq!(house.engine.tied_users(&house.admin).await.unwrap(), [ada]);
    house.engine.untie_user(&house.admin, ada).await.unwrap();
    assert_eq!(signed_in(&house, &engine, json!({"sub": "eve"})).await.unwrap(), ada);
    let twice = signed_in(&house, &engine, json!({"sub": "ada"})).await;
    assert!(matches!(twice, Err(OidcError::OtherAccount(_))), "{twice:?}");
    user(&house, "two@example.org").await;
    user(&house, "TWO@example.org").await;
    let refused = signed_in(&house, &engine, json!({"sub": "two", "email": "two@example.org"})).await;
    assert!(matches!(refused, Err(OidcError::Ambiguous(_))), "{refused:?}");
}

#[tokio::test]
async fn a_user_is_made_only_when_that_is_set_and_may_do_nothing_yet() {
    let house = House::new().await;
    house.clock.turn(HOUR);
    let email_domains = vec!["Example.org".to_owned()];
    let engine = house.with_oidc(OidcRules { creates_users: true, email_domains, ..rules() });
    for email in ["ada@example.com", "ada@sub.example.org", "ada@example.org@example.com"] {
        let refused = signed_in(&house, &engine, json!({"email": email})).await;
        assert!(matches!(refused, Err(OidcError::Domain(_))), "{refused:?}");
    }
    let made = signed_in(&house, &engine, json!({})).await.unwrap();
    let user = house.engine.user(&house.admin, made).await.unwrap();
    assert_eq!(
        (user.name.as_str(), user.email.as_deref(), user.role),
        ("Ada", Some("ada@example.org"), Role::Member)
    );
    let grants = house.engine.grants(&house.admin, None).await.unwrap();
    assert!(grants.iter().all(|grant| grant.grantee != Subject::User(made).into()));
    assert_eq!(signed_in(&house, &engine, json!({})).await.unwrap(), made);
    // Without a good name the address is one.
    let other = json!({"sub": "bob", "email": "bob@example.org", "name": " \u{7}"});
    let other = signed_in(&house, &engine, other).await.unwrap();
    assert_eq!(house.engine.user(&house.admin, other).await.unwrap().name.as_str(), "bob@example.org");
    // The same person twice at a time is one user.
    let identity = identity(&house, &engine, json!({"sub": "carl", "email": "carl@example.org"}));
    let (one, two) =
        tokio::join!(engine.sign_in_by_identity(&identity), engine.sign_in_by_identity(&identity));
    assert_eq!(one.unwrap().user, two.unwrap().user);
    assert_eq!(house.engine.users(&house.admin).await.unwrap().len(), 4);
}

#[tokio::test]
async fn another_claim_is_the_address_only_with_one_that_vouches_for_it() {
    let house = House::new().await;
    house.clock.turn(HOUR);
    let ada = user(&house, "ada@corp.example.org").await;
    let of_upn =
        OidcRules { email_claim: "upn".to_owned(), verified_claim: "upn_verified".to_owned(), ..rules() };
    let engine = house.with_oidc(of_upn);
    // That the address is verified says nothing of another claim, which people may choose.
    let refused = signed_in(&house, &engine, json!({"upn": "ada@corp.example.org"})).await;
    assert!(matches!(refused, Err(OidcError::Unverified { .. })), "{refused:?}");
    let vouched = json!({"upn": "ada@corp.example.org", "upn_verified": 1});
    assert_eq!(signed_in(&house, &engine, vouched).await.unwrap(), ada);
}

#[tokio::test]
async fn what_the_issuer_says_beside_the_token_is_of_the_same_person_and_overwrites_nothing() {
    let house = House::new().await;
    house.clock.turn(HOUR);
    let engine = house.with_oidc(rules());
    let ada = user(&house, "ada@example.org").await;
    let said = |value: Value| value.as_object().unwrap().clone();
    let mut bare = identity(&house, &engine, json!({"email": null, "email_verified": null}));
    let other = said(json!({"sub": "eve", "email": "ada@example.org", "email_verified": true}));
    assert!(matches!(bare.add_user_info(other), Err(OidcError::IdToken(_))));
    assert!(matches!(
        bare.add_user_info(said(json!({"email": "ada@example.org"}))),
        Err(OidcError::IdToken(_))
    ));
    let mut full = identity(&house, &engine, json!({"email_verified": false}));
    full.add_user_info(said(json!({"sub": "ada", "email_verified": true}))).unwrap();
    let refused = engine.sign_in_by_identity(&full).await.map(|session| session.user);
    assert!(matches!(refused, Err(OidcError::Unverified { .. })), "{refused:?}");
    bare.add_user_info(said(json!({"sub": "ada", "email": "ada@example.org", "email_verified": true})))
        .unwrap();
    assert_eq!(engine.sign_in_by_identity(&bare).await.unwrap().user, ada);
}

#[tokio::test]
async fn a_session_knows_its_issuer_and_ends_with_the_tie_or_the_user() {
    let house = House::new().await;
    house.clock.turn(HOUR);
    let engine = house.with_oidc(rules());
    let ada = user(&house, "ada@example.org").await;
    let session = async || -> NewSession {
        engine.sign_in_by_identity(&identity(&house, &engine, json!({}))).await.unwrap()
    };
    let first = session().await;
    let caller = engine.caller_by_session(&first.secret).await.unwrap();
    assert_eq!(caller.subject, Subject::User(ada));
    assert!(matches!(engine.untie_user(&caller, ada).await, Err(Error::Forbidden(_))));
    assert!(matches!(engine.tied_users(&caller).await, Err(Error::Forbidden(_))));
    assert!(engine.sign_out(&first.secret).await.unwrap());
    assert!(!engine.sign_out(&first.secret).await.unwrap());
    // Another kind of sign-in is none of the issuer's.
    let link = house.engine.make_sign_in_link(&house.admin, ada).await.unwrap();
    let by_link = engine.sign_in_by_link(&link, &visit()).await.unwrap();
    let second = session().await;
    house.engine.untie_user(&house.admin, ada).await.unwrap();
    assert!(engine.caller_by_session(&second.secret).await.is_err());
    assert!(engine.caller_by_session(&by_link.secret).await.is_ok());
    assert!(!engine.sign_out(&by_link.secret).await.unwrap());
    let third = session().await;
    house.engine.delete_user(&house.admin, ada).await.unwrap();
    assert!(engine.caller_by_session(&third.secret).await.is_err());
    assert!(house.engine.tied_users(&house.admin).await.unwrap().is_empty());
}

#[tokio::test]
async fn passwords_can_be_left_to_administrators() {
    let house = House::new().await;
    house.clock.turn(HOUR);
    let password = Secret::new("correct horse battery");
    user(&house, "ada@example.org").await;
    let lax = house.with_oidc(rules());
    let session = lax.sign_in_by_identity(&identity(&house, &lax, json!({}))).await.unwrap();
    let caller = lax.caller_by_session(&session.secret).await.unwrap();
    lax.set_password(&caller, None, &password, &session.secret).await.unwrap();
    house.engine.set_password(&house.admin, None, &password, &session.secret).await.unwrap();

    let strict = house.with_oidc(OidcRules { only_admins_by_password: true, ..rules() });
    let by_password = async |engine: &Engine, who: &str, password: &Secret| {
        engine.sign_in_by_password(who, password, &visit()).await.map(drop)
    };
    by_password(&lax, "ada@example.org", &password).await.unwrap();
    let refused = by_password(&strict, "ada@example.org", &password).await;
    assert!(matches!(refused, Err(SignInError::PasswordsOff)), "{refused:?}");
    // Whoever does not know the password learns nothing.
    let refused = by_password(&strict, "ada@example.org", &Secret::new("wrong")).await;
    assert!(matches!(refused, Err(SignInError::Password)), "{refused:?}");
    by_password(&strict, "Administrator", &password).await.unwrap();
    let new = Secret::new("another horse battery");
    let refused = strict.set_password(&caller, Some(&password), &new, &session.secret).await;
    is_invalid(refused, "password", "administrators alone");
    strict.set_password(&house.admin, Some(&password), &new, &session.secret).await.unwrap();
}
