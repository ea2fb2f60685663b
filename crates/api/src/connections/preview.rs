//! The first rows of a table at its source, and what they tell of its columns.

use axum::Json;
use axum::extract::State;
use forebay_core::error::{Error, Result};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::name::Identifier;
use forebay_core::preview::{ColumnFindings, Preview};
use forebay_engine::Engine;
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use crate::auth::Auth;
use crate::path::Path;
use crate::problem::Reply;
use crate::query::QueryAnswer;
use crate::query_string::{FromQuery, Pairs, Query};

/// Which table is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct PreviewQuery {
    /// The table's name at the source.
    #[param(value_type = String)]
    table: Identifier,
    /// The schema that the table lies in; the source's usual one when missing.
    #[param(value_type = Option<String>)]
    schema: Option<Identifier>,
}

impl FromQuery for PreviewQuery {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        let table = pairs.text("table")?.ok_or_else(|| Error::invalid("table", "is missing"))?;
        let schema = pairs.text("schema")?;
        Ok(Self {
            table: Identifier::parse("table", table)?,
            schema: schema.map(|schema| Identifier::parse("schema", schema)).transpose()?,
        })
    }
}

/// A look at a table of a source. What is counted is counted among the rows that were looked at.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TablePreview {
    /// At most 100.
    rows_looked_at: usize,
    /// Whether the table has more rows than are shown.
    has_more: bool,
    columns: Vec<PreviewColumn>,
    /// The primary key that the source has of the table; empty when it has none.
    primary_key: Vec<String>,
    /// Where the source has no primary key: columns, or else pairs of columns, that have no NULL and no value twice
    /// among the rows that were looked at. Whether that holds for the others is not known.
    key_candidates: Vec<Vec<String>>,
    /// How many values of `rows` are cut: texts after 200 characters, binary values after 64 bytes.
    values_cut: usize,
    /// What is to be known about how the table was read.
    notes: Vec<String>,
    /// A list of cells for each row, as a query answers with them. Fewer than were looked at when they are large.
    rows: Vec<Vec<Value>>,
}

/// A column of a table at its source.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewColumn {
    name: String,
    /// The type as the source writes it.
    #[serde(rename = "type")]
    kind: String,
    nulls: usize,
    /// From 0 to 1; null when there are no rows.
    null_share: Option<f64>,
    /// How many different values there are, without NULL.
    distinct: usize,
}

impl PreviewColumn {
    fn new(column: ColumnFindings, rows: usize) -> Self {
        let ColumnFindings { name, type_name, nulls, distinct } = column;
        // There are at most 100 of either.
        let share = |nulls: usize| nulls as f64 / rows as f64;
        let null_share = (rows > 0).then(|| share(nulls));
        Self { name: name.to_string(), kind: type_name, nulls, null_share, distinct }
    }
}

impl TablePreview {
    fn new(preview: Preview) -> Result<Self> {
        let Preview { findings, rows } = preview;
        let names = |columns: &[Identifier]| columns.iter().map(ToString::to_string).collect::<Vec<_>>();
        Ok(Self {
            rows_looked_at: findings.rows,
            has_more: rows.truncated,
            primary_key: names(&findings.key),
            key_candidates: findings.candidates.iter().map(|candidate| names(candidate)).collect(),
            columns: findings
                .columns
                .into_iter()
                .map(|column| PreviewColumn::new(column, findings.rows))
                .collect(),
            values_cut: findings.cut,
            notes: findings.notes,
            rows: QueryAnswer::new(&rows)?.rows,
        })
    }
}

/// Looks at the first rows of a table at its source. Nothing is extracted; the statement is ended once the rows are
/// there.
#[utoipa::path(
    get, path = "", tag = TAG, params(PreviewQuery), responses((status = 200, body = TablePreview))
)]
pub(crate) async fn preview_table(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataConnectionId)>,
    Query(asked): Query<PreviewQuery>,
) -> Reply<Json<TablePreview>> {
    let table = SourceTableName { schema: asked.schema, name: asked.table };
    Ok(Json(TablePreview::new(engine.preview_table(&caller, pool, id, &table).await?)?))
}
