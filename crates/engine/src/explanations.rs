//! What an extraction would ask its source for, table by table, and whether it could ask so.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::execution::ExtractionMode;
use forebay_core::explanation::{Asked, TableExplanation};
use forebay_core::extraction::{ColumnChoice, TableExtraction};
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId, TableExtractionId};
use forebay_core::job::TaskKind;
use forebay_core::spec::{ExecutionSpec, ExtractionSpec, TaskSpec, Work};

use crate::Engine;
use crate::data::source_error;
use crate::spec::parameter_specs;

impl Engine {
    /// What a table of an extraction would ask the source for if it were executed now. Nothing is executed.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` in a job without a connection, `Invalid` when the connection's settings are not
    /// allowed here any more, `Refused` when the source does not answer.
    pub async fn explain_table_extraction(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        task: &str,
        table: TableExtractionId,
    ) -> Result<TableExplanation> {
        self.explained(caller, pool, job, task, table, |saved| saved).await
    }

    /// Why the source would not take a condition as a filter of a table; `None` when it would. It is looked at with the
    /// parameters of the task, is not saved, and no row is read.
    ///
    /// # Errors
    /// As for [`Self::explain_table_extraction`].
    pub async fn check_filter(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        task: &str,
        table: TableExtractionId,
        condition: &str,
    ) -> Result<Option<String>> {
        // The condition alone: what else is set of the table may be wrong itself, or take the source long to look at.
        let alone = |saved| TableExtraction {
            columns: ColumnChoice::All,
            filter: Some(condition.to_owned()),
            delta_filter: None,
            creation_date: None,
            change_date: None,
            ..saved
        };
        let explanation = self.explained(caller, pool, job, task, table, alone).await?;
        Ok(match explanation.full.asked {
            Asked::Refused(reason) => Some(reason),
            Asked::Nothing | Asked::Statement { .. } | Asked::Files { .. } => None,
        })
    }

    /// Explains a table with settings that are made of those that are saved.
    async fn explained(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        task: &str,
        table: TableExtractionId,
        settings: impl FnOnce(TableExtraction) -> TableExtraction + Send,
    ) -> Result<TableExplanation> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let job = self.store().data_job(pool, job).await?;
        let found = self.task_of(pool, job.id, task).await?;
        let TaskKind::Extraction(tables) = found.kind else {
            return Err(Error::not_found(Kind::Task, task));
        };
        let wanted = tables.into_iter().find(|wanted| wanted.id == table);
        let wanted = wanted.ok_or_else(|| Error::not_found(Kind::TableExtraction, table))?;
        let connection = job
            .connection_id
            .ok_or_else(|| Error::conflict("the data job has no data connection, so it extracts nothing"))?;
        let connection = self.store().data_connection(pool, connection).await?;
        let own = self.store().parameters(pool, Some(found.id)).await?;
        let shared = self.store().parameters(pool, None).await?;
        let work = Work::Extraction(ExtractionSpec {
            connection_id: connection.id,
            config: self.usable(&connection)?,
            pseudonymisation: connection.pseudonymisation,
            tables: vec![settings(wanted)],
            parallel: 1,
            done: Vec::new(),
        });
        let spec = ExecutionSpec {
            execution_id: ExecutionId::random(),
            pool_id: pool,
            job_id: job.id,
            connection_id: job.connection_id,
            mode: ExtractionMode::Full,
            changed_at: self.now(),
            tasks: vec![TaskSpec {
                id: found.id,
                name: found.name.to_string(),
                work,
                parameters: parameter_specs(&own, &shared),
                retry: found.retry,
            }],
            schemas: self.named_schemas(pool).await?,
        };
        self.0.plane.explain(&spec).await.map_err(source_error)
    }
}
