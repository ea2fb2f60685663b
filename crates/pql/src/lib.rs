//! PQL, the language in which data models are asked: texts become a [`Query`], and a query and a [`Model`] become
//! the SQL of DuckDB that answers it.
//!
//! Reading order: `lexer` cuts a text into tokens and `parser` makes a [`Query`] (`query`) of them. `compile` checks
//! it against the tables of a [`Model`] (`model`): `joins` finds the table whose rows are answered with and the way
//! to the others; below it, `expression`, `condition`, `function` and `signature` write the SQL of values, and
//! `filter` that of the filters. docs/pql.md says what of the language there is, and what each part means.
//!
//! It reads no file and runs nothing. No text of a query becomes SQL: names are looked up and then quoted, constants
//! are written anew from their values, and functions are those of one table.

mod compile;
mod error;
mod joins;
mod lexer;
mod model;
mod parser;
mod query;
#[cfg(test)]
mod tests;

pub use compile::{Compiled, OutputColumn, compile};
pub use error::{Position, PqlError};
pub use model::{Column, Kind, Model, Relation, Table};
pub use parser::parse;
pub use query::Query;
