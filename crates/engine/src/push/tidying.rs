//! What is removed of pushes: the files of those that were executed, and all of those that were deleted or are old.

use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::execution::Execution;
use forebay_core::id::{DataPoolId, PushJobId};
use forebay_core::push::pushes_dir;
use forebay_core::stop::Stop;

use crate::Engine;

impl Engine {
    /// Removes what nobody needs any more of a push: its files when it was executed, and all of it when it was
    /// deleted.
    pub(crate) async fn push_is_over(&self, pool: DataPoolId, id: PushJobId) {
        match self.store().needs_push_files(id).await {
            Ok(true) => return,
            Ok(false) => self.remove_push_files(pool, id).await,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "a data push cannot be looked at; the janitor will");
                return;
            }
        }
        if let Err(Error::NotFound { .. }) = self.store().push_job(pool, id).await
            && let Err(error) = self.store().drop_push_jobs_before(Timestamp::from_millis(i64::MIN)).await
        {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "a deleted data push cannot be dropped; the janitor will");
        }
    }

    /// As [`Engine::push_is_over`], after an execution of whatever job.
    pub(crate) async fn run_of_push_is_over(&self, execution: &Execution) {
        let Ok(id) = execution.job_id.to_string().parse::<PushJobId>() else { return };
        if tokio::fs::try_exists(self.push_dir(execution.pool_id, id)).await.unwrap_or(false) {
            self.push_is_over(execution.pool_id, id).await;
        }
    }

    /// Drops pushes that are older than the settings keep, and files that no push needs.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub(crate) async fn tidy_pushes(&self, before: Timestamp, stop: &Stop) -> Result<u64> {
        let mut all = 0;
        while !stop.is_requested() {
            let dropped = self.store().drop_push_jobs_before(before).await?;
            if dropped.is_empty() {
                break;
            }
            all += dropped.len() as u64;
            for (pool, id) in dropped {
                self.remove_push_files(pool, id).await;
            }
        }
        let pools = self.0.settings.pools_dir.clone();
        let listed =
            tokio::task::spawn_blocking(move || list_pushes(&pools)).await.map_err(Error::internal)?;
        for (pool, id) in listed {
            if stop.is_requested() {
                break;
            }
            if !self.store().needs_push_files(id).await? {
                self.remove_push_files(pool, id).await;
            }
        }
        Ok(all)
    }

    pub(super) async fn remove_push_files(&self, pool: DataPoolId, id: PushJobId) {
        match tokio::fs::remove_dir_all(self.push_dir(pool, id)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(data_pool.id = %pool, error, "the files of a data push cannot be removed");
            }
            _ => {}
        }
    }
}

/// The folders of pushes that there are. What cannot be listed is looked at again the next time.
fn list_pushes(pools_dir: &std::path::Path) -> Vec<(DataPoolId, PushJobId)> {
    let entries = |dir: &std::path::Path| std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for pool in entries(pools_dir) {
        let Some(Ok(id)) = pool.file_name().to_str().map(str::parse::<DataPoolId>) else { continue };
        for push in entries(&pushes_dir(&pool.path())) {
            if let Some(Ok(push)) = push.file_name().to_str().map(str::parse::<PushJobId>) {
                found.push((id, push));
            }
        }
    }
    found
}
