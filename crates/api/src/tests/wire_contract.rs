//! docs/wire-contract.md against the routes: what it says of a call is so, and no call is missing.

use std::collections::BTreeSet;

use super::{document, operations};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/wire-contract.md");
/// Where the rows begin that are not among the calls of the contract.
const BESIDE: &str = "## Beside the ";
/// How many calls the clients make or the documentation publishes.
const CALLS: usize = 134;
/// What no client of the contract knows.
const OWN: [&str; 5] = ["/forebay/", "/health", "/ready", "/metrics", "/openapi.json"];

/// The calls of a part of the page, as the document writes them, and the state of each.
fn rows(text: &str) -> Vec<(String, &str)> {
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| ") && line.contains("| `/")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [method, path, what, state] = cells[..] else { panic!("no row of four cells: {line}") };
        assert!(what.ends_with('.'), "no sentence: {line}");
        rows.push((format!("{} {}", method.to_lowercase(), path.trim_matches('`')), state));
    }
    rows
}

#[test]
fn the_page_of_the_contract_is_true_and_whole() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (contract, beside) = page.split_once(BESIDE).expect("the page has a part for other calls");
    let contract = rows(contract);
    assert_eq!(contract.len(), CALLS);
    let all = [contract, rows(beside)].concat();
    let listed: BTreeSet<&str> = all.iter().map(|(call, _)| call.as_str()).collect();
    assert_eq!(listed.len(), all.len(), "a call is there twice");

    let document = document();
    let operations = operations(&document);
    for (call, state) in &all {
        let found = operations.iter().find(|(name, _)| name == call);
        let (_, operation) = found.unwrap_or_else(|| panic!("there is no route for {call}"));
        let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
        let succeeds = statuses.iter().any(|status| status.starts_with(['2', '3']));
        match *state {
            "done" => assert!(succeeds, "{call} is done, and never succeeds: {statuses:?}"),
            refusal => assert!(
                !succeeds && statuses.iter().any(|status| *status == refusal),
                "{call} is {refusal}, and answers {statuses:?}"
            ),
        }
    }
    for (name, _) in &operations {
        let (_, path) = name.split_once(' ').unwrap();
        let is_ours = OWN.iter().any(|own| path.starts_with(own));
        assert!(is_ours || listed.contains(name.as_str()), "{name} is not in docs/wire-contract.md");
    }
}
