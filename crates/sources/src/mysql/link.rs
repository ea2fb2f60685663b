//! The way to one server: how a connection is made, and how a statement on it is ended.

use std::sync::{Arc, Mutex, PoisonError};

use forebay_core::check::Step;
use forebay_core::connection::MysqlConfig;
use forebay_core::source::{SourceError, SourceErrorKind};
use tokio::time::timeout;

use super::login;
use super::session::Session;
use crate::socket::{self, PATIENCE};
use crate::tls;

/// Values are written so that they read back as they were, conditions mean what they mean by default, and no
/// limit of the server ends or shortens a long read. A wait for a table that somebody changes has an end. What
/// only one of the two systems knows is in a comment that the other one skips.
const SESSION: &str = "SET NAMES utf8mb4, SESSION time_zone = '+00:00', sql_mode = '', sql_auto_is_null = 0, \
    sql_select_limit = DEFAULT, sql_big_selects = 1, lock_wait_timeout = 600, net_write_timeout = 28800, \
    net_read_timeout = 600, wait_timeout = 604800, autocommit = 1 \
    /*M!100300 , max_statement_time = 0, idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0 */ \
    /*!50708 , max_execution_time = 0 */ /*!80003 , information_schema_stats_expiry = 0 */";

const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";

/// The way to one server.
#[derive(Clone)]
pub(super) struct Link {
    config: Arc<MysqlConfig>,
}

impl Link {
    pub(super) fn new(config: MysqlConfig) -> Self {
        Self { config: Arc::new(config) }
    }

    pub(super) fn config(&self) -> &MysqlConfig {
        &self.config
    }

    /// Opens a connection with our session settings.
    pub(super) async fn session(&self) -> Result<Session, SourceError> {
        let mut session = self.connected().await?;
        for settings in [SESSION, ISOLATION] {
            timeout(PATIENCE, session.run("setting up the session", settings))
                .await
                .map_err(|_| self.late(Step::Session, "Try again"))?
                .map_err(|error| error.or_at(Step::Session))?;
        }
        Ok(session)
    }

    /// Ends the statement that a session's thread is at; the session goes on.
    pub(super) async fn end_statement(&self, thread: u32) -> Result<(), SourceError> {
        let mut session = self.connected().await?;
        let sql = format!("KILL QUERY {thread}");
        timeout(PATIENCE, session.run("ending a statement", &sql)).await.map_err(|_| {
            let silence = socket::silence(&self.config.host, self.config.port, "Try again");
            SourceError::new(SourceErrorKind::Unreachable, format!("Ending a statement: {silence}"))
        })?
    }

    async fn connected(&self) -> Result<Session, SourceError> {
        let config = &*self.config;
        if config.user.contains('\0') || config.database.contains('\0') {
            let text = "user and database must not have a zero character";
            return Err(SourceError::at(Step::Login, SourceErrorKind::Invalid, text));
        }
        let socket = socket::connect(&config.host, config.port).await?;
        let tls = tls::client(config.ssl_mode)?.map(Arc::new);
        let under_way = Mutex::new(Step::Login);
        let logged_in =
            timeout(PATIENCE, login::log_in(config, tls, socket, &under_way)).await.map_err(|_| {
                let step = *under_way.lock().unwrap_or_else(PoisonError::into_inner);
                self.late(step, "Something listens there, but is it a MySQL or MariaDB server?")
            })??;
        Ok(Session::new(self.clone(), logged_in))
    }

    fn late(&self, step: Step, remedy: &str) -> SourceError {
        socket::late(step, &self.config.host, self.config.port, remedy)
    }
}
