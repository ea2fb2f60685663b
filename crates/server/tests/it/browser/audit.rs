//! The audit log in a browser, as the administrator who has signed in.

use super::driver::Browser;

/// Looks at the log as it is, at what one filter leaves, and at one that cannot be read.
pub(super) async fn audit_log(browser: &Browser) {
    browser.open_path("/administration").await;
    browser.click("nav a[href='/administration/audit']").await;
    browser.sees("Who asked for what, when, and what came of it").await;
    browser.sees("sign_in_by_link").await;
    browser.check("administration-audit").await;
    browser.open_path("/administration/audit?operation=sign_in_by_link").await;
    browser.sees("Download as CSV").await;
    browser.check("administration-audit-filtered").await;
    browser.open_path("/administration/audit?from=yesterday").await;
    browser.sees("is no day").await;
    browser.check("administration-audit-wrong").await;
}
