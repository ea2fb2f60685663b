//! Data connections: made and changed by our own API, listed as `DataSourceTransport` too.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use forebay_core::connection::{
    ConnectionConfig, DataConnection, FilesConfig, HashAlgorithm, PostgresqlConfig, SqliteConfig, SslMode,
};
use forebay_core::error::{Error, Result};
use forebay_core::name::Name;
use forebay_core::pool::connection_schema;
use forebay_core::secret::Secret;
use forebay_engine::{Engine, NewConnection};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::body::Body;
use super::problem::Reply;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionBody {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    configuration: Option<Configuration>,
    anonymization_algorithm: Option<HashAlgorithm>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    user: Option<String>,
    password: Option<String>,
    ssl_mode: Option<SslMode>,
    path: Option<String>,
}

fn needed(field: &str, text: Option<String>) -> Result<String> {
    match text {
        Some(text) if text.contains('\0') => Err(Error::invalid(field, "must not have a NUL character")),
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Error::invalid(field, "is missing")),
    }
}

impl ConnectionBody {
    /// `kept` gives what an update leaves out; a password is kept only for the same host, port and
    /// user, so that nobody can send it somewhere else.
    fn into_new(self, kept: Option<&DataConnection>) -> Result<NewConnection> {
        let name = self.name.or_else(|| kept.map(|kept| kept.name.to_string()));
        let kind = self.kind.or_else(|| kept.map(|kept| kept.config.type_name().to_owned()));
        let algorithm = self
            .anonymization_algorithm
            .or(kept.map(|kept| kept.pseudonymisation.algorithm))
            .unwrap_or(HashAlgorithm::Sha256);
        let given = self.configuration.unwrap_or_default();
        let config = match kind.as_deref() {
            Some("POSTGRESQL") => {
                let old = match kept.map(|kept| &kept.config) {
                    Some(ConnectionConfig::Postgresql(old)) => Some(old),
                    _ => None,
                };
                let host = needed("configuration.host", given.host.or(old.map(|old| old.host.clone())))?;
                let port = given.port.or(old.map(|old| old.port)).unwrap_or(5432);
                let user = needed("configuration.user", given.user.or(old.map(|old| old.user.clone())))?;
                let password = match (given.password, old) {
                    (Some(password), _) => Secret::new(password),
                    (None, Some(old)) if old.host == host && old.port == port && old.user == user => {
                        old.password.clone()
                    }
                    (None, Some(_)) => {
                        let reason = "must be given again when the host, the port or the user changes";
                        return Err(Error::invalid("configuration.password", reason));
                    }
                    (None, None) => Secret::default(),
                };
                let database = given.database.or(old.map(|old| old.database.clone()));
                ConnectionConfig::Postgresql(PostgresqlConfig {
                    host,
                    port,
                    database: needed("configuration.database", database)?,
                    user,
                    password,
                    ssl_mode: given.ssl_mode.or(old.map(|old| old.ssl_mode)).unwrap_or(SslMode::Disable),
                })
            }
            Some("SQLITE") => ConnectionConfig::Sqlite(SqliteConfig {
                path: needed("configuration.path", given.path)?.into(),
            }),
            Some("FILES") => ConnectionConfig::Files(FilesConfig {
                path: needed("configuration.path", given.path)?.into(),
            }),
            _ => return Err(Error::invalid("type", "must be POSTGRESQL, SQLITE or FILES")),
        };
        Ok(NewConnection { name: Name::parse("name", &needed("name", name)?)?, config, algorithm })
    }
}

/// Our own view: everything but the secrets.
fn view(connection: &DataConnection) -> Value {
    let configuration = match &connection.config {
        ConnectionConfig::Postgresql(config) => json!({
            "host": config.host, "port": config.port, "database": config.database,
            "user": config.user, "sslMode": config.ssl_mode,
        }),
        ConnectionConfig::Sqlite(config) => json!({"path": config.path}),
        ConnectionConfig::Files(config) => json!({"path": config.path}),
    };
    json!({
        "id": connection.id, "poolId": connection.pool_id, "name": connection.name,
        "type": connection.config.type_name(), "configuration": configuration,
        "anonymizationAlgorithm": connection.pseudonymisation.algorithm,
        "schemaName": connection_schema(connection.pool_id, connection.id),
        "createdAt": connection.created_at,
    })
}

fn transport(connection: &DataConnection) -> Value {
    json!({
        "id": connection.id, "name": connection.name, "poolId": connection.pool_id,
        "type": connection.config.type_name(), "metadata": null, "uplinkId": null, "connected": true,
        "locked": false, "useUplink": false, "internalSystemSelected": false, "configuration": [],
        "targetSchemaName": connection_schema(connection.pool_id, connection.id), "exported": false,
        "exportAvailable": false, "anonymizationAlgorithm": connection.pseudonymisation.algorithm,
        "normalizedName": connection.name, "imported": false, "parameterName": connection.name,
        "configured": true,
    })
}

pub(crate) async fn create(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
    Body(body): Body<ConnectionBody>,
) -> Reply<(StatusCode, Json<Value>)> {
    let new = body.into_new(None)?;
    let connection = engine.create_data_connection(&caller, pool.parse()?, new).await?;
    Ok((StatusCode::CREATED, Json(view(&connection))))
}

pub(crate) async fn show(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    Ok(Json(view(&engine.data_connection(&caller, pool.parse()?, id.parse()?).await?)))
}

pub(crate) async fn update(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
    Body(body): Body<ConnectionBody>,
) -> Reply<Json<Value>> {
    let (pool, id) = (pool.parse()?, id.parse()?);
    let kept = engine.data_connection(&caller, pool, id).await?;
    let connection = engine.update_data_connection(&caller, pool, id, body.into_new(Some(&kept))?).await?;
    Ok(Json(view(&connection)))
}

pub(crate) async fn delete(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
) -> Reply<StatusCode> {
    engine.delete_data_connection(&caller, pool.parse()?, id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn test(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    match engine.check_data_connection(&caller, pool.parse()?, id.parse()?).await {
        Ok(()) => Ok(Json(json!({"successful": true, "message": null}))),
        // That the source refuses is the answer, not a failure of the request.
        Err(Error::Refused { message }) => Ok(Json(json!({"successful": false, "message": message}))),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn list_data_sources(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
) -> Reply<Json<Value>> {
    Ok(Json(engine.data_connections(&caller, pool.parse()?).await?.iter().map(transport).collect()))
}

pub(crate) async fn data_source(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    Ok(Json(transport(&engine.data_connection(&caller, pool.parse()?, id.parse()?).await?)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Search {
    search_string: Option<String>,
}

/// Case-insensitive; `%` stands for any text. Without it the text may be anywhere in the name.
fn matches(pattern: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let pattern = pattern.to_lowercase();
    if !pattern.contains('%') {
        return name.contains(&pattern);
    }
    let mut parts = pattern.split('%');
    let mut rest = match name.strip_prefix(parts.next().unwrap_or_default()) {
        Some(rest) => rest,
        None => return false,
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

pub(crate) async fn search_tables(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
    Query(search): Query<Search>,
) -> Reply<Json<Value>> {
    let tables = match engine.discover(&caller, pool.parse()?, id.parse()?).await {
        Ok(tables) => tables,
        Err(Error::Refused { message }) => {
            let body = json!({"availableTables": [], "lookupSuccessful": false, "message": message});
            return Ok(Json(body));
        }
        Err(error) => return Err(error.into()),
    };
    let pattern = search.search_string.unwrap_or_default();
    let found: Vec<Value> = tables
        .iter()
        .filter(|table| matches(&pattern, table.table.name.as_str()))
        .map(|table| {
            json!({"dataSourceId": id, "name": table.table.name, "alias": null, "schema": table.table.schema})
        })
        .collect();
    Ok(Json(json!({
        "availableTables": found, "lookupSuccessful": true, "message": null, "translatedConnectorMessage": null,
    })))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_percent_sign_stands_for_any_text() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        };
        check("", "EKKO", true);
        check("ekk", "EKKO", true);
        check("KKO", "EKKO", true);
        check("E%O", "EKKO", true);
        check("E%K", "EKKO", false);
        check("%KK%", "EKKO", true);
        check("KK%", "EKKO", false);
    }
}
