//! The engine as its callers see it: a store in memory, a data plane that does as it is told, and a
//! clock that the test turns.

mod backup;
mod contents;
mod damages;
mod deletions;
mod disk;
mod edits;
mod executions;
mod exports;
mod failed_parts;
mod history;
mod house;
mod janitor;
mod losses;
mod models;
mod oauth;
mod permissions;
mod plane;
mod push;
mod queue;
mod races;
mod schedules;
mod secrets;
mod specs;
mod stops;
mod task_order;
