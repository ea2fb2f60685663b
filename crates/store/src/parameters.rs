//! Parameters of pools and tasks. A placeholder is unique in its scope.

use forebay_core::error::Kind;
use forebay_core::id::{DataPoolId, ParameterId, TaskId};
use forebay_core::parameter::Parameter;
use forebay_core::{Error, Result};

use crate::db::{self, Query, Row};
use crate::{Store, pools, tasks};

impl Store {
    /// # Errors
    /// `NotFound` for the pool, the task or the pool parameter; `Conflict` when the placeholder is taken.
    pub async fn create_parameter(&self, parameter: &Parameter) -> Result<()> {
        match insertion(parameter)?.execute_on(self.write()).await {
            Ok(_) => Ok(()),
            Err(error) if db::is_foreign_key(&error) => {
                Err(self.missing_parent_of_parameter(parameter).await)
            }
            Err(error) => Err(db::error_or_duplicate(error, || taken(parameter))),
        }
    }

    /// The parameters of a task, or those of the pool itself, by placeholder.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn parameters(&self, pool: DataPoolId, task: Option<TaskId>) -> Result<Vec<Parameter>> {
        let rows =
            db::query("select * from parameters where pool_id = $1 and task_id is $2 order by placeholder")
                .bind(pool.to_string())
                .bind(task.map(|id| id.to_string()))
                .fetch_all(&*self.read()?)
                .map_err(db::error)?;
        rows.iter().map(parameter).collect()
    }

    /// The parameters of a pool and of all its tasks, by placeholder.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn all_parameters(&self, pool: DataPoolId) -> Result<Vec<Parameter>> {
        let rows = db::query("select * from parameters where pool_id = $1 order by placeholder, id")
            .bind(pool.to_string())
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(parameter).collect()
    }

    /// A parameter of the pool or of one of its tasks.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn parameter(&self, pool: DataPoolId, id: ParameterId) -> Result<Parameter> {
        let row = db::query("select * from parameters where pool_id = $1 and id = $2")
            .bind(pool.to_string())
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        parameter(&row.ok_or_else(|| not_found(id))?)
    }

    /// Writes everything but the id, the pool and the task.
    ///
    /// # Errors
    /// `NotFound` for the parameter or the pool parameter; `Conflict` when the placeholder is taken.
    pub async fn update_parameter(&self, parameter: &Parameter) -> Result<()> {
        match change(parameter)?.execute_on(self.write()).await {
            Ok(done) if done.rows_affected() == 0 => Err(not_found(parameter.id)),
            Ok(_) => Ok(()),
            Err(error) if db::is_foreign_key(&error) => {
                Err(self.missing_parent_of_parameter(parameter).await)
            }
            Err(error) => Err(db::error_or_duplicate(error, || taken(parameter))),
        }
    }

    /// # Errors
    /// `NotFound`; `Conflict` naming a parameter that takes its values from this one.
    pub async fn delete_parameter(&self, pool: DataPoolId, id: ParameterId) -> Result<()> {
        self.transact(|transaction| {
        let user = db::query(
            "select parameters.placeholder, tasks.name as task from parameters
             left join tasks on tasks.id = parameters.task_id
             where parameters.pool_id = $1 and parameters.pool_parameter_id = $2 and parameters.id <> $2
             order by tasks.name, parameters.placeholder limit 1",
        )
        .bind(pool.to_string())
        .bind(id.to_string())
        .fetch_optional(transaction)
        .map_err(db::error)?;
        if let Some(user) = user {
            let placeholder: &str = db::get(&user, "placeholder")?;
            let owner = match db::get::<Option<&str>>(&user, "task")? {
                Some(task) => format!("the task `{task}`"),
                None => "the data pool".to_owned(),
            };
            return Err(Error::conflict(format!(
                "the parameter `{placeholder}` of {owner} takes its values from this one; change or delete it first"
            )));
        }
        let done = db::query("delete from parameters where pool_id = $1 and id = $2")
            .bind(pool.to_string())
            .bind(id.to_string())
            .execute(transaction)
            .map_err(db::error)?;
        if done.rows_affected() == 0 {
            return Err(not_found(id));
        }
        Ok(())
        }).await
    }

    /// Which of the things a parameter refers to does not exist.
    async fn missing_parent_of_parameter(&self, parameter: &Parameter) -> Error {
        if let Err(error) = self.data_pool(parameter.pool_id).await {
            return error;
        }
        if let Some(pool_parameter) = parameter.pool_parameter_id
            && let Err(error) = self.parameter(parameter.pool_id, pool_parameter).await
        {
            return error;
        }
        match parameter.task_id {
            Some(task) => tasks::not_found(task),
            None => pools::not_found(parameter.pool_id),
        }
    }
}

/// The statement that adds a parameter.
pub(crate) fn insertion(parameter: &Parameter) -> Result<Query> {
    let sql = "insert into parameters
                   (id, pool_id, task_id, name, placeholder, description, visibility, data_type, origin,
                    stored_values, default_values, pool_parameter_id)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    Ok(db::query(sql)
        .bind(parameter.id.to_string())
        .bind(parameter.pool_id.to_string())
        .bind(parameter.task_id.map(|id| id.to_string()))
        .bind(parameter.name.as_str())
        .bind(parameter.placeholder.as_str())
        .bind(parameter.description.as_deref())
        .bind(db::to_word(parameter.visibility)?)
        .bind(db::to_word(parameter.data_type)?)
        .bind(db::to_json(&parameter.origin)?)
        .bind(db::to_json(&parameter.values)?)
        .bind(db::to_json(&parameter.default_values)?)
        .bind(parameter.pool_parameter_id.map(|id| id.to_string())))
}

/// The statement that writes everything of a parameter but the id, the pool and the task.
pub(crate) fn change(parameter: &Parameter) -> Result<Query> {
    let sql = "update parameters
               set name = $3, placeholder = $4, description = $5, visibility = $6, data_type = $7, origin = $8,
                   stored_values = $9, default_values = $10, pool_parameter_id = $11
               where pool_id = $1 and id = $2";
    Ok(db::query(sql)
        .bind(parameter.pool_id.to_string())
        .bind(parameter.id.to_string())
        .bind(parameter.name.as_str())
        .bind(parameter.placeholder.as_str())
        .bind(parameter.description.as_deref())
        .bind(db::to_word(parameter.visibility)?)
        .bind(db::to_word(parameter.data_type)?)
        .bind(db::to_json(&parameter.origin)?)
        .bind(db::to_json(&parameter.values)?)
        .bind(db::to_json(&parameter.default_values)?)
        .bind(parameter.pool_parameter_id.map(|id| id.to_string())))
}

fn not_found(id: ParameterId) -> Error {
    Error::not_found(Kind::Parameter, id)
}

pub(crate) fn taken(parameter: &Parameter) -> String {
    let scope = if parameter.task_id.is_some() { "task" } else { "data pool" };
    format!("this {scope} already has a parameter with the placeholder `{}`", parameter.placeholder)
}

pub(crate) fn parameter(row: &Row) -> Result<Parameter> {
    Ok(Parameter {
        id: db::id(row, "id")?,
        pool_id: db::id(row, "pool_id")?,
        task_id: db::optional_id(row, "task_id")?,
        name: db::name(row)?,
        placeholder: db::get(row, "placeholder")?,
        description: db::get(row, "description")?,
        visibility: db::word(row, "visibility")?,
        data_type: db::word(row, "data_type")?,
        origin: db::json(row, "origin")?,
        values: db::json(row, "stored_values")?,
        default_values: db::json(row, "default_values")?,
        pool_parameter_id: db::optional_id(row, "pool_parameter_id")?,
    })
}
