//! The page of an execution between a cancel and the end.

use std::time::Duration;

use super::driver::{Browser, PATIENCE};

/// Cancels an execution whose worker does not listen, and sees the seconds go by until it is ended by force.
pub(super) async fn cancel_by_force(browser: &Browser, page: &str) {
    browser.open_path(page).await;
    browser.sees("running").await;
    browser.press("Cancel").await;
    browser.sees("s left").await;
    let (begun, first) = (tokio::time::Instant::now(), left(browser).await);
    while left(browser).await == first {
        assert!(begun.elapsed() < PATIENCE, "{first} seconds are left for long");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(left(browser).await < first, "{first} were left at first");
    // What is read out is said once, and has no seconds in it.
    let said = "const [said, counted] = [document.getElementById('cancelling'), document.querySelector('[data-countdown]')];
         return [said.textContent, counted.getAttribute('aria-hidden')]";
    let said = browser.run(said).await;
    let spoken = said[0].as_str().unwrap();
    assert!(spoken.contains("is ended by force at") && !spoken.contains("left"), "{spoken}");
    assert_eq!(said[1], "true");
    // The end comes by itself.
    browser.sees("cancelled").await;
    assert_eq!(browser.run("return document.querySelectorAll('[data-countdown]').length").await, 0);
}

/// The seconds that the page says are left.
async fn left(browser: &Browser) -> u64 {
    let text = browser.run("return document.querySelector('[data-countdown]').textContent").await;
    let text = text.as_str().unwrap();
    text.strip_suffix(" s left").unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}
