//! From a socket to a session: the greeting, TLS where it is asked for, and the login.

use std::sync::{Arc, Mutex, PoisonError};

use forebay_core::check::Step;
use forebay_core::connection::MysqlConfig;
use forebay_core::source::{SourceError, SourceErrorKind};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::fault::{self, Failure, cut};
use super::payload::Payload;
use super::scramble::Way;
use super::wire::{Stream, Wire};

/// What a client and a server may do; the bits of the protocol.
mod able {
    pub(super) const LONG_FLAGS: u32 = 1 << 2;
    pub(super) const DATABASE: u32 = 1 << 3;
    pub(super) const PROTOCOL_41: u32 = 1 << 9;
    pub(super) const TLS: u32 = 1 << 11;
    pub(super) const TRANSACTIONS: u32 = 1 << 13;
    pub(super) const LONG_SCRAMBLE: u32 = 1 << 15;
    pub(super) const PLUGINS: u32 = 1 << 19;
    pub(super) const ATTRIBUTES: u32 = 1 << 20;
    pub(super) const LONG_ANSWER: u32 = 1 << 21;
    pub(super) const NO_EOF: u32 = 1 << 24;
    /// Without these nothing is read. LOCAL INFILE and several statements at once are never offered.
    pub(super) const NEEDED: u32 = PROTOCOL_41 | LONG_SCRAMBLE | PLUGINS | NO_EOF;
}

/// `utf8mb4_general_ci`, which every server knows by this number.
const CHARSET: u8 = 45;

/// As many packets a login may take.
const LONGEST_LOGIN: usize = 16;

/// A session that may be used.
pub(super) struct LoggedIn {
    pub(super) wire: Wire,
    /// By which the server can be told to end its statement.
    pub(super) thread: u32,
}

struct Greeting {
    version: String,
    thread: u32,
    abilities: u32,
    way: Vec<u8>,
    nonce: Vec<u8>,
}

/// Logs in on a fresh socket, and says at which step it is.
pub(super) async fn log_in(
    config: &MysqlConfig,
    tls: Option<Arc<ClientConfig>>,
    socket: TcpStream,
    under_way: &Mutex<Step>,
) -> Result<LoggedIn, SourceError> {
    let begin = |step| *under_way.lock().unwrap_or_else(PoisonError::into_inner) = step;
    // The server greets before there is any encryption.
    let at_greeting = if tls.is_some() { Step::Connect } else { Step::Login };
    begin(at_greeting);
    let failed = |failure| fault::login(config, at_greeting, failure);
    let mut wire = Wire::new(Stream::Plain(socket));
    let greeting = greeting(wire.packet().await.map_err(failed)?).map_err(failed)?;
    if greeting.abilities & able::NEEDED != able::NEEDED {
        let error = SourceError::new(
            SourceErrorKind::Invalid,
            format!(
                "Version: {} is a server of version {:?}, which is too old; Forebay reads MySQL 5.7, MariaDB 10.2 \
                 and newer",
                config.host, greeting.version
            ),
        );
        return Err(error.or_at(at_greeting));
    }
    let mut abilities = able::NEEDED
        | able::LONG_FLAGS
        | able::DATABASE
        | able::TRANSACTIONS
        | greeting.abilities & (able::ATTRIBUTES | able::LONG_ANSWER);
    if let Some(tls) = tls {
        begin(Step::Tls);
        let failed = |failure| fault::login(config, Step::Tls, failure);
        if greeting.abilities & able::TLS == 0 {
            return Err(unencrypted(config, "the server has TLS off"));
        }
        abilities |= able::TLS;
        wire.send(&head(abilities)).await.map_err(failed)?;
        let (socket, sequence) = wire.into_socket().map_err(failed)?;
        let name = ServerName::try_from(config.host.clone())
            .map_err(|_| unencrypted(config, "the host's name cannot be in a certificate"))?;
        let stream = match TlsConnector::from(tls).connect(name, socket).await {
            Ok(stream) => stream,
            Err(error) => return Err(not_encrypted(config, error)),
        };
        wire = Wire::encrypted(stream, sequence);
    }
    begin(Step::Login);
    let failed = |failure| fault::login(config, Step::Login, failure);
    let offered = Way::of(&greeting.way).unwrap_or(Way::Native);
    let answer = response(config, abilities, offered, &greeting.nonce);
    wire.send(&answer).await.map_err(failed)?;
    prove(config, &mut wire, offered).await?;
    Ok(LoggedIn { wire, thread: greeting.thread })
}

fn unencrypted(config: &MysqlConfig, why: &str) -> SourceError {
    let (host, port) = (&config.host, config.port);
    SourceError::at(
        Step::Tls,
        SourceErrorKind::Invalid,
        format!(
            "{host}:{port} and this machine agree on no encrypted connection ({why}). Check that the server has TLS on \
             and, for verify-full, that its certificate is valid for {host}; sslMode disable connects in plain text"
        ),
    )
}

fn not_encrypted(config: &MysqlConfig, error: std::io::Error) -> SourceError {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    let gone = [BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof];
    if gone.contains(&error.kind()) {
        return fault::login(config, Step::Tls, error.into());
    }
    unencrypted(config, &error.to_string()).caused_by(error)
}

/// What the server says first.
fn greeting(packet: &[u8]) -> Result<Greeting, Failure> {
    if let [0xff, error @ ..] = packet {
        return Err(Failure::server(error));
    }
    let mut payload = Payload::new(packet);
    if payload.u8() != Some(10) {
        return Err(Failure::Broken("it greets in another protocol".to_owned()));
    }
    parsed(&mut payload).ok_or_else(|| cut("the greeting"))
}

fn parsed(payload: &mut Payload<'_>) -> Option<Greeting> {
    let version = payload.zero_ended()?;
    let version = String::from_utf8_lossy(&version[..version.len().min(100)]).into_owned();
    let thread = payload.u32()?;
    let mut nonce = payload.fixed::<8>()?.to_vec();
    payload.u8()?;
    let low = payload.u16()?;
    let (_charset, _status) = (payload.u8()?, payload.u16()?);
    let high = payload.u16()?;
    let length = usize::from(payload.u8()?);
    payload.take(10)?;
    let rest = payload.take(length.saturating_sub(8).max(13))?;
    nonce.extend_from_slice(rest.strip_suffix(&[0]).unwrap_or(rest));
    let way = payload.zero_ended().unwrap_or(payload.rest()).to_vec();
    Some(Greeting { version, thread, abilities: u32::from(low) | u32::from(high) << 16, way, nonce })
}

/// The part of the answer that goes before TLS.
fn head(abilities: u32) -> Vec<u8> {
    let mut bytes = abilities.to_le_bytes().to_vec();
    let longest: u32 = 1 << 30;
    bytes.extend_from_slice(&longest.to_le_bytes());
    bytes.push(CHARSET);
    bytes.extend_from_slice(&[0; 23]);
    bytes
}

fn response(config: &MysqlConfig, abilities: u32, way: Way, nonce: &[u8]) -> Vec<u8> {
    let mut bytes = head(abilities);
    bytes.extend_from_slice(config.user.as_bytes());
    bytes.push(0);
    let answer = way.answer(config.password.expose(), nonce);
    // At most 32 bytes: the short and the long form of a length are the same.
    bytes.push(answer.len().to_le_bytes()[0]);
    bytes.extend_from_slice(&answer);
    bytes.extend_from_slice(config.database.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(way.name().as_bytes());
    bytes.push(0);
    if abilities & able::ATTRIBUTES != 0 {
        bytes.extend_from_slice(b"\x15\x0cprogram_name\x07forebay");
    }
    bytes
}

/// Answers until the server lets the user in; `way` was offered with the first answer.
async fn prove(config: &MysqlConfig, wire: &mut Wire, mut way: Way) -> Result<(), SourceError> {
    let failed = |failure| fault::login(config, Step::Login, failure);
    let password = config.password.expose();
    for _ in 0..LONGEST_LOGIN {
        let packet = wire.packet().await.map_err(failed)?;
        let answer = match packet {
            [0, ..] => return Ok(()),
            [0xff, error @ ..] => return Err(failed(Failure::server(error))),
            [0xfe] => return Err(unknown_way(config, "mysql_old_password")),
            [0xfe, rest @ ..] => {
                let mut payload = Payload::new(rest);
                let name = payload.zero_ended().ok_or_else(|| failed(cut("the way of login")))?;
                way = Way::of(name).ok_or_else(|| unknown_way(config, &String::from_utf8_lossy(name)))?;
                let rest = payload.rest();
                way.answer(password, rest.strip_suffix(&[0]).unwrap_or(rest))
            }
            // The digest is known to the server: it says that it lets the user in next.
            [1, 3] if way == Way::CachingSha2 => continue,
            // It is not known: the server wants the password itself.
            [1, 4] if way == Way::CachingSha2 => {
                if !wire.is_encrypted() {
                    return Err(SourceError::at(
                        Step::Login,
                        SourceErrorKind::Denied,
                        format!(
                            "{} asks for the password of user {:?} itself (caching_sha2_password), which is sent over \
                             TLS only. Set sslMode to require or verify-full",
                            config.host, config.user
                        ),
                    ));
                }
                let mut plain = password.as_bytes().to_vec();
                plain.push(0);
                plain
            }
            _ => return Err(failed(Failure::Broken("the login goes on in an unknown way".to_owned()))),
        };
        wire.send(&answer).await.map_err(failed)?;
    }
    Err(failed(Failure::Broken("the login does not end".to_owned())))
}

fn unknown_way(config: &MysqlConfig, name: &str) -> SourceError {
    let name: String = name.chars().take(60).collect();
    SourceError::at(
        Step::Login,
        SourceErrorKind::Denied,
        format!(
            "{} asks user {:?} to log in by {name:?}, which Forebay does not know. Use an account with \
             mysql_native_password or caching_sha2_password",
            config.host, config.user
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_that_is_cut_anywhere_is_refused() {
        let mut packet = vec![10];
        packet.extend_from_slice(b"8.0.40\0");
        packet.extend_from_slice(&7_u32.to_le_bytes());
        packet.extend_from_slice(b"abcdefgh\0\xff\xff\x2d\x02\x00\xff\xff\x15");
        packet.extend_from_slice(&[0; 10]);
        packet.extend_from_slice(b"ijklmnopqrst\0caching_sha2_password\0");
        let whole = greeting(&packet).unwrap();
        assert_eq!((whole.version.as_str(), whole.thread), ("8.0.40", 7));
        assert_eq!(whole.nonce, b"abcdefghijklmnopqrst");
        assert_eq!(whole.way, b"caching_sha2_password");
        for end in 0..packet.len() - b"caching_sha2_password\0".len() {
            assert!(greeting(&packet[..end]).is_err(), "{end}");
        }
    }
}
