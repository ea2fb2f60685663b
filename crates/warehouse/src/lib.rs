//! Where rows land: DuckDB, one file for each pool. The one crate that links it.
//!
//! `duckdb` is the warehouse; `instance` opens and confines the engine, and `session` runs blocking
//! work on it. `load` stages rows, `show` shows them with their checkpoint, `merge` and `drift` are
//! its parts. `guard` says what SQL of a user may do, `lexer` reads it as the engine does.
//! `transaction` and `query` run it; `publish` writes data models.

mod catalog;
mod checkpoints;
mod columns;
mod drift;
mod duckdb;
mod error;
mod guard;
mod instance;
mod lexer;
mod load;
mod merge;
mod names;
mod publish;
mod query;
mod session;
mod show;
#[cfg(test)]
mod tests;
mod transaction;

pub use crate::duckdb::{DuckDb, Limits};
