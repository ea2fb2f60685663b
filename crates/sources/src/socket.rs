//! TCP connections to sources: the name is looked up by itself first, so that the error can say which step failed.

use std::net::SocketAddr;
use std::time::Duration;

use forebay_core::check::Step;
use forebay_core::source::{SourceError, SourceErrorKind};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long each step of connecting may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A connection on which a machine that is gone is noticed.
///
/// # Errors
/// `Unreachable`, with the step that failed and what to check.
pub(crate) async fn connect(host: &str, port: u16) -> Result<TcpStream, SourceError> {
    let addresses = timeout(PATIENCE, resolve(host, port))
        .await
        .map_err(|_| late(Step::NameLookup, host, port, "Check the host name and the name server"))??;
    let mut failed = None;
    for address in addresses {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(connected) => match connected.and_then(|socket| kept_alive(&socket).map(|()| socket)) {
                Ok(socket) => return Ok(socket),
                Err(error) => failed = Some(unreachable(&format!("{host}:{port}"), error)),
            },
            Err(_) => failed = Some(late(Step::Connect, host, port, "Check host and port, and the firewall")),
        }
    }
    Err(failed.unwrap_or_else(|| unknown(host)))
}

/// That nothing listens there, or nothing lets us through.
pub(crate) fn unreachable(address: &str, error: std::io::Error) -> SourceError {
    let text = format!(
        "{address} cannot be reached ({error}). Check host and port, that the server runs and listens on that address, \
         and the firewall"
    );
    SourceError::at(Step::Connect, SourceErrorKind::Unreachable, text).caused_by(error)
}

/// That a step of connecting took too long.
pub(crate) fn late(step: Step, host: &str, port: u16, remedy: &str) -> SourceError {
    SourceError::at(step, SourceErrorKind::Unreachable, silence(host, port, remedy))
}

/// That nothing came, in words.
pub(crate) fn silence(host: &str, port: u16, remedy: &str) -> String {
    format!("{host}:{port} did not answer within {} seconds. {remedy}", PATIENCE.as_secs())
}

/// A machine that is gone is noticed, whether we wait for it or it for us.
fn kept_alive(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(6);
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(Duration::from_secs(90)))
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, SourceError> {
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => Ok(found.collect()),
        Err(error) => Err(unknown(host).caused_by(error)),
    }
}

fn unknown(host: &str) -> SourceError {
    let text = format!(
        "the host {host:?} is not known. Check its spelling, and that this machine's name server knows it"
    );
    SourceError::at(Step::NameLookup, SourceErrorKind::Unreachable, text)
}
