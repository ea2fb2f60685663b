//! Signing in by an issuer of OpenID Connect in a browser.

use serde_json::json;

use super::driver::Browser;
use crate::issuer::{Issuer, Manners};

/// Goes to the issuer and back, first in vain, and signs out there as well.
pub(super) async fn there_and_back() {
    let issuer = Issuer::start().await;
    let server = issuer.server(&[]);
    let user = json!({"name": "Ada", "email": "ada@example.org"});
    server.admin().post("/forebay/api/v1/users", &user).await.ok();
    let browser = Browser::start(&server.url()).await;
    browser.open_path("/history").await;
    browser.sees("Or with a name and a password").await;
    browser.check("sign-in-by-issuer").await;
    issuer.behaves(Manners { denies: true, ..Manners::default() });
    browser.click("main a[href^='/sign-in/oidc']").await;
    browser.sees("has not let you in").await;
    browser.check("sign-in-by-issuer-refused").await;
    issuer.behaves(Manners::default());
    browser.click("main a[href^='/sign-in/oidc']").await;
    browser.sees("Ada").await;
    assert!(browser.address().await.ends_with("/history"), "{}", browser.address().await);
    browser.press("Sign out").await;
    browser.sees("Signed out of the issuer").await;
    browser.open_path("/history").await;
    browser.sees("Or with a name and a password").await;
    browser.end().await;
}
