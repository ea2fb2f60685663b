//! The overview of the pools: what each takes on the disk, and who made it.

use serde_json::json;

use super::connection::between;
use super::{Browser, HOME};
use crate::client::Client;
use crate::pool::Pool;
use crate::server::Server;
use crate::world::World;

/// What the card of a pool says under a word.
#[track_caller]
fn told(page: &str, pool: &str, word: &str) -> String {
    let card = between(page, &format!("<h2><a href=\"{HOME}/{pool}\">"), "</li>");
    let begin = format!("<dt>{word}</dt><dd>");
    between(card, &begin, "</dd>")[begin.len()..].to_owned()
}

async fn own_id(client: &Client) -> String {
    client.get("/api/cloud").await.ok()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_overview_says_what_each_pool_takes_and_who_made_it() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, true).await;
    let program = server.application(&world.pool.id, &[]).await;
    let maker = server.member(&world.pool.id, &[]).await;
    let (program_id, maker_id) = (own_id(&program).await, own_id(&maker).await);
    for (kind, id) in [("APPLICATION", &program_id), ("USER", &maker_id)] {
        let grant = json!({"subject": {"type": kind, "id": id}, "permissions": ["VIEW", "EDIT"]});
        admin.put("/forebay/api/v1/grants", &grant).await.ok();
    }
    let (by_program, by_maker) = (Pool::create(&program).await, Pool::create(&maker).await);

    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let page = browser.get(HOME).await.page(200);
    assert_eq!(told(&page, &world.pool.id, "Owner"), "Administrator");
    assert_eq!(told(&page, &by_program.id, "Owner"), "Application, an application");
    assert_eq!(told(&page, &by_maker.id, "Owner"), "Member");
    let size = told(&page, &world.pool.id, "Size");
    assert!(size.ends_with("iB"), "it has rows: {size}");
    assert_eq!(told(&page, &by_maker.id, "Size"), "0 B");
    assert!(page.contains(&format!("{}/integration/api/pools\"", server.url())), "{page}");

    admin.delete(&format!("/forebay/api/v1/users/{maker_id}")).await.refused(204);
    let found = browser.get(&format!("{HOME}?q={}", by_maker.id)).await.page(200);
    assert_eq!(told(&found, &by_maker.id, "Owner"), "a deleted user");
    assert!(!found.contains(&world.pool.id), "{found}");
    // The same by the API, which goes on to name them by their id.
    let pool = admin.get(&by_maker.path("")).await.ok();
    assert_eq!(pool["creatorUserId"], json!(maker_id), "{pool}");
}
