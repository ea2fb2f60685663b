//! The tables and views of a pool: how many rows they have, and when which job loaded them last. It is a page of its own,
//! since only the pool's worker knows what there is, and it may have to be started.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_core::job::DataJob;
use forebay_core::name::Identifier;
use forebay_core::pool::{DataPool, connection_schema, global_schema};
use forebay_core::warehouse::{PoolTable, PoolTableKind, WarehouseTable};
use forebay_engine::{Engine, LastLoad};

use crate::page::{self, At, Frame, Shown};
use crate::paging::{Around, Asked, page_of};
use crate::session::SignedIn;
use crate::words::{moment, number, size};
use crate::{execution, job, statement};

/// The rows that the statement of a table asks for.
const LOOKED_AT: usize = 100;

#[derive(Template)]
#[template(path = "pool-tables.html")]
struct TablesPage {
    frame: Frame,
    pool: DataPool,
    /// What all files of the pool take.
    size: String,
    list: Around,
    tables: Vec<TableRow>,
    /// Why the tables are not there.
    note: Option<String>,
    base: String,
}

struct TableRow {
    name: String,
    schema: String,
    kind: &'static str,
    columns: String,
    /// Empty where nobody knows without counting.
    rows: String,
    last: Option<Last>,
    /// Where it is looked at by SQL; `None` in a pool without jobs.
    look: Option<String>,
}

/// The last load of a table.
struct Last {
    at: String,
    execution: String,
    job: String,
    job_place: String,
}

/// The schemas of a pool, with their names for people and the ids that they are found by.
struct Schemas(HashMap<Identifier, (String, String)>);

impl Schemas {
    async fn of(engine: &Engine, caller: &Caller, pool: DataPoolId) -> Result<Self> {
        let mut schemas = HashMap::from([(global_schema(pool), ("global".to_owned(), pool.to_string()))]);
        for (connection, name) in engine.data_connection_names(caller, pool).await? {
            schemas.insert(connection_schema(pool, connection), (name.to_string(), connection.to_string()));
        }
        Ok(Self(schemas))
    }

    /// Of a connection that was deleted the schema has only its own name.
    fn name<'a>(&'a self, schema: &'a Identifier) -> &'a str {
        self.0.get(schema).map_or(schema.as_str(), |(name, _)| name)
    }

    fn finds(&self, asked: &Asked, table: &WarehouseTable) -> bool {
        let id = self.0.get(&table.schema).map_or(table.schema.as_str(), |(_, id)| id);
        asked.finds(&[table.name.as_str(), self.name(&table.schema)], id)
    }
}

pub(crate) async fn tables(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let caller = &signed_in.caller;
    let schemas = Schemas::of(&engine, caller, pool).await?;
    let (mut found, note) = match engine.tables(caller, pool).await {
        Ok(tables) => (tables, None),
        Err(
            error @ (Error::Unavailable { .. }
            | Error::Refused { .. }
            | Error::Conflict { .. }
            | Error::Internal { .. }),
        ) => {
            tracing::error!(data_pool.id = %pool, error = &error as &dyn std::error::Error, "the tables of a pool cannot be listed");
            (Vec::new(), Some(error.to_string()))
        }
        Err(error) => return Err(error.into()),
    };
    found.retain(|table| schemas.finds(&asked, &table.table));
    found.sort_by_cached_key(|table| {
        let is_of_connection = table.table.schema != global_schema(pool);
        let schema = schemas.name(&table.table.schema).to_lowercase();
        (is_of_connection, schema, table.table.name.as_str().to_lowercase())
    });
    let (found, list) = page_of(found, &asked, &format!("{}/{pool}/tables", crate::HOME));
    let names: Vec<WarehouseTable> = found.iter().map(|table| table.table.clone()).collect();
    let loads = engine.table_loads(caller, pool, &names).await?;
    let loads: HashMap<_, _> = loads.into_iter().map(|(table, job, load)| (table, (job, load))).collect();
    // Where no job is known to load a table, its SQL is that of any other.
    let any = engine.data_jobs(caller, pool).await?.into_iter().next().map(|(job, _)| job.id);
    let row = |table: &PoolTable| {
        let load = loads.get(&table.table);
        let job = load.map(|(job, _)| job.id).or(any);
        TableRow::of(pool, table, schemas.name(&table.table.schema), load, job)
    };
    let page = TablesPage {
        frame: Frame::of(&signed_in),
        size: size(engine.pool_size(caller, pool).await?),
        tables: found.iter().map(row).collect(),
        list,
        note,
        pool: engine.data_pool(caller, pool).await?,
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, StatusCode::OK, &signed_in.browser))
}

impl TableRow {
    fn of(
        pool: DataPoolId,
        table: &PoolTable,
        schema: &str,
        load: Option<&(DataJob, LastLoad)>,
        job: Option<DataJobId>,
    ) -> Self {
        Self {
            name: table.table.name.to_string(),
            schema: schema.to_owned(),
            kind: match table.kind {
                PoolTableKind::Table => "table",
                PoolTableKind::View => "view",
            },
            columns: number(table.columns.len() as u64),
            rows: table.rows_at_most.map(number).unwrap_or_default(),
            last: load.map(|(job, load)| Last {
                at: moment(load.at),
                execution: execution::place(pool, load.execution),
                job: job.name.to_string(),
                job_place: job::place(pool, job.id),
            }),
            look: job.map(|job| statement::to_run(pool, job, &first_rows(&table.table))),
        }
    }
}

/// With the name of its schema a table is found by the SQL of every job.
fn first_rows(table: &WarehouseTable) -> String {
    format!("SELECT * FROM {}.{} LIMIT {LOOKED_AT}", table.schema.quoted(), table.name.quoted())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier(text: &str) -> Identifier {
        Identifier::parse("name", text).unwrap()
    }

    #[test]
    fn a_table_is_found_by_its_name_and_by_what_its_schema_is_called() {
        let known = ("ERP".to_owned(), "id-1".to_owned());
        let schemas = Schemas(HashMap::from([(identifier("p_id-1"), known)]));
        let check = |text: &str, schema: &str, expected: bool| {
            let table = WarehouseTable { schema: identifier(schema), name: identifier("Orders") };
            assert_eq!(schemas.finds(&Asked::of(Some(text), None), &table), expected, "{text} in {schema}");
        };
        check("", "p_id-1", true);
        check("order", "p_id-1", true);
        check("erp", "p_id-1", true);
        check("id-1", "p_id-1", true);
        check("id-", "p_id-1", false);
        check("items", "p_id-1", false);
        check("erp", "left over", false);
        check("left", "left over", true);
    }

    #[test]
    fn a_statement_takes_any_name_of_a_table() {
        let table = WarehouseTable { schema: identifier("a b"), name: identifier("it's \"one\"") };
        assert_eq!(first_rows(&table), "SELECT * FROM \"a b\".\"it's \"\"one\"\"\" LIMIT 100");
    }
}
