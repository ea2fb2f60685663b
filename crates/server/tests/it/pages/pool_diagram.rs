//! The picture of a pool: what it draws, how it stands, and who sees it.

use serde_json::Value;

use super::{Browser, HOME};
use crate::server::Server;
use crate::world::World;

const ENDLESS: &str = "CREATE TABLE endless AS SELECT count(*) AS n FROM range(400000) a, range(400000) b";

#[tokio::test]
async fn a_pool_is_drawn_from_its_sources_to_its_models_with_their_states() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let place = format!("{HOME}/{}", world.pool.id);
    let page = browser.get(&place).await.page(200);
    assert!(page.contains("<svg class=\"flow\" role=\"group\" aria-labelledby=\"flow-title\""), "{page}");
    assert!(
        page.contains("2 data sources, 2 data jobs, 2 data models. The lists below say the same."),
        "{page}"
    );
    for label in [
        "Used, data source",
        "Spare, data source",
        "Load succeeded, data job",
        "Load never executed, data job",
        "Loaded succeeded, data model",
        "Spare never loaded, data model",
    ] {
        assert!(page.contains(&format!("aria-label=\"{label}\"")), "{label}: {page}");
    }
    // Used to the job, and the job to its model.
    assert_eq!(page.matches("<path class=\"line\"").count(), 2, "{page}");
    let model = format!("{place}/data-models/{}", world.loaded);
    assert!(page.contains(&format!("<a href=\"{model}\" aria-label=")), "{page}");
    // The same in the table and in the list.
    assert!(page.contains(&format!("<td><a href=\"{model}\">Loaded</a></td>")), "{page}");
    assert!(page.contains("never loaded</span>") && !page.contains("data-follow"), "{page}");

    let endless = world.pool.job(None).await;
    endless.transformation(ENDLESS).await;
    let execution = endless.start("FULL").await;
    let page = browser.get(&place).await.page(200);
    let follow = format!("data-follow=\"{place}/executions/{execution}/events\"");
    assert!(page.contains(&follow), "{page}");
    assert!(page.contains("Load running, data job") || page.contains("Load waiting, data job"), "{page}");
    let cancel = format!("/forebay/api/v1/executions/{execution}/cancel");
    world.pool.client.post(&cancel, &Value::Null).await.ok();

    let member = server.member(&world.pool.id, &["EXECUTE"]).await;
    let mut member = Browser::signed_in(&server, member.key()).await;
    let page = member.get(&place).await.page(200);
    assert!(page.contains(&world.job.id) && !page.contains("<svg") && !page.contains("Loaded"), "{page}");
}

#[tokio::test]
async fn of_many_jobs_the_picture_says_how_many_it_leaves_out() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    for _ in 0..60 {
        world.pool.job(None).await;
    }
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let page = browser.get(&format!("{HOME}/{}", world.pool.id)).await.page(200);
    assert!(page.contains("2 data sources, 40 of 62 data jobs, 2 data models are drawn"), "{page}");
    assert!(page.contains("aria-label=\"Load succeeded, data job\""), "what was executed goes first: {page}");
    assert_eq!(page.matches(", data job\"").count(), 40);
    assert_eq!(page.matches("<th scope=\"row\"><a href=").count(), 62, "the table has all");
}
