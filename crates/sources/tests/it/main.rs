//! The connectors against real files and systems.

#![expect(clippy::unwrap_used, reason = "in the helpers of tests too, a failure is the test's")]

mod files;
mod postgres;
mod postgres_server;
mod reading;
mod sqlite;
