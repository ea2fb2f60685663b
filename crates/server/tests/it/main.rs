//! End to end: a real server on a free port, a real PostgreSQL, and clients that speak HTTP as
//! people's programs do. `server`, `client`, `pool` and `source` are what the other files stand on.
#![expect(clippy::unwrap_used, reason = "what a test did not expect ends it, in what the tests share too")]

mod audit;
mod backup;
mod bad_input;
mod borders;
mod browser;
mod cli;
mod client;
mod compare;
mod content_cli;
mod contents;
mod contract;
mod documented;
mod execution;
mod export;
mod gate;
mod issuer;
mod late_commits;
#[path = "../../../sources/tests/it/mariadb_server.rs"]
mod mariadb_server;
mod models;
mod mysql;
mod oauth;
mod operations;
mod pages;
mod permissions;
mod pool;
#[path = "../../../sources/tests/it/postgres_server.rs"]
mod postgres_server;
mod push;
mod quirks;
mod retries;
mod schedules;
mod schemathesis;
mod server;
mod settings;
mod source;
mod tls;
mod tpch;
mod types;
mod workers;
mod world;
