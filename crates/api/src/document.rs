//! The OpenAPI document, made of the routes themselves: [`at`] places handlers at a path and says
//! who may call them, for the router and for the document at once.

use axum::http::Method;
use axum::middleware::from_fn;
use forebay_engine::{BackupName, Engine, Recording};
use utoipa::openapi::path::{ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, Content, Deprecated, Info, License, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Required,
    Response, ResponseBuilder, path::Operation,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::auth;
use super::problem::{ContractError, Family, ProblemDetails, Unauthorized};
use crate::trail::{self, Call};

/// Names, on every operation of the document, what its caller needs.
const PERMISSION: &str = "x-forebay-permission";
/// Says of an operation that changes something by its method how it is in the audit log, unless it is there as all are.
const AUDIT: &str = "x-forebay-audit";
/// It is not there.
const UNAUDITED: &str = "none";
/// It is there a moment after the answer.
const UNAWAITED: &str = "soon";
/// What the wire contract answers when nobody we know is asking, as schema and as response.
const UNAUTHORIZED: &str = "Unauthorized";

/// What the caller of a route needs. The engine decides; this says what it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing, not even a key.
    Public,
    /// What OAuth says for each of its endpoints: a client's secret, a code, a user's key in a form.
    Oauth,
    /// A key; the answer shows what the caller may see.
    Authenticated,
    /// View, on the data pool.
    View,
    /// Edit, on the data pool; view too, to be shown what there is.
    Edit,
    /// Manage, on the data pool.
    Manage,
    /// View and manage, or execute, on the data pool.
    Execute,
    /// View or execute, on the data pool.
    Watch,
    /// Data push or edit, on the data pool.
    DataPush,
    /// Continuous data push or edit, on the data pool.
    ContinuousDataPush,
    /// View or use all data models, on the data pool.
    Export,
    /// Metrics, on the service.
    Metrics,
    /// The administrator's role.
    Administrator,
}

impl Needs {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Oauth => "oauth",
            Self::Authenticated => "authenticated",
            Self::View => "view",
            Self::Edit => "edit",
            Self::Manage => "manage",
            Self::Execute => "execute",
            Self::Watch => "watch",
            Self::DataPush => "data-push",
            Self::ContinuousDataPush => "continuous-data-push",
            Self::Export => "export",
            Self::Metrics => "metrics",
            Self::Administrator => "administrator",
        }
    }
}

/// Places handlers, each with the path "", at a path. Only public ones and those of OAuth are reached without a
/// key.
pub(crate) fn at(
    path: &str,
    needs: Needs,
    (schemas, mut paths, handlers): UtoipaMethodRouter<Engine>,
) -> UtoipaMethodRouter<Engine> {
    let mut item = paths.paths.remove("").expect("handlers are placed here and not at their own path");
    for operation in operations(&mut item) {
        let parameters = operation.parameters.get_or_insert_default();
        for (place, name) in variables(path).enumerate() {
            parameters.insert(place, RefOr::T(path_parameter(name)));
        }
        if parameters.is_empty() {
            operation.parameters = None;
        }
        operation.extensions.get_or_insert_default().insert(PERMISSION.to_owned(), needs.as_str().into());
        if matches!(needs, Needs::Public | Needs::Oauth) {
            operation.security = Some(Vec::new());
        }
    }
    let calls = calls(&item);
    let mut placed = Paths::new();
    placed.paths.insert(path.to_owned(), item);
    let handlers = match needs {
        Needs::Public | Needs::Oauth => handlers.layer(from_fn(auth::public)),
        Needs::Authenticated
        | Needs::View
        | Needs::Edit
        | Needs::Manage
        | Needs::Execute
        | Needs::Watch
        | Needs::Export
        | Needs::DataPush
        | Needs::ContinuousDataPush
        | Needs::Metrics
        | Needs::Administrator => handlers.layer(from_fn(auth::required)),
    };
    (schemas, placed, trail::named(handlers, calls))
}

/// Handlers that change nothing although their method says so, or that take one of many parts of something: they are
/// not in the audit log. All others that are no GET are.
pub(crate) fn unaudited(routes: UtoipaMethodRouter<Engine>) -> UtoipaMethodRouter<Engine> {
    marked(routes, UNAUDITED)
}

/// Handlers whose answers do not wait until the audit log has their entry on the disk: what starts executions.
pub(crate) fn unawaited(routes: UtoipaMethodRouter<Engine>) -> UtoipaMethodRouter<Engine> {
    marked(routes, UNAWAITED)
}

fn marked(
    (schemas, mut paths, handlers): UtoipaMethodRouter<Engine>,
    mark: &str,
) -> UtoipaMethodRouter<Engine> {
    for operation in paths.paths.values_mut().flat_map(operations) {
        operation.extensions.get_or_insert_default().insert(AUDIT.to_owned(), mark.into());
    }
    (schemas, paths, handlers)
}

/// The calls of a route that change something, for the audit log.
fn calls(item: &PathItem) -> Vec<Call> {
    let calls = [(Method::POST, &item.post), (Method::PUT, &item.put), (Method::DELETE, &item.delete)];
    let call = |(method, operation): (Method, &Option<Operation>)| {
        let operation = operation.as_ref()?;
        let mark = operation.extensions.as_ref().and_then(|extensions| extensions.get(AUDIT));
        let recording = match mark {
            Some(mark) if mark == UNAUDITED => Recording::None,
            Some(_) => Recording::Soon,
            None => Recording::Confirmed,
        };
        Some(Call { method, operation: operation.operation_id.clone()?, recording })
    };
    calls.into_iter().filter_map(call).collect()
}

/// Places handlers at a second path, which older clients use.
pub(crate) fn alias(
    path: &str,
    needs: Needs,
    (schemas, mut paths, handlers): UtoipaMethodRouter<Engine>,
) -> UtoipaMethodRouter<Engine> {
    for operation in paths.paths.values_mut().flat_map(operations) {
        // Each operation of the document has a name of its own.
        operation.operation_id = operation.operation_id.take().map(|id| format!("{id}_alias"));
        operation.deprecated = Some(Deprecated::True);
    }
    at(path, needs, (schemas, paths, handlers))
}

/// Places one handler at a second path, where the document calls it otherwise.
pub(crate) fn again(
    path: &str,
    needs: Needs,
    name: &str,
    (schemas, mut paths, handlers): UtoipaMethodRouter<Engine>,
) -> UtoipaMethodRouter<Engine> {
    for operation in paths.paths.values_mut().flat_map(operations) {
        operation.operation_id = Some(name.to_owned());
    }
    at(path, needs, (schemas, paths, handlers))
}

/// The names in braces.
fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str) -> utoipa::openapi::path::Parameter {
    let description = match name {
        "poolId" => "The data pool.",
        "connectionId" => "The data connection.",
        "jobId" => "The data job.",
        "taskId" => "The task: its own id, or where tables and statements are meant its template's too.",
        "tableId" => "The table of the extraction.",
        "variableId" => "The parameter.",
        "executionId" => "The execution.",
        "dataModelId" => "The data model.",
        "modelTableId" => "The table of the data model.",
        "foreignKeyId" => "The relation of the data model.",
        "processConfigurationId" => "The process configuration of the data model.",
        "exportId" => "The data export.",
        "chunkId" => "The number of the file, from 0 on.",
        "scheduleId" => "The schedule.",
        "keyId" => "The key.",
        "userId" => "The user.",
        "applicationId" => "The application.",
        "groupId" => "The group.",
        "clientId" => "The OAuth client.",
        "type" => "The connection's type, as it is written in the connection.",
        "replicationId" => "The replication.",
        "pushJobId" => "The data push.",
        "backupName" => "The backup's name.",
        "secretId" => "The secret of the client.",
        "consentId" => "What was allowed.",
        "signingKeyId" => "The key.",
        _ => "An id.",
    };
    let text = ObjectBuilder::new().schema_type(Type::String);
    let schema = match name {
        // Some clients have names.
        "chunkId" | "clientId" | "type" => text,
        "backupName" => text.pattern(Some(BackupName::PATTERN)),
        _ => text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))),
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
}

/// What stands in the document before any route is added.
pub(crate) fn outline() -> OpenApi {
    let mut info = Info::new("Forebay", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Data integration: pools, connections, jobs and their executions. The calls below /integration/api \
         and /api are the wire contract of Celonis Data Integration; those below /forebay/api/v1 are \
         Forebay's own. Times are milliseconds since 1970-01-01T00:00:00Z. Paths are served with and \
         without a slash at the end. Every operation names what its caller needs in x-forebay-permission: \
         public, authenticated, administrator, metrics (granted for all pools), oauth (what OAuth says for the \
         endpoint), or a permission on the data pool: view, edit (with view), \
         manage, watch (view or execute), execute (view and manage, or execute), data-push (data push, or edit), \
         continuous-data-push (continuous data push, or edit). What is no GET is in the audit log, unless it says \
         none in x-forebay-audit; where that says soon, the entry is there a moment after the answer."
            .to_owned(),
    );
    info.license = Some(License::new("Apache-2.0"));
    let tags = [
        ("Connect", "Where a client is and who it is."),
        ("Data pools", "What holds connections, jobs, tables and models together."),
        ("Data connections", "How to reach other people's systems."),
        ("Data jobs", "Tasks in order."),
        ("Tasks", "Extractions, transformations and data model loads of a job."),
        ("Extraction tables", "What an extraction reads from each table."),
        ("Parameters", "What placeholders in SQL and filters stand for."),
        ("Schedules", "When data jobs run by themselves."),
        ("Executions", "Start, watch and cancel runs of a job."),
        ("Logs", "What executions did, as the wire contract tells it."),
        ("Tables", "The tables of a pool, and SQL on them."),
        ("Data push", "Files that a client sends to a table."),
        ("Stream upload", "Files that a client sends to a table again and again."),
        ("Data models", "Tables published together, and which jobs load them."),
        (
            "Data exports",
            "PQL on published data models, answered as files; docs/pql.md says what there is of it.",
        ),
        ("Replication", "Calls for what Forebay does not do: lists are empty, and the rest is refused."),
        ("Access", "Keys, users, groups, applications and grants."),
        ("OAuth", "Access tokens: the endpoints of OAuth 2.0, and what administrators set up for them."),
        ("Server", "The server itself."),
    ];
    let tags = tags.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build());
    OpenApiBuilder::new().info(info).tags(Some(tags)).build()
}

/// Adds what is the same for all operations: credentials, errors, and what a status means.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_default();
    add_security(components);
    add_errors(components);
    document.security = Some(
        ["userKey", "accessToken", "applicationKey"]
            .map(|name| SecurityRequirement::new(name, [""; 0]))
            .to_vec(),
    );
    for (path, item) in &mut document.paths.paths {
        let family = Family::of(path);
        let has_variables = variables(path).next().is_some();
        for operation in operations(item) {
            // The lines of a comment are no lines of a summary.
            operation.summary = operation.summary.take().map(|summary| summary.replace('\n', " "));
            allow_empty_values(operation);
            add_responses(operation, family, has_variables);
        }
    }
    document
}

fn add_security(components: &mut Components) {
    let mut user = Http::new(HttpAuthScheme::Bearer);
    user.description = Some("A user's API key.".to_owned());
    let mut token = Http::new(HttpAuthScheme::Bearer);
    token.bearer_format = Some("JWT".to_owned());
    token.description =
        Some("An OAuth access token. It needs a scope for the call, and the permission.".to_owned());
    let mut application = ApiKeyValue::new("Authorization");
    application.description = Some("`AppKey`, a space and an application's key.".to_owned());
    components.add_security_scheme("userKey", SecurityScheme::Http(user));
    components.add_security_scheme("accessToken", SecurityScheme::Http(token));
    components.add_security_scheme("applicationKey", SecurityScheme::ApiKey(ApiKey::Header(application)));
}

fn add_errors(components: &mut Components) {
    let mut schemas = Vec::new();
    ContractError::schemas(&mut schemas);
    ProblemDetails::schemas(&mut schemas);
    schemas.push((ContractError::name().into_owned(), ContractError::schema()));
    schemas.push((ProblemDetails::name().into_owned(), ProblemDetails::schema()));
    schemas.push((UNAUTHORIZED.to_owned(), Unauthorized::schema()));
    components.schemas.extend(schemas);
    for family in [Family::Contract, Family::Own] {
        let name = error_name(family);
        let response = ResponseBuilder::new()
            .description("What went wrong, and what to do about it.")
            .content(family.media_type(), Content::new(Some(Ref::from_schema_name(name))))
            .build();
        components.responses.insert(name.to_owned(), RefOr::T(response));
    }
    let response = ResponseBuilder::new()
        .description("The credentials are missing or not valid, or, as text, cannot be read.")
        .content("application/json", Content::new(Some(Ref::from_schema_name(UNAUTHORIZED))))
        .content("text/plain", Content::new(Some(ObjectBuilder::new().schema_type(Type::String))))
        .build();
    components.responses.insert(UNAUTHORIZED.to_owned(), RefOr::T(response));
}

/// Says of every parameter of the query that may be missing that it may be empty too, which is read as the same.
fn allow_empty_values(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Query
            && parameter.required == Required::False
        {
            // A keyword of the standard that the builder does not know.
            let more = parameter.extensions.get_or_insert_default();
            more.insert("allowEmptyValue".to_owned(), true.into());
        }
    }
}

/// The name of a family's error, as schema and as response.
fn error_name(family: Family) -> &'static str {
    match family {
        Family::Contract | Family::Stream => "ContractError",
        Family::Own => "ProblemDetails",
    }
}

fn add_responses(operation: &mut Operation, family: Family, has_variables: bool) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description = meaning(status).to_owned();
        }
    }
    let has_query = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.parameter_in != ParameterIn::Path,
        RefOr::Ref(_) => false,
    });
    let is_public = operation.security.as_ref().is_some_and(Vec::is_empty);
    let permission = operation.extensions.as_ref().and_then(|extensions| extensions.get(PERMISSION));
    let is_for_all = permission.is_some_and(|needs| ["public", "oauth"].iter().any(|open| needs == open));
    let mut statuses = Vec::new();
    if has_query || operation.request_body.is_some() {
        statuses.push("400");
    }
    if !is_public {
        statuses.push("401");
    }
    if !is_for_all {
        statuses.push("403");
    }
    if has_variables {
        statuses.push("404");
    }
    statuses.push("default");
    for status in statuses {
        let name = match (family, status) {
            (Family::Contract | Family::Stream, "401") => UNAUTHORIZED,
            _ => error_name(family),
        };
        let error: RefOr<Response> = RefOr::Ref(Ref::from_response_name(name));
        operation.responses.responses.entry(status.to_owned()).or_insert(error);
    }
}

fn meaning(status: &str) -> &'static str {
    match status {
        "201" => "Created.",
        "204" => "Deleted.",
        _ => "Done.",
    }
}
