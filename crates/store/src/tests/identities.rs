//! Who users are for issuers of OpenID Connect.

use super::*;

const ISSUER: &str = "https://login.example.org";

#[tokio::test]
async fn a_user_and_an_account_are_tied_to_one_another_alone() {
    let store = Store::temporary().await.unwrap();
    let (ada, bob) = (new_user(Role::Member), new_user(Role::Member));
    is_not_found(store.add_identity(ISSUER, "ada", ada.id, at(1)).await);
    store.create_user(&ada).await.unwrap();
    store.create_user(&bob).await.unwrap();
    store.add_identity(ISSUER, "ada", ada.id, at(1)).await.unwrap();
    is_conflict(store.add_identity(ISSUER, "ada", bob.id, at(2)).await, "tied already");
    is_conflict(store.add_identity(ISSUER, "another", ada.id, at(2)).await, "tied already");
    // Subjects are letter by letter, and of one issuer.
    store.add_identity(ISSUER, "ADA", bob.id, at(2)).await.unwrap();
    store.add_identity("https://other.example.org", "ada", bob.id, at(2)).await.unwrap();
    let found = async |issuer: &str, subject: &str| store.user_by_identity(issuer, subject).await.unwrap();
    assert_eq!(found(ISSUER, "ada").await, Some(ada.id));
    assert_eq!(found(ISSUER, "ADA").await, Some(bob.id));
    assert_eq!(found("https://other.example.org", "ada").await, Some(bob.id));
    assert_eq!(found("https://other.example.org", "ADA").await, None);

    let carl = new_user(Role::Member);
    is_conflict(store.create_user_with_identity(&carl, ISSUER, "ada").await, "tied already");
    is_not_found(store.user(carl.id).await);
    store.create_user_with_identity(&carl, ISSUER, "carl").await.unwrap();
    assert_eq!(found(ISSUER, "carl").await, Some(carl.id));
    store.delete_user(carl.id).await.unwrap();
    assert_eq!(found(ISSUER, "carl").await, None);
    assert_eq!(store.users_with_identity().await.unwrap().len(), 2);
    store.forget_identities(bob.id).await.unwrap();
    assert_eq!(store.users_with_identity().await.unwrap(), [ada.id]);
}

#[tokio::test]
async fn a_session_that_an_issuer_began_ends_with_the_identity() {
    let store = Store::temporary().await.unwrap();
    let ada = new_user(Role::Member);
    store.create_user_with_identity(&ada, ISSUER, "ada").await.unwrap();
    for (hash, issuer) in [([1; 32], None), ([2; 32], Some(ISSUER)), ([3; 32], Some(ISSUER))] {
        store.add_session(&hash, ada.id, issuer, at(1), at(100)).await.unwrap();
    }
    assert_eq!(store.end_session(&[2; 32]).await.unwrap().as_deref(), Some(ISSUER));
    assert_eq!(store.end_session(&[2; 32]).await.unwrap(), None);
    store.forget_identities(ada.id).await.unwrap();
    assert!(store.caller_by_session(&[3; 32], at(2)).await.unwrap().is_none());
    assert!(store.caller_by_session(&[1; 32], at(2)).await.unwrap().is_some());
    assert_eq!(store.end_session(&[1; 32]).await.unwrap(), None);
}

#[tokio::test]
async fn users_are_found_by_their_address_in_any_letters() {
    let store = Store::temporary().await.unwrap();
    let mut expected = Vec::new();
    for email in ["Ada@Example.org", "bob@example.org", "BOB@example.org", "Bob@example.org"] {
        let user = User { email: Some(email.to_owned()), ..new_user(Role::Member) };
        store.create_user(&user).await.unwrap();
        expected.push(user);
    }
    store.create_user(&User { email: None, ..new_user(Role::Admin) }).await.unwrap();
    assert_eq!(store.users_by_email("ada@example.ORG").await.unwrap(), expected[..1]);
    assert_eq!(store.users_by_email("bob@example.org").await.unwrap().len(), 2);
    assert!(store.users_by_email("ada").await.unwrap().is_empty());
    assert!(store.users_by_email("").await.unwrap().is_empty());
}
