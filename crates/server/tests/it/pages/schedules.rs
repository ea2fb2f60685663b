//! Schedules on their pages.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Browser, HOME};
use crate::pool::Pool;
use crate::server::Server;
use crate::world::World;

/// The most that a run may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is filled in of a schedule that fires once a month.
fn monthly<'a>(name: &'a str, place: &'a str, button: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("name", name),
        ("mode", "FULL"),
        ("kind", "MONTHLY"),
        ("monthDay", "LAST"),
        ("monthlyAt", "02:30"),
        ("timeZone", "Europe/Berlin"),
        (place, "1"),
        ("then", button),
    ]
}

async fn saved(pool: &Pool) -> Vec<Value> {
    let saved = pool.client.get(&pool.own("/schedules")).await.ok();
    saved.as_array().unwrap().clone()
}

#[tokio::test]
async fn the_next_firings_are_shown_before_a_schedule_is_saved() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    let place = format!("place:{}", job.id);
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let home = format!("{HOME}/{}", pool.id);
    assert!(browser.get(&home).await.page(200).contains(&format!("{home}/schedules")));
    let list = browser.get(&format!("{home}/schedules")).await.page(200);
    assert!(list.contains("There is none yet.") && list.contains(&format!("{home}/schedules/new")), "{list}");
    let new = browser.get(&format!("{home}/schedules/new")).await.page(200);
    assert!(new.contains(&place) && new.contains("<option value=\"Europe/Berlin\">"), "{new}");

    // Twenty months have both settings of the clocks between them.
    let address = format!("{home}/schedules");
    let shown = browser.post(&address, &monthly("Month's <end>", &place, "preview")).await.page(200);
    assert_eq!(shown.matches("<circle class=\"firing\"").count(), 20, "{shown}");
    assert!(shown.contains("the clocks are set forward by 1 h"), "{shown}");
    assert!(shown.contains("the clocks are set back by 1 h"), "{shown}");
    assert!(shown.contains("which is not saved") && !shown.contains("<end>"), "{shown}");
    assert!(shown.contains("value=\"LAST\" selected") && shown.contains("value=\"1\" aria-label"), "{shown}");
    assert_eq!(saved(&pool).await, [] as [Value; 0]);

    // What is wrong is told with the words of the API, and nothing that was typed is lost.
    for (fields, said) in [
        ([("kind", "CRON"), ("expression", "0 0 2 * *")], "has 5 fields; put the seconds in front"),
        ([("kind", "WEEKLY"), ("weeklyAt", "02:30")], "pattern.days: is missing"),
        ([("kind", "DAILY"), ("timeZone", "Moon/Base")], "is no IANA time zone"),
        ([("kind", "INTERVAL"), ("every", "often")], "pattern.every: must be a whole number"),
    ] {
        for button in ["preview", "save"] {
            let mut sent = vec![("name", "Kept"), ("mode", "DELTA"), (place.as_str(), "7"), ("then", button)];
            sent.extend(fields);
            let page = browser.post(&address, &sent).await.page(400);
            assert!(page.contains(said), "{said}: {page}");
            for (_, typed) in fields.iter().skip(1).chain(&[("name", "Kept"), ("place", "7")]) {
                assert!(page.contains(&format!("value=\"{typed}\"")), "{typed}: {page}");
            }
        }
    }
    let without = [("name", "No job"), ("mode", "FULL"), ("kind", "DAILY"), ("dailyAt", "01:00")];
    assert!(browser.post(&address, &without).await.page(400).contains("must be 1 to 100 data jobs"));
    assert_eq!(saved(&pool).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_schedule_is_made_changed_switched_and_deleted() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let (first, second) = (pool.job(None).await, pool.job(None).await);
    let (one, two) = (format!("place:{}", first.id), format!("place:{}", second.id));
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let list = format!("{HOME}/{}/schedules", pool.id);
    browser.get(&format!("{list}/new")).await.page(200);
    let made = browser.post(&list, &monthly("Nightly", &one, "save")).await;
    assert_eq!(made.status, 303, "{made}");
    let page = made.place().to_owned();
    let shown = browser.get(&page).await.page(200);
    assert!(shown.contains("on the last day of each month at 02:30, Europe/Berlin"), "{shown}");
    assert!(shown.contains(&format!("forebay schedule run {}", pool.id)), "{shown}");
    assert_eq!(shown.matches("<circle class=\"firing\"").count(), 20, "{shown}");
    let again = browser.post(&list, &monthly("Nightly", &one, "save")).await.page(409);
    assert!(again.contains("choose another name"), "{again}");

    // In another order, each hour.
    let hourly = [
        ("name", "Hourly"),
        ("mode", "DELTA"),
        ("kind", "HOURLY"),
        ("minute", "5"),
        (one.as_str(), "2, 3"),
        (two.as_str(), "1"),
        ("overlap", "QUEUE"),
        ("jitterSeconds", "60"),
    ];
    let changed = browser.post(&page, &hourly).await;
    assert_eq!((changed.status, changed.place()), (303, page.as_str()), "{changed}");
    let [schedule]: [Value; 1] = saved(&pool).await.try_into().unwrap();
    assert_eq!(
        (&schedule["name"], &schedule["mode"], &schedule["overlap"]),
        (&json!("Hourly"), &json!("DELTA"), &json!("QUEUE"))
    );
    assert_eq!(schedule["pattern"]["expression"], json!("0 5 * * * ?"));
    assert_eq!(schedule["jobs"], json!([second.id, first.id, first.id]));
    assert_eq!((&schedule["jitterSeconds"], &schedule["timeZone"]), (&json!(60), &json!("UTC")));
    let listed = browser.get(&list).await.page(200);
    assert!(listed.contains("each hour at minute 05") && listed.contains("Switch off"), "{listed}");

    // One that follows it keeps it from being deleted.
    let after = schedule["id"].as_str().unwrap();
    let follows =
        [("name", "After"), ("mode", "FULL"), ("kind", "AFTER"), ("after", after), (one.as_str(), "1")];
    let follower = browser.post(&list, &follows).await;
    assert_eq!(follower.status, 303, "{follower}");
    let follower = follower.place().to_owned();
    assert!(browser.get(&follower).await.page(200).contains("after each success of Hourly"));
    let delete = format!("{page}/delete");
    assert!(
        browser.post(&delete, &[("name", "Hourl")]).await.page(400).contains("is not that of this schedule")
    );
    let refused = browser.post(&delete, &[("name", "Hourly")]).await.page(409);
    assert!(refused.contains("runs after this one"), "{refused}");

    let off = browser.post(&format!("{page}/activation"), &[("activation", "DISABLED")]).await;
    assert_eq!((off.status, off.place()), (303, page.as_str()), "{off}");
    let shown = browser.get(&page).await.page(200);
    assert!(shown.contains("Switch it on") && shown.contains("not while it is off"), "{shown}");
    // To change it does not switch it on.
    assert_eq!(browser.post(&page, &hourly).await.status, 303);
    assert!(browser.get(&page).await.page(200).contains("Switch it on"));
    browser.post(&format!("{page}/activation"), &[("activation", "x")]).await.page(400);

    browser.get(&follower).await.page(200);
    for (page, name) in [(&follower, "After"), (&page, "Hourly")] {
        let deleted = browser.post(&format!("{page}/delete"), &[("name", name)]).await;
        assert_eq!((deleted.status, deleted.place()), (303, list.as_str()), "{deleted}");
    }
    assert_eq!(saved(&pool).await, [] as [Value; 0]);
    browser.get(&page).await.page(404);
}

#[tokio::test]
async fn a_schedule_is_run_now_and_tells_what_became_of_it() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let list = format!("{HOME}/{}/schedules", world.pool.id);
    browser.get(&list).await.page(200);
    let made = browser.post(&list, &monthly("Now", &format!("place:{}", world.job.id), "save")).await;
    assert_eq!(made.status, 303, "{made}");
    let page = made.place().to_owned();
    assert!(browser.get(&page).await.page(200).contains("It has not fired yet."));
    let asked = browser.post(&format!("{page}/run"), &[]).await;
    assert_eq!((asked.status, asked.place()), (303, page.as_str()), "{asked}");
    let begun = Instant::now();
    let shown = loop {
        let shown = browser.get(&page).await.page(200);
        if !shown.contains("Cancel what is on") {
            break shown;
        }
        assert!(begun.elapsed() < PATIENCE, "{shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(shown.contains("asked for") && shown.contains(">succeeded</span>"), "{shown}");
    assert!(shown.contains(&format!("{HOME}/{}/executions/", world.pool.id)), "{shown}");
    assert!(browser.get(&list).await.page(200).contains(">succeeded</span>"));
    browser.get(&format!("{page}?page=1")).await.page(200);
    // To cancel where nothing is on changes nothing.
    assert_eq!(browser.post(&format!("{page}/cancel"), &[]).await.status, 303);
}

#[tokio::test]
async fn whoever_may_only_look_at_schedules_changes_none() {
    let server = Server::start();
    let (world, other) = (World::new(&server, false).await, World::new(&server, false).await);
    let member = server.member(&world.pool.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, member.key()).await;
    let list = format!("{HOME}/{}/schedules", world.pool.id);
    let page = format!("{list}/{}", world.schedule);
    let listed = browser.get(&list).await.page(200);
    assert!(listed.contains(&page) && !listed.contains("Switch off"), "{listed}");
    let shown = browser.get(&page).await.page(200);
    assert!(!shown.contains("Run it now") && !shown.contains("Delete the schedule"), "{shown}");
    let new = browser.get(&format!("{list}/new")).await.page(200);
    assert!(new.contains("you need the permission Manage"), "{new}");
    let place = format!("place:{}", world.job.id);
    let fields = monthly("Mine", &place, "save");
    browser.post(&list, &fields).await.page(403);
    browser.post(&page, &fields).await.page(403);
    browser.post(&format!("{page}/run"), &[]).await.page(403);
    browser.post(&format!("{page}/cancel"), &[]).await.page(403);
    browser.post(&format!("{page}/activation"), &[("activation", "DISABLED")]).await.page(403);
    for hidden in [
        format!("{HOME}/{}/schedules", other.pool.id),
        format!("{HOME}/{}/schedules/new", other.pool.id),
        format!("{HOME}/{}/schedules/{}", other.pool.id, other.schedule),
        format!("{list}/{}", other.schedule),
        format!("{list}/None"),
    ] {
        browser.get(&hidden).await.page(404);
    }
    assert_eq!(saved(&world.pool).await.len(), 1);
}
