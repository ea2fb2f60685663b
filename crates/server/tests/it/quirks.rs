//! Every quirk of the existing clients has a test whose name begins with it. Where they live:
//!
//! | quirks | where |
//! | --- | --- |
//! | Q1, Q16, Q17 | here |
//! | Q2, Q3, Q13, Q14 | `contract/runs.rs`; Q3 for loads in `models/loads.rs` |
//! | Q4, Q5, Q8, Q12, Q19, Q20 | `contract/objects.rs` |
//! | Q10, Q11, Q22, Q23 | `contract/updates.rs` |
//! | Q15, Q18, Q29, Q32 | `contract/connect.rs` |
//! | Q7, Q24, Q25, Q26, Q28 | `push/flows.rs` |
//! | Q9, Q31 | `push/parquet.rs` |
//! | Q6, and Q24 for pushes that run | the engine's tests of pushes |
//! | Q21, and Q10, Q11, Q22 and Q32 for data models | `models/quirks.rs` |
//! | Q30 | `models/mappings.rs` |
//! | Q27 | `export/files.rs` |

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Client;
use serde_json::{Value, json};

use crate::pool::Pool;
use crate::server::Server;

/// How many there are.
const QUIRKS: u32 = 32;

/// The numbers of quirks that names of tests in a file begin with.
fn numbers(source: &str) -> impl Iterator<Item = u32> {
    source.lines().filter_map(|line| {
        let name = line.trim_start().strip_prefix("async fn q").or(line.trim_start().strip_prefix("fn q"))?;
        name.split_once('_')?.0.parse().ok()
    })
}

/// How many tests there are for each number, in a folder and those below.
fn count(folder: &Path, tests: &mut BTreeMap<u32, usize>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count(&path, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for number in numbers(&std::fs::read_to_string(&path).unwrap()) {
                *tests.entry(number).or_default() += 1;
            }
        }
    }
}

#[test]
fn every_quirk_has_a_test() {
    assert_eq!(
        numbers("async fn q07_a() {\n  fn q12_b()\nfn question_c() {\nfn q_d() {").collect::<Vec<_>>(),
        [7, 12]
    );
    let mut tests = BTreeMap::new();
    for folder in ["tests/it", "../engine/src/tests"] {
        count(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut tests);
    }
    let missing: Vec<u32> = (1..=QUIRKS).filter(|number| !tests.contains_key(number)).collect();
    assert!(missing.is_empty(), "no test has a name that begins with q and one of {missing:?}");
    assert!(tests.keys().all(|number| (1..=QUIRKS).contains(number)), "{tests:?}");
}

#[tokio::test]
async fn q01_a_server_with_a_certificate_of_its_own_serves_a_client_that_does_not_look_at_it() {
    let server = Server::start_with(&["--tls-self-signed"]);
    // The first client of a test sets the provider of all.
    drop(rustls::crypto::ring::default_provider().install_default());
    // As the client is made that refuses plain http and verifies nothing.
    let client = Client::builder().tls_danger_accept_invalid_certs(true).http1_only().build().unwrap();
    let url = server.url();
    assert!(url.starts_with("https://"), "{url}");
    for path in ["/api/cloud", "/api/cloud/permissions", "/api/team", "/integration/api/pools"] {
        let request = client.get(format!("{url}{path}")).bearer_auth(server.admin_key());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json::<Value>().await.unwrap();
    }
    let answer = client.get(format!("{url}/api/cloud")).bearer_auth("none").send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn q16_there_is_no_cover_page_to_put_before_a_file() {
    let server = Server::start();
    let path = "/api/team/cui-settings/cui-pdf-cover";
    // The client takes 403 for "switched off", and nothing else.
    server.admin().get(path).await.refused(403);
    server.anonymous().get(path).await.refused(401);
    server.with_authorization(&format!("AppKey {}", server.admin_key())).get(path).await.refused(401);
}

#[tokio::test]
async fn q17_pages_of_pools_end_by_themselves() {
    let server = Server::start();
    let admin = server.admin();
    // As the client asks: while the number of the page is below the count, it takes the page and asks for the next.
    let all = async |limit: usize| {
        let mut found = Vec::new();
        for page in 0_u64.. {
            assert!(page < 100, "the pages do not end");
            let path = format!("/integration/api/pools/paged?limit={limit}&page={page}");
            let answer = admin.get(&path).await.ok();
            assert_eq!(
                (&answer["pageNumber"], &answer["pageSize"]),
                (&json!(page), &json!(limit)),
                "{answer}"
            );
            if answer["pageNumber"].as_u64().unwrap() >= answer["totalCount"].as_u64().unwrap() {
                break;
            }
            found.extend(answer["content"].as_array().unwrap().clone());
        }
        found
    };
    assert_eq!(all(100).await, Vec::<Value>::new(), "without a pool there is no page");
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(json!(Pool::create(&admin).await.id));
    }
    for limit in [1, 2, 5, 100] {
        let found: Vec<Value> = all(limit).await.iter().map(|pool| pool["id"].clone()).collect();
        assert_eq!(found, ids, "limit {limit}");
    }
    let past = admin.get("/integration/api/pools/paged?limit=2&page=2000000000").await.ok();
    assert_eq!((&past["content"], &past["pageNumber"]), (&json!([]), &json!(2_000_000_000)), "{past}");
    assert_eq!(past["totalCount"], 5);
    let first = admin.get("/integration/api/pools/paged").await.ok();
    assert_eq!((&first["pageSize"], &first["pageNumber"]), (&json!(100), &json!(0)));
    assert_eq!(first["content"][0]["status"], "UNCONFIGURED");
    for query in ["limit=0", "limit=1001", "limit=x", "page=-1", "page=2147483648"] {
        admin.get(&format!("/integration/api/pools/paged?{query}")).await.refused(400);
    }

    // Only what the caller may see is counted, and connections only where they may be seen.
    let (seen, run) = (ids[1].as_str().unwrap(), ids[3].as_str().unwrap());
    let pool = Pool { client: admin.clone(), id: seen.to_owned() };
    pool.connection("ERP", "SQLITE", &json!({"path": file(&server)})).await;
    let member = server.member(seen, &["VIEW"]).await;
    let page = member.get("/integration/api/pools/paged").await.ok();
    assert_eq!(
        (&page["totalCount"], &page["content"][0]["dataSources"][0]["name"]),
        (&json!(1), &json!("ERP"))
    );
    let member = server.member(run, &["EXECUTE"]).await;
    let page = member.get("/integration/api/pools/paged").await.ok();
    assert_eq!((&page["content"][0]["id"], &page["content"][0]["dataSources"]), (&json!(run), &json!([])));
}

fn file(server: &Server) -> String {
    let path = server.files().join("empty.db");
    std::fs::write(&path, []).unwrap();
    path.to_str().unwrap().to_owned()
}
