//! All of a pool at once: read as of one moment, written in one transaction.

use std::collections::HashMap;

use forebay_core::contents::{JobContents, ModelContents, PoolContents, TaskContents};
use forebay_core::id::{DataJobId, DataPoolId, TaskId};
use forebay_core::job::JobPurpose;
use forebay_core::parameter::Parameter;
use forebay_core::pool::DataPool;
use forebay_core::{Error, Result};

use crate::db::{self, Connection, Row};
use crate::{Store, connections, jobs, models, name_mappings, parameters, pools, schedules, tasks};

/// What is to be in a pool. What has an id that is there is written over, with the tasks of a job as a whole;
/// the rest is added. Nothing else of the pool is touched.
#[derive(Clone, Debug)]
pub struct ContentsChange {
    /// The pool, when it is to be made first.
    pub new_pool: Option<DataPool>,
    /// Connections are new ones. A schedule comes after the one that it follows.
    pub contents: PoolContents,
}

impl Store {
    /// Everything that is set up in a pool, as of one moment.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn pool_contents(&self, pool: DataPoolId) -> Result<PoolContents> {
        let store = self.clone();
        self.scan(move |connection| store.read_contents(connection, pool)).await
    }

    /// Writes into pools: all of it or nothing.
    ///
    /// # Errors
    /// `Conflict` when a name is taken, or when something that is referred to has gone meanwhile.
    pub async fn change_contents(&self, changes: Vec<ContentsChange>) -> Result<()> {
        let store = self.clone();
        self.transact_much(move |transaction| {
            for change in &changes {
                if let Some(pool) = &change.new_pool {
                    pools::insert(transaction, pool)?;
                }
                store.write_contents(transaction, &change.contents)?;
            }
            Ok(())
        })
        .await
    }

    fn read_contents(&self, connection: &Connection, pool: DataPoolId) -> Result<PoolContents> {
        let rows = |sql: &'static str| {
            db::query(sql).bind(pool.to_string()).fetch_all(connection).map_err(db::error)
        };
        let mut parameters = Vec::new();
        let mut parameters_of: HashMap<TaskId, Vec<Parameter>> = HashMap::new();
        for row in &rows("select * from parameters where pool_id = $1 order by placeholder, id")? {
            let parameter = parameters::parameter(row)?;
            match parameter.task_id {
                Some(task) => parameters_of.entry(task).or_default().push(parameter),
                None => parameters.push(parameter),
            }
        }
        let mut tasks_of: HashMap<DataJobId, Vec<TaskContents>> = HashMap::new();
        for row in &rows("select * from tasks where pool_id = $1 order by job_id, position")? {
            let task = tasks::task(row)?;
            let parameters = parameters_of.remove(&task.id).unwrap_or_default();
            tasks_of.entry(task.job_id).or_default().push(TaskContents { task, parameters });
        }
        let job_rows = db::query(
            "select * from data_jobs where pool_id = $1 and purpose = $2 order by created_at, rowid",
        )
        .bind(pool.to_string())
        .bind(JobPurpose::DataJob.as_str())
        .fetch_all(connection)
        .map_err(db::error)?;
        let with_tasks = |row: &Row| {
            let job = jobs::data_job(row)?;
            let tasks = tasks_of.remove(&job.id).unwrap_or_default();
            Ok(JobContents { job, tasks })
        };
        let jobs = job_rows.iter().map(with_tasks).collect::<Result<_>>()?;
        let connections =
            rows("select * from data_connections where pool_id = $1 order by created_at, rowid")?;
        let connections = connections.iter().map(|row| connections::data_connection(self.secrets(), row));
        let models = rows("select * from data_models where pool_id = $1 order by created_at, rowid")?;
        let with_mappings = |row: &Row| {
            let model = models::data_model(row)?;
            let name_mappings = name_mappings::of_model(connection, model.id)?;
            Ok(ModelContents { model, name_mappings })
        };
        let schedules = rows("select * from schedules where pool_id = $1 order by name, id")?;
        Ok(PoolContents {
            connections: connections.collect::<Result<_>>()?,
            parameters,
            models: models.iter().map(with_mappings).collect::<Result<_>>()?,
            jobs,
            schedules: schedules::read_all(connection, &schedules)?,
        })
    }

    fn write_contents(&self, transaction: &Connection, contents: &PoolContents) -> Result<()> {
        for connection in &contents.connections {
            connections::insertion(self.secrets(), connection)?
                .execute(transaction)
                .map_err(|error| db::error_or_duplicate(error, || connections::taken(connection)))?;
        }
        for ModelContents { model, name_mappings } in &contents.models {
            match models::write(transaction, model) {
                Err(Error::NotFound { .. }) => models::insert(transaction, model)?,
                done => done?,
            }
            name_mappings::clear(transaction, model.id)?;
            for mapping in name_mappings {
                name_mappings::put(transaction, model.id, mapping)?;
            }
        }
        for parameter in &contents.parameters {
            let taken = |error| db::error_or_duplicate(error, || parameters::taken(parameter));
            if parameters::change(parameter)?.execute(transaction).map_err(taken)?.rows_affected() == 0 {
                parameters::insertion(parameter)?.execute(transaction).map_err(taken)?;
            }
        }
        for JobContents { job, tasks } in &contents.jobs {
            let done = jobs::change(job).execute(transaction).map_err(db::error)?;
            if done.rows_affected() == 0 {
                jobs::insertion(job).execute(transaction).map_err(db::error)?;
            }
            // Their parameters go with them.
            db::query("delete from tasks where pool_id = $1 and job_id = $2")
                .bind(job.pool_id.to_string())
                .bind(job.id.to_string())
                .execute(transaction)
                .map_err(db::error)?;
            for TaskContents { task, parameters } in tasks {
                tasks::insertion(task)?.execute(transaction).map_err(db::error)?;
                for parameter in parameters {
                    parameters::insertion(parameter)?
                        .execute(transaction)
                        .map_err(|error| db::error_or_duplicate(error, || parameters::taken(parameter)))?;
                }
            }
        }
        for schedule in &contents.schedules {
            if !schedules::update(transaction, schedule)? {
                schedules::insert(transaction, schedule)?;
            }
        }
        Ok(())
    }
}
