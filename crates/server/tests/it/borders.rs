//! The borders between the crates. The compiler keeps a border that is a missing line in a manifest;
//! these tests read the manifests and say why when somebody adds the line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// What one crate may and may not name.
struct Border {
    package: &'static str,
    /// The crates of the workspace it may use.
    inner: &'static [&'static str],
    /// Crates from outside that it must not use.
    never: &'static [&'static str],
    why: &'static str,
}

const HTTP: &[&str] = &["axum", "axum-core", "hyper", "tower", "tower-http", "utoipa", "utoipa-axum"];

const BORDERS: [Border; 11] = [
    Border {
        package: "forebay-core",
        inner: &[],
        never: &[
            "tokio",
            "tokio-postgres",
            "sqlx",
            "rusqlite",
            "reqwest",
            "axum",
            "parquet",
            "csv",
            "rustls",
            "rand",
        ],
        why: "the words of the domain know no runtime, no file, no network, no clock and no driver",
    },
    Border {
        package: "forebay-store",
        inner: &["forebay-core"],
        never: &["sqlx", "tokio-postgres", "axum", "reqwest", "arrow", "parquet"],
        why: "the store holds metadata: it sees neither HTTP nor rows nor anybody else's system",
    },
    Border {
        package: "forebay-sources",
        inner: &["forebay-core"],
        never: &["rusqlite", "axum", "reqwest"],
        why: "a connector reads one system; it sees neither the metadata nor the warehouse nor HTTP",
    },
    Border {
        package: "forebay-pql",
        inner: &[],
        never: &["tokio", "duckdb", "arrow", "parquet", "serde", "rand"],
        why: "a query becomes SQL by plain functions: whoever reads them need know nothing else, and whatever text comes \
              is tried on them without an engine",
    },
    Border {
        package: "forebay-warehouse",
        inner: &["forebay-core", "forebay-pql"],
        never: &["sqlx", "rusqlite", "tokio-postgres", "axum", "reqwest"],
        why: "the warehouse is where rows land; it sees neither the metadata nor the sources",
    },
    Border {
        package: "forebay-runner",
        inner: &["forebay-core"],
        never: &["sqlx", "rusqlite", "tokio-postgres", "axum", "reqwest", "csv", "parquet", "rustls"],
        why: "what runs jobs lives in a process of its own and must not be able to reach the metadata; \
              sources and warehouse are handed to it",
    },
    Border {
        package: "forebay-engine",
        inner: &["forebay-core", "forebay-store"],
        never: &["sqlx", "rusqlite", "tokio-postgres", "axum", "reqwest", "arrow", "parquet"],
        why: "the engine decides; it has no SQL, no HTTP, no connector and does not run jobs itself",
    },
    Border {
        package: "forebay-worker",
        inner: &["forebay-core"],
        never: &["sqlx", "rusqlite", "tokio-postgres", "axum", "reqwest", "csv", "parquet", "rustls"],
        why: "it carries calls between two processes and watches them; what a worker works with is handed to it, and \
              the server's side of it must not be able to open a pool or a source",
    },
    Border {
        package: "forebay-api",
        inner: &["forebay-core", "forebay-engine"],
        never: &["sqlx", "rusqlite", "tokio-postgres", "reqwest", "parquet", "clap", "anyhow"],
        why: "the API unpacks, calls the engine and packs; it sees neither the metadata nor how the server is set up",
    },
    Border {
        package: "forebay-ui",
        inner: &["forebay-core", "forebay-engine", "forebay-api"],
        never: &["sqlx", "rusqlite", "tokio-postgres", "parquet", "utoipa", "utoipa-axum"],
        why: "a page does what the engine and the API do, and nothing else",
    },
    Border {
        package: "forebay",
        inner: &[
            "forebay-api",
            "forebay-ui",
            "forebay-core",
            "forebay-store",
            "forebay-sources",
            "forebay-warehouse",
            "forebay-runner",
            "forebay-engine",
            "forebay-worker",
        ],
        never: &["tokio-postgres", "rusqlite", "axum", "hyper", "tower", "utoipa", "askama"],
        why: "the server wires the crates together; the drivers, the routes and the pages are theirs",
    },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &Path) -> Table {
    let text = std::fs::read_to_string(path).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The manifests of `crates/*`.
fn manifests() -> Vec<Table> {
    let mut manifests = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path().join("Cargo.toml");
        if path.exists() {
            manifests.push(read(&path));
        }
    }
    manifests
}

fn package(manifest: &Table) -> &str {
    manifest["package"]["name"].as_str().unwrap()
}

/// The dependencies of the named tables, those for single targets too: the package's name, and how
/// it is declared.
fn dependencies<'a>(manifest: &'a Table, tables: &[&str]) -> Vec<(&'a str, &'a Value)> {
    let mut places = vec![manifest];
    if let Some(Value::Table(targets)) = manifest.get("target") {
        places.extend(targets.values().filter_map(Value::as_table));
    }
    let mut found = Vec::new();
    for place in places {
        for table in tables {
            for (name, declared) in place.get(*table).and_then(Value::as_table).into_iter().flatten() {
                let package = declared.get("package").and_then(Value::as_str);
                found.push((package.unwrap_or(name), declared));
            }
        }
    }
    found
}

/// What is wrong with a crate's manifest, as sentences.
fn faults(manifest: &Table) -> Vec<String> {
    let package = package(manifest);
    let Some(border) = BORDERS.iter().find(|border| border.package == package) else {
        return vec![format!(
            "{package} is no crate of the house: a twelfth must hide something that the eleven cannot; say what in \
             docs/decisions and add its border here"
        )];
    };
    let mut faults = Vec::new();
    for (name, _) in dependencies(manifest, &["dependencies", "build-dependencies"]) {
        let inner = name == "forebay" || name.starts_with("forebay-");
        if (inner && !border.inner.contains(&name)) || border.never.contains(&name) {
            faults.push(format!("{package} must not depend on {name}: {}", border.why));
        }
        if HTTP.contains(&name) && !["forebay-api", "forebay-ui"].contains(&package) {
            faults.push(format!("{package} must not depend on {name}: only API and pages speak HTTP"));
        }
        if ["duckdb", "libduckdb-sys"].contains(&name) && package != "forebay-warehouse" {
            faults.push(format!("{package} must not name {name}: only the warehouse links DuckDB"));
        }
    }
    // Tests may use more, but what links DuckDB takes long to link.
    for (name, _) in dependencies(manifest, &["dev-dependencies"]) {
        let links = ["duckdb", "libduckdb-sys", "forebay-warehouse", "forebay"].contains(&name);
        if links && !["forebay", "forebay-warehouse"].contains(&package) {
            faults.push(format!(
                "the tests of {package} must not link DuckDB through {name}: a rule is tested without it, with fakes"
            ));
        }
    }
    faults
}

#[test]
fn no_border_between_crates_is_crossed() {
    let manifests = manifests();
    let found: BTreeSet<&str> = manifests.iter().map(package).collect();
    let expected: BTreeSet<&str> = BORDERS.iter().map(|border| border.package).collect();
    assert_eq!(found, expected, "the house has eleven crates");
    let faults: Vec<String> = manifests.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_crossed_border_is_told_with_its_reason() {
    let check = |manifest: &str, expected: &str| {
        let faults = faults(&toml::from_str(manifest).unwrap());
        assert!(
            matches!(faults.as_slice(), [fault] if fault.contains(expected)),
            "{manifest}\n{faults:?} should be one that has {expected:?}"
        );
    };
    check("package.name = 'forebay-runner'\n[dependencies]\nforebay-store.workspace = true", "the metadata");
    check("package.name = 'forebay-engine'\n[dependencies]\nsqlx.workspace = true", "no SQL");
    check("package.name = 'forebay-engine'\n[dependencies]\ntower.workspace = true", "speak HTTP");
    check(
        "package.name = 'forebay-core'\n[dependencies]\nrt = { package = 'tokio', version = '1' }",
        "runtime",
    );
    check("package.name = 'forebay-store'\n[target.'cfg(unix)'.dependencies]\nduckdb = '1'", "links DuckDB");
    check("package.name = 'forebay-runner'\n[dev-dependencies]\nforebay-warehouse.workspace = true", "fakes");
    check("package.name = 'forebay'\n[dependencies]\nduckdb.workspace = true", "links DuckDB");
    check(
        "package.name = 'forebay-worker'\n[dependencies]\nforebay-warehouse.workspace = true",
        "handed to it",
    );
    check("package.name = 'forebay-utils'", "a twelfth");
}

#[test]
fn every_dependency_is_declared_once_in_the_workspace() {
    let root = read(&root().join("Cargo.toml"));
    let declared = root["workspace"]["dependencies"].as_table().unwrap();
    let mut faults = Vec::new();
    for manifest in manifests() {
        let kinds = ["dependencies", "build-dependencies", "dev-dependencies"];
        for (name, dependency) in dependencies(&manifest, &kinds) {
            let package = package(&manifest);
            let shared = dependency.get("workspace").and_then(Value::as_bool) == Some(true);
            if !shared || !declared.contains_key(name) {
                faults.push(format!(
                    "{package} declares {name} by itself: declare it in the root's [workspace.dependencies] and write \
                     {name}.workspace = true, so that there is one version of it"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn there_is_one_arrow() {
    let lock = read(&root().join("Cargo.lock"));
    let majors: BTreeSet<String> = lock["package"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| {
            let name = package["name"].as_str().unwrap();
            name == "arrow" || name.starts_with("arrow-") || name == "parquet"
        })
        .map(|package| package["version"].as_str().unwrap().split('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        majors.len(),
        1,
        "batches of two Arrow versions cannot meet; the major version is duckdb's: {majors:?}"
    );
}

#[test]
fn duckdb_is_declared_as_it_was_measured() {
    let root = read(&root().join("Cargo.toml"));
    let duckdb = &root["workspace"]["dependencies"]["duckdb"];
    let mut features: Vec<&str> =
        duckdb["features"].as_array().unwrap().iter().map(|feature| feature.as_str().unwrap()).collect();
    features.sort_unstable();
    let why = "another set of features compiles DuckDB's C++ again, on every machine";
    assert_eq!(features, ["appender-arrow", "bundled", "json", "parquet", "vtab-arrow"], "{why}");
    assert_eq!(duckdb["default-features"].as_bool(), Some(false), "{why}");
    let version = duckdb["version"].as_str().unwrap();
    assert!(
        version.starts_with('~'),
        "{version}: a tilde version, so that Arrow's major moves only on purpose"
    );
    for manifest in manifests() {
        for (name, dependency) in dependencies(&manifest, &["dependencies", "dev-dependencies"]) {
            let more = name == "duckdb" && dependency.get("features").is_some();
            assert!(!more, "{} adds features to duckdb: {why}", package(&manifest));
        }
    }
}
