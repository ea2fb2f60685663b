//! The stream client: one file with each call, for a table that it keeps up to date.

use axum::Json;
use axum::extract::State;
use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataPoolId, PushJobId};
use forebay_core::name::Identifier;
use forebay_core::push::{PushKind, PushSettings, PushStatus, StreamUpload, TEXT_LIMIT};
use forebay_engine::{Engine, SeenUpload};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::auth::Auth;
use super::multipart::Multipart;
use super::path::Path;
use super::problem::Reply;
use super::push::FileUpload;
use super::query_string::{FromQuery, Pairs, Query};
use super::whole::Whole;
use super::words::{self, DataPushStatus, DataPushUpsertStrategy};

const TAG: &str = "Stream upload";
/// The most characters of a name of the client's.
const NAME_LIMIT: usize = 255;

/// How many characters are kept of a text.
type TextLength = Whole<1, TEXT_LIMIT>;

/// Where the rows of a file go, and how.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct ItemQuery {
    /// The table.
    #[param(value_type = String)]
    target_name: Identifier,
    /// Whose schema the table lies in; the global one when it is missing.
    #[param(value_type = Option<Uuid>)]
    connection_id: Option<DataConnectionId>,
    /// What the client calls itself.
    client_id: Option<String>,
    /// How many characters are kept of a text.
    #[param(inline)]
    fallback_varchar_length: Option<TextLength>,
    /// The columns that tell rows apart, with commas between; without them rows are added.
    #[param(value_type = Option<String>)]
    primary_keys: Vec<Identifier>,
    /// Of rows with one key, the last by this column stays.
    #[param(value_type = Option<String>)]
    duplicate_removal_order_column: Option<Identifier>,
    /// What rows that are updated have in columns that the file lacks.
    upsert_strategy: Option<DataPushUpsertStrategy>,
    /// A column of the file that says TRUE where the row's key is to be removed. The table does not get it. Only
    /// Forebay has this.
    #[param(value_type = Option<String>)]
    deletion_column: Option<Identifier>,
}

impl FromQuery for ItemQuery {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        let target = pairs.text("targetName")?.ok_or_else(|| Error::invalid("targetName", "is missing"))?;
        let identifier = |name: &str| -> Result<Option<Identifier>> {
            pairs.text(name)?.map(|text| Identifier::parse(name, text)).transpose()
        };
        let keys = pairs.text("primaryKeys")?.unwrap_or_default();
        let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty());
        Ok(Self {
            target_name: Identifier::parse("targetName", target)?,
            connection_id: connection_id(pairs)?,
            client_id: pairs.text("clientId")?.map(shortened),
            fallback_varchar_length: pairs.number("fallbackVarcharLength")?,
            primary_keys: keys.map(|key| Identifier::parse("primaryKeys", key)).collect::<Result<_>>()?,
            duplicate_removal_order_column: identifier("duplicateRemovalOrderColumn")?,
            upsert_strategy: match pairs.text("upsertStrategy")? {
                Some(word) => Some(words::parse("upsertStrategy", word)?),
                None => None,
            },
            deletion_column: identifier("deletionColumn")?,
        })
    }
}

fn connection_id(pairs: &Pairs) -> Result<Option<DataConnectionId>> {
    let Some(text) = pairs.text("connectionId")? else { return Ok(None) };
    text.parse().map(Some).map_err(|error: Error| Error::invalid("connectionId", error.to_string()))
}

/// A name of the client's, kept to a size and without control characters.
fn shortened(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(NAME_LIMIT).collect()
}

/// A file that was taken.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UploadedItem {
    #[schema(value_type = Uuid)]
    id: PushJobId,
    file_name: String,
    /// The same for all files of one table.
    #[schema(format = Uuid)]
    bucket_id: String,
    /// NEW until its rows are loaded; then DONE, or ERROR.
    flush_status: DataPushStatus,
    client_id: Option<String>,
    fallback_varchar_length: Option<u32>,
    upsert_strategy: Option<DataPushUpsertStrategy>,
}

/// A file that was taken, and what became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Flush {
    #[serde(flatten)]
    item: UploadedItem,
    target_name: String,
    #[schema(value_type = Option<Uuid>)]
    connection_id: Option<DataConnectionId>,
    #[schema(value_type = i64)]
    creation_date: Timestamp,
    #[schema(value_type = Option<i64>)]
    flush_date: Option<Timestamp>,
    /// Why it failed.
    message: Option<String>,
}

impl From<&SeenUpload> for UploadedItem {
    fn from(seen: &SeenUpload) -> Self {
        let settings = &seen.push.settings;
        Self {
            id: seen.push.id,
            file_name: seen.upload.file_name.clone(),
            bucket_id: seen.bucket.clone(),
            flush_status: match seen.status {
                PushStatus::New | PushStatus::Queued => DataPushStatus::New,
                status => status.into(),
            },
            client_id: seen.upload.client_id.clone(),
            fallback_varchar_length: settings.text_length,
            upsert_strategy: settings.upsert_strategy.map(Into::into),
        }
    }
}

impl From<&SeenUpload> for Flush {
    fn from(seen: &SeenUpload) -> Self {
        Self {
            item: seen.into(),
            target_name: seen.push.settings.target.to_string(),
            connection_id: seen.push.settings.connection_id,
            creation_date: seen.push.created_at,
            flush_date: seen.finished_at,
            message: seen.message.clone(),
        }
    }
}

/// Takes a Parquet file with rows for a table. The answer says that it is on the disk; files for one table are
/// loaded in the order in which they were taken.
#[utoipa::path(
    post, path = "", tag = TAG, params(ItemQuery),
    request_body(content = FileUpload, content_type = "multipart/form-data"),
    responses((status = 200, body = UploadedItem))
)]
pub(crate) async fn upload_item(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Query(query): Query<ItemQuery>,
    mut form: Multipart,
) -> Reply<Json<UploadedItem>> {
    let name = match form.open_file().await {
        Ok(name) => name,
        Err(problem) => return Err(form.refuse(problem).await),
    };
    let upload = StreamUpload {
        file_name: shortened(&name.unwrap_or_default()),
        client_id: query.client_id,
        order: query.duplicate_removal_order_column,
    };
    let settings = PushSettings {
        connection_id: query.connection_id,
        upsert_strategy: query.upsert_strategy.map(Into::into),
        text_length: query.fallback_varchar_length.map(TextLength::get),
        keys: query.primary_keys,
        deletion_column: query.deletion_column,
        ..PushSettings::new(query.target_name, PushKind::Delta)
    };
    let mut taken = match engine.begin_upload(&caller, pool, settings, upload).await {
        Ok(taken) => taken,
        Err(error) => return Err(form.refuse(error).await),
    };
    let read = async {
        while let Some(bytes) = form.next_bytes().await? {
            taken.write(&bytes).await?;
        }
        form.end().await
    };
    match read.await {
        Ok(()) => Ok(Json((&taken.finish().await?).into())),
        Err(problem) => {
            taken.give_up().await;
            Err(form.refuse(problem).await)
        }
    }
}

/// Whose files are told.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct FlushQuery {
    /// One table; all of them when it is missing.
    #[param(value_type = Option<String>)]
    target_name: Option<Identifier>,
    /// Whose schema that table lies in.
    #[param(value_type = Option<Uuid>)]
    connection_id: Option<DataConnectionId>,
}

impl FromQuery for FlushQuery {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        let target = pairs.text("targetName")?;
        Ok(Self {
            target_name: target.map(|text| Identifier::parse("targetName", text)).transpose()?,
            connection_id: connection_id(pairs)?,
        })
    }
}

/// What was sent for a table and what became of it, the newest first.
#[utoipa::path(get, path = "", tag = TAG, params(FlushQuery), responses((status = 200, body = Vec<Flush>)))]
pub(crate) async fn flushes(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Query(query): Query<FlushQuery>,
) -> Reply<Json<Vec<Flush>>> {
    let table = query.target_name.map(|target| (query.connection_id, target));
    let uploads = engine.uploads(&caller, pool, table).await?;
    Ok(Json(uploads.iter().map(Flush::from).collect()))
}

/// What was sent to a pool and what became of it, the newest first.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<Flush>)))]
pub(crate) async fn uploads(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<Flush>>> {
    let uploads = engine.uploads(&caller, pool, None).await?;
    Ok(Json(uploads.iter().map(Flush::from).collect()))
}
