//! Name mappings of a data model. They are sent as a spreadsheet; how one is read is in the modules below.

mod csv;
mod rows;
mod spreadsheet;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::model::DataModel;
use forebay_core::model::name_mapping::{MappingKind, NameMapping};
use forebay_engine::Engine;
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use self::rows::MappingReader;
use super::TAG;
use crate::auth::Auth;
use crate::path::Path;
use crate::problem::Reply;
use crate::upload::Upload;
use crate::words::NameMappingType;

/// What something in a data model is called in one language.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NameMappingTransport {
    /// A table, `TABLE.COLUMN`, or the key of a text.
    identifier: String,
    translation: String,
    language: String,
    description: Option<String>,
    mapping_type: NameMappingType,
}

/// What was read of an upload.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NameMappingLoadReport {
    nb_of_tables_in_data_model: usize,
    nb_of_table_mappings: usize,
    nb_of_column_mappings: usize,
    name_mappings_aggregated: Vec<NameMappingAggregated>,
}

/// How many mappings of a kind and language were read.
#[derive(Serialize, ToSchema)]
pub(crate) struct NameMappingAggregated {
    count: usize,
    #[serde(rename = "type")]
    kind: NameMappingType,
    language: String,
}

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document alone")]
pub(crate) struct NameMappingForm {
    /// A spreadsheet (.xlsx) or CSV in UTF-8.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

impl From<&NameMapping> for NameMappingTransport {
    fn from(mapping: &NameMapping) -> Self {
        Self {
            identifier: mapping.identifier.clone(),
            translation: mapping.translation.clone(),
            language: mapping.language.clone(),
            description: mapping.description.clone(),
            mapping_type: mapping.kind.into(),
        }
    }
}

impl NameMappingLoadReport {
    fn new(model: &DataModel, mappings: &[NameMapping]) -> Self {
        let of = |kind| mappings.iter().filter(|mapping| mapping.kind == kind).count();
        let mut counts: BTreeMap<(MappingKind, &str), usize> = BTreeMap::new();
        for mapping in mappings {
            *counts.entry((mapping.kind, &mapping.language)).or_default() += 1;
        }
        let aggregated = |((kind, language), count): ((MappingKind, &str), usize)| NameMappingAggregated {
            count,
            kind: kind.into(),
            language: language.to_owned(),
        };
        Self {
            nb_of_tables_in_data_model: model.tables.len(),
            nb_of_table_mappings: of(MappingKind::Table),
            nb_of_column_mappings: of(MappingKind::Column),
            name_mappings_aggregated: counts.into_iter().map(aggregated).collect(),
        }
    }
}

/// Reads a spreadsheet or CSV. The work is done off the async threads, for two files at a time: each may take as much
/// memory as an unpacked file may have.
pub async fn read(file: Vec<u8>, model: &DataModel) -> Result<Vec<NameMapping>> {
    static READERS: Semaphore = Semaphore::const_new(2);
    let _reader = READERS.acquire().await.map_err(Error::internal)?;
    let reader = MappingReader::new(model);
    let read = tokio::task::spawn_blocking(move || {
        if spreadsheet::is_one(&file) { spreadsheet::read(&file, reader) } else { csv::read(&file, reader) }
    });
    // A library that stumbles over a broken file has not read it.
    read.await.unwrap_or_else(|_| Err(Error::invalid("file", "cannot be read; save it anew as .xlsx or CSV")))
}

/// Adds the name mappings of a spreadsheet or CSV file, all or none. One for the same thing in the same language is
/// replaced.
#[utoipa::path(
    post, path = "", tag = TAG,
    request_body(content = NameMappingForm, content_type = "multipart/form-data"),
    responses((status = 200, body = NameMappingLoadReport))
)]
pub(crate) async fn add_name_mappings(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
    Upload(file): Upload,
) -> Reply<Json<NameMappingLoadReport>> {
    let model = engine.model_to_map(&caller, pool, model).await?;
    let mappings = read(file, &model).await?;
    let report = NameMappingLoadReport::new(&model, &mappings);
    engine.add_name_mappings(&caller, pool, model.id, mappings).await?;
    Ok(Json(report))
}

/// The name mappings of a data model.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<NameMappingTransport>)))]
pub(crate) async fn name_mappings(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
) -> Reply<Json<Vec<NameMappingTransport>>> {
    let mappings = engine.name_mappings(&caller, pool, model).await?;
    Ok(Json(mappings.iter().map(NameMappingTransport::from).collect()))
}

/// Deletes all name mappings of a data model.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_name_mappings(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
) -> Reply<StatusCode> {
    engine.delete_name_mappings(&caller, pool, model).await?;
    Ok(StatusCode::NO_CONTENT)
}
