//! Signing in by an issuer of OpenID Connect, through the pages: there, and back.

mod faults;
mod setup;

use serde_json::{Value, json};

use super::{Browser, HOME};
use crate::client::Answer;
use crate::issuer::{CLIENT, Issuer, Manners, SECRET};
use crate::server::Server;

const USERS: &str = "/forebay/api/v1/users";

/// A user as an administrator makes one.
async fn ada(server: &Server) -> String {
    let user = json!({"name": "Ada", "email": "Ada@example.org"});
    server.admin().post(USERS, &user).await.ok()["id"].as_str().unwrap().to_owned()
}

/// Goes to the issuer, and gives the path to which it sends back.
async fn there(server: &Server, browser: &mut Browser, next: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    let begun = browser.get(&format!("/sign-in/oidc?{query}")).await;
    assert_eq!(begun.status, 303, "{begun}");
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let sent = Answer::of(http.get(begun.place())).await;
    assert_eq!(sent.status, 303, "{sent}");
    sent.place().strip_prefix(&server.url()).unwrap().to_owned()
}

/// Goes there and back.
async fn through(server: &Server, browser: &mut Browser) -> Answer {
    let back = there(server, browser, "/account").await;
    browser.get(&back).await
}

/// Whose account a browser shows.
async fn name_of(browser: &mut Browser) -> String {
    let page = browser.get("/account").await.page(200);
    let rest = page.split_once("<a href=\"/account\">").unwrap().1;
    rest[..rest.find('<').unwrap()].to_owned()
}

#[tokio::test]
async fn a_user_signs_in_by_the_issuer_and_out_again() {
    let issuer = Issuer::start().await;
    let server = issuer.server(&[]);
    ada(&server).await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/sign-in?next=%2Fhistory%3Fmode%3DFULL").await.page(200);
    assert!(!page.contains("<b>login") && page.contains("login"), "{page}");
    let way = "href=\"/sign-in/oidc?next=%2Fhistory%3Fmode%3DFULL\"";
    assert!(page.contains(way) || page.replace("&#x3d;", "=").replace("&#61;", "=").contains(way), "{page}");
    assert_eq!(issuer.asked("/token"), 0);
    let back = there(&server, &mut browser, "/history?mode=FULL").await;
    let done = browser.get(&back).await;
    assert_eq!((done.status, done.place()), (303, "/history?mode=FULL"), "{done}");
    browser.get("/history?mode=FULL").await.page(200);
    assert_eq!(name_of(&mut browser).await, "Ada");

    // Whatever becomes of the address, the person is the same.
    issuer.behaves(Manners { claims: json!({"email": "new@example.org"}), ..Manners::default() });
    let mut other = Browser::new(&server);
    assert_eq!(through(&server, &mut other).await.place(), "/account");
    assert_eq!(name_of(&mut other).await, "Ada");
    // What the issuer says of itself, and its keys, are asked for once.
    assert_eq!((issuer.asked("/.well-known/openid-configuration"), issuer.asked("/keys")), (1, 1));

    browser.get("/account").await.page(200);
    let out = browser.post("/sign-out", &[]).await;
    let place = out.headers["refresh"].to_str().unwrap().strip_prefix("0; url=").unwrap();
    assert!(place.starts_with(&format!("{}/logout?client_id=forebay&", issuer.url())), "{place}");
    assert!(place.ends_with("%2Fsign-in") && out.page(200).contains("/logout?"), "{out}");
    assert_eq!(browser.get(HOME).await.status, 303);
    assert_eq!(other.get(HOME).await.status, 200);

    // Whoever comes by a key is not signed in at the issuer.
    let mut by_key = Browser::signed_in(&server, server.admin_key()).await;
    by_key.get(HOME).await.page(200);
    let out = by_key.post("/sign-out", &[]).await;
    assert_eq!((out.status, out.place()), (303, "/sign-in"), "{out}");
}

#[tokio::test]
async fn a_user_is_made_at_the_first_sign_in_when_that_is_set() {
    let issuer = Issuer::start().await;
    let server = issuer.server(&["--oidc-create-users", "--oidc-email-domain", "example.com,example.org"]);
    let mut browser = Browser::new(&server);
    for _ in 0..2 {
        assert_eq!(through(&server, &mut browser).await.place(), "/account");
        assert_eq!(name_of(&mut browser).await, "Ada");
    }
    let users = server.admin().get(USERS).await.ok();
    let made: Vec<&Value> = users.as_array().unwrap().iter().filter(|user| user["name"] == "Ada").collect();
    assert_eq!(made.len(), 1, "{users}");
    assert_eq!((&made[0]["email"], &made[0]["role"]), (&json!("ada@example.org"), &json!("MEMBER")));
    issuer.behaves(Manners {
        claims: json!({"sub": "eve", "email": "eve@evil.example.org"}),
        ..Manners::default()
    });
    let refused = through(&server, &mut Browser::new(&server)).await.page(403);
    assert!(refused.contains("nobody with the address eve@evil.example.org may sign in here"), "{refused}");
}

#[tokio::test]
async fn what_the_id_token_does_not_say_is_asked_for() {
    let issuer = Issuer::start().await;
    let server = issuer.server(&[]);
    ada(&server).await;
    let bare = json!({"email": null, "email_verified": null});
    issuer.behaves(Manners {
        claims: bare.clone(),
        user_info: json!({"sub": "somebody-else", "email": "ada@example.org", "email_verified": true}),
        ..Manners::default()
    });
    let refused = through(&server, &mut Browser::new(&server)).await.page(502);
    assert!(refused.contains("userinfo is about somebody else"), "{refused}");
    issuer.behaves(Manners {
        claims: bare.clone(),
        user_info: json!({"sub": "ada-at-the-issuer"}),
        ..Manners::default()
    });
    let refused = through(&server, &mut Browser::new(&server)).await.page(403);
    assert!(refused.contains("--oidc-email-claim"), "{refused}");
    issuer.behaves(Manners {
        claims: bare,
        user_info: json!({"sub": "ada-at-the-issuer", "email": "ada@example.org", "email_verified": true}),
        ..Manners::default()
    });
    let mut browser = Browser::new(&server);
    assert_eq!(through(&server, &mut browser).await.place(), "/account");
    assert_eq!(name_of(&mut browser).await, "Ada");
}

#[tokio::test]
async fn new_keys_of_the_issuer_are_found_and_its_wish_for_the_secret_is_met() {
    let issuer = Issuer::start().await;
    let server = issuer.server(&[]);
    ada(&server).await;
    let in_form = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
    issuer.behaves(Manners { metadata: in_form, ..Manners::default() });
    assert_eq!(through(&server, &mut Browser::new(&server)).await.place(), "/account");
    issuer.change_keys();
    assert_eq!(through(&server, &mut Browser::new(&server)).await.place(), "/account");
    assert_eq!(issuer.asked("/keys"), 2);
    // However many come with keys that nobody knows, they are looked for no more often.
    issuer.behaves(Manners { header: json!({"kid": "three"}), strange_key: true, ..Manners::default() });
    for _ in 0..8 {
        let refused = through(&server, &mut Browser::new(&server)).await.page(502);
        assert!(refused.contains("with a key that it does not publish"), "{refused}");
    }
    assert!(issuer.asked("/keys") < 8, "{}", issuer.asked("/keys"));
}
