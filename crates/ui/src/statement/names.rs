//! What SQL may name: the parameters that a task sees, and the tables of the pool with their columns. The page shows them,
//! and the editor completes by them.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_core::job::{DataJob, Task};
use forebay_core::name::Identifier;
use forebay_core::parameter::Parameter;
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::warehouse::{PoolTable, PoolTableKind};
use forebay_engine::Engine;
use serde_json::{Value, json};

use super::{Asked, query};
use crate::extraction::value_in_words;
use crate::page::{At, Shown};
use crate::session::SignedIn;
use crate::words::number;

/// The tables that the page shows of a schema, and the columns of a table: the others are in the answer for the editor.
const TABLES: usize = 100;
const COLUMNS: usize = 50;

pub(crate) struct Names {
    pub(crate) parameters: Vec<ParameterRow>,
    pub(crate) schemas: Vec<SchemaRow>,
    /// Why the tables are not there.
    pub(crate) note: Option<String>,
    /// Where the parameters of the task, or else of the pool, are set.
    pub(crate) parameters_at: String,
}

pub(crate) struct ParameterRow {
    pub(crate) placeholder: String,
    pub(crate) value: String,
    /// Where it is set.
    pub(crate) place: String,
}

/// The tables of a connection, or of the pool itself.
pub(crate) struct SchemaRow {
    pub(crate) title: String,
    /// What stands before the name of a table; nothing for those that are found by their name alone.
    pub(crate) prefix: String,
    pub(crate) tables: Vec<TableRow>,
    pub(crate) hidden: usize,
}

pub(crate) struct TableRow {
    pub(crate) name: String,
    /// How many columns it has, and whether it is a view.
    pub(crate) told: String,
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) hidden: usize,
}

/// A schema of the pool as the SQL of one job says it.
struct Schema {
    name: Identifier,
    /// The name of its connection.
    connection: Option<String>,
    title: String,
    prefix: String,
}

impl Names {
    pub(super) async fn of(
        engine: &Engine,
        caller: &Caller,
        job: &DataJob,
        task: Option<&Task>,
    ) -> Result<Self> {
        let (tables, note) = match engine.tables(caller, job.pool_id).await {
            Ok(tables) => (tables, None),
            Err(error @ (Error::Unavailable { .. } | Error::Refused { .. } | Error::Conflict { .. })) => {
                (Vec::new(), Some(error.to_string()))
            }
            Err(error) => return Err(error),
        };
        let schemas = schemas(engine, caller, job, &tables).await?;
        let at = if task.is_some() { query(job, task) } else { String::new() };
        Ok(Self {
            parameters: parameters(engine, caller, job, task).await?,
            schemas: schemas.into_iter().map(|schema| SchemaRow::of(schema, &tables)).collect(),
            note,
            parameters_at: format!("{}/{}/parameters{at}", crate::HOME, job.pool_id),
        })
    }
}

impl SchemaRow {
    fn of(schema: Schema, tables: &[PoolTable]) -> Self {
        let own: Vec<&PoolTable> = tables.iter().filter(|table| table.table.schema == schema.name).collect();
        Self {
            title: schema.title,
            prefix: schema.prefix,
            tables: own.iter().take(TABLES).map(|table| TableRow::of(table)).collect(),
            hidden: own.len().saturating_sub(TABLES),
        }
    }
}

impl TableRow {
    fn of(table: &PoolTable) -> Self {
        let count = table.columns.len();
        let columns = if count == 1 { "column" } else { "columns" };
        let view = match table.kind {
            PoolTableKind::Table => "",
            PoolTableKind::View => "view, ",
        };
        Self {
            name: table.table.name.to_string(),
            told: format!("{view}{} {columns}", number(count as u64)),
            columns: columns_of(table).take(COLUMNS).collect(),
            hidden: count.saturating_sub(COLUMNS),
        }
    }
}

fn columns_of(table: &PoolTable) -> impl Iterator<Item = (String, String)> {
    table.columns.iter().map(|column| (column.name.to_string(), column.type_name.clone()))
}

/// The schemas that have tables: first those whose tables are found by their name alone, as a run looks them up.
async fn schemas(
    engine: &Engine,
    caller: &Caller,
    job: &DataJob,
    tables: &[PoolTable],
) -> Result<Vec<Schema>> {
    let pool = job.pool_id;
    let mut connections = engine.data_connection_names(caller, pool).await?;
    connections.sort_by_key(|(id, name)| (job.connection_id != Some(*id), name.to_string().to_lowercase()));
    let mut schemas = Vec::new();
    for (id, connection) in &connections {
        let is_own = job.connection_id == Some(*id);
        schemas.push(Schema {
            name: connection_schema(pool, *id),
            connection: Some(connection.to_string()),
            title: format!("{connection}{}", if is_own { ", the connection of this job" } else { "" }),
            prefix: if is_own { String::new() } else { format!("<%=DATASOURCE:{connection}%>.") },
        });
    }
    let own = usize::from(job.connection_id.is_some()).min(schemas.len());
    let title = "The data pool itself".to_owned();
    schemas.insert(own, Schema { name: global_schema(pool), connection: None, title, prefix: String::new() });
    // What is left of a connection that was deleted.
    for table in tables {
        let name = &table.table.schema;
        if !schemas.iter().any(|schema| schema.name == *name) {
            let (title, prefix) = (name.to_string(), format!("{}.", name.quoted()));
            schemas.push(Schema { name: name.clone(), connection: None, title, prefix });
        }
    }
    schemas.retain(|schema| tables.iter().any(|table| table.table.schema == schema.name));
    Ok(schemas)
}

/// The task's own parameters, then those of the pool that they do not hide.
async fn parameters(
    engine: &Engine,
    caller: &Caller,
    job: &DataJob,
    task: Option<&Task>,
) -> Result<Vec<ParameterRow>> {
    let of_pool = engine.parameters(caller, job.pool_id, None).await?;
    let own = match task {
        Some(task) => engine.parameters(caller, job.pool_id, Some(task.id)).await?,
        None => Vec::new(),
    };
    let row = |parameter: &Parameter, origin: &Parameter, place: String| ParameterRow {
        placeholder: parameter.placeholder.clone(),
        value: value_in_words(&origin.origin, origin.values_now()),
        place,
    };
    let mut rows = Vec::new();
    for parameter in &own {
        let linked = of_pool.iter().find(|other| Some(other.id) == parameter.pool_parameter_id);
        rows.push(match linked {
            Some(linked) => {
                row(parameter, linked, format!("the task, as {} of the data pool", linked.placeholder))
            }
            None => row(parameter, parameter, "the task".to_owned()),
        });
    }
    for parameter in &of_pool {
        if !own.iter().any(|other| other.placeholder == parameter.placeholder) {
            rows.push(row(parameter, parameter, "the data pool".to_owned()));
        }
    }
    Ok(rows)
}

/// What the editor completes by: every table with its columns, and what may stand in `<%=…%>`.
pub(crate) async fn names(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let caller = &signed_in.caller;
    let (job, task) = asked.found(&engine, caller, pool).await?;
    let tables = engine.tables(caller, pool).await?;
    let schemas = schemas(&engine, caller, &job, &tables).await?;
    let table = |table: &PoolTable| {
        let schema = schemas.iter().find(|schema| schema.name == table.table.schema)?;
        let columns: Vec<(String, String)> = columns_of(table).collect();
        Some(json!({
            "name": table.table.name.as_str(),
            "connection": schema.connection,
            "prefix": schema.prefix,
            "columns": columns,
        }))
    };
    let parameters = parameters(&engine, caller, &job, task.as_ref()).await?;
    let mut places: Vec<(String, String)> = parameters
        .into_iter()
        .map(|parameter| (format!("<%={}%>", parameter.placeholder), parameter.value))
        .collect();
    for (_, connection) in engine.data_connection_names(caller, pool).await? {
        places.push((format!("<%=DATASOURCE:{connection}%>"), format!("the tables of {connection}")));
    }
    let tables: Vec<Value> = tables.iter().filter_map(table).collect();
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, Json(json!({"tables": tables, "places": places}))).into_response())
}
