//! Where rows land: DuckDB, one file for each pool. The one crate that links it.

mod columns;
mod duckdb;
mod error;
mod load;
mod publish;
mod query;
mod sql;
mod transaction;

pub use crate::duckdb::{DuckDb, Limits};
