//! The pages, as a browser without scripts uses them: it holds cookies, follows redirects, and sends the forms that it
//! was shown.

mod administration;
mod audit;
mod calendars;
mod cancel;
mod connection;
mod estimates;
mod extraction;
mod groups;
mod history;
mod model_loads;
mod models;
mod name_mappings;
mod oidc;
mod parameters;
mod pool_diagram;
mod pool_tables;
mod pools;
mod schedules;
mod statement;

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::COOKIE;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::server::{Server, forebay};
use crate::world::World;

const HOME: &str = "/integration/ui/pools";

struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
    /// The letters of the last page's forms.
    form: String,
}

impl Browser {
    fn new(server: &Server) -> Self {
        Self { client: server.anonymous(), cookies: BTreeMap::new(), form: String::new() }
    }

    /// Somebody who has signed in with a key.
    async fn signed_in(server: &Server, key: &str) -> Self {
        let mut browser = Self::new(server);
        browser.get("/sign-in").await.page(200);
        let answer = browser.post("/sign-in", &[("key", key)]).await;
        assert_eq!((answer.status, answer.place()), (303, HOME), "{answer}");
        browser
    }

    async fn send(&mut self, method: Method, path: &str, fields: &[(&str, &str)]) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.client.request(method.clone(), path).header(COOKIE, cookies.join("; "));
        if method == Method::POST {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        let answer = Answer::of(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; HttpOnly; SameSite="), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let text = answer.text();
        let begins = "name=\"form\" value=\"";
        if let Some(place) = text.find(begins) {
            let rest = &text[place + begins.len()..];
            self.form = rest[..rest.find('"').unwrap()].to_owned();
        }
        answer
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[]).await
    }

    /// Sends a form of the page that was shown last.
    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = self.form.clone();
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("form", form.as_str())]).collect();
        self.send(Method::POST, path, &fields).await
    }
}

impl Answer {
    /// Where a redirect leads.
    fn place(&self) -> &str {
        self.headers.get("location").map_or("", |place| place.to_str().unwrap())
    }

    /// A page of this status, with all that keeps others out of it.
    #[track_caller]
    fn page(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.content_type(), "text/html; charset=utf-8", "{self}");
        let policy = self.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(self.headers["cache-control"], "no-store");
        self.text()
    }
}

fn admin_id(admin: &Value) -> String {
    admin["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_link_signs_in_once_and_a_password_from_then_on() {
    let server = Server::start();
    let id = admin_id(&server.admin().get("/api/cloud").await.ok());
    let link = forebay()
        .args(["user", "link", &id])
        .env("FOREBAY_URL", server.url())
        .env("FOREBAY_TOKEN", server.admin_key())
        .output()
        .unwrap();
    let link = String::from_utf8(link.stdout).unwrap();
    let path = link.trim().strip_prefix(&server.url()).unwrap().to_owned();
    let secret = path.split_once("link=").unwrap().1.to_owned();
    let mut browser = Browser::new(&server);
    // To look at it uses nothing up.
    browser.get(&path).await.page(200);
    browser.get(&path).await.page(200);
    let signed_in = browser.post("/sign-in/link", &[("link", &secret)]).await;
    assert_eq!((signed_in.status, signed_in.place()), (303, "/account"), "{signed_in}");
    let mut other = Browser::new(&server);
    other.get(&path).await.page(200);
    other.post("/sign-in/link", &[("link", &secret)]).await.page(400);

    browser.get("/account").await.page(200);
    let short = browser.post("/account/password", &[("password", "short"), ("again", "short")]).await;
    assert!(short.page(400).contains("needs at least 12 characters"), "{short}");
    let differs = [("password", "correct horse 1"), ("again", "correct horse 2")];
    assert!(browser.post("/account/password", &differs).await.page(400).contains("not the same password"));
    let same = [("password", "correct horse 1"), ("again", "correct horse 1")];
    assert_eq!(browser.post("/account/password", &same).await.status, 303);
    browser.get("/account").await.page(200);

    other.get("/sign-in").await.page(200);
    let wrong = other.post("/sign-in", &[("name", "Administrator"), ("password", "wrong")]).await.page(401);
    assert!(wrong.contains("the name and the password do not belong together"), "{wrong}");
    let nobody = other.post("/sign-in", &[("name", "Nobody"), ("password", "wrong")]).await.page(401);
    assert!(nobody.contains("the name and the password do not belong together"), "{nobody}");
    let right = other.post("/sign-in", &[("name", "administrator"), ("password", "correct horse 1")]).await;
    assert_eq!((right.status, right.place()), (303, HOME), "{right}");
    other.get(HOME).await.page(200);

    // Another password ends the sessions of other browsers.
    let changed =
        [("before", "correct horse 1"), ("password", "correct horse 3"), ("again", "correct horse 3")];
    assert_eq!(browser.post("/account/password", &changed).await.status, 303);
    assert_eq!(browser.get(HOME).await.status, 200);
    assert_eq!(other.get(HOME).await.status, 303);
    browser.get(HOME).await.page(200);
    let out = browser.post("/sign-out", &[]).await;
    assert_eq!((out.status, out.place()), (303, "/sign-in"), "{out}");
    let away = browser.get(HOME).await;
    assert_eq!((away.status, away.place()), (303, "/sign-in?next=%2Fintegration%2Fui%2Fpools"), "{away}");
}

#[tokio::test]
async fn wrong_passwords_are_held_up() {
    let server = Server::start();
    let mut browser = Browser::new(&server);
    browser.get("/sign-in").await.page(200);
    for _ in 0..10 {
        browser.post("/sign-in", &[("name", "Administrator"), ("password", "wrong")]).await.page(401);
    }
    let held = browser.post("/sign-in", &[("name", "Administrator"), ("password", "wrong")]).await;
    assert!(held.page(429).contains("too many wrong attempts; wait for"), "{held}");
}

#[tokio::test]
async fn a_session_is_for_pages_alone_and_a_key_for_the_api_alone() {
    let server = Server::start();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    browser.get(HOME).await.page(200);
    assert_eq!(browser.get("/integration/api/pools").await.status, 401);
    let with_key = server.admin().get(HOME).await;
    assert_eq!(with_key.status, 303, "{with_key}");
    // Nothing that a form would do is done for whoever was not shown it.
    for (form, cookie) in
        [("", true), ("00000000-0000-4000-8000-000000000000", true), (&browser.form.clone(), false)]
    {
        let mut forged = Browser::new(&server);
        if cookie {
            forged.cookies = browser.cookies.clone();
        }
        forged.form = form.to_owned();
        let answer = forged.post(HOME, &[("name", "Forged")]).await;
        assert!([303, 400].contains(&answer.status), "{answer}");
    }
    let pools = server.admin().get("/integration/api/pools").await.ok();
    assert_eq!(pools.as_array().unwrap().len(), 0, "{pools}");
}

#[tokio::test]
async fn an_administrator_gives_an_oauth_client_its_permissions_under_options() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, false).await;
    let client = json!({"name": "Nightly <b>loads</b>", "scopes": ["integration.data-pools"]});
    let client = admin.post("/forebay/api/v1/oauth/clients", &client).await.ok();
    let (id, secret) = (client["id"].as_str().unwrap(), client["clientSecret"].as_str().unwrap());
    let token = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    let token = server.anonymous().form("/oauth2/token", &token).await.ok();
    let program = server.bearer(token["access_token"].as_str().unwrap());
    program.post(&world.job.execute_path("FULL"), &Value::Null).await.refused(404);

    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let overview = browser.get(HOME).await.page(200);
    let permissions = format!("{HOME}/{}/permissions", world.pool.id);
    assert!(overview.contains("Options") && overview.contains(&permissions), "{overview}");
    let page = browser.get(&permissions).await.page(200);
    assert!(page.contains("Nightly &#60;b&#62;loads") || page.contains("Nightly &lt;b&gt;loads"), "{page}");
    assert!(page.contains("OAuth client"), "{page}");
    let subject = format!("application:{id}");
    let granted =
        browser.post(&permissions, &[("subject", &subject), ("VIEW", "on"), ("MANAGE", "on")]).await;
    assert_eq!((granted.status, granted.place()), (303, permissions.as_str()), "{granted}");
    program.post(&world.job.execute_path("FULL"), &Value::Null).await.ok();
    let taken = browser.post(&permissions, &[("subject", &subject)]).await;
    assert_eq!(taken.status, 303, "{taken}");
    program.get(&world.pool.path("")).await.refused(404);
}

#[tokio::test]
async fn a_job_is_executed_from_its_page_whose_address_has_the_ids() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let (pool, job) = (&world.pool.id, &world.job.id);
    let address = format!("{HOME}/{pool}/data-configuration/data-jobs?jobId={job}");
    let pool_page = browser.get(&format!("{HOME}/{pool}")).await.page(200);
    assert!(pool_page.contains(&address), "{pool_page}");
    let page = browser.get(&address).await.page(200);
    for line in [
        format!("/integration/api/v2/data-pools/{pool}/data-jobs/{job}/execute?mode=DELTA"),
        format!("pool_id = &#39;{pool}&#39; # the Data Pool ID"),
        format!("data_job_id = &#39;{job}&#39; # the Data Job ID"),
    ] {
        assert!(
            page.replace("&#x27;", "&#39;").contains(&line) || page.contains(&line.replace("&#39;", "'")),
            "{line}"
        );
    }
    let execute = format!("{HOME}/{pool}/data-configuration/data-jobs/execute?jobId={job}");
    browser.post(&execute, &[("mode", "SOME")]).await.page(400);
    let begun = browser.post(&execute, &[("mode", "FULL")]).await;
    assert_eq!(begun.status, 303, "{begun}");
    let execution = begun.place().to_owned();
    let id = execution.rsplit('/').next().unwrap();
    let events = browser.get(&format!("{execution}/events")).await;
    assert_eq!(events.content_type(), "text/event-stream");
    assert!(events.text().contains("\"status\":\"SUCCESS\""), "{events}");
    let shown = browser.get(&execution).await.page(200);
    assert!(shown.contains(">succeeded</span>") && shown.contains(&format!("executions/{id}")), "{shown}");
    browser.get(&format!("{execution}?levels=problems")).await.page(200);
    let page = browser.get(&address).await.page(200);
    assert!(page.contains(&execution), "{page}");
    // To cancel what has ended changes nothing.
    assert_eq!(browser.post(&format!("{execution}/cancel"), &[]).await.status, 303);
    assert!(browser.get(&execution).await.page(200).contains(">succeeded</span>"));
    browser.get(&format!("{HOME}/{pool}/executions/None")).await.page(404);
}

#[tokio::test]
async fn whoever_may_not_see_a_pool_finds_no_page_of_it() {
    let server = Server::start();
    let (world, other) = (World::new(&server, false).await, World::new(&server, false).await);
    let member = server.member(&world.pool.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, member.key()).await;
    let overview = browser.get(HOME).await.page(200);
    assert!(overview.contains(&world.pool.id) && !overview.contains(&other.pool.id), "{overview}");
    assert!(!overview.contains("Options") && !overview.contains("New data pool"), "{overview}");
    let pool = &world.pool.id;
    browser.get(&format!("{HOME}/{pool}")).await.page(200);
    browser.get(&format!("{HOME}/{pool}/permissions")).await.page(403);
    let execute = format!("{HOME}/{pool}/data-configuration/data-jobs/execute?jobId={}", world.job.id);
    let refused = browser.post(&execute, &[("mode", "FULL")]).await.page(403);
    assert!(refused.contains("the permission VIEW and MANAGE, or EXECUTE"), "{refused}");
    browser.post(HOME, &[("name", "Mine")]).await.page(403);
    let delete = format!("{HOME}/{pool}/delete");
    browser.post(&delete, &[("name", "x")]).await.page(400);
    for path in
        ["", "/permissions", "/delete", &format!("/data-configuration/data-jobs?jobId={}", other.job.id)]
    {
        browser.get(&format!("{HOME}/{}{path}", other.pool.id)).await.page(404);
    }
}

#[tokio::test]
async fn keys_are_made_shown_once_and_deleted_on_ones_own_page() {
    let server = Server::start();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    browser.get("/account").await.page(200);
    browser.post("/account/keys", &[("name", "")]).await.page(400);
    let made = browser.post("/account/keys", &[("name", "From <page>")]).await.page(200);
    let begins = "<pre><code>";
    let rest = &made[made.find(begins).unwrap() + begins.len()..];
    let key = rest[..rest.find('<').unwrap()].replace("&#x3d;", "=").replace("&#61;", "=");
    server.bearer(&key).get("/api/cloud").await.ok();
    let page = browser.get("/account").await.page(200);
    assert!(!page.contains(&key) && !page.contains("<page>"), "{page}");
    let listed = server.admin().get("/forebay/api/v1/keys").await.ok();
    let named = listed.as_array().unwrap().iter().find(|key| key["name"] == "From <page>").unwrap();
    let deleted = browser.post(&format!("/account/keys/{}/delete", named["id"].as_str().unwrap()), &[]).await;
    assert_eq!(deleted.status, 303, "{deleted}");
    server.bearer(&key).get("/api/cloud").await.refused(401);
}
