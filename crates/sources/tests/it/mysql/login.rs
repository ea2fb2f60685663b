//! Ways of login that the tests' server has not, and what is said over them; the server is played by the test.

use std::sync::Arc;
use std::sync::mpsc::channel;

use forebay_core::connection::SslMode;
use forebay_core::source::SourceErrorKind;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};

use super::hostile::{OK, Peer, greeting, server, settings};
use super::{opened, server as mariadb};
use crate::reading::assert_error;

const NONCE: &[u8] = b"zyxwvutsrqponmlkjihg";
const TLS: u32 = 0x800;

/// What a client that knows the password answers.
fn proof(nonce: &[u8]) -> Vec<u8> {
    let once = Sha256::digest(b"a long secret");
    let mixed = Sha256::new().chain_update(Sha256::digest(once)).chain_update(nonce).finalize();
    once.iter().zip(mixed).map(|(one, other)| one ^ other).collect()
}

fn play<S: std::io::Read + std::io::Write>(
    peer: &mut Peer<S>,
    last: &[u8],
) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    peer.take()?;
    peer.send(&[b"\xfecaching_sha2_password\0", NONCE, b"\0"].concat());
    let answer = peer.take()?;
    peer.send(&[1, last[0]]);
    let plain = if last[0] == 4 { peer.take() } else { None };
    if last[0] == 3 || plain.is_some() {
        peer.send(OK);
        while let Some(command) = peer.take() {
            if command == [1] {
                break;
            }
            peer.send(OK);
        }
    }
    Some((answer, plain))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caching_sha2_is_answered_where_the_server_knows_the_digest() {
    let (sender, receiver) = channel();
    let (port, _) = server(move |mut peer| {
        peer.send(&greeting("caching_sha2_password", 0));
        drop(sender.send(play(&mut peer, &[3])));
    });
    opened(settings(port, SslMode::Disable)).check().await.unwrap();
    let (answer, plain) = receiver.recv().unwrap().unwrap();
    assert_eq!((answer, plain), (proof(NONCE), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_itself_is_never_sent_in_plain_text() {
    let (sender, receiver) = channel();
    let (port, _) = server(move |mut peer| {
        peer.send(&greeting("caching_sha2_password", 0));
        drop(sender.send(play(&mut peer, &[4])));
    });
    let error = assert_error(
        opened(settings(port, SslMode::Disable)).check().await,
        &["Login: ", "caching_sha2_password", "Set sslMode to require"],
    );
    assert_eq!(error.kind, SourceErrorKind::Denied);
    assert_eq!(receiver.recv().unwrap().unwrap().1, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_the_password_is_sent_to_a_server_that_asks() {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from_pem_slice(certificate.signing_key.serialize_pem().as_bytes()).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    let tls = Arc::new(tls);
    let (sender, receiver) = channel();
    let (port, _) = server(move |mut peer| {
        peer.send(&greeting("caching_sha2_password", TLS));
        let asked = peer.take().unwrap();
        assert_eq!(asked.len(), 32, "the wish for TLS holds no name");
        let stream = StreamOwned::new(ServerConnection::new(Arc::clone(&tls)).unwrap(), peer.stream);
        let mut peer = Peer { stream, sequence: peer.sequence };
        drop(sender.send(play(&mut peer, &[4])));
    });
    opened(settings(port, SslMode::Require)).check().await.unwrap();
    let (answer, plain) = receiver.recv().unwrap().unwrap();
    assert_eq!((answer, plain.unwrap()), (proof(NONCE), b"a long secret\0".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_of_login_that_is_not_known_is_named() {
    for way in ["client_ed25519", "mysql_clear_password", "dialog", "auth_gssapi_client"] {
        let (port, _) = server(move |mut peer| {
            peer.send(&greeting(way, 0));
            if peer.take().is_some() {
                peer.send(&[b"\xfe", way.as_bytes(), b"\0", NONCE].concat());
                drop(peer.take());
            }
        });
        let error = assert_error(
            opened(settings(port, SslMode::Disable)).check().await,
            &["Login: ", way, "mysql_native_password"],
        );
        assert_eq!(error.kind, SourceErrorKind::Denied);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_mariadb_log_in_with_and_without_a_password() {
    let database = mariadb().await.database("logins");
    database.run(
        "CREATE USER logins_none@'127.0.0.1'; GRANT SELECT ON logins.* TO logins_none@'127.0.0.1'; \
         CREATE USER logins_either@'127.0.0.1' IDENTIFIED VIA unix_socket OR mysql_native_password \
            USING PASSWORD('ü'); GRANT SELECT ON logins.* TO logins_either@'127.0.0.1'",
    );
    for (user, password) in [("logins_none", ""), ("logins_either", "ü")] {
        let config = forebay_core::connection::MysqlConfig {
            user: user.to_owned(),
            password: forebay_core::secret::Secret::new(password),
            ..super::config(&database, SslMode::Disable)
        };
        opened(config).check().await.unwrap();
    }
}
