//! The server itself: whether it is ready, its disk, what works for the pools, figures, backups and settings.

mod figures;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_engine::{Backup, BackupName, BackupState, Check, Engine};
use serde::Deserialize;

use self::figures::{DiskRow, PoolRow, WorkerRow};
use super::Faults;
use super::settings::{self, SettingForm};
use crate::form::Filled;
use crate::page::{self, Failed, Frame, Shown};
use crate::session::SignedIn;
use crate::words::{Badge, moment, size};

const PLACE: &str = "/administration/server";
/// The pools whose size is shown, the largest first.
const POOLS: usize = 50;

#[derive(Template)]
#[template(path = "administration/server.html")]
struct ServerPage {
    frame: Frame,
    version: &'static str,
    checks: [Check; 3],
    disk: Option<DiskRow>,
    pools: Vec<PoolRow>,
    /// How many there are beside those that are shown.
    hidden: usize,
    /// What all pools take.
    pools_size: String,
    figures: Vec<(&'static str, String)>,
    workers: Vec<WorkerRow>,
    backups: Vec<BackupRow>,
    backup_name: String,
    settings: Vec<settings::Row>,
    faults: Faults,
    base: String,
}

struct BackupRow {
    name: String,
    badge: Badge,
    made: String,
    size: String,
    /// The folder, or why there is none.
    told: String,
}

impl BackupRow {
    fn of(backup: &Backup) -> Self {
        let folder = backup.path.display().to_string();
        let badge = |text, look| Badge { text, look };
        let (badge, made, size, told) = match &backup.state {
            BackupState::Running => (badge("running", "runs"), String::new(), String::new(), String::new()),
            BackupState::Failed { reason } => {
                (badge("failed", "bad"), String::new(), String::new(), reason.clone())
            }
            BackupState::Done { made_at, bytes } => {
                (badge("succeeded", "good"), moment(*made_at), size(*bytes), folder)
            }
        };
        Self { name: backup.name.to_string(), badge, made, size, told }
    }
}

#[derive(Deserialize)]
pub(super) struct BackupForm {
    /// Empty: the time.
    name: Option<String>,
}

pub(super) async fn server(State(engine): State<Engine>, signed_in: SignedIn) -> Shown {
    View::default().shown(&engine, &signed_in).await
}

/// Changes one setting. It holds at once.
pub(super) async fn change_setting(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(form): Filled<SettingForm>,
) -> Shown {
    let changed = async { engine.change_settings(&signed_in.caller, &[form.change()?]).await };
    match changed.await {
        Ok(_) => Ok(Redirect::to(PLACE).into_response()),
        Err(error) => {
            let faults = Faults::of(error, "settings", &[form.setting.as_str()])?;
            View { setting: Some(form), faults, ..View::default() }.shown(&engine, &signed_in).await
        }
    }
}

/// Begins a backup, which goes on by itself.
pub(super) async fn create_backup(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(form): Filled<BackupForm>,
) -> Shown {
    let backup_name = form.name.unwrap_or_default();
    let begun = async {
        let name = Some(backup_name.trim()).filter(|name| !name.is_empty());
        engine.create_backup(&signed_in.caller, name.map(BackupName::parse).transpose()?).await
    };
    match begun.await {
        Ok(_) => Ok(Redirect::to(&format!("{PLACE}#backups")).into_response()),
        Err(error) => {
            let faults = Faults::of(error, "backup", &["name"])?;
            View { backup_name, faults, ..View::default() }.shown(&engine, &signed_in).await
        }
    }
}

/// What the page shows beside the server.
#[derive(Default)]
struct View {
    backup_name: String,
    /// A setting that was refused, as it was filled in.
    setting: Option<SettingForm>,
    faults: Faults,
}

impl View {
    async fn shown(self, engine: &Engine, signed_in: &SignedIn) -> Result<Response, Failed> {
        let caller = &signed_in.caller;
        let settings = engine.settings(caller).await?;
        let figures = engine.figures(caller).await?;
        let sizes = engine.pool_sizes(caller).await?;
        let backups = engine.backups(caller).await?;
        let Self { backup_name, setting, faults } = self;
        let status = faults.status;
        let page = ServerPage {
            frame: Frame::of(signed_in),
            version: env!("CARGO_PKG_VERSION"),
            checks: engine.checks().await,
            disk: figures.disk.as_ref().and_then(DiskRow::of),
            pools: sizes.iter().take(POOLS).map(PoolRow::of).collect(),
            hidden: sizes.len().saturating_sub(POOLS),
            pools_size: size(sizes.iter().map(|size| size.bytes).sum()),
            workers: figures.workers.live.iter().map(|worker| WorkerRow::of(worker, &sizes)).collect(),
            figures: figures::of(&figures),
            backups: backups.iter().map(BackupRow::of).collect(),
            backup_name,
            settings: settings::rows(&settings, setting.as_ref()),
            faults,
            base: signed_in.browser.visit.base.clone(),
        };
        Ok(page::shown(&page, status, &signed_in.browser))
    }
}
