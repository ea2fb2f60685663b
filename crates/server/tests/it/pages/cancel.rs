//! What the page of an execution says between a cancel and the end.

use super::{Browser, HOME};
use crate::pool::{Pool, finished};
use crate::server::Server;
use crate::workers::{endless, signal, worker_of};

#[tokio::test]
async fn a_cancel_that_is_not_listened_to_says_when_it_comes_by_force() {
    let server = Server::start_with(&["--worker-stop-seconds", "8"]);
    let pool = Pool::create(&server.admin()).await;
    let (_, execution) = endless(&pool).await;
    signal(worker_of(&server, &pool).unwrap(), "STOP");
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let place = format!("{HOME}/{}/executions/{execution}", pool.id);
    let button = format!("action=\"{place}/cancel\"");
    let page = browser.get(&place).await.page(200);
    assert!(page.contains(&button) && !page.contains("data-countdown"), "{page}");
    assert_eq!(browser.post(&format!("{place}/cancel"), &[]).await.status, 303);
    let page = browser.get(&place).await.page(200);
    assert!(
        page.contains(" UTC by Administrator. What does not stop by itself is ended by force at "),
        "{page}"
    );
    let left = page.split_once("data-countdown=\"").unwrap().1.split_once('"').unwrap().0;
    assert!((1..=8_000).contains(&left.parse().unwrap()), "{left}");
    assert!(!page.contains(&button), "{page}");
    finished(&pool.client, &execution).await.ended("CANCEL");
    let page = browser.get(&place).await.page(200);
    assert!(page.contains(">cancelled</span>") && !page.contains("by force"), "{page}");
}
