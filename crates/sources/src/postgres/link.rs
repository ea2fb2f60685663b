//! The way to a database: how a connection is made, or found that was used before.

use std::sync::{Arc, Mutex};

use forebay_core::check::Step;
use forebay_core::connection::{PostgresqlConfig, SslMode};
use forebay_core::source::{SourceError, SourceErrorKind};
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::fault;
use super::pulse::Backend;
use super::session::Session;
use super::shared::Shared;
use super::tap::{self, Tap, Tapped};
use super::way::Way;
use crate::socket::{self, PATIENCE};

/// The first version whose catalogue has all that is asked of it.
const OLDEST_VERSION: u32 = 120_000;

/// Values are written so that they read back as they were; no limit of the server ends a long read;
/// a server that can looks whether the client is still there. A database without an encoding sends
/// its bytes as they are: those that are no UTF-8 are refused where the column is known.
const SESSION: &str = "SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.pg_backend_pid(); SET TimeZone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; \
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET standard_conforming_strings = on; \
    SELECT pg_catalog.set_config('client_encoding', \
        CASE pg_catalog.current_setting('server_encoding') WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END, \
        false); \
    SELECT pg_catalog.set_config(name, \
        CASE name WHEN 'client_connection_check_interval' THEN '5s' ELSE '0' END, false) \
    FROM pg_catalog.pg_settings WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', \
        'idle_session_timeout', 'transaction_timeout', 'client_connection_check_interval'); \
    SELECT pg_catalog.pg_postmaster_start_time()";

/// The way to one database.
#[derive(Clone)]
pub(super) struct Link {
    shared: Arc<Shared>,
}

impl Link {
    /// `connections` is the most that read at a time, over all jobs of this process.
    pub(super) fn new(config: PostgresqlConfig, connections: usize) -> Self {
        Self { shared: Shared::of(config, connections) }
    }

    pub(super) fn config(&self) -> &PostgresqlConfig {
        self.shared.config()
    }

    /// The most that read at a time.
    pub(super) fn connections(&self) -> usize {
        self.shared.connections()
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Begins work on a connection that was used before, or on a new one. Work that finds its connection
    /// gone is begun anew: it must do no harm twice.
    pub(super) async fn begin<T>(
        &self,
        work: impl for<'s> Fn(&'s Session) -> BoxFuture<'s, Result<T, SourceError>>,
    ) -> Result<(Session, T), SourceError> {
        while let Some(session) = self.shared.idle() {
            match timeout(PATIENCE, work(&session)).await {
                Ok(Ok(done)) => return Ok((session, done)),
                Ok(Err(error)) if error.kind != SourceErrorKind::Unreachable => return Err(error),
                // The server was restarted, or the way to it was closed.
                Ok(Err(_)) | Err(_) => {}
            }
        }
        let session = self.session().await?;
        let done = work(&session).await?;
        Ok((session, done))
    }

    /// Waits, for a while, until statements that were asked to end have ended: what comes next must not run
    /// beside what it replaces.
    pub(super) async fn settled(&self) {
        let mut ending = self.shared.ending.subscribe();
        // What does not end now is left to the server.
        drop(timeout(PATIENCE, ending.wait_for(|ending| *ending == 0)).await);
    }

    /// Waits until one connection more may read.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.shared.reading).acquire_owned().await.ok()
    }

    /// Opens a connection with our session settings.
    pub(super) async fn session(&self) -> Result<Session, SourceError> {
        let config = self.config();
        let late = |step: Step, remedy: &str| socket::late(step, &config.host, config.port, remedy);
        let way = match Way::to(config) {
            Ok(way) => way,
            // The steps before TLS are taken all the same: whoever hears of one hears that those before it went well.
            Err(error) => {
                let plain = PostgresqlConfig { ssl_mode: SslMode::Disable, ..config.clone() };
                Way::to(&plain)?.socket().await?;
                return Err(error);
            }
        };
        let socket = way.socket().await?;
        let mut options = tokio_postgres::Config::new();
        options.dbname(&config.database).user(&config.user).application_name("forebay").ssl_mode(
            match config.ssl_mode {
                SslMode::Disable => tokio_postgres::config::SslMode::Disable,
                SslMode::Require | SslMode::VerifyFull => tokio_postgres::config::SslMode::Require,
            },
        );
        if !config.password.expose().is_empty() {
            options.password(config.password.expose());
        }
        let (sender, rows) = tap::channel();
        let tls = way.tls()?;
        let connect = async {
            Ok(match tls {
                Some(connect) => {
                    let tapped = Tapped { connect, rows: sender };
                    let (client, connection) = options.connect_raw(socket, tapped).await?;
                    (client, tokio::spawn(watched(connection)).abort_handle())
                }
                None => {
                    let tap = Tap::new(socket, sender);
                    let (client, connection) = options.connect_raw(tap, NoTls).await?;
                    (client, tokio::spawn(watched(connection)).abort_handle())
                }
            })
        };
        let (client, connection) = timeout(PATIENCE, connect)
            .await
            .map_err(|_| {
                late(fault::unheard(config), "Something listens there, but is it a PostgreSQL server?")
            })?
            .map_err(|error| fault::connect(config, error))?;
        let token = client.cancel_token();
        let backend = Backend { process: String::new(), server: String::new() };
        let runtime = Handle::current();
        let mut session = Session {
            client: Arc::new(client),
            rows,
            shared: Arc::downgrade(&self.shared),
            permit: None,
            token,
            way,
            connection,
            runtime,
            backend,
            version: 0,
            statements: Mutex::default(),
            resting: false,
        };
        let said = timeout(PATIENCE, session.client.simple_query(SESSION))
            .await
            .map_err(|_| late(Step::Session, "Try again"))?
            .map_err(|error| fault::query("setting up the session", error).or_at(Step::Session))?;
        match version(&said) {
            Some(version) if version < OLDEST_VERSION => Err(SourceError::new(
                SourceErrorKind::Invalid,
                format!(
                    "Version: {} is a PostgreSQL {}; Forebay reads version {} and newer",
                    config.host,
                    version / 10_000,
                    OLDEST_VERSION / 10_000
                ),
            )
            .or_at(Step::Session)),
            found => {
                session.version = found.unwrap_or(OLDEST_VERSION);
                session.backend = serving(&said);
                Ok(session)
            }
        }
    }
}

/// What the answers to [`SESSION`] say of the process at the other end.
fn serving(said: &[SimpleQueryMessage]) -> Backend {
    let rows: Vec<_> = said
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .collect();
    let value = |row: Option<&&tokio_postgres::SimpleQueryRow>, column: usize| {
        row.and_then(|row| row.get(column)).unwrap_or_default().to_owned()
    };
    // The start is asked for last, in the session's own time zone.
    Backend { process: value(rows.first(), 1), server: value(rows.last(), 0) }
}

/// The version's number in the first answer to [`SESSION`].
fn version(said: &[SimpleQueryMessage]) -> Option<u32> {
    said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    })
}

/// Moves bytes until the connection ends.
async fn watched<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a PostgreSQL connection ended");
    }
}
