//! What an administrator has set by hand, by name. Defaults and bounds are in the core.

use forebay_core::settings::{ServiceSettings, Setting};
use forebay_core::{Error, Result};

use crate::Store;
use crate::db::{self, Connection};

impl Store {
    /// The settings as they are now.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn settings(&self) -> Result<ServiceSettings> {
        let connection = self.read()?;
        read(&connection)
    }

    /// Changes settings, all or none; `None` goes back to the default.
    ///
    /// # Errors
    /// `Invalid` for a value out of bounds.
    pub async fn change_settings(&self, changes: &[(Setting, Option<u64>)]) -> Result<ServiceSettings> {
        self.transact(|transaction| {
            let mut settings = read(transaction)?;
            for (setting, value) in changes {
                settings.set(*setting, *value)?;
                let query = match value {
                    Some(value) => db::query(
                        "insert into settings (name, value) values ($1, $2)
                     on conflict (name) do update set value = excluded.value",
                    )
                    .bind(setting.name())
                    .bind(db::integer(*value)),
                    None => db::query("delete from settings where name = $1").bind(setting.name()),
                };
                query.execute(transaction).map_err(db::error)?;
            }
            Ok(settings)
        })
        .await
    }
}

/// The settings as a transaction sees them.
pub(crate) fn read(connection: &Connection) -> Result<ServiceSettings> {
    let rows = db::query("select name, value from settings").fetch_all(connection).map_err(db::error)?;
    let mut settings = ServiceSettings::default();
    for row in &rows {
        let setting = Setting::parse(db::get(row, "name")?).map_err(Error::internal)?;
        settings.set(setting, Some(db::count(row, "value")?)).map_err(Error::internal)?;
    }
    Ok(settings)
}
