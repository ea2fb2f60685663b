//! Foreign keys of a data model: which columns of two tables belong together.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataModelId, DataPoolId, ForeignKeyId, ModelTableId};
use forebay_core::model::ForeignKey;
use forebay_core::name::Identifier;
use forebay_engine::Engine;
use serde::Deserialize;

use super::super::form::{Filled, Nothing};
use super::super::page::{At, Failed, Frame, Shown};
use super::super::session::SignedIn;
use forebay_api::Problem;

/// The pairs of columns that a page has fields for; keys of more columns are made by API.
const PAIRS: usize = 5;

#[derive(Template)]
#[template(path = "model-key.html")]
struct KeyPage {
    frame: Frame,
    pool_id: DataPoolId,
    model_id: DataModelId,
    model_name: String,
    source: Side,
    target: Side,
    pairs: Vec<Pair>,
    base: String,
    fault: Option<String>,
}

/// One of the two tables.
struct Side {
    id: ModelTableId,
    name: String,
    columns: Vec<String>,
}

/// Two fields, as they are filled in.
struct Pair {
    number: usize,
    source: String,
    target: String,
}

/// The two tables: the one whose rows are one for each value, and the one with many rows for it.
#[derive(Deserialize)]
pub(crate) struct Asked {
    source: String,
    target: String,
}

/// `source1`, `target1` and so on.
#[derive(Deserialize)]
pub(crate) struct KeyForm {
    #[serde(flatten)]
    columns: HashMap<String, String>,
}

impl KeyForm {
    fn pairs(&self) -> Vec<Pair> {
        let of = |side: &str, number: usize| {
            self.columns
                .get(&format!("{side}{number}"))
                .map(|text| text.trim().to_owned())
                .unwrap_or_default()
        };
        let pair = |number| Pair { number, source: of("source", number), target: of("target", number) };
        (1..=PAIRS).map(pair).collect()
    }
}

fn columns(pairs: &[Pair]) -> Result<Vec<(Identifier, Identifier)>> {
    let filled = pairs.iter().filter(|pair| !pair.source.is_empty() || !pair.target.is_empty());
    let parsed = filled.map(|pair| {
        let field = |side: &str| format!("the {side} column of pair {}", pair.number);
        Ok((
            Identifier::parse(&field("first"), &pair.source)?,
            Identifier::parse(&field("second"), &pair.target)?,
        ))
    });
    parsed.collect()
}

pub(crate) async fn key_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(at): At<(DataPoolId, DataModelId)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let pairs = KeyForm { columns: HashMap::new() }.pairs();
    shown(&engine, &signed_in, at, &asked, pairs, None).await
}

pub(crate) async fn create_key(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<KeyForm>,
) -> Shown {
    let pairs = form.pairs();
    let made = async {
        let key = ForeignKey {
            id: ForeignKeyId::random(),
            source: asked.source.parse()?,
            target: asked.target.parse()?,
            columns: columns(&pairs)?,
        };
        engine.create_foreign_key(&signed_in.caller, pool, model, &key).await
    };
    match made.await {
        Ok(()) => Ok(Redirect::to(&super::place(pool, model)).into_response()),
        Err(fault @ Error::Invalid { .. }) => {
            shown(&engine, &signed_in, (pool, model), &asked, pairs, Some(fault.into())).await
        }
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn delete_key(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model, key)): At<(DataPoolId, DataModelId, ForeignKeyId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let done = engine.delete_foreign_key(&signed_in.caller, pool, model, key).await;
    super::changed(&engine, &signed_in, (pool, model), done).await
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, model): (DataPoolId, DataModelId),
    asked: &Asked,
    pairs: Vec<Pair>,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let side = async |id: &str| -> Result<Side> {
        let id = id.parse()?;
        let table = engine.model_table(caller, pool, model, id).await?;
        let columns = engine.model_table_columns(caller, pool, model, id).await?;
        Ok(Side {
            id,
            name: table.alias_or_name().to_string(),
            columns: columns.into_iter().map(|column| column.name.to_string()).collect(),
        })
    };
    let page = KeyPage {
        frame: Frame::of(signed_in),
        pool_id: pool,
        model_id: model,
        model_name: engine.data_model(caller, pool, model).await?.model.name.to_string(),
        source: side(&asked.source).await?,
        target: side(&asked.target).await?,
        pairs,
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(super::below(&page, fault.as_ref(), signed_in))
}
