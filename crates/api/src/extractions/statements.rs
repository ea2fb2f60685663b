//! What a table of an extraction would ask its source for.

use axum::Json;
use axum::extract::State;
use forebay_core::explanation::{Asked, Explanation, TableExplanation};
use forebay_core::id::{DataJobId, DataPoolId, TableExtractionId};
use forebay_engine::Engine;
use serde::Serialize;
use utoipa::ToSchema;

use super::TAG;
use crate::auth::Auth;
use crate::path::{Path, TaskKey};
use crate::problem::Reply;

/// What the source would be asked for if the table were extracted now.
#[derive(Serialize, ToSchema)]
pub(crate) struct TableStatements {
    full: TableStatement,
    delta: TableStatement,
}

/// What the source would be asked for in one mode.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableStatement {
    kind: StatementKind,
    /// The statement as it is sent, with parameters filled in; null unless the kind is SQL.
    sql: Option<String>,
    /// What goes beside the statement for its question marks, in their order.
    values: Vec<String>,
    /// Whether a big table may be read in ranges: each by this statement with one condition more.
    in_ranges: bool,
    /// The files that are read whole; empty unless the kind is FILES.
    files: Vec<String>,
    /// What of the rows of files passes.
    conditions: Vec<String>,
    /// Why the table cannot be read as it is set; null unless the kind is REFUSED.
    reason: Option<String>,
    /// What is to be known about how the table would be read.
    notes: Vec<String>,
}

/// What reading a table comes to.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum StatementKind {
    /// The source is sent a statement.
    Sql,
    /// Files are read, without SQL.
    Files,
    /// The table is as it was at the checkpoint, so nothing is read.
    Nothing,
    /// The settings of the table are wrong.
    Refused,
}

impl From<Explanation> for TableStatement {
    fn from(explanation: Explanation) -> Self {
        let Explanation { asked, notes } = explanation;
        let empty = |kind| Self {
            kind,
            sql: None,
            values: Vec::new(),
            in_ranges: false,
            files: Vec::new(),
            conditions: Vec::new(),
            reason: None,
            notes,
        };
        match asked {
            Asked::Nothing => empty(StatementKind::Nothing),
            Asked::Refused(reason) => Self { reason: Some(reason), ..empty(StatementKind::Refused) },
            Asked::Statement { sql, values, in_ranges } => {
                Self { sql: Some(sql), values, in_ranges, ..empty(StatementKind::Sql) }
            }
            Asked::Files { files, conditions } => Self { files, conditions, ..empty(StatementKind::Files) },
        }
    }
}

impl From<TableExplanation> for TableStatements {
    fn from(explanation: TableExplanation) -> Self {
        Self { full: explanation.full.into(), delta: explanation.delta.into() }
    }
}

/// Says what the source would be asked for in FULL and in DELTA, with the parameters and the checkpoint of now. It is
/// found out at the source, and no row is read.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = TableStatements)))]
pub(crate) async fn explain_table_extraction(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task, table)): Path<(DataPoolId, DataJobId, TaskKey, TableExtractionId)>,
) -> Reply<Json<TableStatements>> {
    Ok(Json(engine.explain_table_extraction(&caller, pool, job, &task.0, table).await?.into()))
}
