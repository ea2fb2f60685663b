//! What an administrator sets while the server runs. A change takes effect at once, without a restart.

use forebay_core::access::Caller;
use forebay_core::error::Result;
use forebay_core::settings::{ServiceSettings, Setting};

use crate::Engine;

impl Engine {
    /// # Errors
    /// `Forbidden` for everybody but administrators.
    pub async fn settings(&self, caller: &Caller) -> Result<ServiceSettings> {
        Self::administrator(caller)?;
        self.store().settings().await
    }

    /// Changes settings, all or none; `None` goes back to the default.
    ///
    /// # Errors
    /// `Forbidden`; `Invalid` with the name of a setting whose value is out of bounds.
    pub async fn change_settings(
        &self,
        caller: &Caller,
        changes: &[(Setting, Option<u64>)],
    ) -> Result<ServiceSettings> {
        Self::administrator(caller)?;
        let settings = self.store().change_settings(changes).await?;
        for (setting, value) in changes {
            tracing::info!(setting = setting.name(), value, changed_by = %caller.name, "setting changed");
        }
        self.look_at_disk().await;
        self.0.tidy.notify_one();
        Ok(settings)
    }
}
