//! What a confined worker can reach.

use std::path::Path;

use forebay_core::id::DataPoolId;

use crate::tests::house::House;

/// What this process can do with a file.
pub(super) fn reach(path: &Path) -> String {
    let read = if std::fs::read(path).is_ok() { "read" } else { "" };
    let write = if std::fs::OpenOptions::new().append(true).open(path).is_ok() { "write" } else { "" };
    format!("can {read}{write}")
}

#[tokio::test]
async fn a_worker_reaches_its_own_pool_and_no_other_file() {
    let house = House::new();
    let (pool, other) = (DataPoolId::random(), DataPoolId::random());
    house.ask(other, "told").await;
    let pools = house.dir.path().join("pools");
    let own = pools.join(pool.to_string()).join("file");
    house.ask(pool, "told").await;
    let foreign = pools.join(other.to_string()).join("file");
    let metadata = house.dir.path().join("metadata");
    for path in [&own, &foreign, &metadata] {
        std::fs::write(path, "x").unwrap();
    }
    let can = async |path: &Path| house.ask(pool, &format!("reach {}", path.display())).await;
    assert_eq!(can(&own).await, "can readwrite");
    assert_eq!(can(Path::new("/dev/null")).await, "can readwrite");
    let told = std::fs::read_to_string(own.with_file_name("confinement")).unwrap();
    if told.contains("no Landlock") || told.contains("not enabled") {
        eprintln!("this kernel has no Landlock: what a worker cannot reach is not tested");
        return;
    }
    assert!(told.starts_with("landlock ABI "), "{told}");
    for path in [&foreign, &metadata] {
        assert_eq!(can(path).await, "can ", "{}", path.display());
    }
    assert_eq!(can(Path::new("/etc/hosts")).await, "can read");
    for secret in ["/etc/passwd", "/etc/shadow", "/etc/ssl/private"] {
        assert_eq!(can(Path::new(secret)).await, "can ", "{secret}");
    }
    let server = format!("/proc/{}/environ", std::process::id());
    assert_eq!(can(Path::new(&server)).await, "can ", "the server's environment");
    // A link leads nowhere else.
    std::os::unix::fs::symlink(&foreign, own.with_file_name("link")).unwrap();
    assert_eq!(can(&own.with_file_name("link")).await, "can ");
}

#[tokio::test]
async fn a_worker_inherits_little_of_the_environment() {
    let (house, pool) = (House::new(), DataPoolId::random());
    assert!(std::env::var_os("PATH").is_some(), "there is something to inherit");
    let environment = house.ask(pool, "environment").await;
    for name in ["CARGO_MANIFEST_DIR", "HOME", "PATH", "USER"] {
        assert!(!environment.contains(&format!(" {name} ")), "{environment}");
    }
}
