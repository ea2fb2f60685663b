//! Connecting: each failure names the step that failed and what to mend.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use forebay_core::connection::{PostgresqlConfig, SslMode};
use forebay_core::secret::Secret;
use forebay_core::source::SourceErrorKind;

use super::{Place, config, name, opened, since, source, whole};
use crate::postgres_server::{PostgresServer, Setup};

/// What `check` says of settings that do not work.
async fn refused(config: PostgresqlConfig, kind: SourceErrorKind, parts: &[&str]) {
    let secret = config.password.clone();
    let error = opened(config).check().await.expect_err("settings that do not work");
    assert_eq!(error.kind, kind, "{error}");
    assert_eq!(error.step.map(|step| format!("{step}: ")).as_deref(), parts.first().copied(), "{error}");
    for part in parts {
        assert!(error.message.contains(part), "{part:?} is not in: {error}");
    }
    assert!(secret.expose().len() < 5 || !error.message.contains(secret.expose()), "a secret in: {error}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").port()
}

#[tokio::test]
async fn each_wrong_setting_is_named_by_its_step() {
    let server = PostgresServer::shared().await;
    let database = server.database("connecting").await;
    source(&database).check().await.expect("settings that work");
    let good = || config(&database, SslMode::Disable);
    let sql = database.client().await;
    sql.batch_execute(
        "CREATE ROLE connecting_shut LOGIN PASSWORD 'x'; CREATE ROLE connecting_full LOGIN PASSWORD 'x' CONNECTION LIMIT 0; \
         CREATE ROLE connecting_never NOLOGIN PASSWORD 'x'",
    )
    .await
    .expect("roles");
    server.database("connecting_shut").await;
    super::run(&sql, "REVOKE CONNECT ON DATABASE connecting_shut FROM PUBLIC").await;
    let (denied, invalid, away) =
        (SourceErrorKind::Denied, SourceErrorKind::Invalid, SourceErrorKind::Unreachable);

    // No name server is asked for a name with so long a part.
    let host = format!("{}.invalid", "x".repeat(64));
    let wrong = PostgresqlConfig { host: host.clone(), ..good() };
    refused(wrong, away, &["Name lookup: ", &host, "Check its spelling"]).await;
    let wrong = PostgresqlConfig { port: free_port(), ..good() };
    refused(wrong, away, &["Connect: ", "127.0.0.1", "Check host and port"]).await;
    let wrong = PostgresqlConfig { user: "nobody at all".to_owned(), ..good() };
    refused(wrong, denied, &["Login: ", "nobody at all", "Check user and password"]).await;
    let wrong = PostgresqlConfig { password: Secret::new("wrong"), ..good() };
    refused(wrong, denied, &["Login: ", "forebay", "Check user and password"]).await;
    let wrong = PostgresqlConfig { password: Secret::new(""), ..good() };
    refused(wrong, denied, &["Login: ", "Check user and password"]).await;
    let wrong = PostgresqlConfig { database: "nothing".to_owned(), ..good() };
    refused(wrong, invalid, &["Database: ", "\"nothing\"", "Check the database's name"]).await;
    let wrong = PostgresqlConfig { ssl_mode: SslMode::Require, ..good() };
    refused(wrong, invalid, &["TLS: ", "server has TLS on", "disable"]).await;
    let as_user =
        |user: &str| PostgresqlConfig { user: user.to_owned(), password: Secret::new("x"), ..good() };
    let wrong = PostgresqlConfig { database: "connecting_shut".to_owned(), ..as_user("connecting_shut") };
    refused(wrong, denied, &["Database: ", "connecting_shut", "Grant CONNECT"]).await;
    refused(as_user("connecting_full"), away, &["Login: ", "Try again"]).await;
    refused(as_user("connecting_never"), denied, &["Login: ", "connecting_never"]).await;
    for config in [
        PostgresqlConfig { host: "a\0b".to_owned(), ..good() },
        PostgresqlConfig { user: "a\0b".to_owned(), ..good() },
        PostgresqlConfig { host: String::new(), ..good() },
    ] {
        assert!(opened(config).check().await.is_err());
    }
}

#[tokio::test]
async fn another_server_than_postgresql_is_said_to_be_none() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let stranger = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut buffer = [0; 64];
            let read = stream.read(&mut buffer).expect("what it asks");
            assert!(read > 0);
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("an answer");
        }
    });
    let server = PostgresServer::shared().await;
    for ssl_mode in [SslMode::Disable, SslMode::Require] {
        let config = PostgresqlConfig { port, ..config(&server.at("postgres"), ssl_mode) };
        let error = opened(config).check().await.expect_err("no PostgreSQL");
        assert!(error.message.contains("PostgreSQL") || error.message.starts_with("TLS: "), "{error}");
        assert!(error.message.contains("Check"), "{error}");
    }
    stranger.join().expect("the stranger's end");
}

#[tokio::test]
async fn a_server_with_tls_is_reached_as_the_mode_says() {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .expect("a certificate");
    let hba = "host all forebay 127.0.0.1/32 scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
    let server = PostgresServer::start(Setup {
        settings: &[("ssl", "on"), ("ssl_cert_file", "tls.crt"), ("ssl_key_file", "tls.key")],
        files: &[
            ("tls.crt", &certificate.cert.pem()),
            ("tls.key", &certificate.signing_key.serialize_pem()),
            ("pg_hba.conf", hba),
        ],
        ..Setup::default()
    })
    .await;
    let database = server.database("tls").await;
    let sql = database.client().await;
    sql.batch_execute(
        "CREATE ROLE reader LOGIN PASSWORD 'x'; CREATE VIEW how AS SELECT ssl, version FROM pg_stat_ssl \
        WHERE pid = pg_backend_pid(); GRANT SELECT ON how TO reader",
    )
    .await
    .expect("a role");
    let reader = database.as_user("reader", "x");

    let encrypted = opened(config(&reader, SslMode::Require));
    encrypted.check().await.expect("an encrypted connection");
    let snapshot = encrypted.snapshot().await.expect("a snapshot");
    let how = super::read(&*snapshot, &super::whole("how")).await.expect("the view");
    assert_eq!(how.sorted(), ["true|TLSv1.3"]);
    // Nobody vouches for this certificate.
    let invalid = SourceErrorKind::Invalid;
    refused(config(&reader, SslMode::VerifyFull), invalid, &["TLS: ", "certificate", "verify-full"]).await;
    let parts = ["Login: ", "reader", "pg_hba.conf", "sslMode"];
    refused(config(&reader, SslMode::Disable), SourceErrorKind::Denied, &parts).await;
    // Where the server takes both, plain text works.
    opened(config(&database, SslMode::Disable)).check().await.expect("plain text for this user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_over_tls_ends_with_its_reader() {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let server = PostgresServer::start(Setup {
        settings: &[("ssl", "on"), ("ssl_cert_file", "tls.crt"), ("ssl_key_file", "tls.key")],
        files: &[("tls.crt", &certificate.cert.pem()), ("tls.key", &certificate.signing_key.serialize_pem())],
        ..Setup::default()
    })
    .await;
    let place = super::Place::of(&server, "tls").await;
    place.run("CREATE TABLE t (id int)").await;
    let holder = place.database.client().await;
    super::run(&holder, "BEGIN; LOCK TABLE t").await;
    let source = opened(config(&place.database, SslMode::Require));
    let snapshot = source.snapshot().await.expect("a snapshot");
    let request = super::whole("t");
    let waits = "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    let reading = snapshot.read(&request);
    tokio::select! {
        _ = reading => panic!("the table is locked"),
        () = until(&place, waits, "1") => {}
    }
    until(&place, waits, "0").await;
}

/// Waits until the server says so.
async fn until(place: &super::Place, query: &str, expected: &str) {
    let began = std::time::Instant::now();
    while place.say(query).await != expected {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "never {expected}: {query}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Its log is its administrator's: what goes well leaves no warning there.
#[tokio::test]
async fn the_server_is_given_nothing_to_warn_of() {
    let server = PostgresServer::start(Setup::default()).await;
    let place = Place::at(server.database("unwarned").await).await;
    place.run("CREATE TABLE t (id int PRIMARY KEY)").await;
    place.source.check().await.expect("a server that answers");
    for _ in 0..2 {
        let found = place.source.discover().await.expect("a list of tables");
        assert_eq!(place.source.key(&found[0].table).await.expect("a key"), [name("id")]);
    }
    let full = place.read(&whole("public.t")).await;
    place.read(&since(&whole("public.t"), &full.checkpoint)).await;
    // A connection ends its transaction in its own time.
    let busy =
        "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'forebay' AND state <> 'idle'";
    for _ in 0..6000 {
        if place.say(busy).await == "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let log = server.log();
    assert!(log.contains("ready to accept connections") && !log.contains("WARNING"), "{log}");
}
