//! Administration in a browser, as the administrator who has signed in.

use serde_json::json;

use super::driver::Browser;
use crate::client::Client;

/// Makes a user, an application and an OAuth client, and looks at every page.
pub(super) async fn administer(browser: &Browser, admin: &Client) {
    browser.click("header a[href='/administration']").await;
    browser.sees("Programs with keys of their own").await;
    browser.check("administration").await;

    browser.click("nav a[href='/administration/users']").await;
    browser.fill("#name", "Made by hand").await;
    browser.fill("#email", "hand@example.org").await;
    browser.press("Create the user").await;
    browser.sees("hand@example.org").await;
    browser.click("[aria-label='Make a sign-in link for Made by hand']").await;
    browser.sees("It signs in once, within a day").await;
    browser.check("administration-users").await;
    let users = admin.get("/forebay/api/v1/users").await.ok();
    let user = users.as_array().unwrap().iter().find(|user| user["name"] == "Made by hand").unwrap();
    let user = user["id"].as_str().unwrap();
    browser.click(&format!("a[href$='{user}/delete']")).await;
    browser.sees("Type the name of the user").await;
    browser.check("administration-delete").await;
    browser.fill("#name", "Made by hand").await;
    browser.press("Delete it").await;
    browser.sees("New user").await;

    browser.click("nav a[href='/administration/applications']").await;
    browser.sees("New application").await;
    browser.fill("#name", "Loader in a browser").await;
    browser.press("Create it with its first key").await;
    browser.sees("It is shown this once").await;
    browser.check("administration-applications").await;

    browser.click("nav a[href='/administration/oauth-clients']").await;
    browser.sees("New OAuth client").await;
    browser.fill("#name", "Nightly in a browser").await;
    browser.fill("#accessTokenSeconds", "an hour").await;
    browser.click("[name='integration.data-pools:execute']").await;
    browser.press("Create the client").await;
    browser.sees("must be a whole number of seconds").await;
    browser.check("administration-oauth-clients").await;
    browser.fill("#accessTokenSeconds", "3600").await;
    browser.press("Create the client").await;
    browser.sees("client_secret").await;
    browser.press("Make a second secret").await;
    browser.sees("The new secret").await;
    browser.check("administration-oauth-client").await;

    browser.click("nav a[href='/administration/permissions']").await;
    browser.sees("Permissions in all data pools").await;
    browser.click("[aria-label='Metrics: Loader in a browser']").await;
    browser.click("[aria-label='Save the permissions of Loader in a browser']").await;
    browser.sees("Permissions in all data pools").await;
    browser.check("administration-permissions").await;
    let grants = admin.get("/forebay/api/v1/grants").await.ok();
    let is_metrics = |grant: &serde_json::Value| grant["permissions"] == json!(["METRICS"]);
    assert!(grants.as_array().unwrap().iter().any(is_metrics), "{grants}");

    browser.click("nav a[href='/administration/server']").await;
    browser.sees("No execution begins below").await;
    browser.fill("#set-logsKeptDays", "0").await;
    browser.click("[aria-label='Save logsKeptDays']").await;
    browser.sees("must be from 1 to 36500, not 0").await;
    browser.check("administration-server").await;
}
