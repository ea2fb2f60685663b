//! The engine as its callers see it: a store in memory, a data plane that does as it is told, and a
//! clock that the test turns.

mod deletions;
mod edits;
mod executions;
mod house;
mod permissions;
mod plane;
mod secrets;
mod specs;
mod stops;
