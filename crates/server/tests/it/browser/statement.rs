//! The SQL editor: written in, completed, run, and left by the keyboard.

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use serde_json::json;

use super::driver::Browser;
use crate::pool::Job;

/// What is inside of the editor.
const INSIDE: &str = "document.getElementById('editor').shadowRoot";

/// Writes and runs the SQL of a transformation. The job is that of a world: it extracts `one` by the connection `Used`
/// and makes `made` in this transformation.
pub(super) async fn statement(browser: &Browser, job: &Job, transformation: &str) {
    job.run("FULL").await.succeeded();
    let jobs = format!("/integration/ui/pools/{}/data-configuration/data-jobs", job.pool.id);
    let page = format!("{jobs}/statement?jobId={}&taskId={transformation}", job.id);
    browser.open_path(&page).await;
    browser.sees("Escape and then Tab leaves the editor").await;
    let shown = format!("{INSIDE}.querySelector('.cm-content').textContent.includes('CREATE OR REPLACE')");
    browser.until(&shown).await;
    browser.check("statement").await;
    let count =
        "window.blocked = 0; document.addEventListener('securitypolicyviolation', () => window.blocked++)";
    browser.run(count).await;

    write(browser).await;
    complete(browser).await;
    go_wrong(browser).await;
    stay_and_leave(browser).await;

    browser.open_path(&page).await;
    browser.sees("Escape and then Tab leaves the editor").await;
    browser.click("#editor").await;
    keys(browser, Some(Key::Control), &key(Key::End)).await;
    keys(browser, None, "; ").await;
    // Nobody is asked who saves, or who has nothing to lose.
    browser.press("Save").await;
    browser.sees("Choose what to execute").await;
}

/// Presses keys one after the other, wherever the focus is; what is held is held for all of them.
async fn keys(browser: &Browser, held: Option<Key>, pressed: &str) {
    let held = held.map(char::from);
    let down = held.into_iter().map(|value| KeyAction::Down { value });
    let each = pressed.chars().flat_map(|value| [KeyAction::Down { value }, KeyAction::Up { value }]);
    let up = held.into_iter().map(|value| KeyAction::Up { value });
    let keyboard = KeyActions::new("keyboard".to_owned());
    let actions = down.chain(each).chain(up).fold(keyboard, KeyActions::then);
    browser.client.perform_actions(actions).await.unwrap();
}

fn key(key: Key) -> String {
    char::from(key).to_string()
}

/// Adds a statement, runs it alone, and looks at a page of its rows.
async fn write(browser: &Browser) {
    browser.click("#editor").await;
    keys(browser, Some(Key::Control), &key(Key::End)).await;
    keys(browser, None, &format!(";{}SELECT id, name FROM one ORDER BY 1 ", key(Key::Enter))).await;
    let kept = "document.getElementById('statement').value.endsWith('SELECT id, name FROM one ORDER BY 1 ')";
    browser.until(kept).await;
    browser.press("Run selection").await;
    browser.sees("Rows 1 to 2, in").await;
    browser.until("document.querySelectorAll('.answer td')[3].textContent === 'b'").await;
    // The page was not loaded again: what is not saved is still in the editor.
    browser.until(kept).await;
    browser.check("statement-rows").await;
    browser.press("Run").await;
    browser.sees("these are 2 statements, which begin on the lines 1, 2").await;

    browser.click("#editor").await;
    keys(browser, Some(Key::Control), "a").await;
    keys(browser, None, "SELECT range AS n FROM range(150) ORDER BY 1 ").await;
    keys(browser, Some(Key::Control), &key(Key::Enter)).await;
    browser.sees("Rows 1 to 100, in").await;
    browser.press("Rows after").await;
    browser.sees("Rows 101 to 150, in").await;
    browser.check("statement-last-rows").await;
}

/// What can be written comes from the pool: its tables, their columns, and parameters.
async fn complete(browser: &Browser) {
    for (begun, offered) in [
        ("SELECT * FROM mad", "made"),
        ("SELECT * FROM one WHERE one.na", "name"),
        ("SELECT * FROM <%=DATASOURCE:Used%>.on", "one"),
        ("SELECT '<%=pla", "place_"),
    ] {
        browser.click("#editor").await;
        keys(browser, Some(Key::Control), "a").await;
        keys(browser, None, begun).await;
        let list =
            format!("{INSIDE}.querySelector('.cm-tooltip-autocomplete')?.textContent.includes('{offered}')");
        browser.until(&list).await;
        keys(browser, None, &key(Key::Escape)).await;
    }
}

/// What is wrong is marked at its line, and the keyboard leaves the editor.
async fn go_wrong(browser: &Browser) {
    browser.click("#editor").await;
    keys(browser, Some(Key::Control), "a").await;
    keys(browser, None, &format!("SELECT 1 AS a,{}nobody FROM one ", key(Key::Enter))).await;
    browser.press("Run").await;
    browser.sees("It did not work: look at line 2.").await;
    browser.until(&format!("{INSIDE}.querySelector('.wrong')?.textContent.includes('nobody')")).await;
    browser.check("statement-wrong").await;
    browser.click("#editor").await;
    keys(browser, None, &key(Key::Tab)).await;
    browser.until("document.activeElement.id === 'editor'").await;
    keys(browser, None, &format!("{}{}", key(Key::Escape), key(Key::Tab))).await;
    browser.until("document.activeElement.id !== 'editor'").await;
}

/// Whoever leaves what is not saved is asked first, and finds it as it was after staying.
async fn stay_and_leave(browser: &Browser) {
    let written = "document.getElementById('statement').value.includes('nobody FROM one')";
    browser.click("nav[aria-label='Place'] a[href*='jobId=']").await;
    browser.is_asked().await;
    browser.client.dismiss_alert().await.unwrap();
    browser.until(written).await;
    // It was one page all the time, and the editor needs nothing that the policy of the pages forbids.
    assert_eq!(browser.run("return window.blocked").await, json!(0));
    browser.click("nav[aria-label='Place'] a[href*='jobId=']").await;
    browser.is_asked().await;
    browser.client.accept_alert().await.unwrap();
    browser.sees("Choose what to execute").await;
}
