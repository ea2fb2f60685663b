//! The tables of a pool.

use super::driver::Browser;
use crate::world::World;

/// Goes from the pool of a world whose job was executed to its tables, finds one, and runs SQL on it.
pub(super) async fn tables(browser: &Browser, world: &World) {
    browser.open_path(&format!("/integration/ui/pools/{}", world.pool.id)).await;
    browser.click(&format!("a[href$='/{}/tables']", world.pool.id)).await;
    browser.sees("2 tables and views.").await;
    browser.check("pool-tables").await;
    browser.fill("#q", "used").await;
    browser.press("Search").await;
    browser.sees("1 table.").await;
    browser.click("a[href*='other=SELECT']").await;
    browser.sees("New transformation").await;
    browser.press("Run this instead").await;
    browser.sees("_CELONIS_CHANGE_DATE").await;
    browser.sees("Rows 1 to 2").await;
}
