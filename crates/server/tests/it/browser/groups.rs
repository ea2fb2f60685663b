//! Groups in a browser, as the administrator who has signed in.

use serde_json::{Value, json};

use super::driver::Browser;
use crate::client::Client;

/// Makes a group, puts a user into it, grants it a pool, and deletes it.
pub(super) async fn groups(browser: &Browser, admin: &Client, pool: &str) {
    let user = json!({"name": "Grouped", "email": "grouped@example.org"});
    let user = admin.post("/forebay/api/v1/users", &user).await.ok();
    let user = user["id"].as_str().unwrap();
    let grants = format!("/forebay/api/v1/pools/{pool}/grants");

    browser.click("header a[href='/administration']").await;
    browser.sees("Users who are granted permissions together").await;
    browser.click("nav a[href='/administration/groups']").await;
    browser.sees("There is none yet.").await;
    browser.fill("#name", "Made in a browser").await;
    browser.press("Create the group").await;
    browser.sees("Nobody is in it yet.").await;
    browser.fill("#add-text", "grouped@").await;
    browser.press("Find users").await;
    browser.sees("grouped@example.org").await;
    browser.click("[aria-label='Put in Grouped']").await;
    browser.sees("1 member").await;
    let address = browser.address().await;
    let group = address.split(['?', '#']).next().unwrap().rsplit('/').next().unwrap().to_owned();

    browser.open_path(&format!("/integration/ui/pools/{pool}/permissions?q={group}")).await;
    browser.click("[aria-label='View: Made in a browser']").await;
    browser.click("[aria-label='Save the permissions of Made in a browser']").await;
    browser.sees("Permissions of").await;
    browser.open_path(&format!("/integration/ui/pools/{pool}/permissions?q=grouped")).await;
    browser.sees("Grouped user").await;
    browser.check("permissions-by-group").await;
    let granted = admin.get(&grants).await.ok();
    let of_group = |grant: &Value| grant["subject"] == json!({"type": "GROUP", "id": group});
    assert!(granted.as_array().unwrap().iter().any(of_group), "{granted}");

    browser.open_path(&format!("/administration/groups/{group}")).await;
    browser.sees("What its members may do by it").await;
    browser.check("administration-group").await;
    browser.click("nav a[href='/administration/groups']").await;
    browser.sees("1 group").await;
    browser.check("administration-groups").await;
    browser.click(&format!("a[href$='{group}/delete']")).await;
    browser.sees("Type the name of the group").await;
    browser.fill("#name", "Made in a browser").await;
    browser.press("Delete it").await;
    browser.sees("There is none yet.").await;
    let granted = admin.get(&grants).await.ok();
    assert!(!granted.as_array().unwrap().iter().any(of_group), "{granted}");
    admin.get(&format!("/forebay/api/v1/groups/{group}")).await.refused(404);
    admin.delete(&format!("/forebay/api/v1/users/{user}")).await.refused(204);
}
