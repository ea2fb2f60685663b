//! Servers that do not keep to the protocol, played by the test: what comes is an error, never a file, a crash or
//! memory without end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use forebay_core::connection::{MysqlConfig, SslMode};
use forebay_core::secret::Secret;
use forebay_core::source::SourceError;

use super::opened;
use crate::reading::assert_error;

pub(super) const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
const LOCAL_FILES: u32 = 0x80;
const SEVERAL_STATEMENTS: u32 = 0x1_0000;

/// The server's side of one connection.
pub(super) struct Peer<S> {
    pub(super) stream: S,
    pub(super) sequence: u8,
}

impl<S: Read + Write> Peer<S> {
    pub(super) fn send(&mut self, payload: &[u8]) {
        let mut packet = payload.len().to_le_bytes()[..3].to_vec();
        packet.push(self.sequence);
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        drop(self.stream.write_all(&packet));
    }

    /// The client's next packet; `None` when it went away.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).ok()?;
        self.sequence = header[3].wrapping_add(1);
        let mut payload = vec![0; usize::from(header[0]) | usize::from(header[1]) << 8];
        self.stream.read_exact(&mut payload).ok()?;
        Some(payload)
    }

    /// Answers to the session's settings, until the statement that reads comes.
    fn first_statement(&mut self) -> Option<Vec<u8>> {
        loop {
            let command = self.take()?;
            if !command[1..].starts_with(b"SET ") {
                return Some(command);
            }
            self.send(OK);
        }
    }
}

/// What a server says first, with these abilities beside the needed ones.
pub(super) fn greeting(way: &str, abilities: u32) -> Vec<u8> {
    let abilities = (abilities | 0x0108_a200).to_le_bytes();
    let mut packet = b"\x0a10.11.0-MariaDB\0\x07\0\0\0abcdefgh\0".to_vec();
    packet.extend_from_slice(&abilities[..2]);
    packet.extend_from_slice(b"\x2d\x02\0");
    packet.extend_from_slice(&abilities[2..]);
    packet.push(21);
    packet.extend_from_slice(&[0; 10]);
    packet.extend_from_slice(b"ijklmnopqrst\0");
    packet.extend_from_slice(way.as_bytes());
    packet.push(0);
    packet
}

/// A server that plays each connection in this way. It ends with the process.
pub(super) fn server(play: impl Fn(Peer<TcpStream>) + Send + 'static) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            play(Peer { stream, sequence: 0 });
        }
    });
    (port, thread)
}

pub(super) fn settings(port: u16, ssl_mode: SslMode) -> MysqlConfig {
    MysqlConfig {
        host: "localhost".to_owned(),
        port,
        database: "db".to_owned(),
        user: "reader".to_owned(),
        password: Secret::new("a long secret"),
        ssl_mode,
    }
}

async fn check(play: impl Fn(Peer<TcpStream>) + Send + 'static) -> Result<(), SourceError> {
    let (port, _) = server(play);
    opened(settings(port, SslMode::Disable)).check().await
}

/// Logs the client in and answers its first statement with these packets.
async fn answered(packets: Vec<Vec<u8>>) -> Result<(), SourceError> {
    check(move |mut peer| {
        peer.send(&greeting("mysql_native_password", 0));
        if peer.take().is_none() {
            return;
        }
        peer.send(OK);
        if peer.first_statement().is_some() {
            for packet in &packets {
                peer.send(packet);
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_a_file_gets_none() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let (port, _) = server(move |mut peer| {
        peer.send(&greeting("mysql_native_password", LOCAL_FILES | SEVERAL_STATEMENTS));
        let Some(response) = peer.take() else { return };
        let abilities = u32::from_le_bytes(*response.first_chunk().unwrap());
        peer.send(OK);
        peer.send_request_for_file();
        // Whatever comes after it, until the client goes away.
        let mut rest = Vec::new();
        drop(peer.stream.read_to_end(&mut rest));
        drop(sender.send((abilities, rest)));
    });
    let error = assert_error(
        opened(settings(port, SslMode::Disable)).check().await,
        &["LOCAL INFILE", "which Forebay never sends", "Check that host and port"],
    );
    assert!(!error.message.contains("secret"));
    let (abilities, rest) = receiver.recv().unwrap();
    assert_eq!(abilities & (LOCAL_FILES | SEVERAL_STATEMENTS), 0, "what is never offered");
    assert!(!rest.windows(5).any(|bytes| bytes == b"root:"), "{rest:?}");
    assert_eq!(rest, b"", "nothing is sent after the server asked");
}

impl Peer<TcpStream> {
    /// Waits for a statement and answers it with the wish for a file.
    fn send_request_for_file(&mut self) {
        if self.take().is_some() {
            self.send(b"\xfb/etc/passwd");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_mysql_server_is_said_to_be_none() {
    let greetings: Vec<(&[u8], &str)> = vec![
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no MySQL or MariaDB server"),
        (b"\x01\x00\x00\x00\x09", "another protocol"),
        (b"\x05\x00\x00\x00\x0a8.0\0", "greeting is cut"),
        (b"\x05\x00\x00\x07\x0a8.0\0", "out of order"),
        (b"", "broke the connection off"),
        (b"\xff\xff\xff\x00", "broke the connection off"),
        (b"\x17\x00\x00\x00\xff\x10\x04Too many connections", "Try again"),
        (b"\x17\x00\x00\x00\xff\x6a\x04Host 'x' is not allow", "Allow its address"),
    ];
    for (said, expected) in greetings {
        let error = check(move |mut peer| {
            drop(peer.stream.write_all(said));
            drop(peer.stream.shutdown(std::net::Shutdown::Write));
            drop(peer.stream.read(&mut [0; 8]));
        })
        .await;
        assert_error(error, &["Login: ", expected]);
    }
    let old = check(|mut peer| {
        let mut old = greeting("mysql_native_password", 0);
        let at = old.iter().position(|byte| *byte == 0).unwrap() + 20;
        old[at] = 0;
        peer.send(&old);
        drop(peer.take());
    });
    assert_error(old.await, &["Version: ", "too old"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_lie_about_lengths_are_errors() {
    let huge = vec![0xfe, 255, 255, 255, 255, 255, 255, 255, 127];
    let column = b"\x03def\0\0\0\x01a\0\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0".to_vec();
    for packets in [
        vec![huge.clone()],
        vec![vec![0xfd, 255, 255, 255]],
        vec![vec![]],
        vec![vec![1], huge.clone()],
        vec![vec![1], b"\x03def".to_vec()],
        vec![vec![1], column.clone(), vec![0xfd, 255, 255, 127, 1]],
        vec![vec![1], column.clone(), vec![0xff]],
        vec![vec![2], column.clone()],
        vec![vec![0xff]],
    ] {
        let shown = format!("{packets:?}");
        let error = answered(packets).await.expect_err(&shown);
        assert!(error.message.contains("while checking"), "{shown}: {error}");
    }
    // The same answer without a lie is taken.
    let end = vec![0xfe, 0, 0, 2, 0, 0, 0];
    answered(vec![vec![1], column, vec![1, b'1'], end]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_without_end_ends() {
    let error = check(|mut peer| {
        peer.send(&greeting("mysql_native_password", 0));
        while peer.take().is_some() {
            peer.send(b"\xfemysql_native_password\0abcdefghijklmnopqrst\0");
        }
    })
    .await;
    assert_error(error, &["Login: ", "does not end"]);
}
