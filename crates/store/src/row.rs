//! Reads columns of a row as words of the domain. A row that does not parse is an internal error.

use std::str::FromStr;

use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;

use crate::db::{Row, failed};

pub(crate) fn text(row: &Row, column: &str) -> Result<String> {
    row.try_get(column).map_err(failed)
}

pub(crate) fn maybe_text(row: &Row, column: &str) -> Result<Option<String>> {
    row.try_get(column).map_err(failed)
}

pub(crate) fn number(row: &Row, column: &str) -> Result<i64> {
    row.try_get(column).map_err(failed)
}

pub(crate) fn bytes(row: &Row, column: &str) -> Result<Vec<u8>> {
    row.try_get(column).map_err(failed)
}

pub(crate) fn time(row: &Row, column: &str) -> Result<Timestamp> {
    number(row, column).map(Timestamp::from_millis)
}

pub(crate) fn maybe_time(row: &Row, column: &str) -> Result<Option<Timestamp>> {
    let millis: Option<i64> = row.try_get(column).map_err(failed)?;
    Ok(millis.map(Timestamp::from_millis))
}

pub(crate) fn id<T: FromStr<Err = Error>>(row: &Row, column: &str) -> Result<T> {
    text(row, column)?.parse().map_err(Error::internal)
}

pub(crate) fn maybe_id<T: FromStr<Err = Error>>(row: &Row, column: &str) -> Result<Option<T>> {
    maybe_text(row, column)?.map(|text| text.parse().map_err(Error::internal)).transpose()
}

/// A column of JSON.
pub(crate) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T> {
    serde_json::from_str(&text(row, column)?).map_err(Error::internal)
}

/// A column that holds the wire name of an enum.
pub(crate) fn word<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(text(row, column)?)).map_err(Error::internal)
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

/// The wire name of an enum without fields.
pub(crate) fn to_word<T: Serialize>(value: &T) -> Result<String> {
    match serde_json::to_value(value).map_err(Error::internal)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(Error::internal(format!("{other} is no word"))),
    }
}
