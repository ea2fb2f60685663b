//! What is set while the server runs, setting by setting: what it means, what holds now, and a field.

use forebay_core::error::{Error, Result};
use forebay_core::settings::{ServiceSettings, Setting};
use serde::Deserialize;

use crate::words::number;

/// One setting.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    /// What holds now.
    pub(super) now: String,
    /// What holds when nothing is set.
    pub(super) default: String,
    /// What was set by hand, or what was filled in and refused; empty for the default.
    pub(super) value: String,
    pub(super) least: String,
    pub(super) most: String,
}

/// One setting, and what it shall be.
#[derive(Clone, Deserialize)]
pub(super) struct SettingForm {
    pub(super) setting: String,
    /// Empty: the default.
    pub(super) value: String,
}

impl SettingForm {
    /// What the engine is asked for.
    pub(super) fn change(&self) -> Result<(Setting, Option<u64>)> {
        let setting = Setting::parse(&self.setting)?;
        let text = self.value.trim();
        if text.is_empty() {
            return Ok((setting, None));
        }
        let reason = "must be a whole number, or empty for the default";
        let value = text.parse().map_err(|_| Error::invalid(setting.name(), reason))?;
        Ok((setting, Some(value)))
    }
}

/// All settings; what was refused stands in its field.
pub(super) fn rows(settings: &ServiceSettings, refused: Option<&SettingForm>) -> Vec<Row> {
    let value = |value: Option<u64>| value.map_or_else(|| "by the size of the disk".to_owned(), number);
    let row = |setting: Setting| {
        let by_hand = settings.set_by_hand().find(|(set, _)| *set == setting);
        let kept = by_hand.map(|(_, value)| value.to_string()).unwrap_or_default();
        let refused = refused.filter(|form| form.setting == setting.name());
        Row {
            name: setting.name(),
            meaning: setting.meaning(),
            now: value(settings.value(setting)),
            default: value(setting.default()),
            value: refused.map_or(kept, |form| form.value.clone()),
            least: number(*setting.bounds().start()),
            most: number(*setting.bounds().end()),
        }
    };
    Setting::ALL.map(row).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(setting: &str, value: &str) -> SettingForm {
        SettingForm { setting: setting.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_field_is_a_number_or_the_default() {
        assert_eq!(form("logsKeptDays", " 7 ").change().unwrap(), (Setting::LogsKeptDays, Some(7)));
        assert_eq!(form("logsKeptDays", "").change().unwrap(), (Setting::LogsKeptDays, None));
        for wrong in ["7 days", "-1", "1.5"] {
            let error = form("logsKeptDays", wrong).change().unwrap_err().to_string();
            assert_eq!(error, "logsKeptDays: must be a whole number, or empty for the default");
        }
        assert!(form("logsKeptWeeks", "1").change().is_err());
    }

    #[test]
    fn what_was_refused_stands_in_its_field_alone() {
        let mut settings = ServiceSettings::default();
        settings.set(Setting::LogsKeptDays, Some(7)).unwrap();
        let rows = rows(&settings, Some(&form("executionsKeptDays", "many")));
        let field = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        assert_eq!(field("logsKeptDays").value, "7");
        assert_eq!((field("logsKeptDays").now.as_str(), field("logsKeptDays").default.as_str()), ("7", "30"));
        assert_eq!(field("executionsKeptDays").value, "many");
        assert_eq!(field("executionsKeptDays").now, "90");
        assert_eq!(field("diskMinimumFreeMib").now, "by the size of the disk");
        assert_eq!(field("diskMinimumFreeMib").value, "");
    }
}
