//! How a server is reached: a socket, TLS over it, and a request to end what runs on another one.

use forebay_core::check::Step;
use forebay_core::connection::PostgresqlConfig;
use forebay_core::source::{SourceError, SourceErrorKind};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::either::Either;

use super::fault;
use crate::{socket, tls};

/// A socket of TCP, or one of this machine.
pub(super) type Socket = Either<TcpStream, UnixStream>;

type Tls = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;

/// The way to one server.
#[derive(Clone)]
pub(super) struct Way {
    host: String,
    port: u16,
    tls: Option<MakeRustlsConnect>,
}

impl Way {
    /// # Errors
    /// `Invalid` when TLS cannot be set up.
    pub(super) fn to(config: &PostgresqlConfig) -> Result<Self, SourceError> {
        let tls = tls::client(config.ssl_mode)?.map(MakeRustlsConnect::new);
        Ok(Self { host: config.host.clone(), port: config.port, tls })
    }

    /// A new connection. A host that begins with a slash is the folder of a server's socket.
    pub(super) async fn socket(&self) -> Result<Socket, SourceError> {
        if !self.host.starts_with('/') {
            return socket::connect(&self.host, self.port).await.map(Either::Left);
        }
        let path = format!("{}/.s.PGSQL.{}", self.host, self.port);
        match UnixStream::connect(&path).await {
            Ok(socket) => Ok(Either::Right(socket)),
            Err(error) => Err(socket::unreachable(&path, error)),
        }
    }

    /// What makes a connection an encrypted one, if it shall be.
    pub(super) fn tls(&self) -> Result<Option<Tls>, SourceError> {
        let Some(mut tls) = self.tls.clone() else { return Ok(None) };
        let made = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls, &self.host);
        made.map(Some).map_err(|error| {
            SourceError::at(Step::Tls, SourceErrorKind::Invalid, "it could not be set up").caused_by(error)
        })
    }

    /// Asks the server to end the statement of another connection; it does not answer.
    pub(super) async fn cancel(&self, token: &CancelToken) -> Result<(), SourceError> {
        let socket = self.socket().await?;
        let asked = match self.tls()? {
            Some(tls) => token.cancel_query_raw(socket, tls).await,
            None => token.cancel_query_raw(socket, NoTls).await,
        };
        asked.map_err(|error| fault::query("asking for the end of a statement", error))
    }
}
