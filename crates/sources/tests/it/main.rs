//! The connectors against real files and systems.

mod files;
mod sqlite;
