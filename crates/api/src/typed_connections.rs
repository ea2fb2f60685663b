//! One data connection as an object whose every property can be read and written by a command line that knows no
//! types: what it writes comes as text, and the whole object comes back with it.

use axum::Json;
use axum::extract::State;
use forebay_core::connection::{ConnectionConfig, Credentials, DataConnection};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::pool::connection_schema;
use forebay_engine::Engine;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::auth::Auth;
use super::body::Body;
use super::connections::{ConfigurationRequest, ConfigurationView, ConnectionRequest, Unsaid};
use super::path::{ConnectionTypeName, Path};
use super::problem::Reply;
use super::words::{AnonymizationAlgorithm, SslMode, parse};

const TAG: &str = "Data connections";

/// Stands for a password that is there. Sent back, it means that the password stays.
const MASK: &str = "********";

/// A data connection with its settings.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypedConnection {
    #[schema(value_type = Uuid)]
    id: DataConnectionId,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    anonymization_algorithm: AnonymizationAlgorithm,
    /// Where its tables land in the pool.
    target_schema_name: String,
    /// False while its password is missing.
    configured: bool,
    configuration: TypedConfiguration,
}

/// The settings.
#[derive(Serialize, ToSchema)]
struct TypedConfiguration {
    #[serde(flatten)]
    settings: ConfigurationView,
    /// A mask, or null while it is missing.
    #[serde(flatten)]
    secrets: Option<TypedSecrets>,
}

/// What is never shown.
#[derive(Serialize, ToSchema)]
struct TypedSecrets {
    password: Option<&'static str>,
}

impl From<&DataConnection> for TypedConnection {
    fn from(connection: &DataConnection) -> Self {
        let is_configured = connection.credentials == Credentials::Given;
        let secrets = match connection.config {
            ConnectionConfig::Postgresql(_) | ConnectionConfig::Mysql(_) => {
                Some(TypedSecrets { password: is_configured.then_some(MASK) })
            }
            ConnectionConfig::Sqlite(_) | ConnectionConfig::Files(_) => None,
        };
        Self {
            id: connection.id,
            pool_id: connection.pool_id,
            name: connection.name.to_string(),
            kind: connection.config.type_name(),
            anonymization_algorithm: connection.pseudonymisation.algorithm.into(),
            target_schema_name: connection_schema(connection.pool_id, connection.id).to_string(),
            configured: is_configured,
            configuration: TypedConfiguration {
                settings: ConfigurationView::from(&connection.config),
                secrets,
            },
        }
    }
}

/// A data connection as a client has read it, with what it changes. Every value may come as a text.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypedConnectionRequest {
    /// As it was read, as the next two and the last two are.
    id: Option<Leaf>,
    pool_id: Option<Leaf>,
    #[serde(rename = "type")]
    kind: Option<Leaf>,
    /// 1 to 100 characters.
    name: Option<Leaf>,
    anonymization_algorithm: Option<Leaf>,
    configuration: Option<TypedConfigurationRequest>,
    target_schema_name: Option<Leaf>,
    configured: Option<Leaf>,
}

/// The settings; null leaves one as it is.
#[derive(Deserialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypedConfigurationRequest {
    host: Option<Leaf>,
    port: Option<Leaf>,
    database: Option<Leaf>,
    user: Option<Leaf>,
    /// The mask leaves it. It is taken away when the host, the port or the user changes without it.
    password: Option<Leaf>,
    ssl_mode: Option<Leaf>,
    path: Option<Leaf>,
}

/// A text, or a number or switch as text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leaf(String);

impl PartialSchema for Leaf {
    fn schema() -> RefOr<Schema> {
        let types = SchemaType::from_iter([Type::String, Type::Number, Type::Boolean]);
        let meaning = "A text, or a number or switch, which is read as the text that it is written as.";
        ObjectBuilder::new().schema_type(types).description(Some(meaning)).build().into()
    }
}

impl ToSchema for Leaf {}

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Leaf;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a text, a number or a switch")
            }

            fn visit_str<E>(self, text: &str) -> Result<Leaf, E> {
                Ok(Leaf(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Leaf, E> {
                Ok(Leaf(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Leaf, E> {
                Ok(Leaf(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Leaf, E> {
                Ok(Leaf(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Leaf, E> {
                Ok(Leaf(value.to_string()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl TypedConnectionRequest {
    fn into_request(self, kept: &DataConnection) -> Result<ConnectionRequest> {
        let shown = TypedConnection::from(kept);
        for (field, said, is) in [
            ("id", &self.id, shown.id.to_string()),
            ("poolId", &self.pool_id, shown.pool_id.to_string()),
            ("type", &self.kind, shown.kind.to_owned()),
            ("targetSchemaName", &self.target_schema_name, shown.target_schema_name),
            ("configured", &self.configured, shown.configured.to_string()),
        ] {
            if said.as_ref().is_some_and(|Leaf(said)| *said != is) {
                return Err(Error::invalid(field, format!("cannot be changed; it is `{is}`")));
            }
        }
        let said = self.configuration.unwrap_or_default();
        let text = |leaf: Option<Leaf>| leaf.map(|Leaf(text)| text);
        Ok(ConnectionRequest {
            id: None,
            name: text(self.name),
            kind: None,
            configuration: Some(ConfigurationRequest {
                host: text(said.host),
                port: said.port.map(port).transpose()?,
                database: text(said.database),
                user: text(said.user),
                password: text(said.password).filter(|password| password != MASK),
                ssl_mode: text(said.ssl_mode)
                    .map(|text| parse::<SslMode>("configuration.sslMode", &text))
                    .transpose()?,
                path: text(said.path),
            }),
            anonymization_algorithm: text(self.anonymization_algorithm)
                .map(|text| parse::<AnonymizationAlgorithm>("anonymizationAlgorithm", &text))
                .transpose()?,
        })
    }
}

fn port(Leaf(text): Leaf) -> Result<u16> {
    let reason = || format!("must be a whole number from 0 to 65535, not `{text}`");
    text.parse().map_err(|_| Error::invalid("configuration.port", reason()))
}

/// The connection, when it is of the type that the path names.
fn of_type(connection: DataConnection, name: &ConnectionTypeName) -> Result<DataConnection> {
    match connection.config.type_name() == name.0 {
        true => Ok(connection),
        false => Err(Error::not_found(Kind::DataConnection, connection.id)),
    }
}

/// A data connection with its settings; passwords are masked.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = TypedConnection)))]
pub(crate) async fn typed_connection(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((name, id)): Path<(ConnectionTypeName, DataConnectionId)>,
) -> Reply<Json<TypedConnection>> {
    let connection = of_type(engine.find_data_connection(&caller, id).await?, &name)?;
    Ok(Json(TypedConnection::from(&connection)))
}

/// Changes a data connection. A password is never sent to another host, port or user: when one of these changes and
/// the password does not come along, the connection has none until it is set.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = TypedConnectionRequest,
    responses((status = 200, body = TypedConnection))
)]
pub(crate) async fn update_typed_connection(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((name, id)): Path<(ConnectionTypeName, DataConnectionId)>,
    Body(body): Body<TypedConnectionRequest>,
) -> Reply<Json<TypedConnection>> {
    let kept = of_type(engine.find_data_connection(&caller, id).await?, &name)?;
    let new = body.into_request(&kept)?.into_new(Some(&kept), Unsaid::Missing)?;
    let changed = engine.update_data_connection(&caller, kept.pool_id, id, new).await?;
    Ok(Json(TypedConnection::from(&changed)))
}
