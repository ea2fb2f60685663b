//! Data jobs, their tasks, and the parameters of these.

use std::collections::HashSet;

use forebay_core::contents::{JobContents, TaskContents};
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataJobId, ParameterId, TableExtractionId, TaskId, TaskTemplateId};
use forebay_core::job::{DataJob, ModelLoad, TableChoice, Task, TaskKind};

use super::{Namesakes, Origin, Renewal, claim};
use crate::tasks::check_targets;

impl Renewal {
    pub(super) fn jobs(&mut self, jobs: Vec<JobContents>) -> Result<Vec<JobContents>> {
        let mut made = Vec::new();
        let there = self.existing.jobs.iter().map(|there| (there.job.name.clone(), there.job.id));
        let mut there = Namesakes::new(there);
        for (place, contents) in jobs.into_iter().enumerate() {
            let field = self.field(format!("dataJobs[{place}]"));
            let id = there.take(&contents.job.name).unwrap_or_else(DataJobId::random);
            claim(&mut self.ids.jobs, contents.job.id, id, &field)?;
            let connection = self.connection(&format!("{field}.dataSourceId"), contents.job.connection_id)?;
            made.push(self.job(&field, contents, id, connection)?);
        }
        Ok(made)
    }

    /// A job for a copy, with the connection that it is to have.
    pub(in crate::contents) fn copied_job(
        mut self,
        contents: JobContents,
        connection: Option<DataConnectionId>,
    ) -> Result<JobContents> {
        if let (Some(old), Some(new)) = (contents.job.connection_id, connection) {
            self.ids.connections.insert(old, new);
        }
        self.job("", contents, DataJobId::random(), connection)
    }

    fn job(
        &mut self,
        field: &str,
        contents: JobContents,
        id: DataJobId,
        connection_id: Option<DataConnectionId>,
    ) -> Result<JobContents> {
        let job =
            DataJob { id, pool_id: self.pool, connection_id, name: contents.job.name, created_at: self.now };
        let mut tasks = Vec::new();
        for (position, contents) in (0_i64..).zip(contents.tasks) {
            let field = match self.origin {
                Origin::File => format!("{field}.tasks[{position}]"),
                Origin::Pool => format!("the task `{}`", contents.task.name),
            };
            tasks.push(self.task(&field, contents, &job, position)?);
        }
        Ok(JobContents { job, tasks })
    }

    fn task(
        &mut self,
        field: &str,
        contents: TaskContents,
        job: &DataJob,
        position: i64,
    ) -> Result<TaskContents> {
        let TaskContents { task, parameters } = contents;
        let retry = task.retry.checked().map_err(|error| error.within(&format!("{field}.retryPolicy")))?;
        let kind = match task.kind {
            TaskKind::Extraction(_) if job.connection_id.is_none() => return Err(self.cannot_extract(field)),
            TaskKind::Extraction(mut tables) => {
                for table in &mut tables {
                    table.id = TableExtractionId::random();
                }
                check_targets(&tables).map_err(|error| error.within(&format!("{field}.tables")))?;
                TaskKind::Extraction(tables)
            }
            TaskKind::Transformation(statement) => TaskKind::Transformation(statement),
            TaskKind::DataModelLoad(load) => TaskKind::DataModelLoad(self.load(field, load)?),
        };
        let id = TaskId::random();
        let mut made = Vec::new();
        let mut placeholders = HashSet::new();
        for (place, parameter) in parameters.into_iter().enumerate() {
            let field = match self.origin {
                Origin::File => format!("{field}.variables[{place}]"),
                Origin::Pool => format!("the parameter `{}` of {field}", parameter.placeholder),
            };
            let mut parameter = self.parameter(&field, parameter, &mut placeholders)?;
            (parameter.id, parameter.task_id) = (ParameterId::random(), Some(id));
            made.push(parameter);
        }
        let task = Task {
            id,
            template_id: TaskTemplateId::random(),
            pool_id: self.pool,
            job_id: job.id,
            position,
            kind,
            retry,
            created_at: self.now,
            ..task
        };
        Ok(TaskContents { task, parameters: made })
    }

    fn cannot_extract(&self, field: &str) -> Error {
        match self.origin {
            Origin::File => Error::invalid(
                format!("{field}.taskType"),
                "an extraction needs a data job with a data connection; this job is global",
            ),
            Origin::Pool => Error::invalid("destinationDataSourceId", "is missing; the data job extracts"),
        }
    }

    fn load(&self, field: &str, load: ModelLoad) -> Result<ModelLoad> {
        let model = self.ids.models.get(&load.data_model_id).copied();
        let model = model.ok_or_else(|| self.missing(&self.within(field, "dataModelId"), "data model"))?;
        let tables = match load.tables {
            TableChoice::All => TableChoice::All,
            TableChoice::Only(chosen) => {
                let mut tables = Vec::new();
                for (place, old) in chosen.iter().enumerate() {
                    match self.ids.tables.get(old) {
                        Some((of, table)) if *of == model => tables.push(*table),
                        Some(_) | None => {
                            let field = self.within(field, &format!("modelTables[{place}]"));
                            return Err(self.missing(&field, "table of the data model"));
                        }
                    }
                }
                TableChoice::Only(tables)
            }
        };
        Ok(ModelLoad { data_model_id: model, tables })
    }
}
