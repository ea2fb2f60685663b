//! A look at what a data connection's system has, before anything of it is extracted.

use forebay_core::access::{Caller, Permission};
use forebay_core::check::{ConnectionCheck, Step, StepState};
use forebay_core::error::{Error, Result};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::preview::Preview;
use forebay_core::source::SourceTable;

use crate::Engine;
use crate::data::source_error;

/// How many rows of a table are looked at.
pub const PREVIEW_ROWS: usize = 100;

impl Engine {
    /// The first rows of a table at its source, and what they tell of its columns.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Refused` when the source does not answer or has no such table.
    pub async fn preview_table(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: DataConnectionId,
        table: &SourceTableName,
    ) -> Result<Preview> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let connection = self.store().data_connection(pool, connection).await?;
        let config = self.usable(&connection)?;
        self.0.plane.preview(pool, &config, table, PREVIEW_ROWS).await.map_err(source_error)
    }

    /// Connects, and lists the tables that are offered: how far that came, and what was found. A source that refuses
    /// is an answer.
    ///
    /// # Errors
    /// As for checking the connection.
    pub async fn test_data_connection(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: DataConnectionId,
    ) -> Result<(ConnectionCheck, Vec<SourceTable>)> {
        let mut check = self.check_data_connection(caller, pool, connection).await?;
        if !check.is_passed() {
            check.steps.push((Step::Tables, StepState::NotReached));
            return Ok((check, Vec::new()));
        }
        match self.source_tables(caller, pool, connection).await {
            Ok(tables) => {
                check.steps.push((Step::Tables, StepState::Ok));
                Ok((check, tables))
            }
            Err(Error::Refused { message }) => {
                check.steps.push((Step::Tables, StepState::Failed));
                check.failure = Some(format!("{}: {message}", Step::Tables));
                Ok((check, Vec::new()))
            }
            Err(error) => Err(error),
        }
    }
}
