//! Administration: users, applications, OAuth clients and the server, and who gets there.

use std::time::Duration;

use serde_json::json;

use super::{Browser, World};
use crate::client::Answer;
use crate::server::Server;

const PLACE: &str = "/administration";

/// A browser of the administrator, with a page's forms at hand.
async fn administrator(server: &Server, page: &str) -> Browser {
    let mut browser = Browser::signed_in(server, server.admin_key()).await;
    browser.get(page).await.page(200);
    browser
}

/// What a page shows once.
#[track_caller]
fn shown_once(page: &str) -> String {
    let begins = "<pre tabindex=\"0\"><code>";
    let rest =
        &page[page.find(begins).unwrap_or_else(|| panic!("nothing is shown once:\n{page}")) + begins.len()..];
    rest[..rest.find('<').unwrap()].to_owned()
}

#[track_caller]
fn leads_to(answer: &Answer, place: &str) {
    assert_eq!((answer.status, answer.place()), (303, place), "{answer}");
}

/// The id of what has this name in a list of the API.
async fn id_of(server: &Server, list: &str, name: &str) -> String {
    let listed = server.admin().get(&format!("/forebay/api/v1/{list}")).await.ok();
    let found = listed.as_array().unwrap().iter().find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("{name}: {listed}"))["id"].as_str().unwrap().to_owned()
}

async fn token(server: &Server, id: &str, secret: &str) -> Answer {
    let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    server.anonymous().form("/oauth2/token", &fields).await
}

#[tokio::test]
async fn nobody_but_an_administrator_gets_to_administration() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let member = server.member(&world.pool.id, &["VIEW", "EDIT", "MANAGE"]).await;
    let mut browser = Browser::signed_in(&server, member.key()).await;
    let home = browser.get(super::HOME).await.page(200);
    assert!(!home.contains("Administration"), "{home}");
    let admin = server.admin().get("/api/cloud").await.ok()["id"].as_str().unwrap().to_owned();
    let user = format!("/users/{admin}/delete");
    let pages = ["", "/users", &user, "/applications", "/oauth-clients", "/oauth-clients/content-cli"];
    for page in pages.into_iter().chain(["/permissions", "/server"]) {
        let refused = browser.get(&format!("{PLACE}{page}")).await.page(403);
        assert!(refused.contains("the permission of an administrator"), "{refused}");
    }
    browser.get(super::HOME).await.page(200);
    let setting = [("setting", "logsKeptDays"), ("value", "1")];
    let forms: [(&str, &[(&str, &str)]); 8] = [
        ("/users", &[("name", "Mine"), ("admin", "on")]),
        (&format!("/users/{admin}/sign-in-link"), &[]),
        (&user, &[("name", "Administrator")]),
        ("/applications", &[("name", "Mine")]),
        ("/oauth-clients", &[("name", "Mine"), ("studio", "on")]),
        ("/signing-keys", &[]),
        ("/server/settings", &setting),
        ("/server/backups", &[("name", "mine")]),
    ];
    for (form, fields) in forms {
        browser.post(&format!("{PLACE}{form}"), fields).await.page(403);
    }
    let mut stranger = Browser::new(&server);
    leads_to(&stranger.get(&format!("{PLACE}/users")).await, "/sign-in?next=%2Fadministration%2Fusers");

    let mut browser = administrator(&server, super::HOME).await;
    let home = browser.get(super::HOME).await.page(200);
    assert!(home.contains("<a href=\"/administration\">Administration</a>"), "{home}");
    for page in pages.into_iter().chain(["/permissions", "/server"]) {
        let shown = browser.get(&format!("{PLACE}{page}")).await.page(200);
        assert!(shown.contains("Do this by API"), "{page}: {shown}");
    }
    for page in ["/users/None/delete", "/oauth-clients/None", "/applications/None/delete"] {
        browser.get(&format!("{PLACE}{page}")).await.page(404);
    }
}

#[tokio::test]
async fn a_user_is_made_signs_in_by_a_link_and_is_deleted() {
    let server = Server::start();
    let users = format!("{PLACE}/users");
    let mut browser = administrator(&server, &users).await;
    let refused = browser.post(&users, &[("name", ""), ("email", "ada@example.org")]).await.page(400);
    assert!(refused.contains("id=\"fault-name\">must not be empty"), "{refused}");
    assert!(refused.contains("value=\"ada@example.org\""), "{refused}");
    let fields = [("name", "Ada <b>"), ("email", "ada@example.org"), ("admin", "on")];
    leads_to(&browser.post(&users, &fields).await, &users);
    let page = browser.get(&users).await.page(200);
    assert!(page.contains("ada@example.org") && !page.contains("Ada <b>"), "{page}");
    let id = id_of(&server, "users", "Ada <b>").await;
    let made = browser.post(&format!("{users}/{id}/sign-in-link"), &[]).await;
    let link = shown_once(&made.page(200));
    assert!(!browser.get(&users).await.page(200).contains(&link));

    let mut ada = Browser::new(&server);
    let path = link.strip_prefix(&server.url()).unwrap();
    ada.get(path).await.page(200);
    let secret = path.split_once("link=").unwrap().1;
    leads_to(&ada.post("/sign-in/link", &[("link", secret)]).await, "/account");
    ada.get(PLACE).await.page(200);

    let delete = format!("{users}/{id}/delete");
    browser.get(&delete).await.page(200);
    let refused = browser.post(&delete, &[("name", "Ada")]).await.page(400);
    assert!(refused.contains("is not that of this user"), "{refused}");
    leads_to(&browser.post(&delete, &[("name", "Ada <b>")]).await, &users);
    assert_eq!(ada.get(PLACE).await.status, 303);
    browser.get(&delete).await.page(404);
    let own = server.admin().get("/api/cloud").await.ok()["id"].as_str().unwrap().to_owned();
    browser.get(&users).await.page(200);
    let myself = browser.post(&format!("{users}/{own}/delete"), &[("name", "Administrator")]).await;
    assert!(myself.page(409).contains("nobody can delete themselves"), "{myself}");
}

#[tokio::test]
async fn an_application_has_keys_that_are_shown_once() {
    let server = Server::start();
    let applications = format!("{PLACE}/applications");
    let mut browser = administrator(&server, &applications).await;
    let refused = browser.post(&applications, &[("name", " Loader")]).await.page(400);
    assert!(refused.contains("must not begin or end with a space"), "{refused}");
    let first = shown_once(&browser.post(&applications, &[("name", "Loader")]).await.page(200));
    let program = |key: &str| server.with_authorization(&format!("AppKey {key}"));
    program(&first).get("/api/cloud").await.ok();
    let id = id_of(&server, "applications", "Loader").await;
    let keys = format!("{applications}/{id}/keys");
    let refused = browser.post(&keys, &[("name", "")]).await.page(400);
    assert!(refused.contains(&format!("id=\"fault-key-{id}\">name: must not be empty")), "{refused}");
    let second = shown_once(&browser.post(&keys, &[("name", "Second key")]).await.page(200));
    program(&second).get("/api/cloud").await.ok();
    let page = browser.get(&applications).await.page(200);
    assert!(page.contains("Second key") && !page.contains(&first) && !page.contains(&second), "{page}");
    let key = id_of(&server, "keys", "Second key").await;
    leads_to(&browser.post(&format!("{keys}/{key}/delete"), &[]).await, &applications);
    program(&second).get("/api/cloud").await.refused(401);
    let delete = format!("{applications}/{id}/delete");
    browser.get(&delete).await.page(200);
    browser.post(&delete, &[("name", "loader")]).await.page(400);
    leads_to(&browser.post(&delete, &[("name", "Loader")]).await, &applications);
    program(&first).get("/api/cloud").await.refused(401);
}

#[tokio::test]
async fn an_oauth_client_is_made_changed_and_its_secret_rotated() {
    let server = Server::start();
    let clients = format!("{PLACE}/oauth-clients");
    let mut browser = administrator(&server, &clients).await;
    let redirects = "https://app.example.org/back\r\nhttp://elsewhere.example.org";
    let wrong = [("name", "Nightly"), ("studio", "on"), ("redirectUris", redirects)];
    let refused = browser.post(&clients, &wrong).await.page(400);
    assert!(
        refused.contains("id=\"fault-redirectUris\">`http://elsewhere.example.org` must begin"),
        "{refused}"
    );
    assert!(
        refused.contains("name=\"studio\" checked") && refused.contains("value=\"Nightly\""),
        "{refused}"
    );
    let refused = browser.post(&clients, &[("name", "Nightly")]).await.page(400);
    assert!(refused.contains("id=\"fault-scopes\">must name at least one"), "{refused}");
    let fields = [
        ("name", "Nightly"),
        ("integration.data-pools", "on"),
        ("studio", "on"),
        ("accessTokenSeconds", "60"),
    ];
    let made = browser.post(&clients, &fields).await.page(200);
    let once = shown_once(&made);
    let (id, first) = once.split_once("\nclient_secret: ").unwrap();
    let id = id.strip_prefix("client_id: ").unwrap();
    let answer = token(&server, id, first).await.ok();
    assert_eq!(answer["expires_in"], 60, "{answer}");
    assert!(made.contains("integration.data-pools:execute") && made.contains("start and cancel data jobs"));

    let client = format!("{clients}/{id}");
    let secrets = format!("{client}/secrets");
    let second = shown_once(&browser.post(&secrets, &[]).await.page(200));
    let third = browser.post(&secrets, &[]).await.page(409);
    assert!(third.contains("id=\"fault-secrets\"") && !third.contains("<pre tabindex"), "{third}");
    let page = browser.get(&client).await.page(200);
    assert!(!page.contains(first) && !page.contains(&second), "{page}");
    for secret in [first, &second] {
        token(&server, id, secret).await.ok();
    }
    let kept = server.admin().get(&format!("/forebay/api/v1/oauth/clients/{id}")).await.ok();
    let old = kept["secrets"].as_array().unwrap().iter().min_by_key(|secret| secret["createdAt"].as_i64());
    let delete = format!("{secrets}/{}/delete", old.unwrap()["id"].as_str().unwrap());
    browser.get(&delete).await.page(200);
    leads_to(&browser.post(&delete, &[]).await, &client);
    token(&server, id, first).await.refused(401);

    let bearer = token(&server, id, &second).await.ok();
    let program = server.bearer(bearer["access_token"].as_str().unwrap());
    program.get("/api/cloud").await.ok();
    browser.get(&client).await.page(200);
    leads_to(&browser.post(&format!("{client}/end-tokens"), &[]).await, &client);
    program.get("/api/cloud").await.refused(401);
    let change = [("name", "Hourly"), ("studio", "on"), ("accessTokenSeconds", "an hour")];
    let refused = browser.post(&client, &change).await.page(400);
    assert!(
        refused.contains("id=\"fault-accessTokenSeconds\">must be a whole number of seconds"),
        "{refused}"
    );
    let change = [("name", "Hourly"), ("studio", "on"), ("redirectUris", "https://app.example.org/back")];
    leads_to(&browser.post(&client, &change).await, &client);
    let kept = server.admin().get(&format!("/forebay/api/v1/oauth/clients/{id}")).await.ok();
    assert_eq!((&kept["name"], &kept["scopes"]), (&json!("Hourly"), &json!(["studio"])), "{kept}");
    assert_eq!(kept["redirectUris"], json!(["https://app.example.org/back"]), "{kept}");
    assert_eq!(kept["accessTokenSeconds"], json!(null), "{kept}");

    let public = [("name", "Desktop"), ("kind", "public"), ("studio", "on")];
    let made = browser.post(&clients, &public).await;
    assert_eq!(made.status, 303, "{made}");
    let page = browser.get(made.place()).await.page(200);
    assert!(page.contains("without a secret") && !page.contains("Make a second secret"), "{page}");

    let delete = format!("{client}/delete");
    browser.get(&delete).await.page(200);
    browser.post(&delete, &[("name", "Nightly")]).await.page(400);
    leads_to(&browser.post(&delete, &[("name", "Hourly")]).await, &clients);
    browser.get(&client).await.page(404);
    token(&server, id, &second).await.refused(401);
}

#[tokio::test]
async fn signing_keys_are_rotated_and_deleted() {
    let server = Server::start();
    let clients = format!("{PLACE}/oauth-clients");
    let mut browser = administrator(&server, &clients).await;
    let keys = format!("{PLACE}/signing-keys");
    leads_to(&browser.post(&keys, &[]).await, &clients);
    let page = browser.get(&clients).await.page(200);
    assert!(page.contains("<td>next</td>") && page.contains("<td>signs</td>"), "{page}");
    let again = browser.post(&keys, &[]).await.page(409);
    assert!(again.contains("id=\"fault-rotate\">the key `"), "{again}");
    let listed = server.admin().get("/forebay/api/v1/oauth/signing-keys").await.ok();
    let newest = listed[0]["id"].as_str().unwrap();
    let delete = format!("{keys}/{newest}/delete");
    browser.get(&delete).await.page(200);
    leads_to(&browser.post(&delete, &[]).await, &clients);
    assert!(!browser.get(&clients).await.page(200).contains(newest));
}

#[tokio::test]
async fn what_is_ticked_for_all_pools_holds_in_each() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let program = server.application(&world.pool.id, &[]).await;
    let id = program.get("/api/cloud").await.ok()["id"].as_str().unwrap().to_owned();
    let permissions = format!("{PLACE}/permissions");
    let mut browser = administrator(&server, &permissions).await;
    program.get(&world.pool.path("")).await.refused(404);
    program.get("/metrics").await.refused(403);
    let subject = format!("application:{id}");
    let ticked = [("subject", subject.as_str()), ("VIEW", "on"), ("METRICS", "on")];
    leads_to(&browser.post(&permissions, &ticked).await, &permissions);
    program.get(&world.pool.path("")).await.ok();
    program.get("/metrics").await.ok();
    let pool = browser.get(&format!("{}/{}/permissions", super::HOME, world.pool.id)).await.page(200);
    assert!(pool.contains("checked disabled") && !pool.contains("METRICS"), "{pool}");
    leads_to(&browser.post(&permissions, &[("subject", &subject)]).await, &permissions);
    program.get(&world.pool.path("")).await.refused(404);
    browser.post(&permissions, &[("subject", "nobody")]).await.page(400);
}

#[tokio::test]
async fn settings_are_saved_one_by_one_and_a_backup_is_made() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let place = format!("{PLACE}/server");
    let mut browser = administrator(&server, &place).await;
    let settings = format!("{place}/settings");
    let setting = [("setting", "logsKeptDays"), ("value", "0")];
    let refused = browser.post(&settings, &setting).await.page(400);
    assert!(refused.contains("id=\"fault-logsKeptDays\">must be from 1 to 36500, not 0"), "{refused}");
    let setting = [("setting", "logsKeptDays"), ("value", "two weeks")];
    let refused = browser.post(&settings, &setting).await.page(400);
    assert!(
        refused.contains("must be a whole number") && refused.contains("value=\"two weeks\""),
        "{refused}"
    );
    browser.post(&settings, &[("setting", "logsKeptWeeks"), ("value", "2")]).await.page(400);
    let now = async |name: &str| {
        let kept = server.admin().get("/forebay/api/v1/settings").await.ok();
        let settings = kept["settings"].as_array().unwrap();
        settings.iter().find(|setting| setting["name"] == name).unwrap()["value"].clone()
    };
    for (value, expected) in [("14", 14), ("", 30)] {
        leads_to(&browser.post(&settings, &[("setting", "logsKeptDays"), ("value", value)]).await, &place);
        assert_eq!(now("logsKeptDays").await, expected);
    }

    let backups = format!("{place}/backups");
    let refused = browser.post(&backups, &[("name", "../up")]).await.page(400);
    assert!(refused.contains("id=\"fault-name\">must be 1 to 100 letters"), "{refused}");
    leads_to(&browser.post(&backups, &[("name", "first")]).await, &format!("{place}#backups"));
    let mut looks = 0;
    while server.admin().get("/forebay/api/v1/backups/first").await.ok()["state"] == "RUNNING" {
        looks += 1;
        assert!(looks < 1_500, "the backup does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let page = browser.get(&place).await.page(200);
    assert!(page.contains("<span class=\"badge good\">succeeded</span>"), "{page}");
    let again = browser.post(&backups, &[("name", "first")]).await.page(409);
    assert!(again.contains("id=\"fault-backup\">there is a backup `first` already"), "{again}");
    assert!(page.contains(&world.pool.id) && page.contains(env!("CARGO_PKG_VERSION")), "{page}");
    for part in ["Executions that wait", "Free", "Taken by pools", "Workers started"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}
