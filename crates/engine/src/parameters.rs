//! Pool and task parameters.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataJobId, DataPoolId, ParameterId, TaskId};
use forebay_core::parameter::{Parameter, ParameterOrigin};
use forebay_core::spec::ParameterSpec;

use crate::Engine;
use crate::spec::parameter_specs;

impl Engine {
    /// The parameters of a pool, or of a task.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn parameters(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        task: Option<TaskId>,
    ) -> Result<Vec<Parameter>> {
        self.pool_with(caller, Permission::View, pool).await?;
        self.store().parameters(pool, task).await
    }

    /// The parameters that the texts of a task may use, with the values that an execution would begin with: the
    /// task's own, then those of the pool that they do not hide.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn parameters_for_task(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        task: &str,
    ) -> Result<Vec<ParameterSpec>> {
        let task = self.task(caller, pool, job, task).await?;
        let own = self.store().parameters(pool, Some(task.id)).await?;
        Ok(parameter_specs(&own, &self.store().parameters(pool, None).await?))
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn parameter(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        task: Option<TaskId>,
        id: ParameterId,
    ) -> Result<Parameter> {
        self.pool_with(caller, Permission::View, pool).await?;
        self.parameter_of(pool, task, id).await
    }

    async fn parameter_of(
        &self,
        pool: DataPoolId,
        task: Option<TaskId>,
        id: ParameterId,
    ) -> Result<Parameter> {
        let parameter = self.store().parameter(pool, id).await?;
        if parameter.task_id == task { Ok(parameter) } else { Err(Error::not_found(Kind::Parameter, id)) }
    }

    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid`, `Conflict` when the placeholder is taken.
    pub async fn create_parameter(&self, caller: &Caller, parameter: Parameter) -> Result<Parameter> {
        self.pool_with(caller, Permission::Edit, parameter.pool_id).await?;
        self.check_parameter(&parameter).await?;
        self.store().create_parameter(&parameter).await?;
        Ok(parameter)
    }

    /// # Errors
    /// As for creating one.
    pub async fn update_parameter(&self, caller: &Caller, parameter: Parameter) -> Result<Parameter> {
        self.pool_with(caller, Permission::Edit, parameter.pool_id).await?;
        self.check_parameter(&parameter).await?;
        self.store().update_parameter(&parameter).await?;
        Ok(parameter)
    }

    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` while a task parameter takes its value from it.
    pub async fn delete_parameter(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        task: Option<TaskId>,
        id: ParameterId,
    ) -> Result<()> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        self.parameter_of(pool, task, id).await?;
        self.store().delete_parameter(pool, id).await
    }

    async fn check_parameter(&self, parameter: &Parameter) -> Result<()> {
        check_placeholder(&parameter.placeholder)?;
        if let ParameterOrigin::Dynamic(dynamic) = &parameter.origin
            && let Some(connection) = dynamic.connection_id
        {
            self.store().data_connection(parameter.pool_id, connection).await?;
        }
        if let Some(linked) = parameter.pool_parameter_id {
            if parameter.task_id.is_none() {
                return Err(Error::invalid(
                    "settings.poolVariableId",
                    "only a parameter of a task can take its values from one of the pool",
                ));
            }
            let linked = self.store().parameter(parameter.pool_id, linked).await?;
            if linked.task_id.is_some() {
                return Err(Error::invalid("settings.poolVariableId", "must name a parameter of the pool"));
            }
        }
        Ok(())
    }
}

/// What can stand between `<%=` and `%>`.
pub(crate) fn check_placeholder(text: &str) -> Result<()> {
    let is_plain = !text.is_empty()
        && text.chars().count() <= 100
        && text.chars().all(|letter| letter.is_alphanumeric() || "_-. ".contains(letter))
        && text.trim() == text;
    if is_plain {
        return Ok(());
    }
    let reason = "must be 1 to 100 letters, digits, underscores, hyphens, points or inner spaces";
    Err(Error::invalid("placeholder", reason))
}
