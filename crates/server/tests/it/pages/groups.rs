//! Groups of users, what is granted to them, and lists that are too long for one page.

use serde_json::{Value, json};

use super::{Browser, HOME, World};
use crate::client::{Answer, Client};
use crate::server::Server;

const GROUPS: &str = "/administration/groups";
const API: &str = "/forebay/api/v1/groups";

#[track_caller]
fn leads_to(answer: &Answer, place: &str) {
    assert_eq!((answer.status, answer.place()), (303, place), "{answer}");
}

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

/// The id of whoever asks.
async fn own_id(client: &Client) -> String {
    id_of(&client.get("/api/cloud").await.ok())
}

#[tokio::test]
async fn a_group_is_made_filled_granted_a_pool_and_deleted() {
    let server = Server::start();
    let (admin, world) = (server.admin(), World::new(&server, false).await);
    let member = server.member(&world.pool.id, &[]).await;
    let user = own_id(&member).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let page = browser.get(GROUPS).await.page(200);
    assert!(page.contains("There is none yet."), "{page}");
    let refused = browser.post(GROUPS, &[("name", "")]).await.page(400);
    assert!(refused.contains("id=\"fault-name\">must not be empty"), "{refused}");
    let made = browser.post(GROUPS, &[("name", "Sales <b>")]).await;
    let group = made.place().to_owned();
    assert!(made.status == 303 && group.starts_with(GROUPS), "{made}");
    let id = group.rsplit('/').next().unwrap().to_owned();
    let page = browser.get(&group).await.page(200);
    assert!(page.contains("Nobody is in it yet.") && page.contains("Nothing yet."), "{page}");
    assert!(!page.contains("Sales <b>"), "{page}");
    let again = browser.post(GROUPS, &[("name", "Sales <b>")]).await.page(409);
    assert!(again.contains("id=\"fault-create\">there already is a group named"), "{again}");

    // Users are found by a part of their names, and put in; the search stays.
    let found = browser.get(&format!("{group}?add=memb")).await.page(200);
    let put_in = format!("{group}/members/{user}/add");
    assert!(found.contains(&put_in), "{found}");
    let nobody = browser.get(&format!("{group}?add=nobody+at+all")).await.page(200);
    assert!(!nobody.contains("/add\""), "{nobody}");
    leads_to(&browser.post(&put_in, &[("add", "memb")]).await, &format!("{group}?add=memb#add"));
    let page = browser.get(&group).await.page(200);
    assert!(page.contains(&format!("{group}/members/{user}/remove")) && !page.contains(&put_in), "{page}");
    assert!(page.contains("1 member<"), "{page}");

    // What is granted to the group counts for its member at once.
    member.get(&world.pool.path("")).await.refused(404);
    let permissions = format!("{HOME}/{}/permissions", world.pool.id);
    let subject = format!("group:{id}");
    let shown = browser.get(&format!("{permissions}?q={id}")).await.page(200);
    assert!(shown.contains("name=\"subject\" value=\"group:"), "{shown}");
    let ticked = [("subject", subject.as_str()), ("q", id.as_str()), ("page", "0"), ("VIEW", "on")];
    leads_to(&browser.post(&permissions, &ticked).await, &format!("{permissions}?q={id}"));
    member.get(&world.pool.path("")).await.ok();
    let page = browser.get(&group).await.page(200);
    assert!(page.contains("<td>View</td>"), "{page}");
    let of_member = browser.get(&format!("{permissions}?q={user}")).await.page(200);
    assert!(of_member.contains("checked disabled aria-describedby=\"origins-0-VIEW\""), "{of_member}");

    // Another name changes nothing else, and one that is taken is refused.
    admin.post(API, &json!({"name": "Finance"})).await.ok();
    let taken = browser.post(&group, &[("name", "Finance")]).await.page(409);
    assert!(taken.contains("id=\"fault-rename\"") && taken.contains("value=\"Finance\""), "{taken}");
    leads_to(&browser.post(&group, &[("name", "Accounts")]).await, &group);
    member.get(&world.pool.path("")).await.ok();

    // It is gone with the membership, and with the group.
    leads_to(&browser.post(&format!("{group}/members/{user}/remove"), &[]).await, &group);
    member.get(&world.pool.path("")).await.refused(404);
    leads_to(&browser.post(&put_in, &[]).await, &format!("{group}#add"));
    member.get(&world.pool.path("")).await.ok();
    let delete = format!("{group}/delete");
    browser.get(&delete).await.page(200);
    let refused = browser.post(&delete, &[("name", "Sales <b>")]).await.page(400);
    assert!(refused.contains("is not that of this group"), "{refused}");
    leads_to(&browser.post(&delete, &[("name", "Accounts")]).await, GROUPS);
    member.get(&world.pool.path("")).await.refused(404);
    browser.get(&group).await.page(404);
}

#[tokio::test]
async fn permissions_say_which_group_or_scope_they_come_from() {
    let server = Server::start();
    let (admin, world) = (server.admin(), World::new(&server, false).await);
    let member = server.member(&world.pool.id, &["VIEW"]).await;
    let user = own_id(&member).await;
    let group = id_of(&admin.post(API, &json!({"name": "Sales"})).await.ok());
    admin.put(&format!("{API}/{group}/members/{user}"), &Value::Null).await.refused(204);
    let subject = json!({"type": "GROUP", "id": group});
    let of_pool = json!({"subject": subject, "permissions": ["VIEW", "EDIT"]});
    admin.put(&world.pool.own("/grants"), &of_pool).await.ok();
    let everywhere = json!({"subject": subject, "permissions": ["MANAGE"]});
    admin.put("/forebay/api/v1/grants", &everywhere).await.ok();

    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let permissions = format!("{HOME}/{}/permissions", world.pool.id);
    let cell = |page: &str, permission: &str| {
        let begins = format!("name=\"{permission}\"");
        let rest = &page[page.find(&begins).unwrap_or_else(|| panic!("no {permission}: {page}"))..];
        rest[..rest.find("</td>").unwrap()].to_owned()
    };
    let page = browser.get(&format!("{permissions}?q={user}")).await.page(200);
    // Their own grant can be taken away, and the one of the group cannot be here.
    let view = cell(&page, "VIEW");
    assert!(view.contains(" checked aria-describedby") && view.contains("</span>Sales</span>"), "{view}");
    let edit = cell(&page, "EDIT");
    assert!(edit.contains(" checked disabled") && edit.contains("</span>Sales</span>"), "{edit}");
    let manage = cell(&page, "MANAGE");
    assert!(manage.contains(" checked disabled") && manage.contains("Sales in all pools"), "{manage}");
    let execute = cell(&page, "EXECUTE");
    assert!(!execute.contains("checked") && !execute.contains("origins"), "{execute}");
    let of_group = browser.get(&format!("{permissions}?q={group}")).await.page(200);
    assert!(cell(&of_group, "MANAGE").contains("</span>all pools</span>"), "{of_group}");

    // What is saved for the user is their own grant alone.
    let subject = format!("user:{user}");
    leads_to(&browser.post(&permissions, &[("subject", &subject), ("EXECUTE", "on")]).await, &permissions);
    let grants = admin.get(&world.pool.own("/grants")).await.ok();
    let own = grants.as_array().unwrap().iter().find(|grant| grant["subject"]["id"] == json!(user)).unwrap();
    assert_eq!(own["permissions"], json!(["EXECUTE"]), "{grants}");
    let page = browser.get(&format!("{permissions}?q={user}")).await.page(200);
    assert!(cell(&page, "VIEW").contains(" checked disabled"), "{page}");
    member.get(&world.pool.path("")).await.ok();
    let service = browser.get(&format!("/administration/permissions?q={user}")).await.page(200);
    assert!(cell(&service, "MANAGE").contains("</span>Sales</span>"), "{service}");

    // The export tells it too, and a client sees which groups it is in.
    let export = admin.get("/api/authorization/external/permissions").await.ok();
    let entries = export["permissions"].as_array().unwrap();
    let of = |kind: &str| entries.iter().filter(|entry| entry["subjectType"] == kind).collect::<Vec<_>>();
    assert_eq!((of("GROUP").len(), of("USER").len()), (2, 1), "{export}");
    assert_eq!(of("USER")[0]["groups"], json!(["Sales"]), "{export}");
    assert_eq!(member.get("/api/cloud").await.ok()["groupIds"], json!([group]));
}

#[tokio::test]
async fn long_lists_are_shown_in_pages_and_searched() {
    let server = Server::start();
    let admin = server.admin();
    for number in 0..55 {
        let email = format!("{number}@works.example.org");
        let user = json!({"name": format!("Worker {number:02}"), "email": email});
        admin.post("/forebay/api/v1/users", &user).await.ok();
        let application = json!({"name": format!("Program {number:02}")});
        admin.post("/forebay/api/v1/applications", &application).await.ok();
    }
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    // The administrator comes first by name.
    for (place, kind, last) in [
        ("/administration/users", "Worker", 48),
        ("/administration/applications", "Program", 49),
        ("/administration/permissions", "Worker", 48),
    ] {
        let (last, first_of_next) = (format!("{kind} {last}"), format!("{kind} {}", last + 1));
        let [fifth, sixth] = [format!("{kind} 05"), format!("{kind} 06")];
        let first = browser.get(place).await.page(200);
        let after = format!("<a href=\"{place}?page=1\">After</a>");
        assert!(first.contains(&after) && first.contains(&last), "{place}: {first}");
        assert!(!first.contains(&first_of_next) && !first.contains(">Before<"), "{place}: {first}");
        let second = browser.get(&format!("{place}?page=1")).await.page(200);
        let before = format!("<a href=\"{place}\">Before</a>");
        assert!(second.contains(&before) && second.contains(&first_of_next), "{place}: {second}");
        assert!(!second.contains(&fifth), "{place}: {second}");
        let wanted = fifth.to_uppercase();
        let found = browser.get(&format!("{place}?q={}", wanted.replace(' ', "+"))).await.page(200);
        assert!(found.contains(&fifth) && !found.contains(&sixth), "{place}: {found}");
        let asked = format!("value=\"{wanted}\"");
        assert!(found.contains(&asked) && !found.contains(">After<"), "{place}: {found}");
        let nobody = browser.get(&format!("{place}?q=%3Cem%3E")).await.page(200);
        assert!(nobody.contains(" is found.") && !nobody.contains("<em>"), "{place}: {nobody}");
    }
    let by_mail = browser.get("/administration/users?q=7@WORKS").await.page(200);
    assert!(by_mail.contains("Worker 07") && by_mail.contains("Worker 17"), "{by_mail}");
    assert!(by_mail.contains("5 users"), "{by_mail}");

    // A key that is refused says so at its application, wherever that is in the list.
    let applications = admin.get("/forebay/api/v1/applications").await.ok();
    let last = applications.as_array().unwrap().iter().find(|one| one["name"] == "Program 51").unwrap();
    let keys = format!("/administration/applications/{}/keys", last["id"].as_str().unwrap());
    let refused = browser.post(&keys, &[("name", "")]).await.page(400);
    assert!(refused.contains("must not be empty") && refused.contains("Program 51"), "{refused}");
}

#[tokio::test]
async fn nobody_but_an_administrator_sees_or_changes_groups() {
    let server = Server::start();
    let (admin, world) = (server.admin(), World::new(&server, false).await);
    let member = server.member(&world.pool.id, &["VIEW", "EDIT", "MANAGE"]).await;
    let user = own_id(&member).await;
    let group = id_of(&admin.post(API, &json!({"name": "Sales"})).await.ok());
    let page = format!("{GROUPS}/{group}");
    let mut browser = Browser::signed_in(&server, member.key()).await;
    browser.get(HOME).await.page(200);
    for place in [GROUPS, &page, &format!("{page}/delete")] {
        let refused = browser.get(place).await.page(403);
        assert!(refused.contains("the permission of an administrator"), "{refused}");
    }
    browser.get(HOME).await.page(200);
    let forms: [(&str, &[(&str, &str)]); 5] = [
        ("", &[("name", "Mine")]),
        (&format!("/{group}"), &[("name", "Mine")]),
        (&format!("/{group}/members/{user}/add"), &[]),
        (&format!("/{group}/members/{user}/remove"), &[]),
        (&format!("/{group}/delete"), &[("name", "Sales")]),
    ];
    for (form, fields) in forms {
        browser.post(&format!("{GROUPS}{form}"), fields).await.page(403);
    }
    let groups = admin.get(API).await.ok();
    assert_eq!((&groups[0]["name"], &groups[0]["memberCount"]), (&json!("Sales"), &json!(0)), "{groups}");
    let mut administrator = Browser::signed_in(&server, server.admin_key()).await;
    administrator.get(&format!("{GROUPS}/None")).await.page(404);
    assert!(administrator.get(&page).await.page(200).contains("Do this by API"));
}
