//! The name mappings of a data model: a file that is sent in a form, shown and removed.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE};
use serde_json::json;

use super::{Browser, HOME};
use crate::client::Answer;
use crate::models::Model;
use crate::server::Server;

const NAMES: &str = "TABLE_NAME,COLUMN_NAME,LANGUAGE_KEY,TRANSLATION,DESCRIPTION\r\n\
                     cases,,EN,<Orders>,all of them\r\ncases,id,EN,Order number,\r\ncases,,DE,Bestellungen,\r\n";

/// Sends a file as a browser does: the hidden field comes first.
async fn send(browser: &Browser, place: &str, form: &str, file: &[u8]) -> Answer {
    let cookies: Vec<String> =
        browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let head = format!(
        "--limit\r\nContent-Disposition: form-data; name=\"form\"\r\n\r\n{form}\r\n--limit\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"names.csv\"\r\nContent-Type: text/csv\r\n\r\n"
    );
    let body = [head.as_bytes(), file, b"\r\n--limit--\r\n"].concat();
    let request = browser.client.request(Method::POST, place).header(COOKIE, cookies.join("; "));
    Answer::of(request.header(CONTENT_TYPE, "multipart/form-data; boundary=limit").body(body)).await
}

#[tokio::test]
async fn name_mappings_are_sent_as_a_file_shown_and_removed() {
    let server = Server::start();
    let (model, ..) = Model::with_tables(&server).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let place = format!("{HOME}/{}/data-models/{}/name-mappings", model.pool.id, model.id);
    assert!(browser.get(&place).await.page(200).contains("There is none yet."));
    let form = browser.form.clone();
    assert_eq!(send(&browser, &place, &form, NAMES.as_bytes()).await.place(), place);
    let page = browser.get(&place).await.page(200);
    assert!(page.contains("<th scope=\"row\">cases.id</th><td>EN</td><td>Order number</td>"), "{page}");
    assert!(
        page.contains("Bestellungen") && page.contains("all of them") && !page.contains("<Orders>"),
        "{page}"
    );
    assert!(page.contains("<th scope=\"row\">columns</th><td>EN</td><td>1</td>"), "{page}");

    for (file, expected) in [
        ("", "file: is empty; choose one"),
        ("a,b\r\nc,d\r\n", "file: has no column TRANSLATION"),
        ("TABLE_NAME,TRANSLATION\r\n,x\r\n", "file: row 2: there is a translation, and nothing says of what"),
    ] {
        let refused = send(&browser, &place, &form, file.as_bytes()).await.page(400);
        assert!(refused.contains(expected), "{file}: {refused}");
    }
    let large = send(&browser, &place, &form, &vec![b'a'; 16 * 1024 * 1024 + 1]).await;
    large.page(413);
    let all = model.client().get(&model.path("/name-mapping")).await.ok();
    assert_eq!(all.as_array().unwrap().len(), 3, "{all}");

    // Pages of a hundred.
    let many: String = (0..150).map(|number| format!("t{number},T {number}\r\n")).collect();
    let many = format!("TABLE_NAME,TRANSLATION\r\n{many}");
    assert_eq!(send(&browser, &place, &form, many.as_bytes()).await.status, 303);
    let first = browser.get(&place).await.page(200);
    assert!(first.contains("T 96<") && !first.contains("T 97<") && first.contains(">After</a>"), "{first}");
    let second = browser.get(&format!("{place}?page=1")).await.page(200);
    assert!(
        second.contains("T 97<") && second.contains("T 149<") && second.contains(">Before</a>"),
        "{second}"
    );
    assert!(!second.contains(">After</a>"), "{second}");

    assert_eq!(browser.post(&format!("{place}/delete"), &[]).await.place(), place);
    assert_eq!(model.client().get(&model.path("/name-mapping")).await.ok(), json!([]));
}

#[tokio::test]
async fn a_file_counts_only_in_a_form_of_a_page_and_from_whoever_may_edit() {
    let server = Server::start();
    let (model, ..) = Model::with_tables(&server).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let place = format!("{HOME}/{}/data-models/{}/name-mappings", model.pool.id, model.id);
    browser.get(&place).await.page(200);
    for form in ["", "00000000-0000-4000-8000-000000000000"] {
        let forged = send(&browser, &place, form, NAMES.as_bytes()).await.page(400);
        assert!(forged.contains("was not filled in here"), "{forged}");
    }
    // Without the hidden field, and with it behind the file.
    let part = |name: &str, text: &str| {
        format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    for body in [part("file", NAMES), part("file", NAMES) + &part("form", &browser.form)] {
        let cookies: Vec<String> =
            browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = browser.client.request(Method::POST, &place).header(COOKIE, cookies.join("; "));
        let request = request.header(CONTENT_TYPE, "multipart/form-data; boundary=limit");
        Answer::of(request.body(format!("{body}--limit--\r\n"))).await.page(400);
    }
    browser.post(&place, &[("file", "x")]).await.page(400);
    let viewer = server.member(&model.pool.id, &["VIEW"]).await;
    let mut viewer = Browser::signed_in(&server, viewer.key()).await;
    assert!(!viewer.get(&place).await.page(200).contains("Send a spreadsheet"));
    let form = viewer.form.clone();
    send(&viewer, &place, &form, NAMES.as_bytes()).await.page(403);
    viewer.post(&format!("{place}/delete"), &[]).await.page(403);
    assert_eq!(model.client().get(&model.path("/name-mapping")).await.ok(), json!([]));
}
