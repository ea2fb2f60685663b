//! What the tables and columns of a data model are called in which language: sent as a spreadsheet, shown, removed.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::model::name_mapping::{CountedMappings, MappingKind, NameMapping};
use forebay_core::pool::DataPool;
use forebay_engine::Engine;
use serde::Deserialize;

use crate::form::{Filled, FilledFile, Nothing};
use crate::page::{At, Failed, Frame, Shown};
use crate::session::SignedIn;
use crate::words::number;
use forebay_api::Problem;
use forebay_api::read_name_mappings;

/// The mappings on one page.
const PAGE: u32 = 100;

#[derive(Template)]
#[template(path = "model-names.html")]
struct NamesPage {
    frame: Frame,
    pool: DataPool,
    model_id: DataModelId,
    model_name: String,
    may_edit: bool,
    counted: Vec<Counted>,
    mappings: Vec<Mapping>,
    list: Pages,
    base: String,
    fault: Option<String>,
}

/// The addresses of the pages before and after this one.
struct Pages {
    before: Option<String>,
    after: Option<String>,
}

/// How many there are of a kind and language.
struct Counted {
    kind: &'static str,
    language: String,
    mappings: String,
}

struct Mapping {
    kind: &'static str,
    named: NameMapping,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    page: Option<u32>,
}

fn word(kind: MappingKind) -> &'static str {
    match kind {
        MappingKind::Table => "table",
        MappingKind::Column => "column",
        MappingKind::General => "text",
    }
}

impl From<CountedMappings> for Counted {
    fn from(counted: CountedMappings) -> Self {
        let CountedMappings { kind, language, mappings } = counted;
        Self { kind: word(kind), language, mappings: number(mappings) }
    }
}

pub(crate) async fn names_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(at): At<(DataPoolId, DataModelId)>,
    Query(asked): Query<Asked>,
) -> Shown {
    shown(&engine, &signed_in, at, asked.page.unwrap_or(0), None).await
}

pub(crate) async fn add_names(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    FilledFile(file): FilledFile,
) -> Shown {
    let added = async {
        let found = engine.model_to_map(&signed_in.caller, pool, model).await?;
        if file.is_empty() {
            return Err(Error::invalid("file", "is empty; choose one"));
        }
        let mappings = read_name_mappings(file, &found).await?;
        engine.add_name_mappings(&signed_in.caller, pool, model, mappings).await
    };
    match added.await {
        Ok(()) => Ok(Redirect::to(&place(pool, model)).into_response()),
        Err(fault @ Error::Invalid { .. }) => {
            shown(&engine, &signed_in, (pool, model), 0, Some(fault.into())).await
        }
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn delete_names(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    engine.delete_name_mappings(&signed_in.caller, pool, model).await?;
    Ok(Redirect::to(&place(pool, model)).into_response())
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, model): (DataPoolId, DataModelId),
    page: u32,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let seen = engine.data_model(caller, pool, model).await?;
    let (counted, mappings) = engine.name_mapping_page(caller, pool, model, PAGE, page).await?;
    let all: u64 = counted.iter().map(|counted| counted.mappings).sum();
    let until = (u64::from(page) + 1) * u64::from(PAGE);
    let at = |page: u32| format!("{}?page={page}", place(pool, model));
    let page = NamesPage {
        frame: Frame::of(signed_in),
        pool: engine.data_pool(caller, pool).await?,
        model_id: model,
        model_name: seen.model.name.to_string(),
        may_edit: seen.may_edit,
        counted: counted.into_iter().map(Counted::from).collect(),
        mappings: mappings.into_iter().map(|named| Mapping { kind: word(named.kind), named }).collect(),
        list: Pages {
            before: page.checked_sub(1).map(at),
            after: page.checked_add(1).filter(|_| until < all).map(at),
        },
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(super::below(&page, fault.as_ref(), signed_in))
}

/// The address of the page.
fn place(pool: DataPoolId, model: DataModelId) -> String {
    format!("{}/name-mappings", super::place(pool, model))
}
