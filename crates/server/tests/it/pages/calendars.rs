//! The calendars of a data model: shown, set and removed.

use serde_json::{Value, json};

use super::{Browser, HOME};
use crate::models::Model;
use crate::server::Server;

#[tokio::test]
async fn a_calendar_is_set_changed_and_taken_away() {
    let server = Server::start();
    let (model, ..) = Model::with_tables(&server).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let place = format!("{HOME}/{}/data-models/{}", model.pool.id, model.id);
    let calendar = format!("{place}/calendar");
    assert!(browser.get(&place).await.page(200).contains("No calendar counts."));
    let page = browser.get(&calendar).await.page(200);
    assert!(page.contains("name=\"day7\"") && !page.contains("name=\"day8\""), "{page}");

    let nameless = browser.post(&calendar, &[("kind", "FACTORY"), ("table", " ")]).await.page(400);
    assert!(nameless.contains("table: must not be empty"), "{nameless}");
    let factory = [("kind", "FACTORY"), ("table", "TFACS"), ("connection", "")];
    assert_eq!(browser.post(&calendar, &factory).await.place(), place);
    assert!(
        browser.get(&place).await.page(200).contains("The table TFACS says which days are working days.")
    );

    let monday =
        [("day1", "MONDAY"), ("workingDay1", "true"), ("startTime1", "28800"), ("endTime1", "61200")];
    let custom = |end: &'static str| {
        let mut fields =
            vec![("kind", "CUSTOM"), ("table", "TFACS"), ("day2", "SUNDAY"), ("workingDay2", "false")];
        fields.extend(monday);
        fields.push(("endTime2", end));
        fields
    };
    let wrong = browser.post(&calendar, &custom("<noon>")).await.page(400);
    assert!(wrong.contains("the end of line 2: must be a whole number"), "{wrong}");
    assert!(wrong.contains("value=\"28800\"") && !wrong.contains("<noon>"), "{wrong}");
    assert_eq!(browser.post(&calendar, &custom("")).await.place(), place);
    let told = model.client().get(&model.path("")).await.ok();
    let entries = told["customCalendar"]["entries"].as_array().unwrap();
    let expected = json!({"id": entries[0]["id"], "day": "MONDAY", "workingDay": true, "startTime": 28800, "endTime": 61200});
    assert_eq!((entries.len(), &entries[0]), (2, &expected), "{told}");
    assert_eq!((&told["dataModelCalendarType"], &entries[1]["endTime"]), (&json!("CUSTOM"), &Value::Null));
    assert_eq!(told["factoryCalendar"]["tableName"], "TFACS", "it stays, although it does not count");

    // A line keeps its id; what is emptied goes.
    let id = entries[0]["id"].as_str().unwrap();
    let page = browser.get(&calendar).await.page(200);
    assert!(page.contains(&format!("name=\"id1\" value=\"{id}\"")), "{page}");
    let less = [("kind", "CUSTOM"), ("table", ""), ("id1", id), ("day1", "FRIDAY"), ("day2", "")];
    assert_eq!(browser.post(&calendar, &less).await.place(), place);
    let told = model.client().get(&model.path("")).await.ok();
    let entries = &told["customCalendar"]["entries"];
    assert_eq!(
        (&entries[0]["id"], &entries[0]["day"], &entries[1]),
        (&json!(id), &json!("FRIDAY"), &Value::Null)
    );
    assert_eq!(told["factoryCalendar"], Value::Null, "{told}");
    assert_eq!(browser.post(&calendar, &[("kind", "NONE"), ("day1", "")]).await.place(), place);
    let told = model.client().get(&model.path("")).await.ok();
    assert_eq!((&told["dataModelCalendarType"], &told["customCalendar"]), (&json!("NONE"), &Value::Null));

    let viewer = server.member(&model.pool.id, &["VIEW"]).await;
    let mut viewer = Browser::signed_in(&server, viewer.key()).await;
    let page = viewer.get(&calendar).await.page(200);
    assert!(page.contains(" disabled") && !page.contains(">Save</button>"), "{page}");
    viewer.post(&calendar, &factory).await.page(403);
}
