//! Where a connection is used, with the way there.

use forebay_core::id::DataPoolId;
use forebay_core::job::{Task, TaskKind};
use forebay_engine::{ConnectionUses, JobUse};

use crate::{HOME, job};

/// Something with a page of its own; `None` where the page is not known.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) address: Option<String>,
}

/// A job that uses the connection.
pub(crate) struct JobRow {
    pub(crate) job: Place,
    /// How it does.
    pub(crate) how: &'static str,
    pub(crate) tasks: Vec<Place>,
}

/// All that uses a connection.
pub(crate) struct Uses {
    pub(crate) jobs: Vec<JobRow>,
    pub(crate) schedules: Vec<Place>,
    pub(crate) models: Vec<Place>,
    pub(crate) parameters: Vec<Place>,
}

impl Uses {
    pub(super) fn new(pool: DataPoolId, uses: &ConnectionUses) -> Self {
        let at = |name: &str, rest: String| Place {
            name: name.to_owned(),
            address: Some(format!("{HOME}/{pool}{rest}")),
        };
        Self {
            jobs: uses.jobs.iter().map(job_row).collect(),
            schedules: uses
                .schedules
                .iter()
                .map(|schedule| at(schedule.settings.name.as_str(), format!("/schedules/{}", schedule.id)))
                .collect(),
            models: uses
                .models
                .iter()
                .map(|(id, name)| at(name.as_str(), format!("/data-models/{id}")))
                .collect(),
            parameters: uses
                .parameters
                .iter()
                .map(|parameter| match parameter.task_id {
                    None => at(&parameter.placeholder, format!("/parameters/{}", parameter.id)),
                    Some(_) => Place { name: format!("{} of a task", parameter.placeholder), address: None },
                })
                .collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.models.is_empty() && self.parameters.is_empty()
    }
}

fn job_row(used: &JobUse) -> JobRow {
    let address = job::place(used.job.pool_id, used.job.id);
    let task_place = |task: &Task| {
        let (what, address) = match &task.kind {
            TaskKind::Extraction(tables) => {
                let what = match tables.len() {
                    1 => "extracts 1 table".to_owned(),
                    count => format!("extracts {count} tables"),
                };
                (what, address.clone())
            }
            TaskKind::Transformation(_) | TaskKind::DataModelLoad(_) => {
                let statement = format!(
                    "{HOME}/{}/data-configuration/data-jobs/statement?jobId={}&taskId={}",
                    task.pool_id, task.job_id, task.id
                );
                ("SQL".to_owned(), statement)
            }
        };
        Place { name: format!("{}: {what}", task.name), address: Some(address) }
    };
    JobRow {
        tasks: used.tasks.iter().map(task_place).collect(),
        how: if used.is_own { "runs on it" } else { "reads its tables in the pool" },
        job: Place { name: used.job.name.to_string(), address: Some(address) },
    }
}
