//! What an administrator sees and sets while the server runs.

use std::collections::BTreeMap;
use std::fmt;

use axum::Json;
use axum::extract::State;
use forebay_core::settings::{ServiceSettings, Setting};
use forebay_engine::{DiskState, Engine};
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{Number, PartialSchema, ToSchema};

use super::auth::Auth;
use super::body::Body;
use super::problem::Reply;

const TAG: &str = "Server";
/// Takes a setting back.
const DEFAULT: &str = "default";

/// The settings, and the disk they are about.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettingsView {
    settings: Vec<SettingView>,
    /// Null right after a start, and when the disk does not answer.
    disk: Option<DiskView>,
}

/// One setting.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettingView {
    name: &'static str,
    /// What holds now. Null: it follows the size of the disk.
    value: Option<u64>,
    /// What holds when nothing is set. Null: it follows the size of the disk.
    default: Option<u64>,
    minimum: u64,
    maximum: u64,
    meaning: &'static str,
}

/// The disk of the data folder.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiskView {
    free_bytes: u64,
    total_bytes: u64,
    /// With less free, no execution begins.
    minimum_free_bytes: u64,
    /// With less free, the log and the metrics warn.
    alarm_free_bytes: u64,
    state: DiskStateName,
}

/// How the disk is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum DiskStateName {
    Good,
    /// Less is free than the alarm asks for, or the disk takes no writes.
    Alarm,
    /// No execution begins.
    Low,
}

/// Values by the names of settings: a whole number, or `default`. Settings that are not named, or null, stay.
#[derive(Deserialize)]
pub(crate) struct SettingsRequest(BTreeMap<String, Option<Wish>>);

impl PartialSchema for SettingsRequest {
    fn schema() -> RefOr<Schema> {
        let null = ObjectBuilder::new().schema_type(Type::Null);
        let value = OneOfBuilder::new().item(Ref::from_schema_name(Wish::name())).item(null);
        let meaning = "Values by the names of settings. Settings that are not named, or null, stay.";
        let values = Some(Schema::OneOf(value.build()));
        ObjectBuilder::new().additional_properties(values).description(Some(meaning)).build().into()
    }
}

impl ToSchema for SettingsRequest {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Wish::name().into_owned(), Wish::schema()));
    }
}

/// What a setting shall be.
#[derive(Clone, Copy)]
pub(crate) enum Wish {
    Value(u64),
    Default,
}

impl PartialSchema for Wish {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(Number::UInt(0)));
        let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([DEFAULT]));
        let meaning = "A whole number, or `default`: what holds when nothing is set.";
        OneOfBuilder::new().item(number).item(word).description(Some(meaning)).into()
    }
}

impl ToSchema for Wish {}

impl<'de> Deserialize<'de> for Wish {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WishVisitor)
    }
}

struct WishVisitor;

impl Visitor<'_> for WishVisitor {
    type Value = Wish;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number from 0 on or `default`")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Wish, E> {
        Ok(Wish::Value(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Wish, E> {
        match text {
            DEFAULT => Ok(Wish::Default),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }
}

fn view(engine: &Engine, settings: &ServiceSettings) -> SettingsView {
    let settings = Setting::ALL.map(|setting| SettingView {
        name: setting.name(),
        value: settings.value(setting),
        default: setting.default(),
        minimum: *setting.bounds().start(),
        maximum: *setting.bounds().end(),
        meaning: setting.meaning(),
    });
    SettingsView { settings: settings.into(), disk: engine.disk().as_ref().and_then(disk) }
}

fn disk(state: &DiskState) -> Option<DiskView> {
    let space = state.space?;
    Some(DiskView {
        free_bytes: space.free,
        total_bytes: space.total,
        minimum_free_bytes: state.minimum_free,
        alarm_free_bytes: state.alarm_free,
        state: match (state.is_low(), state.is_alarming()) {
            (true, _) => DiskStateName::Low,
            (false, true) => DiskStateName::Alarm,
            (false, false) => DiskStateName::Good,
        },
    })
}

/// What is set, and the disk.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = SettingsView)))]
pub(crate) async fn settings(State(engine): State<Engine>, Auth(caller): Auth) -> Reply<Json<SettingsView>> {
    let settings = engine.settings(&caller).await?;
    Ok(Json(view(&engine, &settings)))
}

/// Changes settings, all or none. They hold at once.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = SettingsRequest, responses((status = 200, body = SettingsView))
)]
pub(crate) async fn change_settings(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(SettingsRequest(body)): Body<SettingsRequest>,
) -> Reply<Json<SettingsView>> {
    let mut changes = Vec::with_capacity(body.len());
    for (name, wish) in body {
        let setting = Setting::parse(&name)?;
        match wish {
            Some(Wish::Value(value)) => changes.push((setting, Some(value))),
            Some(Wish::Default) => changes.push((setting, None)),
            None => {}
        }
    }
    let settings = engine.change_settings(&caller, &changes).await?;
    Ok(Json(view(&engine, &settings)))
}
