//! Connecting: each failure names the step that failed and what to mend.

use std::net::TcpListener;

use forebay_core::connection::{MysqlConfig, SslMode};
use forebay_core::secret::Secret;
use forebay_core::source::SourceErrorKind;

use super::{config, opened, server, source, source_of_user, until};
use crate::mariadb_server::MariadbServer;
use crate::reading::{assert_error, read, request, table_name, try_read};

/// What `check` says of settings that do not work.
async fn refused(config: MysqlConfig, kind: SourceErrorKind, parts: &[&str]) {
    let secret = config.password.clone();
    let error = assert_error(opened(config).check().await, parts);
    assert_eq!(error.kind, kind, "{error}");
    assert_eq!(error.step.map(|step| format!("{step}: ")).as_deref(), parts.first().copied(), "{error}");
    assert!(
        secret.expose().len() < 5 || !format!("{error:?}").contains(secret.expose()),
        "a secret in: {error:?}"
    );
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn each_wrong_setting_is_named_by_its_step() {
    let database = server().await.database("connecting");
    source(&database).check().await.unwrap();
    let good = || config(&database, SslMode::Disable);
    database.run(
        "CREATE USER connecting_shut@'127.0.0.1' IDENTIFIED BY 'x'; \
         CREATE USER connecting_elsewhere@'10.1.2.3' IDENTIFIED BY 'x'; \
         CREATE USER connecting_locked@'127.0.0.1' IDENTIFIED BY 'x' ACCOUNT LOCK; \
         CREATE USER connecting_socket@'127.0.0.1' IDENTIFIED VIA unix_socket; \
         CREATE USER connecting_one@'127.0.0.1' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 1; \
         GRANT SELECT ON *.* TO connecting_one@'127.0.0.1'",
    );
    let (denied, invalid, away) =
        (SourceErrorKind::Denied, SourceErrorKind::Invalid, SourceErrorKind::Unreachable);
    let host = format!("{}.invalid", "x".repeat(64));
    let wrong = MysqlConfig { host: host.clone(), ..good() };
    refused(wrong, away, &["Name lookup: ", &host, "Check its spelling"]).await;
    let wrong = MysqlConfig { port: free_port(), ..good() };
    refused(wrong, away, &["Connect: ", "127.0.0.1", "Check host and port"]).await;
    let wrong = MysqlConfig { user: "nobody at all".to_owned(), ..good() };
    refused(wrong, denied, &["Login: ", "nobody at all", "Check user and password"]).await;
    for password in ["wrong password", ""] {
        let wrong = MysqlConfig { password: Secret::new(password), ..good() };
        refused(wrong, denied, &["Login: ", "forebay", "Check user and password"]).await;
    }
    let wrong = MysqlConfig { database: "nothing".to_owned(), ..good() };
    refused(wrong, invalid, &["Database: ", "\"nothing\"", "Check the database's name"]).await;
    let wrong = MysqlConfig { ssl_mode: SslMode::Require, ..good() };
    refused(wrong, invalid, &["TLS: ", "the server has TLS off", "disable"]).await;
    let as_user = |user: &str| MysqlConfig { user: user.to_owned(), password: Secret::new("x"), ..good() };
    refused(as_user("connecting_shut"), denied, &["Database: ", "connecting_shut", "Grant SELECT"]).await;
    refused(as_user("connecting_elsewhere"), denied, &["Login: ", "connecting_elsewhere"]).await;
    refused(as_user("connecting_locked"), denied, &["Login: ", "connecting_locked"]).await;
    refused(as_user("connecting_socket"), denied, &["Login: ", "connecting_socket"]).await;
    let one = opened(as_user("connecting_one"));
    let snapshot = one.snapshot().await.unwrap();
    refused(as_user("connecting_one"), away, &["Login: ", "Try again"]).await;
    drop(snapshot);
    for config in [
        MysqlConfig { user: "a\0b".to_owned(), ..good() },
        MysqlConfig { database: "a\0b".to_owned(), ..good() },
        MysqlConfig { host: String::new(), ..good() },
    ] {
        assert!(opened(config).check().await.is_err());
    }
}

#[tokio::test]
async fn what_a_user_may_not_read_is_said() {
    let database = server().await.database("rights");
    database.run(
        "CREATE TABLE part (id int PRIMARY KEY, seen int, unseen int); INSERT INTO part VALUES (1, 2, 3); \
         CREATE TABLE none (id int); CREATE TABLE writable (id int)",
    );
    let source = source_of_user(
        &database,
        "rights_reader",
        "SELECT (id, seen), INSERT (unseen) ON rights.part; INSERT ON rights.writable",
    );
    let tables = source.discover().await.unwrap();
    let names: Vec<&str> = tables.iter().map(|table| table.table.name.as_str()).collect();
    assert_eq!(names, ["part"]);
    let columns: Vec<&str> = tables[0].columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["id", "seen"]);
    let found = read(&*source, &request("part")).await;
    assert_eq!(found.lines(), ["1|2"]);
    assert!(found.notes.iter().any(|note| note.contains("left out: \"unseen\"")), "{:?}", found.notes);
    let mut wanted = request("part");
    wanted.columns = crate::reading::only(&["unseen"]);
    let error = assert_error(try_read(&*source, &wanted).await, &["part", "unseen", "grant SELECT"]);
    assert_eq!(error.kind, SourceErrorKind::Denied);
    let error = assert_error(try_read(&*source, &request("writable")).await, &["writable", "grant SELECT"]);
    assert_eq!(error.kind, SourceErrorKind::Denied);
    let error = assert_error(try_read(&*source, &request("none")).await, &["none", "check schema, name"]);
    assert_eq!(error.kind, SourceErrorKind::Invalid);
}

#[tokio::test]
async fn tables_are_found_with_their_columns_and_keys() {
    let database = server().await.database("discover");
    database.run(
        "CREATE TABLE `odd ``name` (`b``c` decimal(10,2) unsigned, id int, PRIMARY KEY (id, `b``c`)); \
         CREATE VIEW shown AS SELECT 1 AS one; CREATE TABLE Alike (id int); CREATE TABLE alike (id int, more int)",
    );
    let source = source(&database);
    let tables = source.discover().await.unwrap();
    let mut lines: Vec<String> = tables
        .iter()
        .map(|table| {
            let columns: Vec<String> =
                table.columns.iter().map(|column| format!("{} {}", column.name, column.type_name)).collect();
            let key: Vec<&str> = table.key.iter().map(|column| column.as_str()).collect();
            format!("{}: {}; key {}", table.table, columns.join(", "), key.join(", "))
        })
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "discover.Alike: id int(11); key ",
            "discover.alike: id int(11), more int(11); key ",
            "discover.odd `name: b`c decimal(10,2) unsigned, id int(11); key id, b`c",
            "discover.shown: one int(1); key ",
        ]
    );
    database.run("INSERT INTO `odd ``name` VALUES (1.5, 1); INSERT INTO alike VALUES (1, 2)");
    assert_eq!(read(&*source, &request("odd `name")).await.lines(), ["1.50|1"]);
    assert_eq!(read(&*source, &request("alike")).await.lines(), ["1|2"]);
    assert_eq!(read(&*source, &request("Alike")).await.lines(), Vec::<String>::new());
    // Another database of the server is read by its name.
    let other = server().await.database("discover_other");
    other.run("CREATE TABLE here (id int); INSERT INTO here VALUES (7)");
    let mut wanted = request("here");
    wanted.table.schema = Some(crate::reading::identifier("discover_other"));
    assert_eq!(read(&*source, &wanted).await.lines(), ["7"]);
    assert_eq!(table_name("here").schema, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_tls_is_reached_as_the_mode_says() {
    let certificate =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let files = [("tls.crt", certificate.cert.pem()), ("tls.key", certificate.signing_key.serialize_pem())];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let server = MariadbServer::start(&["ssl-cert=tls.crt", "ssl-key=tls.key"], &files).await;
    let database = server.database("tls");
    database.run(
        "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'x' REQUIRE SSL; GRANT SELECT ON tls.* TO reader@'127.0.0.1'; \
         CREATE TABLE t (id int); INSERT INTO t SELECT seq FROM seq_1_to_100000",
    );
    let reader = |ssl_mode| MysqlConfig {
        user: "reader".to_owned(),
        password: Secret::new("x"),
        ..config(&database, ssl_mode)
    };
    let encrypted = opened(reader(SslMode::Require));
    encrypted.check().await.unwrap();
    assert_eq!(read(&*encrypted, &request("t")).await.rows.len(), 100_000);
    // Nobody vouches for this certificate.
    let parts = ["TLS: ", "certificate", "verify-full"];
    refused(reader(SslMode::VerifyFull), SourceErrorKind::Invalid, &parts).await;
    refused(reader(SslMode::Disable), SourceErrorKind::Denied, &["Login: ", "reader", "sslMode"]).await;
    // Where the server takes both, plain text works.
    opened(config(&database, SslMode::Disable)).check().await.unwrap();

    // A statement over TLS ends with its reader.
    let source = opened(config(&database, SslMode::Require));
    let mut wanted = request("t");
    wanted.filters = vec!["SLEEP(1) = 0".to_owned()];
    let snapshot = source.snapshot().await.unwrap();
    let reading = async {
        let forebay_core::source::TableReader::Rows(mut rows) = snapshot.read(&wanted).await.unwrap() else {
            panic!("the table has rows");
        };
        futures::StreamExt::next(&mut rows.batches).await
    };
    let waits =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%SLEEP%' AND USER = 'forebay'";
    tokio::select! {
        _ = reading => panic!("it sleeps for a day"),
        () = until(&database, waits, "1") => {}
    }
    until(&database, waits, "0").await;
}
