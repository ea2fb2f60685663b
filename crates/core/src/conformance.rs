//! What every [`Source`](crate::source::Source) and [`Warehouse`](crate::warehouse::Warehouse) must
//! do, as functions that an implementation's tests call (feature `conformance`).
//!
//! A check panics with a sentence that says what is broken. It does no I/O of its own: a fixture of
//! the implementation makes the tables.

pub mod source;
pub mod warehouse;
