//! Tables of a data model: taken from the pool, named, given a key, and taken out.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataModelId, DataPoolId, ModelTableId};
use forebay_core::model::ModelTable;
use forebay_core::name::Identifier;
use forebay_core::pool::{connection_schema, global_schema};
use forebay_engine::{Engine, ModelTableChange};
use serde::Deserialize;

use super::super::form::{Filled, Nothing};
use super::super::page::{At, Failed, Frame, Shown};
use super::super::session::SignedIn;
use super::column;
use forebay_api::Problem;

/// The tables that are offered at a time.
const OFFERED: usize = 100;

#[derive(Template)]
#[template(path = "model-tables.html")]
struct TablesPage {
    frame: Frame,
    pool_id: DataPoolId,
    model_id: DataModelId,
    model_name: String,
    asked: String,
    /// The same, for the address that the form is sent to.
    query: String,
    offered: Vec<Offered>,
    hidden: usize,
    base: String,
    fault: Option<String>,
}

/// A table of the pool.
struct Offered {
    /// How its fields are named: the connection's id, if there is one, and its name.
    field: String,
    name: String,
    connection: String,
    /// What the model calls it, where it is in there already.
    known_as: String,
    alias: String,
    is_ticked: bool,
}

#[derive(Template)]
#[template(path = "model-table.html")]
struct TablePage {
    frame: Frame,
    pool_id: DataPoolId,
    model_id: DataModelId,
    model_name: String,
    id: ModelTableId,
    name: String,
    /// The table of the pool.
    table: String,
    may_edit: bool,
    alias: String,
    columns: Vec<KeyColumn>,
    base: String,
    fault: Option<String>,
}

struct KeyColumn {
    name: String,
    type_name: String,
    is_key: bool,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    q: Option<String>,
}

/// Ticked tables as `table:`, and their aliases as `alias:`, each with the connection and the name.
#[derive(Default, Deserialize)]
pub(crate) struct TablesForm {
    #[serde(flatten)]
    fields: HashMap<String, String>,
}

/// The alias, and the columns of the key that are ticked, as `key:` and the name.
#[derive(Deserialize)]
pub(crate) struct TableForm {
    #[serde(default)]
    alias: String,
    #[serde(flatten)]
    ticked: HashMap<String, String>,
}

impl TablesForm {
    /// What the API would be sent.
    fn tables(&self) -> Result<Vec<ModelTable>> {
        let mut tables = Vec::new();
        for field in self.fields.keys().filter_map(|name| name.strip_prefix("table:")) {
            let (connection, name) = field.split_once(':').unwrap_or(("", field));
            let alias = self.fields.get(&format!("alias:{field}")).map(String::as_str).unwrap_or_default();
            tables.push(ModelTable {
                id: ModelTableId::random(),
                connection_id: (!connection.is_empty())
                    .then(|| connection.parse::<DataConnectionId>())
                    .transpose()?,
                table: Identifier::parse("table", name)?,
                alias: column("alias", alias)?,
                primary_key: Vec::new(),
            });
        }
        if tables.is_empty() {
            return Err(Error::invalid("tables", "tick those that are to be added"));
        }
        tables.sort_by(|one, other| one.table.cmp(&other.table));
        Ok(tables)
    }
}

pub(crate) async fn tables_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(at): At<(DataPoolId, DataModelId)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let asked = asked.q.unwrap_or_default();
    offered_shown(&engine, &signed_in, at, asked, &TablesForm::default(), None).await
}

pub(crate) async fn add_tables(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<TablesForm>,
) -> Shown {
    let added = async { engine.create_model_tables(&signed_in.caller, pool, model, &form.tables()?).await };
    match added.await {
        Ok(()) => Ok(Redirect::to(&super::place(pool, model)).into_response()),
        Err(fault @ Error::Invalid { .. }) => {
            let asked = asked.q.unwrap_or_default();
            offered_shown(&engine, &signed_in, (pool, model), asked, &form, Some(fault.into())).await
        }
        Err(fault) => Err(fault.into()),
    }
}

async fn offered_shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, model): (DataPoolId, DataModelId),
    asked: String,
    form: &TablesForm,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let found = engine.data_model(caller, pool, model).await?.model;
    let mut places = vec![(global_schema(pool), None, "the pool".to_owned())];
    for connection in engine.data_connections(caller, pool).await? {
        let schema = connection_schema(pool, connection.id);
        places.push((schema, Some(connection.id), connection.name.to_string()));
    }
    let wanted = asked.trim().to_lowercase();
    let mut offered = Vec::new();
    for table in engine.tables(caller, pool).await? {
        let name = table.table.name;
        let place = places.iter().find(|(schema, ..)| *schema == table.table.schema);
        let (Some((_, connection, of)), true) = (place, name.as_str().to_lowercase().contains(&wanted))
        else {
            continue;
        };
        let field = format!("{}:{name}", connection.map(|id| id.to_string()).unwrap_or_default());
        let known =
            found.tables.iter().filter(|known| known.connection_id == *connection && known.table == name);
        offered.push(Offered {
            known_as: known.map(|known| known.alias_or_name().to_string()).collect::<Vec<_>>().join(", "),
            alias: form.fields.get(&format!("alias:{field}")).cloned().unwrap_or_default(),
            is_ticked: form.fields.contains_key(&format!("table:{field}")),
            name: name.to_string(),
            connection: of.clone(),
            field,
        });
    }
    offered.sort_by_key(|table| (table.name.to_lowercase(), table.connection.clone()));
    let hidden = offered.len().saturating_sub(OFFERED);
    offered.truncate(OFFERED);
    let page = TablesPage {
        frame: Frame::of(signed_in),
        pool_id: pool,
        model_id: model,
        model_name: found.name.to_string(),
        query: form_urlencoded::Serializer::new(String::new()).append_pair("q", &asked).finish(),
        asked,
        offered,
        hidden,
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(super::below(&page, fault.as_ref(), signed_in))
}

pub(crate) async fn table_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model, table)): At<(DataPoolId, DataModelId, ModelTableId)>,
) -> Shown {
    let kept = engine.model_table(&signed_in.caller, pool, model, table).await?;
    let alias = kept.alias.as_ref().map(Identifier::to_string).unwrap_or_default();
    let key: Vec<String> = kept.primary_key.iter().map(Identifier::to_string).collect();
    shown(&engine, &signed_in, (pool, model), &kept, (alias, key), None).await
}

pub(crate) async fn set_table(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model, table)): At<(DataPoolId, DataModelId, ModelTableId)>,
    Filled(form): Filled<TableForm>,
) -> Shown {
    let kept = engine.model_table(&signed_in.caller, pool, model, table).await?;
    let mut key: Vec<String> =
        form.ticked.keys().filter_map(|name| name.strip_prefix("key:")).map(str::to_owned).collect();
    key.sort();
    let set = async {
        let parsed = key.iter().map(|column| Identifier::parse("primaryKey", column));
        let change = ModelTableChange {
            alias: Some(column("alias", &form.alias)?),
            primary_key: Some(parsed.collect::<Result<_>>()?),
            ..ModelTableChange::default()
        };
        engine.update_model_table(&signed_in.caller, pool, model, table, change).await
    };
    match set.await {
        Ok(_) => Ok(Redirect::to(&super::place(pool, model)).into_response()),
        Err(fault @ Error::Invalid { .. }) => {
            let typed = (form.alias, key);
            shown(&engine, &signed_in, (pool, model), &kept, typed, Some(fault.into())).await
        }
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn remove_table(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model, table)): At<(DataPoolId, DataModelId, ModelTableId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let done = engine.delete_model_table(&signed_in.caller, pool, model, table).await;
    super::changed(&engine, &signed_in, (pool, model), done).await
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, model): (DataPoolId, DataModelId),
    table: &ModelTable,
    (alias, key): (String, Vec<String>),
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let found = engine.data_model(caller, pool, model).await?;
    let known = engine.model_table_columns(caller, pool, model, table.id).await?;
    let is_known = |name: &&String| known.iter().any(|column| column.name.as_str() == name.as_str());
    // What the key names stays to be seen, also where the pool has no such column.
    let lost: Vec<&String> = key.iter().filter(|name| !is_known(name)).collect();
    let lost = lost.into_iter().map(|name| KeyColumn {
        name: name.clone(),
        type_name: "not in the pool".to_owned(),
        is_key: true,
    });
    let columns = known.iter().map(|column| KeyColumn {
        name: column.name.to_string(),
        type_name: column.type_name.clone(),
        is_key: key.iter().any(|name| name == column.name.as_str()),
    });
    let page = TablePage {
        frame: Frame::of(signed_in),
        pool_id: pool,
        model_id: model,
        model_name: found.model.name.to_string(),
        id: table.id,
        name: table.alias_or_name().to_string(),
        table: table.table.to_string(),
        may_edit: found.may_edit,
        alias,
        columns: columns.chain(lost).collect(),
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(super::below(&page, fault.as_ref(), signed_in))
}
