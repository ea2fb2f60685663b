//! The connectors against real files and systems.

#![expect(clippy::unwrap_used, reason = "in the helpers of tests too, a failure is the test's")]

mod files;
mod mariadb_server;
mod mysql;
mod postgres;
mod postgres_server;
mod reading;
mod sqlite;
