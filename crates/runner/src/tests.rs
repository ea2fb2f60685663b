//! A run as its callers see it: a source that does as it is told, a warehouse in memory, and the
//! events collected.

mod cancel;
mod columns;
mod delta;
mod explain;
mod full;
mod house;
mod models;
mod parameters;
mod patches;
mod push;
mod questions;
mod retries;
mod source;
mod tables;
mod transformations;
mod warehouse;
