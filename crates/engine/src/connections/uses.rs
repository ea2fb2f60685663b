//! Where a data connection is used.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::Result;
use forebay_core::id::{DataConnectionId, DataModelId, DataPoolId};
use forebay_core::job::{DataJob, Task, TaskKind};
use forebay_core::name::Name;
use forebay_core::parameter::{Parameter, ParameterOrigin};
use forebay_core::schedule::Schedule;

use crate::Engine;

/// What would notice if a connection were another one.
#[derive(Clone, Debug)]
pub struct ConnectionUses {
    pub jobs: Vec<JobUse>,
    /// Those that run one of the jobs.
    pub schedules: Vec<Schedule>,
    /// Models with tables or a calendar of the connection.
    pub models: Vec<(DataModelId, Name)>,
    /// Those whose values come from a table of the connection.
    pub parameters: Vec<Parameter>,
}

/// A job that uses a connection.
#[derive(Clone, Debug)]
pub struct JobUse {
    pub job: DataJob,
    /// Its tasks: all but loads when the job is of the connection, else those whose SQL names it.
    pub tasks: Vec<Task>,
    /// Whether the job is of the connection.
    pub is_own: bool,
}

impl Engine {
    /// Where a connection is used.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_connection_uses(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: DataConnectionId,
    ) -> Result<ConnectionUses> {
        self.pool_with(caller, Permission::View, pool).await?;
        let connection = self.store().data_connection(pool, connection).await?;
        let mut jobs = Vec::new();
        for job in self.store().data_jobs(pool).await? {
            let is_own = job.connection_id == Some(connection.id);
            let mut tasks = self.store().tasks(job.id).await?;
            tasks.retain(|task| match &task.kind {
                TaskKind::Extraction(_) => is_own,
                TaskKind::Transformation(statement) => {
                    is_own || statement.as_deref().is_some_and(|sql| names(sql, connection.name.as_str()))
                }
                TaskKind::DataModelLoad(_) => false,
            });
            if is_own || !tasks.is_empty() {
                jobs.push(JobUse { job, tasks, is_own });
            }
        }
        let mut schedules = self.store().schedules(pool).await?;
        schedules.retain(|schedule| jobs.iter().any(|used| schedule.settings.jobs.contains(&used.job.id)));
        let of_connection = |other: Option<DataConnectionId>| other == Some(connection.id);
        let mut models = self.store().data_models(pool).await?;
        models.retain(|model| {
            model.tables.iter().any(|table| of_connection(table.connection_id))
                || model
                    .calendar
                    .factory
                    .as_ref()
                    .is_some_and(|calendar| of_connection(calendar.connection_id))
        });
        let mut parameters = self.store().all_parameters(pool).await?;
        parameters.retain(|parameter| match &parameter.origin {
            ParameterOrigin::Constant => false,
            ParameterOrigin::Dynamic(from) => of_connection(from.connection_id),
        });
        let models = models.into_iter().map(|model| (model.id, model.name)).collect();
        Ok(ConnectionUses { jobs, schedules, models, parameters })
    }
}

/// Whether SQL names the schema of a connection: `<%=DATASOURCE:name%>`.
fn names(sql: &str, connection: &str) -> bool {
    sql.split("<%=").skip(1).any(|part| {
        let place = part.split_once("%>").map(|(place, _)| place.trim());
        let name = place.and_then(|place| place.strip_prefix("DATASOURCE:"));
        name.is_some_and(|name| name.to_lowercase() == connection.to_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn sql_names_a_connection_where_its_schema_stands() {
        let check = |sql: &str, expected: bool| assert_eq!(names(sql, "ERP"), expected, "{sql}");
        check("SELECT * FROM <%=DATASOURCE:ERP%>.orders", true);
        check("SELECT 1; SELECT * FROM \"<%= DATASOURCE:erp %>\".orders", true);
        check("SELECT * FROM <%=DATASOURCE:ERP 2%>.orders", false);
        check("SELECT '<%=ERP%>', DATASOURCE:ERP", false);
        check("<%=DATASOURCE:ERP", false);
    }
}
