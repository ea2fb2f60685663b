//! Where rows land: DuckDB, one file for each pool. The one crate that links it.
//!
//! `duckdb` is the warehouse; `instance` opens the engine, `recovery` and `wal` do so after damage,
//! `confine` shuts it off, and `session` runs blocking work on it. `load` stages rows (`staging` makes the tables, `feed` hands
//! the rows to the engine), `show` shows them
//! with their checkpoint, `merge`, `patch` and `drift` are its parts; `patches` remembers which jobs have patched a table; `claims` says who may still show something.
//! `guard` says what SQL of a user may do, `lexer` reads it as the engine does. `transaction` and `query`
//! run it; `publish` writes data models, and `export` answers queries on them; `backup` copies it all while it works.

mod backup;
mod catalog;
mod checkpoints;
mod claims;
mod columns;
mod confine;
mod drift;
mod duckdb;
mod error;
mod export;
mod feed;
mod fold;
mod guard;
mod instance;
mod lexer;
mod load;
mod memory;
mod merge;
mod names;
mod patch;
mod patches;
mod publish;
mod query;
mod recovery;
mod replace;
mod session;
mod show;
mod staging;
#[cfg(test)]
mod tests;
mod together;
mod transaction;
mod wal;

pub use crate::duckdb::{DuckDb, Limits};
pub use crate::recovery::damages;
