//! The benchmark at a tiny scale, so that it cannot rot: every case runs, and what it loads is right.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

#[test]
fn every_case_runs_and_loads_what_the_source_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runs.json");
    let mut bench = Command::new(env!("CARGO_BIN_EXE_forebay-bench"));
    bench.args(["--scale", "0.01", "--rounds", "1", "--peers", "none", "--json"]).arg(&file);
    let output = bench.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let runs: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let mut cases = BTreeSet::new();
    for run in runs["samples"].as_array().unwrap() {
        assert_eq!(run["wrong"], serde_json::json!([]), "{run:#}");
        cases.insert(run["case"].as_str().unwrap().to_owned());
    }
    let all = [
        "D1", "D1L", "D2", "D3", "EMPTY", "F1", "F1L", "F2", "F3", "IDLE", "LISTS", "STATUS", "T1000", "TINY",
    ];
    assert_eq!(cases, BTreeSet::from(all.map(str::to_owned)));
    // Without peers nothing is said about the ratios to them, and everything else is measured.
    for target in runs["targets"].as_array().unwrap() {
        let to_peer = ["scanner", "adbc", "connectorx"]
            .iter()
            .any(|peer| target["target"].as_str().unwrap().ends_with(peer));
        assert_eq!(target["verdict"] == "not measured", to_peer, "{target:#}");
    }
}
