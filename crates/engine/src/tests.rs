//! The engine as its callers see it: a store in memory, a data plane that does as it is told, and a
//! clock that the test turns.

mod audit;
mod backup;
mod connections;
mod contents;
mod damages;
mod deletions;
mod discovered;
mod disk;
mod edits;
mod executions;
mod exports;
mod failed_parts;
mod groups;
mod history;
mod house;
mod janitor;
mod losses;
mod model_loads;
mod models;
mod oauth;
mod oidc;
mod permissions;
mod plane;
mod push;
mod queue;
mod races;
mod schedules;
mod secrets;
mod specs;
mod statements;
mod stops;
mod task_order;
