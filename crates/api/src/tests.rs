//! The document as a snapshot, and what every operation of it must say.

mod router;
mod wire_contract;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Where the snapshot lies.
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

fn document() -> Value {
    serde_json::to_value(super::openapi()).unwrap()
}

/// Every operation as its method and path, and what the document says of it.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((format!("{method} {path}"), operation));
        }
    }
    operations
}

#[test]
fn the_document_is_the_snapshot() {
    let found = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(SNAPSHOT, &found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(Path::new(SNAPSHOT)).unwrap_or_default();
    if found != expected {
        let line =
            found.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count();
        panic!(
            "docs/openapi.json is not what the routes say, from line {} on. If the change is meant, write it \
             anew with UPDATE_SNAPSHOTS=1 cargo test -p forebay the_document_is_the_snapshot",
            line + 1
        );
    }
}

#[test]
fn every_operation_says_what_its_caller_needs() {
    const KNOWN: [&str; 13] = [
        "public",
        "oauth",
        "authenticated",
        "view",
        "edit",
        "manage",
        "execute",
        "watch",
        "data-push",
        "continuous-data-push",
        "export",
        "metrics",
        "administrator",
    ];
    let document = document();
    let operations = operations(&document);
    assert!(operations.len() > 60, "{} operations", operations.len());
    for (name, operation) in operations {
        let needs = operation["x-forebay-permission"].as_str().unwrap_or_default();
        assert!(KNOWN.contains(&needs), "{name} needs {needs:?}");
        // Only the public ones and those of OAuth are without credentials of the API.
        assert_eq!(
            ["public", "oauth"].contains(&needs),
            operation["security"] == Value::Array(Vec::new()),
            "{name}"
        );
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_a_summary_a_tag_and_its_ids() {
    let document = document();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().filter_map(|tag| tag["name"].as_str()).collect();
    let mut names = BTreeSet::new();
    for (place, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap_or_default();
        assert!(!name.is_empty() && names.insert(name), "{place} is called {name:?}, as another one is");
        assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{place}");
        let own = operation["tags"].as_array().and_then(|own| own.first()?.as_str()).unwrap_or_default();
        assert!(tags.contains(own), "{place} has the tag {own:?}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let ids = parameters.iter().filter(|parameter| parameter["in"] == "path");
        let ids: BTreeSet<String> =
            ids.map(|id| format!("{{{}}}", id["name"].as_str().unwrap_or_default())).collect();
        let expected: BTreeSet<String> =
            place.split('/').filter(|segment| segment.starts_with('{')).map(str::to_owned).collect();
        assert_eq!(ids, expected, "{place}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let described = response["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(described || response["$ref"].is_string(), "{place} {status}");
        }
    }
}

/// Collects every `$ref` below a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => {
                        found.insert(target.clone());
                    }
                    _ => references(member, found),
                }
            }
        }
        Value::Array(members) => members.iter().for_each(|member| references(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for target in &found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(found.contains(&format!("#/components/schemas/{name}")), "the schema {name} is not used");
    }
}
