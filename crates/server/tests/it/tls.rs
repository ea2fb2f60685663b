//! https: with the certificate that the server makes, and with one that is renewed while it runs.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Certificate, Version};
use serde_json::Value;

use crate::server::{Server, forebay};

fn client(certificate: &[u8], only_http1: bool) -> reqwest::Client {
    // The first client of a test sets the provider of all.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder()
        .tls_certs_only([Certificate::from_pem(certificate).unwrap()])
        .timeout(Duration::from_secs(60));
    let builder = if only_http1 { builder.http1_only() } else { builder };
    builder.build().unwrap()
}

/// Writes a certificate and its key, as a renewal does.
fn renew(dir: &Path) -> Vec<u8> {
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap().pem();
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(dir.join("cert.pem"), &certificate).unwrap();
    certificate.into_bytes()
}

#[tokio::test]
async fn a_server_makes_a_certificate_for_this_machine_and_keeps_it() {
    let mut server = Server::start_with(&["--tls-self-signed"]);
    let files = server.data().join("tls");
    let certificate = std::fs::read(files.join("cert.pem")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(files.join("key.pem")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o077, 0, "nobody else reads the key");
    let ask = async |url: String, only_http1: bool| {
        let answer = client(&certificate, only_http1).get(format!("{url}/.well-known/openid-configuration"));
        let answer = answer.send().await.unwrap();
        let version = answer.version();
        (version, answer.json::<Value>().await.unwrap()["issuer"].clone())
    };
    let url = server.url();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    assert_eq!(ask(url.clone(), false).await, (Version::HTTP_2, url.clone().into()));
    assert_eq!(ask(url.clone(), true).await, (Version::HTTP_11, url.clone().into()));
    let by_name = url.replace("127.0.0.1", "localhost");
    assert_eq!(ask(by_name.clone(), false).await.1, Value::from(by_name));
    let stranger = client(&renew(&server.files()), false).get(&url).send().await;
    assert!(stranger.is_err(), "a certificate that nobody trusts is refused by its client");

    // The command line takes it as every program does that is told whom to trust.
    let mut command = forebay();
    command.env("FOREBAY_URL", &url).env("FOREBAY_TOKEN", server.admin_key());
    command.env("SSL_CERT_FILE", files.join("cert.pem")).args(["pool", "list"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(server.terminate().success());
    server.restart();
    assert_eq!(std::fs::read(files.join("cert.pem")).unwrap(), certificate);
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let first = renew(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let server = Server::start_with(&["--tls-cert", &cert, "--tls-key", &key]);
    let url = format!("{}/health", server.url());
    client(&first, false).get(&url).send().await.unwrap();
    std::fs::write(&cert, "no certificate").unwrap();
    let begun = Instant::now();
    while !server.log_text().contains("the old one is used on") {
        assert!(begun.elapsed().as_secs() < 30, "nobody has looked at the files");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    client(&first, false).get(&url).send().await.unwrap();
    let second = renew(dir.path());
    while client(&second, false).get(&url).send().await.is_err() {
        assert!(begun.elapsed().as_secs() < 60, "the new certificate is not served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(client(&first, false).get(&url).send().await.is_err());
}

#[test]
fn a_certificate_that_cannot_be_used_keeps_the_server_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    renew(dir.path());
    let cert = std::fs::read(dir.path().join("cert.pem")).unwrap();
    renew(dir.path());
    std::fs::write(dir.path().join("cert.pem"), cert).unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let mut server = Server::prepare(&["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")]);
    assert!(!server.try_restart());
    assert!(server.log_text().contains("do not belong together"), "{}", server.log_text());
}
