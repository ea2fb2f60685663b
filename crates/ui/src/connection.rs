//! Data connections: made, changed, tested, and what the system behind one offers.

mod steps;
mod tables;
mod uses;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::connection::{ConnectionConfig, DataConnection, SslMode};
use forebay_core::error::Error;
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::pool::DataPool;
use forebay_engine::{Engine, NewConnection};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::tables::tables;

use self::steps::StepRow;
use self::uses::Uses;
use super::form::{Filled, Nothing};
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use super::words::number;
use forebay_api::Problem;
use forebay_api::{ConnectionRequest, Unsaid};

/// The systems, with the words of the API and of people.
const KINDS: [(&str, &str); 4] = [
    ("POSTGRESQL", "PostgreSQL"),
    ("MYSQL", "MySQL or MariaDB"),
    ("SQLITE", "SQLite"),
    ("FILES", "CSV and Parquet files"),
];
const SSL_MODES: [&str; 3] = ["disable", "require", "verify-full"];

#[derive(Template)]
#[template(path = "connection.html")]
struct ConnectionPage {
    frame: Frame,
    pool: DataPool,
    /// `None` for one that is to be made.
    id: Option<DataConnectionId>,
    kinds: [(&'static str, &'static str); 4],
    ssl_modes: [&'static str; 3],
    fields: ConnectionForm,
    /// What a test said, and how far it came.
    told: Option<String>,
    steps: Vec<StepRow>,
    /// Why the test came no further.
    failure: Option<String>,
    /// Of one that is there.
    uses: Option<Uses>,
    base: String,
    fault: Option<String>,
}

/// The fields as they are typed. An empty one says nothing.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ConnectionForm {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    host: String,
    port: String,
    database: String,
    user: String,
    password: String,
    ssl_mode: String,
    path: String,
}

impl ConnectionForm {
    fn of(connection: &DataConnection) -> Self {
        let database = |host: &str, port: u16, database: &str, user: &str, ssl_mode: SslMode| Self {
            host: host.to_owned(),
            port: port.to_string(),
            database: database.to_owned(),
            user: user.to_owned(),
            ssl_mode: ssl_mode_name(ssl_mode).to_owned(),
            ..Self::default()
        };
        let fields = match &connection.config {
            ConnectionConfig::Postgresql(config) => {
                database(&config.host, config.port, &config.database, &config.user, config.ssl_mode)
            }
            ConnectionConfig::Mysql(config) => {
                database(&config.host, config.port, &config.database, &config.user, config.ssl_mode)
            }
            ConnectionConfig::Sqlite(config) => {
                Self { path: config.path.to_string_lossy().into_owned(), ..Self::default() }
            }
            ConnectionConfig::Files(config) => {
                Self { path: config.path.to_string_lossy().into_owned(), ..Self::default() }
            }
        };
        let (name, kind) = (connection.name.to_string(), connection.config.type_name().to_owned());
        Self { name, kind, ..fields }
    }

    fn is_database(&self) -> bool {
        self.kind == "POSTGRESQL" || self.kind == "MYSQL"
    }

    /// What the API would be sent.
    fn into_new(self, kept: Option<&DataConnection>) -> Result<NewConnection, Error> {
        let said = |text: String| (!text.trim().is_empty()).then_some(text);
        let port = match said(self.port) {
            Some(port) => Some(
                port.trim()
                    .parse::<u16>()
                    .map_err(|_| Error::invalid("port", "must be a number from 1 to 65535"))?,
            ),
            None => None,
        };
        let configuration = json!({
            "host": said(self.host), "port": port, "database": said(self.database), "user": said(self.user),
            "password": said(self.password), "sslMode": said(self.ssl_mode), "path": said(self.path),
        });
        let kind = said(self.kind);
        let body: Value = json!({"name": self.name, "type": kind, "configuration": configuration});
        let request: ConnectionRequest =
            serde_json::from_value(body).map_err(|error| Error::invalid("form", error.to_string()))?;
        request.into_new(kept, Unsaid::NoneOrRefused)
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "type")]
    kind: Option<String>,
}

pub(super) async fn new_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let known = KINDS.iter().find(|(kind, _)| asked.kind.as_deref() == Some(kind)).unwrap_or(&KINDS[0]);
    let fields = ConnectionForm { kind: known.0.to_owned(), ..ConnectionForm::default() };
    View::new(fields).shown(&engine, &signed_in, pool).await
}

pub(super) async fn create(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Filled(form): Filled<ConnectionForm>,
) -> Shown {
    let made = async {
        let new = form.clone().into_new(None)?;
        engine.create_data_connection(&signed_in.caller, pool, new).await
    };
    match made.await {
        Ok(connection) => Ok(Redirect::to(&place(pool, connection.id)).into_response()),
        Err(fault) => {
            View { fault: Some(fault.into()), ..View::new(form) }.shown(&engine, &signed_in, pool).await
        }
    }
}

pub(super) async fn connection(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, DataConnectionId)>,
) -> Shown {
    let connection = engine.data_connection(&signed_in.caller, pool, id).await?;
    View::of(&connection).shown(&engine, &signed_in, pool).await
}

pub(super) async fn update(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, DataConnectionId)>,
    Filled(form): Filled<ConnectionForm>,
) -> Shown {
    let kept = engine.data_connection(&signed_in.caller, pool, id).await?;
    let changed = async {
        let new = form.clone().into_new(Some(&kept))?;
        engine.update_data_connection(&signed_in.caller, pool, id, new).await
    };
    match changed.await {
        Ok(_) => Ok(Redirect::to(&place(pool, id)).into_response()),
        Err(fault) => {
            let view = View { id: Some(id), fault: Some(fault.into()), ..View::new(form) };
            view.shown(&engine, &signed_in, pool).await
        }
    }
}

/// Connects, and shows step by step how far that came.
pub(super) async fn test(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, DataConnectionId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let caller = &signed_in.caller;
    let connection = engine.data_connection(caller, pool, id).await?;
    let mut view = View::of(&connection);
    match engine.test_data_connection(caller, pool, id).await {
        Ok((check, tables)) => {
            view.steps = steps::rows(&check);
            view.told = check.is_passed().then(|| works(tables.len()));
            view.failure = check.failure;
        }
        Err(fault) => view.fault = Some(fault.into()),
    }
    view.shown(&engine, &signed_in, pool).await
}

pub(super) async fn delete(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, DataConnectionId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    match engine.delete_data_connection(&signed_in.caller, pool, id).await {
        Ok(()) => Ok(Redirect::to(&format!("{}/{pool}", super::HOME)).into_response()),
        Err(fault) => {
            let connection = engine.data_connection(&signed_in.caller, pool, id).await?;
            let view = View { fault: Some(fault.into()), ..View::of(&connection) };
            view.shown(&engine, &signed_in, pool).await
        }
    }
}

fn works(tables: usize) -> String {
    match tables {
        0 => {
            "It works, and no table is offered: let the user read those that are to be extracted.".to_owned()
        }
        1 => "It works: one table is offered.".to_owned(),
        _ => format!("It works: {} tables are offered.", number(tables as u64)),
    }
}

const fn ssl_mode_name(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Disable => SSL_MODES[0],
        SslMode::Require => SSL_MODES[1],
        SslMode::VerifyFull => SSL_MODES[2],
    }
}

fn place(pool: DataPoolId, connection: DataConnectionId) -> String {
    format!("{}/{pool}/data-connections/{connection}", super::HOME)
}

/// What the page shows beside the pool.
#[derive(Default)]
struct View {
    id: Option<DataConnectionId>,
    fields: ConnectionForm,
    told: Option<String>,
    steps: Vec<StepRow>,
    failure: Option<String>,
    fault: Option<Problem>,
}

impl View {
    fn new(fields: ConnectionForm) -> Self {
        // A password is not sent back.
        Self { fields: ConnectionForm { password: String::new(), ..fields }, ..Self::default() }
    }

    fn of(connection: &DataConnection) -> Self {
        Self { id: Some(connection.id), ..Self::new(ConnectionForm::of(connection)) }
    }

    async fn shown(
        self,
        engine: &Engine,
        signed_in: &SignedIn,
        pool: DataPoolId,
    ) -> Result<Response, Failed> {
        let Self { id, fields, told, steps, failure, fault } = self;
        let status = page::status_for(fault.as_ref());
        let uses = match id {
            Some(id) => {
                let uses = engine.data_connection_uses(&signed_in.caller, pool, id).await?;
                Some(Uses::new(pool, &uses))
            }
            None => None,
        };
        let page = ConnectionPage {
            frame: Frame::of(signed_in),
            pool: engine.data_pool(&signed_in.caller, pool).await?,
            id,
            kinds: KINDS,
            ssl_modes: SSL_MODES,
            fields,
            told,
            steps,
            failure,
            uses,
            base: signed_in.browser.visit.base.clone(),
            fault: fault.as_ref().map(Problem::detail),
        };
        Ok(page::shown(&page, status, &signed_in.browser))
    }
}
