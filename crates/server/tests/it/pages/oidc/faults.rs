//! What nobody is signed in by: an issuer that misbehaves, and addresses that others have made.

use super::*;

const CALLBACK: &str = "/sign-in/oidc/callback";

/// Nobody has signed in.
async fn is_outside(browser: &mut Browser) {
    let away = browser.get(HOME).await;
    assert_eq!(away.status, 303, "{away}");
}

#[tokio::test]
async fn nobody_is_signed_in_by_an_id_token_that_does_not_hold() {
    let issuer = Issuer::start().await;
    let server = issuer.server(&[]);
    let id = ada(&server).await;
    let claims = |claims: Value| Manners { claims, ..Manners::default() };
    let none = json!({"alg": "none", "kid": null});
    for (manners, status, words) in [
        (claims(json!({"nonce": "of-another-sign-in"})), 502, "answers another sign-in"),
        (claims(json!({"aud": "another-program"})), 502, "for another program"),
        (claims(json!({"aud": ["another-program", CLIENT]})), 502, "for another program"),
        (claims(json!({"iss": "https://login.example.org"})), 502, "another issuer"),
        (claims(json!({"exp": 1_700_000_000})), 502, "it has ended"),
        (claims(json!({"iat": 4_000_000_000_u64, "exp": 4_000_000_300_u64})), 502, "in the future"),
        (claims(json!({"sub": null})), 502, "about whom it is"),
        (Manners { strange_key: true, ..Manners::default() }, 502, "signature of the ID token is wrong"),
        (Manners { unsigned: true, ..Manners::default() }, 502, "signature of the ID token is wrong"),
        (
            Manners { header: none, unsigned: true, ..Manners::default() },
            502,
            "not signed with RS256 or ES256",
        ),
        (
            Manners { header: json!({"alg": "HS256"}), ..Manners::default() },
            502,
            "not signed with RS256 or ES256",
        ),
        (claims(json!({"email_verified": false})), 403, "has not verified the address ada@example.org"),
        (claims(json!({"email": null})), 403, "--oidc-email-claim"),
        (
            claims(json!({"sub": "eve", "email": "eve@example.org"})),
            403,
            "no user with the address eve@example.org",
        ),
        (Manners { denies: true, ..Manners::default() }, 403, "has not let you in"),
    ] {
        issuer.behaves(manners);
        let mut browser = Browser::new(&server);
        let refused = through(&server, &mut browser).await;
        let page = refused.page(status);
        assert!(page.contains(words), "{words}: {page}");
        // The page is the one to sign in, and what others write is not shown as it stands.
        assert!(page.contains("name=\"password\"") && !page.contains("as told"), "{page}");
        is_outside(&mut browser).await;
        // A wrong answer has used the attempt up.
        let again = browser.get(CALLBACK).await.page(400);
        assert!(again.contains("begin it again here"), "{again}");
    }
    issuer.behaves(Manners::default());
    let mut browser = Browser::new(&server);
    assert_eq!(through(&server, &mut browser).await.status, 303);
    // Somebody else whose address is now Ada's.
    issuer.behaves(claims(json!({"sub": "eve"})));
    let refused = through(&server, &mut Browser::new(&server)).await.page(403);
    assert!(refused.contains("is tied to another account"), "{refused}");
    server.admin().delete(&format!("{USERS}/{id}")).await.ok();
    is_outside(&mut browser).await;
}

#[tokio::test]
async fn an_answer_counts_once_and_in_the_browser_that_asked() {
    let issuer = Issuer::start().await;
    let server = issuer.server(&[]);
    ada(&server).await;
    let refused = |answer: &Answer| {
        let page = answer.page(400);
        assert!(page.contains("was begun in another browser or another tab"), "{page}");
    };
    // Another browser, with an attempt of its own and without one.
    let mut browser = Browser::new(&server);
    let back = there(&server, &mut browser, "/account").await;
    let mut stranger = Browser::new(&server);
    refused(&stranger.get(&back).await);
    there(&server, &mut stranger, "/account").await;
    refused(&stranger.get(&back).await);
    is_outside(&mut stranger).await;
    // A state that somebody has made, or none; the attempt goes on all the same.
    let state = back.split_once("state=").unwrap().1.split('&').next().unwrap().to_owned();
    refused(&browser.get(&back.replace(&state, &"A".repeat(43))).await);
    refused(&browser.get(&format!("{CALLBACK}?code=x")).await);
    refused(&browser.get(&format!("{CALLBACK}?error=access_denied")).await);
    // An answer of another issuer.
    let issuer_of = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let other = back.replace(&issuer_of(issuer.url()), &issuer_of("https://login.example.org"));
    assert_ne!(other, back);
    refused(&browser.get(&other).await);
    assert_eq!(issuer.asked("/token"), 0);

    let kept = browser.cookies.clone();
    let done = browser.get(&back).await;
    assert_eq!((done.status, done.place()), (303, "/account"), "{done}");
    // The same answer again, in the same browser and in a copy of it as it was.
    refused(&browser.get(&back).await);
    let mut copy = Browser::new(&server);
    copy.cookies = kept;
    refused(&copy.get(&back).await);
    is_outside(&mut copy).await;
    assert_eq!(issuer.asked("/token"), 1);
}

#[tokio::test]
async fn nobody_is_led_to_another_site_after_signing_in() {
    let issuer = Issuer::start().await;
    let server = issuer.server(&[]);
    ada(&server).await;
    let far = format!("/account?{}", "x".repeat(3000));
    for next in
        ["https://evil.example.org/account", "//evil.example.org", "/\\evil.example.org", "", far.as_str()]
    {
        let mut browser = Browser::new(&server);
        let back = there(&server, &mut browser, next).await;
        let done = browser.get(&back).await;
        assert_eq!((done.status, done.place()), (303, HOME), "{next}: {done}");
    }
    // Not even when the cookie says so.
    let mut browser = Browser::new(&server);
    let back = there(&server, &mut browser, "/account").await;
    let attempt = browser.cookies["forebay-attempt"].clone();
    let attempt = attempt.rsplit_once('.').unwrap().0;
    // `//evil.example.org`
    browser.cookies.insert("forebay-attempt".to_owned(), format!("{attempt}.Ly9ldmlsLmV4YW1wbGUub3Jn"));
    assert_eq!(browser.get(&back).await.place(), HOME);
}

#[tokio::test]
async fn an_issuer_that_answers_too_much_or_nothing_is_told_in_words() {
    const DISCOVERY: &str = "/.well-known/openid-configuration";
    let issuer = Issuer::start().await;
    // What the issuer says of itself is read anew each time: nothing good is known of it.
    for (manners, words) in [
        (Manners { huge: DISCOVERY, ..Manners::default() }, "larger than any should be (discovery)"),
        (Manners { silent: DISCOVERY, ..Manners::default() }, "no answer in time (discovery)"),
        (Manners { elsewhere: DISCOVERY, ..Manners::default() }, "sends on to another address (discovery)"),
        (Manners { metadata: json!({"jwks_uri": null}), ..Manners::default() }, "is not whole"),
        (
            Manners { metadata: json!({"issuer": "https://b.example.org"}), ..Manners::default() },
            "--oidc-issuer",
        ),
        (
            Manners { metadata: json!({"token_endpoint": "http://192.0.2.1/token"}), ..Manners::default() },
            "is no address of https",
        ),
    ] {
        let server = issuer.server(&["--oidc-timeout-seconds", "1"]);
        issuer.behaves(manners);
        let page = Browser::new(&server).get("/sign-in/oidc").await.page(502);
        assert!(page.contains(words) && page.contains("name=\"password\""), "{words}: {page}");
    }
    issuer.behaves(Manners::default());
    let server = issuer.server(&["--oidc-timeout-seconds", "1"]);
    ada(&server).await;
    for (manners, words) in [
        (Manners { huge: "/token", ..Manners::default() }, "larger than any should be (token)"),
        (Manners { silent: "/token", ..Manners::default() }, "no answer in time (token)"),
        (Manners { elsewhere: "/token", ..Manners::default() }, "sends on to another address (token)"),
        (Manners { huge: "/keys", ..Manners::default() }, "larger than any should be (key set)"),
        (Manners { silent: "/keys", ..Manners::default() }, "no answer in time (key set)"),
    ] {
        issuer.behaves(manners);
        let mut browser = Browser::new(&server);
        let page = through(&server, &mut browser).await.page(502);
        assert!(page.contains(words), "{words}: {page}");
        is_outside(&mut browser).await;
    }
    // It is good again, and nothing is left of all that.
    issuer.behaves(Manners::default());
    assert_eq!(through(&server, &mut Browser::new(&server)).await.place(), "/account");
    drop(issuer);
    // What it said before is known: whoever goes there is not held up here.
    assert_eq!(Browser::new(&server).get("/sign-in/oidc").await.status, 303);
}
