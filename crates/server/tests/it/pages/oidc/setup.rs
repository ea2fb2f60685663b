//! How signing in by an issuer is set up.

use super::*;

#[tokio::test]
async fn a_server_without_an_issuer_has_no_way_to_one() {
    let server = Server::start();
    let mut browser = Browser::new(&server);
    assert!(!browser.get("/sign-in").await.page(200).contains("/sign-in/oidc"));
    browser.get("/sign-in/oidc").await.page(404);
    browser.get("/sign-in/oidc/callback?code=x&state=y").await.page(404);
}

#[tokio::test]
async fn the_secret_may_lie_in_a_file_and_a_wrong_one_is_told() {
    let issuer = Issuer::start().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let arguments = [
        "--oidc-issuer",
        issuer.url(),
        "--oidc-client-id",
        CLIENT,
        "--oidc-client-secret-file",
        file.to_str().unwrap(),
    ];
    let mut server = Server::start_with(&arguments);
    ada(&server).await;
    assert_eq!(through(&server, &mut Browser::new(&server)).await.place(), "/account");
    server.terminate();
    std::fs::write(&file, "wr0ng-secret").unwrap();
    server.restart();
    let page = through(&server, &mut Browser::new(&server)).await.page(502);
    assert!(page.contains("does not take the client id or its secret"), "{page}");
    let log = server.log_text();
    assert!(!log.contains("wr0ng-secret") && !log.contains(SECRET), "{log}");
    server.terminate();
    std::fs::remove_file(&file).unwrap();
    assert!(!server.try_restart());
    assert!(server.log_text().contains("--oidc-client-secret-file"), "{}", server.log_text());
}

#[test]
fn an_issuer_that_is_far_away_and_has_no_tls_keeps_the_server_from_starting() {
    let arguments = ["--oidc-issuer", "http://login.example.org", "--oidc-client-id", CLIENT];
    let mut server = Server::prepare(&arguments);
    assert!(!server.try_restart());
    assert!(server.log_text().contains("must begin with https://"), "{}", server.log_text());
    let mut server = Server::prepare(&["--oidc-issuer", "https://login.example.org"]);
    assert!(!server.try_restart());
    assert!(server.log_text().contains("--oidc-client-id"), "{}", server.log_text());
}

/// Another server is enough of an issuer to be asked where people sign in.
#[tokio::test]
async fn a_certificate_of_an_own_root_is_trusted_only_when_it_is_given() {
    let issuer = Server::start_with(&["--tls-self-signed"]);
    let url = issuer.url();
    let arguments = ["--oidc-issuer", url.as_str(), "--oidc-client-id", CLIENT];
    let strict = Server::start_with(&arguments);
    let page = Browser::new(&strict).get("/sign-in/oidc").await.page(502);
    assert!(page.contains("--oidc-ca-file"), "{page}");
    let root = issuer.data().join("tls/cert.pem");
    let trusting =
        Server::start_with(&[&arguments[..], &["--oidc-ca-file", root.to_str().unwrap()]].concat());
    let begun = Browser::new(&trusting).get("/sign-in/oidc").await;
    assert!(begun.status == 303 && begun.place().starts_with(&format!("{url}/oauth2/authorize?")), "{begun}");
}

#[tokio::test]
async fn members_may_be_left_without_passwords() {
    let issuer = Issuer::start().await;
    let server = issuer.server(&["--oidc-only-admins-by-password"]);
    ada(&server).await;
    let mut browser = Browser::new(&server);
    assert_eq!(through(&server, &mut browser).await.place(), "/account");
    browser.get("/account").await.page(200);
    let both = [("password", "correct horse 1"), ("again", "correct horse 1")];
    let refused = browser.post("/account/password", &both).await.page(400);
    assert!(refused.contains("counts for administrators alone"), "{refused}");
    let mut admin = Browser::signed_in(&server, server.admin_key()).await;
    admin.get("/account").await.page(200);
    assert_eq!(admin.post("/account/password", &both).await.status, 303);
}

#[tokio::test]
async fn an_administrator_unties_a_user_whose_account_is_another_one_now() {
    let issuer = Issuer::start().await;
    let server = issuer.server(&[]);
    let id = ada(&server).await;
    let untie = format!("/administration/users/{id}/untie");
    let mut admin = Browser::signed_in(&server, server.admin_key()).await;
    assert!(!admin.get("/administration/users").await.page(200).contains(&untie));
    let mut before = Browser::new(&server);
    assert_eq!(through(&server, &mut before).await.place(), "/account");
    issuer.behaves(Manners { claims: json!({"sub": "another-account"}), ..Manners::default() });
    let refused = through(&server, &mut Browser::new(&server)).await.page(403);
    assert!(refused.contains("untie it under Administration"), "{refused}");
    let page = admin.get("/administration/users").await.page(200);
    assert!(page.contains(&untie) && page.contains(&format!("users/{id}/identities")), "{page}");
    assert_eq!(admin.post(&untie, &[]).await.place(), "/administration/users");
    assert!(!admin.get("/administration/users").await.page(200).contains(&untie));
    assert_eq!(before.get(HOME).await.status, 303);
    let mut after = Browser::new(&server);
    assert_eq!(through(&server, &mut after).await.place(), "/account");
    assert_eq!(name_of(&mut after).await, "Ada");
    // The same by the API; a user who is not tied is no error.
    let identities = format!("{USERS}/{id}/identities");
    for _ in 0..2 {
        assert_eq!(server.admin().delete(&identities).await.status, 204);
    }
    assert_eq!(after.get(HOME).await.status, 303);
}
