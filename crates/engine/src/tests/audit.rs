//! The audit log: what gets into it, who reads it, and what of it is dropped.

use forebay_core::access::{Caller, Scope, Subject};
use forebay_core::audit::{AuditEntry, AuditFilter, AuditResult};
use forebay_core::error::{Error, Needed};
use forebay_core::oauth::ClientId;
use forebay_core::secret::Secret;
use forebay_core::settings::Setting;
use forebay_core::stop::Stop;

use super::house::{House, is_invalid};
use super::oauth::{program, proof, visit};
use crate::{Recording, SignInError, TokenGrant, Trail, Visit};

const DAY: i64 = 24 * 60 * 60 * 1000;

async fn all(house: &House) -> Vec<AuditEntry> {
    let found = house.engine.audit_entries(&house.admin, &AuditFilter::default(), None, 1_000).await;
    found.unwrap().entries
}

/// A request of somebody that is answered with this status.
async fn asked(house: &House, caller: &Caller, status: u16) {
    let trail = Trail::new("POST", None, None);
    trail.is_at("/pools/{poolId}/jobs", [("poolId", house.pool.to_string().as_str())]);
    trail.asks_for("create_data_job");
    trail.comes_from(caller);
    if let Some(entry) = house.engine.audit(&trail, status, (status >= 400).then_some("KIND")) {
        house.engine.confirm_audit(&entry).await;
    }
}

#[tokio::test]
async fn what_was_asked_for_is_told_with_its_result_to_administrators_alone() {
    let house = House::new().await;
    let member = house.member(Scope::Pool(house.pool), &[]).await;
    asked(&house, &house.admin, 200).await;
    asked(&house, &member, 403).await;
    let told: Vec<_> = all(&house).await;
    let results: Vec<_> =
        told.iter().map(|entry| (entry.result, entry.status, entry.error.as_deref())).collect();
    let expected = [(AuditResult::Refused, Some(403), Some("KIND")), (AuditResult::Done, Some(200), None)];
    assert_eq!(results, expected);
    assert_eq!(told[0].pool, Some(house.pool));
    assert_eq!(told[1].caller.as_ref().unwrap().name.as_deref(), Some("Administrator"));

    let filter = AuditFilter::default();
    let refused = house.engine.audit_entries(&member, &filter, None, 10).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden(Needed::Administrator)), "{refused}");
    let refused = house.engine.audit_operations(&member).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden(Needed::Administrator)), "{refused}");
    assert_eq!(house.engine.audit_operations(&house.admin).await.unwrap(), ["create_data_job"]);
    for limit in [0, 1_001] {
        is_invalid(
            house.engine.audit_entries(&house.admin, &filter, None, limit).await,
            "limit",
            "between 1",
        );
    }
}

#[tokio::test]
async fn pages_of_the_log_follow_each_other() {
    let house = House::new().await;
    for _ in 0..5 {
        house.clock.turn(1);
        asked(&house, &house.admin, 200).await;
    }
    let (filter, mut before, mut lengths) = (AuditFilter::default(), None, Vec::new());
    loop {
        let page = house.engine.audit_entries(&house.admin, &filter, before, 2).await.unwrap();
        lengths.push(page.entries.len());
        before = page.before;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(lengths, [2, 2, 1]);
}

#[tokio::test]
async fn refusals_of_one_caller_are_told_so_often_and_what_is_done_always() {
    let house = House::new().await;
    let member = house.member(Scope::Pool(house.pool), &[]).await;
    let trail = Trail::new("POST", None, None);
    trail.comes_from(&member);
    let refused = |times: usize| -> Vec<bool> {
        let told = (0..times).filter_map(|_| house.engine.audit(&trail, 403, Some("KIND")));
        told.map(|entry| entry.is_last_of_hour).collect()
    };
    let told = refused(1_010);
    assert_eq!((told.len(), told.iter().position(|is_last| *is_last)), (1_000, Some(999)));
    assert!(house.engine.audit(&trail, 200, None).is_some());
    house.clock.turn(60 * 60 * 1000);
    assert_eq!(refused(1), [false]);
}

#[tokio::test]
async fn a_sign_in_is_told_whoever_it_was_and_whoever_it_was_to_be() {
    let house = House::new().await;
    let Subject::User(admin) = house.admin.subject else { panic!("the first administrator is a user") };
    let mut visits = Vec::new();
    for name in ["Administrator", "Nobody"] {
        let visit = Visit { trail: Trail::new("POST", None, None), ..visit() };
        let password = Secret::new("hunter2-hunter2");
        let refused = house.engine.sign_in_by_password(name, &password, &visit).await;
        assert!(matches!(refused, Err(SignInError::Password)));
        visits.push(visit);
    }
    for visit in &visits {
        let entry = house.engine.audit(&visit.trail, 401, Some("GENERAL_UNAUTHORIZED")).unwrap();
        house.engine.confirm_audit(&entry).await;
    }
    let told = all(&house).await;
    assert_eq!(told[0].caller, None);
    let caller = told[1].caller.as_ref().unwrap();
    assert_eq!(
        (caller.id.as_str(), caller.name.as_deref()),
        (admin.to_string().as_str(), Some("Administrator"))
    );
    assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
}

#[tokio::test]
async fn a_token_is_told_with_its_client_and_one_that_is_refused_too() {
    let house = House::new().await;
    let (client, secret) = program(&house, "integration.data-pools", &[]).await;
    let ask = async |secret: &Secret| {
        let visit = Visit { trail: Trail::new("POST", None, None), ..visit() };
        let grant = TokenGrant::ClientCredentials { scope: None };
        let answer = house.engine.oauth_token(&proof(&client.id, Some(secret)), grant, &visit).await;
        let status = if answer.is_ok() { 200 } else { 401 };
        let entry = house.engine.audit(&visit.trail, status, None).unwrap();
        house.engine.confirm_audit(&entry).await;
        answer.ok()
    };
    let token = ask(&secret).await.unwrap();
    assert!(ask(&Secret::new("wrong")).await.is_none());
    let told = all(&house).await;
    let results: Vec<_> = told.iter().map(|entry| entry.result).collect();
    assert_eq!(results, [AuditResult::Refused, AuditResult::Done]);
    for entry in &told {
        let caller = entry.caller.as_ref().unwrap();
        assert_eq!(
            (caller.id.as_str(), caller.name.as_deref()),
            (client.id.as_str(), Some(client.name.as_str()))
        );
    }
    assert_eq!(told[1].client.as_deref(), Some(client.id.as_str()));
    let caller = house.engine.caller_by_bearer(token.access_token.expose()).await.unwrap();
    assert_eq!(caller.client.as_ref().map(ClientId::as_str), Some(client.id.as_str()));
}

#[tokio::test]
async fn a_request_whose_client_went_away_is_told_as_not_known() {
    let house = House::new().await;
    let trail = Trail::new("DELETE", None, None);
    trail.is_at("/pools/{poolId}", []);
    trail.comes_from(&house.admin);
    house.engine.audit_unanswered(&trail);
    // What nobody waits for comes along with the next change.
    asked(&house, &house.admin, 200).await;
    let told = all(&house).await;
    let gone = told.iter().find(|entry| entry.method == "DELETE").unwrap();
    assert_eq!((gone.result, gone.status), (AuditResult::Unknown, None));
    trail.is_recorded(Recording::None);
    assert_eq!(house.engine.audit(&trail, 200, None), None);
}

#[tokio::test]
async fn what_is_older_than_the_setting_keeps_is_dropped() {
    let house = House::new().await;
    asked(&house, &house.admin, 200).await;
    house.clock.turn(5 * DAY);
    asked(&house, &house.admin, 200).await;
    let (_handle, stop) = Stop::new();
    house.engine.tidy_up(&stop).await.unwrap();
    assert_eq!(all(&house).await.len(), 2);
    let change = [(Setting::AuditKeptDays, Some(3))];
    house.engine.change_settings(&house.admin, &change).await.unwrap();
    house.engine.tidy_up(&stop).await.unwrap();
    assert_eq!(all(&house).await.len(), 1);
}
